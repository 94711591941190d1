// The file that a running program is known to come from.
#pragma once

// Has the calling process come from another handle of the same program's file: what /proc/PID/exe leads to, and every page of the
// program, belong to `file` afterwards, an open file that differs from the program's only in the mount it was opened on.
//
// For statically linked programs with one thread. Gives 0 or a negated error number, after which the process goes on as it was, at
// most with some pages from the new handle. Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in its user namespace.
// Source: PR_SET_MM_MAP of prctl(2), "exe_fd"; Documentation/admin-guide/mm/pagemap.rst.
int skiff_rehome_program(int file);
