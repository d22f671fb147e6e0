/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_trial.c – `winnow chaos-trial -- COMMAND`: runs a trial and writes down what it
 * does, beside everything winnow itself keeps. Hidden: only `winnow chaos` uses it.
 *
 * Owns the format of the record, one file an execution, lines with a letter in front:
 *
 *   S              started          P JSON     the parameters it was given
 *   O LINE         a line of stdout or stderr, written before it is passed on
 *   E STATUS       ended; exit status, or 128 + signal
 *
 * A line is in the file before the agent can see it, so what winnow stored must be
 * there. The page cache outlives any kill of a process, so nothing is synced. Does not
 * know metrics. */
#include "cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "cli/chaos.h"
#include "cli/output.h"

/* How soon the end of a trial whose daemon keeps its output open is seen. */
#define POLL_MS     20
#define READ_BYTES  ((size_t)16 * 1024)
#define STREAMS     2
#define NOT_STARTED 127

extern char **environ;

struct recorder {
    int fd; /* of the record */
    int pipes[STREAMS];
    struct strbuf lines[STREAMS]; /* what has no newline yet */
};

static const char *variable(const char *name)
{
    /* Nothing in this program changes the environment after start. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *text = getenv(name);
    return text != NULL ? text : "";
}

static enum err_code record_open(int *fd_out, struct err *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s.%s.%lld", variable(CHAOS_RECORD_ENV),
                                      variable("WINNOW_TRIAL"),
                                      variable("WINNOW_ATTEMPT"), (long long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot write the record '%s'", path);
    }
    *fd_out = fd;
    return ERR_OK;
}

/* One line, one write: it is there whole or not at all. */
static void record_line(const struct recorder *self, char kind, struct str text)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(LINE_BYTES_MAX + READ_BYTES);
    struct err err = { 0 };
    strbuf_addc(&line, kind);
    strbuf_addc(&line, ' ');
    strbuf_add_str(&line, text);
    strbuf_addc(&line, '\n');
    if (fsx_write_all(self->fd, line.ptr, line.len, &err) != ERR_OK) {
        output_say("the chaos record: %s", err.msg);
    }
}

static void record_start(const struct recorder *self)
{
    AUTO_STRBUF struct strbuf params = STRBUF_INIT(LINE_BYTES_MAX);
    AUTO_JSON json_t *value = NULL;
    struct err err = { 0 };
    record_line(self, 'S', STR_LIT(""));
    if (fsx_read_file(variable("WINNOW_PARAMS"), &params, &err) == ERR_OK
        && json_parse(strbuf_cstr(&params), params.len, &value, &err) == ERR_OK) {
        AUTO_FREE char *text = json_dump_line(value);
        record_line(self, 'P', str_trim(str_from(text)));
    }
}

/* Records and passes on the whole lines of a stream, at its end the rest too. */
static void pass_lines(struct recorder *self, size_t stream, bool ended)
{
    struct strbuf *buf = &self->lines[stream];
    struct err err = { 0 };
    while (buf->len > 0) {
        size_t len = str_chr(strbuf_str(buf), '\n');
        bool whole = len < buf->len;
        if (!whole && !ended && buf->len < LINE_BYTES_MAX) {
            return;
        }
        size_t taken = whole ? len + 1 : len;
        record_line(self, 'O', str_from_n(buf->ptr, len));
        int to = stream == 0 ? STDOUT_FILENO : STDERR_FILENO;
        IGNORE_ERR(fsx_write_all(to, buf->ptr, taken, &err), "the agent has gone");
        strbuf_consume(buf, taken);
    }
}

static void close_stream(struct recorder *self, size_t stream)
{
    pass_lines(self, stream, true);
    if (self->pipes[stream] >= 0) {
        close(self->pipes[stream]);
        self->pipes[stream] = -1;
    }
}

static void read_stream(struct recorder *self, size_t stream)
{
    char bytes[READ_BYTES];
    ssize_t n = read(self->pipes[stream], bytes, sizeof bytes);
    if (n > 0) {
        strbuf_add(&self->lines[stream], bytes, (size_t)n);
        pass_lines(self, stream, false);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_stream(self, stream);
    }
}

/* Waits up to timeout_ms for output and passes it on; false when there was none. */
static bool pump(struct recorder *self, int timeout_ms)
{
    struct pollfd fds[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        fds[i] = (struct pollfd){ .fd = self->pipes[i], .events = POLLIN };
    }
    if (poll(fds, STREAMS, timeout_ms) <= 0) {
        return false;
    }
    for (size_t i = 0; i < STREAMS; i++) {
        if (self->pipes[i] >= 0 && fds[i].revents != 0) {
            read_stream(self, i);
        }
    }
    return true;
}

/* Until the program has ended and said all; gives its wait status. */
static int follow(struct recorder *self, pid_t pid)
{
    int status = 0;
    while (self->pipes[0] >= 0 || self->pipes[1] >= 0) {
        if (!pump(self, POLL_MS) && waitpid(pid, &status, WNOHANG) == pid) {
            while ((self->pipes[0] >= 0 || self->pipes[1] >= 0) && pump(self, 0)) {
            }
            close_stream(self, 0);
            close_stream(self, 1);
            return status;
        }
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* The child gets TERM as it would without us. */
static int start(char **argv, const int ends[STREAMS], pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGTERM);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    int failed = posix_spawnp(pid_out, argv[0], &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return failed;
}

static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        IGNORE_ERR(fcntl(ends[i], F_SETFD, FD_CLOEXEC), "cannot fail");
    }
    IGNORE_ERR(fcntl(ends[0], F_SETFL, O_NONBLOCK), "cannot fail");
    return true;
}

/* The program's end as a shell would say it. */
static int run(struct recorder *self, char **argv)
{
    int out[2] = { -1, -1 };
    int error[2] = { -1, -1 };
    pid_t pid = 0;
    if (!make_pipe(out) || !make_pipe(error)) {
        output_say("no pipes for the trial");
        return NOT_STARTED;
    }
    self->pipes[0] = out[0];
    self->pipes[1] = error[0];
    int failed = start(argv, (const int[]){ out[1], error[1] }, &pid);
    close(out[1]);
    close(error[1]);
    if (failed != 0) {
        output_say("cannot start '%s'", argv[0]);
        return NOT_STARTED;
    }
    int status = follow(self, pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int cmd_chaos_trial(const struct opts *opts)
{
    struct recorder self = { .fd = -1, .pipes = { -1, -1 } };
    struct err err = { 0 };
    if (opts->raw_argc < 2 || strcmp(opts->raw_argv[0], "--") != 0
        || variable(CHAOS_RECORD_ENV)[0] == '\0') {
        output_say("chaos-trial: only `winnow chaos` starts it");
        return err_exit_status(ERR_USAGE);
    }
    if (record_open(&self.fd, &err) != ERR_OK) {
        return output_fail(&err);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        strbuf_init(&self.lines[i], LINE_BYTES_MAX + READ_BYTES);
    }
    /* TERM goes to every process of the trial; the program decides when it ends. */
    IGNORE_ERR(signal(SIGTERM, SIG_IGN) == SIG_ERR, "cannot fail");
    IGNORE_ERR(signal(SIGPIPE, SIG_IGN) == SIG_ERR, "cannot fail");
    record_start(&self);
    int status = run(&self, opts->raw_argv + 1);
    AUTO_FREE char *text = mem_printf("%d", status);
    record_line(&self, 'E', str_from(text));
    for (size_t i = 0; i < STREAMS; i++) {
        strbuf_fini(&self.lines[i]);
    }
    close(self.fd);
    return status;
}
