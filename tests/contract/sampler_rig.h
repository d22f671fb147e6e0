/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_rig.h – every sampler of the registry, with its options, over a space and
 * what a sweep of it may have learned; for the contract suites. */
#ifndef TESTS_CONTRACT_SAMPLER_RIG_H
#define TESTS_CONTRACT_SAMPLER_RIG_H

#include "core/sweep_spec.h"

/* A sweep as a sampler sees it. */
struct sampler_rig {
    struct sweep_spec *spec;
    struct history history;
    struct tried tried;
    double *open; /* rows of the open trials */
    size_t open_len;
    struct suggest_request request; /* over all of these; no points tried */
    double *x;                      /* the last suggestion */
    struct err err;
};

typedef void (*sampler_check_fn)(struct sampler_rig *rig);

/* Calls check for each sampler that can search this space (indented lines behind
 * "space:") with these top-level lines: once with presets and once for each other value
 * of an option that is a word or a boolean. Each call has a rig of its own. */
void sampler_for_each(const char *space, const char *more, sampler_check_fn check);

/* Writes a random point of the space, number `index`; deterministic. */
void sampler_random_point(const struct sampler_rig *rig, uint32_t index, double *x_out);

/* Adds a row of a trial at a random point: its number is that of the row. */
void sampler_learn(struct sampler_rig *rig, enum trial_state state, double loss);

/* Adds a row at x. */
void sampler_learn_at(struct sampler_rig *rig, struct history_row row, const double *x);

/* Adds an open trial at x. */
void sampler_open(struct sampler_rig *rig, const double *x);

/* Asks for a suggestion into rig->x after all that was added, and moves the request on
 * to the next trial. */
enum err_code sampler_next(struct sampler_rig *rig);

/* The same, which must succeed with a legal, pruned, allowed point; asked twice, it
 * must give the same bits and leave what it was given as it was. */
void sampler_next_checked(struct sampler_rig *rig);

/* x is such a point. */
void sampler_check_legal(const struct space *space, const double *x);

/* Number of allowed, distinct points of a finite space. */
uint64_t sampler_points(const struct space *space);

#endif
