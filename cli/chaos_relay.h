/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_relay.h – the network of a chaos run: between each agent and the coordinator
 * stands a relay on loopback that can be cut, or swallow time. One thread, one loop,
 * which runs only inside chaos_relays_run. */
#ifndef CLI_CHAOS_RELAY_H
#define CLI_CHAOS_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

/* Directions that hold back what they get. */
enum {
    CHAOS_HOLD_UP = 1,  /* from the agent to the coordinator */
    CHAOS_HOLD_DOWN = 2 /* from the coordinator to the agent */
};

struct chaos_relays;

/* Listens at `len` ports of 127.0.0.1 that the system chooses; each connection goes on
 * to `port` there, as soon as somebody listens. ERR_IO: no port, no memory. */
enum err_code chaos_relays_create(uint16_t port,
                                  size_t len,
                                  struct chaos_relays **out,
                                  struct err *err) MUST_USE;
/* Ends all connections. NULL is fine. */
void chaos_relays_destroy(struct chaos_relays *relays);
/* Where relay `i` listens. */
uint16_t chaos_relays_port(const struct chaos_relays *relays, size_t i);
/* Passes bytes on for so long. */
void chaos_relays_run(struct chaos_relays *relays, int64_t ms);
/* Resets the connections of relay `i`; new ones are taken. */
void chaos_relay_cut(struct chaos_relays *relays, size_t i);
/* From now on nothing passes in these directions (CHAOS_HOLD_… or 0), also on new
 * connections. What was held before goes on. */
void chaos_relay_hold(struct chaos_relays *relays, size_t i, unsigned hold);

#endif
