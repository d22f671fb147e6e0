/* SPDX-License-Identifier: Apache-2.0 */
/* frames.h – messages as bytes, for runs that want them: each goes through the
 * translations of agent/wire.c and coordinator/wire.c and the codec between them, and
 * beside it a copy with spoilt bytes, which must do no harm.
 */
#ifndef TESTS_SIM_FRAMES_H
#define TESTS_SIM_FRAMES_H

#include "tests/sim/net.h"
#include "tests/sim/sim.h"

struct frames;

struct frames *frames_create(struct sim *sim);
/* NULL allowed. */
void frames_destroy(struct frames *frames);

/* What the coordinator makes of an agent's packet: kind and `as` of *event are set and
 * live until the next call. identity: what the agent says of itself. */
void frames_to_coord(struct sim *sim,
                     const struct agent_core_config *identity,
                     const struct packet *packet,
                     struct event *event);
/* What an agent makes of a message; *event lives until the next call. Of
 * TO_AGENT_SWEEP, which the agent parses itself, *event is left as it is. */
void frames_to_agent(struct sim *sim,
                     const struct message *message,
                     struct agent_event *event);

#endif
