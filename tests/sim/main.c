/* SPDX-License-Identifier: Apache-2.0 */
/* main.c – winnow-sim: runs seeds of the simulation and says what did not hold.
 *
 *   winnow-sim --seed N [--verbose]      one seed; prints its hash
 *   winnow-sim --seeds A..B              many
 *     --without FAULT                    leave a kind of fault out (repeatable)
 *     --store                            a real SQLite store for every seed
 *     --wire                             messages as bytes for every seed
 *     --expect-caught                    succeed if one of the seeds fails
 *     --seconds S                        stop early after S seconds
 *
 * Owns the command line and the totals. Does not know what a run does. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/sys/clock.h"
#include "tests/sim/sim.h"

#define FAILURES_MAX 5u

struct options {
    uint64_t first, last;
    uint32_t mask;
    bool verbose, expect_caught, one;
    int64_t seconds;
};

struct results {
    uint64_t passed, failed;
    uint64_t caught_at;
    char caught[512];
    struct sim_totals totals;
};

static int usage(void)
{
    fprintf(stderr, "usage: winnow-sim [--seed N | --seeds A..B] [--verbose] "
                    "[--without FAULT] [--store] [--wire] [--expect-caught] [--seconds "
                    "S]\nfaults:");
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        fprintf(stderr, " %s", fault_name((enum fault)fault));
    }
    fprintf(stderr, "\n");
    return 2;
}

static bool parse_u64(const char *text, size_t len, uint64_t *out)
{
    return num_parse_u64((struct str){ text, len }, out) == ERR_OK;
}

static bool parse_range(const char *text, struct options *options)
{
    const char *dots = strstr(text, "..");
    return dots != NULL && parse_u64(text, (size_t)(dots - text), &options->first)
           && parse_u64(dots + 2, strlen(dots + 2), &options->last)
           && options->first <= options->last;
}

static bool leave_out(const char *name, struct options *options)
{
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        if (strcmp(name, fault_name((enum fault)fault)) == 0) {
            options->mask &= ~(UINT32_C(1) << fault);
            return true;
        }
    }
    return false;
}

/* Options that take a value; false: not one, or a wrong value. */
static bool parse_valued(const char *name, const char *value, struct options *options)
{
    uint64_t seconds = 0;
    if (value == NULL) {
        return false;
    }
    if (strcmp(name, "--seed") == 0) {
        options->one = true;
        bool ok = parse_u64(value, strlen(value), &options->first);
        options->last = options->first;
        return ok;
    }
    if (strcmp(name, "--seeds") == 0) {
        return parse_range(value, options);
    }
    if (strcmp(name, "--without") == 0) {
        return leave_out(value, options);
    }
    if (strcmp(name, "--seconds") == 0) {
        bool ok = parse_u64(value, strlen(value), &seconds) && seconds < 1000000;
        options->seconds = (int64_t)seconds;
        return ok;
    }
    return false;
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            options->verbose = true;
        } else if (strcmp(argv[i], "--store") == 0) {
            options->mask |= PLAN_STORE;
        } else if (strcmp(argv[i], "--wire") == 0) {
            options->mask |= PLAN_WIRE;
        } else if (strcmp(argv[i], "--expect-caught") == 0) {
            options->expect_caught = true;
        } else if (parse_valued(argv[i], i + 1 < argc ? argv[i + 1] : NULL, options)) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

/* ---- one seed ---- */

static void totals_add(struct sim_totals *sum, const struct sim_totals *add)
{
    sum->steps += add->steps;
    sum->faults += add->faults;
    sum->trials += add->trials;
    sum->attempts += add->attempts;
    sum->points += add->points;
    sum->commits += add->commits;
    sum->restarts += add->restarts;
    sum->asides += add->asides;
    sum->virtual_ms += add->virtual_ms;
}

/* Leaves out one kind of fault after the other while the seed still fails. */
static uint32_t shrink(uint64_t seed, uint32_t mask)
{
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        uint32_t fewer = mask & ~(UINT32_C(1) << fault);
        struct sim sim = { 0 };
        if (fewer != mask && !sim_run(&sim, seed, fewer, NULL)) {
            mask = fewer;
        }
    }
    return mask;
}

static void explain(uint64_t seed, uint32_t mask, const char *failure)
{
    mask = shrink(seed, mask);
    struct sim sim = { 0 };
    bool passed = sim_run(&sim, seed, mask, NULL);
    printf("seed %llu: %s\n", (unsigned long long)seed, failure);
    if (passed) {
        printf("  it does not fail again: not deterministic\n");
        return;
    }
    printf("  with the fewest faults: %s\n  faults:", sim.failure);
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        if (plan_has(&sim.plan, (enum fault)fault)) {
            printf(" %s", fault_name((enum fault)fault));
        }
    }
    printf("\n  again: winnow-sim --seed %llu%s%s", (unsigned long long)seed,
           (mask & PLAN_STORE) != 0 ? " --store" : "",
           (mask & PLAN_WIRE) != 0 ? " --wire" : "");
    for (unsigned fault = 0; fault < FAULT_NR; fault++) {
        if ((mask >> fault & 1) == 0) {
            printf(" --without %s", fault_name((enum fault)fault));
        }
    }
    printf("\n");
    sim_print_trace(&sim, stdout, 100);
}

static void seed_run(uint64_t seed, const struct options *options, struct results *r)
{
    struct sim sim = { 0 };
    bool passed = sim_run(&sim, seed, options->mask, options->verbose ? stdout : NULL);
    totals_add(&r->totals, &sim.totals);
    if (options->one) {
        printf("seed %llu: hash %016llx, %llu lines\n", (unsigned long long)seed,
               (unsigned long long)sim.trace.hash, (unsigned long long)sim.trace.count);
    }
    if (passed) {
        r->passed++;
        return;
    }
    r->failed++;
    if (options->expect_caught) {
        r->caught_at = seed;
        memcpy(r->caught, sim.failure, sizeof r->caught);
    } else {
        explain(seed, options->mask, sim.failure);
    }
}

static void print_totals(const struct results *r)
{
    const struct sim_totals *t = &r->totals;
    printf(
        "%.1f simulated hours, %llu faults, %llu coordinator starts, %llu trials, "
        "%llu programs started, %llu points, %llu commits, %llu steps, %llu agents set "
        "aside\n",
        (double)t->virtual_ms / 3600000.0, (unsigned long long)t->faults,
        (unsigned long long)t->restarts, (unsigned long long)t->trials,
        (unsigned long long)t->attempts, (unsigned long long)t->points,
        (unsigned long long)t->commits, (unsigned long long)t->steps,
        (unsigned long long)t->asides);
}

int main(int argc, char **argv)
{
    struct options options = { .first = 1, .last = 300, .mask = FAULTS_ALL };
    struct results results = { 0 };
    if (!parse(argc, argv, &options)) {
        return usage();
    }
    struct mono start = clock_mono();
    uint64_t most = options.expect_caught ? 1 : FAILURES_MAX;
    for (uint64_t seed = options.first; seed <= options.last; seed++) {
        seed_run(seed, &options, &results);
        bool late = options.seconds > 0
                    && mono_diff_ms(clock_mono(), start) > options.seconds * MS_PER_S;
        if (results.failed >= most || late) {
            break;
        }
    }
    bool good = results.failed == 0;
    print_totals(&results);
    if (options.expect_caught) {
        good = results.failed > 0;
        printf(good ? "caught at seed %llu: %s\n" : "not caught%.0llu%s\n",
               (unsigned long long)results.caught_at, results.caught);
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)results.passed,
           (unsigned long long)results.failed);
    fflush(stdout);
    /* A run that failed was left by a jump: what it owned is still allocated. */
    if (results.failed > 0) {
        _Exit(good ? 0 : 1);
    }
    return good ? 0 : 1;
}
