/* SPDX-License-Identifier: Apache-2.0 */
/* joined.c – the objective's history over the attempts of one trial.
 * Owns which points of earlier attempts count (joined.h). Knows how an objective is
 * read. Does not know attempts' states or records. */
#include "core/joined.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

struct joined *joined_create(void)
{
    return mem_alloc(sizeof(struct joined));
}

void joined_destroy(struct joined *joined)
{
    if (joined == NULL) {
        return;
    }
    for (size_t i = 0; i < joined->parts.len; i++) {
        vec_fini(&joined->parts.ptr[i].best);
    }
    vec_fini(&joined->parts);
    mem_free(joined);
}

static struct joined_part *part_of(struct joined *joined, uint32_t attempt)
{
    for (size_t i = joined->parts.len; i-- > 0;) {
        if (joined->parts.ptr[i].attempt == attempt) {
            return &joined->parts.ptr[i];
        }
    }
    return NULL;
}

void joined_assigned(struct joined *joined, uint32_t attempt)
{
    ASSERT(joined->parts.len == 0
           || joined->parts.ptr[joined->parts.len - 1].attempt < attempt);
    struct joined_part part = { .attempt = attempt };
    vec_push(&joined->parts, part);
}

/* Forgets the parts before the one at `from`. */
static void forget_before(struct joined *joined, size_t from)
{
    for (size_t i = 0; i < from; i++) {
        vec_fini(&joined->parts.ptr[i].best);
    }
    joined->parts.len -= from;
    memmove(joined->parts.ptr, joined->parts.ptr + from,
            joined->parts.len * sizeof *joined->parts.ptr);
}

void joined_started(struct joined *joined, uint32_t attempt, bool resumed)
{
    struct joined_part *part = part_of(joined, attempt);
    if (part == NULL) {
        return;
    }
    part->resumed = resumed;
    if (!resumed) {
        forget_before(joined, (size_t)(part - joined->parts.ptr));
    }
}

/* ---- points ---- */

/* Which end of the values the objective wants; READ_LAST: none. */
static enum objective_read wanted(const struct objective *objective)
{
    if (objective->read == READ_BEST) {
        return objective->goal == GOAL_MAX ? READ_MAX : READ_MIN;
    }
    return objective->read;
}

static bool is_better(enum objective_read read, double a, double b)
{
    return read == READ_MAX ? a > b : a < b;
}

/* Index of the first entry at this step or a later one. */
static size_t best_at(const struct joined_part *part, int64_t step)
{
    size_t low = 0;
    size_t high = part->best.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (part->best.ptr[middle].step < step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Drops every second entry of the older half, never the first or the last ones. */
static void best_thin(struct joined_part *part)
{
    size_t half = part->best.len / 2;
    size_t to = 0;
    for (size_t i = 0; i < part->best.len; i++) {
        if (i >= half || i % 2 == 0) {
            part->best.ptr[to++] = part->best.ptr[i];
        }
    }
    part->best.len = to;
}

static void
best_add(struct joined_part *part, enum objective_read read, int64_t step, double value)
{
    size_t at = best_at(part, step);
    struct joined_best *best = part->best.ptr;
    bool same_step = at < part->best.len && best[at].step == step;
    if ((at > 0 && !is_better(read, value, best[at - 1].value))
        || (same_step && !is_better(read, value, best[at].value))) {
        return;
    }
    size_t end = at; /* what it replaces: at this step or later, and no better */
    while (end < part->best.len && !is_better(read, best[end].value, value)) {
        end++;
    }
    if (end == at) {
        vec_push(&part->best, ((struct joined_best){ 0 }));
        best = part->best.ptr;
        memmove(best + at + 1, best + at, (part->best.len - 1 - at) * sizeof *best);
    } else {
        memmove(best + at + 1, best + end, (part->best.len - end) * sizeof *best);
        part->best.len -= end - at - 1;
    }
    best[at] = (struct joined_best){ .step = step, .value = value };
    if (part->best.len > JOINED_BEST_MAX) {
        best_thin(part);
    }
}

void joined_add(struct joined *joined,
                const struct objective *objective,
                struct joined_point point)
{
    struct joined_part *part = part_of(joined, point.attempt);
    enum objective_read read = wanted(objective);
    if (part == NULL) {
        return;
    }
    if (!part->any || point.step < part->first_step) {
        part->first_step = point.step;
    }
    if (!part->any || point.step > part->last_step
        || (point.step == part->last_step && point.seq >= part->last_seq)) {
        part->last_step = point.step;
        part->last_seq = point.seq;
        part->last = point.value;
    }
    part->any = true;
    if (read != READ_LAST && !isnan(point.value)) {
        best_add(part, read, point.step, point.value);
    }
}

/* ---- reading ---- */

/* What was found on the way from the newest attempt back. */
struct walk {
    enum objective_read read;
    bool any, any_best;
    struct joined_best last, best;
    bool limited; /* points at `limit` and above do not count any more */
    int64_t limit;
};

static void walk_part(struct walk *walk, const struct joined_part *part)
{
    size_t below = walk->limited ? best_at(part, walk->limit) : part->best.len;
    if (!part->any) {
        return;
    }
    if (!walk->any) { /* nothing is above it: all of it counts */
        walk->any = true;
        walk->last = (struct joined_best){ part->last_step, part->last };
    }
    if (below > 0) {
        struct joined_best best = part->best.ptr[below - 1];
        if (!walk->any_best || !is_better(walk->read, walk->best.value, best.value)) {
            walk->best = best;
        }
        walk->any_best = true;
    }
    if (!walk->limited || part->first_step < walk->limit) {
        walk->limit = part->first_step;
        walk->limited = true;
    }
}

bool joined_value(const struct joined *joined,
                  const struct objective *objective,
                  double *value_out,
                  int64_t *step_out)
{
    struct walk walk = { .read = wanted(objective) };
    size_t at = joined->parts.len;
    bool resumed = at > 0 && joined->parts.ptr[at - 1].resumed;
    for (bool more = at > 0; more; more = resumed && at > 0) {
        walk_part(&walk, &joined->parts.ptr[--at]);
    }
    if (!walk.any) {
        return false;
    }
    struct joined_best found =
        walk.read == READ_LAST || !walk.any_best ? walk.last : walk.best;
    *value_out = found.value;
    *step_out = found.step;
    return true;
}
