/* SPDX-License-Identifier: Apache-2.0 */
/* coord.h – the coordinator's shell, simulated: engine, outbox and disk are joined as
 * coordinator/ joins them; sockets and threads are timers. */
#ifndef TESTS_SIM_COORD_H
#define TESTS_SIM_COORD_H

#include "core/engine.h"
#include "tests/sim/net.h"
#include "tests/sim/sim.h"

#define SIM_LEASE_MS 30000
#define SIM_HOME_ID  "00000000000000000000000000000001"

struct coord *coord_create(struct sim *sim);
void coord_destroy(struct coord *coord);
/* Of a run that failed: removes what lies outside memory. NULL allowed. */
void coord_abandon(struct coord *coord);

/* A process begins: replays the disk. */
void coord_start(struct sim *sim);
bool coord_is_up(const struct coord *coord);
/* Nothing waits to be committed. */
bool coord_at_rest(const struct coord *coord);
/* NULL while it is down. */
const struct engine *coord_engine(const struct coord *coord);

/* From the network. */
void coord_receive(struct sim *sim,
                   uint64_t link,
                   size_t node,
                   const struct packet *packet);
void coord_link_down(struct sim *sim, uint64_t link);

/* Every decision comes out the same again; with a real store also: what it holds is
 * sound, and as many points as were committed. */
void coord_audit(struct sim *sim);

/* Who has been silent for longer than a lease must have been given up. */
void coord_check_leases(struct sim *sim);

/* From a user; ignored while it is down. */
void coord_submit(struct sim *sim, uint64_t token, const char *text, uint8_t id_byte);
void coord_steer(struct sim *sim, enum steer_verb verb, const char *name, bool drain);
void coord_edit(struct sim *sim, const char *name, const char *text, bool resume);

/* It dies as kill -9 does, after `boundaries` more moments at which it could (after a
 * step, a seal, a commit, an effect); 0: now. It comes back by itself. */
void coord_kill(struct sim *sim, uint32_t boundaries);
/* As coord_kill, but the whole machine dies: what was not synced may be lost. */
void coord_power_loss(struct sim *sim, uint32_t boundaries);
/* Ends as after Ctrl-C, and comes back. */
void coord_stop(struct sim *sim);
/* Commits fail for lack of space, or take long, for a time. */
void coord_disk_full(struct sim *sim, int64_t ms);
void coord_disk_slow(struct sim *sim, int64_t ms);
/* With a real store: one of its calls fails, or all of one kind for a time. */
void coord_disk_break(struct sim *sim, int64_t ms);
/* The wall clock jumps. */
void coord_clock_jump(struct sim *sim, int64_t ms);
/* Disk has space and speed again, pending deaths are called off. */
void coord_mend(struct sim *sim);

#endif
