/* The kernel's randomness, made to follow from the seed: the one thing that no Rust code can
 * replace from within. Random ids, the hashers of maps and the order in which `select!` looks at
 * its branches all come from here. Linked into the program `sim` alone; without the variable it
 * asks the kernel, as ever. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static uint64_t state;
static int seeded; /* 0: not looked yet, 1: from the seed, -1: from the kernel */

static uint64_t next(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    if (seeded == 0) {
        const char *text = getenv("PALABRE_SIM_SEED");
        seeded = text ? 1 : -1;
        state = text ? strtoull(text, 0, 10) : 0;
    }
    if (seeded < 0) {
        return syscall(SYS_getrandom, buffer, length, flags);
    }
    for (size_t at = 0; at < length; at++) {
        ((unsigned char *)buffer)[at] = (unsigned char)next();
    }
    return (ssize_t)length;
}
