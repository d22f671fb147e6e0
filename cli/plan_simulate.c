/* SPDX-License-Identifier: Apache-2.0 */
/* plan_simulate.c – rules of early stopping compared on recorded learning curves.
 * Owns the list of rules and the table. Knows options and seeds. Does not know how a
 * rule decides, or how a replay goes. */
#include "cli/plan_simulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/vec.h"
#include "cli/curves_file.h"
#include "pruners/registry.h"
#include "samplers/registry.h"

#define PARALLEL_MAX 100000u
#define SEEDS_MAX    10000u

struct contestant {
    char *label;
    const struct stop_rules *rules; /* of `spec`, or of the sweep file's */
    struct sweep_spec *spec;        /* NULL: the sweep file's */
};

struct contest {
    const struct sweep_spec *spec;
    struct curves_file file;
    uint32_t trials, parallel, seeds;
    VEC(struct contestant) rules;
};

static void contest_fini(struct contest *contest)
{
    for (size_t i = 0; i < contest->rules.len; i++) {
        mem_free(contest->rules.ptr[i].label);
        sweep_spec_destroy(contest->rules.ptr[i].spec);
    }
    vec_fini(&contest->rules);
    curves_file_fini(&contest->file);
}

/* ---- rules ---- */

/* Reads a rule as it stands in `stop`, without braces and `pruner:`. */
static enum err_code add_rule(struct contest *contest, struct str rule, struct err *err)
{
    AUTO_FREE char *text = mem_printf("sweep: 1\n"
                                      "name: rules\n"
                                      "objective: {metric: value, goal: max}\n"
                                      "space: {x: [1]}\n"
                                      "stop: {pruner: %.*s}\n",
                                      STR_ARG(rule));
    struct sweep_spec_input input = { .text = text,
                                      .text_len = strlen(text),
                                      .source = "--rules",
                                      .samplers = &sampler_registry_all,
                                      .pruners = &pruner_registry_all,
                                      .command_optional = true };
    struct sweep_spec *spec = NULL;
    enum err_code code = sweep_spec_parse(&input, &spec, err);
    if (code == ERR_OK) {
        vec_push(&contest->rules,
                 ((struct contestant){ .label = mem_strndup(rule.ptr, rule.len),
                                       .rules = &spec->stop,
                                       .spec = spec }));
    }
    return code;
}

/* Every rule that needs no other, with its presets. */
static enum err_code add_all(struct contest *contest, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < pruner_registry_all.len && code == ERR_OK; i++) {
        const struct pruner_ops *ops = pruner_registry_all.ops[i];
        if (ops->children_min == 0) {
            code = add_rule(contest, str_from(ops->name), err);
        }
    }
    return code;
}

static enum err_code
add_rules(struct contest *contest, const struct opts *opts, struct err *err)
{
    const char *list = opts->values[OPT_RULES];
    enum err_code code = ERR_OK;
    if (sweep_spec_stops(contest->spec)) {
        const char *name = contest->spec->stop.rules[0].ops->name;
        vec_push(&contest->rules,
                 ((struct contestant){ .label = mem_printf("%s of the file", name),
                                       .rules = &contest->spec->stop }));
    } else if (list == NULL) {
        list = "all";
    }
    struct str rest = str_from(list);
    struct str part;
    while (list != NULL && code == ERR_OK && str_split_next(&rest, ';', &part)) {
        part = str_trim(part);
        if (str_eq_c(part, "all")) {
            code = add_all(contest, err);
        } else if (part.len > 0) {
            code = add_rule(contest, part, err);
        }
    }
    return code;
}

/* ---- the table ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double *sorted, size_t len)
{
    return (sorted[(len - 1) / 2] + sorted[len / 2]) / 2;
}

/* A share as a percentage with two digits behind the point. */
static double percent(double share)
{
    return isfinite(share) ? round(share * 1e4) / 100 : share;
}

static json_t *row_of(const struct contest *contest, const struct contestant *rule)
{
    AUTO_FREE double *gaps = mem_alloc_array(contest->seeds, sizeof *gaps);
    AUTO_FREE double *bests = mem_alloc_array(contest->seeds, sizeof *bests);
    double steps = 0;
    double seconds = 0;
    double stopped = 0;
    double seeds = contest->seeds;
    double sign = contest->spec->stop_goal == GOAL_MAX ? -1 : 1;
    for (uint32_t seed = 0; seed < contest->seeds; seed++) {
        struct sim_request request = { .rules = rule->rules,
                                       .curves = contest->file.curves.ptr,
                                       .curves_len = contest->file.curves.len,
                                       .maximize = sign < 0,
                                       .trials = contest->trials,
                                       .parallel = contest->parallel,
                                       .seed = seed };
        struct sim_outcome outcome;
        simulate_run(&request, &outcome);
        gaps[seed] = sim_outcome_gap(&outcome);
        bests[seed] = isnan(outcome.best) ? HUGE_VAL : outcome.best;
        steps += outcome.steps / outcome.steps_full / seeds;
        seconds += outcome.seconds / outcome.seconds_full / seeds;
        stopped += (double)outcome.stopped / outcome.trials / seeds;
    }
    qsort(gaps, contest->seeds, sizeof *gaps, compare_doubles);
    qsort(bests, contest->seeds, sizeof *bests, compare_doubles);
    json_t *row = json_object();
    json_put_str(row, "rule", rule->label);
    json_put_f64(row, "steps_percent", percent(steps));
    json_put_f64(row, "time_percent", percent(seconds));
    json_put_f64(row, "stopped_percent", percent(stopped));
    json_put_f64(row, "best", sign * median(bests, contest->seeds));
    json_put_f64(row, "gap_median_percent", percent(median(gaps, contest->seeds)));
    json_put_f64(row, "gap_worst_percent", percent(gaps[contest->seeds - 1]));
    return row;
}

static void print(const struct contest *contest,
                  const json_t *rows,
                  enum output_format format,
                  struct strbuf *out)
{
    static const struct output_column columns[] = {
        { "rule", "rule", OUTPUT_TEXT },
        { "steps_percent", "steps %", OUTPUT_TEXT },
        { "time_percent", "time %", OUTPUT_TEXT },
        { "stopped_percent", "stopped %", OUTPUT_TEXT },
        { "best", "best", OUTPUT_TEXT },
        { "gap_median_percent", "median gap %", OUTPUT_TEXT },
        { "gap_worst_percent", "worst gap %", OUTPUT_TEXT },
    };
    if (format == OUTPUT_TABLE) {
        strbuf_addf(out, "# %zu curves; %u trials, %u at once, %u seeds; %s %s\n",
                    contest->file.curves.len, contest->trials, contest->parallel,
                    contest->seeds, contest->spec->stop_metric,
                    contest->spec->stop_goal == GOAL_MAX ? "up" : "down");
    }
    output_rows(rows, columns, ARRAY_LEN(columns), format, output_width(), out);
}

static enum err_code
read_curves(struct contest *contest, const struct opts *opts, struct err *err)
{
    struct where where;
    if (opt_given(opts, OPT_SIMULATE)) {
        return curves_file_read(opts->values[OPT_SIMULATE], contest->spec,
                                &contest->file, err);
    }
    where_resolve(opts, &where);
    return curves_file_ask(&where, opts->values[OPT_FROM], contest->spec,
                           &contest->file, err);
}

static enum err_code
read_contest(struct contest *contest, const struct opts *opts, struct err *err)
{
    enum err_code code = opt_u32(opts, OPT_TRIALS, 1, &contest->trials, err);
    if (code == ERR_OK) {
        code = opt_u32(opts, OPT_PARALLEL, 1, &contest->parallel, err);
    }
    if (code == ERR_OK) {
        code = opt_u32(opts, OPT_SEEDS, 1, &contest->seeds, err);
    }
    if (code == ERR_OK
        && (contest->parallel > PARALLEL_MAX || contest->seeds > SEEDS_MAX)) {
        return err_set(err, ERR_USAGE, "at most %u at once and %u seeds", PARALLEL_MAX,
                       SEEDS_MAX);
    }
    if (code == ERR_OK) {
        code = add_rules(contest, opts, err);
    }
    return code == ERR_OK ? read_curves(contest, opts, err) : code;
}

enum err_code plan_simulate(const struct opts *opts,
                            const struct sweep_spec *spec,
                            enum output_format format,
                            struct strbuf *out,
                            struct err *err)
{
    struct contest contest = {
        .spec = spec, .trials = 200, .parallel = 8, .seeds = 20
    };
    AUTO_JSON json_t *rows = json_array();
    enum err_code code = read_contest(&contest, opts, err);
    if (code == ERR_OK) {
        if (contest.trials > contest.file.curves.len) {
            contest.trials = (uint32_t)contest.file.curves.len;
        }
        for (size_t i = 0; i < contest.rules.len; i++) {
            json_push(rows, row_of(&contest, &contest.rules.ptr[i]));
        }
        print(&contest, rows, format, out);
    }
    contest_fini(&contest);
    return code;
}
