/* SPDX-License-Identifier: Apache-2.0 */
/* migrate.c – the schema's version and the way to it, forward only.
 *
 * Owns application_id and user_version of the file, and the embedded migrations. A step
 * and its new version are one transaction. The names of codes (views show them) are
 * written again with every version. Does not know what the tables mean.
 */
#include "store/store_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "core/states.h"

/* "wnnw"; tells a store from other SQLite files. */
#define APPLICATION_ID 0x776e6e77

extern const unsigned char migration_0001_initial[];
extern const size_t migration_0001_initial_len;
extern const unsigned char migration_0002_sweep_revisions[];
extern const size_t migration_0002_sweep_revisions_len;
extern const unsigned char migration_0003_checkpoint[];
extern const size_t migration_0003_checkpoint_len;

static const unsigned char *const migrations[] = {
    migration_0001_initial,
    migration_0002_sweep_revisions,
    migration_0003_checkpoint,
};

/* One row of code_names. */
struct code_name {
    const char *family;
    int code;
    const char *name;
};

#define SWEEP_NAME(suffix, number, text) { "sweep_state", (number), text },
#define TRIAL_NAME(suffix, number, text) { "trial_state", (number), text },
#define PHASE_NAME(suffix, number, text) { "phase", (number), text },
#define END_NAME(suffix, number, text)   { "attempt_end", (number), text },
#define STOP_NAME(suffix, number, text)  { "stop_reason", (number), text },
#define KIND_NAME(suffix, number)        { "event", (number), #suffix },

static const struct code_name code_names[] = {
    /* clang-format off */
    SWEEP_STATES(SWEEP_NAME)
    TRIAL_STATES(TRIAL_NAME)
    TRIAL_PHASES(PHASE_NAME)
    ATTEMPT_ENDS(END_NAME)
    STOP_REASONS(STOP_NAME)
    RECORD_KINDS(KIND_NAME)
    /* clang-format on */
    { "status", STATUS_RUNNING, "RUNNING" },
    { "status", STATUS_SCHEDULED, "SCHEDULED" },
    { "status", STATUS_FINISHED, "FINISHED" },
    { "status", STATUS_FAILED, "FAILED" },
    { "status", STATUS_KILLED, "KILLED" },
    { "run_kind", RUN_CLIENT, "run" },
    { "run_kind", RUN_SWEEP, "sweep" },
    { "run_kind", RUN_TRIAL, "trial" },
};

int64_t migrate_version(void)
{
    return (int64_t)ARRAY_LEN(migrations);
}

static enum err_code put_code_names(struct db *db, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(code_names) && code == ERR_OK; i++) {
        struct stmt *stmt = stmt_use(db, SQL_CODE_NAME_PUT);
        bind_text(stmt, code_names[i].family);
        bind_i64(stmt, code_names[i].code);
        bind_text(stmt, code_names[i].name);
        code = stmt_run(stmt, err);
    }
    return code;
}

/* One step, in the caller's transaction. */
static enum err_code migrate_step(struct db *db, int64_t version, struct err *err)
{
    enum err_code code = db_exec(db, (const char *)migrations[version], err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t reached = version + 1;
    AUTO_FREE char *pragmas =
        mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %lld",
                   APPLICATION_ID, (long long)reached);
    return db_exec(db, pragmas, err);
}

/* application_id, user_version, and whether the file has any table. */
static enum err_code
read_version(struct db *db, int64_t *version_out, bool *empty_out, struct err *err)
{
    int64_t application = 0;
    int64_t tables = 0;
    enum err_code code =
        db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (code == ERR_OK) {
        code = db_number(db, "PRAGMA application_id", &application, err);
    }
    if (code == ERR_OK) {
        code = db_number(db, "PRAGMA user_version", version_out, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *empty_out = tables == 0 && application == 0;
    if (!*empty_out && application != APPLICATION_ID) {
        return err_set(err, ERR_CORRUPT,
                       "'%s' is a SQLite database, but not a winnow store", db->path);
    }
    if (*version_out > migrate_version()) {
        return err_set(err, ERR_VERSION,
                       "'%s' has schema version %lld, this winnow knows versions up to "
                       "%lld: use a newer winnow",
                       db->path, (long long)*version_out, (long long)migrate_version());
    }
    return ERR_OK;
}

enum err_code migrate_check(struct db *db, struct err *err)
{
    int64_t version = 0;
    bool empty = false;
    enum err_code code = read_version(db, &version, &empty, err);
    if (code == ERR_OK && empty) {
        return err_set(err, ERR_NOTFOUND, "'%s' is still empty", db->path);
    }
    if (code == ERR_OK && version < migrate_version()) {
        return err_set(err, ERR_VERSION,
                       "'%s' has schema version %lld, this winnow reads %lld: open it "
                       "once for writing to bring it up to date",
                       db->path, (long long)version, (long long)migrate_version());
    }
    return code;
}

enum err_code migrate_up(struct db *db, struct err *err)
{
    int64_t version = 0;
    bool empty = false;
    enum err_code code = read_version(db, &version, &empty, err);
    if (code != ERR_OK || version == migrate_version()) {
        return code;
    }
    code = stmt_run(stmt_use(db, SQL_BEGIN), err);
    for (; version < migrate_version() && code == ERR_OK; version++) {
        code = migrate_step(db, version, err);
    }
    if (code == ERR_OK) {
        code = put_code_names(db, err);
    }
    if (code == ERR_OK) {
        code = stmt_run(stmt_use(db, SQL_COMMIT), err);
    }
    if (code != ERR_OK) {
        IGNORE_ERR(stmt_run(stmt_use(db, SQL_ROLLBACK), NULL), "first error counts");
    }
    return code;
}
