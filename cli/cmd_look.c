/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_look.c – the verbs that look: ls, show, trials, best, metrics.
 * Owns which columns their tables have. Knows the JSON of store_query. Does not know
 * where the answers come from. */
#include "cli/cmd.h"

#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/where.h"
#include "core/states.h"

/* A page of JSON or csv for a million trials. */
#define ANSWER_BYTES_MAX ((size_t)512 * 1024 * 1024)

static const struct output_column ls_columns[] = {
    { "id", "id", OUTPUT_ID },
    { "name", "name", OUTPUT_TEXT },
    { "state", "state", OUTPUT_TEXT },
    { "goal", "goal", OUTPUT_TEXT },
    { "best", "best", OUTPUT_TEXT },
    { "trials.finished", "finished", OUTPUT_TEXT },
    { "trials.pruned", "pruned", OUTPUT_TEXT },
    { "trials.running", "running", OUTPUT_TEXT },
    { "trials.queued", "queued", OUTPUT_TEXT },
    { "trials.failed", "failed", OUTPUT_TEXT },
    { "trials.cancelled", "cancelled", OUTPUT_TEXT },
    { "cause", "cause", OUTPUT_TEXT },
};

static const struct output_column trial_columns[] = {
    { "number", "trial", OUTPUT_TEXT }, { "state", "state", OUTPUT_TEXT },
    { "phase", "phase", OUTPUT_TEXT },  { "value", "value", OUTPUT_TEXT },
    { "params.*", "", OUTPUT_TEXT },    { "attempts", "attempts", OUTPUT_TEXT },
    { "agent", "agent", OUTPUT_TEXT },  { "cause", "cause", OUTPUT_TEXT },
};

static const struct output_column attempt_columns[] = {
    { "number", "attempt", OUTPUT_TEXT }, { "end", "end", OUTPUT_TEXT },
    { "agent", "agent", OUTPUT_TEXT },    { "start_time", "started", OUTPUT_TIME },
    { "end_time", "ended", OUTPUT_TIME }, { "exit_status", "exit", OUTPUT_TEXT },
    { "cause", "cause", OUTPUT_TEXT },
};

static const struct output_column rung_columns[] = {
    { "rule", "rule", OUTPUT_TEXT },       { "bracket", "bracket", OUTPUT_TEXT },
    { "rung", "rung", OUTPUT_TEXT },       { "step", "step", OUTPUT_TEXT },
    { "reached", "reached", OUTPUT_TEXT }, { "went_on", "went on", OUTPUT_TEXT },
};

static const struct output_column metric_columns[] = {
    { "key", "metric", OUTPUT_TEXT },   { "attempt", "attempt", OUTPUT_TEXT },
    { "step", "step", OUTPUT_TEXT },    { "value", "value", OUTPUT_TEXT },
    { "min", "min", OUTPUT_TEXT },      { "max", "max", OUTPUT_TEXT },
    { "count", "points", OUTPUT_TEXT }, { "timestamp", "time", OUTPUT_TIME },
};

static const struct output_column revision_columns[] = {
    { "revision", "revision", OUTPUT_TEXT },
    { "time", "time", OUTPUT_TIME },
    { "changed", "changed", OUTPUT_TEXT },
};

/* One question and its printed answer. */
struct question {
    const char *verb;
    const json_t *args;
    const struct output_column *columns; /* of an array */
    size_t columns_len;
};

/* A list that belongs to an object, below it. */
static void print_list(const json_t *list,
                       const struct output_column *columns,
                       size_t len,
                       struct strbuf *out)
{
    if (json_array_size(list) > 0) {
        strbuf_addc(out, '\n');
        output_rows(list, columns, len, OUTPUT_TABLE, output_width(), out);
    }
}

static enum err_code ask(const struct opts *opts,
                         const struct question *question,
                         enum output_format format,
                         struct strbuf *out,
                         struct err *err)
{
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *answer = NULL;
    struct where where;
    where_resolve(opts, &where);
    enum err_code code = look_open(&where, &look, err);
    if (code == ERR_OK) {
        code = look_query(look, question->verb, question->args, &answer, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (json_is_array(answer)) {
        output_rows(answer, question->columns, question->columns_len, format,
                    output_width(), out);
        return ERR_OK;
    }
    output_object(answer, format, out);
    if (format == OUTPUT_TABLE) {
        print_list(json_object_get(answer, "attempts_list"), attempt_columns,
                   ARRAY_LEN(attempt_columns), out);
        print_list(json_object_get(answer, "rungs"), rung_columns,
                   ARRAY_LEN(rung_columns), out);
    }
    return ERR_OK;
}

/* Asks and prints; takes args. */
static int look(const struct opts *opts, struct question question, json_t *args)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(ANSWER_BYTES_MAX);
    AUTO_JSON json_t *owned = args;
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    question.args = owned;
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = ask(opts, &question, format, &out, &err);
    }
    return code == ERR_OK ? output_flush(&out) : output_fail(&err);
}

static const char *arg_or_last(const struct opts *opts)
{
    return opts->args_len > 0 ? opts->args[0] : "last";
}

int cmd_ls(const struct opts *opts)
{
    struct question question = { "ls", NULL, ls_columns, ARRAY_LEN(ls_columns) };
    return look(opts, question, json_object());
}

int cmd_show(const struct opts *opts)
{
    if (opt_given(opts, OPT_REVISIONS)) {
        struct question revisions = { "revisions", NULL, revision_columns,
                                      ARRAY_LEN(revision_columns) };
        json_t *of = json_object();
        json_put_str(of, "sweep", arg_or_last(opts));
        return look(opts, revisions, of);
    }
    struct question question = { "show", NULL, NULL, 0 };
    json_t *args = json_object();
    json_put_str(args, "ref", arg_or_last(opts));
    return look(opts, question, args);
}

/* ERR_USAGE with the nearest name unless text is a trial's state. */
static enum err_code check_state(const char *text, struct err *err)
{
    const char *names[TRIAL_STATE_NR];
    for (size_t i = 0; i < TRIAL_STATE_NR; i++) {
        names[i] = trial_state_name((enum trial_state)i);
        if (strcmp(names[i], text) == 0) {
            return ERR_OK;
        }
    }
    const char *nearest = str_nearest(str_from(text), names, TRIAL_STATE_NR);
    return err_set(
        err, ERR_USAGE,
        "--state is '%s', expected queued, running, finished, pruned, failed "
        "or cancelled%s%s%s",
        text, nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
        nearest != NULL ? "'?" : "");
}

static enum err_code trials_args(const struct opts *opts, json_t *args, struct err *err)
{
    const char *state = opts->values[OPT_STATE];
    uint32_t limit = 0;
    enum err_code code = opt_u32(opts, OPT_LIMIT, 1, &limit, err);
    if (code == ERR_OK && state != NULL) {
        code = check_state(state, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_put_str(args, "sweep", arg_or_last(opts));
    if (state != NULL) {
        json_put_str(args, "state", state);
    }
    if (limit != 0) {
        json_put_i64(args, "limit", limit);
    }
    return ERR_OK;
}

int cmd_trials(const struct opts *opts)
{
    struct question question = { "trials", NULL, trial_columns,
                                 ARRAY_LEN(trial_columns) };
    AUTO_JSON json_t *args = json_object();
    struct err err = { 0 };
    if (trials_args(opts, args, &err) != ERR_OK) {
        return output_fail(&err);
    }
    return look(opts, question, json_incref(args));
}

int cmd_best(const struct opts *opts)
{
    struct question question = { "best", NULL, NULL, 0 };
    json_t *args = json_object();
    json_put_str(args, "sweep", arg_or_last(opts));
    return look(opts, question, args);
}

/* "all" or a number from 1 on. */
static enum err_code put_attempt(const struct opts *opts, json_t *args, struct err *err)
{
    const char *text = opts->values[OPT_ATTEMPT];
    uint32_t attempt = 0;
    if (text != NULL && strcmp(text, "all") == 0) {
        json_put_str(args, "attempt", "all");
        return ERR_OK;
    }
    enum err_code code = opt_u32(opts, OPT_ATTEMPT, 1, &attempt, err);
    if (code == ERR_OK && attempt != 0) {
        json_put_i64(args, "attempt", attempt);
    }
    return code;
}

int cmd_metrics(const struct opts *opts)
{
    struct question question = { "metrics", NULL, metric_columns,
                                 ARRAY_LEN(metric_columns) };
    AUTO_JSON json_t *args = json_object();
    struct err err = { 0 };
    json_put_str(args, "run", opts->args[0]);
    if (opts->args_len > 1) {
        json_put_str(args, "key", opts->args[1]);
    }
    if (put_attempt(opts, args, &err) != ERR_OK) {
        return output_fail(&err);
    }
    return look(opts, question, json_incref(args));
}
