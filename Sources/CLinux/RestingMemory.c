#include "CLinuxRestingMemory.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

void skiff_release_memory(void) {
  const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
  unsigned long count = getauxval(AT_PHNUM), page = getauxval(AT_PAGESZ);
  // Where the program was loaded, if not at the addresses that it names: the headers say where they are themselves.
  unsigned long base = 0;
  for (unsigned long i = 0; headers && i < count; i++)
    if (headers[i].p_type == PT_PHDR) base = (unsigned long)headers - headers[i].p_vaddr;
  for (unsigned long i = 0; headers && page && i < count; i++) {
    // What the program may have written to would be lost.
    if (headers[i].p_type != PT_LOAD || headers[i].p_flags & PF_W) continue;
    unsigned long start = (base + headers[i].p_vaddr + page - 1) & ~(page - 1);
    unsigned long end = (base + headers[i].p_vaddr + headers[i].p_filesz) & ~(page - 1);
    if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
  }
  malloc_trim(0);
}
