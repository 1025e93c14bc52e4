/* The four memory functions that a compiler may call on its own, since the firmware links no C library.
 * Words where both pointers are aligned alike, bytes otherwise. */
#include "string.h"

#include <stdint.h>

/* Without this the compiler may recognise the loops and call the function it is compiling. */
#if defined(__clang__)
#define TCE_PLAIN_LOOPS __attribute__((no_builtin))
#else
#define TCE_PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

typedef uint32_t __attribute__((may_alias)) tce_word;

TCE_PLAIN_LOOPS void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    unsigned char *d = to;
    const unsigned char *s = from;
    if (((((uintptr_t)d) ^ ((uintptr_t)s)) & 3U) == 0U) {
        for (; n != 0U && ((uintptr_t)d & 3U) != 0U; --n) {
            *d++ = *s++;
        }
        for (; n >= 4U; n -= 4U, d += 4, s += 4) {
            *(tce_word *)(void *)d = *(const tce_word *)(const void *)s;
        }
    }
    for (; n != 0U; --n) {
        *d++ = *s++;
    }
    return to;
}

TCE_PLAIN_LOOPS void *memmove(void *to, const void *from, size_t n) {
    unsigned char *d = to;
    const unsigned char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= n) { /* not overlapping forwards: the copy of memcpy is safe */
        if (((((uintptr_t)d) ^ ((uintptr_t)s)) & 3U) == 0U) {
            for (; n != 0U && ((uintptr_t)d & 3U) != 0U; --n) {
                *d++ = *s++;
            }
            for (; n >= 4U; n -= 4U, d += 4, s += 4) {
                *(tce_word *)(void *)d = *(const tce_word *)(const void *)s;
            }
        }
        for (; n != 0U; --n) {
            *d++ = *s++;
        }
    } else {
        while (n != 0U) {
            --n;
            d[n] = s[n];
        }
    }
    return to;
}

TCE_PLAIN_LOOPS void *memset(void *to, int value, size_t n) {
    unsigned char *d = to;
    const unsigned char byte = (unsigned char)value;
    const uint32_t word = (uint32_t)byte * 0x01010101U;
    for (; n != 0U && ((uintptr_t)d & 3U) != 0U; --n) {
        *d++ = byte;
    }
    for (; n >= 4U; n -= 4U, d += 4) {
        *(tce_word *)(void *)d = word;
    }
    for (; n != 0U; --n) {
        *d++ = byte;
    }
    return to;
}

TCE_PLAIN_LOOPS int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *x = a;
    const unsigned char *y = b;
    for (; n != 0U; --n, ++x, ++y) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}
