/* SPDX-License-Identifier: Apache-2.0 */
/* curves.c – curves by step, and tables of rungs.
 * Owns their memory. Knows the order of steps and of arrivals. Does not know rules. */
#include "core/curves.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* ---- curves ---- */

void curve_fini(struct curve *curve)
{
    mem_free(curve->steps);
    mem_free(curve->losses);
    *curve = (struct curve){ 0 };
}

/* The place of the first step that is not below `step`. */
static size_t place_of(const struct curve *curve, int64_t step)
{
    size_t low = 0;
    size_t high = curve->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (curve->steps[middle] < step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void grow(struct curve *curve)
{
    if (curve->len < curve->cap) {
        return;
    }
    curve->cap = curve->cap < 16 ? 16 : 2 * curve->cap;
    curve->steps = mem_realloc_array(curve->steps, curve->cap, sizeof *curve->steps);
    curve->losses = mem_realloc_array(curve->losses, curve->cap, sizeof *curve->losses);
}

bool curve_add(struct curve *curve, int64_t step, double loss)
{
    bool last = curve->len == 0 || curve->steps[curve->len - 1] < step;
    size_t at = last ? curve->len : place_of(curve, step);
    bool known = at < curve->len && curve->steps[at] == step;
    if (step < 0 || known || curve->len >= CURVE_STEPS_MAX) {
        return false;
    }
    grow(curve);
    size_t behind = curve->len - at;
    memmove(curve->steps + at + 1, curve->steps + at, behind * sizeof *curve->steps);
    memmove(curve->losses + at + 1, curve->losses + at, behind * sizeof *curve->losses);
    curve->steps[at] = step;
    curve->losses[at] = loss;
    curve->len++;
    return true;
}

void curve_cut(struct curve *curve, int64_t step)
{
    curve->len = place_of(curve, step);
}

bool curve_at(const struct curve *curve, int64_t step, double *loss_out)
{
    size_t at = place_of(curve, step);
    if (at == curve->len || curve->steps[at] != step) {
        return false;
    }
    *loss_out = curve->losses[at];
    return true;
}

/* ---- rungs ---- */

void rung_table_fini(struct rung_table *table)
{
    for (size_t i = 0; i < table->rungs.len; i++) {
        vec_fini(&table->rungs.ptr[i].entries);
        vec_fini(&table->rungs.ptr[i].members);
    }
    vec_fini(&table->rungs);
}

static struct rung *find(const struct rung_table *table, struct rung_key key)
{
    for (size_t i = 0; i < table->rungs.len; i++) {
        struct rung *rung = &table->rungs.ptr[i];
        if (rung->key.leaf == key.leaf && rung->key.bracket == key.bracket
            && rung->key.number == key.number) {
            return rung;
        }
    }
    return NULL;
}

const struct rung *rung_table_find(const struct rung_table *table, struct rung_key key)
{
    return find(table, key);
}

bool rung_has(const struct rung *rung, uint32_t trial)
{
    size_t word = trial / 64;
    return word < rung->members.len
           && (rung->members.ptr[word] >> trial % 64 & 1u) != 0;
}

void rung_table_add(struct rung_table *table,
                    struct rung_key key,
                    struct rung_entry entry)
{
    struct rung *rung = find(table, key);
    if (rung == NULL) {
        vec_push(&table->rungs, ((struct rung){ .key = key }));
        rung = &table->rungs.ptr[table->rungs.len - 1];
    }
    if (rung_has(rung, entry.trial)) {
        return;
    }
    vec_push(&rung->entries, entry);
    while (rung->members.len <= entry.trial / 64) {
        vec_push(&rung->members, 0);
    }
    rung->members.ptr[entry.trial / 64] |= (uint64_t)1 << entry.trial % 64;
}
