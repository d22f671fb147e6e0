/* SPDX-License-Identifier: Apache-2.0 */
/* wiring.c – the one place that names the samplers.
 *
 * Owns: nothing. Knows: how an engine comes back from a store.
 * Does not know: loops, threads, sockets. */
#include "coordinator/wiring.h"

#include "core/engine.h"
#include "samplers/registry.h"
#include "store/store.h"

struct replay {
    struct engine *engine;
    const struct wiring_options *options;
};

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
                                                   : wiring_samplers() };
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
    code = store_replay(store, replay_record, &replay, err);
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
    enum err_code code = store_reader_replay(reader, replay_record, &replay, err);
    if (code != ERR_OK) {
        engine_destroy(replay.engine);
        return code;
    }
    *out = replay.engine;
    return ERR_OK;
}
