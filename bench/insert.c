/* SPDX-License-Identifier: Apache-2.0 */
/* insert.c – the peer of metric ingestion: a bare SQLite loop into a store's tables.
 *
 * Same tables, row order, rows a commit and synchronous=FULL as the coordinator's
 * writer, nothing else: no messages, no engine, no second thread. Per commit each
 * series gets a run of consecutive points, one upsert of its `latest` row and of its
 * attempt's number. Prints points and seconds as JSON.
 *
 * usage: bench_insert HOME SERIES POINTS_PER_COMMIT COMMITS
 */
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "base/sys/clock.h"
#include "store/store.h"

struct bench {
    sqlite3 *db;
    sqlite3_stmt *metric, *latest, *attempt;
    int64_t series, per_series, commits;
};

static void die(const struct bench *bench, const char *what)
{
    fprintf(stderr, "bench_insert: %s: %s\n", what, sqlite3_errmsg(bench->db));
    exit(1);
}

static void exec(const struct bench *bench, const char *sql)
{
    if (sqlite3_exec(bench->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(bench, sql);
    }
}

static sqlite3_stmt *prepare(const struct bench *bench, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(bench->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        die(bench, sql);
    }
    return stmt;
}

static void bind(const struct bench *bench, sqlite3_stmt *stmt, int at, int64_t value)
{
    if (sqlite3_bind_int64(stmt, at, value) != SQLITE_OK) {
        die(bench, "bind");
    }
}

static void
bind_real(const struct bench *bench, sqlite3_stmt *stmt, int at, double value)
{
    if (sqlite3_bind_double(stmt, at, value) != SQLITE_OK) {
        die(bench, "bind");
    }
}

static void run(const struct bench *bench, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE || sqlite3_reset(stmt) != SQLITE_OK) {
        die(bench, "step");
    }
}

static void insert_point(const struct bench *bench, int64_t series, int64_t step)
{
    bind(bench, bench->metric, 1, series + 10);
    bind(bench, bench->metric, 2, 1);
    bind(bench, bench->metric, 3, step);
    bind(bench, bench->metric, 4, 1);
    bind(bench, bench->metric, 5, step + 2);
    bind(bench, bench->metric, 6, INT64_C(1700000000000) + step);
    bind_real(bench, bench->metric, 7, (double)step * 0.25 + (double)series);
    bind(bench, bench->metric, 8, 0);
    run(bench, bench->metric);
}

static void put_series(const struct bench *bench, int64_t series, int64_t step)
{
    bind(bench, bench->latest, 1, series + 10);
    bind(bench, bench->latest, 2, step);
    bind_real(bench, bench->latest, 3, (double)step * 0.25 + (double)series);
    run(bench, bench->latest);
    bind(bench, bench->attempt, 1, series + 10);
    bind(bench, bench->attempt, 2, step + 2);
    run(bench, bench->attempt);
}

static void open_store(struct bench *bench, const char *home)
{
    struct err err = { 0 };
    struct store *store = NULL;
    if (store_open(home, &store, &err) != ERR_OK) {
        fprintf(stderr, "bench_insert: %s\n", err.msg);
        exit(1);
    }
    store_close(store);
    AUTO_FREE char *path = mem_printf("%s/store.db", home);
    if (sqlite3_open(path, &bench->db) != SQLITE_OK) {
        die(bench, path);
    }
    exec(bench, "PRAGMA journal_mode=WAL");
    exec(bench, "PRAGMA synchronous=FULL");
    exec(bench, "PRAGMA cache_size=-65536");
    exec(bench, "PRAGMA temp_store=MEMORY");
    bench->metric =
        prepare(bench, "INSERT OR IGNORE INTO metrics VALUES (?,?,?,?,?,?,?,?)");
    bench->latest = prepare(
        bench, "INSERT INTO latest VALUES (?1,1,0,1,?2,?2,0,?3,0,?3,?3,1)"
               " ON CONFLICT (run, key) DO UPDATE SET step = excluded.step,"
               " seq = excluded.seq, value = excluded.value, max = excluded.max,"
               " count = count + 1");
    bench->attempt = prepare(bench, "INSERT INTO attempts (run, attempt, seq)"
                                    " VALUES (?1, 1, ?2) ON CONFLICT (run, attempt)"
                                    " DO UPDATE SET seq = excluded.seq");
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_insert HOME SERIES POINTS_PER_COMMIT COMMITS\n");
        return 2;
    }
    struct bench bench = { .series = strtoll(argv[2], NULL, 10),
                           .commits = strtoll(argv[4], NULL, 10) };
    if (bench.series <= 0 || bench.commits <= 0) {
        fprintf(stderr, "bench_insert: counts must be above 0\n");
        return 2;
    }
    bench.per_series = strtoll(argv[3], NULL, 10) / bench.series;
    open_store(&bench, argv[1]);
    struct mono begin = clock_mono();
    for (int64_t commit = 0; commit < bench.commits; commit++) {
        exec(&bench, "BEGIN IMMEDIATE");
        for (int64_t series = 0; series < bench.series; series++) {
            for (int64_t i = 0; i < bench.per_series; i++) {
                insert_point(&bench, series, commit * bench.per_series + i);
            }
            put_series(&bench, series, (commit + 1) * bench.per_series - 1);
        }
        exec(&bench, "COMMIT");
    }
    double seconds = (double)(clock_mono().ns - begin.ns) / 1e9;
    printf("{\"points\":%lld,\"seconds\":%.6f}\n",
           (long long)(bench.series * bench.per_series * bench.commits), seconds);
    return 0;
}
