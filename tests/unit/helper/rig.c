/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c - plays the agent against the real winnow-trial program. Owns the sockets.
 * Knows protocol.h. Does not know the helper's inside. Every wait ends on an event or
 * fails the test at a generous deadline. */
#include "tests/unit/helper/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"

static const char *const env_default[] = { "PATH=/usr/bin:/bin", NULL };

static void wait_readable(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    if (poll(&one, 1, RIG_WAIT_MS) != 1) {
        fail_msg("nothing came within %d ms", RIG_WAIT_MS);
    }
}

void rig_open(struct rig *rig)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid == 0) {
        /* What an agent might carelessly leave behind must not reach a trial. */
        signal(SIGPIPE, SIG_IGN);
        char text[16];
        int leaked = open("/dev/null", O_RDONLY);
        int fd = dup(ends[1]);
        snprintf(text, sizeof text, "%d", fd);
        if (leaked >= 0 && fd >= 0) {
            execl(HELPER_PROGRAM, "winnow-trial", "--serve", text, (char *)NULL);
        }
        _exit(99);
    }
    close(ends[1]);
    rig->socket = ends[0];
}

void rig_close(struct rig *rig)
{
    int status = 0;
    close(rig->socket);
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static uint32_t words_write(FILE *file, const char *const *words)
{
    uint32_t n = 0;
    for (; words[n] != NULL; n++) {
        fwrite(words[n], 1, strlen(words[n]) + 1, file);
    }
    return n;
}

int rig_payload(const struct rig_spec *spec, struct helper_start *start_out)
{
    int fd = memfd_create("payload", MFD_CLOEXEC);
    assert_true(fd >= 0);
    FILE *file = fdopen(dup(fd), "w");
    assert_non_null(file);
    const char *cwd = spec->cwd != NULL ? spec->cwd : "/";
    fwrite(cwd, 1, strlen(cwd) + 1, file);
    memset(start_out, 0, sizeof *start_out);
    start_out->argc = words_write(file, spec->argv);
    start_out->envc = words_write(file, spec->env != NULL ? spec->env : env_default);
    start_out->payload_bytes = (uint32_t)ftell(file);
    assert_int_equal(fclose(file), 0);
    start_out->head = (struct helper_head){ HELPER_MAGIC, HELPER_VERSION, HELPER_START,
                                            sizeof *start_out, 0 };
    start_out->tag = 42;
    start_out->flags = spec->flags;
    start_out->grace_ms = spec->grace_ms;
    start_out->memory_bytes = spec->memory_bytes;
    start_out->cpus[0] = spec->cpu_mask;
    start_out->nice = spec->nice;
    return fd;
}

void rig_send(int socket, const void *bytes, size_t n, const int *fds, size_t fds_n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = { .iov_len = n };
    memcpy(&part.iov_base, &bytes, sizeof bytes); /* sendmsg does not write there */
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fds_n > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        if (head == NULL) {
            fail_msg("no room for descriptors");
            return;
        }
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
        memcpy(CMSG_DATA(head), fds, fds_n * sizeof(int));
    }
    assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), n);
}

void rig_start(struct rig *rig,
               const struct rig_spec *spec,
               struct rig_attempt *attempt)
{
    struct helper_start start;
    int payload = rig_payload(spec, &start);
    int out[2];
    int control[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    const int fds[HELPER_FD_NR] = { out[1], out[1], control[1], payload };
    rig_send(rig->socket, &start, sizeof start, fds, HELPER_FD_NR);
    close(out[1]);
    close(control[1]);
    close(payload);
    attempt->control = control[0];
    attempt->out = out[0];
}

void rig_sh(struct rig *rig,
            const char *script,
            uint32_t grace_ms,
            struct rig_attempt *a)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    rig_start(rig, &(struct rig_spec){ .argv = argv, .grace_ms = grace_ms }, a);
}

void rig_attempt_close(struct rig_attempt *attempt)
{
    close(attempt->control);
    close(attempt->out);
}

int rig_receive(int socket, union rig_answer *answer)
{
    wait_readable(socket);
    ssize_t n = recv(socket, answer, sizeof *answer, 0);
    assert_true(n >= 0);
    if (n == 0) {
        return 0;
    }
    assert_int_equal(answer->head.magic, HELPER_MAGIC);
    assert_int_equal(answer->head.version, HELPER_VERSION);
    assert_int_equal(answer->head.size, n);
    return answer->head.type;
}

void rig_ended(struct rig_attempt *attempt, struct helper_ended *ended)
{
    union rig_answer answer;
    assert_int_equal(rig_receive(attempt->control, &answer), HELPER_STARTED);
    assert_int_equal(answer.started.tag, 42);
    assert_true(answer.started.pid > 1);
    assert_int_equal(rig_receive(attempt->control, &answer), HELPER_ENDED);
    assert_int_equal(answer.ended.tag, 42);
    *ended = answer.ended;
    assert_int_equal(rig_receive(attempt->control, &answer), 0);
}

int rig_failed(struct rig_attempt *attempt, enum helper_stage stage)
{
    union rig_answer answer;
    assert_int_equal(rig_receive(attempt->control, &answer), HELPER_EXEC_FAILED);
    assert_int_equal(answer.failed.tag, 42);
    assert_int_equal(answer.failed.stage, stage);
    int error = answer.failed.error;
    assert_int_equal(rig_receive(attempt->control, &answer), 0);
    return error;
}

void rig_order(struct rig_attempt *attempt, enum helper_type type, uint32_t grace_ms)
{
    struct helper_term order = { .grace_ms = grace_ms };
    size_t bytes = type == HELPER_TERM ? sizeof order : sizeof order.head;
    order.head = (struct helper_head){ HELPER_MAGIC, HELPER_VERSION, (uint16_t)type,
                                       (uint32_t)bytes, 0 };
    assert_int_equal(send(attempt->control, &order, bytes, MSG_NOSIGNAL), bytes);
}

void rig_line(int out, char *line, size_t bytes)
{
    size_t at = 0;
    for (;;) {
        wait_readable(out);
        char byte = '\0';
        assert_int_equal(read(out, &byte, 1), 1);
        if (byte == '\n') {
            line[at] = '\0';
            return;
        }
        assert_true(at + 1 < bytes);
        line[at++] = byte;
    }
}

void rig_output(int out, char *text, size_t bytes)
{
    size_t at = 0;
    ssize_t n = 1;
    while (n > 0) {
        wait_readable(out);
        assert_true(at + 1 < bytes);
        n = read(out, text + at, bytes - 1 - at);
        assert_true(n >= 0);
        at += (size_t)n;
    }
    text[at] = '\0';
}

void rig_output_end(int out)
{
    char text[4096];
    ssize_t n = 1;
    while (n > 0) {
        wait_readable(out);
        n = read(out, text, sizeof text);
        assert_true(n >= 0);
    }
}
