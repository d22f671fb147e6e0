/* SPDX-License-Identifier: Apache-2.0 */
/* home.h – a real home with a real SQLite store, for runs that want one.
 *
 * Beside disk.h it takes every commit, and it is what a restarted coordinator replays.
 * A crash leaves what was on disk at that moment, with the commit that was under way
 * torn at any byte.
 */
#ifndef TESTS_SIM_HOME_H
#define TESTS_SIM_HOME_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/rng.h"
#include "core/record.h"
#include "store/store.h"

struct home;

/* In TMPDIR, else in memory (/dev/shm) where there is one. */
enum err_code home_create(struct home **home_out, struct err *err) MUST_USE;
/* Removes it. */
void home_destroy(struct home *home);

/* Opens the store, as a coordinator does that starts. */
enum err_code home_open(struct home *home, struct err *err) MUST_USE;
/* NULL unless open. */
struct store *home_store(struct home *home);

enum err_code home_apply(struct home *home,
                         struct record *const *records,
                         size_t len,
                         struct err *err) MUST_USE;

/* What `winnow doctor` finds (one line each, appended), and how many points are stored.
 */
enum err_code home_audit(struct home *home,
                         struct strbuf *findings,
                         uint64_t *points_out,
                         struct err *err) MUST_USE;

/* The process that has it open dies while it commits these records (len 0: it commits
 * nothing); they do not reach the disk whole. */
enum err_code home_crash(struct home *home,
                         struct record *const *records,
                         size_t len,
                         struct rng *rng,
                         struct err *err) MUST_USE;

#endif
