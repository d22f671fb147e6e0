/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c – the folders in which a trial's attempts keep checkpoints.
 * Owns their names and their removal. Does not know what is in them, nor when a trial
 * is over: the core says so.
 *
 * A folder that goes is renamed first, so that its name is free at once, and removed on
 * the thread pool. */
#include "agent/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_internal.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"

#define LOCAL_NAME "checkpoints"
/* Of folders that are being removed. */
#define GONE_PREFIX ".gone-"

/* ---- names ---- */

static char *local_root(const struct agent *agent)
{
    return fsx_path_join(agent->work_dir, LOCAL_NAME);
}

static char *trial_dir(const char *root, const char *sweep_id, uint32_t trial)
{
    return mem_printf("%s/%s/%u", root, sweep_id, trial);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* ---- taking ---- */

static bool holds_something(const char *path)
{
    DIR *dir = opendir(path);
    bool found = false;
    const struct dirent *entry = NULL;
    if (dir == NULL) {
        return false;
    }
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while (!found && (entry = readdir(dir)) != NULL) {
        found = !is_dots(entry->d_name);
    }
    closedir(dir);
    return found;
}

/* Moves the folder out of the way and has it removed; false: it is not there. */
static bool
remove_dir(struct agent *agent, const char *root, const char *dir, const char *as)
{
    char *gone = mem_printf("%s/" GONE_PREFIX "%s", root, as);
    if (rename(dir, gone) != 0) {
        if (errno != ENOENT) {
            log_warn("checkpoint.not_removed", "path=%s reason=\"%s\"", dir,
                     strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
        }
        mem_free(gone);
        return false;
    }
    tree_remove_later(agent->loop, gone);
    return true;
}

enum err_code checkpoint_take(struct agent *agent,
                              const struct sweep_file *sweep,
                              struct attempt_key key,
                              bool fresh,
                              struct checkpoint *checkpoint_out,
                              struct err *err)
{
    AUTO_FREE char *local = local_root(agent);
    bool shared = sweep->checkpoint_path != NULL;
    const char *root = shared ? sweep->checkpoint_path : local;
    if (!run_id_is_valid(sweep->sweep_id)) { /* it names a folder */
        return err_set(err, ERR_INVALID, "the sweep has no valid id");
    }
    AUTO_FREE char *dir = trial_dir(root, sweep->sweep_id, key.trial);
    if (fresh) {
        AUTO_FREE char *as =
            mem_printf("%s-%u-%u", sweep->sweep_id, key.trial, key.attempt);
        remove_dir(agent, root, dir, as);
    }
    enum err_code code = fsx_mkdirs(dir, shared ? 0777 : 0700, err);
    if (code != ERR_OK) {
        err_wrap(err, "checkpoint folder");
        return code;
    }
    checkpoint_out->resume = holds_something(dir);
    checkpoint_out->dir = mem_take(&dir);
    return ERR_OK;
}

/* ---- dropping ---- */

/* The id of the sweep that has this trial among the local folders (mem_free), or NULL.
 */
static char *sweep_of_run(const char *root, uint32_t trial, const struct run_id *run_id)
{
    DIR *dir = opendir(root);
    char *found = NULL;
    const struct dirent *entry = NULL;
    if (dir == NULL) {
        return NULL;
    }
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while (found == NULL && (entry = readdir(dir)) != NULL) {
        struct run_id sweep = { 0 };
        if (!run_id_is_valid(entry->d_name)) {
            continue;
        }
        memcpy(sweep.hex, entry->d_name, sizeof sweep.hex);
        struct run_id named = run_id_of_trial(&sweep, trial);
        if (strcmp(named.hex, run_id->hex) == 0) {
            found = mem_strdup(entry->d_name);
        }
    }
    closedir(dir);
    return found;
}

void checkpoint_drop(struct agent *agent,
                     const struct sweep_file *sweep,
                     struct attempt_key key,
                     const struct run_id *run_id)
{
    AUTO_FREE char *local = local_root(agent);
    bool shared = sweep != NULL && sweep->checkpoint_path != NULL;
    const char *root = shared ? sweep->checkpoint_path : local;
    AUTO_FREE char *sweep_id = sweep != NULL ? mem_strdup(sweep->sweep_id)
                                             : sweep_of_run(root, key.trial, run_id);
    if (sweep_id == NULL || !run_id_is_valid(sweep_id)) {
        return;
    }
    AUTO_FREE char *dir = trial_dir(root, sweep_id, key.trial);
    if (remove_dir(agent, root, dir, run_id->hex) && !shared) {
        AUTO_FREE char *parent = fsx_path_join(root, sweep_id);
        rmdir(parent); /* unless it holds other trials */
    }
}

/* ---- age ---- */

static int64_t changed_ms(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ? (int64_t)status.st_mtim.tv_sec * 1000 : 0;
}

/* When the folder or an entry of it changed last. */
static int64_t last_change_ms(const char *path)
{
    int64_t last = changed_ms(path);
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        AUTO_FREE char *one = fsx_path_join(path, entry->d_name);
        int64_t at = is_dots(entry->d_name) ? last : changed_ms(one);
        last = at > last ? at : last;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return last;
}

static void clean_sweep(const char *path, int64_t before_ms)
{
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        AUTO_FREE char *one = fsx_path_join(path, entry->d_name);
        if (!is_dots(entry->d_name) && last_change_ms(one) < before_ms) {
            log_info("checkpoint.removed", "path=%s reason=old", one);
            IGNORE_ERR(fsx_remove_tree(one, NULL), "it only takes room");
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(path); /* unless it holds other trials */
}

void checkpoint_clean(struct agent *agent)
{
    AUTO_FREE char *root = local_root(agent);
    int64_t before_ms = clock_wall().ms - CHECKPOINT_KEEP_MS;
    DIR *dir = opendir(root);
    const struct dirent *entry = NULL;
    if (dir == NULL) {
        return;
    }
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((entry = readdir(dir)) != NULL) {
        AUTO_FREE char *one = fsx_path_join(root, entry->d_name);
        if (str_starts(str_from(entry->d_name), STR_LIT(GONE_PREFIX))) {
            IGNORE_ERR(fsx_remove_tree(one, NULL), "it only takes room");
        } else if (!is_dots(entry->d_name)) {
            clean_sweep(one, before_ms);
        }
    }
    closedir(dir);
}
