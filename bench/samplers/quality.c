/* SPDX-License-Identifier: Apache-2.0 */
/* quality.c – best values found after so many trials, for each problem and seed.
 * Owns the trials that are open in a run. Knows when they end. Does not know samplers.
 *
 * With P outstanding, P trials are asked for first; then each end is followed by the
 * next question, as P workers would do it. Trials end in the order they began, or after
 * random times. With noise the sampler is told what one training seed gave, and judged
 * by the mean of the point it would choose: the one it was told the best value of. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "bench/samplers/bench.h"

static const uint64_t marks[] = { 25, 50, 100, 200, 400, 800 };

struct worker {
    uint32_t trial;
    double until; /* when it ends */
};

struct run {
    const struct bench *bench;
    const struct problem *problem;
    uint64_t seed;
    struct study *study;
    struct worker *workers; /* open trials */
    size_t workers_len;
    double now;
    bool exhausted;
    double best_told;            /* least value told so far … */
    double best;                 /* … and what that point is worth */
    double at[ARRAY_LEN(marks)]; /* best at each mark */
};

static void start(struct run *run)
{
    const struct bench *bench = run->bench;
    struct err err = { 0 };
    uint32_t trial = 0;
    enum err_code code = study_ask(run->study, &trial, &err);
    if (code == ERR_NOTFOUND) {
        run->exhausted = true;
        return;
    }
    bench_must(code, &err);
    struct rng rng = rng_stream(run->seed, trial, STR_LIT("duration"), RNG_TEST);
    double duration = bench->random_order ? 0.5 + rng_uniform(&rng) : 1.0;
    run->workers[run->workers_len++] =
        (struct worker){ .trial = trial, .until = run->now + duration };
}

/* Ends the trial that is due; the earliest asked of equals. */
static void finish(struct run *run)
{
    size_t due = 0;
    for (size_t i = 1; i < run->workers_len; i++) {
        const struct worker *a = &run->workers[i];
        const struct worker *b = &run->workers[due];
        if (a->until < b->until || (a->until == b->until && a->trial < b->trial)) {
            due = i;
        }
    }
    struct worker worker = run->workers[due];
    run->workers[due] = run->workers[--run->workers_len];
    run->now = worker.until;
    const double *x = study_point(run->study, worker.trial);
    struct rng rng = rng_stream(run->seed, worker.trial, STR_LIT("noise"), RNG_TEST);
    double told = run->bench->noise ? problem_noisy(run->problem, x, rng_u64(&rng))
                                    : problem_value(run->problem, x);
    struct err err = { 0 };
    bench_must(study_tell(run->study, worker.trial, told, &err), &err);
    if (told < run->best_told) {
        run->best_told = told;
        run->best = problem_value(run->problem, x);
    }
}

static void run_once(struct run *run)
{
    const struct bench *bench = run->bench;
    uint64_t told = 0;
    size_t mark = 0;
    run->study = bench_study(bench, run->problem->space, run->seed);
    run->workers = mem_alloc_array(bench->outstanding, sizeof *run->workers);
    run->best_told = HUGE_VAL;
    run->best = HUGE_VAL;
    while (told < bench->trials) {
        while (run->workers_len < bench->outstanding && !run->exhausted
               && told + run->workers_len < bench->trials) {
            start(run);
        }
        if (run->workers_len > 0) {
            finish(run);
        }
        told++;
        if (mark < ARRAY_LEN(marks) && told == marks[mark]) {
            run->at[mark++] = run->best;
        }
    }
    study_destroy(run->study);
    mem_free(run->workers);
}

static void print_problem(const struct bench *bench, const struct problem *problem)
{
    size_t seeds = (size_t)(bench->seed_last - bench->seed_first + 1);
    struct run *AUTO_FREE runs = mem_alloc_array(seeds, sizeof *runs);
    for (size_t i = 0; i < seeds; i++) {
        runs[i] = (struct run){ .bench = bench,
                                .problem = problem,
                                .seed = bench->seed_first + i };
        run_once(&runs[i]);
    }
    printf("\"%s\": {\"%s\": {\"seeds\": %zu, \"least\": %.17g, \"best\": {",
           problem->name, bench->label, seeds, problem->least);
    for (size_t m = 0; m < ARRAY_LEN(marks) && marks[m] <= bench->trials; m++) {
        printf("%s\"%llu\": [", m == 0 ? "" : ", ", (unsigned long long)marks[m]);
        for (size_t i = 0; i < seeds; i++) {
            char text[NUM_TEXT_SIZE]; /* Python reads NaN and Infinity */
            (void)num_format_f64(runs[i].at[m], text);
            printf("%s%s", i == 0 ? "" : ", ", text);
        }
        printf("]");
    }
    printf("}}}");
    fflush(stdout);
}

static bool is_wanted(const struct bench *bench, const char *name)
{
    struct str rest = str_from(bench->only);
    struct str part = { 0 };
    while (str_split_next(&rest, ',', &part)) {
        if (str_eq_c(part, name)) {
            return true;
        }
    }
    return bench->only == NULL;
}

void bench_quality(const struct bench *bench)
{
    bool first = true;
    printf("{");
    for (size_t i = 0; i < bench->problems.len; i++) {
        const struct problem *problem = &bench->problems.all[i];
        if (is_wanted(bench, problem->name)) {
            printf("%s\n", first ? "" : ",");
            first = false;
            print_problem(bench, problem);
        }
    }
    printf("\n}\n");
}
