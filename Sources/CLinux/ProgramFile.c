// C, for it replaces the program's own data: nothing in here may write to a global variable, and no library that might is called.
#include "CLinuxProgramFile.h"

#include <elf.h>
#include <link.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <sys/auxv.h>

#include "CLinuxSystemCall.h"

enum {
  page_bytes = 4096,
  // Of a segment that is written to: 64 MiB.
  page_limit = 1 << 14,
  read_only = 1,
  read_write = 3,
  map_private = 2,
  map_fixed = 0x10,
  move_fixed = 3,
  open_flags = 02000000,
  working_directory = -100,
};

struct segment {
  unsigned long start;
  unsigned long length;
  unsigned long offset;
  int protection;
};

static long failed(long result) {
  return result < 0 && result > -4096 ? result : 0;
}

static struct segment file_part(const ElfW(Phdr) * header) {
  unsigned long start = header->p_vaddr & ~(page_bytes - 1UL);
  unsigned long end = (header->p_vaddr + header->p_filesz + page_bytes - 1) & ~(page_bytes - 1UL);
  return (struct segment){
      .start = start,
      .length = end - start,
      .offset = header->p_offset & ~(page_bytes - 1UL),
      .protection = (header->p_flags & PF_R ? 1 : 0) | (header->p_flags & PF_W ? 2 : 0) | (header->p_flags & PF_X ? 4 : 0),
  };
}

// The same bytes in the same place: even the code that does this goes on where it was.
static long replace_constant(struct segment part, int file) {
  return failed(skiff_system_call(
      __NR_mmap, part.start, part.length, part.protection, map_private | map_fixed, file, part.offset));
}

static void copy_page(unsigned long to, unsigned long from) {
  volatile uint64_t *target = (volatile uint64_t *)to;
  const volatile uint64_t *source = (const volatile uint64_t *)from;
  for (int i = 0; i < page_bytes / 8; i++) target[i] = source[i];
}

// Pages that were written to are the process's own, and are copied; all others are as in the file.
static long replace_written(struct segment part, int file, int page_map) {
  uint64_t pages[512];
  long place = skiff_system_call(__NR_mmap, 0, part.length, read_write, map_private, file, part.offset);
  if (failed(place)) return place;
  unsigned long count = part.length / page_bytes;
  for (unsigned long first = 0; first < count; first += 512) {
    unsigned long some = count - first < 512 ? count - first : 512;
    long got = skiff_system_call(
        __NR_pread64, page_map, (unsigned long)pages, some * 8, (part.start / page_bytes + first) * 8, 0, 0);
    if (got != (long)(some * 8)) {
      skiff_system_call(__NR_munmap, place, part.length, 0, 0, 0, 0);
      return got < 0 ? got : -5;
    }
    for (unsigned long i = 0; i < some; i++) {
      int is_present = (pages[i] >> 62) != 0;
      int is_of_file = (pages[i] >> 61) & 1;
      if (is_present && !is_of_file) copy_page(place + (first + i) * page_bytes, part.start + (first + i) * page_bytes);
    }
  }
  long moved = skiff_system_call(__NR_mremap, place, part.length, part.length, move_fixed, part.start, 0);
  if (failed(moved)) skiff_system_call(__NR_munmap, place, part.length, 0, 0, 0, 0);
  return failed(moved);
}

static long replace_pages(int file) {
  const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
  unsigned long count = getauxval(AT_PHNUM);
  // All that follows counts in pages of this size; kernels of arm64 may have larger ones.
  if (!headers || count == 0 || count > 64 || getauxval(AT_PAGESZ) != page_bytes) return -38;
  for (unsigned long i = 0; i < count; i++) {
    // A program that a loader has placed elsewhere, or that has one.
    if (headers[i].p_type == PT_INTERP || headers[i].p_type == PT_DYNAMIC) return -38;
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W) && headers[i].p_filesz / page_bytes > page_limit) return -38;
  }
  long page_map = skiff_system_call(__NR_openat, working_directory, (unsigned long)"/proc/self/pagemap", open_flags, 0, 0, 0);
  if (failed(page_map)) return page_map;
  long result = 0;
  for (unsigned long i = 0; i < count && result == 0; i++) {
    if (headers[i].p_type != PT_LOAD || headers[i].p_filesz == 0) continue;
    struct segment part = file_part(&headers[i]);
    result = part.protection & 2 ? replace_written(part, file, page_map) : replace_constant(part, file);
  }
  skiff_system_call(__NR_close, page_map, 0, 0, 0, 0, 0);
  for (unsigned long i = 0; i < count && result == 0; i++) {
    if (headers[i].p_type != PT_GNU_RELRO) continue;
    unsigned long start = headers[i].p_vaddr & ~(page_bytes - 1UL);
    unsigned long end = (headers[i].p_vaddr + headers[i].p_memsz) & ~(page_bytes - 1UL);
    if (end > start) result = failed(skiff_system_call(__NR_mprotect, start, end - start, read_only, 0, 0, 0));
  }
  return result;
}

// Field `number` of proc_pid_stat(5), counted from 1; the second one may hold spaces and parentheses.
static unsigned long field(const char *text, const char *end, int number) {
  const char *at = end - 1;
  while (at > text && *at != ')') at--;
  for (int current = 2; current < number && at < end; at++)
    if (*at == ' ') current++;
  unsigned long value = 0;
  for (; at < end && *at >= '0' && *at <= '9'; at++) value = value * 10 + (unsigned long)(*at - '0');
  return value;
}

static long read_layout(struct prctl_mm_map *map) {
  char text[2048];
  long file = skiff_system_call(__NR_openat, working_directory, (unsigned long)"/proc/self/stat", open_flags, 0, 0, 0);
  if (failed(file)) return file;
  long length = skiff_system_call(__NR_read, file, (unsigned long)text, sizeof text, 0, 0, 0);
  skiff_system_call(__NR_close, file, 0, 0, 0, 0, 0);
  if (length <= 0 || length == sizeof text) return -5;
  const char *end = text + length;
  map->start_code = field(text, end, 26);
  map->end_code = field(text, end, 27);
  map->start_stack = field(text, end, 28);
  map->start_data = field(text, end, 45);
  map->end_data = field(text, end, 46);
  map->start_brk = field(text, end, 47);
  map->arg_start = field(text, end, 48);
  map->arg_end = field(text, end, 49);
  map->env_start = field(text, end, 50);
  map->env_end = field(text, end, 51);
  map->brk = (unsigned long)skiff_system_call(__NR_brk, 0, 0, 0, 0, 0, 0);
  return 0;
}

int skiff_rehome_program(int file) {
  struct prctl_mm_map map = {.auxv = 0, .auxv_size = 0, .exe_fd = (uint32_t)file};
  long result = read_layout(&map);
  // The kernel accepts another file only when no page of the old one is mapped.
  if (result == 0) result = replace_pages(file);
  if (result == 0)
    result = skiff_system_call(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, (unsigned long)&map, sizeof map, 0, 0);
  return (int)result;
}
