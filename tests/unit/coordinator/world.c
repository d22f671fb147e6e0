/* SPDX-License-Identifier: Apache-2.0 */
/* world.c – the scenery of coordinator tests. Owns loop, home and peers. Knows the
 * public interface of the coordinator. Does not know its inside. */
#include "tests/unit/coordinator/world.h"

#include <string.h>

#include "base/mem.h"
#include "proto/transport_loop.h"

#define GUARD_MS 30000

/* ---- loop and home ---- */

static void on_guard(uv_timer_t *timer)
{
    UNUSED(timer);
    fail_msg("waited for %d ms", GUARD_MS);
}

void world_init(struct world *world)
{
    *world = (struct world){ 0 };
    tmpdir_init(&world->dir);
    world->home = mem_strdup(tmpdir_path(&world->dir, "home"));
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(uv_timer_init(&world->loop, &world->guard), 0);
    uv_unref((uv_handle_t *)&world->guard);
}

void world_fini(struct world *world)
{
    if (world->c != NULL) {
        world_stop(world);
    }
    uv_close((uv_handle_t *)&world->guard, NULL);
    while (uv_run(&world->loop, UV_RUN_DEFAULT) != 0) {
    }
    assert_int_equal(uv_loop_close(&world->loop), 0);
    mem_free(world->home);
    tmpdir_fini(&world->dir);
}

void world_until(struct world *world, bool (*done)(void *ctx), void *ctx)
{
    uv_update_time(&world->loop);
    uv_timer_start(&world->guard, on_guard, GUARD_MS, 0);
    while (!done(ctx)) {
        uv_run(&world->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&world->guard);
}

void world_spin(struct world *world, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
}

/* ---- the coordinator ---- */

static void on_sweep_ended(void *ctx, uint32_t sweep, enum sweep_state state)
{
    struct world *world = ctx;
    UNUSED(sweep);
    world->ended++;
    world->ended_state = state;
}

static void on_drained(void *ctx)
{
    ((struct world *)ctx)->drained++;
}

static void on_fatal(void *ctx, const struct err *err)
{
    struct world *world = ctx;
    world->fatal++;
    world->fatal_err = *err;
}

void world_start(struct world *world, const char *listen)
{
    struct err err = { 0 };
    struct coordinator_config config = {
        .loop = &world->loop,
        .home = world->home,
        .listen = listen,
        .lease_ms = world->lease_ms,
        .samplers = world->samplers,
        .log_level_max = LOG_LEVEL_ERROR,
        .cb = { .on_sweep_ended = on_sweep_ended,
                .on_drained = on_drained,
                .on_fatal = on_fatal },
        .ctx = world,
    };
    world->closed = false;
    assert_ok(coordinator_create(&config, &world->c, &err), &err);
}

static void on_closed(void *ctx)
{
    ((struct world *)ctx)->closed = true;
}

static bool is_closed(void *ctx)
{
    return ((struct world *)ctx)->closed;
}

void world_stop(struct world *world)
{
    coordinator_close(world->c, on_closed, world);
    world_until(world, is_closed, world);
    world->c = NULL;
}

struct answer {
    bool done;
    enum err_code code;
    char *text;
};

static void on_answer(void *ctx, enum err_code code, const char *text)
{
    struct answer *answer = ctx;
    answer->done = true;
    answer->code = code;
    answer->text = mem_strdup(text);
}

static bool is_answered(void *ctx)
{
    return ((struct answer *)ctx)->done;
}

static enum err_code
answer_wait(struct world *world, struct answer *answer, char **text_out)
{
    world_until(world, is_answered, answer);
    if (text_out != NULL) {
        *text_out = answer->text;
    } else {
        mem_free(answer->text);
    }
    return answer->code;
}

enum err_code world_submit(struct world *world, const char *text, char **text_out)
{
    struct answer answer = { 0 };
    struct ev_submit submit = {
        .text = text, .text_len = strlen(text), .source = "sweep.yaml", .directory = "/"
    };
    coordinator_submit(world->c, &submit, on_answer, &answer);
    return answer_wait(world, &answer, text_out);
}

enum err_code world_steer(struct world *world,
                          enum steer_verb verb,
                          const char *sweep,
                          char **text_out)
{
    struct answer answer = { 0 };
    struct ev_steer steer = { .verb = verb, .sweep = sweep, .cause = "by test" };
    coordinator_steer(world->c, &steer, on_answer, &answer);
    return answer_wait(world, &answer, text_out);
}

struct sweep_summary world_summary(struct world *world)
{
    struct sweep_summary summary;
    struct err err = { 0 };
    uint32_t sweep = 0;
    assert_ok(coordinator_find_sweep(world->c, "last", &sweep, &err), &err);
    coordinator_summary(world->c, sweep, &summary);
    return summary;
}

bool world_sweep_ended(void *world)
{
    return ((struct world *)world)->ended > 0;
}

/* ---- agents ---- */

static void on_transport_closed(void *ctx)
{
    ((struct world *)ctx)->transports_open--;
}

static bool no_transport(void *ctx)
{
    return ((struct world *)ctx)->transports_open == 0;
}

static void transport_end(struct world *world, struct transport *transport)
{
    world->transports_open++;
    transport_close(transport, on_transport_closed, world);
    world_until(world, no_transport, world);
}

void world_agent_join(struct world_agent *a)
{
    a->transport = transport_loop_connect(coordinator_loop_transport(a->world->c),
                                          fake_agent_callbacks(), a->agent);
    fake_agent_attach(a->agent, a->transport);
}

void world_agent_start(struct world_agent *a,
                       struct world *world,
                       const struct fake_agent_config *config)
{
    a->world = world;
    a->agent = fake_agent_create(config);
    world_agent_join(a);
}

void world_agent_cut(struct world_agent *a)
{
    transport_end(a->world, a->transport);
    a->transport = NULL;
}

void world_agent_end(struct world_agent *a)
{
    if (a->transport != NULL) {
        world_agent_cut(a);
    }
    fake_agent_destroy(a->agent);
}

/* ---- other peers ---- */

static void note_reply(struct world_peer *p, const Winnow__Reply *reply)
{
    p->parts++;
    if (reply->data.len > p->part_bytes_max) {
        p->part_bytes_max = reply->data.len;
    }
    strbuf_add(&p->text, reply->data.data, reply->data.len);
    if (!reply->more) {
        p->replies++;
        p->reply_id = reply->id;
        p->code = (enum err_code)reply->code;
    }
}

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    struct world_peer *p = ctx;
    struct codec_message msg;
    struct err err = { 0 };
    UNUSED(peer);
    UNUSED(user_id);
    assert_ok(codec_decode(p->decoder, data, len, &msg, &err), &err);
    p->heard[msg.type]++;
    if (msg.type == MSG_REFUSE) {
        p->refuse_code = msg.env->refuse->code;
        size_t len_max = sizeof p->refuse_text - 1;
        memcpy(p->refuse_text, msg.env->refuse->text,
               strnlen(msg.env->refuse->text, len_max));
    } else if (msg.type == MSG_REPLY) {
        note_reply(p, msg.env->reply);
    }
}

static void on_peer_up(void *ctx, uint64_t peer)
{
    ((struct world_peer *)ctx)->peer = peer;
}

static void on_peer_down(void *ctx, uint64_t peer)
{
    UNUSED(peer);
    ((struct world_peer *)ctx)->peer = 0;
}

static const struct transport_callbacks CALLBACKS = { .recv = on_recv,
                                                      .peer_up = on_peer_up,
                                                      .peer_down = on_peer_down };

static bool is_up(void *ctx)
{
    return ((struct world_peer *)ctx)->peer != 0;
}

void world_peer_connect(struct world_peer *p,
                        struct world *world,
                        struct transport *server)
{
    *p = (struct world_peer){ .world = world };
    p->decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    p->text = STRBUF_INIT((size_t)64 * 1024 * 1024);
    p->transport = transport_loop_connect(server, &CALLBACKS, p);
    world_until(world, is_up, p);
}

void world_peer_start(struct world_peer *p, struct world *world)
{
    world_peer_connect(p, world, coordinator_loop_transport(world->c));
}

void world_peer_send(struct world_peer *p, const Winnow__Envelope *env)
{
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    assert_ok(codec_pack(env, &data, &len, &err), &err);
    assert_code(transport_send(p->transport, p->peer, data, len), ERR_OK);
}

void world_peer_raw(struct world_peer *p, const void *bytes, size_t len)
{
    assert_code(transport_send(p->transport, p->peer, mem_dup(bytes, len), len),
                ERR_OK);
}

void world_peer_request(struct world_peer *p,
                        uint64_t id,
                        const char *verb,
                        const char *args)
{
    Winnow__Envelope env;
    Winnow__Request request;
    AUTO_FREE char *verb_copy = mem_strdup(verb);
    AUTO_FREE char *args_copy = mem_strdup(args);
    codec_init_request(&env, &request);
    request.has_id = 1;
    request.id = id;
    request.verb = verb_copy;
    request.args = args_copy;
    world_peer_send(p, &env);
}

struct peer_wait {
    const struct world_peer *p;
    unsigned replies;
};

static bool has_replies(void *ctx)
{
    const struct peer_wait *wait = ctx;
    return wait->p->replies >= wait->replies;
}

enum err_code world_peer_ask(struct world_peer *p, const char *verb, const char *args)
{
    struct peer_wait wait = { .p = p, .replies = p->replies + 1 };
    strbuf_reset(&p->text);
    world_peer_request(p, 1000 + p->replies, verb, args);
    world_until(p->world, has_replies, &wait);
    return p->code;
}

void world_peer_end(struct world_peer *p)
{
    transport_end(p->world, p->transport);
    codec_decoder_destroy(p->decoder);
    strbuf_fini(&p->text);
}
