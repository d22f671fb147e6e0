/* SPDX-License-Identifier: Apache-2.0 */
/* wiring.c – the one place that names the samplers.
 *
 * Owns: nothing. Knows: how an engine comes back from a store.
 * Does not know: loops, threads, sockets. */
#include "coordinator/wiring.h"

#include "core/engine.h"
#include "pruners/registry.h"
#include "samplers/registry.h"
#include "store/store.h"

struct replay {
    struct engine *engine;
    const struct wiring_options *options;
};

const struct pruner_registry *wiring_pruners(void)
{
    return &pruner_registry_all;
}

const struct sampler_registry *wiring_samplers(void)
{
    return &sampler_registry_all;
}

static enum err_code
replay_record(void *ctx, const struct record *record, struct err *err)
{
    struct replay *replay = ctx;
    struct err why = { 0 };
    UNUSED(err);
    if (engine_replay(replay->engine, record, &why) != ERR_OK
        && replay->options->warn != NULL) {
        replay->options->warn(replay->options->warn_ctx, &why);
    }
    return ERR_OK;
}

static struct engine_config config_of(const struct wiring_options *options)
{
    return (struct engine_config){ .lease_ms = options->lease_ms,
                                   .samplers = options->samplers != NULL
                                                   ? options->samplers
                                                   : wiring_samplers(),
                                   .pruners = &pruner_registry_all };
}

/* Brings back the curves that early stopping compares with; they are metrics, not
 * events. */
struct curve_feed {
    struct engine *engine;
    struct store *store; /* one of these two */
    struct store_reader *reader;
    enum err_code code;
    struct err *err;
};

static void
feed_curve(void *ctx, struct attempt_key key, uint64_t run_key, const char *metric)
{
    struct curve_feed *feed = ctx;
    struct curve_points points = { 0 };
    struct curve_ref ref = {
        .run_key = run_key, .attempt = key.attempt, .metric = metric, .upto = INT64_MAX
    };
    if (feed->code != ERR_OK) {
        return;
    }
    feed->code = feed->store != NULL
                     ? store_curve(feed->store, &ref, &points, feed->err)
                     : store_reader_curve(feed->reader, &ref, &points, feed->err);
    if (feed->code == ERR_OK) {
        engine_replay_curve(feed->engine, key, points.steps.ptr, points.values.ptr,
                            points.steps.len);
    }
    curve_points_fini(&points);
}

enum err_code wiring_engine(struct store *store,
                            const struct wiring_options *options,
                            struct engine **out,
                            struct err *err)
{
    struct engine_config config = config_of(options);
    config.home_id = store_home_id(store);
    enum err_code code = store_next_run_key(store, &config.next_run_key, err);
    if (code != ERR_OK) {
        return code;
    }
    struct replay replay = { .engine = engine_create(&config), .options = options };
    struct curve_feed feed = { .engine = replay.engine, .store = store, .err = err };
    code = store_replay(store, replay_record, &replay, err);
    if (code == ERR_OK) {
        engine_each_curve(replay.engine, feed_curve, &feed);
        code = feed.code;
    }
    if (code != ERR_OK) {
        engine_destroy(replay.engine);
        return code;
    }
    *out = replay.engine;
    return ERR_OK;
}

enum err_code wiring_engine_to_ask(struct store_reader *reader,
                                   const struct wiring_options *options,
                                   struct engine **out,
                                   struct err *err)
{
    struct engine_config config = config_of(options);
    config.home_id = "";
    struct replay replay = { .engine = engine_create(&config), .options = options };
    struct curve_feed feed = { .engine = replay.engine, .reader = reader, .err = err };
    enum err_code code = store_reader_replay(reader, replay_record, &replay, err);
    if (code == ERR_OK) {
        engine_each_curve(replay.engine, feed_curve, &feed);
        code = feed.code;
    }
    if (code != ERR_OK) {
        engine_destroy(replay.engine);
        return code;
    }
    *out = replay.engine;
    return ERR_OK;
}
