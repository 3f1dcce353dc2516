/* Preloaded where instructions are counted: hash tables are seeded from these two, and another
   seed is another number of steps in a search. With it two runs take the same steps. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    (void)flags;
    memset(buffer, 0x5a, length);
    return (ssize_t)length;
}

/* The time of day stands still; whoever measures how long something takes may go on doing so. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock == CLOCK_REALTIME) {
        now->tv_sec = 1800000000;
        now->tv_nsec = 0;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}
