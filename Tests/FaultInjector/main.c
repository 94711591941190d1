// skiff-fault: runs a program and makes one system call of it, or of a process that it makes, fail, or its last.
//
//   skiff-fault [--of COUNTED …] REPORT SECONDS NUMBER FAULT PROGRAM [ARGUMENT …]
//   skiff-fault [--of COUNTED …] REPORT SECONDS NUMBER FAULT --attach PROCESS
//
// Calls are counted over all processes in the order in which the kernel sees them; NUMBER 0 only counts. FAULT is what happens at
// call NUMBER:
//
//   an error's number    the call is not made but answered with it (close(2) is made all the same, as on Linux it is when it fails)
//   kill                 the process that was about to make the call is killed instead
//   kill-all             and so is every other process that is counted
//
// A process is left alone as soon as it becomes another program: that is the container's, or a hook. What the C library does before
// the program's first own call is not counted. With --of, calls are counted only while a process runs one of the programs COUNTED,
// files that are named by their paths; PROGRAM is followed to there, uncounted. Once PROGRAM has ended, so have we, with its code;
// what it left running runs on. A PROCESS that runs already says on our standard output that it is attached, and is followed to its
// end.
//
// REPORT becomes lines of words:
//
//   calls 312            how many were seen
//   failed 17 257        number, and the call as the kernel numbers it
//   killed 17 257        the same of the call that was not made any more
//   crashed 4711 11      a counted process was ended by this signal, which no one sends from outside
//   hung                 not ended after SECONDS: it was killed
//
// In C, because it shares nothing with the programs under test: neither their library nor their mistakes.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_processes = 256, most_programs = 4 };

/// A process that is counted.
struct tracee {
  pid_t id;
  // It runs a program that is counted.
  int is_counted;
  // It has made a call that is not of the C library's start.
  int is_program;
  // The call that it is in is to end with the chosen error.
  int is_failing;
  // It is in brk(2) for nothing, and this was its argument.
  int is_in_break;
  unsigned long argument;
};

static struct tracee tracees[most_processes];
static int tracee_count;
static pid_t first_process;
static volatile sig_atomic_t is_over;
static FILE *report;

/// The programs whose calls are counted.
static struct stat counted[most_programs];
static int counted_count;
/// The one that leads to them.
static struct stat followed;

static struct tracee *find(pid_t id) {
  for (int i = 0; i < tracee_count; i++) {
    if (tracees[i].id == id) return &tracees[i];
  }
  return NULL;
}

static struct tracee *add(pid_t id) {
  struct tracee *known = find(id);
  if (known) return known;
  if (tracee_count == most_processes) {
    fprintf(stderr, "skiff-fault: too many processes\n");
    exit(125);
  }
  tracees[tracee_count] = (struct tracee){.id = id};
  return &tracees[tracee_count++];
}

static void forget(pid_t id) {
  struct tracee *known = find(id);
  if (known) *known = tracees[--tracee_count];
}

static void on_alarm(int signal) {
  (void)signal;
  is_over = 1;
  kill(first_process, SIGKILL);
}

/// Has the call that is about to be made answered with an error: it becomes one that does not exist.
static void skip_call(pid_t id) {
#if defined(__x86_64__)
  ptrace(PTRACE_POKEUSER, id, offsetof(struct user_regs_struct, orig_rax), -1L);
#elif defined(__aarch64__)
  int none = -1;
  struct iovec place = {&none, sizeof none};
  ptrace(PTRACE_SETREGSET, id, NT_ARM_SYSTEM_CALL, &place);
#endif
}

/// The first argument of a call. The program counts on its register to be as it was once the call is over.
static void set_argument(pid_t id, unsigned long value) {
#if defined(__x86_64__)
  ptrace(PTRACE_POKEUSER, id, offsetof(struct user_regs_struct, rdi), value);
#elif defined(__aarch64__)
  // Shared with the answer, so there is nothing to put back.
  struct user_regs_struct registers;
  struct iovec place = {&registers, sizeof registers};
  ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &place);
  if (value == 0) registers.regs[0] = 0;
  ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &place);
#endif
}

static void answer_call(pid_t id, int error) {
#if defined(__x86_64__)
  ptrace(PTRACE_POKEUSER, id, offsetof(struct user_regs_struct, rax), -(long)error);
#elif defined(__aarch64__)
  struct user_regs_struct registers;
  struct iovec place = {&registers, sizeof registers};
  ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &place);
  registers.regs[0] = -(long)error;
  ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &place);
#endif
}

/// Calls that do not come back, and those that Linux does not refuse.
static int never_fails(unsigned long long call) {
  switch (call) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigreturn:
    case SYS_restart_syscall:
    case SYS_umask:
    case SYS_getpid:
    case SYS_getppid:
    case SYS_gettid:
    case SYS_getuid:
    case SYS_geteuid:
    case SYS_getgid:
    case SYS_getegid: return 1;
    default: return 0;
  }
}

/// What the C library calls before the program's first instruction: it answers a refusal in its own words, or not at all.
static int starts_library(unsigned long long call) {
  switch (call) {
    case SYS_brk:
    case SYS_set_tid_address:
    case SYS_set_robust_list:
    case SYS_rseq:
    case SYS_prlimit64:
    case SYS_readlinkat:
    case SYS_getrandom:
    case SYS_mprotect:
#if defined(__x86_64__)
    case SYS_arch_prctl:
    case SYS_readlink:
#endif
      return 1;
    default: return 0;
  }
}

static int are_same(const struct stat *one, const struct stat *other) {
  return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

/// Notes whether a process runs a program that is counted; false where it is not even one that leads to such.
static int look_at_program(struct tracee *process) {
  char path[64];
  struct stat its;
  snprintf(path, sizeof path, "/proc/%d/exe", (int)process->id);
  process->is_counted = 0;
  if (stat(path, &its) != 0) return 0;
  for (int i = 0; i < counted_count; i++) {
    if (are_same(&its, &counted[i])) process->is_counted = 1;
  }
  return process->is_counted || are_same(&its, &followed);
}

/// Starts the program, and stops it before its first instruction.
static int start(char **words) {
  first_process = fork();
  if (first_process == 0) {
    raise(SIGSTOP);
    execv(words[0], words);
    _exit(127);
  }
  int status;
  waitpid(first_process, &status, WUNTRACED);
  return first_process > 0;
}

int main(int count, char **words) {
  while (count > 2 && strcmp(words[1], "--of") == 0 && counted_count < most_programs) {
    if (stat(words[2], &counted[counted_count++]) != 0) {
      perror(words[2]);
      return 125;
    }
    words += 2;
    count -= 2;
  }
  const int attaches = count == 7 && strcmp(words[5], "--attach") == 0;
  if (count < 6) {
    fprintf(stderr, "usage: skiff-fault [--of COUNTED ...] REPORT SECONDS NUMBER ERRNO|kill|kill-all PROGRAM [ARGUMENT ...]\n");
    return 125;
  }
  report = fopen(words[1], "we");
  const unsigned seconds = (unsigned)atoi(words[2]);
  const long chosen = atol(words[3]);
  const int error = atoi(words[4]);
  const int kills_all = strcmp(words[4], "kill-all") == 0;
  const int kills = kills_all || strcmp(words[4], "kill") == 0;
  char program[64];
  if (attaches) snprintf(program, sizeof program, "/proc/%d/exe", atoi(words[6]));
  if (!report || stat(attaches ? program : words[5], &followed) != 0) {
    perror("skiff-fault");
    return 125;
  }
  if (counted_count == 0) counted[counted_count++] = followed;

  if (attaches) {
    first_process = atoi(words[6]);
  } else if (!start(words + 5)) {
    perror("skiff-fault: fork");
    return 125;
  }
  int status;
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                       PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SEIZE, first_process, 0, options) != 0) {
    perror("skiff-fault: ptrace");
    if (!attaches) kill(first_process, SIGKILL);
    return 125;
  }
  struct tracee *first = add(first_process);
  int has_begun = attaches;
  if (attaches) {
    look_at_program(first);
    first->is_program = 1;
    // It is most likely in a call that takes long; from the stop on it is looked at. A call that was cut short is counted anew.
    ptrace(PTRACE_INTERRUPT, first_process, 0, 0);
    puts("attached");
    fflush(stdout);
  } else {
    kill(first_process, SIGCONT);
  }
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  alarm(seconds);

  long calls = 0;
  int code = 125;
  for (;;) {
    const pid_t id = waitpid(-1, &status, __WALL);
    if (id < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        if (signal == SIGSEGV || signal == SIGILL || signal == SIGTRAP || signal == SIGABRT || signal == SIGBUS ||
            signal == SIGFPE || signal == SIGSYS) {
          fprintf(report, "crashed %d %d\n", (int)id, signal);
        }
      }
      forget(id);
      if (id != first_process) continue;
      code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    struct tracee *process = add(id);
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info call;
      memset(&call, 0, sizeof call);
      ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof call, &call);
      const int is_entry = call.op == PTRACE_SYSCALL_INFO_ENTRY;
      if (is_entry && has_begun && !starts_library(call.entry.nr)) process->is_program = 1;
      if (is_entry && process->is_program && process->is_counted && (kills || !never_fails(call.entry.nr))) {
        if (++calls == chosen && kills) {
          fprintf(report, "killed %ld %llu\n", calls, (unsigned long long)call.entry.nr);
          for (int i = 0; i < tracee_count; i++) {
            if (tracees[i].id == id || (kills_all && tracees[i].is_counted)) kill(tracees[i].id, SIGKILL);
          }
          // There is nothing to let go on any more; its end is heard of.
          continue;
        } else if (calls == chosen) {
          fprintf(report, "failed %ld %llu\n", calls, (unsigned long long)call.entry.nr);
          if (call.entry.nr == SYS_brk) {
            // It is refused by an answer that is the end of memory as it was: that of a call for nothing.
            process->is_in_break = 1;
            process->argument = (unsigned long)call.entry.args[0];
            set_argument(id, 0);
          } else {
            process->is_failing = 1;
            if (call.entry.nr != SYS_close) skip_call(id);
          }
        }
      } else if (call.op == PTRACE_SYSCALL_INFO_EXIT && process->is_failing) {
        process->is_failing = 0;
        answer_call(id, error);
      } else if (call.op == PTRACE_SYSCALL_INFO_EXIT && process->is_in_break) {
        process->is_in_break = 0;
        set_argument(id, process->argument);
      }
      ptrace(PTRACE_SYSCALL, id, 0, 0);
    } else if (event == PTRACE_EVENT_EXEC) {
      const int is_ours = look_at_program(process);
      if (!has_begun) {
        has_begun = 1;
      } else if (!is_ours) {
        ptrace(PTRACE_DETACH, id, 0, 0);
        forget(id);
        continue;
      }
      process->is_program = 0;
      ptrace(PTRACE_SYSCALL, id, 0, 0);
    } else if (event == PTRACE_EVENT_STOP &&
               (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)) {
      // Stopped by job control: it stays so until somebody lets it go on.
      ptrace(has_begun ? PTRACE_LISTEN : PTRACE_SYSCALL, id, 0, 0);
    } else if (event) {
      unsigned long child = 0;
      if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        ptrace(PTRACE_GETEVENTMSG, id, 0, &child);
      }
      // Goes on in the middle of the program, not at its start.
      if (child) {
        const int is_counted = process->is_counted;
        struct tracee *new = add((pid_t)child);
        new->is_program = 1;
        new->is_counted = is_counted;
      }
      ptrace(PTRACE_SYSCALL, id, 0, 0);
    } else {
      ptrace(PTRACE_SYSCALL, id, 0, signal);
    }
  }
  if (is_over) fprintf(report, "hung\n");
  fprintf(report, "calls %ld\n", calls);
  fclose(report);
  return code;
}
