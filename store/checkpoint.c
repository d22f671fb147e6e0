/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c – moves committed pages from the WAL into the database, beside the
 * writer.
 *
 * Called every 100 ms or so. A WAL that grows slowly is left alone until it is worth a
 * round of syncs (WAL_PAGES_WORTH), one that grows beyond WAL_PAGES_MAX is restarted,
 * which waits for readers. Owns its connection. Does not know what the pages hold.
 */
#include "store/store.h"

#include <sqlite3.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "store/store_internal.h"

#define WAL_PAGES_WORTH 1000  /* 4 MB */
#define WAL_PAGES_MAX   16000 /* 64 MB */
/* Calls that may be left out in a row while little is written. */
#define SKIP_MAX 10
/* A restart waits this long for readers, then tries again at the next call. */
#define RESTART_WAIT_MS 200

struct store_checkpointer {
    struct db db;
    int skip;  /* calls still to leave out */
    int pages; /* pages in the WAL at the last look */
};

enum err_code store_checkpointer_open(const char *home,
                                      struct store_checkpointer **out,
                                      struct err *err)
{
    struct store_checkpointer *checkpointer = mem_alloc(sizeof *checkpointer);
    AUTO_FREE char *path = fsx_path_join(home, "store.db");
    enum err_code code = db_open(&checkpointer->db, path, false, err);
    if (code == ERR_OK) {
        code = db_exec(&checkpointer->db,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA wal_autocheckpoint = 0;"
                       "PRAGMA journal_size_limit = 67108864;",
                       err);
    }
    if (code == ERR_OK) {
        int rc = sqlite3_busy_timeout(checkpointer->db.raw, RESTART_WAIT_MS);
        code = rc == SQLITE_OK ? ERR_OK : db_error(&checkpointer->db, rc, "open", err);
    }
    if (code != ERR_OK) {
        store_checkpointer_close(checkpointer);
        return code;
    }
    *out = checkpointer;
    return ERR_OK;
}

enum err_code store_checkpoint(struct store_checkpointer *checkpointer, struct err *err)
{
    if (checkpointer->skip > 0) {
        checkpointer->skip--;
        return ERR_OK;
    }
    bool restart = checkpointer->pages > WAL_PAGES_MAX;
    int pages = 0;
    int done = 0;
    int rc = sqlite3_wal_checkpoint_v2(
        checkpointer->db.raw, NULL,
        restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED) {
        rc = SQLITE_OK; /* a reader or the writer is in the way; next time */
    }
    checkpointer->pages = pages;
    int skip = WAL_PAGES_WORTH / (pages > 0 ? pages : 1);
    checkpointer->skip = skip > SKIP_MAX ? SKIP_MAX : skip;
    return rc == SQLITE_OK ? ERR_OK
                           : db_error(&checkpointer->db, rc, "checkpoint", err);
}

void store_checkpointer_close(struct store_checkpointer *checkpointer)
{
    if (checkpointer != NULL) {
        db_close(&checkpointer->db);
        mem_free(checkpointer);
    }
}
