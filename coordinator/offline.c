/* SPDX-License-Identifier: Apache-2.0 */
/* offline.c – steers a home that nobody holds, and asks its engine.
 *
 * Owns: store and engine for the length of one call. Knows: that a change is made by
 * the same engine that a coordinator runs, so nothing is decided twice. Does not know:
 * loops, threads, agents. The engine is not started: whatever it would tell to agents
 * is due when a coordinator starts. */
#include "base/json.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "coordinator/coordinator.h"
#include "coordinator/explain.h"
#include "coordinator/wiring.h"
#include "core/outbox.h"
#include "store/store.h"

#define REPLY_TOKEN 1

static enum err_code
commit_all(struct store *store, struct outbox *outbox, struct err *err)
{
    struct record *const *records = NULL;
    size_t len = 0;
    while (outbox_seal(outbox, SIZE_MAX, &records, &len)) {
        enum err_code code = store_apply(store, records, len, err);
        if (code != ERR_OK) {
            return code;
        }
        outbox_committed(outbox);
    }
    return ERR_OK;
}

/* Takes the engine's answer out of what was released. */
static enum err_code reply_find(struct outbox *outbox, char **json_out, struct err *err)
{
    enum err_code code =
        err_set(err, ERR_INTERNAL, "the engine did not answer the request");
    struct effect effect;
    while (outbox_next(outbox, &effect)) {
        if (effect.kind == FX_REPLY && effect.as.reply.token == REPLY_TOKEN) {
            const char *text = effect.as.reply.text;
            code = effect.as.reply.code;
            if (code != ERR_OK) {
                err_set(err, code, "%s", text != NULL ? text : err_text(code));
            } else if (json_out != NULL) {
                *json_out = mem_strdup(text != NULL ? text : "{}");
            }
        }
        effect_fini(&effect);
    }
    return code;
}

static enum err_code steer_store(struct store *store,
                                 struct engine *engine,
                                 const struct ev_steer *steer,
                                 char **json_out,
                                 struct err *err)
{
    struct effects effects = { 0 };
    struct outbox *outbox = outbox_create();
    struct event event = { .kind = EV_START,
                           .now = clock_mono(),
                           .wall = clock_wall() };
    engine_step(engine, &event, &effects);
    event.kind = EV_STEER;
    event.token = REPLY_TOKEN;
    event.as.steer = *steer;
    engine_step(engine, &event, &effects);
    outbox_add(outbox, &effects);
    enum err_code code = commit_all(store, outbox, err);
    if (code == ERR_OK) {
        code = reply_find(outbox, json_out, err);
    }
    effects_fini(&effects);
    outbox_destroy(outbox);
    return code;
}

enum err_code coordinator_offline_steer(const char *home,
                                        const struct ev_steer *steer,
                                        char **json_out,
                                        struct err *err)
{
    struct store *store = NULL;
    struct engine *engine = NULL;
    struct wiring_options options = { .lease_ms = COORDINATOR_LEASE_MS_DEFAULT };
    AUTO_FREE char *path = fsx_path_join(home, "store.db");
    if (!fsx_exists(path)) { /* opening would make one */
        return err_set(err, ERR_NOTFOUND, "no store in '%s'", home);
    }
    enum err_code code = store_open(home, &store, err);
    if (code != ERR_OK) {
        return code;
    }
    code = wiring_engine(store, &options, &engine, err);
    if (code == ERR_OK) {
        code = steer_store(store, engine, steer, json_out, err);
        engine_destroy(engine);
    }
    store_close(store);
    return code;
}

enum err_code coordinator_offline_explain(const char *home,
                                          const char *sweep,
                                          const uint32_t *trial,
                                          json_t **out,
                                          struct err *err)
{
    struct store_reader *reader = NULL;
    struct engine *engine = NULL;
    struct wiring_options options = { .lease_ms = COORDINATOR_LEASE_MS_DEFAULT };
    enum err_code code = store_reader_open(home, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    code = wiring_engine_to_ask(reader, &options, &engine, err);
    if (code == ERR_OK) {
        code = explain_json(engine, sweep, trial, out, err);
        engine_destroy(engine);
    }
    store_reader_close(reader);
    return code;
}
