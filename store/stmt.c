/* SPDX-License-Identifier: Apache-2.0 */
/* stmt.c – connections, named statements, and what SQLite's result codes mean to us.
 *
 * Owns the table of SQL text (sql.def) and the translation of result codes. Knows
 * SQLite. Does not know records, runs or files. A connection stays with one thread.
 */
#include "store/stmt.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static const char *const sql_texts[SQL_NR] = {
#define X(name, text) [SQL_##name] = (text),
#include "store/sql.def"
#undef X
};

/* How long a statement waits for another process's lock. */
#define BUSY_TIMEOUT_MS 5000

static bool is_disk_full(struct sqlite3 *raw, int rc)
{
    if ((rc & 0xff) == SQLITE_FULL) {
        return true;
    }
    int os = raw == NULL ? 0 : sqlite3_system_errno(raw);
    bool is_io = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    return is_io && (os == ENOSPC || os == EDQUOT);
}

static enum err_code code_of(struct sqlite3 *raw, int rc)
{
    if (is_disk_full(raw, rc)) {
        return ERR_FULL;
    }
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_LOCKED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return ERR_DENIED;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_TOOBIG:
        return ERR_TOOBIG;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return ERR_IO;
    default:
        return ERR_INTERNAL;
    }
}

enum err_code db_error(struct db *db, int rc, const char *doing, struct err *err)
{
    const char *text = db->raw == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db->raw);
    enum err_code code = code_of(db->raw, rc);
    if (code == ERR_CORRUPT) {
        return err_set(err, code, "'%s' is damaged or not a winnow store: %s", db->path,
                       text);
    }
    return err_set(err, code, "cannot %s '%s': %s", doing, db->path, text);
}

enum err_code db_open(struct db *db, const char *path, bool readonly, struct err *err)
{
    memset(db, 0, sizeof *db);
    db->path = mem_strdup(path);
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int rc = sqlite3_open_v2(path, &db->raw, flags, NULL);
    if (rc != SQLITE_OK) {
        return db_error(db, rc, "open", err);
    }
    rc = sqlite3_busy_timeout(db->raw, BUSY_TIMEOUT_MS);
    return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, "open", err);
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < SQL_NR; i++) {
        IGNORE_ERR(sqlite3_finalize(db->stmts[i].raw), "repeats the statement's error");
        db->stmts[i].raw = NULL;
    }
    if (db->raw != NULL) {
        int rc = sqlite3_close(db->raw);
        ASSERT(rc == SQLITE_OK);
        db->raw = NULL;
    }
    mem_free(db->path);
    db->path = NULL;
}

enum err_code db_exec(struct db *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->raw, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, "use", err);
}

enum err_code
db_number(struct db *db, const char *sql, int64_t *value_out, struct err *err)
{
    sqlite3_stmt *raw = NULL;
    int rc = sqlite3_prepare_v2(db->raw, sql, -1, &raw, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(raw);
    }
    enum err_code code = ERR_OK;
    if (rc == SQLITE_ROW) {
        *value_out = sqlite3_column_int64(raw, 0);
    } else {
        code = db_error(db, rc, "read", err);
    }
    IGNORE_ERR(sqlite3_finalize(raw), "repeats the statement's error");
    return code;
}

struct stmt *stmt_use(struct db *db, enum sql_id id)
{
    struct stmt *stmt = &db->stmts[id];
    stmt->at = 0;
    stmt->rc = SQLITE_OK;
    if (stmt->raw == NULL) {
        stmt->db = db;
        stmt->rc = sqlite3_prepare_v3(db->raw, sql_texts[id], -1,
                                      SQLITE_PREPARE_PERSISTENT, &stmt->raw, NULL);
    }
    return stmt;
}

static void note(struct stmt *stmt, int rc)
{
    if (rc != SQLITE_OK && stmt->rc == SQLITE_OK) {
        stmt->rc = rc;
    }
}

void bind_i64(struct stmt *stmt, int64_t value)
{
    note(stmt, sqlite3_bind_int64(stmt->raw, ++stmt->at, value));
}

void bind_u64(struct stmt *stmt, uint64_t value)
{
    bind_i64(stmt, (int64_t)value);
}

void bind_f64(struct stmt *stmt, double value)
{
    note(stmt, sqlite3_bind_double(stmt->raw, ++stmt->at, value));
}

void bind_null(struct stmt *stmt)
{
    note(stmt, sqlite3_bind_null(stmt->raw, ++stmt->at));
}

void bind_text(struct stmt *stmt, const char *text)
{
    note(stmt, sqlite3_bind_text(stmt->raw, ++stmt->at, text, -1, SQLITE_STATIC));
}

void bind_blob(struct stmt *stmt, const void *bytes, size_t len)
{
    const void *from = len == 0 ? "" : bytes;
    note(stmt, sqlite3_bind_blob64(stmt->raw, ++stmt->at, from, len, SQLITE_STATIC));
}

enum err_code stmt_row(struct stmt *stmt, bool *row_out, struct err *err)
{
    int rc = stmt->rc;
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt->raw);
    }
    if (rc == SQLITE_ROW) {
        *row_out = true;
        return ERR_OK;
    }
    enum err_code code = ERR_OK;
    if (rc != SQLITE_DONE) {
        code = db_error(stmt->db, rc, "use", err);
    }
    IGNORE_ERR(sqlite3_reset(stmt->raw), "repeats the step's error");
    *row_out = false;
    return code;
}

enum err_code stmt_run(struct stmt *stmt, struct err *err)
{
    bool row = false;
    enum err_code code = stmt_row(stmt, &row, err);
    ASSERT(!row);
    return code;
}

void db_reset(struct db *db)
{
    for (size_t i = 0; i < SQL_NR; i++) {
        if (db->stmts[i].raw != NULL) {
            stmt_end(&db->stmts[i]);
        }
    }
}

void stmt_end(struct stmt *stmt)
{
    IGNORE_ERR(sqlite3_reset(stmt->raw), "repeats the step's error");
}

bool col_is_null(struct stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->raw, column) == SQLITE_NULL;
}

int64_t col_i64(struct stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->raw, column);
}

uint64_t col_u64(struct stmt *stmt, int column)
{
    return (uint64_t)sqlite3_column_int64(stmt->raw, column);
}

uint32_t col_u32(struct stmt *stmt, int column)
{
    return (uint32_t)sqlite3_column_int64(stmt->raw, column);
}

double col_f64(struct stmt *stmt, int column)
{
    bool is_null = sqlite3_column_type(stmt->raw, column) == SQLITE_NULL;
    return is_null ? (double)NAN : sqlite3_column_double(stmt->raw, column);
}

const char *col_text(struct stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt->raw, column);
}

const void *col_blob(struct stmt *stmt, int column, size_t *len_out)
{
    const void *bytes = sqlite3_column_blob(stmt->raw, column);
    *len_out = (size_t)sqlite3_column_bytes(stmt->raw, column);
    return bytes;
}
