/* SPDX-License-Identifier: Apache-2.0 */
/* engine_agent.c – agents: who is connected, what they hold, and when they are given
 * up. Owns sessions, leases and verdicts on held attempts. Knows attempts. Does not
 * know budgets or samplers.
 *
 * An agent is one process on a node: id (kept in its work-dir) and boot (grows with
 * every start). Its lease begins with each word from it and is looked at lazily: the
 * heap holds the deadline that was true when it was pushed, a tick pushes it on if the
 * agent was heard since. When the lease is over the connection is forgotten too, so
 * that a thawed agent is asked to say hello and comes back through the same door as
 * everybody else.
 */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "core/engine_internal.h"

/* Takes text. */
static void
/* NOLINTNEXTLINE(readability-non-const-parameter): the effect owns it */
refuse(struct effects *effects, uint64_t peer, enum err_code code, char *text)
{
    struct message message = { .kind = TO_AGENT_REFUSE,
                               .as.refuse = { .code = code, .text = text } };
    engine_send(effects, peer, message);
}

static void agent_forget_peer(struct engine *engine, struct agent *agent)
{
    if (agent->peer != 0) {
        map_u64_del(&engine->peers, agent->peer);
        agent->peer = 0;
    }
}

static void agent_touch(struct engine *engine, struct agent *agent)
{
    agent->seen = engine->now;
    if (!agent->expected) {
        engine_expect(engine, agent);
    }
}

void engine_expect(struct engine *engine, struct agent *agent)
{
    agent->expected = true;
    agent->seen = engine->now;
    heap_update(&engine->leases, &agent->lease_node,
                mono_add_ms(engine->now, engine->lease_ms).ns);
}

static void agent_stop_expecting(struct engine *engine, struct agent *agent)
{
    if (agent->expected) {
        agent->expected = false;
        heap_remove(&engine->leases, &agent->lease_node);
    }
}

struct agent *
engine_heard(struct engine *engine, const struct event *event, struct effects *effects)
{
    struct agent *agent = map_u64_get(&engine->peers, event->peer);
    if (agent == NULL) {
        struct message message = { .kind = TO_AGENT_HELLO_WANTED };
        engine_send(effects, event->peer, message);
        return NULL;
    }
    agent_touch(engine, agent);
    return agent;
}

void engine_on_heartbeat(struct engine *engine,
                         const struct event *event,
                         struct effects *effects)
{
    struct agent *agent = engine_heard(engine, event, effects);
    if (agent != NULL && event->as.leaving) {
        agent->leaving = true;
    }
}

/* ---- the lease ---- */

static void
requeue_all(struct engine *engine, struct agent *agent, struct effects *effects)
{
    AUTO_FREE char *cause = mem_printf("agent '%s' silent for %lld s", agent->id,
                                       (long long)(engine->lease_ms / MS_PER_S));
    LIST_FOREACH (node, &agent->attempts) {
        struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (attempt->suspect) {
            continue;
        }
        struct record record = { .kind = REC_REQUEUED,
                                 .key = attempt_key_of(attempt),
                                 .run_key = attempt->trial->run_key,
                                 .cause = cause };
        engine_emit(engine, effects, &record);
    }
}

static void expire(struct engine *engine, struct agent *agent, struct effects *effects)
{
    agent_stop_expecting(engine, agent);
    agent_forget_peer(engine, agent);
    if (!list_is_empty(&agent->attempts)) {
        engine_warn(effects, mem_printf("agent lost id=%s attempts=%zu", agent->id,
                                        agent->attempts.len));
    }
    requeue_all(engine, agent, effects);
}

/* A lease ends with one record an attempt, and a crash can part them: no agent is left
 * with suspect attempts beside others. */
void engine_await(struct engine *engine, struct agent *agent, struct effects *effects)
{
    LIST_FOREACH (node, &agent->attempts) {
        if (container_of(node, struct attempt, agent_node)->suspect) {
            requeue_all(engine, agent, effects);
            return;
        }
    }
    engine_expect(engine, agent);
}

void engine_expire_leases(struct engine *engine, struct effects *effects)
{
    struct heap_node *node = heap_min(&engine->leases);
    while (node != NULL && node->key <= engine->now.ns) {
        struct agent *agent = container_of(node, struct agent, lease_node);
        struct mono deadline = mono_add_ms(agent->seen, engine->lease_ms);
        if (deadline.ns > engine->now.ns) {
            heap_update(&engine->leases, node, deadline.ns);
        } else {
            expire(engine, agent, effects);
        }
        node = heap_min(&engine->leases);
    }
}

/* ---- hello ---- */

/* Why this hello cannot be accepted; NULL when it can. *code_out says of what kind. */
static char *hello_objection(const struct engine *engine,
                             const struct ev_hello *hello,
                             enum err_code *code_out)
{
    if (hello->agent_id == NULL || hello->agent_id[0] == '\0' || hello->slots == 0) {
        *code_out = ERR_INVALID;
        return mem_strdup("an agent needs an id and at least one slot");
    }
    if (hello->user != NULL && strcmp(hello->user, hello->agent_id) != 0) {
        *code_out = ERR_DENIED;
        return mem_printf("key '%s' may not speak as agent '%s'", hello->user,
                          hello->agent_id);
    }
    const struct agent *known =
        map_str_get(&engine->agents_by_id, str_from(hello->agent_id));
    if (known != NULL && hello->boot < known->boot) {
        *code_out = ERR_STATE;
        return mem_printf(
            "a newer process of agent '%s' was seen (boot %llu, yours %llu)",
            hello->agent_id, (unsigned long long)known->boot,
            (unsigned long long)hello->boot);
    }
    return NULL;
}

/* Attempts of an earlier process of this agent died with it. The newest first, so that
 * the oldest comes to the head of the queue. */
static void lose_old_boots(struct engine *engine,
                           struct agent *agent,
                           uint64_t boot,
                           struct effects *effects)
{
    AUTO_VEC VEC(struct attempt *) old = { 0 };
    LIST_FOREACH (node, &agent->attempts) {
        struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (attempt->boot < boot) {
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            vec_push(&old, attempt);
        }
    }
    for (size_t i = old.len; i > 0; i--) {
        engine_lose(engine, old.ptr[i - 1], old.ptr[i - 1]->started,
                    "its agent was restarted", effects);
    }
}

static struct agent *
admit(struct engine *engine, const struct ev_hello *hello, struct effects *effects)
{
    struct agent *agent = map_str_get(&engine->agents_by_id, str_from(hello->agent_id));
    if (agent != NULL && agent->boot == hello->boot) {
        return agent;
    }
    if (agent != NULL) {
        lose_old_boots(engine, agent, hello->boot, effects);
    }
    struct record record = {
        .kind = REC_AGENT,
        .as.agent = { .agent = agent != NULL ? agent->key : engine->next_agent,
                      .id = hello->agent_id,
                      .host = hello->host,
                      .boot = hello->boot,
                      .pid = hello->pid,
                      .slots = hello->slots },
    };
    engine_emit(engine, effects, &record);
    return map_str_get(&engine->agents_by_id, str_from(hello->agent_id));
}

static void
adopt(struct engine *engine, struct attempt *attempt, struct effects *effects)
{
    struct record record = { .kind = REC_ADOPTED,
                             .key = attempt_key_of(attempt),
                             .run_key = attempt->trial->run_key,
                             .cause = "its agent came back" };
    engine_emit(engine, effects, &record);
}

static struct verdict judge(struct engine *engine,
                            const struct agent *agent,
                            const struct held_attempt *held,
                            struct effects *effects)
{
    struct verdict verdict = { .key = held->key, .verdict = VERDICT_FORGET };
    const struct trial *trial = engine_trial(engine, held->key);
    if (trial == NULL || held->key.attempt == 0
        || held->key.attempt > trial->attempts) {
        return verdict;
    }
    struct attempt *live = trial->live;
    if (live == NULL || live->number != held->key.attempt || live->agent != agent
        || live->boot != held->boot) {
        verdict.verdict = VERDICT_STOP; /* superseded: kept as its own history */
        return verdict;
    }
    if (live->suspect) {
        adopt(engine, live, effects);
    }
    verdict.verdict = VERDICT_KEEP;
    verdict.acked_seq = live->seq;
    verdict.log_acked = live->log_bytes;
    return verdict;
}

static bool hello_holds(const struct ev_hello *hello, struct attempt_key key)
{
    for (size_t i = 0; i < hello->held_len; i++) {
        if (attempt_key_eq(hello->held[i].key, key)) {
            return true;
        }
    }
    return false;
}

/* Attempts the agent does not hold: the assignment never arrived, so it is repeated;
 * one that had started and is gone was lost. */
static void mend_missing(struct engine *engine,
                         struct agent *agent,
                         const struct ev_hello *hello,
                         struct effects *effects)
{
    LIST_FOREACH_SAFE (node, next, &agent->attempts) {
        struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (hello_holds(hello, attempt_key_of(attempt))) {
            continue;
        }
        if (attempt->started || attempt->suspect || attempt->stop != STOP_NONE) {
            engine_lose(engine, attempt, attempt->started, "its agent does not have it",
                        effects);
        } else {
            engine_send_assign(attempt, effects);
        }
    }
}

static void agent_set_offer(struct agent *agent, const struct ev_hello *hello)
{
    agent->slots = hello->slots;
    agent->cpus = hello->cpus;
    agent->memory_bytes = hello->memory_bytes;
    agent->gpu_mask = hello->gpu_mask;
    agent->only_sweep = hello->only_sweep;
    agent->wanted = 0;
}

static void send_pending_stops(struct agent *agent, struct effects *effects)
{
    LIST_FOREACH (node, &agent->attempts) {
        const struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (attempt->stop == STOP_NONE) {
            continue;
        }
        struct message message = { .kind = TO_AGENT_STOP,
                                   .as.stop = { .key = attempt_key_of(attempt),
                                                .reason = attempt->stop,
                                                .only_unstarted =
                                                    attempt->stop == STOP_RECALLED } };
        engine_send(effects, agent->peer, message);
    }
}

void engine_on_hello(struct engine *engine,
                     const struct event *event,
                     struct effects *effects)
{
    const struct ev_hello *hello = &event->as.hello;
    enum err_code code = ERR_OK;
    char *objection = hello_objection(engine, hello, &code);
    if (objection != NULL) {
        refuse(effects, event->peer, code, objection);
        return;
    }
    struct agent *agent = admit(engine, hello, effects);
    agent_forget_peer(engine, agent);
    agent->peer = event->peer;
    map_u64_set(&engine->peers, agent->peer, agent);
    map_u64_fini(&agent->sweeps_sent);
    map_u64_init(&agent->sweeps_sent);
    agent_set_offer(agent, hello);
    agent->leaving = false;
    agent_touch(engine, agent);

    struct verdict *verdicts = mem_alloc_array(hello->held_len, sizeof *verdicts);
    for (size_t i = 0; i < hello->held_len; i++) {
        verdicts[i] = judge(engine, agent, &hello->held[i], effects);
    }
    struct message welcome = { .kind = TO_AGENT_WELCOME,
                               .as.welcome = { .verdicts = verdicts,
                                               .verdicts_len = hello->held_len } };
    engine_send(effects, agent->peer, welcome);
    mend_missing(engine, agent, hello, effects);
    send_pending_stops(agent, effects);
    LIST_FOREACH (node, &agent->attempts) {
        engine_send_limits(container_of(node, struct attempt, agent_node), effects);
    }
}

/* ---- on demand ---- */

void engine_on_want(struct engine *engine,
                    const struct event *event,
                    struct effects *effects)
{
    struct agent *agent = engine_heard(engine, event, effects);
    if (agent != NULL) {
        agent->wanted = event->as.want;
    }
}

/* ---- goodbye ---- */

void engine_on_bye(struct engine *engine,
                   const struct event *event,
                   struct effects *effects)
{
    struct agent *agent = map_u64_get(&engine->peers, event->peer);
    if (agent == NULL) {
        return;
    }
    LIST_FOREACH_SAFE (node, next, &agent->attempts) {
        struct attempt *attempt = container_of(node, struct attempt, agent_node);
        engine_lose(engine, attempt, attempt->started, "its agent said goodbye",
                    effects);
    }
    agent_stop_expecting(engine, agent);
    agent_forget_peer(engine, agent);
}

void engine_on_peer_lost(struct engine *engine, uint64_t peer)
{
    struct agent *agent = map_u64_get(&engine->peers, peer);
    if (agent != NULL) {
        agent_forget_peer(engine, agent);
    }
}
