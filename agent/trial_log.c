/* SPDX-License-Identifier: Apache-2.0 */
/* trial_log.c – an attempt's log on its agent.
 *
 * Owns the bytes, first in memory, then in a file. Does not know lines, reports, or
 * when the coordinator is there.
 *
 * Most trials print little, and all of it is on its way to the coordinator at once:
 * making and removing a file for each would cost more than starting it. So a log
 * becomes a file when it grows beyond HEAD_BYTES or when somebody wants it kept.
 */
#include "agent/trial_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"

#define HEAD_BYTES ((size_t)16 * 1024)

/* NOLINTNEXTLINE(readability-non-const-parameter): it is kept */
void trial_log_init(struct trial_log *log, char *path)
{
    *log = (struct trial_log){ .path = path, .fd = -1 };
    strbuf_init(&log->head, HEAD_BYTES);
}

static void say_failed(struct trial_log *log, const char *reason)
{
    if (!log->failed) {
        log->failed = true;
        log_warn("log.write_failed", "path=%s reason=\"%s\"", log->path, reason);
    }
}

/* Appends to the file; a piece that could be written in part only is taken back. */
static bool file_append(struct trial_log *log, const char *bytes, size_t n, uint64_t at)
{
    struct err err = { 0 };
    if (fsx_write_all(log->fd, bytes, n, &err) == ERR_OK) {
        return true;
    }
    say_failed(log, err.msg);
    IGNORE_ERR(ftruncate(log->fd, (off_t)at), "best effort");
    lseek(log->fd, (off_t)at, SEEK_SET);
    return false;
}

void trial_log_spill(struct trial_log *log)
{
    if (log->fd >= 0 || log->path == NULL || log->size == 0) {
        return;
    }
    log->fd = open(log->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        say_failed(log,
                   strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
        return;
    }
    if (file_append(log, log->head.ptr, log->head.len, 0)) {
        strbuf_fini(&log->head);
    } else {
        close(log->fd);
        log->fd = -1;
    }
}

void trial_log_append(struct trial_log *log, const char *bytes, size_t n, bool keep)
{
    if (n == 0) {
        return;
    }
    if (log->fd < 0 && log->size + n <= HEAD_BYTES) {
        strbuf_add(&log->head, bytes, n);
        log->size += n;
        if (keep) {
            trial_log_spill(log);
        }
        return;
    }
    if (log->fd < 0 && log->size == 0) {
        log->fd = open(log->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    } else {
        trial_log_spill(log);
    }
    if (log->fd >= 0 && file_append(log, bytes, n, log->size)) {
        log->size += n;
    }
}

ssize_t
trial_log_read(const struct trial_log *log, uint64_t offset, void *bytes, size_t n)
{
    if (log->fd < 0) {
        struct str piece = str_sub(strbuf_str(&log->head), (size_t)offset, n);
        if (piece.len > 0) {
            memcpy(bytes, piece.ptr, piece.len);
        }
        return (ssize_t)piece.len;
    }
    ssize_t got = -1;
    do {
        got = pread(log->fd, bytes, n, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

void trial_log_remove(struct trial_log *log)
{
    if (log->fd >= 0) {
        unlink(log->path);
    }
    strbuf_reset(&log->head);
    log->size = 0;
}

void trial_log_fini(struct trial_log *log)
{
    trial_log_spill(log);
    if (log->path != NULL && log->fd >= 0) {
        close(log->fd);
    }
    strbuf_fini(&log->head);
    mem_free(log->path);
    *log = (struct trial_log){ .fd = -1 };
}
