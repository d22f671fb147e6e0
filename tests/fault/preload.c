/* SPDX-License-Identifier: Apache-2.0 */
/* preload.c – system calls of a whole process that fail, for LD_PRELOAD.
 *
 *   WINNOW_FAULT=CALL:N:HOW[:always]   the N-th CALL (from 1 on) fails; `always`: and
 * all after it. CALL: write sync open rename mkdir truncate unlink. HOW: EIO, ENOSPC,
 * EACCES, or short (a write of half the bytes) WINNOW_FAULT_UNDER=FOLDER          only
 * calls on files below it count WINNOW_FAULT_UNTIL=FILE            nothing fails once
 * it exists WINNOW_FAULT_COUNTS=FILE           calls of each kind, written at the end
 *
 * Owns the counters, which are global because the process has them once. Knows files by
 * the path behind their descriptor. Does not know who calls. Children are not affected:
 * the variable LD_PRELOAD is removed at once.
 *
 * _GNU_SOURCE for RTLD_NEXT, openat and the calls with 64 in their names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum call {
    CALL_WRITE,
    CALL_SYNC,
    CALL_OPEN,
    CALL_RENAME,
    CALL_MKDIR,
    CALL_TRUNCATE,
    CALL_UNLINK,
    CALL_NR
};

static const char *const names[CALL_NR] = { "write", "sync",     "open",  "rename",
                                            "mkdir", "truncate", "unlink" };

static _Atomic long counts[CALL_NR];
static enum call failing = CALL_NR;
static long failing_at;
static int failing_errno; /* 0: short */
static bool failing_always;
static char under[PATH_MAX];
static const char *until;

static void parse(const char *text)
{
    char call[16] = "";
    char how[16] = "";
    char always[16] = "";
    if (sscanf(text, "%15[a-z]:%ld:%15[A-Za-z]:%15s", call, &failing_at, how, always)
        < 3) {
        return;
    }
    for (unsigned i = 0; i < CALL_NR; i++) {
        if (strcmp(call, names[i]) == 0) {
            failing = (enum call)i;
        }
    }
    failing_errno = strcmp(how, "EIO") == 0      ? EIO
                    : strcmp(how, "ENOSPC") == 0 ? ENOSPC
                    : strcmp(how, "EACCES") == 0 ? EACCES
                                                 : 0;
    failing_always = strcmp(always, "always") == 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("WINNOW_FAULT_UNDER");
    const char *fault = getenv("WINNOW_FAULT");
    until = getenv("WINNOW_FAULT_UNTIL");
    snprintf(under, sizeof under, "%s", folder != NULL ? folder : "/");
    if (fault != NULL) {
        parse(fault);
    }
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("WINNOW_FAULT_COUNTS");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    for (unsigned i = 0; file != NULL && i < CALL_NR; i++) {
        fprintf(file, "%s %ld\n", names[i], atomic_load(&counts[i]));
    }
    if (file != NULL) {
        fclose(file);
    }
}

static bool is_under(const char *path)
{
    char full[2 * PATH_MAX] = "";
    char cwd[PATH_MAX];
    if (path[0] != '/' && getcwd(cwd, sizeof cwd) != NULL) {
        snprintf(full, sizeof full, "%s/%s", cwd, path);
        path = full;
    }
    return strncmp(path, under, strlen(under)) == 0;
}

static bool fd_is_under(int fd)
{
    char name[64];
    char path[PATH_MAX] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return readlink(name, path, sizeof path - 1) > 0 && is_under(path);
}

/* Counts the call; true: it is to fail. */
static bool hit(enum call call)
{
    long n = atomic_fetch_add(&counts[call], 1) + 1;
    bool now = n == failing_at || (failing_always && n > failing_at);
    return call == failing && now && (until == NULL || access(until, F_OK) != 0);
}

static bool path_fails(enum call call, const char *path)
{
    if (!is_under(path) || !hit(call)) {
        return false;
    }
    errno = failing_errno;
    return true;
}

static bool fd_fails(enum call call, int fd)
{
    if (!fd_is_under(fd) || !hit(call)) {
        return false;
    }
    errno = failing_errno;
    return true;
}

/* The function behind ours; POSIX lets dlsym's pointer be one of a function. */
#define REAL(name, type)                                                               \
    type name##_real;                                                                  \
    void *name##_at = dlsym(RTLD_NEXT, #name);                                         \
    memcpy(&name##_real, &name##_at, sizeof name##_at)

/* How many bytes a write that is to fail writes; -1: none, errno is set. */
static ssize_t part(size_t len)
{
    return failing_errno != 0 || len < 2 ? -1 : (ssize_t)(len / 2);
}

typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*pwritev_fn)(int, const struct iovec *, int, off_t);
typedef int (*fd_fn)(int);
typedef int (*open_fn)(const char *, int, ...);
typedef int (*openat_fn)(int, const char *, int, ...);
typedef int (*rename_fn)(const char *, const char *);
typedef int (*mkdir_fn)(const char *, mode_t);
typedef int (*truncate_fn)(int, off_t);
typedef int (*unlink_fn)(const char *);

ssize_t write(int fd, const void *bytes, size_t len)
{
    REAL(write, write_fn);
    if (fd_fails(CALL_WRITE, fd)) {
        ssize_t some = part(len);
        return some < 0 ? -1 : write_real(fd, bytes, (size_t)some);
    }
    return write_real(fd, bytes, len);
}

static ssize_t
pwrite_by(pwrite_fn real, int fd, const void *bytes, size_t len, off_t offset)
{
    if (fd_fails(CALL_WRITE, fd)) {
        ssize_t some = part(len);
        return some < 0 ? -1 : real(fd, bytes, (size_t)some, offset);
    }
    return real(fd, bytes, len, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    REAL(pwrite, pwrite_fn);
    return pwrite_by(pwrite_real, fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
    REAL(pwrite64, pwrite_fn);
    return pwrite_by(pwrite64_real, fd, bytes, len, offset);
}

static ssize_t
pwritev_by(pwritev_fn real, int fd, const struct iovec *parts, int n, off_t offset)
{
    if (fd_fails(CALL_WRITE, fd)) {
        return failing_errno != 0 || n < 2 ? -1 : real(fd, parts, n - 1, offset);
    }
    return real(fd, parts, n, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
    REAL(pwritev, pwritev_fn);
    return pwritev_by(pwritev_real, fd, parts, n, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off_t offset)
{
    REAL(pwritev64, pwritev_fn);
    return pwritev_by(pwritev64_real, fd, parts, n, offset);
}

int fsync(int fd)
{
    REAL(fsync, fd_fn);
    return fd_fails(CALL_SYNC, fd) ? -1 : fsync_real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync, fd_fn);
    return fd_fails(CALL_SYNC, fd) ? -1 : fdatasync_real(fd);
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    REAL(open, open_fn);
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return path_fails(CALL_OPEN, path) ? -1 : open_real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64, open_fn);
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return path_fails(CALL_OPEN, path) ? -1 : open64_real(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    REAL(openat, openat_fn);
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    bool fails =
        folder == AT_FDCWD ? path_fails(CALL_OPEN, path) : fd_fails(CALL_OPEN, folder);
    return fails ? -1 : openat_real(folder, path, flags, mode);
}

int rename(const char *from, const char *to)
{
    REAL(rename, rename_fn);
    return path_fails(CALL_RENAME, to) ? -1 : rename_real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir, mkdir_fn);
    return path_fails(CALL_MKDIR, path) ? -1 : mkdir_real(path, mode);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate, truncate_fn);
    return fd_fails(CALL_TRUNCATE, fd) ? -1 : ftruncate_real(fd, size);
}

int ftruncate64(int fd, off_t size)
{
    REAL(ftruncate64, truncate_fn);
    return fd_fails(CALL_TRUNCATE, fd) ? -1 : ftruncate64_real(fd, size);
}

int unlink(const char *path)
{
    REAL(unlink, unlink_fn);
    return path_fails(CALL_UNLINK, path) ? -1 : unlink_real(path);
}
