// Memory that a program that waits does not need.
#pragma once

// Gives back what the calling process can have again at any time: the pages of its program's file that it does not change, which are
// mapped again one by one as it needs them, and the free memory of malloc(3).
//
// Source: MADV_DONTNEED of madvise(2), malloc_trim(3).
void skiff_release_memory(void);
