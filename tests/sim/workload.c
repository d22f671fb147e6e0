/* SPDX-License-Identifier: Apache-2.0 */
/* workload.c – users, simulated.
 * Owns the sweep files and what their submitter has heard. Knows the sweep-file format
 * and steering. Does not know what happens inside. */
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

struct sweep_file {
    char name[16];
    char *text;
    int64_t grace_ms, time_limit_ms;
    uint64_t token; /* of the newest submission */
    bool answered;
    uint32_t resumes;
};

struct workload {
    size_t len;
    struct sweep_file files[SWEEPS_MAX];
};

/* ---- sweep files ---- */

static void add_space(struct strbuf *text, struct rng *rng, bool grid)
{
    if (grid) {
        strbuf_adds(text, "space:\n  a: [1, 3, 5, 7]\n  b: {int: [0, ");
        strbuf_addf(text, "%d]}\n", (int)rng_between(rng, 1, 6));
        if (rng_chance(rng, 0.5)) {
            strbuf_adds(text, "  c: {choice: [x, y], when: a > 3}\n");
        }
    } else {
        strbuf_adds(text, "space:\n  a: {float: [0, 1]}\n  b: {int: [0, 9]}\n");
    }
    strbuf_addf(text, "search: {sampler: %s, seed: %d}\n", grid ? "grid" : "random",
                (int)rng_between(rng, 0, 99));
}

static void add_budget(struct strbuf *text, struct rng *rng, bool grid)
{
    strbuf_adds(text, "budget: {failures: {max: 100%, first: ");
    strbuf_adds(text, rng_chance(rng, 0.15) ? "3}" : "1000}");
    bool trials = !grid || rng_chance(rng, 0.3);
    bool timed = !trials && rng_chance(rng, 0.2);
    if (trials) {
        strbuf_addf(text, ", trials: %d", (int)rng_between(rng, 1, 60));
    }
    if (timed) {
        strbuf_addf(text, ", time: %ds", (int)rng_between(rng, 30, 900));
    }
    if (rng_chance(rng, 0.15)) {
        strbuf_adds(text, ", target: 0.97");
    }
    strbuf_adds(text, "}\n");
}

static void add_run(struct sweep_file *file, struct strbuf *text, struct rng *rng)
{
    file->grace_ms = rng_between(rng, 1, 5) * MS_PER_S;
    file->time_limit_ms = rng_between(rng, 20, 60) * MS_PER_S;
    strbuf_addf(text, "run:\n  grace: %ds\n  time_limit: %ds\n",
                (int)(file->grace_ms / MS_PER_S),
                (int)(file->time_limit_ms / MS_PER_S));
    if (rng_chance(rng, 0.5)) {
        strbuf_addf(text, "  parallel: %d\n", (int)rng_between(rng, 1, 6));
    }
    if (rng_chance(rng, 0.25)) {
        strbuf_addf(text, "  resources: {cpus: 1, gpus: %d}\n",
                    (int)rng_between(rng, 1, 2));
    }
    strbuf_addf(text, "  retry: {failed: %d, lost: %d, timeout: %d, backoff: %ds}\n",
                (int)rng_between(rng, 0, 2), (int)rng_between(rng, 2, 10),
                (int)rng_between(rng, 0, 1),
                rng_chance(rng, 0.5) ? 0 : (int)rng_between(rng, 1, 40));
}

static void file_make(struct sim *sim, struct sweep_file *file, size_t number)
{
    static const char *const reads[] = { "last", "best", "min", "max" };
    struct rng rng = sim_stream(sim, "sweep", number);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(4096);
    int len = snprintf(file->name, sizeof file->name, "sweep-%zu", number);
    ASSERT(len > 0);
    bool grid = rng_chance(&rng, 0.5);
    strbuf_addf(&text, "sweep: 1\nname: %s\ncommand: 'true {a}'\n", file->name);
    strbuf_addf(&text, "objective: {metric: acc, goal: %s, read: %s}\n",
                rng_chance(&rng, 0.5) ? "max" : "min", reads[rng_below(&rng, 4)]);
    add_space(&text, &rng, grid);
    add_budget(&text, &rng, grid);
    add_run(file, &text, &rng);
    if (rng_chance(&rng, 0.2)) {
        strbuf_adds(&text, "enqueue: [{a: 1, b: 1}]\n");
    }
    file->text = strbuf_take(&text);
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
    }
    mem_free(workload);
}

struct agent_ev_sweep
workload_sweep_event(const struct sim *sim, const char *name, uint32_t sweep)
{
    struct agent_ev_sweep event = { .sweep = sweep, .revision = 1 };
    for (size_t i = 0; i < sim->workload->len; i++) {
        const struct sweep_file *file = &sim->workload->files[i];
        if (strcmp(file->name, name) == 0) {
            event.grace_ms = file->grace_ms;
            event.time_limit_ms = file->time_limit_ms;
        }
    }
    return event;
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

void workload_steer(struct sim *sim, struct rng *rng)
{
    size_t index = (size_t)rng_below(rng, sim->workload->len);
    double draw = rng_uniform(rng);
    bool drain = rng_chance(rng, 0.5);
    enum steer_verb verb = draw < 0.5   ? STEER_PAUSE
                           : draw < 0.8 ? STEER_RESUME
                           : draw < 0.9 ? STEER_RETRY
                                        : STEER_STOP;
    if (sim->workload->files[index].answered) {
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
