/* SPDX-License-Identifier: Apache-2.0 */
/* test_client.c – the blocking client against a coordinator on another thread's loop.
 */
#include "coordinator/client.h"

#include <string.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "proto/keys.h"
#include "proto/transport_zmq.h"
#include "tests/unit/coordinator/world.h"

#define TIMEOUT_MS 20000

/* What the client's thread does, while the test's thread runs the coordinator's loop.
 */
struct job {
    struct client_config config;
    const char *verb;
    json_t *args; /* NULL: none */
    enum err_code open_code, code;
    struct err err;
    json_t *result;
    uv_thread_t thread;
    uv_async_t done;
    bool is_done, is_closed;
};

static void job_main(void *arg)
{
    struct job *job = arg;
    struct client *client = NULL;
    job->open_code = client_open(&job->config, &client, &job->err);
    if (job->open_code == ERR_OK) {
        job->code =
            client_request(client, job->verb, job->args, &job->result, &job->err);
        client_close(client);
    }
    uv_async_send(&job->done);
}

static void on_done(uv_async_t *async)
{
    ((struct job *)async->data)->is_done = true;
}

static void on_job_closed(uv_handle_t *handle)
{
    ((struct job *)handle->data)->is_closed = true;
}

static bool is_done(void *ctx)
{
    return ((struct job *)ctx)->is_done;
}

static bool is_closed(void *ctx)
{
    return ((struct job *)ctx)->is_closed;
}

static void job_run(struct world *world, struct job *job)
{
    if (job->config.timeout_ms == 0) {
        job->config.timeout_ms = TIMEOUT_MS;
    }
    assert_int_equal(uv_async_init(&world->loop, &job->done, on_done), 0);
    job->done.data = job;
    assert_int_equal(uv_thread_create(&job->thread, job_main, job), 0);
    world_until(world, is_done, job);
    uv_thread_join(&job->thread);
    uv_close((uv_handle_t *)&job->done, on_job_closed);
    world_until(world, is_closed, job);
    json_decref(job->args);
}

static json_t *submit_args(const char *text)
{
    json_t *args = json_object();
    json_put_str(args, "text", text);
    json_put_str(args, "directory", "/");
    return args;
}

static void a_client_asks_by_home(void **state)
{
    struct world world;
    UNUSED(state);
    world_init(&world);
    world_start(&world, NULL);
    struct job submit = { .config = { .home = world.home },
                          .verb = "submit",
                          .args = submit_args(WORLD_SWEEP("t", "5")) };
    job_run(&world, &submit);
    assert_ok(submit.open_code, &submit.err);
    assert_ok(submit.code, &submit.err);
    assert_string_equal(json_string_value(json_object_get(submit.result, "name")), "t");
    json_decref(submit.result);
    struct job best = { .config = { .home = world.home },
                        .verb = "stop",
                        .args = json_pack("{s:s}", "sweep", "nobody") };
    job_run(&world, &best);
    assert_code(best.code, ERR_NOTFOUND);
    assert_non_null(strstr(best.err.msg, "nobody"));
    world_fini(&world);
}

static void a_client_asks_by_tcp(void **state)
{
    struct world world;
    UNUSED(state);
    world_init(&world);
    world_start(&world, "tcp://127.0.0.1:*");
    struct job job = { .config = { .endpoint = coordinator_endpoint(world.c) },
                       .verb = "ping" };
    job_run(&world, &job);
    assert_ok(job.open_code, &job.err);
    assert_ok(job.code, &job.err);
    assert_string_equal(json_string_value(json_object_get(job.result, "home_id")),
                        coordinator_home_id(world.c));
    json_decref(job.result);
    world_fini(&world);
}

static void nobody_is_there(void **state)
{
    struct world world;
    struct client *client = NULL;
    struct err err = { 0 };
    UNUSED(state);
    world_init(&world);
    struct client_config config = { .home = world.home, .timeout_ms = TIMEOUT_MS };
    assert_code(client_open(&config, &client, &err), ERR_CLOSED); /* no home */
    world_start(&world, NULL);
    world_stop(&world);
    assert_code(client_open(&config, &client, &err), ERR_CLOSED); /* no socket */
    /* A socket left by a coordinator that was killed. */
    const char *path = tmpdir_path(&world.dir, "home/winnow.sock");
    assert_ok(fsx_write_atomic(path, "", 0, 0600, &err), &err);
    assert_code(client_open(&config, &client, &err), ERR_CLOSED);
    world_start(&world, NULL); /* which the next one replaces */
    struct job job = { .config = { .home = world.home }, .verb = "ping" };
    job_run(&world, &job);
    assert_ok(job.code, &job.err);
    json_decref(job.result);
    world_fini(&world);
}

static void keys_decide_who_may_ask(void **state)
{
    struct world world;
    struct err err = { 0 };
    UNUSED(state);
    world_init(&world);
    AUTO_FREE char *dir = mem_printf("%s/keys", world.home);
    AUTO_FREE char *other = mem_printf("%s/other", world.home);
    AUTO_FREE char *key = mem_printf("%s/alice.key", dir);
    AUTO_FREE char *strange = mem_printf("%s/mallory.key", other);
    assert_ok(fsx_mkdirs(world.home, 0700, &err), &err);
    assert_ok(keys_generate(dir, "alice", &err), &err);
    assert_ok(keys_generate(other, "mallory", &err), &err);
    world_start(&world, "tcp://127.0.0.1:*");
    const char *endpoint = coordinator_endpoint(world.c);
    struct job good = { .config = { .endpoint = endpoint, .key_file = key },
                        .verb = "ping" };
    job_run(&world, &good);
    assert_ok(good.open_code, &good.err);
    json_decref(good.result);

    /* Mallory has the coordinator's public key, but is not on its list. */
    struct keys_agent alice;
    struct keys_agent mallory;
    assert_ok(keys_load_agent(key, &alice, &err), &err);
    assert_ok(keys_load_agent(strange, &mallory, &err), &err);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(65536);
    assert_ok(fsx_read_file(strange, &text, &err), &err);
    const char *at = strstr(strbuf_cstr(&text), mallory.coordinator_key);
    assert_non_null(at);
    memcpy(text.ptr + (at - text.ptr), alice.coordinator_key, KEYS_TEXT_SIZE - 1);
    assert_ok(fsx_write_atomic(strange, text.ptr, text.len, 0600, &err), &err);
    struct job bad = { .config = { .endpoint = endpoint, .key_file = strange },
                       .verb = "ping" };
    job_run(&world, &bad);
    assert_code(bad.open_code, ERR_DENIED);
    struct job missing = { .config = { .endpoint = endpoint, .key_file = "/nowhere" },
                           .verb = "ping" };
    job_run(&world, &missing);
    assert_true(missing.open_code != ERR_OK);
    world_fini(&world);
}

struct key_agent {
    struct world *world;
    struct fake_agent *agent;
    struct transport *transport;
    bool closed;
};

static bool is_answered(void *ctx)
{
    const struct fake_agent_stats *stats =
        fake_agent_stats(((struct key_agent *)ctx)->agent);
    return stats->welcomes + stats->refusals > 0;
}

static void on_agent_closed(void *ctx)
{
    ((struct key_agent *)ctx)->closed = true;
}

static bool is_agent_closed(void *ctx)
{
    return ((struct key_agent *)ctx)->closed;
}

/* Says hello as `id` with a key; the code of the refusal, ERR_OK when welcomed. */
static uint32_t hello_with_key(struct world *world, const char *id, const char *path)
{
    struct key_agent a = { .world = world };
    struct err err = { 0 };
    struct keys_agent keys;
    struct fake_agent_config config = {
        .id = id, .boot = 1, .slots = 1, .metric = "y"
    };
    struct zmq_hub *hub = NULL;
    a.agent = fake_agent_create(&config);
    assert_ok(keys_load_agent(path, &keys, &err), &err);
    assert_ok(zmq_hub_create(&world->loop, &hub, &err), &err);
    struct transport_zmq_config zmq = { .hub = hub,
                                        .endpoint = coordinator_endpoint(world->c),
                                        .cb = *fake_agent_callbacks(),
                                        .ctx = a.agent,
                                        .client_keys = &keys };
    assert_ok(transport_zmq_connect(&zmq, &a.transport, &err), &err);
    zmq_hub_unref(hub);
    fake_agent_attach(a.agent, a.transport);
    world_until(world, is_answered, &a);
    uint32_t code = fake_agent_stats(a.agent)->refusal_code;
    transport_close(a.transport, on_agent_closed, &a);
    world_until(world, is_agent_closed, &a);
    fake_agent_destroy(a.agent);
    return code;
}

static void a_key_speaks_for_its_own_agent_only(void **state)
{
    struct world world;
    struct err err = { 0 };
    UNUSED(state);
    world_init(&world);
    AUTO_FREE char *dir = mem_printf("%s/keys", world.home);
    AUTO_FREE char *key = mem_printf("%s/alice.key", dir);
    assert_ok(fsx_mkdirs(world.home, 0700, &err), &err);
    assert_ok(keys_generate(dir, "alice", &err), &err);
    world_start(&world, "tcp://127.0.0.1:*");
    assert_int_equal(hello_with_key(&world, "bob", key), ERR_DENIED);
    assert_int_equal(hello_with_key(&world, "alice", key), ERR_OK);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_asks_by_home),
        TEST(a_client_asks_by_tcp),
        TEST(nobody_is_there),
        TEST(keys_decide_who_may_ask),
        TEST(a_key_speaks_for_its_own_agent_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
