/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan.c – `winnow plan`: the sweep as it would run, without running it.
 * Owns the summary and the sample commands. Knows spec, space, sampler and command.
 * Does not know homes or coordinators. */
#include "cli/cmd.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/times.h"
#include "cli/output.h"
#include "cli/plan_rungs.h"
#include "cli/plan_simulate.h"
#include "cli/spec_file.h"
#include "core/command.h"
#include "core/suggest.h"

/* Points shown as the commands they become. */
#define SAMPLES 3

/* Appends the word so that a POSIX shell reads it back. */
static void add_quoted(const char *word, struct strbuf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-./:=,+@%^";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        strbuf_adds(out, word);
        return;
    }
    strbuf_addc(out, '\'');
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'') {
            strbuf_adds(out, "'\\''");
        } else {
            strbuf_addc(out, *at);
        }
    }
    strbuf_addc(out, '\'');
}

/* The sampler's first points, as for a sweep that has only the file's own so far. */
static struct suggest_answer first_points(const struct sweep_spec *spec, uint32_t count)
{
    size_t dims = spec->space->len;
    struct tried tried;
    struct history history;
    tried_init(&tried, dims);
    history_init(&history, dims);
    for (size_t i = 0; i < spec->enqueued_len; i++) {
        tried_add(&tried, spec->enqueued + i * dims, (uint32_t)i);
    }
    struct suggest_known known = { .spec = spec,
                                   .history = &history,
                                   .tried = spec->avoid_duplicates ? &tried : NULL };
    struct fx_suggest ask = { .first = (uint32_t)spec->enqueued_len, .count = count };
    struct suggest_answer answer;
    suggest_find(&known, &ask, &answer);
    history_fini(&history);
    tried_fini(&tried);
    return answer;
}

/* {number, params, argv} of one point. */
static enum err_code sample_json(const struct sweep_spec *spec,
                                 uint32_t trial,
                                 const double *x,
                                 json_t **out,
                                 struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(JSON_BYTES_MAX);
    AUTO_JSON json_t *params = NULL;
    struct argv argv = { 0 };
    space_print_json(spec->space, x, &text);
    enum err_code code = json_parse(strbuf_cstr(&text), text.len, &params, err);
    if (code == ERR_OK) {
        code = command_expand(spec->command, spec->space, x, &argv, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_t *words = json_array();
    for (size_t i = 0; i < argv.len; i++) {
        json_push(words, json_string(argv.words[i]));
    }
    argv_fini(&argv);
    json_t *sample = json_object();
    json_put_i64(sample, "number", trial);
    json_put(sample, "params", mem_take(&params));
    json_put(sample, "argv", words);
    *out = sample;
    return ERR_OK;
}

static enum err_code
samples_json(const struct sweep_spec *spec, json_t *samples, struct err *err)
{
    uint64_t trials = sweep_spec_trials(spec);
    uint32_t count = trials != 0 && trials < SAMPLES ? (uint32_t)trials : SAMPLES;
    size_t own = spec->enqueued_len < count ? spec->enqueued_len : count;
    struct suggest_answer more = first_points(spec, count - (uint32_t)own);
    enum err_code code =
        more.failed ? err_set(err, more.err.code, "%s", more.err.msg) : ERR_OK;
    for (uint32_t i = 0; i < own + more.len && code == ERR_OK; i++) {
        const double *x = i < own ? spec->enqueued + i * spec->space->len
                                  : more.x + (i - own) * spec->space->len;
        json_t *sample = NULL;
        code = sample_json(spec, i, x, &sample, err);
        if (code == ERR_OK) {
            json_push(samples, sample);
        }
    }
    suggest_answer_fini(&more);
    return code;
}

static void add_count(json_t *plan, const char *key, uint64_t count)
{
    if (count != 0 && count <= INT64_MAX) {
        json_put_i64(plan, key, (int64_t)count);
    }
}

static json_t *plan_json(const struct sweep_spec *spec, json_t *samples)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(YAML_BYTES_MAX * 2);
    json_t *plan = json_object();
    sweep_spec_print(spec, &text);
    json_put_str(plan, "name", spec->name);
    json_put_str(plan, "sampler", spec->sampler->name);
    json_put_i64(plan, "parameters", (int64_t)spec->space->len);
    add_count(plan, "space_size", space_size(spec->space));
    add_count(plan, "trials", sweep_spec_trials(spec));
    add_count(plan, "time_ms", (uint64_t)spec->budget.time_ms);
    add_count(plan, "parallel", spec->run.parallel);
    json_put_str(plan, "file", strbuf_cstr(&text));
    json_put(plan, "rungs", plan_rungs(spec));
    json_put(plan, "samples", samples);
    return plan;
}

static void add_size_line(const struct sweep_spec *spec, struct strbuf *out)
{
    uint64_t size = space_size(spec->space);
    strbuf_addf(out, "# space: %zu parameter%s, ", spec->space->len,
                spec->space->len == 1 ? "" : "s");
    if (size == 0) {
        strbuf_adds(out, "continuous");
    } else if (size == UINT64_MAX) {
        strbuf_adds(out, "more points than can be counted");
    } else {
        strbuf_addf(out, "%llu points%s", (unsigned long long)size,
                    spec->space->forbids_len > 0 ? " before conditions and forbid"
                                                 : "");
    }
    strbuf_addc(out, '\n');
}

static void add_budget_lines(const struct sweep_spec *spec, struct strbuf *out)
{
    uint64_t trials = sweep_spec_trials(spec);
    strbuf_adds(out, "# trials: ");
    if (trials != 0) {
        strbuf_addf(out, "%llu", (unsigned long long)trials);
    } else {
        strbuf_adds(out, "as many as the time allows");
    }
    if (spec->budget.time_ms > 0) {
        char span[NUM_TEXT_SIZE];
        num_format_duration_ms(spec->budget.time_ms, span);
        strbuf_addf(out, ", within %s", span);
    }
    strbuf_addf(out, "; sampler %s: %s\n", spec->sampler->name, spec->sampler->summary);
    if (spec->run.parallel != 0) {
        strbuf_addf(out, "# parallel: %u at once\n", (unsigned)spec->run.parallel);
    } else {
        strbuf_adds(out, "# parallel: as many as there are slots\n");
    }
}

/* A sweep file again: what is not part of it stands in comments. */
static void
print_plan(const struct sweep_spec *spec, const json_t *samples, struct strbuf *out)
{
    sweep_spec_print(spec, out);
    strbuf_addc(out, '\n');
    add_size_line(spec, out);
    add_budget_lines(spec, out);
    AUTO_JSON json_t *rungs = plan_rungs(spec);
    plan_print_rungs(rungs, out);
    strbuf_adds(out, "# the first commands:\n");
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *words = json_object_get(json_array_get(samples, i), "argv");
        strbuf_addf(out, "# %zu:", i);
        for (size_t w = 0; w < json_array_size(words); w++) {
            strbuf_addc(out, ' ');
            add_quoted(json_string_value(json_array_get(words, w)), out);
        }
        strbuf_addc(out, '\n');
    }
}

static enum err_code plan_spec(const struct sweep_spec *spec,
                               enum output_format format,
                               struct strbuf *out,
                               struct err *err)
{
    AUTO_JSON json_t *samples = json_array();
    enum err_code code = samples_json(spec, samples, err);
    if (code == ERR_OK && format == OUTPUT_TABLE) {
        print_plan(spec, samples, out);
    } else if (code == ERR_OK) {
        AUTO_JSON json_t *json = plan_json(spec, json_incref(samples));
        output_object(json, format, out);
    }
    return code;
}

static bool simulates(const struct opts *opts)
{
    return opt_given(opts, OPT_SIMULATE) || opt_given(opts, OPT_FROM);
}

/* The options that say how to simulate need something to replay. */
static enum err_code check_options(const struct opts *opts, struct err *err)
{
    static const enum opt_id how[] = { OPT_RULES, OPT_TRIALS, OPT_PARALLEL, OPT_SEEDS };
    if (opt_given(opts, OPT_SIMULATE) && opt_given(opts, OPT_FROM)) {
        return err_set(err, ERR_USAGE, "give --simulate or --from, not both");
    }
    for (size_t i = 0; i < ARRAY_LEN(how) && !simulates(opts); i++) {
        if (opt_given(opts, how[i])) {
            return err_set(err, ERR_USAGE, "%s needs --simulate or --from",
                           opt_name(how[i]));
        }
    }
    return ERR_OK;
}

static enum err_code plan(const struct opts *opts,
                          enum output_format format,
                          struct strbuf *out,
                          struct err *err)
{
    AUTO_SPEC_FILE struct spec_file file = { .text = NULL };
    struct sweep_spec *spec = NULL;
    enum err_code code = check_options(opts, err);
    if (code == ERR_OK) {
        code = spec_file_read(opts->args[0], &file, err);
    }
    if (code == ERR_OK) {
        code = spec_file_parse(&file, &spec, err);
    }
    if (code == ERR_OK && simulates(opts)) {
        code = plan_simulate(opts, spec, format, out, err);
    } else if (code == ERR_OK) {
        code = plan_spec(spec, format, out, err);
    }
    sweep_spec_destroy(spec);
    return code;
}

int cmd_plan(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(YAML_BYTES_MAX * 4);
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = plan(opts, format, &out, &err);
    }
    return code == ERR_OK ? output_flush(&out) : output_fail(&err);
}
