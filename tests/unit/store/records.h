/* SPDX-License-Identifier: Apache-2.0 */
/* records.h – builders of records and small homes for the tests of the store. */
#ifndef TESTS_UNIT_STORE_RECORDS_H
#define TESTS_UNIT_STORE_RECORDS_H

#include "tests/lib/test.h"

#include "core/record.h"
#include "store/store.h"

/* 2026-01-01T00:00:00Z; record times count up from here. */
#define T0_MS ((int64_t)1767225600000)

/* A growing list of owned records. */
struct records {
    struct record *items[4096];
    size_t len;
    int64_t now_ms;
};

void records_init(struct records *records);
void records_fini(struct records *records);

/* Each appends a copy and gives it; the caller may change scalar fields. Run keys are
 * given by the caller. */
struct record *add_session(struct records *records);
struct record *
add_sweep(struct records *records, uint32_t sweep, uint64_t run, const char *name);
struct record *
add_sweep_state(struct records *records, uint32_t sweep, enum sweep_state state);
/* A new file; sets the tag owner and removes the tag team. */
struct record *
add_edited(struct records *records, uint32_t sweep, uint64_t run, uint32_t revision);
struct record *add_agent(struct records *records, uint32_t agent, const char *id);
/* x = {c, choice}; params C (float) and kernel (string). */
struct record *
add_trial(struct records *records, struct attempt_key key, uint64_t run, double c);
struct record *add_assigned(struct records *records,
                            struct attempt_key key,
                            uint64_t run,
                            uint32_t agent);
struct record *
add_started(struct records *records, struct attempt_key key, uint64_t run);
/* Any kind without a body, or with one set by the caller afterwards. */
struct record *add_plain(struct records *records,
                         enum record_kind kind,
                         struct attempt_key key,
                         uint64_t run);
/* len points of one metric: steps and seqs count up from first_seq. */
struct record *add_points(struct records *records,
                          struct attempt_key key,
                          uint64_t run,
                          const char *name,
                          uint64_t first_seq,
                          const double *values,
                          size_t len);
struct record *add_log(struct records *records,
                       struct attempt_key key,
                       uint64_t run,
                       uint64_t offset,
                       const char *text);
struct record *add_note(struct records *records,
                        struct attempt_key key,
                        uint64_t run,
                        bool is_tag,
                        const char *name,
                        const char *value);
/* NaN: no objective. */
struct record *add_ended(struct records *records,
                         struct attempt_key key,
                         uint64_t run,
                         enum trial_state state,
                         double value);

/* The run id of sweep `sweep` as add_sweep makes it. */
struct run_id sweep_run_id(uint32_t sweep);

/* Applies records [from, len) in one batch and fails the test on error. */
void apply_from(struct store *store, struct records *records, size_t from);

/* Length of the log of a trial's attempt; the run key is looked up. */
uint64_t log_size(struct store *store, struct attempt_key key);
/* Reads it; gives how many bytes were there. */
size_t log_read(struct store *store,
                struct attempt_key key,
                uint64_t offset,
                char *bytes,
                size_t room);

/* Fails the test at the first difference. Run ids and parameters included when both
 * carry them. */
void assert_record_eq(const struct record *a, const struct record *b);

#endif
