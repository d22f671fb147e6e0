/* SPDX-License-Identifier: Apache-2.0 */
/* split.c – the share of good trials.
 * Owns the two lists. Knows the order of trials. Does not know parameters. */
#include "samplers/tpe/split.h"

#include <math.h>
#include <stdbool.h>

#include "base/assert.h"
#include "base/mem.h"

static bool counts(const struct history *history, size_t row)
{
    uint8_t state = history->state[row];
    return (state == TRIAL_FINISHED && !isnan(history->loss[row]))
           || state == TRIAL_PRUNED;
}

/* A pruned trial without a report has neither loss nor step. */
static bool has_report(const struct history *history, size_t row)
{
    return !isnan(history->loss[row]) || history->step[row] != 0;
}

/* True when row a is strictly better than row b. */
static bool better(const struct history *history, size_t a, size_t b)
{
    bool pruned = history->state[a] == TRIAL_PRUNED;
    if (pruned != (history->state[b] == TRIAL_PRUNED)) {
        return !pruned;
    }
    if (pruned && has_report(history, a) != has_report(history, b)) {
        return has_report(history, a);
    }
    if (pruned && history->step[a] != history->step[b]) {
        return history->step[a] > history->step[b];
    }
    double loss_a = isnan(history->loss[a]) ? HUGE_VAL : history->loss[a];
    double loss_b = isnan(history->loss[b]) ? HUGE_VAL : history->loss[b];
    return loss_a < loss_b;
}

/* The `want` best of the rows that count, best first. */
static size_t
best_rows(const struct history *history, size_t rows, size_t want, uint32_t *best)
{
    size_t len = 0;
    for (size_t row = 0; row < rows; row++) {
        if (!counts(history, row)
            || (len == want && !better(history, row, best[len - 1]))) {
            continue;
        }
        size_t at = len < want ? len++ : len - 1;
        while (at > 0 && better(history, row, best[at - 1])) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = (uint32_t)row;
    }
    return len;
}

/* Equal trials have equal ranks. */
static uint32_t rank_of(const struct history *history, const uint32_t *best, size_t at)
{
    while (at > 0 && !better(history, best[at - 1], best[at])) {
        at--;
    }
    return (uint32_t)at;
}

void split_init(struct split *split,
                const struct history *history,
                size_t rows,
                double gamma)
{
    *split = (struct split){ 0 };
    size_t n = 0;
    for (size_t row = 0; row < rows; row++) {
        n += counts(history, row);
    }
    if (n == 0) {
        return;
    }
    ASSERT(rows <= UINT32_MAX);
    double share = ceil(gamma * (double)n);
    size_t want = share < SPLIT_BELOW_MAX ? (size_t)share : SPLIT_BELOW_MAX;
    uint32_t best[SPLIT_BELOW_MAX] = { 0 };
    want = best_rows(history, rows, want, best);
    split->below = mem_alloc_array(want, sizeof(uint32_t));
    split->rank = mem_alloc_array(want, sizeof(uint32_t));
    split->above = mem_alloc_array(n - want, sizeof(uint32_t));
    uint8_t *AUTO_FREE place = mem_alloc_array(rows, sizeof *place); /* 0: not below */
    for (size_t i = 0; i < want; i++) {
        place[best[i]] = (uint8_t)(i + 1);
    }
    for (size_t row = 0; row < rows; row++) {
        if (place[row] != 0) {
            split->rank[split->below_len] = rank_of(history, best, place[row] - 1U);
            split->below[split->below_len++] = (uint32_t)row;
        } else if (counts(history, row)) {
            split->above[split->above_len++] = (uint32_t)row;
        }
    }
}

void split_fini(struct split *split)
{
    mem_free(split->below);
    mem_free(split->rank);
    mem_free(split->above);
}
