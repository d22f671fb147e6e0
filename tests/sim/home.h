/* SPDX-License-Identifier: Apache-2.0 */
/* home.h – a real home with a real SQLite store, for runs that want one.
 *
 * Beside disk.h it takes every commit, and it is what a restarted coordinator replays.
 * Its disk has faults (vfs.h), and a death leaves what was on disk at that moment.
 */
#ifndef TESTS_SIM_HOME_H
#define TESTS_SIM_HOME_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/rng.h"
#include "core/record.h"
#include "store/store.h"

struct home;

/* In TMPDIR, else in memory (/dev/shm) where there is one. The stream decides the
 * details of its faults. */
enum err_code
home_create(struct rng rng, struct home **home_out, struct err *err) MUST_USE;
/* Removes it. */
void home_destroy(struct home *home);

/* Opens the store, as a coordinator does that starts. */
enum err_code home_open(struct home *home, struct err *err) MUST_USE;
/* NULL unless open. */
struct store *home_store(struct home *home);
/* Once open: what the last home_die or home_apply that failed was committing is on
 * disk. */
bool home_has_last(const struct home *home);

/* As store_apply; now and then a checkpoint follows. When it fails for good, home_die
 * must be next. */
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

/* The process that has it open dies somewhere while it commits these records (len 0: it
 * commits nothing), and with `power` the machine. NULL store allowed. */
enum err_code home_die(struct home *home,
                       struct record *const *records,
                       size_t len,
                       bool power,
                       struct err *err) MUST_USE;

/* ---- faults of its disk ---- */

/* Some call fails soon, once or until home_mend; true: one that is made at a start. */
bool home_break(struct home *home);
/* There is almost no space, until home_mend. */
void home_fill(struct home *home);
void home_mend(struct home *home);
/* A fault was met since the last call of home_open, home_apply or home_mend began. */
bool home_was_hit(const struct home *home);

#endif
