/* SPDX-License-Identifier: Apache-2.0 */
/* logs.c – captured output of attempts, as files HOME/logs/RUN_ID/ATTEMPT.log.
 *
 * Owns a small set of open files, the least recently used one making room. Writes at
 * the offset a piece names, so that a piece sent twice changes nothing. Does not know
 * SQL.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"

void logs_init(struct logs *logs, const char *home)
{
    *logs = (struct logs){ .dir = fsx_path_join(home, "logs") };
    for (size_t i = 0; i < LOG_FILES_OPEN; i++) {
        logs->files[i].fd = -1;
    }
}

void logs_fini(struct logs *logs)
{
    for (size_t i = 0; i < LOG_FILES_OPEN && logs->dir != NULL; i++) {
        fsx_fd_cleanup(&logs->files[i].fd);
    }
    mem_free(logs->dir);
    logs->dir = NULL;
}

char *logs_path(const char *logs_dir, const char *run_hex, uint32_t attempt)
{
    return mem_printf("%s/%s/%u.log", logs_dir, run_hex, (unsigned)attempt);
}

uint64_t logs_size(const char *logs_dir, const char *run_hex, uint32_t attempt)
{
    AUTO_FREE char *path = logs_path(logs_dir, run_hex, attempt);
    struct stat info;
    return stat(path, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

static enum err_code open_file(const struct logs *logs,
                               const struct run_id *run_id,
                               uint32_t attempt,
                               struct log_file *file,
                               struct err *err)
{
    AUTO_FREE char *path = logs_path(logs->dir, run_id->hex, attempt);
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        AUTO_FREE char *dir = fsx_path_join(logs->dir, run_id->hex);
        enum err_code code = fsx_mkdirs(dir, 0700, err);
        if (code != ERR_OK) {
            return code;
        }
        fd = open(path, flags, 0600);
    }
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot open '%s'", path);
    }
    struct stat info;
    if (fstat(fd, &info) != 0) {
        enum err_code code = err_set_errno(err, errno, "cannot read '%s'", path);
        fsx_fd_cleanup(&fd);
        return code;
    }
    file->fd = fd;
    file->attempt = attempt;
    file->size = (uint64_t)info.st_size;
    return ERR_OK;
}

/* The open file of an attempt, or the slot to open it in. */
static struct log_file *find_slot(struct logs *logs, uint64_t run, uint32_t attempt)
{
    struct log_file *oldest = &logs->files[0];
    for (size_t i = 0; i < LOG_FILES_OPEN; i++) {
        struct log_file *file = &logs->files[i];
        if (file->run == run && file->attempt == attempt) {
            return file;
        }
        oldest = file->used < oldest->used ? file : oldest;
    }
    return oldest;
}

static enum err_code
write_at(struct log_file *file, const uint8_t *data, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t n = pwrite(file->fd, data, len, (off_t)file->size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return err_set_errno(err, n == 0 ? EIO : errno,
                                 "cannot write the log of attempt %u",
                                 (unsigned)file->attempt);
        }
        file->size += (uint64_t)n;
        data += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

enum err_code logs_write(struct logs *logs,
                         const struct run_id *run_id,
                         const struct record *record,
                         struct err *err)
{
    const struct rec_log *log = &record->as.log;
    uint32_t attempt = record->key.attempt;
    struct log_file *file = find_slot(logs, record->run_key, attempt);
    if (file->run != record->run_key || file->attempt != attempt) {
        fsx_fd_cleanup(&file->fd);
        *file = (struct log_file){ .fd = -1 };
        enum err_code code = open_file(logs, run_id, attempt, file, err);
        if (code != ERR_OK) {
            return code;
        }
        file->run = record->run_key;
    }
    file->used = ++logs->tick;
    uint64_t end = log->offset + log->len;
    if (log->offset > file->size || end <= file->size || end > LOG_BYTES_MAX) {
        return ERR_OK;
    }
    size_t skip = (size_t)(file->size - log->offset);
    return write_at(file, log->data + skip, log->len - skip, err);
}
