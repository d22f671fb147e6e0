/* SPDX-License-Identifier: Apache-2.0 */
/* engine_points.c – points that the user brings: to try next, or with results from
 * elsewhere as history for the sampler.
 * Owns the reading of both and the answers. Knows spaces and JSON. Does not know when a
 * queued trial runs, nor what a sampler makes of a result.
 *
 * Points to try are taken all or none. Of results those outside the space are counted
 * and left out: a table from another sweep rarely fits whole.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"
#include "core/point.h"

/* ---- to try ---- */

static enum err_code read_points(const struct sweep *sweep,
                                 const json_t *list,
                                 double *points,
                                 struct err *err)
{
    const struct space *space = sweep->spec->space;
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum err_code code = point_from_json(space, json_array_get(list, i),
                                             points + i * space->len, err);
        if (code != ERR_OK) {
            err_wrap(err, "point %zu", i + 1);
            return code;
        }
    }
    return ERR_OK;
}

static void reply_enqueued(const struct sweep *sweep,
                           uint64_t token,
                           size_t len,
                           struct effects *effects)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(JSON_BYTES_MAX);
    strbuf_addf(&text, "{\"id\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"trials\":[",
                sweep->run_id.hex, sweep->spec->name, sweep_state_name(sweep->state));
    for (size_t i = 0; i < len; i++) {
        strbuf_addf(&text, "%s%zu", i > 0 ? "," : "", sweep->trials.len - len + i);
    }
    strbuf_adds(&text, "]}");
    engine_reply(effects, token, ERR_OK, strbuf_take(&text));
}

static void enqueue(struct engine *engine,
                    struct sweep *sweep,
                    const double *points,
                    size_t len,
                    const char *cause,
                    struct effects *effects)
{
    size_t dims = sweep->spec->space->len;
    if (sweep_state_is_final(sweep->state)) {
        engine_reopen_sweep(engine, sweep, cause, effects);
    }
    for (size_t i = 0; i < len; i++) {
        struct new_trial made = { .x = points + i * dims,
                                  .cursor = sweep->cursor,
                                  .enqueued = true,
                                  .by_user = true };
        engine_create_trial(engine, sweep, made, effects);
    }
}

static enum err_code on_enqueue(struct engine *engine,
                                struct sweep *sweep,
                                const struct event *event,
                                const json_t *list,
                                struct effects *effects,
                                struct err *err)
{
    size_t len = json_array_size(list);
    if (sweep->misfit) {
        return err_set(err, ERR_STATE, "the records of sweep '%s' do not fit together",
                       sweep->spec->name);
    }
    if (len == 0) {
        return err_set(err, ERR_INVALID, "there is no point to enqueue");
    }
    if (sweep->trials.len + len > TRIALS_MAX) {
        return err_set(err, ERR_TOOBIG, "a sweep has at most %u trials", TRIALS_MAX);
    }
    AUTO_FREE double *points =
        mem_alloc_array(len * sweep->spec->space->len, sizeof *points);
    enum err_code code = read_points(sweep, list, points, err);
    if (code == ERR_OK) {
        enqueue(engine, sweep, points, len, event->as.steer.cause, effects);
        reply_enqueued(sweep, event->token, len, effects);
    }
    return code;
}

/* ---- with results ---- */

struct imported {
    size_t taken;
    size_t outside;  /* not a point of the space */
    size_t no_value; /* without a value, or of a trial that did not end well */
    char first_outside[ERR_MSG_SIZE]; /* why, of the first of them */
};

/* False: it has no value to learn from. */
static bool read_result(const json_t *item, struct rec_prior *prior)
{
    const char *state = "finished";
    struct err err = { 0 };
    prior->step = 0;
    enum err_code code = json_opt_str(item, "state", "", &state, &err);
    if (code == ERR_OK) {
        code = json_get_f64(item, "value", "", &prior->value, &err);
    }
    if (code == ERR_OK) {
        code = json_opt_i64(item, "step", "", &prior->step, &err);
    }
    bool finished = strcmp(state, "finished") == 0;
    prior->state = finished ? TRIAL_FINISHED : TRIAL_PRUNED;
    return code == ERR_OK && !isnan(prior->value)
           && (finished || strcmp(state, "pruned") == 0);
}

static void import_one(struct engine *engine,
                       struct sweep *sweep,
                       const json_t *item,
                       double *x,
                       struct imported *imported,
                       struct effects *effects)
{
    struct err err = { 0 };
    struct record record = { .kind = REC_PRIOR,
                             .key = { .sweep = sweep->key },
                             .run_key = sweep->run_key,
                             .as.prior = { .x = x, .x_len = sweep->spec->space->len } };
    if (!read_result(item, &record.as.prior)) {
        imported->no_value++;
    } else if (point_from_json(sweep->spec->space, json_object_get(item, "params"), x,
                               &err)
               != ERR_OK) {
        if (imported->outside++ == 0) {
            memcpy(imported->first_outside, err.msg, sizeof err.msg);
        }
    } else {
        imported->taken++;
        engine_emit(engine, effects, &record);
    }
}

static void reply_imported(const struct sweep *sweep,
                           uint64_t token,
                           const struct imported *imported,
                           struct effects *effects)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(JSON_BYTES_MAX);
    strbuf_addf(&text,
                "{\"id\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"imported\":%zu,"
                "\"outside\":%zu,\"no_value\":%zu",
                sweep->run_id.hex, sweep->spec->name, sweep_state_name(sweep->state),
                imported->taken, imported->outside, imported->no_value);
    if (imported->outside > 0) {
        strbuf_adds(&text, ",\"first_outside\":");
        json_emit_str(str_from(imported->first_outside), &text);
    }
    strbuf_addc(&text, '}');
    engine_reply(effects, token, ERR_OK, strbuf_take(&text));
}

static enum err_code on_import(struct engine *engine,
                               struct sweep *sweep,
                               const struct event *event,
                               const json_t *list,
                               struct effects *effects,
                               struct err *err)
{
    const char *sampler = sweep->spec->sampler->name;
    if (sweep_state_is_final(sweep->state)) {
        return err_set(err, ERR_STATE, "sweep '%s' is %s", sweep->spec->name,
                       sweep_state_name(sweep->state));
    }
    if (!sweep->spec->sampler->learns) {
        return err_set(err, ERR_STATE, "sampler '%s' does not learn from results",
                       sampler);
    }
    struct imported imported = { .taken = 0 };
    AUTO_FREE double *x = mem_alloc_array(sweep->spec->space->len, sizeof *x);
    for (size_t i = 0; i < json_array_size(list); i++) {
        import_one(engine, sweep, json_array_get(list, i), x, &imported, effects);
    }
    reply_imported(sweep, event->token, &imported, effects);
    return ERR_OK;
}

void engine_on_points(struct engine *engine,
                      struct sweep *sweep,
                      const struct event *event,
                      struct effects *effects)
{
    const struct ev_steer *steer = &event->as.steer;
    AUTO_JSON json_t *list = NULL;
    struct err err = { 0 };
    enum err_code code = json_parse(steer->points, steer->points_len, &list, &err);
    if (code == ERR_OK && !json_is_array(list)) {
        code = err_set(&err, ERR_INVALID, "points: expected an array");
    }
    if (code == ERR_OK) {
        code = steer->verb == STEER_ENQUEUE
                   ? on_enqueue(engine, sweep, event, list, effects, &err)
                   : on_import(engine, sweep, event, list, effects, &err);
    }
    if (code != ERR_OK) {
        engine_reply(effects, event->token, code, mem_strdup(err.msg));
    }
}
