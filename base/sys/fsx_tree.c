/* SPDX-License-Identifier: Apache-2.0 */
/* fsx_tree.c – removing and copying folders.
 * Owns nothing between calls. Knows openat and friends: every step is relative to an
 * open folder and follows no symlink, so a tree changed meanwhile by its owner cannot
 * lead us outside. Does not know what the files mean. Both walks are loops: removal
 * holds one folder open whatever the depth, copying two per level up to a limit. */
#include "base/sys/fsx.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COPY_DEPTH_MAX = 64,
    COPY_CHUNK = 65536,
    OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The next entry that is not . or .., NULL at the end or on error (errno != 0). */
static const struct dirent *next_entry(DIR *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry =
            readdir(dir); /* NOLINT(concurrency-mt-unsafe): own DIR */
        if (entry == NULL || !is_dot(entry->d_name)) {
            return entry;
        }
    }
}

/* ---- removing ---- */

/* A folder on the way down; identity is checked on the way up. */
struct level {
    char *name; /* owned, as its parent calls it */
    dev_t dev;  /* of the parent */
    ino_t ino;
};

struct remover {
    DIR *dir; /* the folder we are in */
    VEC(struct level) levels;
    const char *path; /* for messages */
    struct err *err;
};

static enum err_code remover_fail(const struct remover *r, int errnum)
{
    return err_set_errno(r->err, errnum, "cannot remove '%s'", r->path);
}

/* Replaces the open folder by the one called `name` in it. */
static enum err_code enter(struct remover *r, const char *name)
{
    int at = dirfd(r->dir);
    int fd = openat(at, name, OPEN_DIR);
    if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0) {
        fd = openat(at, name, OPEN_DIR); /* we own it: take the right to read */
    }
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        int why = errno;
        fsx_fd_cleanup(&fd);
        return remover_fail(r, why);
    }
    closedir(r->dir);
    r->dir = dir;
    return ERR_OK;
}

static enum err_code descend(struct remover *r, const char *name)
{
    struct stat here;
    if (fstat(dirfd(r->dir), &here) != 0) {
        return remover_fail(r, errno);
    }
    AUTO_FREE char *copy = mem_strdup(name);
    enum err_code code = enter(r, copy);
    if (code == ERR_OK) {
        struct level level = { .dev = here.st_dev, .ino = here.st_ino };
        level.name = mem_take(&copy);
        vec_push(&r->levels, level);
    }
    return code;
}

/* Leaves the (empty) folder and removes it from its parent. */
static enum err_code ascend(struct remover *r)
{
    struct level level = vec_pop(&r->levels);
    AUTO_FREE char *name = level.name;
    enum err_code code = enter(r, "..");
    if (code != ERR_OK) {
        return code;
    }
    struct stat here;
    if (fstat(dirfd(r->dir), &here) != 0) {
        return remover_fail(r, errno);
    }
    if (here.st_dev != level.dev || here.st_ino != level.ino) {
        return err_set(r->err, ERR_STATE, "cannot remove '%s': it was moved meanwhile",
                       r->path);
    }
    return unlinkat(dirfd(r->dir), name, AT_REMOVEDIR) == 0 ? ERR_OK
                                                            : remover_fail(r, errno);
}

/* Removes the files of the open folder; descends into the first folder it meets. */
static enum err_code sweep_dir(struct remover *r, bool *empty_out)
{
    const struct dirent *entry = next_entry(r->dir);
    for (; entry != NULL; entry = next_entry(r->dir)) {
        int at = dirfd(r->dir);
        if (unlinkat(at, entry->d_name, 0) == 0 || errno == ENOENT) {
            continue;
        }
        int why = errno;
        struct stat st;
        bool is_dir = fstatat(at, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
                      && S_ISDIR(st.st_mode);
        if (!is_dir) {
            if (why == EACCES && fchmod(at, 0700) == 0
                && unlinkat(at, entry->d_name, 0) == 0) {
                continue;
            }
            return remover_fail(r, why);
        }
        *empty_out = false;
        return descend(r, entry->d_name);
    }
    *empty_out = true;
    return errno == 0 ? ERR_OK : remover_fail(r, errno);
}

static enum err_code remove_below(struct remover *r)
{
    for (;;) {
        bool empty = false;
        enum err_code code = sweep_dir(r, &empty);
        if (code != ERR_OK) {
            return code;
        }
        if (!empty) {
            continue;
        }
        if (r->levels.len == 0) {
            return ERR_OK;
        }
        code = ascend(r);
        if (code != ERR_OK) {
            return code;
        }
    }
}

enum err_code fsx_remove_tree(const char *path, struct err *err)
{
    struct remover r = { .path = path, .err = err };
    struct stat st;
    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? ERR_OK : remover_fail(&r, errno);
    }
    if (!S_ISDIR(st.st_mode)) {
        return unlink(path) == 0 ? ERR_OK : remover_fail(&r, errno);
    }
    int fd = open(path, OPEN_DIR);
    if (fd < 0 && errno == EACCES && chmod(path, 0700) == 0) {
        fd = open(path, OPEN_DIR);
    }
    r.dir = fd < 0 ? NULL : fdopendir(fd);
    if (r.dir == NULL) {
        int why = errno;
        fsx_fd_cleanup(&fd);
        return remover_fail(&r, why);
    }
    enum err_code code = remove_below(&r);
    closedir(r.dir);
    for (size_t i = 0; i < r.levels.len; i++) {
        mem_free(r.levels.ptr[i].name);
    }
    vec_fini(&r.levels);
    if (code == ERR_OK && rmdir(path) != 0) {
        return remover_fail(&r, errno);
    }
    return code;
}

/* ---- copying ---- */

/* An open pair of folders. */
struct pair {
    DIR *from;
    int to;      /* descriptor */
    mode_t mode; /* of `from`, set on `to` when it is complete */
};

struct copier {
    struct pair pairs[COPY_DEPTH_MAX];
    size_t depth;
    const char *from_path; /* for messages */
    const char *const *skip;
    size_t skip_len;
    struct err *err;
};

static enum err_code copier_fail(const struct copier *c, int errnum, const char *name)
{
    return err_set_errno(c->err, errnum, "cannot copy '%s' of '%s'", name,
                         c->from_path);
}

static enum err_code
copy_bytes(const struct copier *c, int from, int to, const char *name)
{
    AUTO_FREE char *chunk = mem_alloc(COPY_CHUNK);
    for (;;) {
        ssize_t n = read(from, chunk, COPY_CHUNK);
        if (n == 0) {
            return ERR_OK;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return copier_fail(c, errno, name);
        }
        enum err_code code = fsx_write_all(to, chunk, (size_t)n, c->err);
        if (code != ERR_OK) {
            return code;
        }
    }
}

static enum err_code copy_file(const struct copier *c, const char *name, mode_t mode)
{
    const struct pair *top = &c->pairs[c->depth - 1];
    AUTO_FD int from =
        openat(dirfd(top->from), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0) {
        return copier_fail(c, errno, name);
    }
    AUTO_FD int to =
        openat(top->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        return copier_fail(c, errno, name);
    }
    enum err_code code = copy_bytes(c, from, to, name);
    if (code == ERR_OK && fchmod(to, mode & 0777U) != 0) {
        return copier_fail(c, errno, name);
    }
    return code;
}

static enum err_code copy_link(const struct copier *c, const char *name)
{
    const struct pair *top = &c->pairs[c->depth - 1];
    char target[PATH_MAX];
    ssize_t n = readlinkat(dirfd(top->from), name, target, sizeof target - 1);
    if (n < 0) {
        return copier_fail(c, errno, name);
    }
    target[n] = '\0';
    return symlinkat(target, top->to, name) == 0 ? ERR_OK : copier_fail(c, errno, name);
}

/* Opens `name` in both folders of the top pair (AT_FDCWD at the start) as a new pair.
 */
static enum err_code push_pair(struct copier *c, int from_fd, int to_fd, mode_t mode)
{
    DIR *from = fdopendir(from_fd);
    if (from == NULL) {
        int why = errno;
        fsx_fd_cleanup(&from_fd);
        fsx_fd_cleanup(&to_fd);
        return copier_fail(c, why, ".");
    }
    c->pairs[c->depth++] = (struct pair){ from, to_fd, mode };
    return ERR_OK;
}

static enum err_code copy_dir(struct copier *c, const char *name, mode_t mode)
{
    if (c->depth == COPY_DEPTH_MAX) {
        return err_set(c->err, ERR_TOOBIG,
                       "cannot copy '%s': more than %d folders deep", c->from_path,
                       COPY_DEPTH_MAX);
    }
    const struct pair *top = &c->pairs[c->depth - 1];
    if (mkdirat(top->to, name, 0700) != 0) {
        return copier_fail(c, errno, name);
    }
    int from = openat(dirfd(top->from), name, OPEN_DIR);
    if (from < 0) {
        return copier_fail(c, errno, name);
    }
    int to = openat(top->to, name, OPEN_DIR);
    if (to < 0) {
        int why = errno;
        fsx_fd_cleanup(&from);
        return copier_fail(c, why, name);
    }
    return push_pair(c, from, to, mode);
}

static enum err_code copy_entry(struct copier *c, const char *name)
{
    struct stat st;
    const struct pair *top = &c->pairs[c->depth - 1];
    if (fstatat(dirfd(top->from), name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return copier_fail(c, errno, name);
    }
    if (S_ISREG(st.st_mode)) {
        return copy_file(c, name, st.st_mode);
    }
    if (S_ISLNK(st.st_mode)) {
        return copy_link(c, name);
    }
    if (S_ISDIR(st.st_mode)) {
        return copy_dir(c, name, st.st_mode);
    }
    return err_set(c->err, ERR_UNSUPPORTED,
                   "cannot copy '%s' of '%s': not a file, folder or link", name,
                   c->from_path);
}

static bool is_skipped(const struct copier *c, const char *name)
{
    for (size_t i = 0; c->depth == 1 && i < c->skip_len; i++) {
        if (strcmp(name, c->skip[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code pop_pair(struct copier *c)
{
    struct pair *top = &c->pairs[--c->depth];
    enum err_code code = ERR_OK;
    if (fchmod(top->to, top->mode & 0777U) != 0) {
        code = copier_fail(c, errno, ".");
    }
    closedir(top->from);
    fsx_fd_cleanup(&top->to);
    return code;
}

static enum err_code copy_all(struct copier *c)
{
    while (c->depth > 0) {
        const struct dirent *entry = next_entry(c->pairs[c->depth - 1].from);
        enum err_code code = ERR_OK;
        if (entry == NULL) {
            code = errno == 0 ? pop_pair(c) : copier_fail(c, errno, ".");
        } else if (!is_skipped(c, entry->d_name)) {
            code = copy_entry(c, entry->d_name);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code open_roots(struct copier *c, const char *from, const char *to)
{
    struct stat st;
    int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from_fd < 0 || fstat(from_fd, &st) != 0) {
        int why = errno;
        fsx_fd_cleanup(&from_fd);
        return copier_fail(c, why, ".");
    }
    int to_fd = open(to, OPEN_DIR);
    if (to_fd < 0) {
        int why = errno;
        fsx_fd_cleanup(&from_fd);
        return err_set_errno(c->err, why, "cannot open '%s'", to);
    }
    return push_pair(c, from_fd, to_fd, st.st_mode);
}

enum err_code fsx_copy_tree(const char *from,
                            const char *to,
                            const char *const *skip,
                            size_t skip_len,
                            struct err *err)
{
    struct copier c = {
        .from_path = from, .skip = skip, .skip_len = skip_len, .err = err
    };
    if (mkdir(to, 0700) != 0) {
        return err_set_errno(err, errno, "cannot make folder '%s'", to);
    }
    enum err_code code = open_roots(&c, from, to);
    if (code == ERR_OK) {
        code = copy_all(&c);
    }
    while (c.depth > 0) { /* after a failure */
        struct pair *top = &c.pairs[--c.depth];
        closedir(top->from);
        fsx_fd_cleanup(&top->to);
    }
    if (code != ERR_OK) {
        IGNORE_ERR(fsx_remove_tree(to, NULL), "the first error is the one to tell");
    }
    return code;
}
