/* SPDX-License-Identifier: Apache-2.0 */
/* store_internal.h – what the files of store/ share. Not for other folders; tests may
 * include it to reach the connection. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "core/record.h"
#include "store/stmt.h"

struct store;

/* Rows of `runs.kind`. */
enum run_kind {
    RUN_CLIENT = 0,
    RUN_SWEEP = 1,
    RUN_TRIAL = 2
};

/* MLflow's RunStatus numbers. */
enum run_status {
    STATUS_RUNNING = 1,
    STATUS_SCHEDULED = 2,
    STATUS_FINISHED = 3,
    STATUS_FAILED = 4,
    STATUS_KILLED = 5,
};

/* All sweeps belong to MLflow's experiment "0". */
#define EXPERIMENT_DEFAULT 0

/* A small number as a value of a map. */
static inline void *map_number(uintptr_t number)
{
    return (void *)number; /* NOLINT(performance-no-int-to-ptr) */
}

/* ---- migrate.c ---- */

/* Makes or moves the schema up to ours. ERR_VERSION when it is newer. */
enum err_code migrate_up(struct db *db, struct err *err) MUST_USE;
/* Checks that the file is a store of our schema; changes nothing. */
enum err_code migrate_check(struct db *db, struct err *err) MUST_USE;
/* The schema version this program writes. */
int64_t migrate_version(void);

/* ---- logs.c: captured output ---- */

#define LOG_ENDS_KNOWN 64

/* Where an attempt's log ends, and its file while it is open. */
struct log_end {
    uint64_t run; /* 0: slot is free */
    uint32_t attempt;
    int fd;        /* -1: not open */
    uint64_t size; /* bytes of head and file together */
    uint64_t used; /* tick of last use */
};

struct logs {
    struct db *db;
    char *dir; /* HOME/logs */
    uint64_t tick;
    struct log_end ends[LOG_ENDS_KNOWN];
};

void logs_init(struct logs *logs, struct db *db, const char *home);
void logs_fini(struct logs *logs);
/* A batch was rolled back: pieces that seemed written are not. */
void logs_forget(struct logs *logs);
/* Writes what is not there yet. A piece behind the end, or beyond LOG_BYTES_MAX, is
 * left out. */
enum err_code logs_write(struct logs *logs,
                         const struct run_id *run_id,
                         const struct record *record,
                         struct err *err) MUST_USE;

/* One attempt's log, for reading it. */
struct log_ref {
    struct db *db;
    const char *dir; /* HOME/logs */
    const struct run_id *run_id;
    uint64_t run;
    uint32_t attempt;
};

/* Length in bytes; 0 when there is none. */
enum err_code
logs_size(const struct log_ref *log, uint64_t *size_out, struct err *err) MUST_USE;
/* Reads up to *len bytes from offset; *len becomes what was read. */
enum err_code logs_read(const struct log_ref *log,
                        uint64_t offset,
                        uint8_t *bytes,
                        size_t *len,
                        struct err *err) MUST_USE;

/* ---- names.c ---- */

/* The key of a name, made if new. Cached. */
enum err_code names_key(struct store *store,
                        const char *name,
                        int64_t *key_out,
                        struct err *err) MUST_USE;

/* ---- runs.c: what a batch does to runs and attempts ---- */

/* What became of one attempt within a batch. Records are borrowed from the batch. */
struct attempt_change {
    uint32_t attempt;
    const struct record *assigned;
    const struct record *started;
    const struct record *ended;
    uint64_t seq;    /* greatest seen */
    int32_t suspect; /* -1: unchanged */
    int32_t reason;  /* of a stop; -1: unchanged */
    uint32_t next;   /* index + 1 of the run's next attempt; 0: last */
};

/* What became of one run within a batch. */
struct run_change {
    uint64_t run;
    const struct record *created; /* made in this batch */
    bool moved;                   /* the fields below are to be written */
    enum trial_state state;
    enum trial_phase phase;
    uint32_t attempts;           /* newest attempt assigned in this batch; 0: none */
    uint32_t agent;              /* 0: none */
    const struct rec_ended *end; /* with the objective; NULL: none */
    const char *cause;
    int64_t start_ms; /* 0: unknown */
    int64_t end_ms;   /* 0: not ended */
    uint32_t first;   /* index + 1 of its first attempt change */
    bool rejoin;      /* an attempt resumed: its history is that of several now */
};

/* One record of points, to be sorted by run. */
struct points_ref {
    uint64_t run;
    size_t index; /* order of arrival */
    const struct record *record;
    bool behind; /* of an older attempt than the run's newest in this batch */
};

struct point_row {
    uint32_t key; /* index into the keys of the run at hand */
    uint32_t attempt;
    int64_t step;
    uint64_t seq;
    int64_t time_ms;
    double value;
    bool fenced;
    bool joined; /* the run's newest attempt resumed */
};

/* One metric of one run. */
struct metric_of {
    uint64_t run;
    int64_t key;
};

/* Work space of store_apply, emptied for each batch, memory kept. */
struct batch {
    struct map_u64 run_index; /* run key → index + 1 in runs */
    VEC(struct run_change) runs;
    VEC(struct attempt_change) attempts;
    VEC(struct points_ref) points;
    VEC(struct point_row) rows;
    VEC(struct point_row) sorted;
    VEC(int64_t) keys;
    VEC(uint32_t) dense;
    VEC(size_t) starts;
    struct strbuf blob;
};

void batch_init(struct batch *batch);
void batch_reset(struct batch *batch);
void batch_fini(struct batch *batch);

/* The run's change, made if there is none yet. Valid until the next call. */
struct run_change *runs_change(struct batch *batch, uint64_t run);
/* Takes a record's effect on runs and attempts into the batch. */
void runs_note(struct batch *batch, const struct record *record);
/* Writes the runs and attempts of the batch. */
enum err_code runs_write(struct store *store, struct err *err) MUST_USE;
/* MLflow's status for a trial's state. */
enum run_status runs_trial_status(enum trial_state state);

/* ---- metrics.c ---- */

/* One row of `latest`, or what a batch adds to it. */
struct latest_sum {
    struct point_row last;
    double min; /* NaN: none yet */
    double max;
    uint64_t count;
};

/* Takes the value into min, max and count. */
void latest_count(struct latest_sum *sum, double value);
/* Merges it into the row (SQL_LATEST_PUT) or takes its place (SQL_LATEST_REPLACE). */
enum err_code latest_put(struct store *store,
                         enum sql_id how,
                         struct metric_of of,
                         const struct latest_sum *sum,
                         struct err *err) MUST_USE;

/* Writes the points of the batch, sorted, and the latest values. */
enum err_code metrics_write(struct store *store, struct err *err) MUST_USE;

/* ---- joined.c: runs whose newest attempt resumed from a checkpoint ---- */

/* The attempts whose points are the run's history: from the first to the newest. */
struct joined_range {
    uint32_t from, newest;
};
enum err_code joined_range(struct db *db,
                           uint64_t run,
                           struct joined_range *range_out,
                           struct err *err) MUST_USE;
/* After points of the metric were written, the sum of those in force: brings `latest`
 * up to date, from the whole history unless they only go on from there. */
enum err_code joined_latest(struct store *store,
                            struct metric_of of,
                            const struct latest_sum *sum,
                            int64_t least_step,
                            struct err *err) MUST_USE;
/* `latest` of the runs of the batch in which an attempt resumed. */
enum err_code joined_write(struct store *store, struct err *err) MUST_USE;

/* ---- events.c ---- */

enum err_code events_insert(struct store *store,
                            const struct record *record,
                            struct err *err) MUST_USE;

/* Room for what a replayed record points to. */
struct event_scratch {
    VEC(double) x;
    VEC(struct rec_note) tags;
};

/* The record of the current row of SQL_EVENTS; it points into the row and the scratch.
 */
enum err_code events_read(struct stmt *row,
                          struct event_scratch *scratch,
                          struct record *record_out,
                          struct err *err) MUST_USE;

/* ---- sweeps.c, agents.c ---- */

/* A sweep's run, cached for the writer. */
struct sweep_ref {
    uint64_t run;
    struct run_id run_id;
};

enum err_code sweeps_insert(struct store *store,
                            const struct record *record,
                            struct err *err) MUST_USE;
enum err_code sweeps_edited(struct store *store,
                            const struct record *record,
                            struct err *err) MUST_USE;
enum err_code sweeps_state(struct store *store,
                           const struct record *record,
                           struct err *err) MUST_USE;
/* Borrowed until the cache is dropped. ERR_NOTFOUND when there is no such sweep. */
enum err_code sweeps_ref(struct store *store,
                         uint32_t sweep,
                         const struct sweep_ref **ref_out,
                         struct err *err) MUST_USE;
void sweeps_forget(struct store *store);

enum err_code
agents_put(struct store *store, const struct record *record, struct err *err) MUST_USE;

/* ---- the writer ---- */

struct store {
    struct db db;
    char *home;
    int lock_fd; /* -1: not locked */
    bool full;   /* the last batch found no space; the lock says so */
    char home_id[33];
    struct map_str names;  /* name → key, as a pointer-sized integer */
    struct map_u64 sweeps; /* sweep key → struct sweep_ref, owned */
    struct logs logs;
    struct batch batch;
};

/* What the home's lock says while the disk is full, and so the cause of sweeps. */
#define STORE_NOTE_FULL "disk full"

/* 16 bytes from 32 digits, and back. */
void uuid_from_hex(const char *hex, uint8_t bytes[16]);
void uuid_to_hex(const uint8_t *bytes, char hex[33]);

#endif
