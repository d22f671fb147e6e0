/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - the long-lived helper process that forks a subreaper per attempt.
 *
 * Owns the server socket and the list of living subreapers. Knows the START message and
 * what may come with it. Does not know trials: it reads no payload, so nothing a START
 * holds can hurt the attempts of others.
 *
 * It is a child subreaper too: when a subreaper is killed from outside, the trial's
 * processes become children of the server, which knows none of them and kills them.
 */
#include "agent/helper/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helper/subreaper.h"
#include "agent/helper/tree.h"
#include "agent/helper/wire.h"

/* Where the server socket lies after start-up. */
#define SERVER_SOCKET_FD 3
/* Room for more descriptors than a START has, so that a surplus is seen and closed. */
#define SERVER_FDS_MAX ((size_t)2 * HELPER_FD_NR)
/* Pause between two walks while orphans of a killed subreaper are left. */
#define SERVER_ORPHANS_MS 20
/* STARTs taken before children are looked after again. */
#define SERVER_BATCH_MAX 64

struct server {
    int socket; /* -1 once its other end is closed */
    int signal_fd;
    bool has_orphans;
    bool has_children;
    size_t n;
    pid_t subreapers[HELPER_ATTEMPTS_MAX];
    struct tree tree;
};

/* One received message. */
struct request {
    struct helper_start start;
    size_t bytes;
    int fds[SERVER_FDS_MAX];
    size_t fds_n;
};

static void fds_close(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        close(fds[i]);
    }
}

static void fds_take(struct request *request, struct msghdr *message)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    for (; part != NULL; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && request->fds_n < SERVER_FDS_MAX; i++) {
            memcpy(&request->fds[request->fds_n++], CMSG_DATA(part) + i * sizeof(int),
                   sizeof(int));
        }
    }
}

/* Returns what recvmsg returned; the message's real size is in the request. */
static ssize_t request_receive(int socket, struct request *request)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(SERVER_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = { .iov_base = &request->start,
                          .iov_len = sizeof request->start };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    memset(request, 0, sizeof *request);
    ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    if (n >= 0) {
        request->bytes = (size_t)n;
        fds_take(request, &message);
    }
    return n;
}

/* EBADMSG for another version, EPROTO for anything else that is wrong, 0 if sound. */
static int request_check(const struct request *request)
{
    const struct helper_start *start = &request->start;
    if (request->bytes >= sizeof start->head && start->head.magic == HELPER_MAGIC
        && start->head.version != HELPER_VERSION) {
        return EBADMSG;
    }
    bool is_sound =
        wire_head_is(&start->head, request->bytes, HELPER_START, sizeof *start)
        && request->fds_n == HELPER_FD_NR
        && (start->flags & ~(uint32_t)HELPER_START_FLAGS_ALL) == 0
        && start->grace_ms <= HELPER_GRACE_MS_MAX;
    return is_sound ? 0 : EPROTO;
}

/* Only a socket can take an answer, so a START with other things there has none. */
static bool is_control_socket(int fd)
{
    int type = 0;
    socklen_t bytes = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0
           && type == SOCK_SEQPACKET;
}

static void
reject(const struct server *server, const struct request *request, int error)
{
    struct helper_rejected message;
    memset(&message, 0, sizeof message);
    wire_head_set(&message.head, HELPER_REJECTED, sizeof message);
    message.tag = request->bytes == sizeof request->start ? request->start.tag : 0;
    message.error = error;
    wire_send(server->socket, &message, sizeof message);
}

static void fail(const struct request *request, enum helper_stage stage, int error)
{
    wire_send_failure(request->fds[HELPER_FD_CONTROL], request->start.tag,
                      (struct wire_failure){ (uint32_t)stage, error });
}

/* Forks the subreaper of a sound request. */
static void attempt_fork(struct server *server, const struct request *request)
{
    if (server->n == HELPER_ATTEMPTS_MAX) {
        fail(request, HELPER_STAGE_FORK, EAGAIN);
        return;
    }
    pid_t pid = fork();
    if (pid < 0) {
        fail(request, HELPER_STAGE_FORK, errno);
        return;
    }
    if (pid == 0) {
        struct subreaper_job job = { .start = request->start,
                                     .signal_fd = server->signal_fd };
        memcpy(job.fds, request->fds, sizeof job.fds);
        close(server->socket);
        subreaper_run(&job);
    }
    server->subreapers[server->n++] = pid;
    server->has_children = true;
}

static void on_request(struct server *server, const struct request *request)
{
    int error = request_check(request);
    bool can_answer = request->fds_n == HELPER_FD_NR
                      && is_control_socket(request->fds[HELPER_FD_CONTROL]);
    if (!can_answer) {
        reject(server, request, error != 0 ? error : EPROTO);
    } else if (error != 0) {
        fail(request, HELPER_STAGE_REQUEST, error);
    } else {
        attempt_fork(server, request);
    }
    fds_close(request->fds, request->fds_n);
}

static void on_socket(struct server *server, short revents)
{
    for (int i = 0; i < SERVER_BATCH_MAX; i++) {
        struct request request;
        ssize_t n = request_receive(server->socket, &request);
        bool is_message = n > 0 || (n == 0 && request.fds_n > 0);
        if (is_message) {
            on_request(server, &request);
            continue;
        }
        if (n < 0 && (errno == EINTR || errno == ECONNRESET)) {
            continue;
        }
        /* A message of no bytes looks like the end; only the hang-up is one. */
        if ((revents & (POLLHUP | POLLERR)) != 0) {
            close(server->socket);
            server->socket = -1;
        }
        return;
    }
}

static bool subreaper_forget(struct server *server, pid_t pid)
{
    for (size_t i = 0; i < server->n; i++) {
        if (server->subreapers[i] == pid) {
            server->subreapers[i] = server->subreapers[--server->n];
            return true;
        }
    }
    return false;
}

static void on_children(struct server *server)
{
    struct signalfd_siginfo info;
    while (read(server->signal_fd, &info, sizeof info) > 0) {
        /* One wake-up may stand for many ends, so its content does not matter. */
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool is_known = subreaper_forget(server, pid);
        if (!is_known || WIFSIGNALED(status)) {
            server->has_orphans = true;
        }
    }
    server->has_children = pid == 0;
}

static void orphans_kill(struct server *server)
{
    struct tree_except except = { server->subreapers, server->n };
    server->has_orphans = tree_kill(&server->tree, except) > 0;
}

static void serve_once(struct server *server)
{
    struct pollfd fds[] = {
        { .fd = server->signal_fd, .events = POLLIN },
        { .fd = server->socket, .events = POLLIN },
    };
    int n = poll(fds, ARRAY_LEN(fds), server->has_orphans ? SERVER_ORPHANS_MS : -1);
    if (n > 0 && fds[0].revents != 0) {
        on_children(server);
    }
    if (server->has_orphans) {
        orphans_kill(server);
    }
    if (n > 0 && fds[1].revents != 0) {
        on_socket(server, fds[1].revents);
    }
}

/* Nothing of the agent's descriptors, signals or session may reach a trial. */
static int process_set_up(int socket)
{
    /* Not CLOEXEC: it may itself be opened as 0, and a copy above 3 is closed below. */
    int null_fd = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++) {
        if (null_fd < 0 || dup2(null_fd, fd) < 0) {
            return -1;
        }
    }
    if (socket != SERVER_SOCKET_FD && dup2(socket, SERVER_SOCKET_FD) < 0) {
        return -1;
    }
    close_range(SERVER_SOCKET_FD + 1, ~0u, 0);
    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL); /* fails for KILL and STOP */
    }
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    return prctl(PR_SET_CHILD_SUBREAPER, 1) != 0
                   || fcntl(SERVER_SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0
               ? -1
               : 0;
}

int server_run(int socket)
{
    if (socket <= 2 || !is_control_socket(socket)) {
        dprintf(STDERR_FILENO,
                "winnow-trial: descriptor %d is not a SOCK_SEQPACKET socket above 2\n",
                socket);
        return 2;
    }
    struct server server;
    memset(&server, 0, offsetof(struct server, subreapers));
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (process_set_up(socket) != 0) {
        return 1;
    }
    server.socket = SERVER_SOCKET_FD;
    server.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (server.signal_fd < 0) {
        return 1;
    }
    while (server.socket >= 0 || server.has_children) {
        serve_once(&server);
    }
    return 0;
}
