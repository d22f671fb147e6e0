/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.c – see cluster.h. */
#include "tests/unit/agent/cluster.h"

#include <stdio.h>
#include <string.h>

#include "core/states.h"
#include "proto/transport_loop.h"
#include "samplers/registry.h"

#define TIMEOUT_MS 20000

static void cluster_send(struct cluster *cluster, Winnow__Envelope *env)
{
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    assert_ok(codec_pack(env, &data, &len, &err), &err);
    assert_code(transport_send(cluster->server, cluster->peer, data, len), ERR_OK);
}

static void key_of(Winnow__AttemptKey *key, uint32_t trial)
{
    winnow__attempt_key__init(key);
    key->has_sweep = key->has_trial = key->has_attempt = 1;
    key->sweep = 1;
    key->trial = trial;
    key->attempt = 1;
}

static void on_hello(struct cluster *cluster, const Winnow__Hello *hello)
{
    cluster->hellos++;
    cluster->held = hello->n_held;
    cluster->boot = hello->boot;
    if (cluster->silent) {
        return;
    }
    Winnow__Envelope env;
    Winnow__Welcome welcome;
    codec_init_welcome(&env, &welcome);
    char home[] = "test-home";
    welcome.home_id = home;
    Winnow__Verdict verdicts[CLUSTER_TRIALS];
    Winnow__Verdict *list[CLUSTER_TRIALS];
    for (size_t i = 0; i < hello->n_held; i++) {
        const struct told *told = &cluster->told[hello->held[i]->key->trial];
        winnow__verdict__init(&verdicts[i]);
        verdicts[i].key = hello->held[i]->key;
        verdicts[i].has_verdict = verdicts[i].has_acked_seq = 1;
        verdicts[i].has_log_acked = 1;
        verdicts[i].verdict = 1;
        verdicts[i].acked_seq = told->seq;
        verdicts[i].log_acked = told->log.len;
        list[i] = &verdicts[i];
    }
    welcome.verdicts = list;
    welcome.n_verdicts = hello->n_held;
    cluster_send(cluster, &env);
}

static void report_take(struct told *told, const Winnow__Report *report)
{
    told->started = told->started || report->started != NULL;
    for (size_t i = 0; i < report->n_point_value; i++) {
        assert_true(told->points_len < CLUSTER_POINTS);
        struct told_point *point = &told->points[told->points_len++];
        snprintf(point->name, sizeof point->name, "%s",
                 report->names[report->point_name[i]]);
        point->step = report->point_step[i];
        point->value = report->point_value[i];
    }
    for (size_t i = 0; i < report->n_notes; i++) {
        snprintf(told->note, sizeof told->note, "%u %s=%s", report->notes[i]->kind,
                 report->notes[i]->name, report->notes[i]->value);
    }
    if (report->ended != NULL) {
        told->ended = true;
        told->end = *report->ended;
        snprintf(told->cause, sizeof told->cause, "%s",
                 report->ended->cause != NULL ? report->ended->cause : "");
    }
}

static void on_report(struct cluster *cluster, const Winnow__Report *report)
{
    struct told *told = &cluster->told[report->key->trial];
    uint64_t entries = (report->started != NULL ? 1u : 0u) + report->n_point_value
                       + report->n_notes + (report->ended != NULL ? 1u : 0u);
    if (!cluster->acking) {
        return;
    }
    if (report->first_seq == told->seq + 1) {
        report_take(told, report);
        told->seq += entries;
    }
    Winnow__Envelope env;
    Winnow__Ack ack;
    Winnow__AttemptKey key;
    codec_init_ack(&env, &ack);
    key_of(&key, report->key->trial);
    ack.key = &key;
    ack.has_seq = 1;
    ack.seq = told->seq;
    cluster_send(cluster, &env);
}

static void on_log(struct cluster *cluster, const Winnow__Log *log)
{
    struct told *told = &cluster->told[log->key->trial];
    if (!cluster->acking) {
        return;
    }
    if (log->offset == told->log.len) {
        strbuf_add(&told->log, log->data.data, log->data.len);
    }
    Winnow__Envelope env;
    Winnow__LogAck ack;
    Winnow__AttemptKey key;
    codec_init_log_ack(&env, &ack);
    key_of(&key, log->key->trial);
    ack.key = &key;
    ack.has_offset = 1;
    ack.offset = told->log.len;
    cluster_send(cluster, &env);
}

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    UNUSED(user_id);
    UNUSED(peer);
    struct cluster *cluster = ctx;
    struct codec_message message;
    struct err err = { 0 };
    assert_ok(codec_decode(cluster->decoder, data, len, &message, &err), &err);
    if (message.type == MSG_HELLO) {
        on_hello(cluster, message.env->hello);
    } else if (message.type == MSG_REPORT) {
        on_report(cluster, message.env->report);
    } else if (message.type == MSG_LOG) {
        on_log(cluster, message.env->log);
    } else if (message.type == MSG_BYE) {
        cluster->bye = true;
    }
}

static void on_up(void *ctx, uint64_t peer)
{
    struct cluster *cluster = ctx;
    cluster->peer = peer;
}

static void on_down(void *ctx, uint64_t peer)
{
    UNUSED(ctx);
    UNUSED(peer);
}

static void on_notice(void *ctx, enum agent_notice notice, const char *text)
{
    UNUSED(text);
    struct cluster *cluster = ctx;
    cluster->exited = cluster->exited || notice == AGENT_NOTICE_EXITED;
}

void cluster_agent_start(struct cluster *cluster)
{
    struct agent_config config = { .loop = &cluster->loop,
                                   .samplers = &sampler_registry_all,
                                   .work_dir = tmpdir_path(&cluster->dir, "work"),
                                   .host = "node.example",
                                   .helper_path = WINNOW_TRIAL_PATH,
                                   .slots = cluster->slots,
                                   .notice = on_notice,
                                   .notice_ctx = cluster };
    struct err err = { 0 };
    assert_ok(agent_create(&config, &cluster->agent, &err), &err);
    agent_start(cluster->agent,
                transport_loop_connect(cluster->server, agent_transport_callbacks(),
                                       cluster->agent));
    unsigned hellos = cluster->hellos;
    for (int i = 0; i < 1000 && cluster->hellos == hellos; i++) {
        uv_run(&cluster->loop, UV_RUN_NOWAIT);
    }
    assert_int_not_equal(cluster->hellos, hellos);
}

static void on_timeout(uv_timer_t *timer)
{
    UNUSED(timer);
}

void cluster_init(struct cluster *cluster, uint32_t slots)
{
    memset(cluster, 0, sizeof *cluster);
    uv_loop_init(&cluster->loop);
    uv_timer_init(&cluster->loop, &cluster->timeout);
    tmpdir_init(&cluster->dir);
    for (size_t i = 0; i < CLUSTER_TRIALS; i++) {
        strbuf_init(&cluster->told[i].log, (size_t)64 * 1024 * 1024);
    }
    static const struct transport_callbacks callbacks = { .recv = on_recv,
                                                          .peer_up = on_up,
                                                          .peer_down = on_down };
    cluster->server = transport_loop_listen(&cluster->loop, &callbacks, cluster, 0);
    cluster->decoder = codec_decoder_create(MSG_FROM_AGENT);
    cluster->acking = true;
    cluster->slots = slots;
    cluster_agent_start(cluster);
}

static void on_closed(void *ctx)
{
    bool *closed = ctx;
    *closed = true;
}

static void run_until_closed(struct cluster *cluster, const bool *closed)
{
    for (int i = 0; i < 100000 && !*closed; i++) {
        uv_run(&cluster->loop, UV_RUN_ONCE);
    }
    assert_true(*closed);
}

void cluster_agent_close(struct cluster *cluster)
{
    bool closed = false;
    agent_close(cluster->agent, on_closed, &closed);
    cluster->agent = NULL;
    run_until_closed(cluster, &closed);
}

void cluster_fini(struct cluster *cluster)
{
    if (cluster->agent != NULL) {
        cluster_agent_close(cluster);
    }
    bool closed = false;
    transport_close(cluster->server, on_closed, &closed);
    run_until_closed(cluster, &closed);
    uv_close((uv_handle_t *)&cluster->timeout, NULL);
    uv_run(&cluster->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&cluster->loop), 0);
    codec_decoder_destroy(cluster->decoder);
    for (size_t i = 0; i < CLUSTER_TRIALS; i++) {
        strbuf_fini(&cluster->told[i].log);
    }
    tmpdir_fini(&cluster->dir);
}

void cluster_sweep_text(struct cluster *cluster, const char *text)
{
    Winnow__Envelope env;
    Winnow__Sweep sweep;
    codec_init_sweep(&env, &sweep);
    char id[] = "00000000000000000000000000000001";
    char name[] = "test";
    sweep.has_sweep = sweep.has_revision = 1;
    sweep.sweep = 1;
    sweep.revision = 1;
    sweep.sweep_id = id;
    sweep.name = name;
    char *copy = mem_strdup(text);
    sweep.spec = copy;
    sweep.directory = cluster->dir.path;
    cluster_send(cluster, &env);
    mem_free(copy);
}

void cluster_sweep(struct cluster *cluster, const char *script, const char *extra)
{
    char *text = mem_printf("sweep: 1\n"
                            "name: test\n"
                            "command:\n"
                            "- /bin/sh\n"
                            "- -c\n"
                            "- |\n"
                            "  %s\n"
                            "- '{x}'\n"
                            "objective: {metric: loss, goal: min}\n"
                            "space: {x: {float: [0, 1]}}\n"
                            "budget: {trials: 10}\n%s",
                            script, extra);
    cluster_sweep_text(cluster, text);
    mem_free(text);
}

void cluster_assign(struct cluster *cluster, uint32_t trial)
{
    Winnow__Envelope env;
    Winnow__Assign assign;
    Winnow__AttemptKey key;
    codec_init_assign(&env, &assign);
    key_of(&key, trial);
    assign.key = &key;
    char run_id[33];
    snprintf(run_id, sizeof run_id, "%032x", trial);
    assign.run_id = run_id;
    double x[1] = { 0.25 };
    assign.params = x;
    assign.n_params = 1;
    assign.has_revision = 1;
    assign.revision = 1;
    cluster_send(cluster, &env);
}

void cluster_stop(struct cluster *cluster, uint32_t trial, enum stop_reason reason)
{
    Winnow__Envelope env;
    Winnow__Stop stop;
    Winnow__AttemptKey key;
    codec_init_stop(&env, &stop);
    key_of(&key, trial);
    stop.key = &key;
    stop.has_reason = 1;
    stop.reason = (uint32_t)reason;
    cluster_send(cluster, &env);
}

void cluster_until(struct cluster *cluster, cluster_cond_fn cond, uint32_t trial)
{
    uv_update_time(&cluster->loop);
    uv_timer_start(&cluster->timeout, on_timeout, TIMEOUT_MS, 0);
    while (!cond(cluster, trial)) {
        if (!uv_is_active((const uv_handle_t *)&cluster->timeout)) {
            fail_msg("trial %u: not in %d ms", trial, TIMEOUT_MS);
        }
        uv_run(&cluster->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&cluster->timeout);
}

bool cluster_ended(struct cluster *cluster, uint32_t trial)
{
    return cluster->told[trial].ended;
}

bool cluster_started(struct cluster *cluster, uint32_t trial)
{
    return cluster->told[trial].started;
}

bool cluster_idle(struct cluster *cluster, uint32_t trial)
{
    UNUSED(trial);
    struct agent_status status;
    agent_status(cluster->agent, &status);
    return status.held == 0;
}

static bool ended_and_idle(struct cluster *cluster, uint32_t trial)
{
    return cluster_ended(cluster, trial) && cluster_idle(cluster, trial);
}

struct told *cluster_run(struct cluster *cluster, uint32_t trial)
{
    cluster_assign(cluster, trial);
    cluster_until(cluster, ended_and_idle, trial);
    return &cluster->told[trial];
}
