/* SPDX-License-Identifier: Apache-2.0 */
/* history.c – rows of ended trials as columns.
 * Owns the columns and what waits while a sampler reads them. Knows rows. Does not know
 * sweeps or samplers. */
#include "core/history.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

void history_init(struct history *history, size_t dims)
{
    *history = (struct history){ .dims = dims };
    history->x = mem_alloc_array(dims, sizeof *history->x);
}

void history_fini(struct history *history)
{
    for (size_t i = 0; i < history->dims; i++) {
        mem_free(history->x[i]);
    }
    mem_free(history->x);
    mem_free(history->trial);
    mem_free(history->state);
    mem_free(history->loss);
    mem_free(history->step);
    mem_free(history->waiting);
    mem_free(history->waiting_x);
    *history = (struct history){ 0 };
}

static void grow(struct history *h)
{
    if (h->len < h->cap) {
        return;
    }
    h->cap = h->cap < 64 ? 64 : h->cap + h->cap / 2;
    h->trial = mem_realloc_array(h->trial, h->cap, sizeof *h->trial);
    h->state = mem_realloc_array(h->state, h->cap, sizeof *h->state);
    h->loss = mem_realloc_array(h->loss, h->cap, sizeof *h->loss);
    h->step = mem_realloc_array(h->step, h->cap, sizeof *h->step);
    for (size_t i = 0; i < h->dims; i++) {
        h->x[i] = mem_realloc_array(h->x[i], h->cap, sizeof *h->x[i]);
    }
}

static void append(struct history *h, struct history_row row, const double *x)
{
    grow(h);
    h->trial[h->len] = row.trial;
    h->state[h->len] = (uint8_t)row.state;
    h->loss[h->len] = row.loss;
    h->step[h->len] = row.step;
    for (size_t i = 0; i < h->dims; i++) {
        h->x[i][h->len] = x[i];
    }
    h->len++;
}

static void wait(struct history *h, struct history_row row, const double *x)
{
    if (h->waiting_len == h->waiting_cap) {
        h->waiting_cap = h->waiting_cap < 16 ? 16 : 2 * h->waiting_cap;
        h->waiting = mem_realloc_array(h->waiting, h->waiting_cap, sizeof *h->waiting);
        h->waiting_x = mem_realloc_array(h->waiting_x, h->waiting_cap,
                                         h->dims * sizeof *h->waiting_x);
    }
    h->waiting[h->waiting_len] = row;
    memcpy(h->waiting_x + h->waiting_len * h->dims, x, h->dims * sizeof *x);
    h->waiting_len++;
}

void history_add(struct history *history, struct history_row row, const double *x)
{
    if (history->frozen) {
        wait(history, row, x);
    } else {
        append(history, row, x);
    }
}

void history_freeze(struct history *history)
{
    ASSERT(!history->frozen);
    history->frozen = true;
}

void history_thaw(struct history *history)
{
    ASSERT(history->frozen);
    history->frozen = false;
    for (size_t i = 0; i < history->waiting_len; i++) {
        append(history, history->waiting[i], history->waiting_x + i * history->dims);
    }
    history->waiting_len = 0;
}

struct history_row
history_row_at(const struct history *history, size_t i, double *x_out)
{
    const struct history *h = history;
    ASSERT(i < history_total(h));
    if (i >= h->len) {
        size_t at = i - h->len;
        memcpy(x_out, h->waiting_x + at * h->dims, h->dims * sizeof *x_out);
        return h->waiting[at];
    }
    for (size_t dim = 0; dim < h->dims; dim++) {
        x_out[dim] = h->x[dim][i];
    }
    return (struct history_row){ .trial = h->trial[i],
                                 .state = (enum trial_state)h->state[i],
                                 .loss = h->loss[i],
                                 .step = h->step[i] };
}

size_t history_total(const struct history *history)
{
    return history->len + history->waiting_len;
}
