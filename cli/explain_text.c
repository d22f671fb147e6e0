/* SPDX-License-Identifier: Apache-2.0 */
/* explain_text.c – `winnow explain` in words.
 * Owns the layout: the state, why, facts, what happened, last lines of output. Knows
 * the members of the answer. Does not know where they come from. */
#include "cli/explain_text.h"

#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/output.h"

/* More events than anyone reads; `winnow replay` and -o json have all. */
#define EVENTS_SHOWN 40
#define LABEL_WIDTH  10
#define LINE_BYTES   ((size_t)64 * 1024)

/* ---- reading the answer ---- */

static const json_t *at(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

/* "" when absent. */
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(at(object, key));
    return text != NULL ? text : "";
}

/* 0 when absent. */
static long long int_at(const json_t *object, const char *key)
{
    return json_integer_value(at(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(at(object, key));
}

static bool text_is(const json_t *object, const char *key, const char *expected)
{
    return strcmp(text_at(object, key), expected) == 0;
}

/* ---- pieces ---- */

/* "2026-01-31 23:59:59", local. */
static void add_time(int64_t ms, bool with_zone, struct strbuf *out)
{
    char text[64];
    struct tm parts = { 0 };
    time_t seconds = (time_t)(ms / MS_PER_S);
    if (localtime_r(&seconds, &parts) != NULL
        && strftime(text, sizeof text,
                    with_zone ? "%Y-%m-%d %H:%M:%S %Z" : "%Y-%m-%d %H:%M:%S", &parts)
               > 0) {
        strbuf_adds(out, text);
    }
}

static void add_span(int64_t ms, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    times_format_span(ms > 0 ? ms : 0, text);
    strbuf_adds(out, text);
}

/* ": cause" without control characters, if there is one. */
static void add_cause(const json_t *event, struct strbuf *out)
{
    if (text_at(event, "cause")[0] != '\0') {
        strbuf_adds(out, ": ");
        output_clean(text_at(event, "cause"), out);
    }
}

/* "budget    " */
static void add_label(const char *label, struct strbuf *out)
{
    strbuf_addf(out, "%-*s", LABEL_WIDTH, label);
}

static void add_reasons(const json_t *now, struct strbuf *out)
{
    const json_t *reasons = at(now, "reasons");
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const json_t *reason = json_array_get(reasons, i);
        add_label(i == 0 ? "why" : "", out);
        output_clean(text_at(reason, "text"), out);
        strbuf_addc(out, '\n');
        if (text_at(reason, "change")[0] != '\0') {
            add_label("", out);
            strbuf_adds(out, "  changed by: ");
            output_clean(text_at(reason, "change"), out);
            strbuf_addc(out, '\n');
        }
    }
}

/* "digits/17 is queued since 2026-01-31 23:59:59 UTC, 3m05s ago: cause" */
static void add_head(const json_t *found, struct wall wall, struct strbuf *out)
{
    int64_t since = int_at(found, "since");
    strbuf_addf(out, "%s is %s", text_at(found, "name"), text_at(found, "state"));
    if (text_at(found, "phase")[0] != '\0') {
        strbuf_addf(out, " (%s)", text_at(found, "phase"));
    }
    if (since > 0) {
        strbuf_adds(out, " since ");
        add_time(since, true, out);
        strbuf_adds(out, ", ");
        add_span(wall.ms - since, out);
        strbuf_adds(out, " ago");
    }
    add_cause(found, out);
    strbuf_adds(out, "\n\n");
}

/* ---- what happened ---- */

static void add_ended(const json_t *event, struct strbuf *out)
{
    strbuf_addf(out, "ended %s", text_at(event, "end"));
    add_cause(event, out);
    if (at(event, "value") != NULL) {
        strbuf_adds(out, ", value ");
        output_cell(at(event, "value"), out);
    }
    bool fails = text_is(event, "state", "queued") || text_is(event, "state", "failed");
    if (fails && is_true(event, "counts")) {
        bool exited = text_is(event, "end", "exited");
        strbuf_addf(out, "; counts against run.retry.%s",
                    exited ? "failed" : text_at(event, "end"));
    } else if (fails) {
        strbuf_adds(out, "; counts against no limit");
    }
    if (text_is(event, "state", "queued")) {
        strbuf_adds(out, "; queued again");
    }
}

static void add_assigned(const json_t *event, const json_t *now, struct strbuf *out)
{
    if (is_true(at(now, "sweep"), "ask_tell")) {
        strbuf_adds(out, "handed to whoever asked");
        return;
    }
    strbuf_adds(out, "given to agent '");
    output_clean(text_at(event, "agent"), out);
    strbuf_adds(out, "' on ");
    output_clean(text_at(event, "host"), out);
    if (at(event, "cause") != NULL) {
        add_cause(event, out);
    } else if (is_true(event, "prefetched")) {
        strbuf_adds(out, " ahead of time, to begin when one of the sweep ends there");
    } else {
        strbuf_adds(out, ", which had room");
    }
    if (int_at(event, "revision") > 1) {
        strbuf_addf(out, "; revision %lld of the file", int_at(event, "revision"));
    }
}

static void add_created(const json_t *event, const json_t *now, struct strbuf *out)
{
    const json_t *sweep = at(now, "sweep");
    if (is_true(event, "enqueued")) {
        strbuf_adds(out, is_true(event, "by_user")
                             ? "created by `winnow enqueue`"
                             : "created from `enqueue` of the sweep file");
    } else {
        strbuf_addf(out, "suggested by sampler '%s', seed %lld",
                    text_at(sweep, "sampler"), int_at(sweep, "seed"));
    }
}

static void add_rung(const json_t *event, struct strbuf *out)
{
    strbuf_addf(out, "reached rung %lld", int_at(event, "rung"));
    if (int_at(event, "bracket") > 0) {
        strbuf_addf(out, " of bracket %lld", int_at(event, "bracket"));
    }
    strbuf_addf(out, " at step %lld with ", int_at(event, "step"));
    output_cell(at(event, "value"), out);
}

static void add_trial_state(const json_t *event, struct strbuf *out)
{
    bool queued = text_is(event, "state", "queued");
    strbuf_adds(out, queued ? "queued again" : text_at(event, "state"));
    strbuf_adds(out, queued && is_true(event, "by_user") ? " by `winnow retry`" : "");
    add_cause(event, out);
}

/* One event behind its time. */
static void add_event(const json_t *event, const json_t *now, struct strbuf *out)
{
    if (at(event, "attempt") != NULL) {
        strbuf_addf(out, "attempt %lld ", int_at(event, "attempt"));
    }
    if (text_is(event, "kind", "TRIAL_CREATED")) {
        add_created(event, now, out);
    } else if (text_is(event, "kind", "ASSIGNED")) {
        add_assigned(event, now, out);
    } else if (text_is(event, "kind", "ENDED")) {
        add_ended(event, out);
    } else if (text_is(event, "kind", "STARTED")) {
        strbuf_adds(out,
                    is_true(event, "resumed") ? "runs, from its checkpoint" : "runs");
        add_cause(event, out);
    } else if (text_is(event, "kind", "RUNG")) {
        add_rung(event, out);
    } else if (text_is(event, "kind", "TRIAL_STATE")) {
        add_trial_state(event, out);
    } else if (text_is(event, "kind", "SWEEP_CREATED")) {
        strbuf_adds(out, "submitted");
    } else if (text_is(event, "kind", "PRIOR")) {
        strbuf_addf(out, "%lld results imported", int_at(event, "count"));
    } else if (text_is(event, "kind", "SWEEP_EDITED")) {
        strbuf_addf(out, "edited, revision %lld", int_at(event, "revision"));
        add_cause(event, out);
    } else if (text_is(event, "kind", "STOP_REQUESTED")) {
        strbuf_addf(out, "asked to stop, %s", text_at(event, "stop_reason"));
        add_cause(event, out);
    } else if (text_is(event, "kind", "REQUEUED")) {
        strbuf_adds(out, "suspect, queued again");
        add_cause(event, out);
    } else if (text_is(event, "kind", "ADOPTED")) {
        strbuf_adds(out, "goes on");
        add_cause(event, out);
    } else {
        const char *state = text_at(event, "state");
        strbuf_adds(out, state[0] != '\0' ? state : text_at(event, "kind"));
        add_cause(event, out);
    }
}

static void add_events(const json_t *found, struct strbuf *out)
{
    const json_t *events = at(found, "events");
    size_t len = json_array_size(events);
    size_t from = len > EVENTS_SHOWN ? len - EVENTS_SHOWN : 0;
    strbuf_adds(out, "\nwhat happened\n");
    if (from > 0) {
        strbuf_addf(out, "  (%zu earlier: see -o json)\n", from);
    }
    for (size_t i = from; i < len; i++) {
        const json_t *event = json_array_get(events, i);
        strbuf_adds(out, "  ");
        add_time(int_at(event, "time"), false, out);
        strbuf_adds(out, "  ");
        add_event(event, at(found, "now"), out);
        strbuf_addc(out, '\n');
    }
}

/* ---- a trial ---- */

static void add_value(const json_t *found, const json_t *now, struct strbuf *out)
{
    const json_t *objective = at(at(now, "sweep"), "objective");
    if (at(found, "value") == NULL) {
        return;
    }
    add_label("value", out);
    output_cell(at(found, "value"), out);
    strbuf_addf(out, " at step %lld: the %s", int_at(found, "step"),
                text_at(objective, "read"));
    strbuf_adds(out, " of '");
    output_clean(text_at(objective, "metric"), out);
    strbuf_adds(out, "' (objective.read)\n");
}

static void add_retries(const json_t *trial, struct strbuf *out)
{
    const char *end = NULL;
    json_t *retry = NULL;
    bool any = false;
    /* Iteration takes a mutable object but does not change it. */
    json_object_foreach(json_object_get(trial, "retries"), end, retry)
    {
        long long used = int_at(retry, "used");
        long long limit = int_at(retry, "limit");
        if (used == 0) {
            continue;
        }
        add_label(any ? "" : "retries", out);
        strbuf_addf(out, "%lld counted as %s; run.retry.%s is %lld\n", used, end, end,
                    limit);
        any = true;
    }
}

/* What edits and users made of it. */
static void add_marks(const json_t *now, struct strbuf *out)
{
    const json_t *trial = at(now, "trial");
    long long revision = int_at(at(trial, "attempt"), "revision");
    long long newest = int_at(at(now, "sweep"), "revision");
    if (is_true(trial, "by_user")) {
        add_label("asked for", out);
        strbuf_adds(out, "by a user, so it runs whatever the budgets\n");
    }
    if (revision > 0 && revision < newest) {
        add_label("file", out);
        strbuf_addf(out, "runs with revision %lld, the newest is %lld\n", revision,
                    newest);
    }
    if (at(trial, "outside_since") != NULL) {
        add_label("space", out);
        strbuf_addf(out,
                    "its point is outside since revision %lld: it is not tried again\n",
                    int_at(trial, "outside_since"));
    }
    if (at(trial, "checkpoint_agent") != NULL) {
        add_label("files", out);
        strbuf_adds(out, "its checkpoint is at agent '");
        output_clean(text_at(trial, "checkpoint_agent"), out);
        strbuf_adds(out, "'\n");
    }
}

static void add_trial(const json_t *found, struct strbuf *out)
{
    const json_t *now = at(found, "now");
    const json_t *trial = at(now, "trial");
    const json_t *lease = at(at(trial, "attempt"), "lease_left_ms");
    add_value(found, now, out);
    if (at(trial, "queue_place") != NULL) {
        add_label("queue", out);
        strbuf_addf(out, "place %lld of %lld\n", int_at(trial, "queue_place"),
                    int_at(at(now, "sweep"), "queue_length"));
    }
    if (lease != NULL) {
        add_label("lease", out);
        add_span(json_integer_value(lease), out);
        strbuf_adds(out, " left, renewed by each word of its agent\n");
    }
    add_retries(trial, out);
    add_marks(now, out);
}

/* ---- a sweep ---- */

static void add_counts(const json_t *sweep, struct strbuf *out)
{
    const char *state = NULL;
    json_t *count = NULL;
    bool any = false;
    add_label("trials", out);
    json_object_foreach(json_object_get(sweep, "trials"), state, count)
    {
        if (json_integer_value(count) > 0) {
            strbuf_addf(out, "%s%lld %s", any ? ", " : "",
                        (long long)json_integer_value(count), state);
            any = true;
        }
    }
    strbuf_adds(out, any ? "\n" : "none yet\n");
    if (at(sweep, "best") != NULL) {
        add_label("best", out);
        output_cell(at(sweep, "best"), out);
        strbuf_addf(out, " by trial %lld\n", int_at(sweep, "best_trial"));
    }
}

static void add_budget(const json_t *budget, struct strbuf *out)
{
    add_label("budget", out);
    strbuf_addf(out, "%lld", int_at(budget, "done"));
    if (at(budget, "trials") != NULL) {
        strbuf_addf(out, " of %lld", int_at(budget, "trials"));
    }
    strbuf_adds(out, int_at(budget, "done") == 1 && at(budget, "trials") == NULL
                         ? " trial, "
                         : " trials, ");
    add_span(int_at(budget, "elapsed_ms"), out);
    if (at(budget, "time_ms") != NULL) {
        strbuf_adds(out, " of ");
        add_span(int_at(budget, "time_ms"), out);
    }
    if (at(budget, "target") != NULL) {
        strbuf_adds(out, ", until the objective reaches ");
        output_cell(at(budget, "target"), out);
    }
    strbuf_addc(out, '\n');
}

static void add_failures(const json_t *failures, struct strbuf *out)
{
    long long first = int_at(failures, "first");
    add_label("failures", out);
    strbuf_addf(out, "%lld of %lld ended; pauses itself ", int_at(failures, "failed"),
                int_at(failures, "ended"));
    if (first > 0) {
        strbuf_addf(out, "when the first %lld all fail, or ", first);
    }
    strbuf_addf(out, "above %g %% from %lld ended on\n",
                json_number_value(at(failures, "max_share")) * 100,
                int_at(failures, "share_from"));
}

/* Trials that ended a minute of the time it ran; a second tells nothing. */
static void add_rate(const json_t *sweep, struct strbuf *out)
{
    const json_t *trials = at(sweep, "trials");
    long long elapsed = int_at(at(sweep, "budget"), "elapsed_ms");
    long long ended = int_at(trials, "finished") + int_at(trials, "pruned")
                      + int_at(trials, "failed");
    if (ended > 0 && elapsed >= MS_PER_S) {
        add_label("rate", out);
        double rate = (double)ended * 60000 / (double)elapsed;
        strbuf_addf(out,
                    rate < 100 ? "%.3g trials a minute\n" : "%.0f trials a minute\n",
                    rate);
    }
}

static void add_aside(const json_t *agent, struct strbuf *out)
{
    if (!is_true(agent, "aside")) {
        return;
    }
    long long left_ms = int_at(agent, "probe_left_ms");
    add_label("", out);
    strbuf_adds(out, "  set aside: ");
    output_clean(text_at(agent, "aside_cause"), out);
    strbuf_adds(out, "\n");
    add_label("", out);
    strbuf_adds(out, "  gets one attempt ");
    if (left_ms > 0) {
        strbuf_adds(out, "in ");
        add_span(left_ms, out);
    } else {
        strbuf_adds(out, "at a time");
    }
    strbuf_adds(out, ", is in use again when one ends well\n");
}

static void add_agents(const json_t *agents, struct strbuf *out)
{
    for (size_t i = 0; i < json_array_size(agents); i++) {
        const json_t *agent = json_array_get(agents, i);
        add_label(i == 0 ? "agents" : "", out);
        output_clean(text_at(agent, "id"), out);
        strbuf_addf(out, ": %lld of %lld slots taken, %lld by this sweep%s\n",
                    int_at(agent, "used_slots"), int_at(agent, "slots"),
                    int_at(agent, "of_sweep"),
                    is_true(agent, "leaving") ? "; shutting down" : "");
        add_aside(agent, out);
    }
}

static void add_sweep(const json_t *found, struct strbuf *out)
{
    const json_t *now = at(found, "now");
    const json_t *sweep = at(now, "sweep");
    add_counts(sweep, out);
    if (int_at(sweep, "revision") > 1) {
        add_label("file", out);
        strbuf_addf(out, "revision %lld\n", int_at(sweep, "revision"));
    }
    add_budget(at(sweep, "budget"), out);
    add_failures(at(sweep, "failures"), out);
    add_rate(sweep, out);
    add_agents(at(now, "agents"), out);
}

/* ---- all of it ---- */

static void add_tail(const json_t *tail, struct strbuf *out)
{
    struct str rest = str_from(text_at(tail, "text"));
    struct str line;
    if (tail == NULL) {
        return;
    }
    strbuf_addf(out, "\nlast lines of attempt %lld\n", int_at(tail, "attempt"));
    while (str_split_next(&rest, '\n', &line)) {
        if (line.len > 0 || rest.ptr != NULL) {
            AUTO_STRBUF struct strbuf one = STRBUF_INIT(LINE_BYTES);
            strbuf_add_str(&one, line);
            strbuf_adds(out, "  | ");
            output_clean(strbuf_cstr(&one), out);
            strbuf_addc(out, '\n');
        }
    }
}

void explain_print(const json_t *found, struct wall wall, struct strbuf *out)
{
    const json_t *now = at(found, "now");
    bool is_trial = text_is(found, "kind", "trial");
    /* The engine may be a moment ahead of the store: its reasons are of that state. */
    const json_t *subject = at(now, is_trial ? "trial" : "sweep");
    add_head(found, wall, out);
    if (strcmp(text_at(subject, "state"), text_at(found, "state")) == 0) {
        add_reasons(now, out);
    }
    if (is_trial) {
        add_trial(found, out);
    } else {
        add_sweep(found, out);
    }
    add_events(found, out);
    add_tail(at(found, "log_tail"), out);
}
