/* SPDX-License-Identifier: Apache-2.0 */
/* helper_link.c – starts winnow-trial and talks to it.
 *
 * Owns: the helper's process and server socket, control sockets, a pool of memfds for
 * payloads (a memfd is free again once the program was executed).
 * Knows: agent/helper/protocol.h.
 * Does not know: what runs, or why it is stopped.
 *
 * _GNU_SOURCE for memfd_create. */
#define _GNU_SOURCE
#include "agent/helper_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helper/protocol.h"
#include "agent/predecessor.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "base/vec.h"

/* Free memfds that are kept. */
#define PAYLOAD_POOL_MAX 64u
/* Number of the server socket in the helper. */
#define HELPER_SERVE_FD 3

extern char **environ;

struct helper_link {
    struct poller *poller;
    struct poll_source server; /* fd -1: the helper does not run */
    pid_t pid;
    char *path;
    char *note_path;
    VEC(int) payloads;
};

/* ---- the helper's process ---------------------------------------------------------
 */

static void helper_reap(struct helper_link *link)
{
    poller_remove(link->poller, &link->server);
    if (link->pid > 0) {
        while (waitpid(link->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        link->pid = 0;
    }
}

static void on_server(struct poll_source *source)
{
    struct helper_link *link = container_of(source, struct helper_link, server);
    char buf[256];
    ssize_t n = recv(source->fd, buf, sizeof buf, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        /* It died. Its attempts have their own sockets and are heard to the end. */
        helper_reap(link);
    }
}

static int spawn_with(struct helper_link *link, int fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&actions, fd, HELPER_SERVE_FD);
    /* A group of its own: Ctrl-C at the terminal is for the agent alone. */
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                        | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    char serve[] = "--serve";
    char number[] = { '0' + HELPER_SERVE_FD, '\0' };
    char *argv[] = { link->path, serve, number, NULL };
    int rc = posix_spawn(&link->pid, link->path, &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static enum err_code helper_spawn(struct helper_link *link, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_set_errno(err, errno, "cannot make a socket pair");
    }
    /* Another number than in the helper, so that dup2 clears close-on-exec. */
    int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, HELPER_SERVE_FD + 1);
    close(pair[1]);
    int rc = theirs < 0 ? errno : spawn_with(link, theirs);
    if (theirs >= 0) {
        close(theirs);
    }
    if (rc != 0) {
        close(pair[0]);
        link->pid = 0;
        return err_set_errno(err, rc, "cannot start '%s'", link->path);
    }
    predecessor_note(link->note_path, link->pid);
    link->server = (struct poll_source){ .fd = pair[0], .fn = on_server };
    enum err_code code = poller_add(link->poller, &link->server, err);
    if (code != ERR_OK) {
        helper_reap(link);
    }
    return code;
}

enum err_code helper_link_create(struct poller *poller,
                                 const char *path,
                                 const char *note_path,
                                 struct helper_link **link_out,
                                 struct err *err)
{
    if (access(path, X_OK) != 0) {
        return err_set_errno(err, errno, "cannot execute the helper '%s'", path);
    }
    struct helper_link *link = mem_alloc(sizeof *link);
    link->poller = poller;
    link->path = mem_strdup(path);
    link->note_path = mem_strdup(note_path);
    link->server.fd = -1;
    enum err_code code = helper_spawn(link, err);
    if (code != ERR_OK) {
        helper_link_destroy(link);
        return code;
    }
    *link_out = link;
    return ERR_OK;
}

void helper_link_destroy(struct helper_link *link)
{
    if (link == NULL) {
        return;
    }
    for (size_t i = 0; i < link->payloads.len; i++) {
        close(link->payloads.ptr[i]);
    }
    vec_fini(&link->payloads);
    /* Not waited for when attempts of a hurried end still get their grace. */
    poller_remove(link->poller, &link->server);
    if (link->pid > 0) {
        waitpid(link->pid, NULL, WNOHANG);
    }
    mem_free(link->path);
    mem_free(link->note_path);
    mem_free(link);
}

/* ---- payloads ---------------------------------------------------------------------
 */

static enum err_code payload_make(struct helper_link *link,
                                  const struct helper_request *request,
                                  int *fd_out,
                                  struct err *err)
{
    int fd = link->payloads.len > 0 ? vec_pop(&link->payloads)
                                    : memfd_create("winnow-payload", MFD_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot make memory for the trial's words");
    }
    ssize_t n = pwrite(fd, request->payload, request->payload_len, 0);
    if (n != (ssize_t)request->payload_len) {
        close(fd);
        return err_set(err, ERR_NOMEM, "cannot write the trial's words");
    }
    *fd_out = fd;
    return ERR_OK;
}

/* The helper has read it: it can carry another. */
static void payload_free(struct helper_attempt *attempt)
{
    if (attempt->payload_fd < 0) {
        return;
    }
    if (attempt->link->payloads.len < PAYLOAD_POOL_MAX) {
        vec_push(&attempt->link->payloads, attempt->payload_fd);
    } else {
        close(attempt->payload_fd);
    }
    attempt->payload_fd = -1;
}

/* ---- attempts ---------------------------------------------------------------------
 */

void helper_attempt_init(struct helper_attempt *attempt)
{
    *attempt = (struct helper_attempt){ .control = { .fd = -1 }, .payload_fd = -1 };
}

bool helper_attempt_is_open(const struct helper_attempt *attempt)
{
    return attempt->control.fd >= 0;
}

void helper_attempt_close(struct helper_attempt *attempt)
{
    if (!helper_attempt_is_open(attempt)) {
        return;
    }
    if (attempt->payload_fd >= 0) {
        close(attempt->payload_fd); /* perhaps still being read: not for another */
        attempt->payload_fd = -1;
    }
    poller_remove(attempt->link->poller, &attempt->control);
}

static struct helper_head head_of(uint16_t type, size_t size)
{
    return (struct helper_head){ .magic = HELPER_MAGIC,
                                 .version = HELPER_VERSION,
                                 .type = type,
                                 .size = (uint32_t)size };
}

static bool
head_is(const struct helper_head *head, ssize_t got, uint16_t type, size_t size)
{
    return got == (ssize_t)size && head->magic == HELPER_MAGIC
           && head->version == HELPER_VERSION && head->type == type;
}

static uint64_t non_negative(int64_t value)
{
    return value > 0 ? (uint64_t)value : 0;
}

static void news_ended(struct helper_news *news, const struct helper_ended *ended)
{
    news->outcome = HELPER_OUTCOME_ENDED;
    news->term_sent = (ended->flags & HELPER_ENDED_TERM_SENT) != 0;
    news->kill_sent = (ended->flags & HELPER_ENDED_KILL_SENT) != 0;
    news->exit_code = ended->exit_code;
    news->signal = (uint32_t)ended->signal;
    news->user_ms = non_negative(ended->user_us) / 1000;
    news->system_ms = non_negative(ended->system_us) / 1000;
    news->rss_bytes = non_negative(ended->rss_max_bytes);
}

union control_message {
    struct helper_head head;
    struct helper_started started;
    struct helper_exec_failed exec_failed;
    struct helper_ended ended;
};

static struct helper_news news_read(const union control_message *message, ssize_t got)
{
    struct helper_news news = { .outcome = HELPER_OUTCOME_UNKNOWN };
    if (got < (ssize_t)sizeof message->head) {
        return news;
    }
    const struct helper_head *head = &message->head;
    if (head_is(head, got, HELPER_STARTED, sizeof message->started)) {
        news.outcome = HELPER_OUTCOME_STARTED;
        news.pid = (uint32_t)message->started.pid;
    } else if (head_is(head, got, HELPER_EXEC_FAILED, sizeof message->exec_failed)) {
        news.outcome = HELPER_OUTCOME_EXEC_FAILED;
        news.stage = message->exec_failed.stage;
        news.error = message->exec_failed.error;
    } else if (head_is(head, got, HELPER_ENDED, sizeof message->ended)) {
        news_ended(&news, &message->ended);
    }
    return news;
}

static void on_control(struct poll_source *source)
{
    struct helper_attempt *attempt =
        container_of(source, struct helper_attempt, control);
    union control_message message;
    ssize_t n = recv(source->fd, &message, sizeof message, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    struct helper_news news = news_read(&message, n);
    if (news.outcome != HELPER_OUTCOME_UNKNOWN) {
        payload_free(attempt);
    }
    if (news.outcome != HELPER_OUTCOME_STARTED) {
        helper_attempt_close(attempt);
    }
    attempt->fn(attempt, &news);
}

static bool start_send(const struct helper_link *link,
                       const struct helper_start *start,
                       const int fds[HELPER_FD_NR])
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * HELPER_FD_NR)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = { .iov_len = sizeof *start };
    memcpy(&part.iov_base, &start, sizeof(void *));
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * HELPER_FD_NR);
    memcpy(CMSG_DATA(rights), fds, sizeof(int) * HELPER_FD_NR);
    ssize_t n = -1;
    do {
        n = sendmsg(link->server.fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *start;
}

/* Sends START; a helper that has just died is started again once. */
static enum err_code start_ask(struct helper_link *link,
                               const struct helper_start *start,
                               const int fds[HELPER_FD_NR],
                               struct err *err)
{
    for (int tries = 0; tries < 2; tries++) {
        if (link->server.fd < 0) {
            enum err_code code = helper_spawn(link, err);
            if (code != ERR_OK) {
                return code;
            }
        }
        if (start_send(link, start, fds)) {
            return ERR_OK;
        }
        helper_reap(link);
    }
    return err_set(err, ERR_IO, "the helper '%s' does not take orders", link->path);
}

enum err_code helper_attempt_start(struct helper_link *link,
                                   struct helper_attempt *attempt,
                                   const struct helper_request *request,
                                   helper_news_fn fn,
                                   struct err *err)
{
    ASSERT(!helper_attempt_is_open(attempt));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_set_errno(err, errno, "cannot make a socket pair");
    }
    AUTO_FD int theirs = pair[1];
    attempt->link = link;
    attempt->fn = fn;
    attempt->control = (struct poll_source){ .fd = pair[0], .fn = on_control };
    enum err_code code = payload_make(link, request, &attempt->payload_fd, err);
    if (code == ERR_OK) {
        int64_t grace_ms = request->grace_ms;
        struct helper_start start = { .head = head_of(HELPER_START, sizeof start),
                                      .tag = request->tag,
                                      .grace_ms =
                                          grace_ms < (int64_t)HELPER_GRACE_MS_MAX
                                              ? (uint32_t)grace_ms
                                              : HELPER_GRACE_MS_MAX,
                                      .payload_bytes = (uint32_t)request->payload_len,
                                      .argc = request->argc,
                                      .envc = request->envc };
        const int fds[HELPER_FD_NR] = { [HELPER_FD_STDOUT] = request->stdout_fd,
                                        [HELPER_FD_STDERR] = request->stderr_fd,
                                        [HELPER_FD_CONTROL] = theirs,
                                        [HELPER_FD_PAYLOAD] = attempt->payload_fd };
        code = start_ask(link, &start, fds, err);
    }
    if (code == ERR_OK) {
        code = poller_add(link->poller, &attempt->control, err);
    }
    if (code != ERR_OK) {
        helper_attempt_close(attempt);
    }
    return code;
}

void helper_attempt_term(struct helper_attempt *attempt, int64_t grace_ms)
{
    if (!helper_attempt_is_open(attempt)) {
        return;
    }
    struct helper_term term = { .head = head_of(HELPER_TERM, sizeof term),
                                .grace_ms = grace_ms < (int64_t)HELPER_GRACE_MS_MAX
                                                ? (uint32_t)grace_ms
                                                : HELPER_GRACE_MS_MAX };
    IGNORE_ERR(
        send(attempt->control.fd, &term, sizeof term, MSG_NOSIGNAL | MSG_DONTWAIT),
        "a control socket that is gone is heard of by its end of file");
}

void helper_attempt_kill(struct helper_attempt *attempt)
{
    if (!helper_attempt_is_open(attempt)) {
        return;
    }
    struct helper_head head = head_of(HELPER_KILL, sizeof head);
    IGNORE_ERR(
        send(attempt->control.fd, &head, sizeof head, MSG_NOSIGNAL | MSG_DONTWAIT),
        "a control socket that is gone is heard of by its end of file");
}
