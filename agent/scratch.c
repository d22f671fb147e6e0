/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.c – a pool of scratch folders.
 * Owns the folders below its parent, named by numbers. Knows when one is as good as
 * new. Does not know whose it is. */
#include "agent/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "base/vec.h"

#define PARAMS_NAME "params.json"
/* Folders kept for later. */
#define KEPT_MAX 4096

struct scratch_pool {
    struct uv_loop_s *loop;
    char *parent;
    uint64_t last; /* number of the newest folder */
    VEC(struct scratch *) kept;
};

/* Removal of a folder that may hold anything. */
struct removal {
    uv_work_t work;
    char *dir;
};

struct scratch_pool *scratch_pool_create(struct uv_loop_s *loop, const char *parent)
{
    struct scratch_pool *pool = mem_alloc(sizeof *pool);
    pool->loop = loop;
    pool->parent = mem_strdup(parent);
    return pool;
}

static void scratch_free(struct scratch *scratch)
{
    mem_free(scratch->dir);
    mem_free(scratch->params_path);
    mem_free(scratch);
}

void scratch_pool_destroy(struct scratch_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->kept.len; i++) {
        struct scratch *scratch = pool->kept.ptr[i];
        IGNORE_ERR(fsx_remove_tree(scratch->dir, NULL),
                   "what stays goes at next start");
        scratch_free(scratch);
    }
    vec_fini(&pool->kept);
    mem_free(pool->parent);
    mem_free(pool);
}

static enum err_code
scratch_make(struct scratch_pool *pool, struct scratch **scratch_out, struct err *err)
{
    AUTO_FREE char *dir =
        mem_printf("%s/%llu", pool->parent, (unsigned long long)++pool->last);
    if (mkdir(dir, 0700) != 0) {
        return err_set_errno(err, errno, "cannot make folder '%s'", dir);
    }
    struct scratch *scratch = mem_alloc(sizeof *scratch);
    scratch->params_path = fsx_path_join(dir, PARAMS_NAME);
    scratch->dir = mem_take(&dir);
    *scratch_out = scratch;
    return ERR_OK;
}

/* Not by O_TRUNC: ext4 writes a file that was cut to nothing to disk at close. */
static enum err_code
params_write(struct scratch *scratch, struct str params, struct err *err)
{
    AUTO_FD int fd =
        open(scratch->params_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot write '%s'", scratch->params_path);
    }
    enum err_code code = fsx_write_all(fd, params.ptr, params.len, err);
    if (code != ERR_OK) {
        err_wrap(err, "'%s'", scratch->params_path);
    }
    if (code == ERR_OK && params.len < scratch->params_len
        && ftruncate(fd, (off_t)params.len) != 0) {
        code = err_set_errno(err, errno, "cannot cut '%s'", scratch->params_path);
    }
    scratch->params_len = params.len;
    return code;
}

enum err_code scratch_take(struct scratch_pool *pool,
                           struct str params,
                           struct scratch **scratch_out,
                           struct err *err)
{
    struct scratch *scratch = NULL;
    if (pool->kept.len > 0) {
        scratch = vec_pop(&pool->kept);
    } else {
        enum err_code code = scratch_make(pool, &scratch, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    ASSERT(scratch != NULL);
    enum err_code code = params_write(scratch, params, err);
    if (code != ERR_OK) {
        scratch_release(pool, scratch);
        return code;
    }
    *scratch_out = scratch;
    return ERR_OK;
}

/* Nothing but the file, of the length we gave it, ours alone to write. */
static bool scratch_is_clean(const struct scratch *scratch)
{
    struct stat status;
    DIR *dir = opendir(scratch->dir);
    if (dir == NULL) {
        return false;
    }
    bool clean = true;
    const struct dirent *entry = NULL;
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while (clean && (entry = readdir(dir)) != NULL) {
        clean = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0
                || strcmp(entry->d_name, PARAMS_NAME) == 0;
    }
    closedir(dir);
    return clean && lstat(scratch->params_path, &status) == 0 && S_ISREG(status.st_mode)
           && status.st_nlink == 1 && (status.st_mode & 0777) == 0600
           && (size_t)status.st_size == scratch->params_len;
}

static void removal_run(uv_work_t *work)
{
    struct removal *removal = container_of(work, struct removal, work);
    IGNORE_ERR(fsx_remove_tree(removal->dir, NULL), "what stays goes at next start");
}

static void removal_done(uv_work_t *work, int status)
{
    UNUSED(status);
    struct removal *removal = container_of(work, struct removal, work);
    mem_free(removal->dir);
    mem_free(removal);
}

void tree_remove_later(struct uv_loop_s *loop, char *dir_taken)
{
    struct removal *removal = mem_alloc(sizeof *removal);
    removal->dir = dir_taken;
    if (uv_queue_work(loop, &removal->work, removal_run, removal_done) != 0) {
        removal_run(&removal->work);
        removal_done(&removal->work, 0);
    }
}

void scratch_release(struct scratch_pool *pool, struct scratch *scratch)
{
    if (pool->kept.len < KEPT_MAX && scratch_is_clean(scratch)) {
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        vec_push(&pool->kept, scratch);
        return;
    }
    tree_remove_later(pool->loop, mem_take(&scratch->dir));
    scratch_free(scratch);
}
