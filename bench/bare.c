/* SPDX-License-Identifier: Apache-2.0 */
/* bare.c – the peer of running trials: posix_spawn and wait, nothing else.
 *
 * Keeps IN_FLIGHT copies of a program running until TOTAL have ended; their output goes
 * to /dev/null. Prints programs a second as JSON.
 *
 * usage: bench_bare IN_FLIGHT TOTAL PROGRAM [ARGUMENT...]
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_bare IN_FLIGHT TOTAL PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    long in_flight = strtol(argv[1], NULL, 10);
    long total = strtol(argv[2], NULL, 10);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    char *env[] = { NULL };
    long begun = 0;
    double begin = now_s();
    for (long ended = 0; ended < total; ended++) {
        for (; begun < total && begun < ended + in_flight; begun++) {
            pid_t pid = 0;
            if (posix_spawnp(&pid, argv[3], &quiet, NULL, argv + 3, env) != 0) {
                perror(argv[3]);
                return 1;
            }
        }
        if (wait(NULL) < 0) {
            perror("wait");
            return 1;
        }
    }
    double seconds = now_s() - begin;
    printf("{\"per_second\":%.1f}\n", (double)total / seconds);
    return 0;
}
