/* SPDX-License-Identifier: Apache-2.0 */
/* home.c – a real home with a real SQLite store.
 * Owns a temporary folder with one generation of the home after the other. Knows that
 * the WAL grows by whole commits, so that one cut short was not committed. Does not
 * know the engine.
 *
 * A death is done by copying the files while the store has them open, which is what the
 * next process would find, and then closing the old store, whose last deeds nobody
 * sees.
 */
#include "tests/sim/home.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "base/sys/fsx.h"

/* Bytes before the cut that may be garbage: a torn sector. */
#define TORN_BYTES 512

struct home {
    char *root;
    char *path;
    unsigned generation;
    struct store *store;
};

enum err_code home_create(struct home **home_out, struct err *err)
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
    home->path = mem_printf("%s/0", home->root);
    *home_out = home;
    return fsx_mkdirs(home->path, 0700, err);
}

void home_destroy(struct home *home)
{
    if (home == NULL) {
        return;
    }
    store_close(home->store);
    IGNORE_ERR(fsx_remove_tree(home->root, NULL), "a temporary folder");
    mem_free(home->root);
    mem_free(home->path);
    mem_free(home);
}

enum err_code home_open(struct home *home, struct err *err)
{
    return store_open(home->path, &home->store, err);
}

struct store *home_store(struct home *home)
{
    return home->store;
}

enum err_code home_apply(struct home *home,
                         struct record *const *records,
                         size_t len,
                         struct err *err)
{
    return store_apply(home->store, records, len, err);
}

static enum err_code wal_read(const char *path, struct strbuf *bytes, struct err *err)
{
    AUTO_FREE char *wal = mem_printf("%s/store.db-wal", path);
    return fsx_exists(wal) ? fsx_read_file(wal, bytes, err) : ERR_OK;
}

/* The bytes in which the WAL differs from what it was: behind its last valid frame
 * there may lie the rest of an earlier death, so the file's size says little. */
static bool
wal_written(struct str before, struct str after, size_t *from_out, size_t *end_out)
{
    size_t from = 0;
    size_t end = after.len;
    while (from < after.len && from < before.len
           && before.ptr[from] == after.ptr[from]) {
        from++;
    }
    while (end > from && end <= before.len
           && before.ptr[end - 1] == after.ptr[end - 1]) {
        end--;
    }
    *from_out = from;
    *end_out = end;
    return end > from;
}

/* Cuts the WAL somewhere in [from, end) and may spoil what is before the cut, but
 * nothing before `from`. */
static enum err_code
wal_tear(const char *path, size_t from, size_t end, struct rng *rng, struct err *err)
{
    AUTO_FREE char *wal = mem_printf("%s/store.db-wal", path);
    size_t cut = from + (size_t)rng_below(rng, end - from);
    if (truncate(wal, (off_t)cut) != 0) {
        return err_set(err, ERR_IO, "cannot cut '%s'", wal);
    }
    uint8_t garbage[TORN_BYTES];
    size_t len = cut - from < TORN_BYTES ? cut - from : TORN_BYTES;
    for (size_t i = 0; i < len; i++) {
        garbage[i] = (uint8_t)rng_u32(rng);
    }
    int fd = rng_below(rng, 2) == 0 ? open(wal, O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return ERR_OK;
    }
    ssize_t n = pwrite(fd, garbage, len, (off_t)(cut - len));
    close(fd);
    return n == (ssize_t)len ? ERR_OK : err_set(err, ERR_IO, "cannot tear '%s'", wal);
}

/* Looks into the database with its own eyes. */
static enum err_code
count_points(const struct home *home, uint64_t *points_out, struct err *err)
{
    AUTO_FREE char *path = mem_printf("%s/store.db", home->path);
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(db, "SELECT count(*) FROM metrics", -1, &row, NULL);
    }
    if (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
        *points_out = (uint64_t)sqlite3_column_int64(row, 0);
    } else {
        rc = SQLITE_ERROR;
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    return rc == SQLITE_OK ? ERR_OK : err_set(err, ERR_IO, "cannot count points");
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
    return code == ERR_OK ? count_points(home, points_out, err) : code;
}

/* Applies the records and takes most of it back in the copy `next`. */
static enum err_code crash_in_commit(struct home *home,
                                     const char *next,
                                     struct record *const *records,
                                     size_t len,
                                     struct rng *rng,
                                     struct err *err)
{
    AUTO_STRBUF struct strbuf before = STRBUF_INIT(SIZE_MAX / 4);
    AUTO_STRBUF struct strbuf after = STRBUF_INIT(SIZE_MAX / 4);
    size_t from = 0;
    size_t end = 0;
    enum err_code code = wal_read(home->path, &before, err);
    if (code == ERR_OK) {
        code = store_apply(home->store, records, len, err);
    }
    if (code == ERR_OK) {
        code = wal_read(home->path, &after, err);
    }
    if (code == ERR_OK) {
        code = fsx_copy_tree(home->path, next, NULL, 0, err);
    }
    if (code == ERR_OK
        && wal_written(strbuf_str(&before), strbuf_str(&after), &from, &end)) {
        code = wal_tear(next, from, end, rng, err);
    }
    return code;
}

enum err_code home_crash(struct home *home,
                         struct record *const *records,
                         size_t len,
                         struct rng *rng,
                         struct err *err)
{
    AUTO_FREE char *next = mem_printf("%s/%u", home->root, ++home->generation);
    enum err_code code = len > 0 ? crash_in_commit(home, next, records, len, rng, err)
                                 : fsx_copy_tree(home->path, next, NULL, 0, err);
    store_close(home->store);
    home->store = NULL;
    IGNORE_ERR(fsx_remove_tree(home->path, NULL), "a temporary folder");
    mem_free(home->path);
    home->path = mem_take(&next);
    return code;
}
