/* SPDX-License-Identifier: Apache-2.0 */
/* stmt.h – a database connection and its named statements, each prepared at its first
 * use and kept. Values are bound in the order of the question marks; the first failure
 * is remembered and reported by stmt_run or stmt_row, so binding needs no checks. */
#ifndef STORE_STMT_H
#define STORE_STMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;

enum sql_id {
#define X(name, text) SQL_##name,
#include "store/sql.def"
#undef X
    SQL_NR
};

struct db;

struct stmt {
    struct sqlite3_stmt *raw; /* NULL until the first use */
    struct db *db;
    int rc; /* first failure since stmt_use, else 0 */
    int at; /* index of the last bound value */
};

struct db {
    struct sqlite3 *raw;
    char *path; /* for messages */
    struct stmt stmts[SQL_NR];
};

/* Opens the file; it must exist. `readonly` connections cannot write. */
enum err_code
db_open(struct db *db, const char *path, bool readonly, struct err *err) MUST_USE;
/* Zeroed and half-opened connections are fine. */
void db_close(struct db *db);

/* Runs one or more statements without results. */
enum err_code db_exec(struct db *db, const char *sql, struct err *err) MUST_USE;
/* The number a statement of one row and column yields. */
enum err_code
db_number(struct db *db, const char *sql, int64_t *value_out, struct err *err) MUST_USE;
/* Translates a SQLite result code of the connection's last call. */
enum err_code db_error(struct db *db, int rc, const char *doing, struct err *err);

/* The statement, ready for binding. */
struct stmt *stmt_use(struct db *db, enum sql_id id);
void bind_i64(struct stmt *stmt, int64_t value);
/* The 64 bits as they are. */
void bind_u64(struct stmt *stmt, uint64_t value);
void bind_f64(struct stmt *stmt, double value); /* NaN becomes NULL */
void bind_null(struct stmt *stmt);
/* Borrowed until the statement has run; NULL becomes NULL. */
void bind_text(struct stmt *stmt, const char *text);
void bind_blob(struct stmt *stmt, const void *bytes, size_t len);

/* Runs a statement that gives no rows. */
enum err_code stmt_run(struct stmt *stmt, struct err *err) MUST_USE;
/* Next row, or *row_out false at the end, when the statement is reset. */
enum err_code stmt_row(struct stmt *stmt, bool *row_out, struct err *err) MUST_USE;
/* Ends every statement that is not at its last row. */
void db_reset(struct db *db);
/* Ends a statement before its last row. */
void stmt_end(struct stmt *stmt);

bool col_is_null(struct stmt *stmt, int column);
int64_t col_i64(struct stmt *stmt, int column);
uint64_t col_u64(struct stmt *stmt, int column);
uint32_t col_u32(struct stmt *stmt, int column);
double col_f64(struct stmt *stmt, int column); /* NULL gives NaN */
/* Borrowed until the next row; NULL for NULL. */
const char *col_text(struct stmt *stmt, int column);
const void *col_blob(struct stmt *stmt, int column, size_t *len_out);

#endif
