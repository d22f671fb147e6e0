/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_spec.h – a sweep file, read, checked and with every default filled in.
 *
 * The file format is DESIGN §4 and documented in docs/sweep-file.md. Parsing is pure:
 * it takes the file's bytes (and, for a project, the bytes of its MLproject file) and
 * yields an immutable spec that may be shared between threads.
 */
#ifndef CORE_SWEEP_SPEC_H
#define CORE_SWEEP_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "core/command.h"
#include "core/pruner.h"
#include "core/sampler.h"
#include "core/space.h"

enum goal {
    GOAL_MIN,
    GOAL_MAX,
    GOAL_NR
};
enum objective_read {
    READ_LAST,
    READ_BEST,
    READ_MIN,
    READ_MAX,
    READ_NR
};

struct objective {
    char *metric;
    enum goal goal;
    enum objective_read read;
};

/* How often an attempt that ended so is tried again, per trial. */
struct retry_limits {
    uint32_t failed, lost, preempted, oom, timeout;
    int64_t backoff_ms; /* before the first of failed, oom, timeout; doubles; 0: off */
};

/* The failure share is not looked at before so many trials have ended. */
#define FAILURES_SHARE_FROM 20u

struct budget {
    uint32_t trials; /* finished and pruned trials; 0: not bounded */
    int64_t time_ms; /* while a coordinator runs; 0: not bounded */
    bool has_target;
    double target;           /* stop when the objective is this good or better */
    double failures_share;   /* pause above this failed/ended share, see above */
    uint32_t failures_first; /* pause when the first so many ended trials all failed; 0:
                                off */
};

struct resources {
    uint32_t cpus;
    uint32_t gpus;
    uint64_t memory_bytes; /* 0: not asked for */
};

/* Whether attempts have a folder for checkpoints, and where. */
enum checkpoint_kind {
    CHECKPOINT_NONE,
    CHECKPOINT_LOCAL, /* one per trial at the agent */
    CHECKPOINT_PATH,  /* one per trial in a folder that all agents see */
    CHECKPOINT_NR
};

struct run_options {
    uint32_t parallel; /* attempts at once over all agents; 0: all slots */
    struct resources resources;
    int64_t time_limit_ms; /* per attempt; 0: none */
    int64_t grace_ms;      /* between TERM and KILL */
    struct retry_limits retry;
    enum checkpoint_kind checkpoint;
    char *checkpoint_path; /* as in the file, absolute or relative to its folder; NULL
                              unless CHECKPOINT_PATH */
};

enum metric_source_kind {
    METRIC_OUTPUT,
    METRIC_PATTERN,
    METRIC_PRESET,
    METRIC_SOURCE_NR
};

struct metric_source {
    enum metric_source_kind kind;
    char *text;   /* the pattern (PCRE2) or the preset's name */
    double scale; /* pattern: multiplies every value; default 1 */
};

/* Where the trial's program lives. */
struct project {
    char *path;  /* as in the file, relative to its folder; "." by default */
    char *entry; /* entry point of the MLproject file; "main" by default */
    bool copy;   /* each attempt works in a copy of its own */
};

struct tag {
    char *key;
    char *value;
};

struct sweep_spec {
    char *name;
    char *text; /* the file as it was read, for storing */
    struct project project;
    struct command_template *command; /* from `command:` or the MLproject entry point;
                                         NULL only with command_optional */
    bool command_from_entry;          /* it is the MLproject's */
    struct objective objective;
    struct space *space;
    const struct sampler_ops *sampler;
    double *sampler_options; /* one for each of sampler->options, owned */
    bool avoid_duplicates;   /* no point is tried twice */
    struct stop_rules stop;  /* early stopping; empty or led by `none`: off */
    char *stop_metric;       /* what it looks at; the objective's by default */
    enum goal stop_goal;     /* … and which way is better there */
    uint64_t seed;           /* drawn from the name's hash when not given */
    struct budget budget;
    struct run_options run;
    struct metric_source *metrics;
    size_t metrics_len;
    double *enqueued; /* points to try first, enqueued_len rows of space->len */
    size_t enqueued_len;
    struct tag *tags;
    size_t tags_len;
};

/* Everything parsing may depend on besides the bytes. */
struct sweep_spec_input {
    const char *text; /* the sweep file */
    size_t text_len;
    const char *source;    /* its name, for messages */
    const char *mlproject; /* bytes of the project's MLproject file, NULL: none */
    size_t mlproject_len;
    const char *mlproject_source;
    const struct sampler_registry *samplers;
    const struct pruner_registry *pruners;
    bool command_optional; /* ask-tell: no command, project or bound needed */
};

/* Parses and checks. Every error is `file:line:col: what, what was expected, nearest`.
 */
MUST_USE
enum err_code sweep_spec_parse(const struct sweep_spec_input *input,
                               struct sweep_spec **spec_out,
                               struct err *err);

/* The folder named by project.path in the text, without checking the rest; "." when the
 * file does not say. The caller reads MLproject there before sweep_spec_parse. */
MUST_USE
enum err_code sweep_spec_project_path(
    const char *text, size_t len, const char *source, char **path_out, struct err *err);

void sweep_spec_destroy(struct sweep_spec *spec);

/* Appends the spec as a canonical sweep file with all defaults: equal specs print equal
 * bytes, and parsing the print gives an equal spec. */
void sweep_spec_print(const struct sweep_spec *spec, struct strbuf *out);

/* Appends just `space` and `forbid` of that print, or just `enqueue`. */
void sweep_spec_print_space(const struct sweep_spec *spec, struct strbuf *out);
void sweep_spec_print_enqueue(const struct sweep_spec *spec, struct strbuf *out);

/* Appends the dotted keys in which a and b differ ("budget.trials, space.C"), and
 * returns how many there are; 0 means the same sweep. */
size_t sweep_spec_diff(const struct sweep_spec *a,
                       const struct sweep_spec *b,
                       struct strbuf *keys);

/* True when a rule of early stopping is in force. */
bool sweep_spec_stops(const struct sweep_spec *spec);

/* Number of trials the sweep will try, or a bound of it where conditions and forbidden
 * points make a finite space smaller: the lesser of the budget and what the sampler can
 * give; 0 when only time bounds it. */
uint64_t sweep_spec_trials(const struct sweep_spec *spec);

/* True when value a is better than b for this objective. NaN is worse than anything. */
bool objective_better(const struct objective *objective, double a, double b);

const char *goal_name(enum goal goal);
const char *objective_read_name(enum objective_read read);

#endif
