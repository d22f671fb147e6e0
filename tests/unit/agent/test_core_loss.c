/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_loss.c – property: whatever the network loses, and however often the
 * connection breaks, a simple model of the coordinator gets every entry of every
 * attempt exactly once and in order, and every byte of every log; the agent ends up
 * empty. */
#include "tests/unit/agent/rig.h"

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"

#include <string.h>

#define TRIALS 12u

/* What the model coordinator knows of one trial. */
struct model_trial {
    uint64_t seq; /* entries up to here are on disk */
    uint64_t log; /* bytes of the log */
    double last;  /* the last point's value: they count up */
    uint64_t points;
    bool started, ended;
};

struct report_copy {
    struct attempt_key key;
    uint64_t first_seq;
    bool has_started, has_ended;
    size_t points_len;
    double value_first;
};

/* What the real agent's shell and trials would know. */
struct sim_trial {
    uint64_t serial;
    bool running;
    double next; /* value of the next point */
    uint64_t log_size;
};

struct sim {
    struct rig rig;
    uint64_t random;
    struct model_trial model[TRIALS];
    struct sim_trial trial[TRIALS];
    struct map_u64 spool;             /* spool id → struct report_copy */
    VEC(struct agent_event) to_agent; /* messages under way */
    bool connected;
    unsigned loss_percent;
    uint32_t assigned;
};

static uint64_t sim_random(struct sim *sim, uint64_t bound)
{
    sim->random = sim->random * 6364136223846793005u + 1442695040888963407u;
    return (sim->random >> 33) % bound;
}

static bool sim_lost(struct sim *sim)
{
    return !sim->connected || sim_random(sim, 100) < sim->loss_percent;
}

static void to_agent(struct sim *sim, struct agent_event event)
{
    if (!sim_lost(sim)) {
        vec_push(&sim->to_agent, event);
    }
}

static void model_report(struct sim *sim, const struct report_copy *report)
{
    struct model_trial *trial = &sim->model[report->key.trial];
    uint64_t entries = (uint64_t)report->has_started + report->points_len
                       + (uint64_t)report->has_ended;
    bool resend = report->first_seq > trial->seq + 1;
    if (!resend && report->first_seq + entries - 1 > trial->seq) {
        assert_int_equal(report->first_seq, trial->seq + 1);
        assert_false(trial->ended);
        assert_false(report->has_started && trial->started);
        trial->started = trial->started || report->has_started;
        if (report->points_len > 0) {
            assert_near(report->value_first, trial->last + 1, 0);
            trial->last += (double)report->points_len;
            trial->points += report->points_len;
        }
        trial->ended = report->has_ended;
        trial->seq += entries;
    }
    to_agent(sim, (struct agent_event){ .kind = AGENT_EV_ACK,
                                        .as.ack = { .key = report->key,
                                                    .seq = trial->seq,
                                                    .resend = resend } });
}

static void model_log(struct sim *sim, const struct agent_effect *effect)
{
    struct model_trial *trial = &sim->model[effect->key.trial];
    uint64_t end = effect->as.log_send.offset + effect->as.log_send.len;
    if (effect->as.log_send.offset <= trial->log && end > trial->log) {
        trial->log = end;
    }
    to_agent(sim, (struct agent_event){
                      .kind = AGENT_EV_LOG_ACK,
                      .as.log_ack = { .key = effect->key, .offset = trial->log } });
}

static void model_hello(struct sim *sim, const struct agent_effect *effect)
{
    size_t len = effect->as.hello.held_len;
    struct agent_verdict *verdicts = mem_alloc_array(len, sizeof *verdicts);
    for (size_t i = 0; i < len; i++) {
        struct attempt_key key = effect->as.hello.held[i].key;
        verdicts[i] =
            (struct agent_verdict){ key, AGENT_VERDICT_KEEP, sim->model[key.trial].seq,
                                    sim->model[key.trial].log };
    }
    struct agent_event event = { .kind = AGENT_EV_WELCOME,
                                 .as.welcome = { .home_id = "home-1",
                                                 .window_bytes = 2000,
                                                 .log_window_bytes = 4000,
                                                 .verdicts = verdicts,
                                                 .verdicts_len = len } };
    if (sim_lost(sim)) {
        mem_free(verdicts);
    } else {
        vec_push(&sim->to_agent, event);
    }
}

static void carry_out(struct sim *sim)
{
    for (size_t i = 0; i < sim->rig.fx.items.len; i++) {
        const struct agent_effect *effect = &sim->rig.fx.items.ptr[i];
        const struct agent_report *report = effect->as.report;
        if (effect->kind == AGENT_FX_SPOOL_APPEND) {
            struct report_copy copy = { .key = report->key,
                                        .first_seq = report->first_seq,
                                        .has_started = report->has_started,
                                        .has_ended = report->has_ended,
                                        .points_len = report->points_len,
                                        .value_first = report->points_len > 0
                                                           ? report->point_value[0]
                                                           : 0 };
            map_u64_set(&sim->spool, effect->id, mem_dup(&copy, sizeof copy));
        } else if (effect->kind == AGENT_FX_SPOOL_TRIM) {
            struct report_copy *copy = map_u64_del(&sim->spool, effect->id);
            assert_non_null(copy);
            /* Nothing is dropped that the model does not have. */
            assert_true(copy->first_seq <= sim->model[copy->key.trial].seq);
            mem_free(copy);
        } else if (effect->kind == AGENT_FX_REPORT_SEND && !sim_lost(sim)) {
            model_report(sim, map_u64_get(&sim->spool, effect->id));
        } else if (effect->kind == AGENT_FX_LOG_SEND && !sim_lost(sim)) {
            model_log(sim, effect);
        } else if (effect->kind == AGENT_FX_HELLO && !sim_lost(sim)) {
            model_hello(sim, effect);
        } else if (effect->kind == AGENT_FX_START) {
            sim->trial[effect->key.trial].serial = effect->serial;
            sim->trial[effect->key.trial].running = true;
        }
    }
}

static void sim_step(struct sim *sim, struct agent_event event)
{
    rig_step(&sim->rig, event);
    carry_out(sim);
}

static void deliver_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->to_agent.len; i++) {
        struct agent_event event = sim->to_agent.ptr[i];
        const void *owned =
            event.kind == AGENT_EV_WELCOME ? event.as.welcome.verdicts : NULL;
        if (sim->connected) {
            sim_step(sim, event);
        }
        mem_free(mem_take(&owned));
    }
    vec_reset(&sim->to_agent);
}

static void trial_acts(struct sim *sim, struct sim_trial *trial)
{
    uint64_t what = sim_random(sim, 100);
    if (what < 3) {
        sim_step(sim, (struct agent_event){ .kind = AGENT_EV_STARTED,
                                            .serial = trial->serial });
    } else if (what < 60) {
        struct agent_point points[3];
        size_t len = 1 + (size_t)sim_random(sim, 3);
        for (size_t i = 0; i < len; i++) {
            points[i] = (struct agent_point){ .name = i == 1 ? "b" : "a",
                                              .value = trial->next++ };
        }
        sim_step(sim, (struct agent_event){ .kind = AGENT_EV_POINTS,
                                            .serial = trial->serial,
                                            .as.points = { points, len, what < 10 } });
    } else if (what < 95) {
        trial->log_size += 1 + sim_random(sim, 700);
        sim_step(sim, (struct agent_event){ .kind = AGENT_EV_LOG_GREW,
                                            .serial = trial->serial,
                                            .as.log_size = trial->log_size });
    } else {
        trial->running = false;
        sim_step(sim, (struct agent_event){ .kind = AGENT_EV_EXITED,
                                            .serial = trial->serial });
    }
}

static void sim_round(struct sim *sim, bool faults)
{
    deliver_all(sim);
    if (!sim->connected) {
        if (!faults || sim_random(sim, 4) == 0) {
            sim->connected = true;
            sim_step(sim, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
        }
    } else if (faults && sim_random(sim, 60) == 0) {
        sim->connected = false;
        sim_step(sim, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    } else if (sim->assigned < TRIALS) {
        struct agent_core_counts counts;
        agent_core_counts(sim->rig.core, &counts);
        if (counts.ready) {
            rig_sweep(&sim->rig, 1, 0);
            struct agent_event assign = { .kind = AGENT_EV_ASSIGN,
                                          .as.assign = {
                                              .key = rig_key(1, sim->assigned),
                                              .prefetch = sim_random(sim, 3) == 0 } };
            sim_step(sim, assign);
            sim->assigned++;
        }
    }
    for (size_t i = 0; i < TRIALS; i++) {
        if (sim->trial[i].running) {
            trial_acts(sim, &sim->trial[i]);
        }
    }
    int64_t due = rig_deadline_ms(&sim->rig);
    int64_t ms = faults || due < 0 ? (int64_t)sim_random(sim, 1500) : due;
    rig_sleep(&sim->rig, ms);
    carry_out(sim);
}

static void sim_run(uint64_t seed, unsigned loss_percent)
{
    struct sim sim = { .random = seed, .loss_percent = loss_percent };
    rig_init(&sim.rig, 3);
    for (size_t i = 0; i < TRIALS; i++) {
        sim.trial[i].next = 1;
    }
    for (int round = 0; round < 600; round++) {
        sim_round(&sim, true);
    }
    sim.loss_percent = 0;
    struct agent_core_counts counts;
    agent_core_counts(sim.rig.core, &counts);
    for (int round = 0; round < 3000 && (counts.held > 0 || sim.assigned < TRIALS);
         round++) {
        sim_round(&sim, false);
        agent_core_counts(sim.rig.core, &counts);
    }
    assert_int_equal(counts.held, 0);
    assert_int_equal(counts.spool_bytes, 0);
    assert_int_equal(map_u64_len(&sim.spool), 0);
    for (size_t i = 0; i < TRIALS; i++) {
        assert_true(sim.model[i].ended);
        assert_near((double)sim.model[i].points, sim.trial[i].next - 1, 0);
        assert_int_equal(sim.model[i].log, sim.trial[i].log_size);
    }
    map_u64_fini(&sim.spool);
    sim.connected = false;
    deliver_all(&sim); /* a last welcome can be on its way */
    vec_fini(&sim.to_agent);
    rig_fini(&sim.rig);
}

static void test_nothing_is_lost_without_faults(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        sim_run(seed, 0);
    }
}

static void test_nothing_is_lost_on_a_bad_network(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        sim_run(seed * 77, 5 + (unsigned)(seed % 4) * 15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_lost_without_faults),
        TEST(test_nothing_is_lost_on_a_bad_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
