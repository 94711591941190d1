// The system call trap. Returns what the kernel returns: a result, or a negated error number (-4095…-1).
#pragma once

#include <asm/unistd.h>

// A word that another process may be writing: read and written anew each time, in order.
static inline unsigned long skiff_load_shared(unsigned long address) {
  return __atomic_load_n((const unsigned long *)address, __ATOMIC_ACQUIRE);
}

static inline void skiff_store_shared(unsigned long address, unsigned long value) {
  __atomic_store_n((unsigned long *)address, value, __ATOMIC_RELEASE);
}

#if defined(__x86_64__)

static inline long skiff_system_call(
    long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
    unsigned long f) {
  register unsigned long r10 __asm__("r10") = d;
  register unsigned long r8 __asm__("r8") = e;
  register unsigned long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

static inline long skiff_system_call(
    long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
    unsigned long f) {
  register long x8 __asm__("x8") = number;
  register unsigned long x0 __asm__("x0") = a;
  register unsigned long x1 __asm__("x1") = b;
  register unsigned long x2 __asm__("x2") = c;
  register unsigned long x3 __asm__("x3") = d;
  register unsigned long x4 __asm__("x4") = e;
  register unsigned long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return (long)x0;
}

#else
#error "skiff knows no system call trap for this architecture"
#endif
