/* SPDX-License-Identifier: Apache-2.0 */
/* names.c – names of metrics, parameters and tags as small integers.
 *
 * Owns the writer's cache, so that a known name costs no SQL; it is emptied when it
 * grows beyond its limit and after a rollback. Does not know what names stand for.
 */
#include "store/store_internal.h"

/* About 10 MB; sweeps share a few dozen names. */
#define NAMES_CACHED_MAX 100000

static enum err_code
find(struct db *db, const char *name, int64_t *key_out, struct err *err)
{
    struct stmt *stmt = stmt_use(db, SQL_NAME_FIND);
    bind_text(stmt, name);
    bool row = false;
    enum err_code code = stmt_row(stmt, &row, err);
    *key_out = row ? col_i64(stmt, 0) : 0;
    if (row) {
        stmt_end(stmt);
    }
    return code;
}

static enum err_code
insert(struct db *db, const char *name, int64_t *key_out, struct err *err)
{
    struct stmt *stmt = stmt_use(db, SQL_NAME_INSERT);
    bind_text(stmt, name);
    enum err_code code = stmt_run(stmt, err);
    return code == ERR_OK ? find(db, name, key_out, err) : code;
}

enum err_code
names_key(struct store *store, const char *name, int64_t *key_out, struct err *err)
{
    struct str view = str_from(name);
    uintptr_t known = (uintptr_t)map_str_get(&store->names, view);
    if (known != 0) {
        *key_out = (int64_t)known;
        return ERR_OK;
    }
    int64_t key = 0;
    enum err_code code = find(&store->db, name, &key, err);
    if (code == ERR_OK && key == 0) {
        code = insert(&store->db, name, &key, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (map_str_len(&store->names) >= NAMES_CACHED_MAX) {
        map_str_fini(&store->names);
        map_str_init(&store->names);
    }
    IGNORE_ERR(map_str_set(&store->names, view, map_number((uintptr_t)key)) != NULL,
               "it was not there");
    *key_out = key;
    return ERR_OK;
}
