/* SPDX-License-Identifier: Apache-2.0 */
/* net.c – connections between agents and the coordinator.
 * Owns what is under way. Knows order, delay and loss. Does not know what messages
 * mean, except to copy them.
 *
 * With the plan's UNTIDY a few reports and pieces of logs are lost within a connection,
 * and messages come a second time, late: TCP does neither, but the protocol bears it.
 *
 * A message that the transport of an agent had not yet written when its connection went
 * is written to the next one, before anything else (ZeroMQ keeps such a queue); the
 * plan's CARRY says whether that happens. */
#include "tests/sim/net.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "tests/sim/coord.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"

/* One direction of a connection, first in first out. */
struct pipe {
    VEC(struct packet) packets;
    size_t first;
    int64_t last_ns; /* arrival of the newest */
    int64_t stalled_until_ns;
};

struct link {
    size_t node;
    bool broken;     /* nothing sent from now on arrives */
    bool agent_open; /* this side has not heard of the break */
    bool coord_open;
    struct pipe to_coord, to_agent;
};

/* A message that comes a second time. */
struct late {
    uint64_t link;
    bool to_coord;
    struct packet packet;
};

struct net {
    VEC(struct link *) links; /* number - 1 */
    VEC(struct late) late;
    struct rng rng;
    int64_t extra_ms[SIM_AGENTS_MAX];
    int64_t cut_until_ns[SIM_AGENTS_MAX];
    struct packet carried[SIM_AGENTS_MAX][4];
    size_t carried_len[SIM_AGENTS_MAX];
};

/* ---- packets ---- */

struct shared_report *shared_report_ref(struct shared_report *shared)
{
    shared->refs++;
    return shared;
}

void shared_report_unref(struct shared_report *shared)
{
    if (--shared->refs == 0) {
        agent_report_destroy(shared->report);
        mem_free(shared);
    }
}

static struct message message_copy(const struct message *from)
{
    struct message to = *from;
    switch (from->kind) {
    case TO_AGENT_WELCOME:
        to.as.welcome.verdicts =
            mem_dup(from->as.welcome.verdicts,
                    from->as.welcome.verdicts_len * sizeof *to.as.welcome.verdicts);
        break;
    case TO_AGENT_REFUSE:
        to.as.refuse.text = mem_strdup(from->as.refuse.text);
        break;
    case TO_AGENT_SWEEP: /* the agent's shell needs no more than the file here */
        to.as.sweep.spec = mem_strdup(from->as.sweep.spec);
        to.as.sweep.sweep_id = NULL;
        to.as.sweep.name = NULL;
        to.as.sweep.mlproject = NULL;
        to.as.sweep.directory = NULL;
        break;
    case TO_AGENT_ASSIGN:
        to.as.assign.x = mem_dup(from->as.assign.x,
                                 from->as.assign.x_len * sizeof *from->as.assign.x);
        break;
    case TO_AGENT_STOP:
        to.as.stop.cause = mem_strdup(from->as.stop.cause);
        break;
    case TO_AGENT_LIMITS:
        to.as.limits.metric = mem_strdup(from->as.limits.metric);
        to.as.limits.items = mem_dup(from->as.limits.items,
                                     from->as.limits.len * sizeof *to.as.limits.items);
        break;
    case TO_AGENT_HELLO_WANTED:
    case TO_AGENT_ACK:
    case TO_AGENT_LOG_ACK:
    case TO_AGENT_NR:
        break;
    }
    return to;
}

static void message_fini(struct message *message)
{
    switch (message->kind) {
    case TO_AGENT_WELCOME:
        mem_free(message->as.welcome.verdicts);
        break;
    case TO_AGENT_REFUSE:
        mem_free(message->as.refuse.text);
        break;
    case TO_AGENT_SWEEP: {
        const void *spec = message->as.sweep.spec;
        mem_free(mem_take(&spec));
        break;
    }
    case TO_AGENT_ASSIGN: {
        const void *x = message->as.assign.x;
        mem_free(mem_take(&x));
        break;
    }
    case TO_AGENT_STOP:
        mem_free(message->as.stop.cause);
        break;
    case TO_AGENT_LIMITS:
        mem_free(mem_take(&message->as.limits.metric));
        mem_free(mem_take(&message->as.limits.items));
        break;
    case TO_AGENT_HELLO_WANTED:
    case TO_AGENT_ACK:
    case TO_AGENT_LOG_ACK:
    case TO_AGENT_NR:
        break;
    }
}

static void packet_fini(struct packet *packet)
{
    switch (packet->kind) {
    case PACKET_HELLO:
        mem_free(packet->as.hello.held);
        break;
    case PACKET_REPORT:
        shared_report_unref(packet->as.report);
        break;
    case PACKET_TO_AGENT:
        message_fini(&packet->as.message);
        break;
    case PACKET_LOG:
    case PACKET_HEARTBEAT:
    case PACKET_BYE:
        break;
    }
}

static struct packet packet_copy(const struct packet *from)
{
    struct packet to = *from;
    if (from->kind == PACKET_REPORT) {
        to.as.report = shared_report_ref(from->as.report);
    } else if (from->kind == PACKET_TO_AGENT) {
        to.as.message = message_copy(&from->as.message);
    }
    return to;
}

/* What is sent again when it is not acknowledged. Not the acknowledgements: that the
 * one of an end comes before the next assignment is what keeps `parallel`. */
static bool packet_may_be_lost(const struct packet *packet)
{
    return packet->kind == PACKET_REPORT || packet->kind == PACKET_LOG
           || (packet->kind == PACKET_TO_AGENT
               && packet->as.message.kind == TO_AGENT_LOG_ACK);
}

/* A conversation's opening is of its moment; all else may come again. */
static bool packet_may_repeat(const struct packet *packet)
{
    return packet->kind != PACKET_HELLO && packet->kind != PACKET_BYE
           && (packet->kind != PACKET_TO_AGENT
               || (packet->as.message.kind != TO_AGENT_WELCOME
                   && packet->as.message.kind != TO_AGENT_HELLO_WANTED
                   && packet->as.message.kind != TO_AGENT_REFUSE));
}

/* ---- life ---- */

struct net *net_create(struct sim *sim)
{
    struct net *net = mem_alloc(sizeof *net);
    net->rng = sim_stream(sim, "net", 0);
    return net;
}

/* Drops all but the first `keep` packets. */
static void pipe_cut(struct pipe *pipe, size_t keep)
{
    while (pipe->packets.len > pipe->first + keep) {
        packet_fini(&pipe->packets.ptr[--pipe->packets.len]);
    }
}

void net_destroy(struct net *net)
{
    for (size_t i = 0; i < net->links.len; i++) {
        struct link *link = net->links.ptr[i];
        pipe_cut(&link->to_coord, 0);
        pipe_cut(&link->to_agent, 0);
        vec_fini(&link->to_coord.packets);
        vec_fini(&link->to_agent.packets);
        mem_free(link);
    }
    for (size_t node = 0; node < SIM_AGENTS_MAX; node++) {
        for (size_t i = 0; i < net->carried_len[node]; i++) {
            packet_fini(&net->carried[node][i]);
        }
    }
    for (size_t i = 0; i < net->late.len; i++) {
        packet_fini(&net->late.ptr[i].packet);
    }
    vec_fini(&net->late);
    vec_fini(&net->links);
    mem_free(net);
}

static struct link *link_of(const struct sim *sim, uint64_t number)
{
    ASSERT(number > 0);
    ASSERT(number <= sim->net->links.len);
    return sim->net->links.ptr[number - 1];
}

/* ---- delivery ---- */

static bool pipe_take(struct pipe *pipe, struct packet *packet_out)
{
    if (pipe->first == pipe->packets.len) {
        return false;
    }
    *packet_out = pipe->packets.ptr[pipe->first++];
    if (pipe->first == pipe->packets.len) {
        pipe->first = 0;
        vec_reset(&pipe->packets);
    }
    return true;
}

static void packet_deliver(struct sim *sim,
                           uint64_t number,
                           bool to_coord,
                           const struct packet *packet)
{
    const struct link *link = link_of(sim, number);
    if (to_coord && link->coord_open) {
        coord_receive(sim, number, link->node, packet);
    } else if (!to_coord && link->agent_open) {
        node_receive(sim, link->node, number, &packet->as.message);
    }
}

static void on_late(struct sim *sim, uint64_t index, uint64_t unused)
{
    UNUSED(unused);
    struct late late = sim->net->late.ptr[index];
    if (late.to_coord
        || !node_defers(sim, link_of(sim, late.link)->node, on_late, index, 0)) {
        TRACE(sim, "over link %llu comes a message again", late.link);
        packet_deliver(sim, late.link, late.to_coord, &late.packet);
    }
}

/* True: this packet is lost. It may also be set to come again. */
static bool
untidy(struct sim *sim, uint64_t number, bool to_coord, const struct packet *packet)
{
    struct rng *rng = &sim->net->rng;
    if (sim->calm || !plan_has(&sim->plan, FAULT_UNTIDY)) {
        return false;
    }
    if (packet->kind == PACKET_REPORT) {
        oracle_report_untidy(sim, packet->as.report->report->key);
    }
    if (packet_may_repeat(packet) && rng_chance(rng, 0.02)) {
        struct late late = { .link = number,
                             .to_coord = to_coord,
                             .packet = packet_copy(packet) };
        vec_push(&sim->net->late, late);
        sim_in_ms(sim, rng_between(rng, 1, rng_chance(rng, 0.5) ? 50 : 20000), on_late,
                  sim->net->late.len - 1, 0);
    }
    return packet_may_be_lost(packet) && rng_chance(rng, 0.02);
}

/* Called once for each packet, at its time; a stall makes it later. */
static void on_arrival(struct sim *sim, uint64_t number, uint64_t to_coord)
{
    struct link *link = link_of(sim, number);
    struct pipe *pipe = to_coord != 0 ? &link->to_coord : &link->to_agent;
    int64_t until = pipe->stalled_until_ns;
    if (pipe->first == pipe->packets.len) {
        return;
    }
    if (until > sim->now_ns) {
        sim_in_ns(sim, until - sim->now_ns, on_arrival, number, to_coord);
        return;
    }
    if (to_coord == 0 && node_defers(sim, link->node, on_arrival, number, to_coord)) {
        return;
    }
    struct packet packet;
    if (pipe_take(pipe, &packet)) {
        packet_deliver(sim, number, to_coord != 0, &packet);
        packet_fini(&packet);
    }
}

static void
pipe_send(struct sim *sim, uint64_t number, bool to_coord, struct packet packet)
{
    struct link *link = link_of(sim, number);
    struct pipe *pipe = to_coord ? &link->to_coord : &link->to_agent;
    bool open = to_coord ? link->agent_open : link->coord_open;
    if (!open || link->broken || untidy(sim, number, to_coord, &packet)) {
        packet_fini(&packet);
        return;
    }
    int64_t extra_ms = sim->net->extra_ms[link->node];
    int64_t delay_ns = rng_between(&sim->net->rng, 50000, 3 * NS_PER_MS)
                       + rng_between(&sim->net->rng, 0, extra_ms) * NS_PER_MS;
    packet.at_ns = sim->now_ns + delay_ns;
    packet.at_ns = packet.at_ns > pipe->last_ns ? packet.at_ns : pipe->last_ns;
    packet.at_ns =
        packet.at_ns > pipe->stalled_until_ns ? packet.at_ns : pipe->stalled_until_ns;
    pipe->last_ns = packet.at_ns;
    vec_push(&pipe->packets, packet);
    sim_in_ns(sim, packet.at_ns - sim->now_ns, on_arrival, number, to_coord);
}

void net_to_coord(struct sim *sim, uint64_t link, struct packet packet)
{
    pipe_send(sim, link, true, packet);
}

void net_to_agent(struct sim *sim, uint64_t link, const struct message *message)
{
    if (link == 0 || link > sim->net->links.len) {
        return;
    }
    pipe_send(sim, link, false,
              (struct packet){ .kind = PACKET_TO_AGENT,
                               .as.message = message_copy(message) });
}

/* ---- connecting ---- */

uint64_t net_connect(struct sim *sim, size_t node)
{
    struct net *net = sim->net;
    if (net->cut_until_ns[node] > sim->now_ns || !coord_is_up(sim->coord)) {
        return 0;
    }
    struct link *link = mem_alloc(sizeof *link);
    link->node = node;
    link->agent_open = true;
    link->coord_open = true;
    vec_push(&net->links, link);
    uint64_t number = net->links.len;
    for (size_t i = 0; i < net->carried_len[node]; i++) {
        pipe_send(sim, number, true, net->carried[node][i]);
    }
    net->carried_len[node] = 0;
    return number;
}

/* ---- breaking ---- */

static void on_agent_hears(struct sim *sim, uint64_t number, uint64_t unused)
{
    struct link *link = link_of(sim, number);
    if (node_defers(sim, link->node, on_agent_hears, number, unused)) {
        return;
    }
    if (link->agent_open) {
        link->agent_open = false;
        pipe_cut(&link->to_agent, 0);
        node_link_down(sim, link->node, number);
    }
}

static void on_coord_hears(struct sim *sim, uint64_t number, uint64_t unused)
{
    UNUSED(unused);
    struct link *link = link_of(sim, number);
    if (link->coord_open) {
        link->coord_open = false;
        pipe_cut(&link->to_coord, 0);
        coord_link_down(sim, number);
    }
}

/* What the agent's transport had not written yet goes to the next connection. */
static void carry(struct sim *sim, struct link *link, size_t from)
{
    struct net *net = sim->net;
    struct pipe *pipe = &link->to_coord;
    size_t room = ARRAY_LEN(net->carried[0]);
    for (size_t i = pipe->first + from; i < pipe->packets.len; i++) {
        if (net->carried_len[link->node] < room) {
            net->carried[link->node][net->carried_len[link->node]++] =
                pipe->packets.ptr[i];
        } else {
            packet_fini(&pipe->packets.ptr[i]);
        }
    }
    pipe->packets.len = pipe->first + from;
}

/* Of what is under way some arrives, the rest is lost. */
static void link_break(struct sim *sim, struct link *link)
{
    struct rng *rng = &sim->net->rng;
    link->broken = true;
    size_t out = link->to_coord.packets.len - link->to_coord.first;
    size_t keep = (size_t)rng_below(rng, out + 1);
    if (plan_has(&sim->plan, FAULT_CARRY) && link->agent_open) {
        carry(sim, link, keep);
    }
    pipe_cut(&link->to_coord, keep);
    out = link->to_agent.packets.len - link->to_agent.first;
    pipe_cut(&link->to_agent, (size_t)rng_below(rng, out + 1));
}

void net_break(struct sim *sim, uint64_t number, int64_t agent_ms, int64_t coord_ms)
{
    struct link *link = link_of(sim, number);
    if (!link->broken) {
        TRACE(sim, "link %llu of agent %llu breaks", number, link->node);
        link_break(sim, link);
    }
    sim_in_ms(sim, agent_ms, on_agent_hears, number, 0);
    sim_in_ms(sim, coord_ms, on_coord_hears, number, 0);
}

void net_coord_died(struct sim *sim)
{
    for (uint64_t number = 1; number <= sim->net->links.len; number++) {
        struct link *link = link_of(sim, number);
        link->coord_open = false;
        pipe_cut(&link->to_coord, 0);
        if (!link->broken) {
            link_break(sim, link);
            sim_in_ms(sim, rng_between(&sim->net->rng, 0, 60), on_agent_hears, number,
                      0);
        }
    }
}

void net_agent_died(struct sim *sim, size_t node)
{
    struct net *net = sim->net;
    for (size_t i = 0; i < net->carried_len[node]; i++) {
        packet_fini(&net->carried[node][i]);
    }
    net->carried_len[node] = 0;
    for (uint64_t number = 1; number <= net->links.len; number++) {
        struct link *link = link_of(sim, number);
        if (link->node != node) {
            continue;
        }
        link->agent_open = false;
        pipe_cut(&link->to_agent, 0);
        if (!link->broken) {
            link_break(sim, link);
            sim_in_ms(sim, rng_between(&net->rng, 0, 60), on_coord_hears, number, 0);
        }
    }
}

/* ---- trouble ---- */

static void pipe_stall(struct sim *sim, struct pipe *pipe, int64_t ms)
{
    int64_t until = sim->now_ns + ms * NS_PER_MS;
    if (until > pipe->stalled_until_ns) {
        pipe->stalled_until_ns = until;
    }
}

void net_stall(struct sim *sim, uint64_t number, bool to_coord, int64_t ms)
{
    struct link *link = link_of(sim, number);
    TRACE(sim, "link %llu stalls, to the coordinator: %llu, for %llu ms", number,
          to_coord, (uint64_t)ms);
    pipe_stall(sim, to_coord ? &link->to_coord : &link->to_agent, ms);
}

void net_slow(struct sim *sim, size_t node, int64_t extra_ms)
{
    sim->net->extra_ms[node] = extra_ms;
}

/* A short cut only delays; a long one kills the connection, and the two sides hear of
 * it at their own times. */
void net_cut(struct sim *sim, size_t node, int64_t ms)
{
    struct net *net = sim->net;
    TRACE(sim, "agent %llu is cut off for %llu ms", node, (uint64_t)ms);
    net->cut_until_ns[node] = sim->now_ns + ms * NS_PER_MS;
    for (uint64_t number = 1; number <= net->links.len; number++) {
        struct link *link = link_of(sim, number);
        if (link->node != node || link->broken) {
            continue;
        }
        if (ms < 12000 && rng_chance(&net->rng, 0.5)) {
            pipe_stall(sim, &link->to_coord, ms);
            pipe_stall(sim, &link->to_agent, ms);
        } else {
            net_break(sim, number, rng_between(&net->rng, 5000, 25000),
                      rng_between(&net->rng, ms, ms + 60000));
        }
    }
}

void net_mend(struct sim *sim)
{
    for (size_t node = 0; node < SIM_AGENTS_MAX; node++) {
        sim->net->extra_ms[node] = 0;
        sim->net->cut_until_ns[node] = 0;
    }
}
