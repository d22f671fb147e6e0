/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - trials per second through the winnow-trial helper, beside a bare
 * posix_spawn and wait loop of the same parallelism; and the start-up time of `winnow
 * should-stop`.
 *
 * Owns nothing of winnow: it plays the agent with the least code that protocol.h
 * allows. Rounds of both loops alternate, because the machine's speed changes while it
 * runs; the figure to look at is the median of the ratios.
 *
 * usage: bench_spawn HELPER [IN_FLIGHT [PER_ROUND [ROUNDS]]]
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/helper/protocol.h"

enum {
    IN_FLIGHT_MAX = 64,
    ROUNDS_MAX = 99
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int number_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, number_compare);
    return values[n / 2];
}

/* ---- the bare loop ---- */

static pid_t true_spawn(void)
{
    char name[] = "true";
    char *argv[] = { name, NULL };
    char *env[] = { NULL };
    pid_t pid = 0;
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env) != 0) {
        die("posix_spawn");
    }
    return pid;
}

static double bare_round(int in_flight, int total)
{
    double start = now_s();
    int started = 0;
    for (; started < in_flight && started < total; started++) {
        (void)true_spawn();
    }
    for (int ended = 0; ended < total; ended++) {
        if (waitpid(-1, NULL, 0) < 0) {
            die("waitpid");
        }
        if (started < total) {
            (void)true_spawn();
            started++;
        }
    }
    return total / (now_s() - start);
}

/* ---- through the helper ---- */

struct agent {
    int socket;
    int out;     /* write end, given to every trial */
    int payload; /* the same for every trial */
    struct helper_start start;
};

static int helper_start(const char *program, pid_t *pid_out)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        die("socketpair");
    }
    *pid_out = fork();
    if (*pid_out == 0) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", dup(ends[1]));
        execl(program, "winnow-trial", "--serve", text, (char *)NULL);
        die(program);
    }
    close(ends[1]);
    return ends[0];
}

static void agent_init(struct agent *agent, int socket)
{
    static const char payload[] = "/\0/bin/true"; /* and its own NUL */
    memset(agent, 0, sizeof *agent);
    agent->socket = socket;
    agent->out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    agent->payload = memfd_create("payload", MFD_CLOEXEC);
    if (write(agent->payload, payload, sizeof payload) != (ssize_t)sizeof payload) {
        die("payload");
    }
    agent->start.head = (struct helper_head){ HELPER_MAGIC, HELPER_VERSION,
                                              HELPER_START, sizeof agent->start, 0 };
    agent->start.argc = 1;
    agent->start.payload_bytes = sizeof payload;
}

/* As an agent would: a socketpair and a pipe of its own for each attempt. */
static int attempt_start(struct agent *agent, int *out)
{
    int control[2];
    int pipe_ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0
        || pipe2(pipe_ends, O_CLOEXEC) != 0) {
        die("socketpair");
    }
    const int fds[HELPER_FD_NR] = { pipe_ends[1], pipe_ends[1], control[1],
                                    agent->payload };
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof fds)];
    } rights = { .head = { CMSG_LEN(sizeof fds), SOL_SOCKET, SCM_RIGHTS } };
    memcpy(CMSG_DATA(&rights.head), fds, sizeof fds);
    struct iovec part = { &agent->start, sizeof agent->start };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &rights,
                              .msg_controllen = sizeof rights };
    if (sendmsg(agent->socket, &message, MSG_NOSIGNAL) < 0) {
        die("sendmsg");
    }
    close(control[1]);
    close(pipe_ends[1]);
    *out = pipe_ends[0];
    return control[0];
}

/* Takes one answer; true when it is the end of the attempt. */
static int attempt_is_over(int control)
{
    union {
        struct helper_head head;
        struct helper_ended ended;
    } answer;
    if (recv(control, &answer, sizeof answer, 0) <= 0
        || answer.head.type == HELPER_EXEC_FAILED) {
        die("attempt failed");
    }
    return answer.head.type == HELPER_ENDED;
}

static double helper_round(struct agent *agent, int in_flight, int total)
{
    struct pollfd controls[IN_FLIGHT_MAX];
    int outs[IN_FLIGHT_MAX];
    int started = 0;
    int ended = 0;
    double start = now_s();
    for (; started < in_flight; started++) {
        controls[started] = (struct pollfd){ .events = POLLIN };
        controls[started].fd = attempt_start(agent, &outs[started]);
    }
    while (ended < total) {
        if (poll(controls, (nfds_t)in_flight, -1) < 0) {
            die("poll");
        }
        for (int i = 0; i < in_flight; i++) {
            if (controls[i].revents == 0 || !attempt_is_over(controls[i].fd)) {
                continue;
            }
            close(controls[i].fd);
            close(outs[i]);
            controls[i].fd = -1;
            ended++;
            if (started < total) {
                controls[i].fd = attempt_start(agent, &outs[i]);
                started++;
            }
        }
    }
    return total / (now_s() - start);
}

/* ---- winnow log ---- */

/* Answers `ok` to every connection until it is killed. */
static pid_t answerer_fork(int listener)
{
    pid_t pid = fork();
    while (pid == 0) {
        char request[HELPER_REQUEST_MAX];
        int fd = accept(listener, NULL, NULL);
        if (recv(fd, request, sizeof request, 0) > 0) {
            (void)send(fd, "ok", 2, MSG_NOSIGNAL);
        }
        close(fd);
    }
    return pid;
}

static double log_once_ms(const char *program, char **env)
{
    char *const argv[] = { (char[]){ "winnow" }, (char[]){ "log" },
                           (char[]){ "metric" }, (char[]){ "loss" },
                           (char[]){ "0.25" },   NULL };
    pid_t pid = 0;
    int status = 0;
    double start = now_s();
    if (posix_spawn(&pid, program, NULL, NULL, argv, env) != 0
        || waitpid(pid, &status, 0) != pid || status != 0) {
        die("winnow log");
    }
    return (now_s() - start) * 1e3;
}

/* The median time of a whole `winnow log`, from spawn to its end. */
static double log_ms(const char *program, int rounds)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char variable[sizeof address.sun_path + 32];
    double ms[ROUNDS_MAX];
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/tmp/bench_spawn.%d",
                   (int)getpid());
    (void)snprintf(variable, sizeof variable, "WINNOW_SOCKET=%s", address.sun_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0
        || listen(fd, 16) != 0) {
        die(address.sun_path);
    }
    pid_t answerer = answerer_fork(fd);
    char run_id[] = "WINNOW_RUN_ID=r";
    char attempt[] = "WINNOW_ATTEMPT=1";
    char *env[] = { variable, run_id, attempt, NULL };
    for (int i = 0; i < rounds; i++) {
        ms[i] = log_once_ms(program, env);
    }
    kill(answerer, SIGKILL);
    waitpid(answerer, NULL, 0);
    unlink(address.sun_path);
    close(fd);
    return median(ms, (size_t)rounds);
}

int main(int argc, char **argv)
{
    int in_flight = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 4;
    int total = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1000;
    int rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 7;
    if (argc < 2 || in_flight < 1 || in_flight > IN_FLIGHT_MAX || total < in_flight
        || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_spawn HELPER [IN_FLIGHT [PER_ROUND [ROUNDS]]]\n");
        return 2;
    }
    pid_t pid = 0;
    struct agent agent;
    agent_init(&agent, helper_start(argv[1], &pid));
    double bare[ROUNDS_MAX];
    double helper[ROUNDS_MAX];
    double ratio[ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        bare[i] = bare_round(in_flight, total);
        helper[i] = helper_round(&agent, in_flight, total);
        ratio[i] = helper[i] / bare[i];
    }
    printf("in flight %d, %d a round, %d rounds\n", in_flight, total, rounds);
    printf("posix_spawn+wait  %8.0f /s\n", median(bare, (size_t)rounds));
    printf("winnow-trial      %8.0f /s\n", median(helper, (size_t)rounds));
    double ratio_median = median(ratio, (size_t)rounds); /* sorts them */
    printf("ratio             %8.2f   (%.2f .. %.2f)\n", ratio_median, ratio[0],
           ratio[rounds - 1]);
    close(agent.socket);
    int has_ended = waitpid(pid, NULL, 0) == pid;
    printf("winnow log        %8.2f ms a call\n", log_ms(argv[1], ROUNDS_MAX));
    return has_ended ? 0 : 1;
}
