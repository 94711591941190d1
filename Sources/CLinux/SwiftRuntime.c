// What the Swift runtime does at every start that costs system calls and needs /proc, which is not mounted in every root
// file system that skiff-init and the runtime's children live in.
#include <stddef.h>

// 1. It looks for a crash reporter beside the program: it resolves /proc/self/exe, tries eight paths, and aborts where /proc
//    is missing. Defining these two functions keeps the library's own out of a static link: there is no reporter.
const char *swift_copyAuxiliaryExecutablePath(const char *subdirectory, const char *name);
const char *swift_getRuntimeLibraryPath(void);

const char *swift_copyAuxiliaryExecutablePath(const char *subdirectory, const char *name) {
  (void)subdirectory;
  (void)name;
  return NULL;
}

const char *swift_getRuntimeLibraryPath(void) {
  return NULL;
}

// 2. It finds the program's arguments by reading /proc/self/maps and searching the stack, and has none where it cannot. The
//    C library hands them to every constructor, so they are kept from there.
static int argument_count;
static char *no_arguments[] = {NULL};
static char **arguments = no_arguments;

void _swift_stdlib_overrideUnsafeArgvArgc(char **new_arguments, int count);
char **_swift_stdlib_getUnsafeArgvArgc(int *count);

void _swift_stdlib_overrideUnsafeArgvArgc(char **new_arguments, int count) {
  arguments = new_arguments;
  argument_count = count;
}

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
  *count = argument_count;
  return arguments;
}

__attribute__((constructor)) static void keep_arguments(int count, char **given) {
  _swift_stdlib_overrideUnsafeArgvArgc(given, count);
}
