/* peak REPORT PROGRAM [ARGUMENT...]: runs a program and writes to the file REPORT the largest resident set that it, or a process that it
   waited for, had, in kB (getrusage(2), ru_maxrss). A small program of its own, for a process begins with the resident set of the one that
   made it. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count < 3) return 2;
  pid_t child = vfork();
  if (child == 0) {
    execv(words[2], words + 2);
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) return 2;
  FILE *report = fopen(words[1], "w");
  if (!report) return 2;
  fprintf(report, "%ld\n", usage.ru_maxrss);
  fclose(report);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
