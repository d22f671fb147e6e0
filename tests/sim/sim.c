/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c – the virtual clock, chance, the trace and the run of one seed.
 * Owns the heap of what is to happen. Knows the other parts by their beginnings and
 * ends. Does not know what they do. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "tests/sim/coord.h"
#include "tests/sim/frames.h"
#include "tests/sim/net.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"
#include "tests/sim/workload.h"

/* A run that is not at rest so long after the last fault never will be. */
#define LIVENESS_MS ((int64_t)14 * 3600 * MS_PER_S)
/* More happens in no healthy run: something chases its own tail. */
#define TIMERS_MAX 20000000u

/* The run that an assertion inside the real code ends; assert.h has no context. */
static struct sim *running;

/* ---- the clock ---- */

void sim_in_ns(struct sim *sim, int64_t delay_ns, sim_fn fn, uint64_t a, uint64_t b)
{
    struct timer *timer = mem_alloc(sizeof *timer);
    timer->fn = fn;
    timer->a = a;
    timer->b = b;
    timer->node.tie = ++sim->timers_made;
    heap_push(&sim->timers, &timer->node, sim->now_ns + (delay_ns > 0 ? delay_ns : 0));
}

void sim_in_ms(struct sim *sim, int64_t delay_ms, sim_fn fn, uint64_t a, uint64_t b)
{
    sim_in_ns(sim, delay_ms * NS_PER_MS, fn, a, b);
}

int64_t sim_now_ms(const struct sim *sim)
{
    return sim->now_ns / NS_PER_MS;
}

static struct timer *timer_pop(struct sim *sim)
{
    struct heap_node *node = heap_min(&sim->timers);
    if (node == NULL) {
        return NULL;
    }
    struct timer *timer = container_of(node, struct timer, node);
    heap_remove(&sim->timers, node);
    return timer;
}

/* ---- chance ---- */

struct rng sim_stream(const struct sim *sim, const char *name, uint64_t number)
{
    return rng_stream(sim->seed, number, str_from(name), RNG_TEST);
}

int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
    ASSERT(low <= high);
    return low + (int64_t)rng_below(rng, (uint64_t)(high - low) + 1);
}

bool rng_chance(struct rng *rng, double probability)
{
    return rng_uniform(rng) < probability;
}

/* ---- the trace ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static void line_print(const struct trace_line *line, FILE *file)
{
    char text[256];
    const uint64_t *a = line->args;
    int len = -1;
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif
    len = snprintf(text, sizeof text, line->format, a[0], a[1], a[2], a[3], a[4], a[5]);
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
    if (len > 0) {
        fprintf(file, "%12.3f %s\n", (double)line->now_ns / 1e9, text);
    }
}

void sim_trace(struct sim *sim, const char *format, const uint64_t *args, size_t len)
{
    struct trace *trace = &sim->trace;
    struct trace_line *line = &trace->lines[trace->count++ % TRACE_LINES];
    ASSERT(len <= ARRAY_LEN(line->args));
    *line = (struct trace_line){ .now_ns = sim->now_ns, .format = format };
    trace->hash = mix(trace->hash, (uint64_t)sim->now_ns);
    for (const char *p = format; *p != '\0'; p++) {
        trace->hash = (trace->hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < len; i++) {
        line->args[i] = args[i];
        trace->hash = mix(trace->hash, args[i]);
    }
    if (trace->verbose != NULL) {
        line_print(line, trace->verbose);
    }
}

void sim_print_trace(const struct sim *sim, FILE *file, size_t lines)
{
    uint64_t count = sim->trace.count;
    uint64_t kept = count < TRACE_LINES ? count : TRACE_LINES;
    uint64_t n = lines < kept ? lines : kept;
    for (uint64_t i = count - n; i < count; i++) {
        line_print(&sim->trace.lines[i % TRACE_LINES], file);
    }
}

/* ---- failing ---- */

void sim_fail(struct sim *sim, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    IGNORE_ERR(vsnprintf(sim->failure, sizeof sim->failure, format, args) < 0,
               "cut is fine");
    va_end(args);
    longjmp(sim->failed, 1);
}

static void on_assert(const char *expr, const char *file, int line)
{
    if (running != NULL) {
        sim_fail(running, "assertion '%s' at %s:%d", expr, file, line);
    }
}

/* ---- one seed ---- */

static void sim_fini(struct sim *sim)
{
    struct timer *timer = NULL;
    while ((timer = timer_pop(sim)) != NULL) {
        mem_free(timer);
    }
    heap_fini(&sim->timers);
    coord_destroy(sim->coord);
    nodes_destroy(sim);
    net_destroy(sim->net);
    frames_destroy(sim->frames);
    workload_destroy(sim->workload);
    oracle_destroy(sim->oracle);
}

static void sim_start(struct sim *sim)
{
    sim->now_ns = 1000 * NS_PER_MS;
    sim->oracle = oracle_create();
    sim->workload = workload_create(sim);
    sim->net = net_create(sim);
    sim->frames = sim->plan.wire ? frames_create(sim) : NULL;
    sim->coord = coord_create(sim);
    nodes_create(sim);
    coord_start(sim);
    workload_start(sim);
    faults_start(sim);
}

static bool at_rest(struct sim *sim)
{
    return sim->calm && workload_at_rest(sim) && nodes_at_rest(sim)
           && coord_at_rest(sim->coord);
}

static void on_rest_look(struct sim *sim, uint64_t a, uint64_t b)
{
    coord_check_leases(sim);
    if (at_rest(sim)) {
        oracle_at_end(sim);
        coord_audit(sim);
        sim->done = true;
        return;
    }
    if (sim_now_ms(sim) > sim->plan.faults_ms + LIVENESS_MS) {
        workload_explain(sim);
        nodes_explain(sim);
        sim_fail(sim, "liveness: not at rest %lld s after the last fault",
                 (long long)(LIVENESS_MS / MS_PER_S));
    }
    sim_in_ms(sim, 1000, on_rest_look, a, b);
}

static void sim_loop(struct sim *sim)
{
    sim_in_ms(sim, 1000, on_rest_look, 0, 0);
    while (!sim->done) {
        struct timer *timer = timer_pop(sim);
        ASSERT(timer != NULL);
        ASSERT(timer->node.key >= sim->now_ns);
        struct timer due = *timer;
        mem_free(timer);
        sim->now_ns = due.node.key;
        due.fn(sim, due.a, due.b);
        SIM_CHECK(sim, sim->timers_made < TIMERS_MAX,
                  "liveness: %u things happened without coming to rest", TIMERS_MAX);
    }
}

bool sim_run(struct sim *sim, uint64_t seed, uint32_t faults_mask, FILE *verbose)
{
    sim->seed = seed;
    sim->trace.verbose = verbose;
    plan_make(sim, faults_mask);
    running = sim;
    assert_set_hook(on_assert);
    bool passed = false;
    if (setjmp(sim->failed) == 0) {
        sim_start(sim);
        sim_loop(sim);
        sim->totals.virtual_ms = sim_now_ms(sim);
        sim_fini(sim);
        passed = true;
    }
    sim->totals.virtual_ms = sim_now_ms(sim);
    assert_set_hook(NULL);
    if (!passed) {
        coord_abandon(sim->coord);
    }
    running = NULL;
    return passed;
}
