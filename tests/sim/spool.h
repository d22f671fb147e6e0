/* SPDX-License-Identifier: Apache-2.0 */
/* spool.h – an agent's spool, simulated: what agent/spool.c leaves in its file after a
 * death of the process or the machine.
 *
 * Nothing is synced. What was written survives the process; of what was written in the
 * last half minute the end may be gone after a loss of power. Acknowledged records stay
 * in the file until it is worth emptying, and a restart finds them again.
 */
#ifndef TESTS_SIM_SPOOL_H
#define TESTS_SIM_SPOOL_H

#include "base/rng.h"
#include "tests/sim/net.h"

struct sim_spool;

struct sim_spool *sim_spool_create(void);
/* NULL allowed. */
void sim_spool_destroy(struct sim_spool *spool);

/* Takes one reference. full: it could not be written and is kept in memory. False: the
 * id is in use. */
bool sim_spool_append(struct sim_spool *spool,
                      uint64_t id,
                      struct shared_report *shared,
                      int64_t now_ns,
                      bool full);
/* Borrowed; NULL: not there, or acknowledged. */
struct shared_report *sim_spool_get(const struct sim_spool *spool, uint64_t id);
/* Acknowledged. False: not there. */
bool sim_spool_trim(struct sim_spool *spool, uint64_t id);
/* Records that wait to be acknowledged. */
size_t sim_spool_live(const struct sim_spool *spool);

/* Told of each record that is gone, acknowledged or not. */
typedef void (*sim_spool_lost_fn)(struct sim *sim, const struct agent_report *report);
/* The process dies; rng not NULL: the machine does. */
void sim_spool_die(struct sim_spool *spool,
                   struct sim *sim,
                   struct rng *rng,
                   sim_spool_lost_fn lost);
/* The process ended in order. */
void sim_spool_close(struct sim_spool *spool);

/* The next process: numbers what is in the file from 1 on, and gives the number of
 * records. */
uint64_t sim_spool_open(struct sim_spool *spool);

#endif
