/* SPDX-License-Identifier: Apache-2.0 */
/* generator.c – an agent that runs nothing: a load of trials and metric points.
 *
 * Speaks the protocol over ZeroMQ as one agent with --slots slots. Each attempt reports
 * --points points in reports of --batch, at most --window reports unacknowledged, and
 * ends at once after the last; so the load is the coordinator's work alone. Prints one
 * line when the sweep's trials stop coming: attempts, points, seconds, first to last
 * acknowledgement.
 *
 * Owns: attempts under way. Knows: the protocol. Does not know: processes, spools.
 *
 * usage: bench_generator ENDPOINT SLOTS POINTS BATCH WINDOW TRIALS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "proto/codec.h"
#include "proto/transport_zmq.h"

#define BATCH_MAX  4096u
#define END_EXITED 1u

struct attempt {
    Winnow__AttemptKey key;
    uint64_t next_point; /* points sent so far */
    uint64_t sent_seq, acked_seq;
    uint32_t out; /* reports not acknowledged */
};

struct generator {
    uv_loop_t loop;
    struct zmq_hub *hub;
    struct transport *transport;
    struct codec_decoder *decoder;
    uint64_t peer;
    uint32_t slots, window;
    uint64_t points, batch, trials;
    struct map_u64 attempts;
    uint64_t ended, acked_points;
    struct mono first, last;
    /* columns shared by all reports */
    uint32_t name[BATCH_MAX];
    int64_t step[BATCH_MAX], time_ms[BATCH_MAX];
    double value[BATCH_MAX];
};

static void send_envelope(struct generator *g, const Winnow__Envelope *env)
{
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    if (codec_pack(env, &data, &len, &err) != ERR_OK
        || transport_send(g->transport, g->peer, data, len) != ERR_OK) {
        fprintf(stderr, "generator: cannot send: %s\n", err.msg);
        exit(1);
    }
}

static void send_hello(struct generator *g)
{
    Winnow__Envelope env;
    Winnow__Hello hello;
    char id[] = "generator";
    codec_init_hello(&env, &hello);
    hello.agent_id = id;
    hello.has_boot = 1;
    hello.boot = (uint64_t)clock_wall().ms;
    hello.host = id;
    hello.has_slots = 1;
    hello.slots = g->slots;
    hello.has_cpus = 1;
    hello.cpus = g->slots;
    send_envelope(g, &env);
}

static uint64_t attempt_hash(const Winnow__AttemptKey *key)
{
    return (uint64_t)key->trial << 20 | (uint64_t)key->attempt << 8 | key->sweep;
}

/* The next report of an attempt; the last one carries the end. */
static void send_report(struct generator *g, struct attempt *attempt)
{
    Winnow__Envelope env;
    Winnow__Report report;
    Winnow__Started started;
    Winnow__Ended ended;
    char metric[] = "acc";
    char *names[] = { metric };
    codec_init_report(&env, &report);
    report.key = &attempt->key;
    report.has_first_seq = 1;
    report.first_seq = attempt->sent_seq + 1;
    if (attempt->next_point == 0) {
        winnow__started__init(&started);
        started.has_time_ms = 1;
        started.time_ms = clock_wall().ms;
        report.started = &started;
        attempt->sent_seq++;
    }
    uint64_t left = g->points - attempt->next_point;
    size_t n = (size_t)(left < g->batch ? left : g->batch);
    for (size_t i = 0; i < n; i++) {
        g->step[i] = (int64_t)(attempt->next_point + i);
        g->value[i] = (double)g->step[i] * 0.25 + attempt->key.trial;
    }
    report.names = names;
    report.n_names = 1;
    report.has_time_base_ms = 1;
    report.time_base_ms = clock_wall().ms;
    report.n_point_name = report.n_point_step = n;
    report.n_point_time_ms = report.n_point_value = n;
    report.point_name = g->name;
    report.point_step = g->step;
    report.point_time_ms = g->time_ms;
    report.point_value = g->value;
    attempt->next_point += n;
    attempt->sent_seq += n;
    if (attempt->next_point == g->points) {
        winnow__ended__init(&ended);
        ended.has_end = 1;
        ended.end = END_EXITED;
        ended.has_time_ms = 1;
        ended.time_ms = report.time_base_ms;
        report.ended = &ended;
        attempt->sent_seq++;
    }
    attempt->out++;
    send_envelope(g, &env);
}

static void attempt_push(struct generator *g, struct attempt *attempt)
{
    while (attempt->next_point < g->points && attempt->out < g->window) {
        send_report(g, attempt);
    }
}

static void on_assign(struct generator *g, const Winnow__Assign *assign)
{
    uint64_t hash = attempt_hash(assign->key);
    if (map_u64_has(&g->attempts, hash)) {
        return;
    }
    if (g->first.ns == 0) {
        g->first = clock_mono();
    }
    struct attempt *attempt = mem_alloc(sizeof *attempt);
    winnow__attempt_key__init(&attempt->key);
    attempt->key.has_sweep = attempt->key.has_trial = attempt->key.has_attempt = 1;
    attempt->key.sweep = assign->key->sweep;
    attempt->key.trial = assign->key->trial;
    attempt->key.attempt = assign->key->attempt;
    map_u64_set(&g->attempts, hash, attempt);
    attempt_push(g, attempt);
}

static void finish(struct generator *g)
{
    double seconds = (double)(g->last.ns - g->first.ns) / 1e9;
    printf("{\"attempts\":%llu,\"points\":%llu,\"seconds\":%.6f}\n",
           (unsigned long long)g->ended, (unsigned long long)g->acked_points, seconds);
    fflush(stdout);
    exit(0);
}

static void on_ack(struct generator *g, const Winnow__Ack *ack)
{
    struct attempt *attempt = map_u64_get(&g->attempts, attempt_hash(ack->key));
    if (attempt == NULL || ack->seq <= attempt->acked_seq) {
        return;
    }
    attempt->acked_seq = ack->seq;
    attempt->out -= attempt->out > 0 ? 1u : 0u;
    g->last = clock_mono();
    if (attempt->next_point == g->points && ack->seq == attempt->sent_seq) {
        g->ended++;
        g->acked_points += g->points;
        map_u64_del(&g->attempts, attempt_hash(ack->key));
        mem_free(attempt);
        if (g->ended == g->trials) {
            finish(g);
        }
        return;
    }
    attempt_push(g, attempt);
}

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    struct generator *g = ctx;
    struct codec_message message;
    (void)peer;
    (void)user_id;
    if (codec_decode(g->decoder, data, len, &message, NULL) != ERR_OK) {
        fprintf(stderr, "generator: message not understood\n");
        exit(1);
    }
    if (message.type == MSG_ASSIGN) {
        on_assign(g, message.env->assign);
    } else if (message.type == MSG_ACK) {
        on_ack(g, message.env->ack);
    } else if (message.type == MSG_REFUSE) {
        fprintf(stderr, "generator: refused: %s\n", message.env->refuse->text);
        exit(1);
    } else if (message.type == MSG_HELLO_WANTED) {
        send_hello(g);
    }
}

static void on_peer_up(void *ctx, uint64_t peer)
{
    struct generator *g = ctx;
    g->peer = peer;
    send_hello(g);
}

static void on_peer_down(void *ctx, uint64_t peer)
{
    (void)ctx;
    (void)peer;
    fprintf(stderr, "generator: the coordinator is gone\n");
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr,
                "usage: bench_generator ENDPOINT SLOTS POINTS BATCH WINDOW TRIALS\n");
        return 2;
    }
    static struct generator g;
    g.slots = (uint32_t)strtoul(argv[2], NULL, 10);
    g.points = strtoull(argv[3], NULL, 10);
    g.batch = strtoull(argv[4], NULL, 10);
    g.window = (uint32_t)strtoul(argv[5], NULL, 10);
    g.trials = strtoull(argv[6], NULL, 10);
    if (g.slots == 0 || g.points == 0 || g.batch == 0 || g.batch > BATCH_MAX
        || g.window == 0) {
        fprintf(stderr,
                "bench_generator: SLOTS, POINTS, BATCH (<= %u), WINDOW above 0\n",
                BATCH_MAX);
        return 2;
    }
    map_u64_init(&g.attempts);
    g.decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    uv_loop_init(&g.loop);
    struct err err = { 0 };
    if (zmq_hub_create(&g.loop, &g.hub, &err) != ERR_OK) {
        fprintf(stderr, "bench_generator: %s\n", err.msg);
        return 1;
    }
    struct transport_zmq_config config = {
        .hub = g.hub,
        .endpoint = argv[1],
        .cb = { .recv = on_recv, .peer_up = on_peer_up, .peer_down = on_peer_down },
        .ctx = &g,
    };
    if (transport_zmq_connect(&config, &g.transport, &err) != ERR_OK) {
        fprintf(stderr, "bench_generator: %s\n", err.msg);
        return 1;
    }
    uv_run(&g.loop, UV_RUN_DEFAULT);
    return 1;
}
