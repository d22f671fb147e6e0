/* SPDX-License-Identifier: Apache-2.0 */
/* fake_agent.c – the agent's side of the protocol in its simplest form.
 *
 * Owns: the attempts it holds, with their reports until these are acknowledged.
 * Knows: Hello, Welcome, Assign, Report, Ack, Stop. Does not know: processes, spools,
 * credit. One Report carries a whole attempt: entries 1 started, 2 point, 3 ended. */
#include "tests/lib/fake_agent.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "base/vec.h"
#include "proto/codec.h"

#define ENTRIES      3u
#define END_EXITED   1u
#define END_CANCELED 4u

struct held {
    uint32_t sweep, trial, attempt;
    bool reported;
    uint32_t end;
    double value;
};

struct fake_agent {
    struct fake_agent_config config;
    char *id, *metric;
    struct transport *transport;
    uint64_t peer;
    struct codec_decoder *decoder;
    struct map_u64 held; /* key_of → struct held */
    char home_id[64];
    struct fake_agent_stats stats;
};

static uint64_t key_of(uint32_t sweep, uint32_t trial, uint32_t attempt)
{
    ASSERT(sweep < 1u << 16);
    ASSERT(attempt < 1u << 16);
    return (uint64_t)sweep << 48 | (uint64_t)attempt << 32 | trial;
}

static void agent_send(struct fake_agent *agent, const Winnow__Envelope *env)
{
    uint8_t *data = NULL;
    size_t len = 0;
    if (agent->peer == 0) {
        return;
    }
    enum err_code code = codec_pack(env, &data, &len, NULL);
    ASSERT(code == ERR_OK);
    IGNORE_ERR(transport_send(agent->transport, agent->peer, data, len),
               "held attempts are reported again after the next hello");
}

static void key_write(const struct held *held, Winnow__AttemptKey *key)
{
    winnow__attempt_key__init(key);
    key->has_sweep = 1;
    key->sweep = held->sweep;
    key->has_trial = 1;
    key->trial = held->trial;
    key->has_attempt = 1;
    key->attempt = held->attempt;
}

static void send_report(struct fake_agent *agent, const struct held *held)
{
    Winnow__Envelope env;
    Winnow__Report report;
    Winnow__AttemptKey key;
    Winnow__Started started;
    Winnow__Ended ended;
    char *names[] = { agent->metric };
    uint32_t name = 0;
    int64_t zero = 0;
    double value = held->value;
    int64_t now_ms = clock_wall().ms;
    codec_init_report(&env, &report);
    key_write(held, &key);
    report.key = &key;
    report.has_first_seq = 1;
    report.first_seq = 1;
    winnow__started__init(&started);
    started.has_time_ms = 1;
    started.time_ms = now_ms;
    started.has_pid = 1;
    started.pid = 1;
    report.started = &started;
    report.n_names = 1;
    report.names = names;
    report.n_point_name = 1;
    report.point_name = &name;
    report.n_point_step = 1;
    report.point_step = &zero;
    report.has_time_base_ms = 1;
    report.time_base_ms = now_ms;
    report.n_point_time_ms = 1;
    report.point_time_ms = &zero;
    report.n_point_value = 1;
    report.point_value = &value;
    winnow__ended__init(&ended);
    ended.has_end = 1;
    ended.end = held->end;
    ended.has_time_ms = 1;
    ended.time_ms = now_ms;
    ended.has_exit_status = 1;
    report.ended = &ended;
    agent_send(agent, &env);
}

static void
held_end(struct fake_agent *agent, struct held *held, uint32_t end, double value)
{
    if (!held->reported) {
        held->reported = true;
        held->end = end;
        held->value = value;
    }
    send_report(agent, held);
}

/* ---- hello ---- */

struct held_out {
    Winnow__Held held;
    Winnow__AttemptKey key;
};

static void held_write(const struct fake_agent *agent,
                       const struct held *from,
                       struct held_out *out)
{
    winnow__held__init(&out->held);
    key_write(from, &out->key);
    out->held.key = &out->key;
    out->held.has_started = 1;
    out->held.started = from->reported;
    out->held.has_ended = 1;
    out->held.ended = from->reported;
    out->held.has_next_seq = 1;
    out->held.next_seq = from->reported ? ENTRIES + 1 : 1;
    out->held.has_boot = 1;
    out->held.boot = agent->config.boot;
}

static void send_hello(struct fake_agent *agent)
{
    Winnow__Envelope env;
    Winnow__Hello hello;
    char host[] = "fake";
    size_t len = map_u64_len(&agent->held);
    AUTO_FREE struct held_out *outs = mem_alloc_array(len, sizeof *outs);
    AUTO_FREE Winnow__Held **pointers = mem_alloc_array(len, sizeof(void *));
    size_t pos = 0;
    void *held = NULL;
    for (size_t i = 0; map_u64_next(&agent->held, &pos, NULL, &held); i++) {
        held_write(agent, held, &outs[i]);
        pointers[i] = &outs[i].held;
    }
    codec_init_hello(&env, &hello);
    hello.agent_id = agent->id;
    hello.has_boot = 1;
    hello.boot = agent->config.boot;
    hello.host = host;
    hello.has_slots = 1;
    hello.slots = agent->config.slots;
    hello.has_cpus = 1;
    hello.cpus = agent->config.slots;
    hello.has_memory_bytes = 1;
    hello.memory_bytes = UINT64_C(1) << 40;
    hello.n_held = len;
    hello.held = pointers;
    hello.home_id = agent->home_id[0] != '\0' ? agent->home_id : NULL;
    hello.has_pid = 1;
    hello.pid = 1;
    agent_send(agent, &env);
}

/* ---- what the coordinator says ---- */

static struct held *held_find(struct fake_agent *agent, const Winnow__AttemptKey *key)
{
    return key == NULL ? NULL
                       : map_u64_get(&agent->held,
                                     key_of(key->sweep, key->trial, key->attempt));
}

static void held_drop(struct fake_agent *agent, struct held *held)
{
    map_u64_del(&agent->held, key_of(held->sweep, held->trial, held->attempt));
    mem_free(held);
    agent->stats.held--;
}

static void on_verdict(struct fake_agent *agent, const Winnow__Verdict *verdict)
{
    struct held *held = held_find(agent, verdict->key);
    if (held == NULL) {
        return;
    }
    if (verdict->verdict == 3 || verdict->acked_seq >= ENTRIES) {
        held_drop(agent, held);
    } else if (held->reported) {
        send_report(agent, held);
    } else if (verdict->verdict == 2) {
        held_end(agent, held, END_CANCELED, NAN);
    }
}

static void on_welcome(struct fake_agent *agent, const Winnow__Welcome *welcome)
{
    agent->stats.welcomes++;
    agent->stats.lease_ms = welcome->lease_ms;
    if (welcome->home_id != NULL && strlen(welcome->home_id) < sizeof agent->home_id) {
        memcpy(agent->home_id, welcome->home_id, strlen(welcome->home_id) + 1);
    }
    for (size_t i = 0; i < welcome->n_verdicts; i++) {
        on_verdict(agent, welcome->verdicts[i]);
    }
}

static double run(struct fake_agent *agent, const struct fake_attempt *attempt)
{
    if (agent->config.value != NULL) {
        return agent->config.value(agent->config.ctx, attempt);
    }
    return attempt->x_len > 0 && !isnan(attempt->x[0]) ? attempt->x[0] : 0;
}

static void on_assign(struct fake_agent *agent, const Winnow__Assign *assign)
{
    const Winnow__AttemptKey *key = assign->key;
    ASSERT(key != NULL);
    if (held_find(agent, key) != NULL) {
        agent->stats.assigns_repeated++;
        return;
    }
    struct held *held = mem_alloc(sizeof *held);
    held->sweep = key->sweep;
    held->trial = key->trial;
    held->attempt = key->attempt;
    map_u64_set(&agent->held, key_of(key->sweep, key->trial, key->attempt), held);
    agent->stats.assigns++;
    agent->stats.held++;
    struct fake_attempt attempt = { .sweep = key->sweep,
                                    .trial = key->trial,
                                    .attempt = key->attempt,
                                    .x = assign->params,
                                    .x_len = assign->n_params };
    if (agent->config.assigned != NULL) {
        agent->config.assigned(agent->config.ctx, &attempt);
    }
    if (!agent->config.hold) {
        held_end(agent, held, END_EXITED, run(agent, &attempt));
    }
}

static void on_ack(struct fake_agent *agent, const Winnow__Ack *ack)
{
    struct held *held = held_find(agent, ack->key);
    agent->stats.acks++;
    if (held == NULL) {
        return;
    }
    if (ack->resend && held->reported) {
        send_report(agent, held);
    } else if (ack->seq >= ENTRIES) {
        struct fake_attempt attempt = { .sweep = held->sweep,
                                        .trial = held->trial,
                                        .attempt = held->attempt };
        agent->stats.ended++;
        held_drop(agent, held);
        if (agent->config.acked != NULL) {
            agent->config.acked(agent->config.ctx, &attempt);
        }
    }
}

static void on_stop(struct fake_agent *agent, const Winnow__Stop *stop)
{
    struct held *held = held_find(agent, stop->key);
    agent->stats.stops++;
    if (held != NULL && !held->reported) {
        held_end(agent, held, END_CANCELED, NAN);
    }
}

static void on_refuse(struct fake_agent *agent, const Winnow__Refuse *refuse)
{
    size_t len = refuse->text != NULL ? strlen(refuse->text) : 0;
    if (len >= sizeof agent->stats.refusal) {
        len = sizeof agent->stats.refusal - 1;
    }
    agent->stats.refusals++;
    agent->stats.refusal_code = refuse->code;
    memcpy(agent->stats.refusal, len > 0 ? refuse->text : "", len);
    agent->stats.refusal[len] = '\0';
}

static void on_message(struct fake_agent *agent, const struct codec_message *msg)
{
    const Winnow__Envelope *env = msg->env;
    if (msg->type == MSG_WELCOME) {
        on_welcome(agent, env->welcome);
    } else if (msg->type == MSG_ASSIGN) {
        on_assign(agent, env->assign);
    } else if (msg->type == MSG_ACK) {
        on_ack(agent, env->ack);
    } else if (msg->type == MSG_STOP) {
        on_stop(agent, env->stop);
    } else if (msg->type == MSG_SWEEP) {
        agent->stats.sweeps++;
    } else if (msg->type == MSG_LOG_ACK) {
        agent->stats.log_acked = env->log_ack->offset;
    } else if (msg->type == MSG_HELLO_WANTED) {
        agent->stats.hello_wanted++;
        send_hello(agent);
    } else if (msg->type == MSG_REFUSE) {
        on_refuse(agent, env->refuse);
    }
}

/* ---- transport ---- */

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    struct fake_agent *agent = ctx;
    struct codec_message msg;
    struct err err = { 0 };
    UNUSED(peer);
    UNUSED(user_id);
    enum err_code code = codec_decode(agent->decoder, data, len, &msg, &err);
    ASSERT(code == ERR_OK);
    on_message(agent, &msg);
}

static void on_peer_up(void *ctx, uint64_t peer)
{
    struct fake_agent *agent = ctx;
    agent->peer = peer;
    send_hello(agent);
}

static void on_peer_down(void *ctx, uint64_t peer)
{
    struct fake_agent *agent = ctx;
    UNUSED(peer);
    agent->peer = 0;
}

static const struct transport_callbacks CALLBACKS = { .recv = on_recv,
                                                      .peer_up = on_peer_up,
                                                      .peer_down = on_peer_down };

const struct transport_callbacks *fake_agent_callbacks(void)
{
    return &CALLBACKS;
}

void fake_agent_attach(struct fake_agent *agent, struct transport *transport)
{
    agent->transport = transport;
    agent->peer = 0;
}

/* ---- life, and what tests ask for ---- */

struct fake_agent *fake_agent_create(const struct fake_agent_config *config)
{
    struct fake_agent *agent = mem_alloc(sizeof *agent);
    agent->config = *config;
    agent->id = mem_strdup(config->id);
    agent->metric = mem_strdup(config->metric);
    agent->decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    return agent;
}

void fake_agent_destroy(struct fake_agent *agent)
{
    size_t pos = 0;
    void *held = NULL;
    while (map_u64_next(&agent->held, &pos, NULL, &held)) {
        mem_free(held);
    }
    map_u64_fini(&agent->held);
    codec_decoder_destroy(agent->decoder);
    mem_free(agent->id);
    mem_free(agent->metric);
    mem_free(agent);
}

const struct fake_agent_stats *fake_agent_stats(const struct fake_agent *agent)
{
    return &agent->stats;
}

struct fake_attempt fake_agent_held(const struct fake_agent *agent, size_t i)
{
    size_t pos = 0;
    void *item = NULL;
    for (size_t n = 0; map_u64_next(&agent->held, &pos, NULL, &item); n++) {
        if (n == i) {
            const struct held *held = item;
            return (struct fake_attempt){ .sweep = held->sweep,
                                          .trial = held->trial,
                                          .attempt = held->attempt };
        }
    }
    ASSERT(i < map_u64_len(&agent->held));
    UNREACHABLE();
}

void fake_agent_end(struct fake_agent *agent,
                    const struct fake_attempt *attempt,
                    uint32_t end,
                    double value)
{
    struct held *held = map_u64_get(
        &agent->held, key_of(attempt->sweep, attempt->trial, attempt->attempt));
    ASSERT(held != NULL);
    held_end(agent, held, end, value);
}

void fake_agent_log(struct fake_agent *agent,
                    const struct fake_attempt *attempt,
                    uint64_t offset,
                    const char *text)
{
    Winnow__Envelope env;
    Winnow__Log log;
    Winnow__AttemptKey key;
    struct held held = { .sweep = attempt->sweep,
                         .trial = attempt->trial,
                         .attempt = attempt->attempt };
    AUTO_FREE uint8_t *data = mem_dup(text, strlen(text));
    codec_init_log(&env, &log);
    key_write(&held, &key);
    log.key = &key;
    log.has_offset = 1;
    log.offset = offset;
    log.has_data = 1;
    log.data.data = data;
    log.data.len = strlen(text);
    agent_send(agent, &env);
}

void fake_agent_heartbeat(struct fake_agent *agent)
{
    Winnow__Envelope env;
    Winnow__Heartbeat heartbeat;
    codec_init_heartbeat(&env, &heartbeat);
    heartbeat.has_boot = 1;
    heartbeat.boot = agent->config.boot;
    agent_send(agent, &env);
}

void fake_agent_bye(struct fake_agent *agent)
{
    Winnow__Envelope env;
    Winnow__Bye bye;
    char cause[] = "test is over";
    codec_init_bye(&env, &bye);
    bye.cause = cause;
    agent_send(agent, &env);
}

void fake_agent_raw(struct fake_agent *agent, const void *bytes, size_t len)
{
    IGNORE_ERR(transport_send(agent->transport, agent->peer, mem_dup(bytes, len), len),
               "tests look at what comes back");
}
