/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h – a whole cluster in one process under a virtual clock.
 *
 * The engine, the outbox, the agents' core and the samplers are the real ones; clocks,
 * network, disk, processes and users are models. Everything random comes from streams
 * of base/rng.h named by the seed, and everything that happens is an entry of one heap
 * ordered by (time, order of making), so a seed gives the same run on every machine.
 *
 * Times are virtual nanoseconds (`_ns`) or milliseconds (`_ms`). Nodes, links and
 * processes are named by numbers, never by addresses.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/heap.h"
#include "base/rng.h"
#include "base/times.h"
#include "base/vec.h"
#include "tests/sim/folder.h"
#include "tests/sim/plan.h"

struct coord;
struct frames;
struct net;
struct node;
struct oracle;
struct proc;
struct sim;
struct workload;

/* What happens at a moment; a and b are the maker's. */
typedef void (*sim_fn)(struct sim *sim, uint64_t a, uint64_t b);

struct timer {
    struct heap_node node;
    sim_fn fn;
    uint64_t a, b;
};

/* One line of the trace, printed only when somebody wants to read it. */
struct trace_line {
    int64_t now_ns;
    const char *format; /* six %llu at most */
    uint64_t args[6];
};

#define TRACE_LINES 128u

struct trace {
    struct trace_line lines[TRACE_LINES];
    uint64_t count; /* lines ever written */
    uint64_t hash;  /* of all of them */
    FILE *verbose;  /* every line goes there too; NULL: none */
};

struct sim_totals {
    uint64_t steps;  /* of engines and agents */
    uint64_t faults; /* injected */
    uint64_t trials; /* created */
    uint64_t attempts;
    uint64_t points; /* committed */
    uint64_t commits;
    uint64_t restarts; /* of the coordinator */
    uint64_t asides;   /* agents set aside */
    uint64_t stops;    /* by a rule */
    int64_t virtual_ms;
};

struct sim {
    uint64_t seed;
    struct plan plan;
    int64_t now_ns;
    struct heap timers;
    uint64_t timers_made;
    bool calm; /* faults have ceased */
    bool done;
    struct coord *coord;
    struct net *net;
    struct frames *frames; /* NULL: messages are handed over as they are */
    VEC(struct node *) nodes;
    VEC(struct proc *) procs; /* of all nodes, ever */
    struct folders shared;    /* checkpoints that every node sees */
    struct workload *workload;
    struct oracle *oracle;
    struct trace trace;
    struct sim_totals totals;
    /* How it failed. */
    jmp_buf failed;
    char failure[512];
};

/* Runs one seed. False when an invariant did not hold: sim->failure says which. The sim
 * must be zeroed; what a failed run allocated is not freed. */
bool sim_run(struct sim *sim, uint64_t seed, uint32_t faults_mask, FILE *verbose);
void sim_print_trace(const struct sim *sim, FILE *file, size_t lines);

/* fn is called delay_ms from now. */
void sim_in_ms(struct sim *sim, int64_t delay_ms, sim_fn fn, uint64_t a, uint64_t b);
void sim_in_ns(struct sim *sim, int64_t delay_ns, sim_fn fn, uint64_t a, uint64_t b);
int64_t sim_now_ms(const struct sim *sim);

/* An invariant does not hold: ends the run. */
NORETURN
void sim_fail(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
#define SIM_CHECK(sim, cond, ...) ((cond) ? (void)0 : sim_fail((sim), __VA_ARGS__))

/* A line of the trace; up to six numbers, cast to uint64_t. */
void sim_trace(struct sim *sim, const char *format, const uint64_t *args, size_t len);
#define TRACE(sim, format, ...)                                                        \
    sim_trace((sim), (format), (const uint64_t[]){ __VA_ARGS__ },                      \
              sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* ---- chance ---- */

/* The stream `name` of this seed. */
struct rng sim_stream(const struct sim *sim, const char *name, uint64_t number);
/* Uniform in [low, high]. */
int64_t rng_between(struct rng *rng, int64_t low, int64_t high);
bool rng_chance(struct rng *rng, double probability);

/* faults.c: makes them happen until the plan's end, then mends everything. */
void faults_start(struct sim *sim);

#endif
