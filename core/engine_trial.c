/* SPDX-License-Identifier: Apache-2.0 */
/* engine_trial.c – what attempts report, and what becomes of their trials.
 * Owns dedupe by sequence number, fencing, the objective's reading and the retry
 * decision. Knows the space of states an attempt can end in. Does not know connections.
 *
 * Entries of an attempt are numbered from 1 without gaps. A report that begins behind
 * what is recorded is cut, one that begins beyond it is answered with "send again from
 * …". What a superseded attempt says is kept as its own history and acknowledged, so
 * that its agent can let go of it.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

/* ---- reading a report ---- */

/* A report cut down to the entries that are not recorded yet. */
struct fresh {
    bool started;
    size_t point_from;
    size_t note_from;
    bool ended;
    uint64_t seq; /* number of the entry before the first fresh one */
};

static uint64_t report_len(const struct ev_report *report)
{
    return (report->has_started ? 1u : 0u) + report->points.len + report->notes.len
           + (report->has_ended ? 1u : 0u);
}

/* Entries of one sort are skipped before those of the next. */
static size_t skip(uint64_t *skipped, size_t available)
{
    size_t n = *skipped < available ? (size_t)*skipped : available;
    *skipped -= n;
    return n;
}

static struct fresh report_cut(const struct ev_report *report, uint64_t recorded)
{
    uint64_t behind = recorded + 1 - report->first_seq;
    struct fresh fresh = { .seq = recorded };
    fresh.started =
        skip(&behind, report->has_started ? 1 : 0) == 0 && report->has_started;
    fresh.point_from = skip(&behind, report->points.len);
    fresh.note_from = skip(&behind, report->notes.len);
    fresh.ended = report->has_ended;
    return fresh;
}

static void send_ack(struct effects *effects, uint64_t peer, struct msg_ack ack)
{
    struct message message = { .kind = TO_AGENT_ACK, .as.ack = ack };
    engine_send(effects, peer, message);
}

/* ---- recording it ---- */

static struct record
record_for(const struct trial *trial, struct attempt_key key, enum record_kind kind)
{
    return (struct record){ .kind = kind, .key = key, .run_key = trial->run_key };
}

static void keep_started(struct engine *engine,
                         const struct trial *trial,
                         const struct ev_report *report,
                         uint64_t seq,
                         struct effects *effects)
{
    struct record record = record_for(trial, report->key, REC_STARTED);
    record.seq = seq;
    record.as.started = report->started;
    record.cause = trial->live->fresh ? CAUSE_FRESH : NULL;
    engine_emit(engine, effects, &record);
}

/* The points from index `from` on, numbered from first_seq. */
static struct rec_points points_from(const struct ev_report *report,
                                     size_t from,
                                     uint64_t first_seq,
                                     bool fenced)
{
    struct rec_points points = report->points;
    points.first_seq = first_seq;
    points.fenced = fenced;
    points.len -= from;
    points.name += from;
    points.step += from;
    points.time_ms += from;
    points.value += from;
    return points;
}

static void keep_points(struct engine *engine,
                        const struct trial *trial,
                        struct attempt_key key,
                        struct rec_points points,
                        struct effects *effects)
{
    struct record record = record_for(trial, key, REC_POINTS);
    points.joined = trial->resumed;
    record.as.points = points;
    record.seq = points.first_seq + points.len - 1;
    engine_emit(engine, effects, &record);
}

static void keep_notes(struct engine *engine,
                       const struct trial *trial,
                       const struct ev_report *report,
                       size_t from,
                       uint64_t last_seq,
                       struct effects *effects)
{
    struct record record = record_for(trial, report->key, REC_NOTES);
    record.seq = last_seq;
    record.as.notes.notes = report->notes.notes + from;
    record.as.notes.len = report->notes.len - from;
    engine_emit(engine, effects, &record);
}

/* ---- the end of an attempt ---- */

static bool seen_value(const struct objective_seen *seen,
                       const struct objective *objective,
                       double *value_out,
                       int64_t *step_out)
{
    bool max = objective->read == READ_MAX
               || (objective->read == READ_BEST && objective->goal == GOAL_MAX);
    if (!seen->any) {
        return false;
    }
    if (objective->read == READ_LAST || !seen->any_number) {
        *value_out = seen->last;
        *step_out = seen->last_step;
    } else {
        *value_out = max ? seen->max : seen->min;
        *step_out = max ? seen->max_step : seen->min_step;
    }
    return true;
}

static bool may_retry(const struct trial *trial, enum attempt_end end)
{
    const struct retry_limits *limits = &trial->sweep->spec->run.retry;
    switch (end) {
    case END_EXITED:
    case END_FAILED:
        return trial->retries[RETRY_FAILED] < limits->failed;
    case END_LOST:
        return trial->retries[RETRY_LOST] < limits->lost;
    case END_PREEMPTED:
        return trial->retries[RETRY_PREEMPTED] < limits->preempted;
    case END_OOM:
        return trial->retries[RETRY_OOM] < limits->oom;
    case END_TIMEOUT:
        return trial->retries[RETRY_TIMEOUT] < limits->timeout;
    case END_CANCELLED: /* recalled before it started */
        return true;
    case END_NONE:
    case END_PRUNED:
    case ATTEMPT_END_NR:
        return false;
    }
    UNREACHABLE();
}

/* Queued again if the limits and the sweep allow it; what it is otherwise. */
static enum trial_state state_after_failure(const struct engine *engine,
                                            const struct attempt *attempt,
                                            enum attempt_end end)
{
    const struct sweep *sweep = attempt->trial->sweep;
    bool over = sweep_is_over(engine, sweep, NULL)
                && !(attempt->trial->retried && sweep->state == SWEEP_RUNNING);
    if (attempt->stop == STOP_CANCELLED || (over && end != END_FAILED)) {
        return TRIAL_CANCELLED;
    }
    if (!over && may_retry(attempt->trial, end)) {
        return TRIAL_QUEUED;
    }
    return TRIAL_FAILED;
}

/* The trial's objective so far, over all attempts that its live one goes on from. */
static bool
objective_so_far(const struct attempt *attempt, double *value_out, int64_t *step_out)
{
    const struct trial *trial = attempt->trial;
    const struct objective *objective = &trial->sweep->spec->objective;
    return trial->joined != NULL
               ? joined_value(trial->joined, objective, value_out, step_out)
               : seen_value(&attempt->seen, objective, value_out, step_out);
}

/* What an exit status of 0 means: finished when the objective was seen and is a number.
 */
static void judge_exit(const struct engine *engine,
                       const struct attempt *attempt,
                       struct rec_ended *ended,
                       struct strbuf *cause)
{
    const struct sweep_spec *spec = attempt->trial->sweep->spec;
    double value = 0;
    int64_t step = 0;
    if (!objective_so_far(attempt, &value, &step)) {
        strbuf_addf(cause, "exit status 0 without '%s'", spec->objective.metric);
        ended->state = state_after_failure(engine, attempt, END_EXITED);
        return;
    }
    if (isnan(value)) {
        strbuf_addf(cause, "'%s' is not a number", spec->objective.metric);
        ended->state = state_after_failure(engine, attempt, END_EXITED);
        return;
    }
    ended->state = TRIAL_FINISHED;
    ended->has_value = true;
    ended->value = value;
    ended->step = step;
}

static void judge_end(const struct engine *engine,
                      const struct attempt *attempt,
                      struct rec_ended *ended,
                      struct strbuf *cause)
{
    switch (ended->end) {
    case END_EXITED:
        if (attempt->stop != STOP_PRUNED) {
            judge_exit(engine, attempt, ended, cause);
            return;
        }
        ended->end = END_PRUNED; /* the rule was first: the stop is on disk */
        /* fall through */
    case END_PRUNED:
        ended->state = TRIAL_PRUNED;
        ended->has_value = objective_so_far(attempt, &ended->value, &ended->step)
                           && !isnan(ended->value);
        return;
    case END_FAILED:
    case END_CANCELLED:
    case END_LOST:
    case END_PREEMPTED:
    case END_OOM:
    case END_TIMEOUT:
        ended->state = state_after_failure(engine, attempt, ended->end);
        return;
    case END_NONE:
    case ATTEMPT_END_NR:
        break;
    }
    UNREACHABLE();
}

/* "'acc', 'loss'", the one nearest to the wanted name first. */
static void
print_names(const struct sweep *sweep, const char *wanted, struct strbuf *out)
{
    size_t len = map_str_len(&sweep->names);
    AUTO_FREE const char **names = mem_alloc_array(len, sizeof *names);
    size_t pos = 0;
    for (size_t i = 0; i < len; i++) {
        (void)map_str_next(&sweep->names, &pos, &names[i], NULL);
    }
    const char *nearest = str_nearest(str_from(wanted), names, len);
    if (nearest != NULL) {
        strbuf_addf(out, "'%s'", nearest);
    }
    for (size_t i = 0; i < len; i++) {
        if (names[i] != nearest) {
            strbuf_addf(out, "%s'%s'", out->len > 0 ? ", " : "", names[i]);
        }
    }
}

/* The objective never came and no trial before produced it: most likely its name is
 * wrong, so stop before more is spent. */
static void pause_without_objective(struct engine *engine,
                                    struct sweep *sweep,
                                    uint32_t number,
                                    struct effects *effects)
{
    const char *wanted = sweep->spec->objective.metric;
    AUTO_STRBUF struct strbuf seen = STRBUF_INIT(CAUSE_BYTES_MAX / 2);
    print_names(sweep, wanted, &seen);
    AUTO_FREE char *cause =
        seen.len > 0 ? mem_printf("trial %u ended without '%s'; it reported %s", number,
                                  wanted, strbuf_cstr(&seen))
                     : mem_printf("trial %u ended without '%s' and reported no metric",
                                  number, wanted);
    engine_set_sweep_state(engine, sweep, SWEEP_PAUSED, cause, effects);
}

/* What the limit counted goes before the cause of the last end. */
static void add_evidence(const struct attempt *attempt,
                         const struct rec_ended *ended,
                         struct strbuf *why)
{
    enum retry_cause counted = retry_cause_of(ended->end);
    if (ended->state != TRIAL_FAILED || !ended->counts || counted == RETRY_CAUSE_NR) {
        return;
    }
    AUTO_STRBUF struct strbuf all = STRBUF_INIT(CAUSE_BYTES_MAX);
    past_print(attempt->trial, attempt->agent, counted, &all);
    if (all.len > 0) {
        strbuf_addf(&all, "%s%s", why->len > 0 ? "; " : "", strbuf_cstr(why));
        strbuf_reset(why);
        strbuf_add(why, all.ptr, all.len);
    }
}

/* Decides what becomes of the trial and records it. `ended` holds what the agent said
 * (or what was concluded about it). */
static void end_attempt(struct engine *engine,
                        struct attempt *attempt,
                        struct rec_ended ended,
                        uint64_t seq,
                        const char *cause,
                        struct effects *effects)
{
    struct trial *trial = attempt->trial;
    struct sweep *sweep = trial->sweep;
    double value = 0;
    int64_t step = 0;
    bool no_objective =
        ended.end == END_EXITED && !objective_so_far(attempt, &value, &step);
    AUTO_STRBUF struct strbuf why = STRBUF_INIT(CAUSE_BYTES_MAX);
    judge_end(engine, attempt, &ended, &why);
    if (why.len == 0 && cause != NULL) {
        strbuf_adds(&why, cause);
    }
    add_evidence(attempt, &ended, &why);
    struct record record = record_for(trial, attempt_key_of(attempt), REC_ENDED);
    record.seq = seq;
    record.cause = why.len > 0 ? strbuf_cstr(&why) : NULL;
    record.as.ended = ended;
    engine_emit(engine, effects, &record); /* attempt is gone now */

    bool first_try = sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED] == 0;
    if (no_objective && first_try && sweep->state == SWEEP_RUNNING) {
        pause_without_objective(engine, sweep, trial->number, effects);
    }
    if (trial->state == TRIAL_FAILED) {
        engine_check_failures(engine, sweep, effects);
    }
}

void engine_lose(struct engine *engine,
                 struct attempt *attempt,
                 bool counts,
                 const char *cause,
                 struct effects *effects)
{
    struct rec_ended ended = { .end = END_LOST,
                               .counts = counts,
                               .end_ms = engine->wall.ms };
    end_attempt(engine, attempt, ended, 0, cause, effects);
}

/* A prefetched attempt that was called back may still be told a better reason. */
static bool may_stop(const struct attempt *attempt, enum stop_reason reason)
{
    return attempt->stop == STOP_NONE
           || (attempt->stop == STOP_RECALLED && reason != STOP_RECALLED);
}

static void send_stop(struct engine *engine,
                      struct attempt *attempt,
                      struct rec_stop_requested stop,
                      const char *cause,
                      struct effects *effects)
{
    struct record record =
        record_for(attempt->trial, attempt_key_of(attempt), REC_STOP_REQUESTED);
    /* What a rule knew of the trial. */
    record.seq = stop.reason == STOP_PRUNED ? attempt->seq : 0;
    record.cause = cause;
    record.as.stop_requested = stop;
    engine_emit(engine, effects, &record);
    if (attempt->agent->peer == 0) {
        return; /* said when the agent is back: send_pending_stops */
    }
    struct message message = { .kind = TO_AGENT_STOP,
                               .as.stop = { .key = attempt_key_of(attempt),
                                            .reason = stop.reason,
                                            .only_unstarted =
                                                stop.reason == STOP_RECALLED,
                                            .cause = mem_strdup(cause) } };
    engine_send(effects, attempt->agent->peer, message);
}

void engine_stop_attempt(struct engine *engine,
                         struct attempt *attempt,
                         enum stop_reason reason,
                         const char *cause,
                         struct effects *effects)
{
    if (may_stop(attempt, reason)) {
        send_stop(engine, attempt, (struct rec_stop_requested){ .reason = reason },
                  cause, effects);
    }
}

void engine_stop_pruned(struct engine *engine,
                        struct attempt *attempt,
                        const struct rec_verdict *verdict,
                        const char *cause,
                        struct effects *effects)
{
    struct rec_stop_requested stop = { .reason = STOP_PRUNED, .verdict = *verdict };
    if (may_stop(attempt, STOP_PRUNED)) {
        send_stop(engine, attempt, stop, cause, effects);
    }
}

void engine_stopped_by_agent(struct engine *engine,
                             const struct attempt *attempt,
                             const struct rec_verdict *verdict,
                             const char *cause,
                             struct effects *effects)
{
    struct record record =
        record_for(attempt->trial, attempt_key_of(attempt), REC_STOP_REQUESTED);
    if (attempt->stop != STOP_PRUNED) { /* a fact, whatever else it was told since */
        record.seq = attempt->seq;
        record.cause = cause;
        record.as.stop_requested = (struct rec_stop_requested){ .reason = STOP_PRUNED,
                                                                .by_agent = true,
                                                                .verdict = *verdict };
        engine_emit(engine, effects, &record);
    }
}

/* ---- reports ---- */

/* What did not start costs no try, nor does what we ended by shutting down. */
static bool end_counts(const struct engine *engine,
                       const struct attempt *attempt,
                       const struct ev_report *report)
{
    bool started = attempt->started || report->has_started;
    switch (report->ended.end) {
    case END_CANCELLED:
        return false;
    case END_PREEMPTED:
        return started && !engine->draining;
    case END_NONE:
    case END_EXITED:
    case END_FAILED:
    case END_PRUNED:
    case END_LOST:
    case END_TIMEOUT:
    case END_OOM:
    case ATTEMPT_END_NR:
        return true;
    }
    UNREACHABLE();
}

static struct rec_ended ended_from_report(const struct engine *engine,
                                          const struct attempt *attempt,
                                          const struct ev_report *report)
{
    struct rec_ended ended = report->ended;
    ended.fenced = false;
    ended.has_value = false;
    ended.value = 0;
    ended.step = 0;
    ended.counts = end_counts(engine, attempt, report);
    return ended;
}

static void take_fresh(struct engine *engine,
                       struct attempt *attempt,
                       const struct ev_report *report,
                       struct effects *effects)
{
    struct fresh fresh = report_cut(report, attempt->seq);
    struct trial *trial = attempt->trial;
    uint64_t last = report->first_seq + report_len(report) - 1;
    uint64_t seq = fresh.seq;
    if (fresh.started) {
        seq++;
        /* Else the end carries the start's time. */
        if (!fresh.ended || trial->joined != NULL) {
            keep_started(engine, trial, report, seq, effects);
        }
    }
    if (report->points.len > fresh.point_from) {
        int64_t behind = trial_last_step(trial);
        keep_points(engine, trial, report->key,
                    points_from(report, fresh.point_from, seq + 1, false), effects);
        engine_judge(engine, attempt, behind, report->judged, effects);
    }
    if (report->notes.len > fresh.note_from) {
        keep_notes(engine, trial, report, fresh.note_from,
                   last - (fresh.ended ? 1u : 0u), effects);
    }
    if (fresh.ended && report->stopped_by.rule != NULL) {
        engine_stopped_by_agent(engine, attempt, &report->stopped_by, report->cause,
                                effects);
    }
    if (fresh.ended) {
        end_attempt(engine, attempt, ended_from_report(engine, attempt, report), last,
                    report->cause, effects);
    }
}

/* Words of an attempt that is not, or no longer, its trial's live one. */
static void take_superseded(struct engine *engine,
                            const struct trial *trial,
                            const struct ev_report *report,
                            struct effects *effects)
{
    if (report->points.len > 0) {
        keep_points(engine, trial, report->key,
                    points_from(report, 0,
                                report->first_seq + (report->has_started ? 1u : 0u),
                                report->key.attempt != trial->attempts),
                    effects);
    }
}

static bool attempt_is_agents(const struct attempt *attempt,
                              const struct agent *agent,
                              struct attempt_key key)
{
    return attempt != NULL && !attempt->suspect && attempt->number == key.attempt
           && attempt->agent == agent && attempt->boot == agent->boot;
}

/* The agent may throw its checkpoint folder away: the trial is over, or it went on from
 * another agent's. That of a failed trial is kept, it may be retried. */
static bool checkpoint_is_over(const struct trial *trial, const struct agent *agent)
{
    enum checkpoint_kind kind = trial->sweep->spec->run.checkpoint;
    bool moved = kind == CHECKPOINT_LOCAL && trial->joined != NULL
                 && trial->joined->holder != NULL && trial->joined->holder != agent;
    return kind != CHECKPOINT_NONE
           && (moved
               || (trial_state_is_final(trial->state) && trial->state != TRIAL_FAILED));
}

void engine_on_report(struct engine *engine,
                      const struct event *event,
                      struct effects *effects)
{
    const struct ev_report *report = &event->as.report;
    struct agent *agent = engine_heard(engine, event, effects);
    uint64_t len = report_len(report);
    if (agent == NULL || len == 0 || report->first_seq == 0
        || report->first_seq > UINT64_MAX - len) {
        return;
    }
    uint64_t last = report->first_seq + len - 1;
    struct trial *trial = engine_trial(engine, report->key);
    struct msg_ack ack = { .key = report->key, .seq = last };
    if (trial == NULL || report->key.attempt == 0
        || report->key.attempt > trial->attempts) {
        send_ack(effects, event->peer, ack);
        return;
    }
    struct attempt *live = trial->live;
    if (!attempt_is_agents(live, agent, report->key)) {
        take_superseded(engine, trial, report, effects);
        ack.drop_checkpoint = checkpoint_is_over(trial, agent);
        send_ack(effects, event->peer, ack);
        return;
    }
    if (report->first_seq > live->seq + 1) {
        ack.seq = live->seq;
        ack.resend = true;
        send_ack(effects, event->peer, ack);
        return;
    }
    if (last > live->seq) {
        take_fresh(engine, live, report, effects);
    }
    ack.drop_checkpoint = checkpoint_is_over(trial, agent);
    send_ack(effects, event->peer, ack);
}

/* ---- logs ---- */

static void keep_log(struct engine *engine,
                     const struct trial *trial,
                     const struct ev_log *log,
                     uint64_t from,
                     struct effects *effects)
{
    struct record record = record_for(trial, log->key, REC_LOG);
    uint64_t behind = from - log->offset;
    record.as.log.offset = from;
    record.as.log.data = log->data + behind;
    record.as.log.len = log->len - (size_t)behind;
    engine_emit(engine, effects, &record);
}

void engine_on_log(struct engine *engine,
                   const struct event *event,
                   struct effects *effects)
{
    const struct ev_log *log = &event->as.log;
    struct agent *agent = engine_heard(engine, event, effects);
    if (agent == NULL || log->offset > UINT64_MAX - log->len) {
        return;
    }
    uint64_t end = log->offset + log->len;
    const struct trial *trial = engine_trial(engine, log->key);
    if (trial != NULL && log->key.attempt > 0 && log->key.attempt <= trial->attempts) {
        const struct attempt *live = trial->live;
        uint64_t from =
            attempt_is_agents(live, agent, log->key) ? live->log_bytes : log->offset;
        if (log->offset <= from && end > from) {
            keep_log(engine, trial, log, from, effects);
        } else {
            end = from; /* all of it is kept already, or it lies behind a gap */
        }
    }
    struct message message = { .kind = TO_AGENT_LOG_ACK,
                               .as.log_ack = { .key = log->key, .offset = end } };
    engine_send(effects, event->peer, message);
}
