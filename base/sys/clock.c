/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c – reads the clocks and the kernel's randomness.
 * Owns nothing. Knows clock_gettime and getrandom. Does not know who needs the time. */
#include "base/sys/clock.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static struct timespec read_clock(clockid_t id)
{
    struct timespec t = { 0 };
    int failed = clock_gettime(id, &t);
    ASSERT(failed == 0);
    return t;
}

struct mono clock_mono(void)
{
    struct timespec t = read_clock(CLOCK_MONOTONIC);
    return (struct mono){ (int64_t)t.tv_sec * 1000000000 + t.tv_nsec };
}

struct wall clock_wall(void)
{
    struct timespec t = read_clock(CLOCK_REALTIME);
    return (struct wall){ (int64_t)t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS };
}

void clock_entropy(void *bytes, size_t n)
{
    unsigned char *at = bytes;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            ASSERT(errno == EINTR);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
}
