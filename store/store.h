/* SPDX-License-Identifier: Apache-2.0 */
/* store.h – everything winnow keeps: one SQLite database and the logs beside it.
 *
 * A home is a folder:
 *
 *   store.db (+ -wal, -shm)   events, runs, params, tags, metrics
 *   logs/RUN_ID/ATTEMPT.log   stdout and stderr of an attempt, in order of arrival,
 * from byte 16384 on; what comes before is in store.db lock flock'ed by the one process
 * that writes; holds its pid
 *
 * Writing goes through one `struct store`, used by one thread; it applies whole batches
 * of records, each batch one transaction. Reading goes through any number of `struct
 * store_reader`, each used by one thread, in this process or another; readers never
 * block the writer. All calls block.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "core/record.h"

struct store;
struct store_reader;

/* Locks and opens the home for writing, creating and migrating as needed.
 * - ERR_LOCKED: another process holds it; the message gives its pid
 * - ERR_VERSION: the store was written by a newer winnow; the message gives both
 * versions
 * - ERR_UNSUPPORTED: the home is on a network file system
 * - ERR_CORRUPT, ERR_IO, ERR_DENIED
 */
enum err_code
store_open(const char *home, struct store **store_out, struct err *err) MUST_USE;

/* Checkpoints, closes and unlocks. NULL is fine. */
void store_close(struct store *store);

/* 32 hexadecimal digits that name this home; made at creation. Borrowed. */
const char *store_home_id(const struct store *store);

/* The least run key not yet used. */
enum err_code
store_next_run_key(struct store *store, uint64_t *key_out, struct err *err) MUST_USE;

/* Applies records in order, in one transaction that is on disk when this returns
 * ERR_OK. Log bytes are written (not synced) before the commit; a piece or a point that
 * is already there is skipped, so resending them is harmless.
 * - ERR_FULL: no space; nothing of the batch is applied; may be tried again as it is
 * - otherwise fatal: the caller must stop and restart from the store
 */
enum err_code store_apply(struct store *store,
                          struct record *const *records,
                          size_t len,
                          struct err *err) MUST_USE;

/* Gives back, in order, every record that is kept as an event: all kinds but
 * REC_POINTS, REC_NOTES and REC_LOG. Then, for each attempt that has not ended, its
 * points as REC_POINTS (ascending sequence numbers, cut where they jump) and one
 * REC_MARK with the last sequence number and the log's length. A REC_TRIAL_CREATED
 * comes back without `params`: they say in words what x says. Records are borrowed for
 * the call. A callback error ends the replay and is returned. The callback must not use
 * the store. */
typedef enum err_code (*store_replay_fn)(void *ctx,
                                         const struct record *record,
                                         struct err *err);
enum err_code store_replay(struct store *store,
                           store_replay_fn fn,
                           void *ctx,
                           struct err *err) MUST_USE;

/* Moves committed pages from the WAL into the database. Runs on a connection of its
 * own, so it may be called from another thread than the writer's, but only from one. */
struct store_checkpointer;
enum err_code store_checkpointer_open(const char *home,
                                      struct store_checkpointer **out,
                                      struct err *err) MUST_USE;
enum err_code store_checkpoint(struct store_checkpointer *checkpointer,
                               struct err *err) MUST_USE;
void store_checkpointer_close(struct store_checkpointer *checkpointer);

/* Opens a home for reading, also while it is being written. ERR_NOTFOUND: no store
 * there, or one that is being made this moment; ERR_VERSION and ERR_CORRUPT as
 * store_open. */
enum err_code store_reader_open(const char *home,
                                struct store_reader **out,
                                struct err *err) MUST_USE;
void store_reader_close(struct store_reader *reader);

/* Points of one metric of one attempt, of a range of its entries, in their order. */
struct curve_ref {
    uint64_t run_key;
    uint32_t attempt;
    const char *metric;
    uint64_t behind, upto; /* entries numbered above, up to; 0, INT64_MAX: all */
};
struct curve_points {
    VEC(int64_t) steps;
    VEC(double) values;
};
enum err_code store_curve(struct store *store,
                          const struct curve_ref *ref,
                          struct curve_points *out,
                          struct err *err) MUST_USE;
enum err_code store_reader_curve(struct store_reader *reader,
                                 const struct curve_ref *ref,
                                 struct curve_points *out,
                                 struct err *err) MUST_USE;
void curve_points_fini(struct curve_points *points);

/* As store_replay, from one snapshot, also while the home is being written. */
enum err_code store_reader_replay(struct store_reader *reader,
                                  store_replay_fn fn,
                                  void *ctx,
                                  struct err *err) MUST_USE;

/* clang-format off */
/* Answers one look-up as JSON in the shapes of docs/store.md (DESIGN §6). `args` is an
 * object (NULL: empty); unknown members are errors. Verbs and their arguments:
 *
 *   ls       {}                                array of sweeps, newest first
 *   show     {"ref": REF}                      sweep or trial with attempts_list
 *   revisions {"sweep": REF}                   its files, oldest first
 *   trials   {"sweep": REF, "state"?: NAME, "limit"?: N, "offset"?: N}
 *   best     {"sweep": REF}                    one trial; ERR_NOTFOUND when none
 *   runs     {"sweep"?: REF, "parent"?: REF, "limit"?: N, "offset"?: N}
 *            runs with params, metrics, tags; `sweep` gives it and all below it, `parent`
 *            its children only
 *   metrics  {"run": REF, "key"?: NAME, "attempt"?: N or "all"}
 *            with key: points; without: the latest of every key
 *   log      {"run": REF, "attempt"?: N, "offset"?: N, "limit"?: N}
 *            {"attempt", "offset", "size", "data", "next", "ended"}; data is text, invalid
 *            UTF-8 replaced; next is the offset to go on from
 *   progress {"sweep": REF}  one `ls` object plus started and ended times and the running
 *            trials
 *   resolve  {"ref": REF}    {"run_id", "kind", "sweep_id", "number"}
 *   history  {"ref": REF}    of a sweep or trial: what `show` gives, its events, since when
 *            it is in its state, the last lines of an attempt that went wrong
 *
 * REF is an id, a unique prefix of 6 or more digits, a sweep's name (the newest of it),
 * `last`, or SWEEP/NUMBER. ERR_NOTFOUND names what was not found and the nearest name. */
/* clang-format on */
enum err_code store_query(struct store_reader *reader,
                          const char *verb,
                          const json_t *args,
                          json_t **result_out,
                          struct err *err) MUST_USE;

/* PRAGMA integrity_check and our own invariants (doctor). Appends one line a finding.
 */
enum err_code store_audit(struct store_reader *reader,
                          struct strbuf *findings,
                          struct err *err) MUST_USE;

/* Appends one line for each agent that is set aside: its name and why. */
enum err_code store_agents_aside(struct store_reader *reader,
                                 struct strbuf *lines,
                                 struct err *err) MUST_USE;

#endif
