/* SPDX-License-Identifier: Apache-2.0 */
/* node.c – agents, simulated.
 * Owns an agent process's life, its spool and what is kept across restarts: boot
 * number, home id, spool, logs. Knows how agent/ carries out the core's effects. Does
 * not know what the core decides.
 *
 * The page cache outlives kill -9, so what was spooled is there after a crash; what the
 * core had only gathered is gone. A loss of power takes the end of both spool and
 * logs. */
#include "tests/sim/node.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "tests/sim/coord.h"
#include "tests/sim/frames.h"
#include "tests/sim/keys.h"
#include "tests/sim/oracle.h"
#include "tests/sim/proc.h"
#include "tests/sim/spool.h"
#include "tests/sim/workload.h"

#define EPOCH_MS       ((int64_t)1700000000000)
#define LIFE_OFFSET_NS (INT64_C(613) * 1000 * NS_PER_MS)

struct log_file {
    uint64_t key; /* packed */
    uint64_t size;
};

struct node {
    size_t index;
    char name[16];
    bool up, frozen;
    uint64_t boot;
    struct agent_core *core;
    uint64_t link;
    VEC(struct timer) deferred;
    int64_t timer_ns; /* the timer that counts; 0: none */
    int64_t wall_skew_ms;
    uint32_t dies_in; /* effects; 0: not */
    bool dying;
    bool power; /* the machine dies with it */
    bool left;  /* EXIT was asked for */
    int64_t full_until_ns;
    struct rng rng;
    /* On disk: */
    char *home_id;
    struct sim_spool *spool;
    VEC(struct log_file) logs;
    struct folders folders;
};

static void on_connect(struct sim *sim, uint64_t index, uint64_t boot);
static void on_boot(struct sim *sim, uint64_t index, uint64_t unused);

const char *node_name(const struct sim *sim, size_t node)
{
    return sim->nodes.ptr[node]->name;
}

uint64_t node_link(const struct sim *sim, size_t node)
{
    return sim->nodes.ptr[node]->link;
}

uint64_t node_boot(const struct sim *sim, size_t node)
{
    const struct node *n = sim->nodes.ptr[node];
    return n->up ? n->boot : 0;
}

bool node_defers(struct sim *sim, size_t node, sim_fn fn, uint64_t a, uint64_t b)
{
    struct node *n = sim->nodes.ptr[node];
    if (!n->up || !n->frozen) {
        return false;
    }
    struct timer timer = { .fn = fn, .a = a, .b = b };
    vec_push(&n->deferred, timer);
    return true;
}

/* ---- logs ---- */

static struct log_file *log_of(struct node *node, struct attempt_key key)
{
    uint64_t packed = key_pack(key);
    for (size_t i = 0; i < node->logs.len; i++) {
        if (node->logs.ptr[i].key == packed) {
            return &node->logs.ptr[i];
        }
    }
    return NULL;
}

static void log_remove(struct node *node, struct attempt_key key)
{
    const struct log_file *log = log_of(node, key);
    if (log != NULL) {
        size_t at = (size_t)(log - node->logs.ptr);
        vec_remove_at(&node->logs, at);
    }
}

void node_log_grew(struct sim *sim, size_t index, const struct proc *proc, uint64_t to)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up || node->boot != proc->boot) {
        return;
    }
    struct log_file *log = log_of(node, proc->key);
    if (log == NULL) {
        vec_push(&node->logs, ((struct log_file){ .key = key_pack(proc->key) }));
        log = &node->logs.ptr[node->logs.len - 1];
    }
    log->size = to;
    node_step(sim, index,
              (struct agent_event){ .kind = AGENT_EV_LOG_GREW,
                                    .serial = proc->serial,
                                    .as.log_size = to });
}

/* ---- checkpoints ---- */

struct folders *node_folders(struct sim *sim, size_t index, struct attempt_key key)
{
    switch (oracle_checkpoint(sim, key)) {
    case CHECKPOINT_LOCAL:
        return &sim->nodes.ptr[index]->folders;
    case CHECKPOINT_PATH:
        return &sim->shared;
    case CHECKPOINT_NONE:
    case CHECKPOINT_NR:
        break;
    }
    return NULL;
}

static void
forget(struct sim *sim, struct node *node, const struct agent_effect *effect)
{
    log_remove(node, effect->key);
    if (effect->as.forget.drop_checkpoint) {
        TRACE(sim, "agent %llu drops the checkpoint of %llx", node->index,
              key_pack(effect->key));
        oracle_dropped(sim, node->index, effect->key);
        struct folders *folders = node_folders(sim, node->index, effect->key);
        if (folders != NULL) {
            folder_remove(folders, effect->key);
        }
    }
}

/* ---- death ---- */

static void disk_dies(struct sim *sim, struct node *node)
{
    if (node->left) {
        sim_spool_close(node->spool);
    }
    sim_spool_die(node->spool, sim, node->power ? &node->rng : NULL, oracle_lost);
    for (size_t i = 0; i < node->logs.len && node->power; i++) {
        struct log_file *log = &node->logs.ptr[i];
        log->size = rng_chance(&node->rng, 0.5) ? rng_below(&node->rng, log->size + 1)
                                                : log->size;
    }
    node->power = false;
}

static void node_die(struct sim *sim, struct node *node)
{
    TRACE(sim, "agent %llu dies, boot %llu", node->index, node->boot);
    for (size_t i = 0; i < sim->procs.len; i++) {
        struct proc *proc = sim->procs.ptr[i];
        if (proc->node == node->index && proc->state != PROC_DEAD) {
            proc_orphan(proc);
        }
    }
    disk_dies(sim, node);
    agent_core_destroy(node->core);
    node->core = NULL;
    node->up = false;
    node->frozen = false;
    node->dying = false;
    node->left = false;
    node->dies_in = 0;
    node->timer_ns = 0;
    node->link = 0;
    vec_reset(&node->deferred);
    net_agent_died(sim, node->index);
    int64_t away_ms = rng_chance(&node->rng, 0.3)
                          ? rng_between(&node->rng, 20000, 90000)
                          : rng_between(&node->rng, 100, 5000);
    sim_in_ms(sim, away_ms, on_boot, node->index, 0);
}

static void settle(struct sim *sim, struct node *node)
{
    if (node->up && (node->dying || node->left)) {
        node_die(sim, node);
    }
}

/* ---- effects ---- */

static struct proc *proc_of(struct sim *sim, const struct node *node, uint64_t serial)
{
    for (size_t i = sim->procs.len; i-- > 0;) {
        struct proc *proc = sim->procs.ptr[i];
        if (proc->node == node->index && proc->boot == node->boot
            && proc->serial == serial) {
            return proc;
        }
    }
    return NULL;
}

static void
send_hello(struct sim *sim, const struct node *node, const struct agent_effect *fx)
{
    size_t len = fx->as.hello.held_len;
    struct held_attempt *held = mem_alloc_array(len, sizeof *held);
    for (size_t i = 0; i < len; i++) {
        const struct agent_held *from = &fx->as.hello.held[i];
        held[i] = (struct held_attempt){ .key = from->key,
                                         .started = from->started,
                                         .ended = from->ended,
                                         .next_seq = from->next_seq,
                                         .boot = from->boot };
    }
    net_to_coord(
        sim, node->link,
        (struct packet){
            .kind = PACKET_HELLO,
            .as.hello = { .held = held, .held_len = len, .boot = node->boot } });
}

static void start(struct sim *sim, struct node *node, const struct agent_effect *effect)
{
    TRACE(sim, "agent %llu starts %llx", node->index, key_pack(effect->key));
    struct proc *proc = proc_start(sim, node->index, node->boot, effect);
    sim->totals.attempts++;
    oracle_started(sim, proc);
}

static void
spool_append(struct sim *sim, struct node *node, struct agent_effect *effect)
{
    struct shared_report *shared = mem_alloc(sizeof *shared);
    shared->report = mem_take(&effect->as.report);
    shared->refs = 1;
    bool full = node->full_until_ns > sim->now_ns;
    bool fresh = sim_spool_append(node->spool, effect->id, shared, sim->now_ns, full);
    SIM_CHECK(sim, fresh, "agent %zu uses spool id %llu twice", node->index,
              (unsigned long long)effect->id);
    oracle_spooled(sim, node->index, shared->report);
}

static void spool_trim(struct sim *sim, struct node *node, uint64_t id)
{
    const struct shared_report *shared = sim_spool_get(node->spool, id);
    SIM_CHECK(sim, shared != NULL, "agent %zu trims spool id %llu, which is not there",
              node->index, (unsigned long long)id);
    oracle_trimmed(sim, shared->report);
    bool there = sim_spool_trim(node->spool, id);
    ASSERT(there);
}

static void report_send(struct sim *sim, struct node *node, uint64_t id)
{
    struct shared_report *shared = sim_spool_get(node->spool, id);
    SIM_CHECK(sim, shared != NULL, "agent %zu sends spool id %llu, which is not there",
              node->index, (unsigned long long)id);
    if (node->link != 0) {
        net_to_coord(sim, node->link,
                     (struct packet){ .kind = PACKET_REPORT,
                                      .as.report = shared_report_ref(shared) });
    }
}

static void
log_send(struct sim *sim, struct node *node, const struct agent_effect *effect)
{
    const struct log_file *log = log_of(node, effect->key);
    uint64_t end = effect->as.log_send.offset + effect->as.log_send.len;
    SIM_CHECK(sim, log != NULL && end <= log->size,
              "agent %zu sends log bytes that are not there", node->index);
    net_to_coord(sim, node->link,
                 (struct packet){ .kind = PACKET_LOG,
                                  .as.log = { .key = effect->key,
                                              .offset = effect->as.log_send.offset,
                                              .len = effect->as.log_send.len } });
}

static void
signal_proc(struct sim *sim, const struct node *node, const struct agent_effect *effect)
{
    struct proc *proc = proc_of(sim, node, effect->serial);
    if (proc == NULL) {
        return;
    }
    if (effect->kind == AGENT_FX_TERM) {
        TRACE(sim, "agent %llu: TERM to %llx", node->index, key_pack(proc->key));
        oracle_term(sim, proc, effect->as.grace_ms);
        proc_term(sim, proc, effect->as.grace_ms);
    } else {
        TRACE(sim, "agent %llu: KILL to %llx", node->index, key_pack(proc->key));
        proc_kill(sim, proc);
    }
}

static void effect_run(struct sim *sim, struct node *node, struct agent_effect *effect)
{
    switch (effect->kind) {
    case AGENT_FX_HELLO:
        send_hello(sim, node, effect);
        return;
    case AGENT_FX_HEARTBEAT:
        net_to_coord(sim, node->link,
                     (struct packet){ .kind = PACKET_HEARTBEAT,
                                      .as.leaving = effect->as.leaving });
        return;
    case AGENT_FX_BYE:
        net_to_coord(sim, node->link, (struct packet){ .kind = PACKET_BYE });
        return;
    case AGENT_FX_START:
        start(sim, node, effect);
        return;
    case AGENT_FX_TERM:
    case AGENT_FX_KILL:
        signal_proc(sim, node, effect);
        return;
    case AGENT_FX_SPOOL_APPEND:
        spool_append(sim, node, effect);
        return;
    case AGENT_FX_REPORT_SEND:
        report_send(sim, node, effect->id);
        return;
    case AGENT_FX_SPOOL_TRIM:
        spool_trim(sim, node, effect->id);
        return;
    case AGENT_FX_LOG_SEND:
        log_send(sim, node, effect);
        return;
    case AGENT_FX_FORGET:
        forget(sim, node, effect);
        return;
    case AGENT_FX_HOME:
        mem_free(node->home_id);
        node->home_id = mem_take(&effect->as.text);
        return;
    case AGENT_FX_EXIT:
        node->left = true;
        return;
    case AGENT_FX_READY:
    case AGENT_FX_REFUSED:
    case AGENT_FX_NOTE:
        return;
    case AGENT_FX_NR:
        break;
    }
    UNREACHABLE();
}

/* ---- steps ---- */

int64_t node_wall_ms(const struct sim *sim, size_t index)
{
    return EPOCH_MS + sim_now_ms(sim) + sim->nodes.ptr[index]->wall_skew_ms;
}

static struct mono node_mono(const struct sim *sim, const struct node *node)
{
    return (struct mono){ sim->now_ns + (int64_t)node->boot * LIFE_OFFSET_NS };
}

static void on_timer(struct sim *sim, uint64_t index, uint64_t timer_ns)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up || node->timer_ns != (int64_t)timer_ns
        || node_defers(sim, index, on_timer, index, timer_ns)) {
        return;
    }
    node->timer_ns = 0;
    node_step(sim, index, (struct agent_event){ .kind = AGENT_EV_TIMER });
}

static void arm(struct sim *sim, struct node *node)
{
    struct mono at = { 0 };
    if (!agent_core_deadline(node->core, &at)) {
        return;
    }
    int64_t due_ms = mono_until_ms(at, node_mono(sim, node));
    int64_t at_ns = sim->now_ns + due_ms * NS_PER_MS;
    if (node->timer_ns == 0 || at_ns < node->timer_ns) {
        node->timer_ns = at_ns;
        sim_in_ns(sim, at_ns - sim->now_ns, on_timer, node->index, (uint64_t)at_ns);
    }
}

void node_step(struct sim *sim, size_t index, struct agent_event event)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up || node->dying || node->left) {
        return;
    }
    struct agent_effects effects = { 0 };
    event.now = node_mono(sim, node);
    event.wall = (struct wall){ node_wall_ms(sim, index) };
    agent_step(node->core, &event, &effects);
    agent_core_check(node->core);
    sim->totals.steps++;
    for (size_t i = 0; i < effects.items.len && !node->dying; i++) {
        effect_run(sim, node, &effects.items.ptr[i]);
        if (node->dies_in > 0 && --node->dies_in == 0) {
            node->dying = true;
        }
    }
    agent_effects_fini(&effects);
    if (!node->dying && !node->left) {
        arm(sim, node);
    }
    settle(sim, node);
}

/* ---- connection ---- */

static void on_connect(struct sim *sim, uint64_t index, uint64_t boot)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up || node->boot != boot || node->link != 0
        || node_defers(sim, index, on_connect, index, boot)) {
        return;
    }
    node->link = net_connect(sim, index);
    if (node->link == 0) {
        sim_in_ms(sim, rng_between(&node->rng, 100, 1500), on_connect, index, boot);
        return;
    }
    TRACE(sim, "agent %llu connects by link %llu", index, node->link);
    node_step(sim, index, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
}

void node_link_down(struct sim *sim, size_t index, uint64_t link)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up || node->link != link) {
        return;
    }
    TRACE(sim, "agent %llu hears that link %llu is down", index, link);
    node->link = 0;
    sim_in_ms(sim, rng_between(&node->rng, 20, 500), on_connect, index, node->boot);
    node_step(sim, index, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
}

/* The event that the message comes to be: by way of bytes in runs that want them. */
static void give(struct sim *sim,
                 size_t index,
                 const struct message *message,
                 struct agent_event event)
{
    if (sim->frames != NULL) {
        frames_to_agent(sim, message, &event);
    }
    node_step(sim, index, event);
}

static void receive_welcome(struct sim *sim, size_t index, const struct message *from)
{
    size_t len = from->as.welcome.verdicts_len;
    AUTO_FREE struct agent_verdict *verdicts = mem_alloc_array(len, sizeof *verdicts);
    for (size_t i = 0; i < len; i++) {
        const struct verdict *v = &from->as.welcome.verdicts[i];
        verdicts[i] =
            (struct agent_verdict){ .key = v->key,
                                    .verdict = (enum agent_verdict_kind)v->verdict,
                                    .acked_seq = v->acked_seq,
                                    .log_acked = v->log_acked };
        TRACE(sim, "agent %llu: verdict %llu on %llx, seq %llu", index, v->verdict,
              key_pack(v->key), v->acked_seq);
        oracle_verdict(sim, v);
    }
    give(sim, index, from,
         (struct agent_event){ .kind = AGENT_EV_WELCOME,
                               .as.welcome = { .home_id = SIM_HOME_ID,
                                               .lease_ms = SIM_LEASE_MS,
                                               .verdicts = verdicts,
                                               .verdicts_len = len } });
}

static void receive_assign(struct sim *sim, size_t index, const struct message *message)
{
    const struct msg_assign *from = &message->as.assign;
    TRACE(sim, "agent %llu is assigned %llx, prefetch %llu", index, key_pack(from->key),
          from->prefetch);
    give(sim, index, message,
         (struct agent_event){ .kind = AGENT_EV_ASSIGN,
                               .as.assign = { .key = from->key,
                                              .run_id = from->run_id,
                                              .x = from->x,
                                              .x_len = from->x_len,
                                              .gpu_mask = from->gpu_mask,
                                              .prefetch = from->prefetch,
                                              .fresh = from->fresh,
                                              .revision = from->revision } });
}

static void receive_ack(struct sim *sim, size_t index, const struct message *message)
{
    const struct msg_ack *from = &message->as.ack;
    TRACE(sim, "agent %llu: %llx acknowledged up to %llu, again %llu", index,
          key_pack(from->key), from->seq, from->resend);
    oracle_acked(sim, from->key, from->seq);
    give(
        sim, index, message,
        (struct agent_event){ .kind = AGENT_EV_ACK,
                              .as.ack = { .key = from->key,
                                          .seq = from->seq,
                                          .resend = from->resend,
                                          .drop_checkpoint = from->drop_checkpoint } });
}

static void receive_stop(struct sim *sim, size_t index, const struct message *message)
{
    const struct msg_stop *from = &message->as.stop;
    TRACE(sim, "agent %llu is to stop %llx, reason %llu, only unstarted %llu", index,
          key_pack(from->key), from->reason, from->only_unstarted);
    give(sim, index, message,
         (struct agent_event){ .kind = AGENT_EV_STOP,
                               .as.stop = { .key = from->key,
                                            .reason = from->reason,
                                            .only_unstarted = from->only_unstarted,
                                            .cause = from->cause } });
}

void node_receive(struct sim *sim,
                  size_t index,
                  uint64_t link,
                  const struct message *message)
{
    const struct node *node = sim->nodes.ptr[index];
    struct agent_event event = { 0 };
    if (!node->up || node->link != link) {
        return;
    }
    switch (message->kind) {
    case TO_AGENT_WELCOME:
        receive_welcome(sim, index, message);
        return;
    case TO_AGENT_ASSIGN:
        receive_assign(sim, index, message);
        return;
    case TO_AGENT_ACK:
        receive_ack(sim, index, message);
        return;
    case TO_AGENT_STOP:
        receive_stop(sim, index, message);
        return;
    case TO_AGENT_LIMITS:
        event.kind = AGENT_EV_LIMITS;
        event.as.limits = message->as.limits;
        break;
    case TO_AGENT_HELLO_WANTED:
        event.kind = AGENT_EV_HELLO_WANTED;
        break;
    case TO_AGENT_REFUSE:
        event.kind = AGENT_EV_REFUSE;
        event.as.refuse_text = message->as.refuse.text;
        break;
    case TO_AGENT_SWEEP:
        event.kind = AGENT_EV_SWEEP;
        event.as.sweep = workload_sweep_event(&message->as.sweep);
        break;
    case TO_AGENT_LOG_ACK:
        event.kind = AGENT_EV_LOG_ACK;
        event.as.log_ack.key = message->as.log_ack.key;
        event.as.log_ack.offset = message->as.log_ack.offset;
        break;
    case TO_AGENT_NR:
        UNREACHABLE();
    }
    give(sim, index, message, event);
}

/* ---- birth ---- */

/* The spool numbers what it finds from 1 on; gives what the core must hear. */
static void restore(struct sim *sim, struct node *node)
{
    uint64_t found = sim_spool_open(node->spool);
    for (uint64_t id = 1; id <= found; id++) {
        const struct agent_report *report = sim_spool_get(node->spool, id)->report;
        const struct log_file *log = log_of(node, report->key);
        uint64_t entries = report->has_started + report->points_len + report->notes_len
                           + report->has_ended;
        struct agent_event event = { .kind = AGENT_EV_RESTORED };
        event.as.restored =
            (struct agent_ev_restored){ .key = report->key,
                                        .run_id = report->run_id,
                                        .boot = report->boot,
                                        .id = id,
                                        .first_seq = report->first_seq,
                                        .last_seq = report->first_seq + entries - 1,
                                        .bytes = 100 + entries * 24,
                                        .has_started = report->has_started,
                                        .has_ended = report->has_ended,
                                        .log_size = log != NULL ? log->size : 0 };
        node_step(sim, node->index, event);
    }
    node_step(sim, node->index, (struct agent_event){ .kind = AGENT_EV_RESTORE_DONE });
}

struct agent_core_config node_identity(const struct sim *sim, size_t index)
{
    static const uint32_t gpus[] = { 0, 1, 2, 3 };
    const struct node *node = sim->nodes.ptr[index];
    const struct plan_agent *plan = &sim->plan.agents[index];
    return (struct agent_core_config){ .agent_id = node->name,
                                       .host = "node",
                                       .program = "sim",
                                       .home_id = node->home_id,
                                       .boot = node->boot,
                                       .pid = 1,
                                       .slots = plan->slots,
                                       .cpus = 64,
                                       .gpus = gpus,
                                       .gpus_len = plan->gpus,
                                       .spool_bytes_max = plan->spool_bytes_max,
                                       .shutdown_ms = 5000 };
}

static void on_boot(struct sim *sim, uint64_t index, uint64_t unused)
{
    UNUSED(unused);
    struct node *node = sim->nodes.ptr[index];
    if (node->up) {
        return;
    }
    node->boot++;
    TRACE(sim, "agent %llu boots, boot %llu, %llu reports in its spool", index,
          node->boot, sim_spool_live(node->spool));
    struct agent_core_config config = node_identity(sim, index);
    node->core = agent_core_create(&config);
    node->up = true;
    restore(sim, node);
    sim_in_ms(sim, rng_between(&node->rng, 1, 100), on_connect, index, node->boot);
}

void nodes_create(struct sim *sim)
{
    for (size_t i = 0; i < sim->plan.agents_len; i++) {
        struct node *node = mem_alloc(sizeof *node);
        node->index = i;
        node->rng = sim_stream(sim, "node", i);
        int len = snprintf(node->name, sizeof node->name, "agent-%zu", i);
        ASSERT(len > 0);
        node->spool = sim_spool_create();
        vec_push(&sim->nodes, node);
        sim_in_ms(sim, rng_between(&node->rng, 0, 3000), on_boot, i, 0);
    }
}

void nodes_destroy(struct sim *sim)
{
    procs_destroy(sim);
    for (size_t i = 0; i < sim->nodes.len; i++) {
        struct node *node = sim->nodes.ptr[i];
        sim_spool_destroy(node->spool);
        agent_core_destroy(node->core);
        mem_free(node->home_id);
        vec_fini(&node->logs);
        folders_fini(&node->folders);
        vec_fini(&node->deferred);
        mem_free(node);
    }
    vec_fini(&sim->nodes);
    folders_fini(&sim->shared);
}

void nodes_explain(const struct sim *sim)
{
    for (size_t i = 0; i < sim->nodes.len; i++) {
        const struct node *node = sim->nodes.ptr[i];
        struct agent_core_counts counts = { 0 };
        if (node->up) {
            agent_core_counts(node->core, &counts);
        }
        fprintf(stderr,
                "%s: up %d, frozen %d, boot %llu, link %llu, ready %d, holds %zu, "
                "queued %zu, occupied %zu, spooled %zu\n",
                node->name, node->up, node->frozen, (unsigned long long)node->boot,
                (unsigned long long)node->link, counts.ready, counts.held,
                counts.queued, counts.occupied, sim_spool_live(node->spool));
    }
}

bool nodes_at_rest(struct sim *sim)
{
    for (size_t i = 0; i < sim->nodes.len; i++) {
        const struct node *node = sim->nodes.ptr[i];
        struct agent_core_counts counts;
        if (!node->up || node->frozen) {
            return false;
        }
        agent_core_counts(node->core, &counts);
        if (!counts.ready || counts.held > 0 || sim_spool_live(node->spool) > 0) {
            return false;
        }
    }
    for (size_t i = 0; i < sim->procs.len; i++) {
        if (sim->procs.ptr[i]->state != PROC_DEAD) {
            return false;
        }
    }
    return true;
}

/* ---- faults ---- */

void node_kill(struct sim *sim, size_t index, uint32_t effects)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up) {
        return;
    }
    if (effects == 0) {
        node_die(sim, node);
    } else {
        node->dies_in = effects;
    }
}

void node_power_loss(struct sim *sim, size_t index, uint32_t effects)
{
    struct node *node = sim->nodes.ptr[index];
    node->power = node->up;
    node_kill(sim, index, effects);
}

void node_disk_full(struct sim *sim, size_t index, int64_t ms)
{
    TRACE(sim, "agent %llu has no space for %llu ms", index, (uint64_t)ms);
    sim->nodes.ptr[index]->full_until_ns = sim->now_ns + ms * NS_PER_MS;
}

void node_leave(struct sim *sim, size_t index, bool now)
{
    TRACE(sim, "agent %llu is asked to end, now %llu", index, now);
    if (!sim->nodes.ptr[index]->frozen) {
        node_step(
            sim, index,
            (struct agent_event){ .kind = AGENT_EV_SHUTDOWN, .as.shutdown_now = now });
    }
}

static void on_thaw(struct sim *sim, uint64_t index, uint64_t boot)
{
    struct node *node = sim->nodes.ptr[index];
    if (!node->up || node->boot != boot || !node->frozen) {
        return;
    }
    TRACE(sim, "agent %llu thaws", index);
    node->frozen = false;
    for (size_t i = 0; i < node->deferred.len; i++) {
        const struct timer *timer = &node->deferred.ptr[i];
        sim_in_ns(sim, 0, timer->fn, timer->a, timer->b);
    }
    vec_reset(&node->deferred);
}

void node_freeze(struct sim *sim, size_t index, int64_t ms)
{
    struct node *node = sim->nodes.ptr[index];
    if (node->up && !node->frozen) {
        TRACE(sim, "agent %llu freezes for %llu ms", index, (uint64_t)ms);
        node->frozen = true;
        sim_in_ms(sim, ms, on_thaw, index, node->boot);
    }
}

void node_clock_jump(struct sim *sim, size_t index, int64_t ms)
{
    sim->nodes.ptr[index]->wall_skew_ms += ms;
}

void nodes_mend(struct sim *sim)
{
    for (size_t i = 0; i < sim->nodes.len; i++) {
        sim->nodes.ptr[i]->dies_in = 0;
        sim->nodes.ptr[i]->power = false;
        sim->nodes.ptr[i]->full_until_ns = 0;
    }
}
