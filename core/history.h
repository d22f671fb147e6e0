/* SPDX-License-Identifier: Apache-2.0 */
/* history.h – what a sweep has learned so far, laid out for samplers: one row for each
 * end of a trial, in the order in which they were recorded, as a structure of arrays.
 *
 * Rows are only ever added, so "the first n rows" names a state of knowledge for ever:
 * a suggestion records its n and can be derived again. A trial is open in that state
 * when it was created before the one asked for and its newest row among the first n, if
 * any, is TRIAL_QUEUED (given back by a retry).
 *
 * A history belongs to one space. When a sweep's space is edited it gets a new history
 * with as many rows; those whose points do not exist in the new space keep trial and
 * state and lose point and loss.
 *
 * While a sampler reads a history on another thread it is frozen: rows that come then
 * wait and are added by history_thaw. Not otherwise thread-safe.
 */
#ifndef CORE_HISTORY_H
#define CORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/states.h"

/* Number of the trial in rows that were imported: they belong to no trial. */
#define HISTORY_PRIOR UINT32_MAX

struct history_row {
    uint32_t trial;         /* number, or HISTORY_PRIOR */
    enum trial_state state; /* final, or TRIAL_QUEUED: it is open again */
    double loss;  /* the objective, negated when it is maximised: less is better; NaN
                     when there is none, else any double, also infinite */
    int64_t step; /* of the objective's value; 0 when there is none */
};

struct history {
    size_t dims;     /* parameters of the space */
    size_t len;      /* rows */
    uint32_t *trial; /* len of each; see struct history_row */
    uint8_t *state;
    double *loss;
    int64_t *step;
    double **x; /* dims columns of len internal values; NaN: inactive or unknown */
    /* private: */
    size_t cap;
    bool frozen;
    struct history_row *waiting; /* rows that came while frozen … */
    double *waiting_x;           /* … and their points, dims doubles each */
    size_t waiting_len, waiting_cap;
};

void history_init(struct history *history, size_t dims);
void history_fini(struct history *history);

/* Appends a row; x has dims doubles. */
void history_add(struct history *history, struct history_row row, const double *x);

/* Nothing changes between these two but what waits. */
void history_freeze(struct history *history);
void history_thaw(struct history *history);

/* The i-th of all rows, those that wait included; its point goes to x_out. */
struct history_row
history_row_at(const struct history *history, size_t i, double *x_out);

/* Rows including those that wait. */
size_t history_total(const struct history *history);

#endif
