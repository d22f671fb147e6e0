/* SPDX-License-Identifier: Apache-2.0 */
/* test_replies.c – answers longer than a message and longer than a connection takes. */
#include "coordinator/replies.h"

#include <string.h>

#include "base/mem.h"
#include "coordinator/sessions.h"
#include "proto/transport_loop.h"
#include "tests/unit/coordinator/world.h"

struct scene {
    struct world world;
    struct transport *server;
    struct sessions sessions;
    struct session *session;
    struct world_peer client;
    bool server_closed;
};

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    UNUSED(ctx);
    UNUSED(peer);
    UNUSED(data);
    UNUSED(len);
    UNUSED(user_id);
}

static void on_up(void *ctx, uint64_t peer)
{
    struct scene *scene = ctx;
    scene->session =
        sessions_add(&scene->sessions, sessions_peer(0, peer), scene->server, peer);
}

static void on_down(void *ctx, uint64_t peer)
{
    UNUSED(ctx);
    UNUSED(peer);
}

static void on_drained(void *ctx, uint64_t peer)
{
    struct scene *scene = ctx;
    assert_ptr_equal(sessions_find(&scene->sessions, sessions_peer(0, peer)),
                     scene->session);
    replies_continue(scene->session);
}

static const struct transport_callbacks SERVER = {
    .recv = on_recv, .peer_up = on_up, .peer_down = on_down, .drained = on_drained
};

static void scene_init(struct scene *scene, size_t backlog_bytes_max)
{
    memset(scene, 0, sizeof *scene);
    world_init(&scene->world);
    scene->server =
        transport_loop_listen(&scene->world.loop, &SERVER, scene, backlog_bytes_max);
    world_peer_connect(&scene->client, &scene->world, scene->server);
    assert_non_null(scene->session);
}

static void on_server_closed(void *ctx)
{
    ((struct scene *)ctx)->server_closed = true;
}

static bool is_server_closed(void *ctx)
{
    return ((struct scene *)ctx)->server_closed;
}

static void scene_fini(struct scene *scene)
{
    world_peer_end(&scene->client);
    sessions_fini(&scene->sessions);
    transport_close(scene->server, on_server_closed, scene);
    world_until(&scene->world, is_server_closed, scene);
    world_fini(&scene->world);
}

static bool has_two_replies(void *ctx)
{
    return ((struct scene *)ctx)->client.replies == 2;
}

static char *letters(size_t len)
{
    char *text = mem_alloc(len);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)('a' + i % 23);
    }
    return text;
}

static void assert_long_answer_arrives(size_t backlog_bytes_max)
{
    struct scene scene;
    size_t len = (size_t)9 * 1024 * 1024 + 17;
    scene_init(&scene, backlog_bytes_max);
    AUTO_FREE char *expected = letters(len);
    replies_add(scene.session, 5, ERR_OK, letters(len), len);
    replies_add_text(scene.session, 6, ERR_NOTFOUND, "!");
    world_until(&scene.world, has_two_replies, &scene);
    assert_true(scene.client.parts > 3);
    assert_true(scene.client.part_bytes_max <= (size_t)4 * 1024 * 1024);
    assert_int_equal(scene.client.reply_id, 6);
    assert_int_equal(scene.client.code, ERR_NOTFOUND);
    assert_int_equal(scene.client.text.len, len + 1);
    assert_memory_equal(scene.client.text.ptr, expected, len);
    scene_fini(&scene);
}

static void long_answers_are_split(void **state)
{
    UNUSED(state);
    assert_long_answer_arrives(0);
}

static void long_answers_wait_for_slow_readers(void **state)
{
    UNUSED(state);
    assert_long_answer_arrives((size_t)1536 * 1024);
}

static void an_empty_answer_is_one_part(void **state)
{
    struct scene scene;
    UNUSED(state);
    scene_init(&scene, 0);
    replies_add(scene.session, 7, ERR_OK, NULL, 0);
    replies_add(scene.session, 8, ERR_OK, NULL, 0);
    world_until(&scene.world, has_two_replies, &scene);
    assert_int_equal(scene.client.parts, 2);
    assert_int_equal(scene.client.text.len, 0);
    scene_fini(&scene);
}

static void unsent_answers_are_freed_with_the_session(void **state)
{
    struct scene scene;
    size_t len = (size_t)9 * 1024 * 1024;
    UNUSED(state);
    scene_init(&scene, (size_t)1536 * 1024);
    replies_add(scene.session, 5, ERR_OK, letters(len), len);
    sessions_remove(&scene.sessions, scene.session);
    assert_null(sessions_find(&scene.sessions, sessions_peer(0, 1)));
    world_peer_end(&scene.client);
    transport_close(scene.server, on_server_closed, &scene);
    world_until(&scene.world, is_server_closed, &scene);
    sessions_fini(&scene.sessions);
    world_fini(&scene.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(long_answers_are_split),
        TEST(long_answers_wait_for_slow_readers),
        TEST(an_empty_answer_is_one_part),
        TEST(unsent_answers_are_freed_with_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
