/* SPDX-License-Identifier: Apache-2.0 */
/* output.c – a trial's stdout or stderr: pipe → whole lines → log file and metrics.
 *
 * Owns: reading within a budget, partial lines.
 * Knows: which attempt it belongs to.
 * Does not know: what becomes of log and points.
 *
 * A trial is never blocked for long: the pipe is always drained into the log, whether
 * or not a coordinator is there. Only whole lines are written, so that the two streams
 * do not mix within a line; a line longer than LINE_BYTES_MAX is written in pieces and
 * read for metrics only as far as that.
 *
 * _GNU_SOURCE for F_SETPIPE_SZ. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_internal.h"

#include "base/limits.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"

/* Reads a callback may do, and reads at the end of an attempt (more than a pipe holds).
 */
#define READS_MAX       16
#define READS_FINAL_MAX 64
/* Size of a busy pipe. */
#define PIPE_BYTES (1024 * 1024)

/* Without a coordinator the log must outlive the agent by itself. */
static void log_write(struct trial *trial, const char *bytes, size_t n)
{
    trial_log_append(&trial->log, bytes, n, trial->agent->peer == 0);
}

/* ---- lines ------------------------------------------------------------------------
 */

static void line_read(struct output *output, struct str line, int64_t time_ms)
{
    struct trial *trial = output->trial;
    if (output->skipping) {
        output->skipping = false; /* the rest of a line that was too long */
        return;
    }
    metric_line(trial->sweep->rules, trial->names, line, time_ms, &trial->points);
}

/* The unfinished line has become too long, or will never be finished. */
static void partial_flush(struct output *output, bool at_end, int64_t time_ms)
{
    struct strbuf *partial = &output->partial;
    if (partial->len > 0) {
        line_read(output, strbuf_str(partial), time_ms);
        log_write(output->trial, partial->ptr, partial->len);
    }
    output->skipping = !at_end && partial->len > 0;
    strbuf_reset(partial);
}

/* The part of a chunk that belongs to whole lines. */
static void lines_read(struct output *output, struct str text, int64_t time_ms)
{
    struct str rest = text;
    struct str line;
    while (rest.len > 0) {
        size_t end = str_chr(rest, '\n');
        line = str_sub(rest, 0, end);
        rest = str_sub(rest, end + 1, rest.len);
        if (output->partial.len > 0) {
            strbuf_add(&output->partial, line.ptr, line.len);
            line_read(output, strbuf_str(&output->partial), time_ms);
            strbuf_addc(&output->partial, '\n');
            log_write(output->trial, output->partial.ptr, output->partial.len);
            strbuf_reset(&output->partial);
            log_write(output->trial, rest.ptr, rest.len);
        } else {
            line_read(output, line, time_ms);
        }
    }
}

static void chunk_read(struct output *output, struct str chunk, int64_t time_ms)
{
    const char *last = NULL;
    for (size_t i = chunk.len; i > 0 && last == NULL; i--) {
        last = chunk.ptr[i - 1] == '\n' ? chunk.ptr + i - 1 : NULL;
    }
    size_t whole = last != NULL ? (size_t)(last - chunk.ptr) + 1 : 0;
    struct str lines = str_sub(chunk, 0, whole);
    struct str rest = str_sub(chunk, whole, chunk.len);
    if (output->partial.len == 0) {
        log_write(output->trial, lines.ptr, lines.len);
    }
    lines_read(output, lines, time_ms);
    if (output->partial.len + rest.len > LINE_BYTES_MAX) {
        partial_flush(output, false, time_ms);
    }
    strbuf_add(&output->partial, rest.ptr, rest.len);
}

/* ---- reading ----------------------------------------------------------------------
 */

/* Up to `reads` reads; true: end of file. */
static bool output_drain(struct output *output, int reads)
{
    struct trial *trial = output->trial;
    char *buf = trial->agent->io_buf;
    int64_t time_ms = clock_wall().ms;
    for (int i = 0; i < reads; i++) {
        ssize_t n = read(output->source.fd, buf, OUTPUT_BUF_BYTES);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 || errno != EAGAIN;
        }
        if ((size_t)n == OUTPUT_BUF_BYTES && !output->widened) {
            /* It writes faster than we read. May be refused beyond the user's share. */
            output->widened = true;
            IGNORE_ERR(fcntl(output->source.fd, F_SETPIPE_SZ, PIPE_BYTES),
                       "a small pipe works as well");
        }
        chunk_read(output, str_from_n(buf, (size_t)n), time_ms);
        if ((size_t)n < OUTPUT_BUF_BYTES / 2) {
            return false; /* drained; what has come since is told again */
        }
    }
    return false;
}

/* Tells the core what was found. */
static void output_tell(struct trial *trial, uint64_t log_size_before)
{
    if (trial->points.items.len > 0) {
        struct agent_event event = { .kind = AGENT_EV_POINTS, .serial = trial->serial };
        event.as.points.points = trial->points.items.ptr;
        event.as.points.len = trial->points.items.len;
        agent_feed(trial->agent, &event);
        vec_reset(&trial->points.items);
    }
    if (trial->log.size > log_size_before) {
        struct agent_event event = { .kind = AGENT_EV_LOG_GREW,
                                     .serial = trial->serial };
        event.as.log_size = trial->log.size;
        agent_feed(trial->agent, &event);
    }
}

static void on_readable(struct poll_source *source)
{
    struct output *output = container_of(source, struct output, source);
    struct trial *trial = output->trial;
    uint64_t before = trial->log.size;
    if (output_drain(output, READS_MAX)) {
        partial_flush(output, true, clock_wall().ms);
        poller_remove(trial->agent->poller, &output->source);
    }
    output_tell(trial, before);
}

enum err_code
output_open(struct output *output, struct trial *trial, int fd, struct err *err)
{
    output->trial = trial;
    output->source = (struct poll_source){ .fd = fd, .fn = on_readable };
    strbuf_init(&output->partial, LINE_BYTES_MAX + OUTPUT_BUF_BYTES);
    return poller_add(trial->agent->poller, &output->source, err);
}

void output_finish(struct output *output)
{
    struct trial *trial = output->trial;
    if (output->source.fd < 0) {
        return;
    }
    uint64_t before = trial->log.size;
    bool more = true;
    for (int i = 0; i < READS_FINAL_MAX && more; i++) {
        size_t size = trial->log.size + output->partial.len;
        more =
            !output_drain(output, 1) && trial->log.size + output->partial.len != size;
    }
    partial_flush(output, true, clock_wall().ms);
    poller_remove(trial->agent->poller, &output->source);
    output_tell(trial, before);
}

void output_fini(struct output *output)
{
    if (output->trial != NULL) {
        poller_remove(output->trial->agent->poller, &output->source);
    }
    strbuf_fini(&output->partial);
}
