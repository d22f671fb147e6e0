/* SPDX-License-Identifier: Apache-2.0 */
/* workload.c – users, simulated.
 * Owns the sweep files and what their submitter has heard. Knows the sweep-file format,
 * steering and editing. Does not know what happens inside. */
#include "tests/sim/workload.h"

#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine.h"
#include "tests/sim/coord.h"

#define SWEEPS_MAX 3u
/* A submitter that hears nothing sends again. */
#define SUBMIT_AGAIN_MS 10000
/* A sweep that pauses itself is resumed so often before that counts as rest. */
#define RESUMES_MAX  20u
#define CALM_LOOK_MS 30000

/* What of a sweep file an edit may change. */
struct knobs {
    double a_low, a_high; /* of the float; not of a grid */
    int b_low, b_high;
    bool e;           /* one more parameter */
    int trials;       /* budget; 0: none */
    int grace, limit; /* seconds */
    int parallel;     /* 0: all */
    int gpus;
};

struct sweep_file {
    char name[16];
    char *text;   /* as it was sent first, or edited last */
    bool grid, c; /* c: the grid's third parameter */
    bool enqueues;
    char *head;           /* everything else */
    char *budget, *retry; /* the rest of these sections */
    struct knobs knobs;
    const char *checkpoint; /* of `run`; NULL: none */
    const char *stop;       /* NULL: none */
    uint64_t token;         /* of the newest submission */
    bool answered;
    uint32_t resumes;
};

struct workload {
    size_t len;
    struct sweep_file files[SWEEPS_MAX];
};

/* ---- sweep files ---- */

static void add_space(const struct sweep_file *file, struct strbuf *text)
{
    const struct knobs *knobs = &file->knobs;
    if (file->grid) {
        strbuf_adds(text, "space:\n  a: [1, 3, 5, 7]\n");
    } else {
        strbuf_addf(text, "space:\n  a: {float: [%g, %g]}\n", knobs->a_low,
                    knobs->a_high);
    }
    strbuf_addf(text, "  b: {int: [%d, %d]}\n", knobs->b_low, knobs->b_high);
    if (file->c) {
        strbuf_adds(text, "  c: {choice: [x, y], when: a > 3}\n");
    }
    if (knobs->e) {
        strbuf_adds(text, "  e: {int: [1, 3]}\n");
    }
}

/* The file as the knobs stand. */
static char *file_text(const struct sweep_file *file)
{
    const struct knobs *knobs = &file->knobs;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(4096);
    strbuf_adds(&text, file->head);
    add_space(file, &text);
    strbuf_addf(&text, "budget: {%s", file->budget);
    if (knobs->trials > 0) {
        strbuf_addf(&text, ", trials: %d", knobs->trials);
    }
    strbuf_addf(&text, "}\nrun:\n  grace: %ds\n  time_limit: %ds\n  retry: {%s}\n",
                knobs->grace, knobs->limit, file->retry);
    if (knobs->parallel > 0) {
        strbuf_addf(&text, "  parallel: %d\n", knobs->parallel);
    }
    if (knobs->gpus > 0) {
        strbuf_addf(&text, "  resources: {cpus: 1, gpus: %d}\n", knobs->gpus);
    }
    if (file->checkpoint != NULL) {
        strbuf_addf(&text, "  checkpoint: %s\n", file->checkpoint);
    }
    if (file->stop != NULL) {
        strbuf_addf(&text, "stop: %s\n", file->stop);
    }
    bool fits = knobs->a_high == 1.0 && knobs->b_low <= 1 && !knobs->e;
    if (file->enqueues && fits) {
        strbuf_adds(&text, "enqueue: [{a: 1, b: 1}]\n");
    }
    return strbuf_take(&text);
}

static void make_budget(struct sweep_file *file, struct rng *rng)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(256);
    strbuf_adds(&text, "failures: {max: 100%, first: ");
    strbuf_adds(&text, rng_chance(rng, 0.15) ? "3}" : "1000}");
    bool trials = !file->grid || rng_chance(rng, 0.3);
    bool timed = !trials && rng_chance(rng, 0.2);
    if (trials) {
        file->knobs.trials = (int)rng_between(rng, 1, 60);
    }
    if (timed) {
        strbuf_addf(&text, ", time: %ds", (int)rng_between(rng, 30, 900));
    }
    if (rng_chance(rng, 0.15)) {
        strbuf_adds(&text, ", target: 0.97");
    }
    file->budget = strbuf_take(&text);
}

static void make_run(struct sweep_file *file, struct rng *rng)
{
    file->knobs.grace = (int)rng_between(rng, 1, 5);
    file->knobs.limit = (int)rng_between(rng, 20, 60);
    if (rng_chance(rng, 0.5)) {
        file->knobs.parallel = (int)rng_between(rng, 1, 6);
    }
    if (rng_chance(rng, 0.4)) {
        file->knobs.gpus = (int)rng_between(rng, 1, 2);
    }
    file->retry = mem_printf("failed: %d, lost: %d, timeout: %d, backoff: %ds",
                             (int)rng_between(rng, 0, 2), (int)rng_between(rng, 2, 10),
                             (int)rng_between(rng, 0, 1),
                             rng_chance(rng, 0.5) ? 0 : (int)rng_between(rng, 1, 40));
}

/* From a stream of its own, so that the rest of a file does not depend on it. */
static void make_checkpoint(struct sim *sim, struct sweep_file *file, size_t number)
{
    struct rng rng = sim_stream(sim, "checkpoint", number);
    if (rng_chance(&rng, 0.4)) {
        file->checkpoint = rng_chance(&rng, 0.7) ? "local" : "{path: /shared}";
    }
}

/* From a stream of its own too. */
static const char *
make_sampler(struct sim *sim, const struct sweep_file *file, size_t number)
{
    static const char *const names[] = { "random", "random", "qmc", "tpe" };
    struct rng rng = sim_stream(sim, "sampler", number);
    return file->grid ? "grid" : names[rng_below(&rng, ARRAY_LEN(names))];
}

static const char *draw_stop(struct rng *rng)
{
    static const char *const rules[] = {
        "{pruner: asha, min: 1, eta: 2}",
        "{pruner: asha, min: 0, eta: 3}",
        "{pruner: asha, min: 2, eta: 2, max: 8, bootstrap: 1, metric: loss, goal: min}",
        "{pruner: median, startup_trials: 2}",
        "{pruner: percentile, percentile: 80, startup_trials: 1, metric: loss, goal: "
        "max}",
        "{pruner: patience, patience: 2}",
        "{pruner: patience, patience: 1, then: {pruner: median, startup_trials: 1}}",
        "{pruner: hyperband, min: 1, max: 12, eta: 2}",
        "{pruner: any, of: [{pruner: threshold, lower: 0.1}, {pruner: asha, eta: 3}]}",
    };
    return rules[rng_below(rng, ARRAY_LEN(rules))];
}

/* From a stream of its own too. Not beside checkpoints: what a superseded attempt says
 * late counts by the order in which it came, which a store does not keep. */
static void make_stop(struct sim *sim, struct sweep_file *file, size_t number)
{
    struct rng rng = sim_stream(sim, "stop", number);
    if (file->checkpoint == NULL && rng_chance(&rng, 0.4)) {
        file->stop = draw_stop(&rng);
    }
}

static void file_make(struct sim *sim, struct sweep_file *file, size_t number)
{
    static const char *const reads[] = { "last", "best", "min", "max" };
    struct rng rng = sim_stream(sim, "sweep", number);
    int len = snprintf(file->name, sizeof file->name, "sweep-%zu", number);
    ASSERT(len > 0);
    file->grid = rng_chance(&rng, 0.5);
    file->knobs = (struct knobs){ .a_high = 1, .b_high = 9 };
    if (file->grid) {
        file->knobs.b_high = (int)rng_between(&rng, 1, 6);
        file->c = rng_chance(&rng, 0.5);
    }
    file->head = mem_printf("sweep: 1\nname: %s\ncommand: 'true {a}'\n"
                            "objective: {metric: acc, goal: %s, read: %s}\n"
                            "search: {sampler: %s, seed: %d}\n",
                            file->name, rng_chance(&rng, 0.5) ? "max" : "min",
                            reads[rng_below(&rng, 4)], make_sampler(sim, file, number),
                            (int)rng_between(&rng, 0, 99));
    make_budget(file, &rng);
    make_run(file, &rng);
    make_checkpoint(sim, file, number);
    make_stop(sim, file, number);
    file->enqueues = rng_chance(&rng, 0.2);
    file->text = file_text(file);
}

struct workload *workload_create(struct sim *sim)
{
    struct workload *workload = mem_alloc(sizeof *workload);
    workload->len = sim->plan.sweeps;
    for (size_t i = 0; i < workload->len; i++) {
        file_make(sim, &workload->files[i], i);
    }
    return workload;
}

void workload_destroy(struct workload *workload)
{
    for (size_t i = 0; i < workload->len; i++) {
        mem_free(workload->files[i].text);
        mem_free(workload->files[i].head);
        mem_free(workload->files[i].budget);
        mem_free(workload->files[i].retry);
    }
    mem_free(workload);
}

/* "…KEY: 7s…" as 7000. */
static int64_t seconds_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    ASSERT(at != NULL);
    int64_t seconds = 0;
    for (at += strlen(key); *at >= '0' && *at <= '9'; at++) {
        seconds = 10 * seconds + (*at - '0');
    }
    return seconds * MS_PER_S;
}

struct agent_ev_sweep workload_sweep_event(const struct msg_sweep *message)
{
    return (struct agent_ev_sweep){
        .sweep = message->sweep,
        .revision = message->revision,
        .grace_ms = seconds_after(message->spec, "grace: "),
        .time_limit_ms = seconds_after(message->spec, "time_limit: "),
        .checkpoints = strstr(message->spec, "checkpoint: ") != NULL,
    };
}

/* ---- submitting ---- */

static void on_submit(struct sim *sim, uint64_t index, uint64_t unused)
{
    struct sweep_file *file = &sim->workload->files[index];
    if (file->answered) {
        return;
    }
    file->token = file->token + 1;
    TRACE(sim, "sweep file %llu is submitted, time %llu", index, file->token);
    coord_submit(sim, (index + 1) << 8 | file->token, file->text, (uint8_t)index + 1);
    struct rng rng = sim_stream(sim, "impatience", index << 8 | file->token);
    sim_in_ms(sim, rng_chance(&rng, 0.2) ? 5 : SUBMIT_AGAIN_MS, on_submit, index,
              unused);
}

void workload_start(struct sim *sim)
{
    struct rng rng = sim_stream(sim, "submit", 0);
    for (size_t i = 0; i < sim->workload->len; i++) {
        sim_in_ms(sim, rng_between(&rng, 0, i == 0 ? 2000 : 60000), on_submit, i, 0);
    }
}

void workload_reply(struct sim *sim,
                    uint64_t token,
                    enum err_code code,
                    const char *text)
{
    struct sweep_file *file = &sim->workload->files[(token >> 8) - 1];
    TRACE(sim, "submission %llx is answered, code %llu", token, code);
    SIM_CHECK(sim, code == ERR_OK, "submission refused: %s", text);
    file->answered = true;
}

/* ---- steering ---- */

/* Turns one knob, or two. A grid's space is tried too: that edit must be refused. */
static void turn(struct sweep_file *file, struct rng *rng)
{
    struct knobs *knobs = &file->knobs;
    switch (rng_below(rng, 7)) {
    case 0:
    case 1:
        if (knobs->trials > 0) {
            knobs->trials = (int)rng_between(rng, 1, 60);
        }
        return;
    case 2:
        knobs->parallel = (int)rng_between(rng, 0, 6);
        return;
    case 3:
        knobs->grace = (int)rng_between(rng, 1, 5);
        knobs->limit = (int)rng_between(rng, 20, 60);
        return;
    case 4:
        knobs->a_low = (double)rng_between(rng, 0, 5) / 10;
        knobs->a_high = (double)rng_between(rng, 6, 10) / 10;
        knobs->b_low = (int)rng_between(rng, 0, 3);
        knobs->b_high = (int)rng_between(rng, 4, 9);
        return;
    case 5:
        knobs->e = !knobs->e;
        return;
    default:
        knobs->gpus = (int)rng_between(rng, 0, 2);
        return;
    }
}

static void edit(struct sim *sim, struct sweep_file *file, struct rng *rng)
{
    struct knobs before = file->knobs;
    bool resume = rng_chance(rng, 0.3);
    turn(file, rng);
    if (rng_chance(rng, 0.3)) {
        turn(file, rng);
    }
    struct rng other = sim_stream(sim, "stop edited", (uint64_t)sim->now_ns);
    if (file->checkpoint == NULL && rng_chance(&other, 0.2)) {
        file->stop = rng_chance(&other, 0.3) ? NULL : draw_stop(&other);
    }
    char *text = file_text(file);
    coord_edit(sim, file->name, text, resume);
    if (file->grid) { /* refused if the space was touched; then all of it is */
        bool space = before.b_low != file->knobs.b_low
                     || before.b_high != file->knobs.b_high
                     || before.e != file->knobs.e;
        file->knobs = space ? before : file->knobs;
    }
    mem_free(file->text);
    file->text = text;
}

void workload_steer(struct sim *sim, struct rng *rng)
{
    size_t index = (size_t)rng_below(rng, sim->workload->len);
    double draw = rng_uniform(rng);
    bool drain = rng_chance(rng, 0.5);
    enum steer_verb verb = draw < 0.5   ? STEER_PAUSE
                           : draw < 0.8 ? STEER_RESUME
                           : draw < 0.9 ? STEER_RETRY
                                        : STEER_STOP;
    bool answered = sim->workload->files[index].answered;
    if (answered && rng_chance(rng, 0.4)) {
        TRACE(sim, "sweep file %llu is edited", index);
        edit(sim, &sim->workload->files[index], rng);
    } else if (answered) {
        TRACE(sim, "sweep file %llu is steered, verb %llu, drain %llu", index, verb,
              drain);
        coord_steer(sim, verb, sim->workload->files[index].name,
                    drain && (verb == STEER_STOP || verb == STEER_RETRY));
    }
}

static bool find(const struct sim *sim, size_t index, struct sweep_summary *summary)
{
    const struct engine *engine = coord_engine(sim->coord);
    uint32_t key = 0;
    if (engine == NULL
        || engine_find_sweep(engine, sim->workload->files[index].name, &key, NULL)
               != ERR_OK) {
        return false;
    }
    engine_summary(engine, key, summary);
    return true;
}

static void on_calm_look(struct sim *sim, uint64_t a, uint64_t b)
{
    for (size_t i = 0; i < sim->workload->len; i++) {
        struct sweep_file *file = &sim->workload->files[i];
        struct sweep_summary summary;
        if (find(sim, i, &summary) && summary.state == SWEEP_PAUSED
            && file->resumes < RESUMES_MAX) {
            file->resumes++;
            coord_steer(sim, STEER_RESUME, file->name, false);
        }
    }
    sim_in_ms(sim, CALM_LOOK_MS, on_calm_look, a, b);
}

void workload_calm(struct sim *sim)
{
    on_calm_look(sim, 0, 0);
}

bool workload_at_rest(struct sim *sim)
{
    for (size_t i = 0; i < sim->workload->len; i++) {
        const struct sweep_file *file = &sim->workload->files[i];
        struct sweep_summary summary;
        if (!file->answered || !find(sim, i, &summary)) {
            return false;
        }
        bool given_up = summary.state == SWEEP_PAUSED && file->resumes == RESUMES_MAX;
        if (!sweep_state_is_final(summary.state) && !given_up) {
            return false;
        }
    }
    return true;
}

void workload_explain(struct sim *sim)
{
    for (size_t i = 0; i < sim->workload->len; i++) {
        struct sweep_summary summary;
        if (!find(sim, i, &summary)) {
            fprintf(stderr, "%s: unknown\n", sim->workload->files[i].name);
            continue;
        }
        fprintf(stderr, "%s: %s (%s), %u queued, %u running, %u finished, %u failed\n",
                summary.name, sweep_state_name(summary.state),
                summary.cause != NULL ? summary.cause : "-",
                summary.counts[TRIAL_QUEUED], summary.counts[TRIAL_RUNNING],
                summary.counts[TRIAL_FINISHED], summary.counts[TRIAL_FAILED]);
    }
}
