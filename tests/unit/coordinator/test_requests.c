/* SPDX-License-Identifier: Apache-2.0 */
/* test_requests.c – what clients ask, and what they must not. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/requests.h"
#include "tests/unit/coordinator/world.h"

static json_t *answer(const struct world_peer *p)
{
    json_t *value = NULL;
    struct err err = { 0 };
    struct str text = strbuf_str(&p->text);
    assert_ok(json_parse(text.ptr, text.len, &value, &err), &err);
    return value;
}

static void assert_error(struct world_peer *p,
                         const char *verb,
                         const char *args,
                         enum err_code code,
                         const char *says)
{
    assert_code(world_peer_ask(p, verb, args), code);
    if (strstr(strbuf_cstr(&p->text), says) == NULL) {
        fail_msg("'%s' does not say '%s'", strbuf_cstr(&p->text), says);
    }
}

static void wrong_requests_say_what_is_wrong(void **state)
{
    struct world world;
    struct world_peer p;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&p, &world);
    assert_error(&p, "pauze", "{}", ERR_UNSUPPORTED, "did you mean 'pause'");
    assert_error(&p, "xyzzy", "{}", ERR_UNSUPPORTED, "unknown verb 'xyzzy'");
    assert_error(&p, "pause", "{", ERR_INVALID, "");
    assert_error(&p, "pause", "[]", ERR_INVALID, "object");
    assert_error(&p, "pause", "{}", ERR_INVALID, "sweep");
    assert_error(&p, "pause", "{\"swep\": \"t\"}", ERR_USAGE, "did you mean 'sweep'");
    assert_error(&p, "pause", "{\"sweep\": 7}", ERR_INVALID, "sweep");
    assert_error(&p, "pause", "{\"sweep\": \"t\", \"drain\": true}", ERR_INVALID,
                 "drain");
    assert_error(&p, "stop", "{\"sweep\": \"nobody\"}", ERR_NOTFOUND, "nobody");
    assert_error(&p, "submit", "{\"text\": \"sweep: 1\"}", ERR_INVALID, "directory");
    assert_error(&p, "submit", "{\"text\": \"sweep: 1\", \"directory\": \"here\"}",
                 ERR_INVALID, "absolute");
    assert_error(&p, "best", "{\"sweep\": \"last\"}", ERR_NOTFOUND, "");
    assert_error(&p, "explain", "{}", ERR_INVALID, "sweep");
    assert_error(&p, "explain", "{\"sweep\": \"t\", \"trail\": 1}", ERR_USAGE,
                 "did you mean 'trial'");
    assert_error(&p, "explain", "{\"sweep\": \"t\", \"trial\": -1}", ERR_INVALID,
                 "trial");
    assert_error(&p, "explain", "{\"sweep\": \"t\", \"trial\": \"x\"}", ERR_INVALID,
                 "trial");
    assert_error(&p, "explain", "{\"sweep\": \"nobody\"}", ERR_NOTFOUND, "nobody");
    assert_error(&p, "history", "{\"ref\": \"nobody\"}", ERR_NOTFOUND, "nobody");
    assert_error(&p, "ls", "{\"nonsense\": 1}", ERR_USAGE, "nonsense");
    world_peer_end(&p);
    world_fini(&world);
}

static void a_sweep_too_big_for_agents_is_refused(void **state)
{
    struct world world;
    struct world_peer p;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&p, &world);
    size_t len = (size_t)3 * 1024 * 1024;
    AUTO_STRBUF struct strbuf args = STRBUF_INIT(len + 100);
    AUTO_FREE char *text = mem_alloc(len);
    memset(text, '#', len);
    strbuf_adds(&args, "{\"directory\": \"/\", \"text\": \"");
    strbuf_add(&args, text, len);
    strbuf_adds(&args, "\"}");
    assert_code(world_peer_ask(&p, "submit", strbuf_cstr(&args)), ERR_TOOBIG);
    world_peer_end(&p);
    world_fini(&world);
}

static void submit_args(struct strbuf *args, const char *text)
{
    strbuf_adds(args, "{\"source\": \"s.yaml\", \"directory\": \"/\", \"text\": ");
    json_emit_str(str_from(text), args);
    strbuf_adds(args, "}");
}

static void two_clients_submit_steer_and_look(void **state)
{
    struct world world;
    struct world_peer first;
    struct world_peer second;
    UNUSED(state);
    AUTO_STRBUF struct strbuf args = STRBUF_INIT(4096);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&first, &world);
    world_peer_start(&second, &world);
    submit_args(&args, WORLD_SWEEP("t", "5"));
    assert_code(world_peer_ask(&first, "submit", strbuf_cstr(&args)), ERR_OK);
    AUTO_JSON json_t *created = answer(&first);
    const char *id = json_string_value(json_object_get(created, "id"));
    assert_int_equal(strlen(id), 32);

    assert_code(world_peer_ask(&second, "submit", strbuf_cstr(&args)), ERR_OK);
    AUTO_JSON json_t *again = answer(&second);
    assert_string_equal(json_string_value(json_object_get(again, "id")), id);

    assert_code(world_peer_ask(&second, "pause", "{\"sweep\": \"t\"}"), ERR_OK);
    assert_int_equal(world_summary(&world).state, SWEEP_PAUSED);
    /* The answer came after the commit, so the store says the same at once. */
    assert_code(world_peer_ask(&first, "ls", "{}"), ERR_OK);
    AUTO_JSON json_t *rows = answer(&first);
    assert_int_equal(json_array_size(rows), 1);
    const json_t *row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_object_get(row, "state")), "paused");

    assert_code(world_peer_ask(&first, "resume", "{\"sweep\": \"last\"}"), ERR_OK);
    assert_code(world_peer_ask(&first, "stop", "{\"sweep\": \"last\"}"), ERR_OK);
    assert_code(world_peer_ask(&second, "resume", "{\"sweep\": \"t\"}"), ERR_STATE);
    world_peer_end(&first);
    world_peer_end(&second);
    world_fini(&world);
}

static void a_pause_by_a_client_keeps_agents_idle(void **state)
{
    struct world world;
    struct world_peer p;
    struct world_agent agent;
    struct fake_agent_config config = {
        .id = "a1", .boot = 1, .slots = 2, .metric = "y"
    };
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&p, &world);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "30"), NULL), ERR_OK);
    assert_code(world_peer_ask(&p, "pause", "{\"sweep\": \"t\"}"), ERR_OK);
    world_agent_start(&agent, &world, &config);
    assert_code(world_peer_ask(&p, "ping", "{}"), ERR_OK);
    world_spin(&world, 100);
    assert_int_equal(fake_agent_stats(agent.agent)->assigns, 0);
    unsigned rests = world.ended; /* a pause is a rest */
    assert_code(world_peer_ask(&p, "resume", "{\"sweep\": \"t\"}"), ERR_OK);
    world.ended = 0;
    assert_true(rests <= 1);
    world_until(&world, world_sweep_ended, &world);
    assert_int_equal(world.ended_state, SWEEP_FINISHED);
    assert_int_equal(fake_agent_stats(agent.agent)->assigns, 30);
    world_agent_end(&agent);
    world_peer_end(&p);
    world_fini(&world);
}

static void ping_and_version_say_who_answers(void **state)
{
    struct world world;
    struct world_peer p;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&p, &world);
    assert_code(world_peer_ask(&p, "ping", "{}"), ERR_OK);
    AUTO_JSON json_t *pong = answer(&p);
    assert_string_equal(json_string_value(json_object_get(pong, "home_id")),
                        coordinator_home_id(world.c));
    assert_code(world_peer_ask(&p, "version", "{}"), ERR_OK);
    AUTO_JSON json_t *version = answer(&p);
    assert_string_equal(json_string_value(json_object_get(version, "protocol")), "1.0");
    world_peer_end(&p);
    world_fini(&world);
}

static bool has_all_replies(void *ctx)
{
    return ((struct world_peer *)ctx)->replies >= REQUESTS_PER_CLIENT_MAX + 20;
}

static void a_flood_is_turned_away_and_all_of_it_answered(void **state)
{
    struct world world;
    struct world_peer p;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&p, &world);
    for (unsigned i = 0; i < REQUESTS_PER_CLIENT_MAX + 20; i++) {
        world_peer_request(&p, i + 1, "ls", "{}");
    }
    world_until(&world, has_all_replies, &p);
    assert_non_null(strstr(strbuf_cstr(&p.text), "requests are open"));
    assert_code(world_peer_ask(&p, "ls", "{}"), ERR_OK); /* and goes on */
    world_peer_end(&p);
    world_fini(&world);
}

static void closing_with_open_requests_is_clean(void **state)
{
    struct world world;
    struct world_peer p;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&p, &world);
    for (unsigned i = 0; i < 20; i++) {
        world_peer_request(&p, i + 1, "ls", "{}");
    }
    world_spin(&world, 3);
    world_stop(&world);
    world_peer_end(&p);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_requests_say_what_is_wrong),
        TEST(a_sweep_too_big_for_agents_is_refused),
        TEST(two_clients_submit_steer_and_look),
        TEST(a_pause_by_a_client_keeps_agents_idle),
        TEST(ping_and_version_say_who_answers),
        TEST(a_flood_is_turned_away_and_all_of_it_answered),
        TEST(closing_with_open_requests_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
