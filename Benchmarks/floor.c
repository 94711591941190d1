// The yardstick: what the kernel takes to start and end a container of engine-config.json, with nothing else around it.
//
// The namespaces, control groups, mounts, masks, rights and filter of that configuration are written down here; nothing is read,
// checked, recorded or reported. A runtime cannot be faster, only nearer.
//
//   floor BUNDLE ID        runs /bin/true in BUNDLE/rootfs

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(long answer, const char *what) {
  if (answer < 0) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    _exit(125);
  }
}

// Control groups: a directory in each hierarchy of version 1 that is there, and in that of version 2.
static const char *const hierarchies[] = {
    "blkio", "cpu", "cpuacct", "cpu,cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "net_cls", "net_prio",
    "net_cls,net_prio", "perf_event", "pids", "rdma", "systemd", "unified"};
enum { hierarchy_count = sizeof hierarchies / sizeof *hierarchies };
static int tasks[hierarchy_count];
static int unified = -1;
static char group[hierarchy_count][160];

static void put(const char *directory, const char *file, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  need(fd, path);
  need(write(fd, text, strlen(text)), path);
  close(fd);
}

// A new group of cpuset has no processors and no memory until it is told.
static void copy_cpuset(const char *from, const char *to) {
  static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
  for (int i = 0; i < 2; i++) {
    char path[256], text[256];
    snprintf(path, sizeof path, "%s/%s", from, files[i]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    need(fd, path);
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) continue;
    text[count] = 0;
    put(to, files[i], text);
  }
}

static void make_groups(const char *id) {
  static const char *const devices[] = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
                                        "c 5:2 rwm", "c 136:* rwm", "c *:* m", "b *:* m"};
  for (int i = 0; i < hierarchy_count; i++) {
    tasks[i] = -1;
    char parent[96];
    struct statfs kind;
    snprintf(parent, sizeof parent, "/sys/fs/cgroup/%s", hierarchies[i]);
    if (statfs(parent, &kind) < 0 || (kind.f_type != CGROUP_SUPER_MAGIC && kind.f_type != CGROUP2_SUPER_MAGIC)) continue;
    strcat(parent, "/skiff-bench");
    if (mkdir(parent, 0755) < 0) need(errno == EEXIST ? 0 : -1, parent);
    snprintf(group[i], sizeof group[i], "%s/%s", parent, id);
    need(mkdir(group[i], 0755), group[i]);
    if (!strcmp(hierarchies[i], "unified")) {
      need(unified = open(group[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC), group[i]);
      continue;
    }
    if (!strcmp(hierarchies[i], "cpuset")) {
      copy_cpuset("/sys/fs/cgroup/cpuset", parent);
      copy_cpuset("/sys/fs/cgroup/cpuset", group[i]);
    } else if (!strcmp(hierarchies[i], "pids")) {
      put(group[i], "pids.max", "2048");
    } else if (!strcmp(hierarchies[i], "devices")) {
      put(group[i], "devices.deny", "a");
      for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) put(group[i], "devices.allow", devices[d]);
    }
    char path[sizeof *group + 8];
    snprintf(path, sizeof path, "%.159s/tasks", group[i]);
    need(tasks[i] = open(path, O_WRONLY | O_CLOEXEC), path);
  }
}

static void remove_groups(void) {
  for (int i = 0; i < hierarchy_count; i++)
    if (group[i][0]) need(rmdir(group[i]), group[i]);
}

// The root file system, seen from its own top: every path here is beneath it.
static void file_system(const char *type, const char *path, unsigned long flags, const char *data) {
  need(mount(type, path, type, flags, data), path);
}

static void show(const char *bundle, const char *name, const char *path, unsigned long flags) {
  char source[512];
  snprintf(source, sizeof source, "%s/binds/%s", bundle, name);
  if (strcmp(name, "shm")) close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  need(mount(source, path, 0, MS_BIND | MS_REC, 0), path);
  if (flags) need(mount(0, path, 0, MS_BIND | MS_REMOUNT | flags, 0), path);
}

static void make_devices(void) {
  static const struct { const char *path; unsigned major, minor; } nodes[] = {
      {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  for (int i = 0; i < 6; i++) {
    need(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), nodes[i].path);
    chmod(nodes[i].path, 0666);
  }
  need(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
  need(symlink("/proc/self/fd/0", "dev/stdin"), "dev/stdin");
  need(symlink("/proc/self/fd/1", "dev/stdout"), "dev/stdout");
  need(symlink("/proc/self/fd/2", "dev/stderr"), "dev/stderr");
  need(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
}

// The view of the control groups: one mount for each hierarchy that is there, read-only.
static void show_groups(void) {
  file_system("tmpfs", "sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755");
  for (int i = 0; i < hierarchy_count; i++) {
    if (!group[i][0]) continue;
    char path[96];
    snprintf(path, sizeof path, "sys/fs/cgroup/%s", hierarchies[i]);
    mkdir(path, 0755);
    need(mount(group[i], path, 0, MS_BIND, 0), path);
    need(mount(0, path, 0, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, 0), path);
  }
  need(mount(0, "sys/fs/cgroup", 0, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, 0), "sys/fs/cgroup");
}

static void hide(void) {
  static const char *const files[] = {"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                                      "/proc/timer_stats", "/proc/sched_debug"};
  static const char *const directories[] = {"/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block"};
  static const char *const fixed[] = {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  // What the kernel does not have need not be hidden.
  for (int i = 0; i < 6; i++) mount("/dev/null", files[i], 0, MS_BIND, 0);
  for (int i = 0; i < 5; i++) mount("tmpfs", directories[i], "tmpfs", MS_RDONLY, "size=0k");
  for (int i = 0; i < 6; i++)
    if (mount(fixed[i], fixed[i], 0, MS_BIND | MS_REC, 0) == 0)
      need(mount(0, fixed[i], 0, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, 0), fixed[i]);
}

static void limit_rights(void) {
  // AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT
  const uint64_t kept = 1ull << 29 | 1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 27 | 1ull << 10 |
                        1ull << 13 | 1ull << 31 | 1ull << 6 | 1ull << 8 | 1ull << 7 | 1ull << 18;
  for (int number = 0; number <= 40; number++)
    if (!(kept >> number & 1)) need(prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "PR_CAPBSET_DROP");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{(uint32_t)kept, (uint32_t)kept, 0}, {kept >> 32, kept >> 32, 0}};
  need(syscall(SYS_capset, &header, data), "capset");
}

// As long as a filter of podman's profile is when it is compiled well; what it asks makes no difference to loading it.
static void load_filter(void) {
  enum { length = 228 };
  static struct sock_filter code[length];
  code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int i = 1; i < length - 1; i++)
    code[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 100000 + i, 0, 0);
  code[length - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {length, code};
  need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

static void contained(const char *bundle) {
  for (int i = 0; i < hierarchy_count; i++)
    if (tasks[i] >= 0) need(write(tasks[i], "0", 1), group[i]);
  need(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0), "/");
  char root[512];
  snprintf(root, sizeof root, "%s/rootfs", bundle);
  need(mount(root, root, 0, MS_BIND | MS_REC, 0), root);
  need(chdir(root), root);
  file_system("proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, 0);
  file_system("tmpfs", "dev", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME, "mode=755,size=65536k");
  file_system("sysfs", "sys", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, 0);
  mkdir("dev/pts", 0755), mkdir("dev/mqueue", 0755), mkdir("dev/shm", 0755);
  file_system("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  file_system("mqueue", "dev/mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, 0);
  show(bundle, "resolv.conf", "etc/resolv.conf", 0);
  show(bundle, "hosts", "etc/hosts", 0);
  show(bundle, "shm", "dev/shm", MS_NOSUID | MS_NOEXEC | MS_NODEV);
  mkdir("run", 0755);
  show(bundle, ".containerenv", "run/.containerenv", 0);
  show(bundle, "hostname", "etc/hostname", 0);
  show_groups();
  make_devices();
  need(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  need(umount2(".", MNT_DETACH), "umount2");
  need(chdir("/"), "/");
  hide();
  need(sethostname("bench", 5), "sethostname");
  struct rlimit limit = {4096, 4096};
  need(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
  need(setrlimit(RLIMIT_NPROC, &limit), "RLIMIT_NPROC");
  setsid();
  umask(022);
  load_filter();
  limit_rights();
  need(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), "close_range");
  char *const arguments[] = {"/bin/true", 0};
  char *const environment[] = {"PATH=/bin", 0};
  execve("/bin/true", arguments, environment);
  need(-1, "execve");
}

int main(int count, char **words) {
  if (count != 3) {
    fprintf(stderr, "usage: floor BUNDLE ID\n");
    return 125;
  }
  make_groups(words[2]);
  int handle = -1;
  struct clone_args arguments = {
      .flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_PIDFD,
      .pidfd = (uint64_t)(uintptr_t)&handle,
      .exit_signal = SIGCHLD,
  };
  if (unified >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = (uint64_t)unified;
  }
  long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  need(child, "clone3");
  if (child == 0) contained(words[1]);
  siginfo_t status = {0};
  need(waitid(P_PIDFD, (id_t)handle, &status, WEXITED), "waitid");
  remove_groups();
  return status.si_status;
}
