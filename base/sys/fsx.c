/* SPDX-License-Identifier: Apache-2.0 */
/* fsx.c – paths, whole files, locks, free space.
 * Owns nothing between calls, except that a lock lives as long as its descriptor. Knows
 * POSIX files. Does not know what the files mean. Trees are in fsx_tree.c. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "base/sys/fsx.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

void fsx_fd_cleanup(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

int fsx_fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

char *fsx_path_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    if (name[0] == '/' || len == 0) {
        return mem_strdup(name);
    }
    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }
    const char *slash = dir[len - 1] == '/' ? "" : "/";
    return mem_printf("%.*s%s%s", (int)len, dir, slash, name);
}

enum err_code fsx_real_path(const char *path, char **out, struct err *err)
{
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return err_set_errno(err, errno, "cannot find '%s'", path);
    }
    *out = mem_strdup(real);
    free(real);
    return ERR_OK;
}

bool fsx_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool fsx_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum err_code make_dir(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0) {
        return ERR_OK;
    }
    int why = errno;
    if (why == EEXIST && fsx_is_dir(path)) {
        return ERR_OK;
    }
    if (why == EEXIST) {
        return err_set(err, ERR_EXISTS, "cannot make folder '%s': a file is in the way",
                       path);
    }
    return err_set_errno(err, why, "cannot make folder '%s'", path);
}

enum err_code fsx_mkdirs(const char *path, mode_t mode, struct err *err)
{
    AUTO_FREE char *part = mem_strdup(path);
    for (size_t i = 1; part[0] != '\0' && part[i] != '\0'; i++) {
        if (part[i] != '/') {
            continue;
        }
        part[i] = '\0';
        /* A parent that exists need not be writable, so look before making. */
        enum err_code code = fsx_is_dir(part) ? ERR_OK : make_dir(part, mode, err);
        part[i] = '/';
        if (code != ERR_OK) {
            return code;
        }
    }
    return fsx_is_dir(path) ? ERR_OK : make_dir(path, mode, err);
}

enum err_code fsx_write_all(int fd, const void *bytes, size_t n, struct err *err)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t written = write(fd, at, n);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return err_set_errno(err, errno, "cannot write");
        }
        at += written;
        n -= (size_t)written;
    }
    return ERR_OK;
}

/* Makes the name durable: fsync of the folder that holds it. */
static enum err_code sync_parent(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *dir =
        slash == NULL ? mem_strdup(".")
                      : mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return err_set_errno(err, errno, "cannot sync folder '%s'", dir);
    }
    return ERR_OK;
}

/* Creates tmp with the content, on disk. */
static enum err_code
write_tmp(const char *tmp, const void *bytes, size_t n, mode_t mode, struct err *err)
{
    AUTO_FD int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot create '%s'", tmp);
    }
    enum err_code code = fsx_write_all(fd, bytes, n, err);
    if (code != ERR_OK) {
        return code;
    }
    if (fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        return err_set_errno(err, errno, "cannot sync '%s'", tmp);
    }
    return ERR_OK;
}

enum err_code fsx_write_atomic(
    const char *path, const void *bytes, size_t n, mode_t mode, struct err *err)
{
    uint64_t nonce = 0;
    clock_entropy(&nonce, sizeof nonce);
    AUTO_FREE char *tmp = mem_printf("%s.%016" PRIx64 ".tmp", path, nonce);
    enum err_code code = write_tmp(tmp, bytes, n, mode, err);
    if (code == ERR_OK && rename(tmp, path) != 0) {
        code = err_set_errno(err, errno, "cannot rename");
    }
    if (code == ERR_OK) {
        return sync_parent(path, err);
    }
    unlink(tmp); /* may never have existed */
    if (err != NULL) {
        err_wrap(err, "writing '%s'", path);
    }
    return code;
}

/* Reads to the end of fd, one byte more than fits to notice an overlong file. */
static enum err_code
read_all(int fd, const char *path, struct strbuf *buf, struct err *err)
{
    char chunk[16384];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set_errno(err, errno, "cannot read '%s'", path);
        }
        if (n == 0) {
            return ERR_OK;
        }
        strbuf_add(buf, chunk, (size_t)n);
        if (buf->toobig) {
            return err_set(err, ERR_TOOBIG,
                           "'%s' is too big, at most %zu bytes are allowed", path,
                           buf->max);
        }
    }
}

enum err_code fsx_read_file(const char *path, struct strbuf *buf, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot open '%s'", path);
    }
    return read_all(fd, path, buf, err);
}

/* The pid in the first line of a lock file, 0 if there is none; the second line is a
 * note, empty if there is none. */
static pid_t read_holder(int fd, char note[FSX_NOTE_BYTES_MAX + 1])
{
    char text[NUM_TEXT_SIZE + FSX_NOTE_BYTES_MAX + 2] = { 0 };
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    struct str rest = str_from(text);
    struct str line = str_from("");
    struct str second = str_from("");
    int64_t pid = 0;
    int holder = 0;
    bool some = n > 0 && str_split_next(&rest, '\n', &line);
    IGNORE_ERR(!str_split_next(&rest, '\n', &second), "no note");
    second = str_sub(second, 0, FSX_NOTE_BYTES_MAX);
    memcpy(note, second.ptr, second.len);
    note[second.len] = '\0';
    if (!some || num_parse_i64(str_trim(line), &pid) != ERR_OK
        || int_from_i64(pid, &holder) != ERR_OK) {
        return 0;
    }
    return holder;
}

static enum err_code write_holder(int fd, const char *path, struct err *err)
{
    char text[NUM_TEXT_SIZE];
    int n = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    ASSERT(n > 0);
    if (ftruncate(fd, 0) != 0) {
        return err_set_errno(err, errno, "cannot write '%s'", path);
    }
    return fsx_write_all(fd, text, (size_t)n, err);
}

enum err_code
fsx_lock(const char *path, int *fd_out, pid_t *holder_pid_out, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot open lock '%s'", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return err_set_errno(err, errno, "cannot lock '%s'", path);
        }
        char note[FSX_NOTE_BYTES_MAX + 1];
        pid_t holder = read_holder(fd, note);
        if (holder_pid_out != NULL) {
            *holder_pid_out = holder;
        }
        return err_set(err, ERR_LOCKED, "'%s' is locked by process %d", path,
                       (int)holder);
    }
    enum err_code code = write_holder(fd, path, err);
    if (code != ERR_OK) {
        return code;
    }
    *fd_out = fsx_fd_take(&fd);
    return ERR_OK;
}

enum err_code fsx_lock_note(int fd, const char *note, struct err *err)
{
    char text[NUM_TEXT_SIZE + FSX_NOTE_BYTES_MAX + 2];
    ASSERT(strlen(note) <= FSX_NOTE_BYTES_MAX);
    int n = snprintf(text, sizeof text, "%lld\n%s%s", (long long)getpid(), note,
                     note[0] != '\0' ? "\n" : "");
    ASSERT(n > 0 && (size_t)n < sizeof text);
    /* The block that the pid is in has room. */
    if (pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) != 0) {
        return err_set_errno(err, errno, "cannot write a note into the lock");
    }
    return ERR_OK;
}

bool fsx_lock_is_noted(const char *path, const char *note)
{
    char found[FSX_NOTE_BYTES_MAX + 1];
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    pid_t holder = fd < 0 ? 0 : read_holder(fd, found);
    return holder > 0 && strcmp(found, note) == 0
           && (kill(holder, 0) == 0 || errno == EPERM);
}

enum err_code fsx_free_bytes(const char *path, uint64_t *bytes_out, struct err *err)
{
    struct statvfs st;
    if (statvfs(path, &st) != 0) {
        return err_set_errno(err, errno, "cannot look at the file system of '%s'",
                             path);
    }
    *bytes_out = num_mul_sat_u64(st.f_bavail, st.f_frsize);
    return ERR_OK;
}
