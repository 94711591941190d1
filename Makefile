# skiff: a Linux container engine and OCI runtime in Swift.
#
#   make run      a first container, from nothing
#   make test     every test, as root; whatever they need is installed and started by them
#   make test-vm  the runtime's tests on pure cgroup v2 with systemd, in a virtual machine (VM=program that runs a
#                 command in one; by default a script beside the repository)
#   make test-compat  docker, swarm, containerd, podman and slurm with skiff-runtime beneath
#   make check    formatting and the rules of the house
#   make bench    skiff and its peers side by side, as ratios
#   make install  PREFIX=/usr/local [DESTDIR=]

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=

# One configuration for everything: what is tested is what is installed.
BUILD := $(SWIFT) build -c release
PROGRAMS := .build/release

.PHONY: run build build-tests test test-compat test-vm check lint rules bench install uninstall clean

build:
	@Scripts/need build
	$(BUILD)

run:
	@Scripts/need build run
	@$(BUILD) --quiet
	@PATH="$(CURDIR)/$(PROGRAMS):$$PATH" Scripts/first-voyage

build-tests:
	@Scripts/need build test
	$(BUILD) --build-tests

test: build-tests
	$(SWIFT) test -c release --skip-build --skip 'Integration/Compatibility'

test-compat: build-tests
	@Scripts/need compat
	$(SWIFT) test -c release --skip-build --filter 'Integration/Compatibility'

# Runs a command as root on a machine with systemd and cgroup v2 alone that sees this file tree.
VM ?= ../shared/vm/vmrun.sh
VM_OPTIONS ?= -t 3000 -m 3072
VM_TESTS ?= Integration.(Limits|Control|Lifecycle|Systemd|Options|Processes|Checkpoints|Resources)

test-vm: build-tests
	@Scripts/need vm
	$(VM) $(VM_OPTIONS) -- $(CURDIR)/$(PROGRAMS)/skiffPackageTests.xctest --testing-library swift-testing --filter '$(VM_TESTS)'

check: lint rules

lint:
	$(SWIFT) format lint --strict --parallel -r Sources Tests Package.swift

rules: build-tests
	$(SWIFT) test -c release --skip-build --filter HouseTests

bench: build-tests
	@Scripts/need bench
	@PROGRAMS="$(CURDIR)/$(PROGRAMS)" python3 Benchmarks/bench.py $(BENCH)

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/libexec"
	install -m 755 $(PROGRAMS)/skiff $(PROGRAMS)/skiff-runtime "$(DESTDIR)$(PREFIX)/bin/"
	install -m 755 $(PROGRAMS)/skiff-transfer $(PROGRAMS)/skiff-init "$(DESTDIR)$(PREFIX)/libexec/"
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	  "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	$(PROGRAMS)/skiff --generate-completion-script bash \
	  > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/skiff"
	$(PROGRAMS)/skiff --generate-completion-script zsh > "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_skiff"
	$(PROGRAMS)/skiff --generate-completion-script fish \
	  > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skiff.fish"
	for file in containerd/skiff.toml docker/daemon.json podman/skiff.conf slurm/oci.conf; do \
	  install -d "$(DESTDIR)$(PREFIX)/share/skiff/$$(dirname $$file)"; \
	  sed 's|/usr/local/bin|$(PREFIX)/bin|g' Packaging/$$file > "$(DESTDIR)$(PREFIX)/share/skiff/$$file"; \
	done
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system"
	sed 's|/usr/local/bin|$(PREFIX)/bin|g' Packaging/systemd/skiff-boot.service \
	  > "$(DESTDIR)$(PREFIX)/lib/systemd/system/skiff-boot.service"
	rm -rf .build/manual
	$(PROGRAMS)/skiff __help-document | $(SWIFT) Scripts/ManualPages.swift .build/manual
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/man/man8"
	install -m 644 .build/manual/*.1 "$(DESTDIR)$(PREFIX)/share/man/man1/"
	install -m 644 docs/manual/skiff-runtime.8 "$(DESTDIR)$(PREFIX)/share/man/man8/"

uninstall:
	rm -rf "$(DESTDIR)$(PREFIX)/share/skiff"
	rm -f "$(DESTDIR)$(PREFIX)/lib/systemd/system/skiff-boot.service"
	rm -f "$(DESTDIR)$(PREFIX)/bin/skiff" "$(DESTDIR)$(PREFIX)/bin/skiff-runtime"
	rm -f "$(DESTDIR)$(PREFIX)/libexec/skiff-transfer" "$(DESTDIR)$(PREFIX)/libexec/skiff-init"
	rm -f "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/skiff" \
	  "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_skiff" \
	  "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skiff.fish" \
	  "$(DESTDIR)$(PREFIX)"/share/man/man1/skiff.1 "$(DESTDIR)$(PREFIX)"/share/man/man1/skiff-*.1 \
	  "$(DESTDIR)$(PREFIX)"/share/man/man8/skiff-runtime.8

clean:
	rm -rf .build
