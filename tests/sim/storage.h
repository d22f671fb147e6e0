/* SPDX-License-Identifier: Apache-2.0 */
/* storage.h – the coordinator's disk: committed records in memory (disk.h), and in runs
 * that want one a real store beside it (home.h), whose answers then count.
 */
#ifndef TESTS_SIM_STORAGE_H
#define TESTS_SIM_STORAGE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "core/engine.h"
#include "tests/sim/disk.h"

struct storage;

/* store: with a real one, whose faults the stream decides. */
enum err_code storage_create(bool store,
                             struct rng rng,
                             struct storage **storage_out,
                             struct err *err) MUST_USE;
/* NULL allowed. */
void storage_destroy(struct storage *storage);
bool storage_is_real(const struct storage *storage);

/* A coordinator starts. ERR_OK, or an error that a fault explains (storage_was_hit). */
enum err_code storage_open(struct storage *storage, struct err *err) MUST_USE;
/* After storage_open: the records that were being committed at the last death and
 * turned out to be on disk; len 0: none. Valid until the next death. */
void storage_last(const struct storage *storage,
                  struct record *const **records_out,
                  size_t *len_out);

/* ERR_OK: they are on disk. ERR_FULL: try again later. Other errors end the process. */
enum err_code storage_commit(struct storage *storage,
                             int64_t now_ns,
                             struct record *const *records,
                             size_t len,
                             struct err *err) MUST_USE;
/* Since the last storage_open, storage_commit or storage_mend began, a fault of the
 * disk was met. */
bool storage_was_hit(const struct storage *storage);

struct storage_death {
    struct record *const *records; /* under way */
    size_t len;
    bool told;   /* the last storage_commit failed with them */
    bool power;  /* the machine dies too */
    bool chance; /* without a real store: they reached the disk */
};
enum err_code storage_die(struct storage *storage,
                          const struct storage_death *death,
                          struct err *err) MUST_USE;

/* As store_replay, from the real store if there is one. */
enum err_code storage_replay(struct storage *storage,
                             disk_replay_fn fn,
                             void *ctx,
                             struct err *err) MUST_USE;
/* See disk_points. */
void storage_points(const struct storage *storage,
                    const struct replay_ask *ask,
                    struct replay_points *out);
/* Gives an engine that was replayed the curves that it compares with. */
void storage_curves(const struct storage *storage, struct engine *engine);
uint64_t storage_next_run_key(const struct storage *storage);

/* With a real store: what the audit finds, one line each, and the points stored. */
enum err_code storage_audit(struct storage *storage,
                            struct strbuf *findings,
                            uint64_t *points_out,
                            struct err *err) MUST_USE;

/* No space until then, or until storage_mend. */
void storage_fill(struct storage *storage, int64_t until_ns);
/* With a real store: some call fails soon, until storage_mend; true: one that is made
 * at a start. */
bool storage_break(struct storage *storage);
void storage_mend(struct storage *storage);

#endif
