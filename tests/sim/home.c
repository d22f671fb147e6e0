/* SPDX-License-Identifier: Apache-2.0 */
/* home.c – a real home with a real SQLite store.
 * Owns a temporary folder, and what of the disk's faults is up to chance. Knows how to
 * tell from outside whether a batch is stored. Does not know the engine.
 *
 * A death is done by refusing every further change of a file and then closing the
 * store, so that the next process finds what was there at that moment. */
#include "tests/sim/home.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "tests/sim/vfs.h"

/* A commit of a small batch writes about so much. */
#define COMMIT_BYTES ((uint64_t)64 * 1024)
/* Of so many commits one is followed by a checkpoint. */
#define CHECKPOINT_ONE_IN 20
#define SPACE_BYTES_MAX   ((uint64_t)32 * 1024)

/* Grows or changes with whatever a batch stores in the database. */
static const char contents_sql[] =
    "SELECT (SELECT count(*) FROM events) * 1000003"
    " + (SELECT count(*) FROM metrics) * 10007"
    " + (SELECT coalesce(sum(seq + 1), 0) FROM attempts) * 101"
    " + (SELECT coalesce(sum(length(data)), 0) FROM log_heads) * 7"
    " + (SELECT count(*) FROM params) + (SELECT count(*) FROM tags)";

struct home {
    char *root;
    char *path;
    struct rng rng;
    struct vfs *vfs;
    struct store *store;
    struct store_checkpointer *checkpointer;
    int64_t contents; /* before the batch of which nothing is known */
    bool unknown;
    bool has_last;
    uint64_t hits; /* of the vfs when the last call began */
};

enum err_code home_create(struct rng rng, struct home **home_out, struct err *err)
{
    const char *base = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    if (base == NULL || base[0] == '\0') {
        base = fsx_is_dir("/dev/shm") ? "/dev/shm" : "/tmp";
    }
    AUTO_FREE char *root = mem_printf("%s/winnow-sim-XXXXXX", base);
    if (mkdtemp(root) == NULL) {
        return err_set(err, ERR_IO, "cannot make a folder in '%s'", base);
    }
    struct home *home = mem_alloc(sizeof *home);
    home->root = mem_take(&root);
    home->path = mem_printf("%s/home", home->root);
    home->rng = rng;
    home->vfs = vfs_create();
    *home_out = home;
    return fsx_mkdirs(home->path, 0700, err);
}

/* Lets go of the files. */
static void home_close(struct home *home)
{
    store_checkpointer_close(home->checkpointer);
    home->checkpointer = NULL;
    store_close(home->store);
    home->store = NULL;
}

void home_destroy(struct home *home)
{
    if (home == NULL) {
        return;
    }
    vfs_mend(home->vfs);
    home_close(home);
    vfs_destroy(home->vfs);
    IGNORE_ERR(fsx_remove_tree(home->root, NULL), "a temporary folder");
    mem_free(home->root);
    mem_free(home->path);
    mem_free(home);
}

/* Looks into the database with its own eyes. */
static enum err_code
look(const struct home *home, const char *sql, int64_t *value_out, struct err *err)
{
    AUTO_FREE char *path = mem_printf("%s/store.db", home->path);
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    vfs_pause(home->vfs, true);
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(db, sql, -1, &row, NULL);
    }
    if (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
        *value_out = sqlite3_column_int64(row, 0);
    } else {
        rc = SQLITE_ERROR;
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    vfs_pause(home->vfs, false);
    return rc == SQLITE_OK ? ERR_OK : err_set(err, ERR_IO, "cannot look");
}

/* Notes what is there now, before a batch that may get there or not. */
static enum err_code note_contents(struct home *home, struct err *err)
{
    home->unknown = true;
    return look(home, contents_sql, &home->contents, err);
}

enum err_code home_open(struct home *home, struct err *err)
{
    int64_t contents = 0;
    home->hits = vfs_hits(home->vfs);
    enum err_code code = store_open(home->path, &home->store, err);
    if (code == ERR_OK) {
        code = store_checkpointer_open(home->path, &home->checkpointer, err);
    }
    if (code == ERR_OK && home->unknown) {
        code = look(home, contents_sql, &contents, err);
    }
    if (code != ERR_OK) {
        home_close(home);
        return code;
    }
    home->has_last = home->unknown && contents != home->contents;
    home->unknown = false;
    return ERR_OK;
}

struct store *home_store(struct home *home)
{
    return home->store;
}

bool home_has_last(const struct home *home)
{
    return home->has_last;
}

/* A checkpoint that fails is tried again later, as store_thread.c does. */
static enum err_code checkpoint(struct home *home, struct err *err)
{
    if (rng_below(&home->rng, CHECKPOINT_ONE_IN) != 0) {
        return ERR_OK;
    }
    enum err_code code = store_checkpoint(home->checkpointer, err);
    return home_was_hit(home) ? ERR_OK : code;
}

enum err_code home_apply(struct home *home,
                         struct record *const *records,
                         size_t len,
                         struct err *err)
{
    home->hits = vfs_hits(home->vfs);
    enum err_code code = store_apply(home->store, records, len, err);
    if (code == ERR_OK) {
        return checkpoint(home, err);
    }
    if (code != ERR_FULL && home_was_hit(home)) {
        vfs_mend(home->vfs);
        enum err_code noted = note_contents(home, err);
        return noted == ERR_OK ? code : err_set(err, ERR_INTERNAL, "cannot look");
    }
    return code;
}

enum err_code home_audit(struct home *home,
                         struct strbuf *findings,
                         uint64_t *points_out,
                         struct err *err)
{
    struct store_reader *reader = NULL;
    enum err_code code = store_reader_open(home->path, &reader, err);
    if (code == ERR_OK) {
        code = store_audit(reader, findings, err);
    }
    store_reader_close(reader);
    int64_t points = 0;
    if (code == ERR_OK) {
        code = look(home, "SELECT count(*) FROM metrics", &points, err);
    }
    *points_out = (uint64_t)points;
    return code;
}

enum err_code home_die(struct home *home,
                       struct record *const *records,
                       size_t len,
                       bool power,
                       struct err *err)
{
    enum err_code code = ERR_OK;
    if (len > 0 && home->store != NULL) {
        code = note_contents(home, err);
        vfs_die_after(home->vfs, 1 + (int64_t)rng_below(&home->rng, COMMIT_BYTES));
        IGNORE_ERR(store_apply(home->store, records, len, NULL), "nobody hears of it");
    }
    vfs_die_after(home->vfs, 0);
    home_close(home);
    vfs_revive(home->vfs);
    return code == ERR_OK && power ? vfs_lose_power(home->vfs, &home->rng, err) : code;
}

/* ---- faults ---- */

bool home_break(struct home *home)
{
    enum vfs_op op = (enum vfs_op)rng_below(&home->rng, VFS_OP_NR);
    bool at_start = op == VFS_OPEN || op == VFS_SHM || op == VFS_TRUNCATE;
    int64_t after = (int64_t)rng_below(&home->rng, at_start ? 4 : 20);
    int64_t repeat = rng_below(&home->rng, 3) == 0 ? -1 : 1;
    vfs_arm(home->vfs, op, after, repeat);
    return at_start;
}

void home_fill(struct home *home)
{
    vfs_fill(home->vfs, (int64_t)rng_below(&home->rng, SPACE_BYTES_MAX));
}

void home_mend(struct home *home)
{
    home->hits = vfs_hits(home->vfs);
    vfs_mend(home->vfs);
}

bool home_was_hit(const struct home *home)
{
    return vfs_hits(home->vfs) > home->hits;
}
