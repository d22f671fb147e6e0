/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c – see rig.h. */
#include "tests/unit/agent/rig.h"

void rig_init_home(struct rig *rig, uint32_t slots, const char *home_id)
{
    static const uint32_t gpus[] = { 0, 2 };
    struct agent_core_config config = { .agent_id = "a1",
                                        .host = "node",
                                        .program = "winnow test",
                                        .home_id = home_id,
                                        .boot = 7,
                                        .pid = 42,
                                        .slots = slots,
                                        .cpus = 4,
                                        .gpus = gpus,
                                        .gpus_len = 2,
                                        .spool_bytes_max = 1u << 30,
                                        .shutdown_ms = 5000 };
    *rig = (struct rig){ .core = agent_core_create(&config) };
    fake_clock_init(&rig->clock);
}

void rig_init(struct rig *rig, uint32_t slots)
{
    rig_init_home(rig, slots, "home-1");
}

void rig_fini(struct rig *rig)
{
    agent_effects_fini(&rig->fx);
    agent_core_destroy(rig->core);
}

void rig_step(struct rig *rig, struct agent_event event)
{
    event.now = rig->clock.mono;
    event.wall = rig->clock.wall;
    agent_effects_reset(&rig->fx);
    agent_step(rig->core, &event, &rig->fx);
    agent_core_check(rig->core);
}

int64_t rig_deadline_ms(const struct rig *rig)
{
    struct mono at;
    return agent_core_deadline(rig->core, &at) ? mono_until_ms(at, rig->clock.mono)
                                               : -1;
}

void rig_sleep(struct rig *rig, int64_t ms)
{
    fake_clock_advance_ms(&rig->clock, ms);
    agent_effects_reset(&rig->fx);
    if (rig_deadline_ms(rig) == 0) {
        rig_step(rig, (struct agent_event){ .kind = AGENT_EV_TIMER });
    }
}

size_t rig_count(const struct rig *rig, enum agent_effect_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->fx.items.len; i++) {
        n += rig->fx.items.ptr[i].kind == kind;
    }
    return n;
}

const struct agent_effect *rig_get(const struct rig *rig, enum agent_effect_kind kind)
{
    for (size_t i = 0; i < rig->fx.items.len; i++) {
        if (rig->fx.items.ptr[i].kind == kind) {
            return &rig->fx.items.ptr[i];
        }
    }
    fail_msg("no effect of kind %d", (int)kind);
    return NULL;
}

const struct agent_report *rig_report(const struct rig *rig)
{
    assert_int_equal(rig_count(rig, AGENT_FX_SPOOL_APPEND), 1);
    const struct agent_effect *effect = rig_get(rig, AGENT_FX_SPOOL_APPEND);
    return effect != NULL ? effect->as.report : NULL;
}

void rig_welcome(struct rig *rig,
                 const char *home_id,
                 const struct agent_verdict *verdicts,
                 size_t len)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_WELCOME,
                                        .as.welcome = { .home_id = home_id,
                                                        .lease_ms = 30000,
                                                        .verdicts = verdicts,
                                                        .verdicts_len = len } });
}

void rig_sweep(struct rig *rig, uint32_t sweep, int64_t time_limit_ms)
{
    rig_step(rig,
             (struct agent_event){ .kind = AGENT_EV_SWEEP,
                                   .as.sweep = { .sweep = sweep,
                                                 .revision = 1,
                                                 .grace_ms = 10000,
                                                 .time_limit_ms = time_limit_ms } });
}

void rig_ready(struct rig *rig)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    rig_welcome(rig, "home-1", NULL, 0);
    rig_sweep(rig, 1, 0);
}

struct attempt_key rig_key(uint32_t sweep, uint32_t trial)
{
    return (struct attempt_key){ .sweep = sweep, .trial = trial, .attempt = 1 };
}

static uint64_t assign(struct rig *rig, struct attempt_key key, bool prefetch)
{
    static const double x[2] = { 1.5, 2.5 };
    struct agent_event event = { .kind = AGENT_EV_ASSIGN,
                                 .as.assign = {
                                     .key = key,
                                     .run_id = { "0123456789abcdef0123456789abcdef" },
                                     .x = x,
                                     .x_len = 2,
                                     .gpu_mask = prefetch || key.trial > 0 ? 0 : 4,
                                     .prefetch = prefetch,
                                     .revision = 1 } };
    rig_step(rig, event);
    for (size_t i = 0; i < rig->fx.items.len; i++) {
        const struct agent_effect *effect = &rig->fx.items.ptr[i];
        if (effect->kind == AGENT_FX_START && effect->key.trial == key.trial) {
            return effect->serial;
        }
    }
    return 0;
}

uint64_t rig_assign(struct rig *rig, uint32_t sweep, uint32_t trial)
{
    return assign(rig, rig_key(sweep, trial), false);
}

uint64_t rig_prefetch(struct rig *rig, uint32_t sweep, uint32_t trial)
{
    return assign(rig, rig_key(sweep, trial), true);
}

void rig_stop(struct rig *rig, uint32_t sweep, uint32_t trial, enum stop_reason reason)
{
    rig_step(rig, (struct agent_event){
                      .kind = AGENT_EV_STOP,
                      .as.stop = { .key = rig_key(sweep, trial), .reason = reason } });
}

void rig_recall(struct rig *rig, uint32_t sweep, uint32_t trial)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_STOP,
                                        .as.stop = { .key = rig_key(sweep, trial),
                                                     .reason = STOP_RECALLED,
                                                     .only_unstarted = true } });
}

void rig_started(struct rig *rig, uint64_t serial)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_STARTED,
                                        .serial = serial,
                                        .as.started.pid = 99 });
}

void rig_exit(struct rig *rig, uint64_t serial, int32_t code)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_EXITED,
                                        .serial = serial,
                                        .as.exited = { .exit_code = code } });
}

void rig_exit_termed(struct rig *rig, uint64_t serial)
{
    rig_step(rig,
             (struct agent_event){
                 .kind = AGENT_EV_EXITED,
                 .serial = serial,
                 .as.exited = { .exit_code = -1, .signal = 15, .term_sent = true } });
}

void rig_point(struct rig *rig, uint64_t serial, const char *name, double value)
{
    struct agent_point point = {
        .name = name, .step = 3, .time_ms = 5, .value = value
    };
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_POINTS,
                                        .serial = serial,
                                        .as.points = { .points = &point, .len = 1 } });
}

void rig_ack(struct rig *rig, uint32_t sweep, uint32_t trial, uint64_t seq)
{
    rig_step(rig, (struct agent_event){
                      .kind = AGENT_EV_ACK,
                      .as.ack = { .key = rig_key(sweep, trial), .seq = seq } });
}
