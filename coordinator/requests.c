/* SPDX-License-Identifier: Apache-2.0 */
/* requests.c – the verbs of clients.
 *
 * Owns: the table of verbs. Knows: the arguments of those that the engine or the shell
 * answer; look-ups go to the store unread. Does not know: sockets.
 *
 * Every error names the verb's argument; nothing happens on an error. */
#include "coordinator/requests.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sys/clock.h"
#include "coordinator/coordinator_internal.h"
#include "coordinator/explain.h"
#include "coordinator/replies.h"

#ifndef WINNOW_VERSION
#define WINNOW_VERSION "0"
#endif

struct request {
    struct coordinator *c;
    struct session *session;
    uint64_t id;
    const char *verb;
    const char *args_text;
    json_t *args;
};

/* Answers or hands on; on an error nothing was done and the caller answers. */
typedef enum err_code (*verb_fn)(const struct request *request, struct err *err);

static enum err_code
members_check(json_t *args, const char *const *known, struct err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(args, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            const char *near = str_nearest(str_from(key), known, i);
            return near == NULL
                       ? err_set(err, ERR_USAGE, "unknown argument '%.64s'", key)
                       : err_set(err, ERR_USAGE,
                                 "unknown argument '%.64s', did you mean '%s'?", key,
                                 near);
        }
    }
    return ERR_OK;
}

static struct pending request_pending(const struct request *request)
{
    request->session->requests_open++;
    return (struct pending){ .peer = request->session->peer, .id = request->id };
}

/* ---- answered here ---- */

static void reply_json(const struct request *request, json_t *value)
{
    AUTO_FREE char *text = json_dump_line(value);
    replies_add_text(request->session, request->id, ERR_OK, text);
}

static enum err_code on_ping(const struct request *request, struct err *err)
{
    const struct coordinator *c = request->c;
    AUTO_JSON json_t *value = json_object();
    json_put_str(value, "home_id", c->home_id);
    json_put_i64(value, "agents", (int64_t)engine_agents_connected(c->engine));
    json_put_i64(value, "attempts", (int64_t)engine_attempts_live(c->engine));
    UNUSED(err);
    reply_json(request, value);
    return ERR_OK;
}

static enum err_code on_version(const struct request *request, struct err *err)
{
    char protocol[32];
    AUTO_JSON json_t *value = json_object();
    int len = snprintf(protocol, sizeof protocol, "%u.%u", CODEC_VERSION_MAJOR,
                       CODEC_VERSION_MINOR);
    ASSERT(len > 0);
    json_put_str(value, "program", "winnow " WINNOW_VERSION);
    json_put_str(value, "protocol", protocol);
    UNUSED(err);
    reply_json(request, value);
    return ERR_OK;
}

/* ---- answered by the engine ---- */

/* Opens the pending entry and gives its token. */
static uint64_t token_for(struct coordinator *c, const struct pending *pending)
{
    uint64_t token = ++c->last_token;
    map_u64_set(&c->pending, token, mem_dup(pending, sizeof *pending));
    return token;
}

void requests_submit(struct coordinator *c,
                     const struct ev_submit *submit,
                     const struct pending *pending)
{
    struct event event = coordinator_event(c, EV_SUBMIT, pending->peer);
    uint8_t random[16];
    clock_entropy(random, sizeof random);
    struct pending noted = *pending;
    noted.is_submit = true;
    event.token = token_for(c, &noted);
    event.as.submit = *submit;
    event.as.submit.run_id = run_id_from_bytes(random);
    coordinator_step(c, &event);
}

void requests_steer(struct coordinator *c,
                    const struct ev_steer *steer,
                    const struct pending *pending)
{
    struct event event = coordinator_event(c, EV_STEER, pending->peer);
    event.token = token_for(c, pending);
    event.as.steer = *steer;
    coordinator_step(c, &event);
}

static enum err_code
sweep_size_check(const char *text, const char *mlproject, struct err *err)
{
    size_t len = strlen(text) + (mlproject != NULL ? strlen(mlproject) : 0);
    return len > COORDINATOR_SWEEP_BYTES_MAX
               ? err_set(err, ERR_TOOBIG,
                         "sweep file and MLproject have %zu bytes, limit %zu", len,
                         COORDINATOR_SWEEP_BYTES_MAX)
               : ERR_OK;
}

enum err_code requests_submit_check(const struct ev_submit *submit, struct err *err)
{
    enum err_code code = sweep_size_check(submit->text, submit->mlproject, err);
    if (code != ERR_OK) {
        return code;
    }
    if (submit->directory[0] != '/' || strlen(submit->directory) > PATH_BYTES_MAX) {
        return err_set(err, ERR_INVALID, "directory: expected an absolute path");
    }
    return ERR_OK;
}

static enum err_code on_submit(const struct request *request, struct err *err)
{
    static const char *const KNOWN[] = { "text",      "source", "mlproject",
                                         "directory", "new",    NULL };
    json_t *args = request->args;
    struct ev_submit submit = { .source = "sweep.yaml" };
    enum err_code code = members_check(args, KNOWN, err);
    if (code == ERR_OK) {
        code = json_get_str(args, "text", "", &submit.text, err);
    }
    if (code == ERR_OK) {
        code = json_opt_str(args, "source", "", &submit.source, err);
    }
    if (code == ERR_OK) {
        code = json_opt_str(args, "mlproject", "", &submit.mlproject, err);
    }
    if (code == ERR_OK) {
        code = json_get_str(args, "directory", "", &submit.directory, err);
    }
    if (code == ERR_OK) {
        code = json_opt_bool(args, "new", "", &submit.force_new, err);
    }
    if (code == ERR_OK) {
        submit.text_len = strlen(submit.text);
        code = requests_submit_check(&submit, err);
    }
    if (code == ERR_OK) {
        struct pending pending = request_pending(request);
        requests_submit(request->c, &submit, &pending);
    }
    return code;
}

/* Which sweep, and why. */
static enum err_code read_target(json_t *args, struct ev_steer *ev, struct err *err)
{
    enum err_code code = json_get_str(args, "sweep", "", &ev->sweep, err);
    if (code == ERR_OK) {
        code = json_opt_str(args, "cause", "", &ev->cause, err);
    }
    if (code == ERR_OK && strlen(ev->cause) > CAUSE_BYTES_MAX) {
        code = err_set(err, ERR_TOOBIG, "cause: more than %d bytes", CAUSE_BYTES_MAX);
    }
    return code;
}

static enum err_code
steer(const struct request *request, enum steer_verb verb, struct err *err)
{
    static const char *const KNOWN[] = { "sweep", "cause", "drain", NULL };
    json_t *args = request->args;
    struct ev_steer ev = { .verb = verb, .cause = "by user" };
    enum err_code code = members_check(args, KNOWN, err);
    if (code == ERR_OK) {
        code = read_target(args, &ev, err);
    }
    if (code == ERR_OK) {
        code = json_opt_bool(args, "drain", "", &ev.drain, err);
    }
    if (code == ERR_OK && ev.drain && verb != STEER_STOP) {
        code = err_set(err, ERR_INVALID, "drain: only 'stop' takes it");
    }
    if (code == ERR_OK) {
        struct pending pending = request_pending(request);
        requests_steer(request->c, &ev, &pending);
    }
    return code;
}

/* "trials": [[first, last], …] */
static enum err_code read_ranges(json_t *args,
                                 struct trial_range ranges[RETRY_RANGES_MAX],
                                 size_t *len_out,
                                 struct err *err)
{
    const json_t *list = NULL;
    enum err_code code = json_opt_array(args, "trials", "", &list, err);
    size_t len = list != NULL ? json_array_size(list) : 0;
    if (code == ERR_OK && len > RETRY_RANGES_MAX) {
        code =
            err_set(err, ERR_TOOBIG, "trials: more than %d ranges", RETRY_RANGES_MAX);
    }
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        const json_t *pair = json_array_get(list, i);
        const json_t *first = json_array_get(pair, 0);
        const json_t *last = json_array_get(pair, 1);
        bool good =
            json_is_integer(first) && json_is_integer(last)
            && u32_from_i64(json_integer_value(first), &ranges[i].first) == ERR_OK
            && u32_from_i64(json_integer_value(last), &ranges[i].last) == ERR_OK;
        if (!good) {
            code = err_set(err, ERR_INVALID, "trials[%zu]: expected two numbers", i);
        }
    }
    *len_out = len;
    return code;
}

/* "states": ["failed", …] */
static enum err_code read_states(json_t *args, unsigned *states_out, struct err *err)
{
    const json_t *list = NULL;
    enum err_code code = json_opt_array(args, "states", "", &list, err);
    size_t len = list != NULL ? json_array_size(list) : 0;
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        enum trial_state state = TRIAL_STATE_NR;
        code = trial_state_parse(text != NULL ? text : "", &state, err);
        *states_out |= code == ERR_OK ? 1u << state : 0;
    }
    return code;
}

static enum err_code on_retry(const struct request *request, struct err *err)
{
    static const char *const KNOWN[] = { "sweep",  "cause",   "states", "where",
                                         "trials", "dry_run", NULL };
    json_t *args = request->args;
    struct trial_range ranges[RETRY_RANGES_MAX];
    struct ev_steer ev = { .verb = STEER_RETRY,
                           .cause = "retried by user",
                           .retry.ranges = ranges };
    enum err_code code = members_check(args, KNOWN, err);
    if (code == ERR_OK) {
        code = read_target(args, &ev, err);
    }
    if (code == ERR_OK) {
        code = json_opt_str(args, "where", "", &ev.retry.where, err);
    }
    if (code == ERR_OK) {
        code = json_opt_bool(args, "dry_run", "", &ev.retry.dry_run, err);
    }
    if (code == ERR_OK) {
        code = read_states(args, &ev.retry.states, err);
    }
    if (code == ERR_OK) {
        code = read_ranges(args, ranges, &ev.retry.ranges_len, err);
    }
    if (code == ERR_OK) {
        struct pending pending = request_pending(request);
        requests_steer(request->c, &ev, &pending);
    }
    return code;
}

/* {"sweep", "cause"?, "points": […]}; the engine looks at the points. */
static enum err_code
on_points(const struct request *request, enum steer_verb verb, struct err *err)
{
    static const char *const KNOWN[] = { "sweep", "cause", "points", NULL };
    json_t *args = request->args;
    const json_t *points = NULL;
    struct ev_steer ev = { .verb = verb, .cause = "by user" };
    enum err_code code = members_check(args, KNOWN, err);
    if (code == ERR_OK) {
        code = read_target(args, &ev, err);
    }
    if (code == ERR_OK) {
        code = json_get_array(args, "points", "", &points, err);
    }
    if (code == ERR_OK) {
        AUTO_FREE char *text = json_dump_line(points);
        struct pending pending = request_pending(request);
        ev.points = text;
        ev.points_len = strlen(text);
        requests_steer(request->c, &ev, &pending);
    }
    return code;
}

static enum err_code on_enqueue(const struct request *request, struct err *err)
{
    return on_points(request, STEER_ENQUEUE, err);
}

static enum err_code on_import(const struct request *request, struct err *err)
{
    return on_points(request, STEER_IMPORT, err);
}

static enum err_code read_edit(json_t *args, struct steer_edit *edit, struct err *err)
{
    int64_t revision = 0;
    enum err_code code = json_get_str(args, "text", "", &edit->text, err);
    if (code == ERR_OK) {
        code = json_opt_str(args, "source", "", &edit->source, err);
    }
    if (code == ERR_OK) {
        code = json_opt_str(args, "mlproject", "", &edit->mlproject, err);
    }
    if (code == ERR_OK) {
        code = json_opt_i64(args, "revision", "", &revision, err);
    }
    if (code == ERR_OK && u32_from_i64(revision, &edit->revision) != ERR_OK) {
        code = err_set(err, ERR_INVALID, "revision: expected a number from 0");
    }
    if (code == ERR_OK) {
        code = json_opt_bool(args, "resume", "", &edit->resume, err);
    }
    return code == ERR_OK ? json_opt_bool(args, "dry_run", "", &edit->dry_run, err)
                          : code;
}

static enum err_code on_edit(const struct request *request, struct err *err)
{
    static const char *const KNOWN[] = { "sweep",  "cause",     "text",
                                         "source", "mlproject", "revision",
                                         "resume", "dry_run",   NULL };
    json_t *args = request->args;
    struct ev_steer ev = { .verb = STEER_EDIT,
                           .cause = "edited by user",
                           .edit.source = "sweep.yaml" };
    enum err_code code = members_check(args, KNOWN, err);
    if (code == ERR_OK) {
        code = read_target(args, &ev, err);
    }
    if (code == ERR_OK) {
        code = read_edit(args, &ev.edit, err);
    }
    if (code == ERR_OK) {
        code = sweep_size_check(ev.edit.text, ev.edit.mlproject, err);
    }
    if (code == ERR_OK) {
        struct pending pending = request_pending(request);
        requests_steer(request->c, &ev, &pending);
    }
    return code;
}

static enum err_code on_pause(const struct request *request, struct err *err)
{
    return steer(request, STEER_PAUSE, err);
}

static enum err_code on_resume(const struct request *request, struct err *err)
{
    return steer(request, STEER_RESUME, err);
}

static enum err_code on_stop(const struct request *request, struct err *err)
{
    return steer(request, STEER_STOP, err);
}

/* Looked at in the engine's present: a tick brings it there. */
static enum err_code on_explain(const struct request *request, struct err *err)
{
    static const char *const KNOWN[] = { "sweep", "trial", NULL };
    struct coordinator *c = request->c;
    const char *sweep = NULL;
    int64_t number = -1;
    AUTO_JSON json_t *answer = NULL;
    enum err_code code = members_check(request->args, KNOWN, err);
    if (code == ERR_OK) {
        code = json_get_str(request->args, "sweep", "", &sweep, err);
    }
    if (code == ERR_OK) {
        code = json_opt_i64(request->args, "trial", "", &number, err);
    }
    bool is_trial = json_object_get(request->args, "trial") != NULL;
    if (code == ERR_OK && is_trial && (number < 0 || number > TRIALS_MAX)) {
        code = err_set(err, ERR_INVALID, "trial: expected a trial's number");
    }
    if (code != ERR_OK) {
        return code;
    }
    uint32_t trial = is_trial ? (uint32_t)number : 0;
    struct event tick = coordinator_event(c, EV_TICK, 0);
    coordinator_step(c, &tick);
    code = explain_json(c->engine, sweep, is_trial ? &trial : NULL, &answer, err);
    if (code == ERR_OK) {
        reply_json(request, answer);
    }
    return code;
}

/* ---- answered by the store ---- */

static enum err_code on_query(const struct request *request, struct err *err)
{
    if (queries_add(&request->c->queries, request->session->peer, request->id,
                    request->verb, request->args_text)
        != ERR_OK) {
        return err_set(err, ERR_AGAIN, "more than %d requests are waiting",
                       REQUESTS_QUERIES_MAX);
    }
    request->session->requests_open++;
    return ERR_OK;
}

/* X(verb, handler) */
#define VERBS(X)                                                                       \
    X(ping, on_ping)                                                                   \
    X(version, on_version)                                                             \
    X(submit, on_submit)                                                               \
    X(pause, on_pause)                                                                 \
    X(resume, on_resume)                                                               \
    X(stop, on_stop)                                                                   \
    X(retry, on_retry)                                                                 \
    X(enqueue, on_enqueue)                                                             \
    X(import, on_import)                                                               \
    X(edit, on_edit)                                                                   \
    X(explain, on_explain)                                                             \
    X(ls, on_query)                                                                    \
    X(show, on_query)                                                                  \
    X(revisions, on_query)                                                             \
    X(trials, on_query)                                                                \
    X(best, on_query)                                                                  \
    X(runs, on_query)                                                                  \
    X(metrics, on_query)                                                               \
    X(log, on_query)                                                                   \
    X(progress, on_query)                                                              \
    X(resolve, on_query)                                                               \
    X(history, on_query)

#define VERB_NAME(verb, handler) #verb,
#define VERB_FN(verb, handler)   handler,
static const char *const VERB_NAMES[] = { VERBS(VERB_NAME) };
static const verb_fn VERB_FNS[] = { VERBS(VERB_FN) };

static enum err_code verb_find(const char *verb, verb_fn *fn_out, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(VERB_NAMES); i++) {
        if (strcmp(VERB_NAMES[i], verb) == 0) {
            *fn_out = VERB_FNS[i];
            return ERR_OK;
        }
    }
    const char *near = str_nearest(str_from(verb), VERB_NAMES, ARRAY_LEN(VERB_NAMES));
    return near == NULL
               ? err_set(err, ERR_UNSUPPORTED, "unknown verb '%.64s'", verb)
               : err_set(err, ERR_UNSUPPORTED,
                         "unknown verb '%.64s', did you mean '%s'?", verb, near);
}

static enum err_code request_run(struct request *request, struct err *err)
{
    verb_fn fn = NULL;
    if (request->session->requests_open >= REQUESTS_PER_CLIENT_MAX) {
        return err_set(err, ERR_AGAIN, "more than %d requests are open",
                       REQUESTS_PER_CLIENT_MAX);
    }
    if (request->verb == NULL) {
        return err_set(err, ERR_INVALID, "the request has no verb");
    }
    enum err_code code = verb_find(request->verb, &fn, err);
    if (code != ERR_OK) {
        return code;
    }
    if (fn == on_query) { /* the pool's thread reads the arguments */
        return on_query(request, err);
    }
    AUTO_JSON json_t *args = NULL;
    code = json_parse(request->args_text, strlen(request->args_text), &args, err);
    if (code == ERR_OK && !json_is_object(args)) {
        code = err_set(err, ERR_INVALID, "expected an object");
    }
    request->args = args;
    return code == ERR_OK ? fn(request, err) : code;
}

void requests_handle(struct coordinator *c,
                     struct session *session,
                     uint64_t id,
                     const char *verb,
                     const char *args)
{
    struct request request = { .c = c,
                               .session = session,
                               .id = id,
                               .verb = verb,
                               .args_text = args != NULL ? args : "{}" };
    struct err err = { 0 };
    enum err_code code = request_run(&request, &err);
    if (code != ERR_OK) {
        replies_add_text(session, id, code, err.msg);
    }
}
