/* SPDX-License-Identifier: Apache-2.0 */
/* test_peers.c – peers that do not keep to the protocol, and what the others notice. */
#include <string.h>

#include "coordinator/sessions.h"
#include "tests/unit/coordinator/world.h"

struct wait {
    const struct world_peer *p;
    enum msg_type type;
    unsigned times;
};

static bool has_heard(void *ctx)
{
    const struct wait *wait = ctx;
    return wait->p->heard[wait->type] >= wait->times;
}

static void hear(struct world_peer *p, enum msg_type type, unsigned times)
{
    struct wait wait = { .p = p, .type = type, .times = times };
    world_until(p->world, has_heard, &wait);
}

static void send_heartbeat(struct world_peer *p)
{
    Winnow__Envelope env;
    Winnow__Heartbeat heartbeat;
    codec_init_heartbeat(&env, &heartbeat);
    world_peer_send(p, &env);
}

static void send_hello(struct world_peer *p, const char *id, uint32_t slots)
{
    Winnow__Envelope env;
    Winnow__Hello hello;
    char agent_id[256];
    memcpy(agent_id, id, strlen(id) + 1);
    codec_init_hello(&env, &hello);
    hello.agent_id = agent_id;
    hello.has_boot = 1;
    hello.boot = 1;
    hello.has_slots = 1;
    hello.slots = slots;
    hello.has_cpus = 1;
    hello.cpus = slots;
    world_peer_send(p, &env);
}

static void garbage_is_answered_once_and_hurts_nobody(void **state)
{
    struct world world;
    struct world_peer peer;
    struct world_agent agent;
    struct fake_agent_config config = {
        .id = "a1", .boot = 1, .slots = 2, .metric = "y"
    };
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&peer, &world);
    for (unsigned i = 0; i < SESSION_GARBAGE_MAX * 2; i++) {
        world_peer_raw(&peer, "\xff\xff\xff\xff garbage", 12);
    }
    hear(&peer, MSG_REFUSE, 1);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "5"), NULL), ERR_OK);
    world_until(&world, world_sweep_ended, &world);
    assert_int_equal(peer.heard[MSG_REFUSE], 1);
    assert_int_equal(peer.refuse_code, ERR_CORRUPT);
    send_hello(&peer, "late", 1); /* nobody listens to it any more */
    world_spin(&world, 50);
    assert_int_equal(peer.heard[MSG_WELCOME], 0);
    world_agent_end(&agent);
    world_peer_end(&peer);
    world_fini(&world);
}

static void another_major_version_is_refused_with_words(void **state)
{
    struct world world;
    struct world_peer peer;
    Winnow__Envelope env;
    Winnow__Heartbeat heartbeat;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&peer, &world);
    codec_init_heartbeat(&env, &heartbeat);
    env.version = (CODEC_VERSION_MAJOR + 1) << 16;
    world_peer_send(&peer, &env);
    hear(&peer, MSG_REFUSE, 1);
    assert_int_equal(peer.refuse_code, ERR_VERSION);
    assert_non_null(strstr(peer.refuse_text, "version"));
    world_peer_end(&peer);
    world_fini(&world);
}

static void strangers_are_asked_for_a_hello_once(void **state)
{
    struct world world;
    struct world_peer peer;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&peer, &world);
    send_heartbeat(&peer);
    send_heartbeat(&peer);
    hear(&peer, MSG_HELLO_WANTED, 1);
    send_heartbeat(&peer);
    world_spin(&world, 50);
    assert_int_equal(peer.heard[MSG_HELLO_WANTED], 1);
    send_hello(&peer, "a1", 1);
    hear(&peer, MSG_WELCOME, 1);
    assert_int_equal(coordinator_agents_connected(world.c), 1);
    send_heartbeat(&peer);
    world_spin(&world, 50);
    assert_int_equal(peer.heard[MSG_HELLO_WANTED], 1);
    world_peer_end(&peer);
    world_fini(&world);
}

static bool no_agents(void *ctx)
{
    return coordinator_agents_connected(((struct world *)ctx)->c) == 0;
}

static void a_cut_connection_is_noticed(void **state)
{
    struct world world;
    struct world_peer peer;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&peer, &world);
    send_hello(&peer, "a1", 1);
    hear(&peer, MSG_WELCOME, 1);
    world_peer_end(&peer);
    world_until(&world, no_agents, &world);
    world_fini(&world);
}

static void a_hello_that_makes_no_sense_is_refused(void **state)
{
    struct world world;
    struct world_peer peer;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&peer, &world);
    send_hello(&peer, "", 1);
    hear(&peer, MSG_REFUSE, 1);
    assert_int_equal(peer.refuse_code, ERR_INVALID);
    send_hello(&peer, "a1", 0);
    send_hello(&peer, "a\n1", 1);
    world_spin(&world, 50);
    assert_int_equal(peer.heard[MSG_REFUSE], 1); /* told once */
    assert_int_equal(coordinator_agents_connected(world.c), 0);
    send_hello(&peer, "a1", 1);
    hear(&peer, MSG_WELCOME, 1);
    world_peer_end(&peer);
    world_fini(&world);
}

static void a_report_without_an_attempt_is_refused(void **state)
{
    struct world world;
    struct world_peer peer;
    Winnow__Envelope env;
    Winnow__Report report;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_peer_start(&peer, &world);
    send_hello(&peer, "a1", 1);
    hear(&peer, MSG_WELCOME, 1);
    codec_init_report(&env, &report);
    world_peer_send(&peer, &env);
    hear(&peer, MSG_REFUSE, 1);
    assert_int_equal(peer.refuse_code, ERR_INVALID);
    assert_non_null(strstr(peer.refuse_text, "report"));
    world_peer_end(&peer);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(garbage_is_answered_once_and_hurts_nobody),
        TEST(another_major_version_is_refused_with_words),
        TEST(strangers_are_asked_for_a_hello_once),
        TEST(a_cut_connection_is_noticed),
        TEST(a_hello_that_makes_no_sense_is_refused),
        TEST(a_report_without_an_attempt_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
