/* SPDX-License-Identifier: Apache-2.0 */
/* store.c – opening a home for writing, and closing it.
 *
 * Owns the home's lock and the writer's connection with its pragmas (measured: WAL,
 * FULL, checkpoints elsewhere). Knows what a home consists of. Does not know records.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "store/store_internal.h"

/* f_type of file systems that other hosts write too, or whose shared memory and locks
 * cannot be relied on. */
static const struct {
    uint32_t type;
    const char *name;
} network_types[] = {
    { 0x6969, "NFS" },      { 0x517b, "SMB" },        { 0xff534d42, "CIFS" },
    { 0xfe534d42, "SMB2" }, { 0x01021997, "9p" },     { 0x65735546, "FUSE" },
    { 0x5346414f, "AFS" },  { 0x00c36400, "Ceph" },   { 0x0bd00bd0, "Lustre" },
    { 0x47504653, "GPFS" }, { 0x19830326, "BeeGFS" },
};

static const char writer_pragmas[] = "PRAGMA journal_mode = WAL;"
                                     "PRAGMA synchronous = FULL;"
                                     "PRAGMA wal_autocheckpoint = 0;"
                                     "PRAGMA journal_size_limit = 67108864;"
                                     "PRAGMA cache_size = -65536;"
                                     "PRAGMA temp_store = MEMORY;"
                                     "PRAGMA foreign_keys = ON;"
                                     "PRAGMA trusted_schema = OFF;"
                                     "PRAGMA secure_delete = OFF;";

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15u;
}

void uuid_from_hex(const char *hex, uint8_t bytes[16])
{
    for (size_t i = 0; i < 16; i++) {
        bytes[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
}

void uuid_to_hex(const uint8_t *bytes, char hex[33])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15u];
    }
    hex[32] = '\0';
}

static enum err_code check_local(const char *home, struct err *err)
{
    struct statfs info;
    if (statfs(home, &info) != 0) {
        return err_set_errno(err, errno, "cannot look at '%s'", home);
    }
    for (size_t i = 0; i < sizeof network_types / sizeof network_types[0]; i++) {
        if ((uint32_t)info.f_type == network_types[i].type) {
            return err_set(
                err, ERR_UNSUPPORTED,
                "'%s' is on a network file system (%s), where a store is not "
                "safe: choose a home on a local disk",
                home, network_types[i].name);
        }
    }
    return ERR_OK;
}

/* SQLite gives -wal and -shm the mode of the main file, so that is made first. */
static enum err_code make_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot open '%s'", path);
    }
    fsx_fd_cleanup(&fd);
    return ERR_OK;
}

static enum err_code open_db(struct store *store, struct err *err)
{
    AUTO_FREE char *path = fsx_path_join(store->home, "store.db");
    enum err_code code = make_file(path, err);
    if (code == ERR_OK) {
        code = db_open(&store->db, path, false, err);
    }
    if (code == ERR_OK) {
        code = db_exec(&store->db, writer_pragmas, err);
    }
    return code == ERR_OK ? migrate_up(&store->db, err) : code;
}

static enum err_code read_home_id(struct store *store, struct err *err)
{
    struct stmt *stmt = stmt_use(&store->db, SQL_HOME_ID);
    bool row = false;
    enum err_code code = stmt_row(stmt, &row, err);
    if (code != ERR_OK) {
        return code;
    }
    const char *text = row ? col_text(stmt, 0) : NULL;
    bool good = text != NULL && run_id_is_valid(text);
    if (good) {
        memcpy(store->home_id, text, sizeof store->home_id);
    }
    if (row) {
        stmt_end(stmt);
    }
    return good ? ERR_OK
                : err_set(err, ERR_CORRUPT, "'%s' has no home id", store->db.path);
}

static enum err_code open_home(struct store *store, struct err *err)
{
    enum err_code code = fsx_mkdirs(store->home, 0700, err);
    if (code == ERR_OK) {
        code = check_local(store->home, err);
    }
    if (code == ERR_OK) {
        AUTO_FREE char *lock = fsx_path_join(store->home, "lock");
        code = fsx_lock(lock, &store->lock_fd, NULL, err);
    }
    if (code == ERR_OK) {
        code = open_db(store, err);
    }
    return code == ERR_OK ? read_home_id(store, err) : code;
}

enum err_code store_open(const char *home, struct store **store_out, struct err *err)
{
    struct store *store = mem_alloc(sizeof *store);
    store->lock_fd = -1;
    store->home = mem_strdup(home);
    map_str_init(&store->names);
    map_u64_init(&store->sweeps);
    logs_init(&store->logs, &store->db, home);
    batch_init(&store->batch);
    enum err_code code = open_home(store, err);
    if (code != ERR_OK) {
        store_close(store);
        return code;
    }
    *store_out = store;
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->db.raw != NULL && store->home_id[0] != '\0') {
        IGNORE_ERR(
            db_exec(&store->db, "PRAGMA analysis_limit = 400; PRAGMA optimize", NULL),
            "only a hint");
    }
    /* The last connection checkpoints the WAL and removes it. */
    db_close(&store->db);
    logs_fini(&store->logs);
    batch_fini(&store->batch);
    sweeps_forget(store);
    map_str_fini(&store->names);
    fsx_fd_cleanup(&store->lock_fd);
    mem_free(store->home);
    mem_free(store);
}

const char *store_home_id(const struct store *store)
{
    return store->home_id;
}

enum err_code
store_next_run_key(struct store *store, uint64_t *key_out, struct err *err)
{
    struct stmt *stmt = stmt_use(&store->db, SQL_RUN_KEY_NEXT);
    bool row = false;
    enum err_code code = stmt_row(stmt, &row, err);
    if (code == ERR_OK) {
        *key_out = col_u64(stmt, 0);
        stmt_end(stmt);
    }
    return code;
}
