/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_retry.c – retry: run failed or cancelled trials again.
 * Owns the reading of trial numbers and the lines printed. Knows who may be asked
 * (where.h). Does not know which trials can be retried. */
#include "cli/cmd.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/output.h"
#include "cli/where.h"

/* "7" or "3-9". */
static enum err_code
range_parse(const char *text, struct trial_range *range_out, struct err *err)
{
    struct str view = str_from(text);
    size_t dash = str_chr(view, '-');
    bool pair = dash < view.len;
    uint64_t first = 0;
    uint64_t last = 0;
    enum err_code code = num_parse_u64(str_sub(view, 0, dash), &first);
    if (code == ERR_OK && pair) {
        code = num_parse_u64(str_sub(view, dash + 1, view.len), &last);
    }
    last = pair ? last : first;
    if (code != ERR_OK || last < first || last >= TRIALS_MAX) {
        return err_set(err, ERR_USAGE,
                       "'%s': expected a trial's number or a range such as 3-9", text);
    }
    *range_out =
        (struct trial_range){ .first = (uint32_t)first, .last = (uint32_t)last };
    return ERR_OK;
}

/* "failed,cancelled" as bits. */
static enum err_code states_parse(const char *text, unsigned *states, struct err *err)
{
    struct str rest = str_from(text);
    enum err_code code = ERR_OK;
    while (code == ERR_OK) {
        size_t comma = str_chr(rest, ',');
        AUTO_FREE char *name = mem_strndup(rest.ptr, comma);
        enum trial_state state = TRIAL_STATE_NR;
        code = trial_state_parse(name, &state, err);
        *states |= code == ERR_OK ? 1u << state : 0;
        if (comma >= rest.len) {
            break;
        }
        rest = str_sub(rest, comma + 1, rest.len);
    }
    if (code != ERR_OK) {
        err_wrap(err, "--state");
    }
    return code;
}

static void print_table(const json_t *answer, bool dry_run, struct strbuf *out)
{
    const char *name = json_string_value(json_object_get(answer, "name"));
    const char *state = json_string_value(json_object_get(answer, "state"));
    const json_t *trials = json_object_get(answer, "trials");
    size_t len = json_array_size(trials);
    for (size_t i = 0; i < len && dry_run; i++) {
        strbuf_addf(out, "%lld\n",
                    (long long)json_integer_value(json_array_get(trials, i)));
    }
    if (dry_run) {
        output_say("%zu trial%s would be retried", len, len == 1 ? "" : "s");
    } else if (len == 0) {
        strbuf_addf(out, "%s %s: no trial to retry\n", name, state);
    } else {
        strbuf_addf(out, "%s %s: %zu trial%s queued again\n", name, state, len,
                    len == 1 ? "" : "s");
    }
}

static int
print_answer(const struct opts *opts, const json_t *answer, enum output_format format)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    if (format == OUTPUT_TABLE) {
        print_table(answer, opt_given(opts, OPT_DRY_RUN), &out);
    } else {
        output_object(answer, format, &out);
    }
    return output_flush(&out);
}

int cmd_retry(const struct opts *opts)
{
    struct trial_range ranges[RETRY_RANGES_MAX];
    AUTO_JSON json_t *answer = NULL;
    struct where where;
    struct err err = { 0 };
    bool held = true;
    struct ev_steer steer = { .verb = STEER_RETRY,
                              .sweep = opts->args[0],
                              .cause = "retried from the command line" };
    struct steer_retry *retry = &steer.retry;
    *retry = (struct steer_retry){ .ranges = ranges,
                                   .ranges_len = opts->args_len - 1,
                                   .where = opts->values[OPT_WHERE],
                                   .dry_run = opt_given(opts, OPT_DRY_RUN) };
    enum output_format format = OUTPUT_TABLE;
    enum err_code code = output_format_get(opts, &format, &err);
    for (size_t i = 0; i < retry->ranges_len && code == ERR_OK; i++) {
        code = range_parse(opts->args[i + 1], &ranges[i], &err);
    }
    if (code == ERR_OK && opt_given(opts, OPT_STATE)) {
        code = states_parse(opts->values[OPT_STATE], &retry->states, &err);
    }
    if (code == ERR_OK) {
        where_resolve(opts, &where);
        code = where_steer(&where, &steer, &held, &answer, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    int status = print_answer(opts, answer, format);
    if (!held && !retry->dry_run
        && json_integer_value(json_object_get(answer, "retried")) > 0) {
        output_say("no process holds this home: `winnow resume %s` runs them",
                   opts->args[0]);
    }
    return status;
}
