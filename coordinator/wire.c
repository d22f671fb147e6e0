/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c – what agents say, as events.
 *
 * Owns: the columns that have another type on the wire than in the core.
 * Knows: every limit on what an agent may say; the codec has checked structure and
 * text. Does not know: sessions, and what an event leads to.
 *
 * Nothing is copied that can be borrowed from the decoded message, and what must be
 * converted goes into vectors that are used again. */
#include "coordinator/wire.h"

#include <string.h>

#include "base/limits.h"
#include "base/num.h"

#define HOST_BYTES_MAX 255
#define HOME_ID_BYTES  32

void wire_fini(struct wire *wire)
{
    vec_fini(&wire->times);
    vec_fini(&wire->notes);
    vec_fini(&wire->held);
    vec_fini(&wire->params);
}

static bool text_within(const char *text, size_t min, size_t max)
{
    size_t len = text == NULL ? 0 : strnlen(text, max + 1);
    return len >= min && len <= max;
}

/* Names end up in file names, log lines and tables. */
static bool is_plain(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* A cause is for people: it is cut rather than refused. Cuts between UTF-8 characters.
 */
static const char *cause_cut(struct wire *wire, const char *cause)
{
    if (cause == NULL || strnlen(cause, sizeof wire->cause) < sizeof wire->cause) {
        return cause;
    }
    size_t len = CAUSE_BYTES_MAX;
    while (len > 0 && ((unsigned char)cause[len] & 0xc0u) == 0x80u) {
        len--;
    }
    memcpy(wire->cause, cause, len);
    wire->cause[len] = '\0';
    return wire->cause;
}

static enum err_code
key_read(const Winnow__AttemptKey *key, struct attempt_key *out, struct err *err)
{
    if (key == NULL) {
        return err_set(err, ERR_INVALID, "the attempt is missing");
    }
    if (key->sweep == 0 || key->attempt == 0 || key->trial > TRIALS_MAX) {
        return err_set(err, ERR_INVALID, "no attempt is called %u/%u/%u", key->sweep,
                       key->trial, key->attempt);
    }
    *out = (struct attempt_key){ .sweep = key->sweep,
                                 .trial = key->trial,
                                 .attempt = key->attempt };
    return ERR_OK;
}

/* ---- hello ---- */

static enum err_code
gpus_read(const Winnow__Hello *hello, uint64_t *mask_out, struct err *err)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < hello->n_gpus; i++) {
        if (hello->gpus[i] >= GPUS_PER_AGENT_MAX) {
            return err_set(err, ERR_INVALID, "device %u: indexes go to %d",
                           hello->gpus[i], GPUS_PER_AGENT_MAX - 1);
        }
        mask |= (uint64_t)1 << hello->gpus[i];
    }
    *mask_out = mask;
    return ERR_OK;
}

static enum err_code
held_read(struct wire *wire, const Winnow__Hello *hello, struct err *err)
{
    if (hello->n_held > WIRE_HELD_MAX) {
        return err_set(err, ERR_TOOBIG, "%zu attempts held, limit %d", hello->n_held,
                       WIRE_HELD_MAX);
    }
    vec_reset(&wire->held);
    for (size_t i = 0; i < hello->n_held; i++) {
        const Winnow__Held *from = hello->held[i];
        struct held_attempt held = { .started = from->started != 0,
                                     .ended = from->ended != 0,
                                     .next_seq = from->next_seq,
                                     .boot = from->boot };
        enum err_code code = key_read(from->key, &held.key, err);
        if (code != ERR_OK) {
            return code;
        }
        vec_push(&wire->held, held);
    }
    return ERR_OK;
}

static enum err_code hello_check(const Winnow__Hello *hello, struct err *err)
{
    if (!text_within(hello->agent_id, 1, NAME_BYTES_MAX)
        || !is_plain(hello->agent_id)) {
        return err_set(err, ERR_INVALID, "the agent's id must have 1 to %d characters",
                       NAME_BYTES_MAX);
    }
    if (hello->host != NULL
        && (!text_within(hello->host, 0, HOST_BYTES_MAX) || !is_plain(hello->host))) {
        return err_set(err, ERR_INVALID, "the host's name has more than %d characters",
                       HOST_BYTES_MAX);
    }
    if (hello->slots == 0 || hello->slots > SLOTS_PER_AGENT_MAX) {
        return err_set(err, ERR_INVALID, "%u slots: expected 1 to %d", hello->slots,
                       SLOTS_PER_AGENT_MAX);
    }
    if (hello->home_id != NULL
        && !text_within(hello->home_id, HOME_ID_BYTES, HOME_ID_BYTES)) {
        return err_set(err, ERR_INVALID, "the home's id must have %d digits",
                       HOME_ID_BYTES);
    }
    return ERR_OK;
}

static enum err_code hello_read(struct wire *wire,
                                const Winnow__Hello *hello,
                                const char *user,
                                struct ev_hello *out,
                                struct err *err)
{
    enum err_code code = hello_check(hello, err);
    uint64_t gpu_mask = 0;
    if (code == ERR_OK) {
        code = gpus_read(hello, &gpu_mask, err);
    }
    if (code == ERR_OK) {
        code = held_read(wire, hello, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *out = (struct ev_hello){ .agent_id = hello->agent_id,
                              .user = user,
                              .host = hello->host != NULL ? hello->host : "",
                              .boot = hello->boot,
                              .pid = hello->pid,
                              .slots = hello->slots,
                              .cpus = hello->cpus,
                              .memory_bytes = hello->memory_bytes,
                              .gpu_mask = gpu_mask,
                              .home_id = hello->home_id,
                              .held = wire->held.ptr,
                              .held_len = wire->held.len };
    return ERR_OK;
}

/* ---- report ---- */

static enum err_code points_read(struct wire *wire,
                                 const Winnow__Report *report,
                                 struct rec_points *out,
                                 struct err *err)
{
    size_t len = report->n_point_value;
    if (len > BATCH_POINTS_MAX || report->n_names > WIRE_NAMES_MAX) {
        return err_set(err, ERR_TOOBIG, "%zu points of %zu names, limits %d and %d",
                       len, report->n_names, BATCH_POINTS_MAX, WIRE_NAMES_MAX);
    }
    if (report->n_point_name != len || report->n_point_step != len
        || report->n_point_time_ms != len) {
        return err_set(err, ERR_INVALID, "the columns of the points differ in length");
    }
    for (size_t i = 0; i < report->n_names; i++) {
        if (!text_within(report->names[i], 1, METRIC_NAME_BYTES_MAX)) {
            return err_set(err, ERR_INVALID,
                           "a metric's name must have 1 to %d characters",
                           METRIC_NAME_BYTES_MAX);
        }
    }
    vec_reset(&wire->times);
    vec_reserve(&wire->times, len);
    for (size_t i = 0; i < len; i++) {
        if (report->point_name[i] >= report->n_names) {
            return err_set(err, ERR_INVALID, "point %zu has no name", i);
        }
        vec_push(&wire->times,
                 num_add_sat_i64(report->time_base_ms, report->point_time_ms[i]));
    }
    *out = (struct rec_points){ .len = len,
                                .names = (const char *const *)report->names,
                                .names_len = report->n_names,
                                .name = report->point_name,
                                .step = report->point_step,
                                .time_ms = wire->times.ptr,
                                .value = report->point_value };
    return ERR_OK;
}

static enum err_code
note_read(const Winnow__Note *from, struct rec_note *out, struct err *err)
{
    bool is_tag = from->kind == 2;
    if (from->kind != 1 && !is_tag) {
        return err_set(err, ERR_INVALID, "note of unknown kind %u", from->kind);
    }
    if (!text_within(from->name, 1, METRIC_NAME_BYTES_MAX)) {
        return err_set(err, ERR_INVALID, "a note's name must have 1 to %d characters",
                       METRIC_NAME_BYTES_MAX);
    }
    size_t max = is_tag ? TAG_VALUE_BYTES_MAX : PARAM_VALUE_BYTES_MAX;
    if (!text_within(from->value, 0, max)) {
        return err_set(err, ERR_TOOBIG, "the value of '%.64s' has more than %zu bytes",
                       from->name, max);
    }
    *out = (struct rec_note){ .is_tag = is_tag,
                              .name = from->name,
                              .value = from->value != NULL ? from->value : "" };
    return ERR_OK;
}

static enum err_code notes_read(struct wire *wire,
                                const Winnow__Report *report,
                                struct rec_notes *out,
                                struct err *err)
{
    if (report->n_notes > WIRE_NOTES_MAX) {
        return err_set(err, ERR_TOOBIG, "%zu notes, limit %d", report->n_notes,
                       WIRE_NOTES_MAX);
    }
    vec_reset(&wire->notes);
    for (size_t i = 0; i < report->n_notes; i++) {
        struct rec_note note = { 0 };
        enum err_code code = note_read(report->notes[i], &note, err);
        if (code != ERR_OK) {
            return code;
        }
        vec_push(&wire->notes, note);
    }
    *out = (struct rec_notes){ .notes = wire->notes.ptr, .len = wire->notes.len };
    return ERR_OK;
}

static enum err_code
ended_read(const Winnow__Ended *from, struct rec_ended *out, struct err *err)
{
    if (from->end <= END_NONE || from->end >= ATTEMPT_END_NR) {
        return err_set(err, ERR_INVALID, "unknown end %u", from->end);
    }
    *out = (struct rec_ended){ .end = (enum attempt_end)from->end,
                               .exit_status = from->exit_status,
                               .signal = from->signal,
                               .end_ms = from->time_ms,
                               .user_cpu_ms = from->user_cpu_ms,
                               .system_cpu_ms = from->system_cpu_ms,
                               .max_rss_bytes = from->max_rss_bytes,
                               .points_thinned = from->points_thinned,
                               .names_refused = from->names_refused };
    return ERR_OK;
}

static enum err_code
stopped_read(const Winnow__StoppedBy *from, struct rec_verdict *out, struct err *err)
{
    if (!text_within(from->rule, 1, NAME_BYTES_MAX) || !is_plain(from->rule)) {
        return err_set(err, ERR_INVALID, "a rule's name must have 1 to %d characters",
                       NAME_BYTES_MAX);
    }
    *out = (struct rec_verdict){ .rule = from->rule,
                                 .rung = from->rung,
                                 .step = from->step,
                                 .value = from->value,
                                 .threshold = from->threshold };
    return ERR_OK;
}

static enum err_code report_read(struct wire *wire,
                                 const Winnow__Report *report,
                                 struct ev_report *out,
                                 struct err *err)
{
    *out = (struct ev_report){ .first_seq = report->first_seq,
                               .judged = report->judged != 0 };
    enum err_code code = key_read(report->key, &out->key, err);
    if (code == ERR_OK && report->first_seq == 0) {
        code = err_set(err, ERR_INVALID, "entries are numbered from 1");
    }
    if (code == ERR_OK) {
        code = points_read(wire, report, &out->points, err);
    }
    if (code == ERR_OK) {
        code = notes_read(wire, report, &out->notes, err);
    }
    if (code == ERR_OK && report->ended != NULL) {
        out->has_ended = true;
        out->cause = cause_cut(wire, report->ended->cause);
        code = ended_read(report->ended, &out->ended, err);
    }
    if (code == ERR_OK && report->ended != NULL && report->ended->stopped_by != NULL) {
        code = stopped_read(report->ended->stopped_by, &out->stopped_by, err);
    }
    if (code == ERR_OK && report->started != NULL) {
        out->has_started = true;
        out->started = (struct rec_started){ .time_ms = report->started->time_ms,
                                             .pid = report->started->pid,
                                             .resumed = report->started->resumed != 0 };
        out->ended.start_ms = report->started->time_ms;
    }
    return code;
}

static enum err_code
log_read(const Winnow__Log *log, struct ev_log *out, struct err *err)
{
    *out = (struct ev_log){ .offset = log->offset,
                            .data = log->data.data,
                            .len = log->data.len };
    if (log->offset > INT64_MAX - log->data.len) {
        return err_set(err, ERR_INVALID, "a log cannot be that long");
    }
    return key_read(log->key, &out->key, err);
}

enum err_code wire_event(struct wire *wire,
                         const struct codec_message *msg,
                         const char *user,
                         struct event *event,
                         struct err *err)
{
    const Winnow__Envelope *env = msg->env;
    switch (msg->type) {
    case MSG_HELLO:
        event->kind = EV_HELLO;
        return hello_read(wire, env->hello, user, &event->as.hello, err);
    case MSG_REPORT:
        event->kind = EV_REPORT;
        return report_read(wire, env->report, &event->as.report, err);
    case MSG_LOG:
        event->kind = EV_LOG;
        return log_read(env->log, &event->as.log, err);
    case MSG_HEARTBEAT:
        event->kind = EV_HEARTBEAT;
        event->as.leaving = env->heartbeat->leaving != 0;
        return ERR_OK;
    case MSG_BYE:
        event->kind = EV_BYE;
        event->as.bye_cause = cause_cut(wire, env->bye->cause);
        return ERR_OK;
    case MSG_HELLO_WANTED:
    case MSG_WELCOME:
    case MSG_REFUSE:
    case MSG_SWEEP:
    case MSG_ASSIGN:
    case MSG_STOP:
    case MSG_ACK:
    case MSG_LOG_ACK:
    case MSG_LIMITS:
    case MSG_REQUEST:
    case MSG_REPLY:
    case MSG_TYPE_NR:
        break;
    }
    UNREACHABLE();
}
