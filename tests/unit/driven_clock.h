/* A clock that the test drives, so that it need not wait. */
#ifndef GN_TESTS_DRIVEN_CLOCK_H
#define GN_TESTS_DRIVEN_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_skew_ms;

/* Takes the place of libc's, for the libraries too. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ts);

    ts->tv_sec += clock_skew_ms / 1000;
    ts->tv_nsec += clock_skew_ms % 1000 * 1000000;
    if (ts->tv_nsec >= 1000000000) {
        ts->tv_sec++;
        ts->tv_nsec -= 1000000000;
    }
    return result;
}

#endif
