/* SPDX-License-Identifier: Apache-2.0 */
/* logs.c – captured output of attempts: the head in the database, the rest in a file.
 *
 * Bytes below LOG_HEAD_BYTES are rows of log_heads, written in the batch's transaction;
 * those above are in HOME/logs/RUN_ID/ATTEMPT.log, where byte LOG_HEAD_BYTES of the log
 * is byte 0 of the file. So a trial that prints little costs no file, and where a byte
 * lies depends on its offset only.
 *
 * Owns the ends of the logs written last, with their open files, the least recently
 * used making room. A piece sent twice changes nothing. Does not know what asks for a
 * piece.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"

/* ---- sizes ---- */

static char *file_path(const struct log_ref *log)
{
    return mem_printf("%s/%s/%u.log", log->dir, log->run_id->hex,
                      (unsigned)log->attempt);
}

static enum err_code
head_size(const struct log_ref *log, uint64_t *size_out, struct err *err)
{
    struct stmt *row = stmt_use(log->db, SQL_LOG_HEAD_SIZE);
    bind_u64(row, log->run);
    bind_i64(row, log->attempt);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    *size_out = found ? col_u64(row, 0) : 0;
    stmt_end(row);
    return ERR_OK;
}

enum err_code logs_size(const struct log_ref *log, uint64_t *size_out, struct err *err)
{
    uint64_t size = 0;
    enum err_code code = head_size(log, &size, err);
    if (code != ERR_OK) {
        return code;
    }
    if (size >= LOG_HEAD_BYTES) {
        AUTO_FREE char *path = file_path(log);
        struct stat info;
        size += stat(path, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
    }
    *size_out = size;
    return ERR_OK;
}

/* ---- writing ---- */

static void ends_clear(struct logs *logs)
{
    for (size_t i = 0; i < LOG_ENDS_KNOWN; i++) {
        logs->ends[i] = (struct log_end){ .fd = -1 };
    }
}

void logs_init(struct logs *logs, struct db *db, const char *home)
{
    *logs = (struct logs){ .db = db, .dir = fsx_path_join(home, "logs") };
    ends_clear(logs);
}

void logs_forget(struct logs *logs)
{
    for (size_t i = 0; i < LOG_ENDS_KNOWN && logs->dir != NULL; i++) {
        fsx_fd_cleanup(&logs->ends[i].fd);
    }
    ends_clear(logs);
}

void logs_fini(struct logs *logs)
{
    logs_forget(logs);
    mem_free(logs->dir);
    logs->dir = NULL;
}

static enum err_code
open_file(const struct log_ref *log, struct log_end *end, struct err *err)
{
    AUTO_FREE char *path = file_path(log);
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    end->fd = open(path, flags, 0600);
    if (end->fd < 0 && errno == ENOENT) {
        AUTO_FREE char *dir = fsx_path_join(log->dir, log->run_id->hex);
        enum err_code code = fsx_mkdirs(dir, 0700, err);
        if (code != ERR_OK) {
            return code;
        }
        end->fd = open(path, flags, 0600);
    }
    return end->fd >= 0 ? ERR_OK : err_set_errno(err, errno, "cannot open '%s'", path);
}

/* The known end of an attempt's log, or the slot to note it in. */
static struct log_end *find_slot(struct logs *logs, uint64_t run, uint32_t attempt)
{
    struct log_end *oldest = &logs->ends[0];
    for (size_t i = 0; i < LOG_ENDS_KNOWN; i++) {
        struct log_end *end = &logs->ends[i];
        if (end->run == run && end->attempt == attempt) {
            return end;
        }
        oldest = end->used < oldest->used ? end : oldest;
    }
    return oldest;
}

static enum err_code find_end(struct logs *logs,
                              const struct log_ref *log,
                              struct log_end **end_out,
                              struct err *err)
{
    struct log_end *end = find_slot(logs, log->run, log->attempt);
    if (end->run != log->run || end->attempt != log->attempt) {
        fsx_fd_cleanup(&end->fd);
        *end = (struct log_end){ .fd = -1 };
        enum err_code code = logs_size(log, &end->size, err);
        if (code != ERR_OK) {
            return code;
        }
        end->run = log->run;
        end->attempt = log->attempt;
    }
    end->used = ++logs->tick;
    *end_out = end;
    return ERR_OK;
}

static enum err_code write_head(const struct log_ref *log,
                                struct log_end *end,
                                struct str bytes,
                                struct err *err)
{
    struct stmt *stmt = stmt_use(log->db, SQL_LOG_HEAD_INSERT);
    bind_u64(stmt, log->run);
    bind_i64(stmt, log->attempt);
    bind_u64(stmt, end->size);
    bind_blob(stmt, bytes.ptr, bytes.len);
    enum err_code code = stmt_run(stmt, err);
    end->size += code == ERR_OK ? bytes.len : 0;
    return code;
}

static enum err_code write_file(const struct log_ref *log,
                                struct log_end *end,
                                struct str bytes,
                                struct err *err)
{
    enum err_code code = end->fd >= 0 ? ERR_OK : open_file(log, end, err);
    while (bytes.len > 0 && code == ERR_OK) {
        ssize_t n =
            pwrite(end->fd, bytes.ptr, bytes.len, (off_t)(end->size - LOG_HEAD_BYTES));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return err_set_errno(err, n == 0 ? EIO : errno,
                                 "cannot write the log of attempt %u",
                                 (unsigned)log->attempt);
        }
        end->size += (uint64_t)n;
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
    return code;
}

enum err_code logs_write(struct logs *logs,
                         const struct run_id *run_id,
                         const struct record *record,
                         struct err *err)
{
    const struct rec_log *piece = &record->as.log;
    struct log_ref log = { .db = logs->db,
                           .dir = logs->dir,
                           .run_id = run_id,
                           .run = record->run_key,
                           .attempt = record->key.attempt };
    struct log_end *end = NULL;
    enum err_code code = find_end(logs, &log, &end, err);
    if (code != ERR_OK) {
        return code;
    }
    uint64_t to = piece->offset + piece->len;
    if (piece->offset > end->size || to <= end->size || to > LOG_BYTES_MAX) {
        return ERR_OK;
    }
    struct str bytes = str_from_n((const char *)piece->data, piece->len);
    bytes = str_sub(bytes, (size_t)(end->size - piece->offset), bytes.len);
    if (end->size < LOG_HEAD_BYTES) {
        struct str head = str_sub(bytes, 0, (size_t)(LOG_HEAD_BYTES - end->size));
        code = write_head(&log, end, head, err);
        bytes = str_sub(bytes, head.len, bytes.len);
    }
    return code == ERR_OK && bytes.len > 0 ? write_file(&log, end, bytes, err) : code;
}

/* ---- reading ---- */

/* Where a reader wants its bytes. */
struct room {
    uint8_t *bytes;
    size_t len;
    size_t got;
};

/* Copies the part of a piece of the head that is wanted next. */
static void
copy_piece(struct str piece, uint64_t at, uint64_t offset, struct room *room)
{
    uint64_t from = offset + room->got;
    if (at + piece.len <= from) {
        return;
    }
    struct str wanted =
        str_sub(piece, from > at ? (size_t)(from - at) : 0, room->len - room->got);
    memcpy(room->bytes + room->got, wanted.ptr, wanted.len);
    room->got += wanted.len;
}

static enum err_code read_head(const struct log_ref *log,
                               uint64_t offset,
                               struct room *room,
                               struct err *err)
{
    struct stmt *row = stmt_use(log->db, SQL_LOG_HEAD_READ);
    bind_u64(row, log->run);
    bind_i64(row, log->attempt);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more && room->got < room->len) {
        size_t len = 0;
        const void *bytes = col_blob(row, 1, &len);
        copy_piece(str_from_n(bytes, len), col_u64(row, 0), offset, room);
        code = stmt_row(row, &more, err);
    }
    if (more) {
        stmt_end(row);
    }
    return code;
}

static enum err_code read_file(const struct log_ref *log,
                               uint64_t offset,
                               struct room *room,
                               struct err *err)
{
    AUTO_FREE char *path = file_path(log);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) {
        return err_set_errno(err, errno, "cannot open '%s'", path);
    }
    while (fd >= 0 && room->got < room->len) {
        ssize_t n = pread(fd, room->bytes + room->got, room->len - room->got,
                          (off_t)(offset + room->got - LOG_HEAD_BYTES));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set_errno(err, errno, "cannot read '%s'", path);
        }
        if (n == 0) {
            break;
        }
        room->got += (size_t)n;
    }
    return ERR_OK;
}

enum err_code logs_read(const struct log_ref *log,
                        uint64_t offset,
                        uint8_t *bytes, /* NOLINT(readability-non-const-parameter) */
                        size_t *len,
                        struct err *err)
{
    struct room room = { .bytes = bytes, .len = *len };
    enum err_code code = ERR_OK;
    if (offset < LOG_HEAD_BYTES) {
        code = read_head(log, offset, &room, err);
    }
    if (code == ERR_OK && offset + room.got >= LOG_HEAD_BYTES) {
        code = read_file(log, offset, &room, err);
    }
    *len = room.got;
    return code;
}
