/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c – nothing is told before it is on disk: full disks and failing stores.
 */
#include <stdatomic.h>
#include <string.h>

#include "store/store.h"
#include "tests/unit/coordinator/world.h"

/* What store_apply answers instead of writing; ERR_OK: it writes. */
static _Atomic int store_answer;
static _Atomic unsigned store_refused;

enum err_code
__real_store_apply(struct store *, struct record *const *, size_t, struct err *);
enum err_code __wrap_store_apply(struct store *store,
                                 struct record *const *records,
                                 size_t len,
                                 struct err *err);

enum err_code __wrap_store_apply(struct store *store,
                                 struct record *const *records,
                                 size_t len,
                                 struct err *err)
{
    enum err_code code = (enum err_code)atomic_load(&store_answer);
    if (code != ERR_OK) {
        atomic_fetch_add(&store_refused, 1);
        return err_set(err, code, "as the test wants it");
    }
    return __real_store_apply(store, records, len, err);
}

/* A checkpoint that lasts until the threads are being joined. */
static _Atomic bool checkpoint_held;
static _Atomic bool checkpoint_begun;
static uv_sem_t joining;

enum err_code __real_store_checkpoint(struct store_checkpointer *, struct err *);
enum err_code __wrap_store_checkpoint(struct store_checkpointer *checkpointer,
                                      struct err *err);
int __real_uv_thread_join(uv_thread_t *thread);
int __wrap_uv_thread_join(uv_thread_t *thread);

enum err_code __wrap_store_checkpoint(struct store_checkpointer *checkpointer,
                                      struct err *err)
{
    if (atomic_load(&checkpoint_held)) {
        atomic_store(&checkpoint_begun, true);
        uv_sem_wait(&joining);
    }
    return __real_store_checkpoint(checkpointer, err);
}

int __wrap_uv_thread_join(uv_thread_t *thread)
{
    if (atomic_exchange(&checkpoint_held, false)) {
        uv_sem_post(&joining);
    }
    return __real_uv_thread_join(thread);
}

static int setup(void **state)
{
    UNUSED(state);
    atomic_store(&store_answer, ERR_OK);
    atomic_store(&store_refused, 0);
    return 0;
}

struct scene {
    struct world world;
    struct world_agent agent;
};

static bool holds_one(void *ctx)
{
    return fake_agent_stats(((struct scene *)ctx)->agent.agent)->held > 0;
}

static void scene_init(struct scene *scene)
{
    struct fake_agent_config config = {
        .id = "a1", .boot = 1, .slots = 1, .metric = "y", .hold = true
    };
    world_init(&scene->world);
    world_start(&scene->world, NULL);
    world_agent_start(&scene->agent, &scene->world, &config);
    assert_code(world_submit(&scene->world, WORLD_SWEEP("t", "3"), NULL), ERR_OK);
    world_until(&scene->world, holds_one, scene);
}

static void end_first(struct scene *scene)
{
    struct fake_attempt attempt = fake_agent_held(scene->agent.agent, 0);
    fake_agent_end(scene->agent.agent, &attempt, END_EXITED, 0.5);
}

static bool is_refused(void *ctx)
{
    UNUSED(ctx);
    return atomic_load(&store_refused) > 0;
}

static bool is_refused_twice(void *ctx)
{
    UNUSED(ctx);
    return atomic_load(&store_refused) > 1;
}

static bool end_all(void *ctx)
{
    struct scene *scene = ctx;
    if (fake_agent_stats(scene->agent.agent)->held > 0) {
        end_first(scene);
    }
    return scene->world.ended > 0;
}

static bool says_disk_full(void *ctx)
{
    struct scene *scene = ctx;
    const char *cause = world_summary(&scene->world).cause;
    return cause != NULL && strstr(cause, "disk full") != NULL;
}

static void a_full_disk_holds_everything_back_and_passes(void **state)
{
    struct scene scene;
    UNUSED(state);
    scene_init(&scene);
    uint64_t acks = fake_agent_stats(scene.agent.agent)->acks;
    uint64_t assigns = fake_agent_stats(scene.agent.agent)->assigns;
    atomic_store(&store_answer, ERR_FULL);
    end_first(&scene);
    world_until(&scene.world, is_refused, NULL);
    world_until(&scene.world, says_disk_full, &scene);
    world_until(&scene.world, is_refused_twice, NULL);
    world_spin(&scene.world, 50);
    assert_int_equal(fake_agent_stats(scene.agent.agent)->acks, acks);
    assert_int_equal(fake_agent_stats(scene.agent.agent)->assigns, assigns);
    assert_int_equal(scene.world.fatal, 0);
    atomic_store(&store_answer, ERR_OK);
    world_until(&scene.world, end_all, &scene);
    assert_int_equal(scene.world.ended_state, SWEEP_FINISHED);
    assert_int_equal(world_summary(&scene.world).counts[TRIAL_FINISHED], 3);
    world_agent_end(&scene.agent);
    world_fini(&scene.world);
}

static void closing_with_a_full_disk_does_not_wait_for_space(void **state)
{
    struct scene scene;
    UNUSED(state);
    scene_init(&scene);
    atomic_store(&store_answer, ERR_FULL);
    end_first(&scene);
    world_until(&scene.world, says_disk_full, &scene);
    world_stop(&scene.world);
    atomic_store(&store_answer, ERR_OK);
    world_start(&scene.world, NULL); /* what was not acknowledged is told again */
    world_agent_cut(&scene.agent);
    world_agent_join(&scene.agent);
    world_until(&scene.world, end_all, &scene);
    assert_int_equal(world_summary(&scene.world).counts[TRIAL_FINISHED], 3);
    world_agent_end(&scene.agent);
    world_fini(&scene.world);
}

static bool is_fatal(void *ctx)
{
    return ((struct scene *)ctx)->world.fatal > 0;
}

static void a_failing_store_ends_everything(void **state)
{
    struct scene scene;
    UNUSED(state);
    scene_init(&scene);
    uint64_t acks = fake_agent_stats(scene.agent.agent)->acks;
    atomic_store(&store_answer, ERR_IO);
    end_first(&scene);
    world_until(&scene.world, is_fatal, &scene);
    assert_int_equal(scene.world.fatal_err.code, ERR_IO);
    assert_non_null(strstr(scene.world.fatal_err.msg, "as the test wants it"));
    atomic_store(&store_answer, ERR_OK);
    fake_agent_heartbeat(scene.agent.agent);
    assert_code(world_submit(&scene.world, WORLD_SWEEP("u", "3"), NULL), ERR_CLOSED);
    world_spin(&scene.world, 50);
    assert_int_equal(fake_agent_stats(scene.agent.agent)->acks, acks);
    assert_int_equal(scene.world.fatal, 1);
    world_stop(&scene.world);
    world_start(&scene.world, NULL);
    world_agent_cut(&scene.agent);
    world_agent_join(&scene.agent);
    world_until(&scene.world, end_all, &scene);
    assert_int_equal(world_summary(&scene.world).counts[TRIAL_FINISHED], 3);
    world_agent_end(&scene.agent);
    world_fini(&scene.world);
}

static void closing_waits_for_a_checkpoint(void **state)
{
    struct world world;
    UNUSED(state);
    assert_int_equal(uv_sem_init(&joining, 0), 0);
    atomic_store(&checkpoint_held, true);
    world_init(&world);
    world_start(&world, NULL);
    assert_code(world_submit(&world, WORLD_SWEEP("t", "3"), NULL), ERR_OK);
    while (!atomic_load(&checkpoint_begun)) {
        world_spin(&world, 1); /* the thread does not wake the loop */
    }
    world_stop(&world);
    uv_sem_destroy(&joining);
    world_start(&world, NULL);
    assert_int_equal(world_summary(&world).state, SWEEP_RUNNING);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_full_disk_holds_everything_back_and_passes, setup),
        cmocka_unit_test_setup(closing_with_a_full_disk_does_not_wait_for_space, setup),
        cmocka_unit_test_setup(a_failing_store_ends_everything, setup),
        cmocka_unit_test_setup(closing_waits_for_a_checkpoint, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
