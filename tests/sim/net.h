/* SPDX-License-Identifier: Apache-2.0 */
/* net.h – connections between agents and the coordinator, as TCP gives them.
 *
 * Within a connection messages arrive in order and once. When it breaks, some of what
 * was under way may still arrive, the rest is lost, and each side learns of it when it
 * learns of it: until then what it sends goes nowhere.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "agent/agent_core.h"
#include "core/effect.h"
#include "core/event.h"
#include "tests/sim/sim.h"

/* A report that spool and connections share; immutable. */
struct shared_report {
    struct agent_report *report; /* owned */
    uint32_t refs;
};
struct shared_report *shared_report_ref(struct shared_report *shared);
void shared_report_unref(struct shared_report *shared);

enum packet_kind {
    PACKET_HELLO,
    PACKET_REPORT,
    PACKET_LOG,
    PACKET_HEARTBEAT,
    PACKET_BYE,
    PACKET_TO_AGENT
};

/* One message under way; everything it needs is its own. */
struct packet {
    enum packet_kind kind;
    int64_t at_ns; /* when it arrives */
    union {
        struct {
            struct held_attempt *held; /* owned */
            size_t held_len;
            uint64_t boot;
        } hello;
        bool leaving;                 /* PACKET_HEARTBEAT */
        struct shared_report *report; /* one reference */
        struct {
            struct attempt_key key;
            uint64_t offset;
            size_t len;
        } log;
        struct message message; /* everything it points to is owned */
    } as;
};

struct net *net_create(struct sim *sim);
void net_destroy(struct net *net);

/* The agent connects: its new connection's number, the peer for the coordinator; 0 when
 * it cannot. */
uint64_t net_connect(struct sim *sim, size_t node);

/* Send over a connection; takes the packet. What nobody can receive is dropped. */
void net_to_coord(struct sim *sim, uint64_t link, struct packet packet);
/* Copies the message. */
void net_to_agent(struct sim *sim, uint64_t link, const struct message *message);

/* The connection is gone; each side hears of it after so long. */
void net_break(struct sim *sim, uint64_t link, int64_t agent_ms, int64_t coord_ms);
/* All connections break because one side died. */
void net_coord_died(struct sim *sim);
void net_agent_died(struct sim *sim, size_t node);

/* Nothing arrives in one direction for so long. */
void net_stall(struct sim *sim, uint64_t link, bool to_coord, int64_t ms);
/* Everything takes up to `extra_ms` longer from now on. */
void net_slow(struct sim *sim, size_t node, int64_t extra_ms);
/* Nothing passes between this agent and the coordinator for so long. */
void net_cut(struct sim *sim, size_t node, int64_t ms);
/* Ends all cuts, stalls and slowness. */
void net_mend(struct sim *sim);

#endif
