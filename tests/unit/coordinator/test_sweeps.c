/* SPDX-License-Identifier: Apache-2.0 */
/* test_sweeps.c – sweeps run to their end through a coordinator, a store and agents
 * that only exist in this process. */
#include <string.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "samplers/registry.h"
#include "store/store.h"
#include "tests/unit/coordinator/world.h"

static struct fake_agent_config agent_config(const char *id, uint32_t slots)
{
    return (
        struct fake_agent_config){ .id = id, .boot = 1, .slots = slots, .metric = "y" };
}

static json_t *ask_store(const struct world *world, const char *verb, const char *args)
{
    struct err err = { 0 };
    struct store_reader *reader = NULL;
    AUTO_JSON json_t *parsed = NULL;
    json_t *result = NULL;
    assert_ok(json_parse(args, strlen(args), &parsed, &err), &err);
    assert_ok(store_reader_open(world->home, &reader, &err), &err);
    assert_ok(store_query(reader, verb, parsed, &result, &err), &err);
    store_reader_close(reader);
    return result;
}

/* Every trial of the sweep in the store, each once and finished. */
static void assert_all_finished(const struct world *world, size_t trials)
{
    AUTO_JSON json_t *rows = ask_store(world, "trials", "{\"sweep\": \"last\"}");
    assert_int_equal(json_array_size(rows), trials);
    for (size_t i = 0; i < trials; i++) {
        const json_t *row = json_array_get(rows, i);
        assert_string_equal(json_string_value(json_object_get(row, "state")),
                            "finished");
        assert_int_equal(json_integer_value(json_object_get(row, "number")), i);
    }
}

static void a_sweep_runs_to_its_end(void **state)
{
    struct world world;
    struct world_agent agent;
    struct fake_agent_config config = agent_config("a1", 4);
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "25"), NULL), ERR_OK);
    world_until(&world, world_sweep_ended, &world);
    assert_int_equal(world.ended_state, SWEEP_FINISHED);
    struct sweep_summary summary = world_summary(&world);
    assert_int_equal(summary.counts[TRIAL_FINISHED], 25);
    assert_true(summary.has_best);
    assert_int_equal(fake_agent_stats(agent.agent)->lease_ms,
                     COORDINATOR_LEASE_MS_DEFAULT);
    world_agent_end(&agent);
    world_stop(&world);
    assert_all_finished(&world, 25);
    world_fini(&world);
}

static void two_agents_share_a_sweep(void **state)
{
    struct world world;
    struct world_agent first;
    struct world_agent second;
    struct fake_agent_config config = agent_config("a1", 2);
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    world_agent_start(&first, &world, &config);
    config.id = "a2";
    world_agent_start(&second, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "40"), NULL), ERR_OK);
    world_until(&world, world_sweep_ended, &world);
    assert_true(fake_agent_stats(first.agent)->assigns > 0);
    assert_true(fake_agent_stats(second.agent)->assigns > 0);
    assert_int_equal(fake_agent_stats(first.agent)->assigns
                         + fake_agent_stats(second.agent)->assigns,
                     40);
    world_agent_end(&first);
    world_agent_end(&second);
    world_stop(&world);
    assert_all_finished(&world, 40);
    world_fini(&world);
}

static bool holds_two(void *ctx)
{
    return fake_agent_stats(((struct world_agent *)ctx)->agent)->held >= 2;
}

static bool is_welcome_again(void *ctx)
{
    return fake_agent_stats(((struct world_agent *)ctx)->agent)->welcomes == 2;
}

static bool drop_held(void *ctx)
{
    struct world_agent *agent = ctx;
    if (fake_agent_stats(agent->agent)->held > 0) {
        struct fake_attempt attempt = fake_agent_held(agent->agent, 0);
        fake_agent_end(agent->agent, &attempt, END_EXITED, 0.5);
    }
    return agent->world->ended > 0;
}

/* The coordinator goes away while attempts run; the next one adopts them. */
static void a_restart_goes_on_with_what_runs(void **state)
{
    struct world world;
    struct world_agent agent;
    struct fake_agent_config config = agent_config("a1", 2);
    UNUSED(state);
    config.hold = true;
    world_init(&world);
    world_start(&world, NULL);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "6"), NULL), ERR_OK);
    world_until(&world, holds_two, &agent);
    world_agent_cut(&agent);
    world_stop(&world);
    world_start(&world, NULL);
    assert_int_equal(world_summary(&world).state, SWEEP_RUNNING);
    world_agent_join(&agent);
    world_until(&world, is_welcome_again, &agent);
    assert_true(fake_agent_stats(agent.agent)->held >= 2);
    assert_int_equal(fake_agent_stats(agent.agent)->stops, 0);
    world_until(&world, drop_held, &agent);
    assert_int_equal(world.ended_state, SWEEP_FINISHED);
    assert_int_equal(fake_agent_stats(agent.agent)->assigns, 6);
    world_agent_end(&agent);
    world_stop(&world);
    assert_all_finished(&world, 6);
    world_fini(&world);
}

static bool is_drained(void *ctx)
{
    return ((struct world *)ctx)->drained > 0;
}

static bool end_until_drained(void *ctx)
{
    struct world_agent *agent = ctx;
    if (fake_agent_stats(agent->agent)->held > 0) {
        struct fake_attempt attempt = fake_agent_held(agent->agent, 0);
        fake_agent_end(agent->agent, &attempt, END_EXITED, 0.5);
    }
    return agent->world->drained > 0;
}

static void draining_lets_attempts_end_and_starts_none(void **state)
{
    struct world world;
    struct world_agent agent;
    struct fake_agent_config config = agent_config("a1", 2);
    UNUSED(state);
    config.hold = true;
    world_init(&world);
    world_start(&world, NULL);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "50"), NULL), ERR_OK);
    world_until(&world, holds_two, &agent);
    coordinator_shutdown(world.c, true);
    world_spin(&world, 20);
    assert_int_equal(world.drained, 0);
    world_until(&world, end_until_drained, &agent);
    assert_int_equal(coordinator_attempts_live(world.c), 0);
    assert_true(fake_agent_stats(agent.agent)->assigns < 10);
    assert_int_equal(world_summary(&world).state, SWEEP_RUNNING);
    world_agent_end(&agent);
    world_fini(&world);
}

static void shutdown_without_drain_comes_at_once(void **state)
{
    struct world world;
    struct world_agent agent;
    struct fake_agent_config config = agent_config("a1", 2);
    UNUSED(state);
    config.hold = true;
    world_init(&world);
    world_start(&world, NULL);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "50"), NULL), ERR_OK);
    world_until(&world, holds_two, &agent);
    coordinator_shutdown(world.c, true);
    coordinator_shutdown(world.c, false);
    world_until(&world, is_drained, &world);
    assert_int_equal(world.drained, 1);
    world_agent_end(&agent);
    world_fini(&world);
}

static void a_wrong_sweep_file_changes_nothing(void **state)
{
    struct world world;
    char *text = NULL;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    assert_code(world_submit(&world, "sweep: 1\nname: t\nspce: {}\n", &text),
                ERR_INVALID);
    assert_non_null(strstr(text, "sweep.yaml:"));
    mem_free(text);
    AUTO_JSON json_t *rows = ask_store(&world, "ls", "{}");
    assert_int_equal(json_array_size(rows), 0);
    world_fini(&world);
}

static void a_home_has_one_holder(void **state)
{
    struct world world;
    struct err err = { 0 };
    struct coordinator *second = NULL;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    struct coordinator_config config = { .loop = &world.loop, .home = world.home };
    assert_code(coordinator_create(&config, &second, &err), ERR_LOCKED);
    struct ev_steer steer = { .verb = STEER_STOP, .sweep = "last" };
    assert_code(coordinator_offline_steer(world.home, &steer, NULL, &err), ERR_LOCKED);
    world_fini(&world);
}

static void a_home_without_holder_is_steered_directly(void **state)
{
    struct world world;
    struct err err = { 0 };
    char *text = NULL;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "5"), NULL), ERR_OK);
    world_stop(&world);
    struct ev_steer steer = { .verb = STEER_PAUSE, .sweep = "t", .cause = "by test" };
    const char *nowhere = tmpdir_path(&world.dir, "nowhere");
    assert_code(coordinator_offline_steer(nowhere, &steer, NULL, &err), ERR_NOTFOUND);
    assert_false(fsx_exists(nowhere));
    assert_ok(coordinator_offline_steer(world.home, &steer, &text, &err), &err);
    assert_non_null(strstr(text, "\"paused\""));
    mem_free(text);
    steer.sweep = "nobody";
    assert_code(coordinator_offline_steer(world.home, &steer, NULL, &err),
                ERR_NOTFOUND);
    world_start(&world, NULL);
    assert_int_equal(world_summary(&world).state, SWEEP_PAUSED);
    world_fini(&world);
}

static void nothing_listens_off_this_machine_without_keys(void **state)
{
    struct world world;
    struct err err = { 0 };
    UNUSED(state);
    world_init(&world);
    struct coordinator *c = NULL;
    struct coordinator_config config = { .loop = &world.loop,
                                         .home = world.home,
                                         .listen = "tcp://0.0.0.0:*" };
    assert_code(coordinator_create(&config, &c, &err), ERR_DENIED);
    assert_non_null(strstr(err.msg, "winnow keygen"));
    world_start(&world, "tcp://127.0.0.1:*"); /* the lock was given back */
    assert_null(strchr(coordinator_endpoint(world.c), '*'));
    world_fini(&world);
}

static bool second_has_one(void *ctx)
{
    return fake_agent_stats(((struct world_agent *)ctx)->agent)->assigns > 0;
}

/* The deadline timer works: nobody says anything, and still the lease ends. */
static void on_beat(uv_timer_t *timer)
{
    fake_agent_heartbeat(timer->data);
}

static void a_silent_agent_loses_its_trial_to_another(void **state)
{
    uv_timer_t beat;
    struct world world;
    struct world_agent silent;
    struct world_agent second;
    struct fake_agent_config config = agent_config("a1", 1);
    UNUSED(state);
    config.hold = true;
    world_init(&world);
    world.lease_ms = 1000;
    world_start(&world, NULL);
    world_agent_start(&silent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "1"), NULL), ERR_OK);
    world_until(&world, second_has_one, &silent);
    config.id = "a2";
    config.hold = false;
    world_agent_start(&second, &world, &config);
    assert_int_equal(uv_timer_init(&world.loop, &beat), 0);
    beat.data = second.agent;
    uv_timer_start(&beat, on_beat, 200, 200);
    world_until(&world, world_sweep_ended, &world);
    assert_int_equal(fake_agent_stats(second.agent)->assigns, 1);
    assert_int_equal(world_summary(&world).counts[TRIAL_FINISHED], 1);
    uv_close((uv_handle_t *)&beat, NULL);
    world_agent_end(&silent);
    world_agent_end(&second);
    world_fini(&world);
}

/* ---- samplers on the pool ---- */

static enum err_code suggest_one(const struct suggest_request *request,
                                 double *x_out,
                                 uint64_t *cursor_out,
                                 struct err *err)
{
    if (request->trial == 0) {
        x_out[0] = 0.5;
        *cursor_out = 0;
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID, "no point is allowed");
}

static double best_with(const struct sampler_registry *samplers)
{
    struct world world;
    struct world_agent agent;
    struct fake_agent_config config = agent_config("a1", 1);
    world_init(&world);
    world.samplers = samplers;
    world_start(&world, NULL);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "20"), NULL), ERR_OK);
    world_until(&world, world_sweep_ended, &world);
    double best = world_summary(&world).best_value;
    world_agent_end(&agent);
    world_fini(&world);
    return best;
}

static void the_pool_suggests_the_same(void **state)
{
    struct sampler_ops slow = *sampler_find(&sampler_registry_all, "random");
    const struct sampler_ops *const list[] = { &slow };
    const struct sampler_registry samplers = { .ops = list, .len = 1 };
    UNUSED(state);
    slow.immediate = false;
    assert_true(best_with(&samplers) == best_with(NULL)); /* bit for bit */
}

static void a_sampler_that_finds_no_more_ends_the_sweep_with_words(void **state)
{
    struct world world;
    struct world_agent agent;
    struct fake_agent_config config = agent_config("a1", 1);
    struct sampler_ops none = *sampler_find(&sampler_registry_all, "random");
    const struct sampler_ops *const list[] = { &none };
    const struct sampler_registry samplers = { .ops = list, .len = 1 };
    UNUSED(state);
    none.suggest = suggest_one;
    none.immediate = false;
    world_init(&world);
    world.samplers = &samplers;
    world_start(&world, NULL);
    world_agent_start(&agent, &world, &config);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "20"), NULL), ERR_OK);
    world_until(&world, world_sweep_ended, &world);
    assert_true(world.ended_state != SWEEP_FINISHED);
    assert_non_null(strstr(world_summary(&world).cause, "no point is allowed"));
    world_agent_end(&agent);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sweep_runs_to_its_end),
        TEST(two_agents_share_a_sweep),
        TEST(a_restart_goes_on_with_what_runs),
        TEST(draining_lets_attempts_end_and_starts_none),
        TEST(shutdown_without_drain_comes_at_once),
        TEST(a_wrong_sweep_file_changes_nothing),
        TEST(a_home_has_one_holder),
        TEST(a_home_without_holder_is_steered_directly),
        TEST(nothing_listens_off_this_machine_without_keys),
        TEST(a_silent_agent_loses_its_trial_to_another),
        TEST(the_pool_suggests_the_same),
        TEST(a_sampler_that_finds_no_more_ends_the_sweep_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
