/* SPDX-License-Identifier: Apache-2.0 */
/* stopped.c – a trial that measures how quickly it is stopped.
 *
 * Prints LINES lines `loss=1`, one each INTERVAL_MS, the first after PHASE (0 to 1) of
 * that, so that trials do not speak in chorus; then one `loss=9`, which the sweep's
 * rule must not let pass, and waits for SIGTERM. The time from just before that line
 * was written until SIGTERM was received is added to FILE as a line, in microseconds;
 * -1 when none came within 60 s.
 *
 * usage: bench_stopped LINES PHASE INTERVAL_MS FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S   1000000000
#define PATIENCE_S 60

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0) {
        exit(1);
    }
}

/* True: SIGTERM came. */
static bool wait_for_term(const sigset_t *term, int64_t ns)
{
    const struct timespec wait = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
    int number = 0;
    do {
        number = sigtimedwait(term, NULL, &wait);
    } while (number < 0 && errno == EINTR);
    return number == SIGTERM;
}

static int note(const char *path, int64_t us)
{
    char line[32];
    int len = snprintf(line, sizeof line, "%lld\n", (long long)us);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 && write(fd, line, (size_t)len) == len ? 0 : 1;
}

int main(int argc, char **argv)
{
    sigset_t term;
    if (argc != 5) {
        return 2;
    }
    long lines = strtol(argv[1], NULL, 10);
    int64_t interval_ns = strtoll(argv[3], NULL, 10) * 1000000;
    double phase_ns = strtod(argv[2], NULL) * (double)interval_ns;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    bool stopped = wait_for_term(&term, (int64_t)phase_ns);
    for (long i = 0; i < lines && !stopped; i++) {
        say("loss=1\n");
        stopped = wait_for_term(&term, interval_ns);
    }
    if (stopped) {
        return 1;
    }
    int64_t from = now_ns();
    say("loss=9\n");
    stopped = wait_for_term(&term, (int64_t)PATIENCE_S * NS_PER_S);
    return note(argv[4], stopped ? (now_ns() - from) / 1000 : -1);
}
