/* SPDX-License-Identifier: Apache-2.0 */
/* spec_print.c – a spec as a canonical sweep file.
 * Owns nothing. Knows the order of keys and how text is quoted so that YAML reads it
 * back as what it was. Does not know defaults: every value is printed. */
#include "core/spec_option.h"
#include "core/spec_sections.h"
#include "core/sweep_spec.h"

#include "base/compiler.h"
#include "base/json.h"
#include "base/num.h"
#include "base/yaml.h"
#include "core/expr.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- scalars ---- */

/* Words that a flow collection takes unquoted and that read back as strings. */
static bool is_plain(struct str text)
{
    static const char inner[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_ ./()<>=!+*-";
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_./(";
    char copy[128];
    if (text.len == 0 || text.len >= sizeof copy || strchr(first, text.ptr[0]) == NULL
        || text.ptr[text.len - 1] == ' ') {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, inner) != text.len) {
        return false;
    }
    const struct yaml_node node = { .kind = YAML_SCALAR,
                                    .text = copy,
                                    .text_len = text.len };
    return yaml_scalar_kind(&node) == YAML_STR;
}

static void put_text(const char *text, struct strbuf *out)
{
    if (is_plain(str_from(text))) {
        strbuf_adds(out, text);
    } else {
        json_emit_str(str_from(text), out);
    }
}

static void put_number(double number, struct strbuf *out)
{
    value_print((struct value){ .kind = VALUE_FLOAT, .as.real = number }, out);
}

/* A float keeps its point, so that it reads back as one. */
static void put_value(struct value value, struct strbuf *out)
{
    if (value.kind == VALUE_STR) {
        put_text(value.as.str, out);
    } else {
        value_print_json(value, out);
    }
}

static void put_duration(int64_t ms, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    strbuf_add(out, text, num_format_duration_ms(ms, text));
}

static void put_share(double share, struct strbuf *out)
{
    double percent = nearbyint(share * 1e8) / 1e6;
    if (percent / 100.0 == share) {
        put_number(percent, out);
        strbuf_addc(out, '%');
    } else {
        put_number(share, out);
    }
}

/* ---- program ---- */

static void put_program(const struct sweep_spec *spec, struct strbuf *out)
{
    const struct project *project = &spec->project;
    /* Without a command (ask-tell) a default project would ask for an MLproject file.
     */
    if (spec->command == NULL && strcmp(project->path, ".") == 0 && !project->copy) {
        return;
    }
    strbuf_adds(out, "project: {path: ");
    put_text(project->path, out);
    if (spec->command_from_entry) {
        strbuf_adds(out, ", entry: ");
        put_text(project->entry, out);
    }
    strbuf_addf(out, ", copy: %s}\n", project->copy ? "true" : "false");
    if (spec->command == NULL || spec->command_from_entry) {
        return;
    }
    strbuf_adds(out, "command: [");
    for (size_t i = 0; i < command_words_len(spec->command); i++) {
        strbuf_adds(out, i > 0 ? ", " : "");
        put_text(command_word(spec->command, i), out);
    }
    strbuf_adds(out, "]\n");
}

/* ---- space ---- */

static void put_range(const struct param *param, struct strbuf *out)
{
    strbuf_addf(out, "%s: [", param->kind == PARAM_INT ? "int" : "float");
    put_number(param->low, out);
    strbuf_adds(out, ", ");
    put_number(param->high, out);
    strbuf_addf(out, "], scale: %s", param->log ? "log" : "linear");
    if (param->step != 0.0) {
        strbuf_adds(out, ", step: ");
        put_number(param->step, out);
    }
    if (param->grid != 0) {
        strbuf_addf(out, ", grid: %" PRIu32, param->grid);
    }
}

static void put_choice(const struct param *param, struct strbuf *out)
{
    bool numbers = true;
    strbuf_adds(out, "choice: [");
    for (size_t i = 0; i < param->items_len; i++) {
        double number = 0.0;
        numbers = numbers && value_number(param->items[i], &number);
        strbuf_adds(out, i > 0 ? ", " : "");
        put_value(param->items[i], out);
    }
    strbuf_addc(out, ']');
    if (numbers) {
        strbuf_addf(out, ", ordered: %s", param->ordered ? "true" : "false");
    }
}

void sweep_spec_print_space(const struct sweep_spec *spec, struct strbuf *out)
{
    const struct space *space = spec->space;
    strbuf_adds(out, "space:\n");
    for (size_t i = 0; i < space->len; i++) {
        const struct param *param = &space->params[i];
        strbuf_addf(out, "  %s: {", param->name);
        if (param->kind == PARAM_CHOICE) {
            put_choice(param, out);
        } else {
            put_range(param, out);
        }
        if (param->when != NULL) {
            strbuf_adds(out, ", when: ");
            put_text(expr_text(param->when), out);
        }
        strbuf_adds(out, "}\n");
    }
    if (space->forbids_len > 0) {
        strbuf_adds(out, "forbid:\n");
    }
    for (size_t i = 0; i < space->forbids_len; i++) {
        strbuf_adds(out, "  - ");
        put_text(expr_text(space->forbids[i]), out);
        strbuf_addc(out, '\n');
    }
}

/* ---- options ---- */

static void put_budget(const struct budget *budget, struct strbuf *out)
{
    strbuf_adds(out, "budget: {");
    if (budget->trials != 0) {
        strbuf_addf(out, "trials: %" PRIu32 ", ", budget->trials);
    }
    if (budget->time_ms != 0) {
        strbuf_adds(out, "time: ");
        put_duration(budget->time_ms, out);
        strbuf_adds(out, ", ");
    }
    if (budget->has_target) {
        strbuf_adds(out, "target: ");
        put_number(budget->target, out);
        strbuf_adds(out, ", ");
    }
    strbuf_adds(out, "failures: {max: ");
    put_share(budget->failures_share, out);
    strbuf_addf(out, ", first: %" PRIu32 "}}\n", budget->failures_first);
}

static void put_checkpoint(const struct run_options *run, struct strbuf *out)
{
    switch (run->checkpoint) {
    case CHECKPOINT_NONE:
        strbuf_adds(out, "none\n");
        return;
    case CHECKPOINT_LOCAL:
        strbuf_adds(out, "local\n");
        return;
    case CHECKPOINT_PATH:
        strbuf_adds(out, "{path: ");
        put_text(run->checkpoint_path, out);
        strbuf_adds(out, "}\n");
        return;
    case CHECKPOINT_NR:
        break;
    }
    UNREACHABLE();
}

static void put_run(const struct run_options *run, struct strbuf *out)
{
    char memory[NUM_TEXT_SIZE];
    (void)num_format_size_bytes(run->resources.memory_bytes, memory);
    strbuf_adds(out, "run:\n  parallel: ");
    if (run->parallel == 0) {
        strbuf_adds(out, "all");
    } else {
        strbuf_addf(out, "%" PRIu32, run->parallel);
    }
    strbuf_addf(out,
                "\n  resources: {cpus: %" PRIu32 ", gpus: %" PRIu32
                ", memory: %s}\n  time_limit: ",
                run->resources.cpus, run->resources.gpus, memory);
    if (run->time_limit_ms == 0) {
        strbuf_adds(out, "none");
    } else {
        put_duration(run->time_limit_ms, out);
    }
    strbuf_adds(out, "\n  grace: ");
    put_duration(run->grace_ms, out);
    strbuf_addf(out,
                "\n  retry: {failed: %" PRIu32 ", lost: %" PRIu32
                ", preempted: %" PRIu32 ", oom: %" PRIu32 ", timeout: %" PRIu32
                ", backoff: ",
                run->retry.failed, run->retry.lost, run->retry.preempted,
                run->retry.oom, run->retry.timeout);
    put_duration(run->retry.backoff_ms, out);
    strbuf_adds(out, "}\n  checkpoint: ");
    put_checkpoint(run, out);
}

static void put_metrics(const struct sweep_spec *spec, struct strbuf *out)
{
    strbuf_adds(out, "metrics:\n");
    for (size_t i = 0; i < spec->metrics_len; i++) {
        const struct metric_source *source = &spec->metrics[i];
        switch (source->kind) {
        case METRIC_OUTPUT:
            strbuf_adds(out, "  - output\n");
            continue;
        case METRIC_PATTERN:
            strbuf_adds(out, "  - {pattern: ");
            json_emit_str(str_from(source->text), out);
            strbuf_adds(out, ", scale: ");
            put_number(source->scale, out);
            strbuf_adds(out, "}\n");
            continue;
        case METRIC_PRESET:
            strbuf_addf(out, "  - {preset: %s}\n", source->text);
            continue;
        case METRIC_SOURCE_NR:
            break;
        }
        UNREACHABLE();
    }
}

static void put_point(const struct space *space, const double *x, struct strbuf *out)
{
    bool first = true;
    strbuf_adds(out, "  - {");
    for (size_t i = 0; i < space->len; i++) {
        if (isnan(x[i])) {
            continue;
        }
        strbuf_addf(out, "%s%s: ", first ? "" : ", ", space->params[i].name);
        put_value(space_value(space, i, x[i]), out);
        first = false;
    }
    strbuf_adds(out, "}\n");
}

void sweep_spec_print_enqueue(const struct sweep_spec *spec, struct strbuf *out)
{
    if (spec->enqueued_len > 0) {
        strbuf_adds(out, "enqueue:\n");
    }
    for (size_t i = 0; i < spec->enqueued_len; i++) {
        put_point(spec->space, &spec->enqueued[i * spec->space->len], out);
    }
}

static void put_tags(const struct sweep_spec *spec, struct strbuf *out)
{
    if (spec->tags_len > 0) {
        strbuf_adds(out, "tags:\n");
    }
    for (size_t i = 0; i < spec->tags_len; i++) {
        strbuf_adds(out, "  ");
        put_text(spec->tags[i].key, out);
        strbuf_adds(out, ": ");
        put_text(spec->tags[i].value, out);
        strbuf_addc(out, '\n');
    }
}

static void put_search(const struct sweep_spec *spec, struct strbuf *out)
{
    const struct sampler_ops *ops = spec->sampler;
    strbuf_addf(out, "search: {sampler: %s", ops->name);
    struct option_list options = { .defs = ops->options, .len = ops->options_len };
    spec_print_options(options, spec->sampler_options, out);
    strbuf_addf(out, ", seed: %" PRIu64 ", duplicates: %s}\n", spec->seed,
                spec->avoid_duplicates ? "avoid" : "allow");
}

void sweep_spec_print(const struct sweep_spec *spec, struct strbuf *out)
{
    strbuf_adds(out, "sweep: 1\nname: ");
    put_text(spec->name, out);
    strbuf_addc(out, '\n');
    put_program(spec, out);
    strbuf_adds(out, "objective: {metric: ");
    put_text(spec->objective.metric, out);
    strbuf_addf(out, ", goal: %s, read: %s}\n", goal_name(spec->objective.goal),
                objective_read_name(spec->objective.read));
    sweep_spec_print_space(spec, out);
    put_search(spec, out);
    spec_print_stop(spec, out);
    put_budget(&spec->budget, out);
    put_run(&spec->run, out);
    put_metrics(spec, out);
    sweep_spec_print_enqueue(spec, out);
    put_tags(spec, out);
}
