/* SPDX-License-Identifier: Apache-2.0 */
/* ask_tell.c – requests to engine events, engine effects to answers.
 * Owns engine, store and the open trials of one study. Knows the engine's messages to
 * an agent. Does not know where lines come from or go to.
 *
 * Answers are made when the engine has decided, not when it is on disk: the caller
 * gathers them, commits once for many and only then gives them away. */
#include "cli/ask_tell.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "agent/metric_line.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "base/vec.h"
#include "cli/output.h"
#include "coordinator/wiring.h"
#include "core/engine.h"
#include "core/suggest.h"
#include "pruners/registry.h"
#include "samplers/registry.h"
#include "store/store.h"

/* The only connection of the engine. */
#define PEER         1
#define SUBMIT_TOKEN 1
#define AGENT_ID     "ask-tell"
/* The one who asks is this process: it is never given up for being silent. */
#define LEASE_MS (INT64_MAX / 4 / NS_PER_MS)
/* Records between checkpoints of the store. */
#define CHECKPOINT_RECORDS 50000u
#define FULL_RETRY_S       1

/* A trial that was handed out and not told. */
struct open_trial {
    struct attempt_key key;
    int64_t start_ms;
    uint64_t seq;               /* last entry reported */
    struct metric_names *names; /* of its metrics, with their numbers of points */
    bool reported;              /* the objective, at least once */
    int64_t step;               /* of the latest of these */
    double value;
    bool stop; /* the engine wants it to end */
};

struct ask_tell {
    struct store *store; /* NULL: in memory */
    struct store_checkpointer *checkpointer;
    struct engine *engine;
    struct effects effects;       /* asked for by the request under way */
    VEC(struct record *) records; /* not on disk yet, owned */
    size_t since_checkpoint;
    uint32_t sweep;
    const struct sweep_spec *spec;
    struct map_u64 open; /* trial → struct open_trial */
    char *sweep_id;
    /* what the last steps led to: */
    struct open_trial *assigned;
    uint32_t revision; /* of the file, whose space … */
    double *x;         /* … its point is in */
    enum err_code reply_code;
    char *reply;
};

/* ---- the engine ---- */

static void step(struct ask_tell *study, struct event event)
{
    event.now = clock_mono();
    event.wall = clock_wall();
    event.peer = PEER;
    engine_step(study->engine, &event, &study->effects);
}

static void suggest(struct ask_tell *study, const struct fx_suggest *ask)
{
    struct suggest_known known = engine_known(study->engine, ask->sweep, ask->revision);
    struct suggest_answer answer;
    suggest_find(&known, ask, &answer);
    step(study, (struct event){ .kind = EV_SUGGESTED,
                                .as.suggested = suggest_answer_event(ask, &answer) });
    suggest_answer_fini(&answer);
}

static void open_trial_destroy(struct open_trial *trial)
{
    metric_names_destroy(trial->names);
    mem_free(trial);
}

static void take_assign(struct ask_tell *study, const struct msg_assign *assign)
{
    struct open_trial *trial = mem_alloc(sizeof *trial);
    trial->key = assign->key;
    trial->start_ms = clock_wall().ms;
    trial->names = metric_names_create();
    map_u64_set(&study->open, assign->key.trial, trial);
    study->assigned = trial;
    study->revision = assign->revision;
    mem_free(study->x);
    study->x = mem_dup(assign->x, assign->x_len * sizeof *study->x);
}

static void take_message(struct ask_tell *study, const struct message *message)
{
    if (message->kind == TO_AGENT_ASSIGN) {
        take_assign(study, &message->as.assign);
    } else if (message->kind == TO_AGENT_STOP) {
        struct open_trial *trial =
            map_u64_get(&study->open, message->as.stop.key.trial);
        if (trial != NULL && attempt_key_eq(trial->key, message->as.stop.key)) {
            trial->stop = true;
        }
    }
}

static void take_effect(struct ask_tell *study, struct effect *effect)
{
    switch (effect->kind) {
    case FX_PERSIST:
        if (study->store != NULL) {
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            vec_push(&study->records, effect->as.record);
            effect->as.record = NULL;
        }
        return;
    case FX_SEND:
        take_message(study, &effect->as.message);
        return;
    case FX_SUGGEST:
        suggest(study, &effect->as.suggest);
        return;
    case FX_REPLY:
        study->reply_code = effect->as.reply.code;
        mem_free(study->reply);
        study->reply = mem_take(&effect->as.reply.text);
        return;
    case FX_WARN:
        output_say("%s", effect->as.warning);
        return;
    case FX_SWEEP_ENDED:
    case FX_DRAINED:
        return;
    case FX_KIND_NR:
        break;
    }
    UNREACHABLE();
}

/* One event and all that follows from it; a suggestion adds to the list. */
static void drive(struct ask_tell *study, struct event event)
{
    step(study, event);
    for (size_t i = 0; i < study->effects.list.len; i++) {
        struct effect effect = study->effects.list.ptr[i];
        study->effects.list.ptr[i].kind = FX_DRAINED; /* owns nothing */
        take_effect(study, &effect);
        effect_fini(&effect);
    }
    vec_reset(&study->effects.list);
}

/* ---- answers ---- */

static void answer_error(struct strbuf *answers, const char *text)
{
    strbuf_adds(answers, "{\"error\":");
    json_emit_str(str_from(text), answers);
    strbuf_adds(answers, "}\n");
}

static void answer_trial(struct ask_tell *study, struct strbuf *answers)
{
    const struct attempt_key *key = &study->assigned->key;
    strbuf_addf(answers, "{\"trial\":%" PRIu32 ",\"params\":", key->trial);
    const struct sweep_spec *spec =
        engine_revision_spec(study->engine, study->sweep, study->revision);
    space_print_json(spec->space, study->x, answers);
    if (key->attempt > 1) {
        strbuf_addf(answers, ",\"attempt\":%" PRIu32, key->attempt);
    }
    strbuf_adds(answers, "}\n");
}

static const char *done_word(const struct ask_tell *study, const char *cause)
{
    if (strcmp(cause, "target reached") == 0) {
        return "target";
    }
    if (strcmp(cause, "every point tried") == 0) {
        return strcmp(study->spec->sampler->name, "grid") == 0 ? "grid" : "space";
    }
    return "budget";
}

/* Why there is no trial to give. */
static void answer_none(const struct ask_tell *study, struct strbuf *answers)
{
    struct sweep_summary summary;
    engine_summary(study->engine, study->sweep, &summary);
    const char *cause = summary.cause != NULL ? summary.cause : "";
    switch (summary.state) {
    case SWEEP_RUNNING:
        strbuf_adds(answers, "{\"wait\":\"outstanding\"}\n");
        return;
    case SWEEP_FINISHED:
        strbuf_addf(answers, "{\"done\":\"%s\"}\n", done_word(study, cause));
        return;
    case SWEEP_STOPPED:
        strbuf_adds(answers, "{\"done\":\"stopped\"}\n");
        return;
    case SWEEP_PAUSED:
    case SWEEP_FAILED: {
        AUTO_FREE char *text =
            mem_printf("the sweep is %s: %s", sweep_state_name(summary.state), cause);
        answer_error(answers, text);
        return;
    }
    case SWEEP_STATE_NR:
        break;
    }
    UNREACHABLE();
}

/* ---- ask ---- */

/* The failure breaker saves machines from useless work; whoever asks for the next trial
 * has seen the failures and wants to go on. */
static void resume_if_broken(struct ask_tell *study)
{
    struct sweep_summary summary;
    engine_summary(study->engine, study->sweep, &summary);
    if (summary.state == SWEEP_PAUSED && !summary.paused_by_user) {
        drive(study, (struct event){ .kind = EV_STEER,
                                     .as.steer = { .verb = STEER_RESUME,
                                                   .sweep = study->sweep_id,
                                                   .cause = "asked for a trial" } });
    }
}

static void on_ask(struct ask_tell *study, struct strbuf *answers)
{
    resume_if_broken(study);
    study->assigned = NULL;
    drive(study, (struct event){ .kind = EV_WANT, .as.want = 1 });
    if (study->assigned != NULL) {
        answer_trial(study, answers);
        return;
    }
    drive(study, (struct event){ .kind = EV_WANT, .as.want = 0 });
    answer_none(study, answers);
}

/* ---- report and tell ---- */

/* One report of the trial to the engine: a point, unless it is NULL, and the end,
 * unless that is END_NONE. */
static void send_report(struct ask_tell *study,
                        struct open_trial *trial,
                        const struct agent_point *point,
                        struct rec_ended ended,
                        const char *cause)
{
    const uint32_t name = 0;
    int64_t now_ms = clock_wall().ms;
    struct ev_report report = { .key = trial->key,
                                .first_seq = trial->seq + 1,
                                .has_started = trial->seq == 0,
                                .started = { .time_ms = trial->start_ms },
                                .has_ended = ended.end != END_NONE,
                                .ended = ended,
                                .cause = cause };
    report.ended.start_ms = trial->start_ms;
    report.ended.end_ms = now_ms;
    if (point != NULL) {
        report.points = (struct rec_points){ .len = 1,
                                             .names = &point->name,
                                             .names_len = 1,
                                             .name = &name,
                                             .step = &point->step,
                                             .time_ms = &now_ms,
                                             .value = &point->value };
    }
    trial->seq += (report.has_started ? 1u : 0u) + report.points.len
                  + (report.has_ended ? 1u : 0u);
    drive(study, (struct event){ .kind = EV_REPORT, .as.report = report });
}

/* The point that a report gives, counted among those of its name. */
static enum err_code report_point(const struct ask_tell *study,
                                  struct open_trial *trial,
                                  const json_t *request,
                                  struct agent_point *point_out,
                                  struct err *err)
{
    const char *metric = study->spec->objective.metric;
    double value = 0;
    int64_t step = 0;
    bool has_step = json_object_get(request, "step") != NULL;
    enum err_code code = json_opt_str(request, "metric", "", &metric, err);
    if (code == ERR_OK) {
        code = json_get_f64(request, "value", "", &value, err);
    }
    if (code == ERR_OK) {
        code = json_opt_i64(request, "step", "", &step, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (step < 0) {
        return err_set(err, ERR_INVALID, "step: expected an integer from 0 on");
    }
    if (!metric_name_is_valid(str_from(metric))) {
        return err_set(err, ERR_INVALID, "metric: not a name of a metric");
    }
    if (!metric_names_point(trial->names, str_from(metric), has_step ? &step : NULL,
                            point_out)) {
        return err_set(err, ERR_TOOBIG, "a trial has at most %d metrics",
                       METRIC_NAMES_PER_ATTEMPT_MAX);
    }
    point_out->value = value;
    return ERR_OK;
}

static enum err_code on_report(struct ask_tell *study,
                               struct open_trial *trial,
                               const json_t *request,
                               struct strbuf *answers,
                               struct err *err)
{
    struct agent_point point = { 0 };
    enum err_code code = report_point(study, trial, request, &point, err);
    if (code != ERR_OK) {
        return code;
    }
    ASSERT(point.name != NULL);
    if (strcmp(point.name, study->spec->objective.metric) == 0
        && (!trial->reported || point.step >= trial->step)) {
        trial->reported = true;
        trial->step = point.step;
        trial->value = point.value;
    }
    send_report(study, trial, &point, (struct rec_ended){ .end = END_NONE }, NULL);
    strbuf_addf(answers, "{\"trial\":%" PRIu32 ",\"stop\":%s}\n", trial->key.trial,
                trial->stop ? "true" : "false");
    return ERR_OK;
}

/* Which end a tell means. */
static enum err_code tell_end(const json_t *request,
                              bool has_value,
                              struct rec_ended *ended,
                              struct err *err)
{
    const char *state = has_value ? "finished" : "";
    enum err_code code = json_opt_str(request, "state", "", &state, err);
    if (code != ERR_OK) {
        return code;
    }
    if (strcmp(state, "finished") == 0 && has_value) {
        ended->end = END_EXITED;
    } else if (strcmp(state, "failed") == 0 && !has_value) {
        ended->end = END_FAILED;
        ended->exit_status = 1;
    } else if (strcmp(state, "pruned") == 0) {
        ended->end = END_PRUNED;
    } else {
        return err_set(err, ERR_INVALID,
                       "tell wants a value, or \"state\": \"failed\" or \"pruned\"");
    }
    return ERR_OK;
}

/* The told value is the trial's last word: a step behind none that was reported. */
static enum err_code on_tell(struct ask_tell *study,
                             struct open_trial *trial,
                             const json_t *request,
                             struct strbuf *answers,
                             struct err *err)
{
    struct agent_point point = { .name = study->spec->objective.metric,
                                 .step = trial->reported ? trial->step : 0 };
    struct rec_ended ended = { .end = END_NONE };
    bool has_value = json_object_get(request, "value") != NULL;
    enum err_code code = json_opt_f64(request, "value", "", &point.value, err);
    if (code == ERR_OK) {
        code = tell_end(request, has_value, &ended, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    bool said = trial->reported && point.value == trial->value;
    send_report(study, trial, has_value && !said ? &point : NULL, ended,
                ended.end == END_FAILED ? "told to have failed" : NULL);
    map_u64_del(&study->open, trial->key.trial);
    open_trial_destroy(trial);
    strbuf_adds(answers, "{\"ok\":true}\n");
    return ERR_OK;
}

/* ---- requests ---- */

static enum err_code
check_members(const json_t *request, const char *const *known, struct err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    /* It is not changed. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    json_object_foreach((json_t *)(uintptr_t)request, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            return err_set(err, ERR_INVALID, "unknown member '%s'", key);
        }
    }
    return ERR_OK;
}

static int64_t trials_made(const struct sweep_summary *summary)
{
    int64_t made = 0;
    for (size_t i = 0; i < TRIAL_STATE_NR; i++) {
        made += summary->counts[i];
    }
    return made;
}

static enum err_code find_open(const struct ask_tell *study,
                               const json_t *request,
                               const char *verb,
                               struct open_trial **out,
                               struct err *err)
{
    int64_t number = -1;
    enum err_code code = json_get_i64(request, verb, "", &number, err);
    if (code != ERR_OK) {
        return code;
    }
    struct sweep_summary summary;
    engine_summary(study->engine, study->sweep, &summary);
    *out = number >= 0 ? map_u64_get(&study->open, (uint64_t)number) : NULL;
    if (*out == NULL && (number < 0 || number >= trials_made(&summary))) {
        return err_set(err, ERR_NOTFOUND, "no trial %" PRId64, number);
    }
    if (*out == NULL) {
        return err_set(err, ERR_STATE,
                       "trial %" PRId64 " is not open: it was told, or "
                       "ask for it first",
                       number);
    }
    return ERR_OK;
}

static enum err_code handle(struct ask_tell *study,
                            const json_t *request,
                            struct strbuf *answers,
                            struct err *err)
{
    static const char *const ask_keys[] = { "ask", NULL };
    static const char *const report_keys[] = { "report", "value", "step", "metric",
                                               NULL };
    static const char *const tell_keys[] = { "tell", "value", "state", NULL };
    bool ask = json_object_get(request, "ask") != NULL;
    bool report = json_object_get(request, "report") != NULL;
    bool tell = json_object_get(request, "tell") != NULL;
    if ((ask ? 1 : 0) + (report ? 1 : 0) + (tell ? 1 : 0) != 1) {
        return err_set(err, ERR_INVALID,
                       "expected an object with one of \"ask\", \"report\", \"tell\"");
    }
    enum err_code code = check_members(request,
                                       ask      ? ask_keys
                                       : report ? report_keys
                                                : tell_keys,
                                       err);
    if (code != ERR_OK) {
        return code;
    }
    if (ask) {
        if (!json_is_true(json_object_get(request, "ask"))) {
            return err_set(err, ERR_INVALID, "ask: expected true");
        }
        on_ask(study, answers);
        return ERR_OK;
    }
    struct open_trial *trial = NULL;
    code = find_open(study, request, report ? "report" : "tell", &trial, err);
    if (code != ERR_OK) {
        return code;
    }
    ASSERT(trial != NULL);
    return report ? on_report(study, trial, request, answers, err)
                  : on_tell(study, trial, request, answers, err);
}

void ask_tell_request(struct ask_tell *study,
                      const char *line,
                      size_t len,
                      struct strbuf *answers)
{
    AUTO_JSON json_t *request = NULL;
    struct err err = { 0 };
    enum err_code code = json_parse(line, len, &request, &err);
    if (code == ERR_OK && !json_is_object(request)) {
        code = err_set(&err, ERR_INVALID, "expected a JSON object");
    }
    if (code == ERR_OK) {
        code = handle(study, request, answers, &err);
    }
    if (code != ERR_OK) {
        answer_error(answers, err.msg);
    }
}

/* ---- the disk ---- */

static void forget_records(struct ask_tell *study)
{
    for (size_t i = 0; i < study->records.len; i++) {
        record_destroy(study->records.ptr[i]);
    }
    vec_reset(&study->records);
}

/* A checkpoint that fails now is tried again later; the WAL only grows meanwhile. */
static void checkpoint(struct ask_tell *study)
{
    struct err err = { 0 };
    study->since_checkpoint = 0;
    if (store_checkpoint(study->checkpointer, &err) != ERR_OK) {
        output_say("%s", err.msg);
    }
}

enum err_code ask_tell_commit(struct ask_tell *study, struct err *err)
{
    if (study->records.len == 0) {
        return ERR_OK;
    }
    enum err_code code = ERR_OK;
    while (
        (code = store_apply(study->store, study->records.ptr, study->records.len, err))
        == ERR_FULL) {
        output_say("disk full: %s", err->msg);
        (void)nanosleep(&(struct timespec){ .tv_sec = FULL_RETRY_S }, NULL);
    }
    study->since_checkpoint += study->records.len;
    forget_records(study);
    if (code == ERR_OK && study->since_checkpoint >= CHECKPOINT_RECORDS) {
        checkpoint(study);
    }
    return code;
}

/* ---- opening ---- */

static enum err_code
open_engine(struct ask_tell *study, const char *home, struct err *err)
{
    if (home == NULL) {
        struct engine_config config = { .lease_ms = LEASE_MS,
                                        .samplers = &sampler_registry_all,
                                        .pruners = &pruner_registry_all,
                                        .home_id = "memory",
                                        .next_run_key = 1 };
        study->engine = engine_create(&config);
        return ERR_OK;
    }
    struct wiring_options options = { .lease_ms = LEASE_MS };
    enum err_code code = store_open(home, &study->store, err);
    if (code == ERR_OK) {
        code = store_checkpointer_open(home, &study->checkpointer, err);
    }
    return code == ERR_OK ? wiring_engine(study->store, &options, &study->engine, err)
                          : code;
}

static void say_hello(struct ask_tell *study)
{
    struct ev_hello hello = { .agent_id = AGENT_ID,
                              .host = "",
                              .boot = (uint64_t)clock_wall().ms,
                              .slots = 1,
                              .only_sweep = study->sweep };
    drive(study, (struct event){ .kind = EV_HELLO, .as.hello = hello });
}

static enum err_code
open_study(struct ask_tell *study, const struct ev_submit *submit, struct err *err)
{
    struct event event = { .kind = EV_SUBMIT,
                           .token = SUBMIT_TOKEN,
                           .as.submit = *submit };
    event.as.submit.command_optional = true;
    drive(study, (struct event){ .kind = EV_START });
    drive(study, event);
    if (study->reply_code != ERR_OK) {
        return err_set(err, study->reply_code, "%s", study->reply);
    }
    AUTO_JSON json_t *reply = NULL;
    enum err_code code = json_parse(study->reply, strlen(study->reply), &reply, err);
    const char *id = NULL;
    if (code == ERR_OK) {
        code = json_get_str(reply, "id", "", &id, err);
    }
    if (code == ERR_OK) {
        code = engine_find_sweep(study->engine, id, &study->sweep, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    study->sweep_id = mem_strdup(id);
    study->spec = engine_spec(study->engine, study->sweep);
    say_hello(study);
    return ask_tell_commit(study, err);
}

enum err_code ask_tell_open(const char *home,
                            const struct ev_submit *submit,
                            struct ask_tell **out,
                            struct err *err)
{
    struct ask_tell *study = mem_alloc(sizeof *study);
    map_u64_init(&study->open);
    enum err_code code = open_engine(study, home, err);
    if (code == ERR_OK) {
        code = open_study(study, submit, err);
    }
    if (code != ERR_OK) {
        ask_tell_close(study);
        return code;
    }
    *out = study;
    return ERR_OK;
}

void ask_tell_close(struct ask_tell *study)
{
    if (study == NULL) {
        return;
    }
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&study->open, &pos, NULL, &item)) {
        open_trial_destroy(item);
    }
    map_u64_fini(&study->open);
    forget_records(study);
    vec_fini(&study->records);
    effects_fini(&study->effects);
    engine_destroy(study->engine);
    store_checkpointer_close(study->checkpointer);
    store_close(study->store);
    mem_free(study->sweep_id);
    mem_free(study->reply);
    mem_free(study->x);
    mem_free(study);
}
