/* SPDX-License-Identifier: Apache-2.0 */
/* model.h – the two densities over a space, of good trials and of the others, and the
 * candidate that is most of the first kind and least of the second.
 *
 * Parameters that are modelled jointly form a group with densities of its own; groups
 * are independent of each other.
 */
#ifndef SAMPLERS_TPE_MODEL_H
#define SAMPLERS_TPE_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sampler.h"
#include "samplers/tpe/parzen.h"
#include "samplers/tpe/split.h"

struct model_settings {
    size_t candidates;
    bool multivariate; /* parameters are modelled jointly … */
    bool group;        /* … those that were always active together */
    double prior_weight;
};

struct group {
    const struct axis **axes; /* in the order of the file; owned array */
    size_t axes_len;
    struct parzen below, above;
    struct rng pick;     /* chooses kernels */
    struct rng *streams; /* one for each axis; owned */
    struct candidates candidates;
    double *score; /* of each candidate: ln below - ln above; owned */
};

struct model {
    const struct suggest_request *request;
    size_t candidates;
    double wider;         /* candidates are drawn that much wider than the good are */
    struct axis *axes;    /* one for each parameter; owned */
    struct group *groups; /* owned */
    size_t groups_len;
    double *points;        /* candidates as points of the whole space, pruned; owned */
    unsigned char *memory; /* the densities' arrays lie here; owned */
    void *work;            /* for parzen_score, at its beginning */
};

/* The request must outlive it; split->below has rows. */
void model_init(struct model *model,
                const struct suggest_request *request,
                const struct split *split,
                const struct model_settings *settings);
void model_fini(struct model *model);

/* Draws and scores new candidates. Writes the best that is neither forbidden nor tried
 * to x_out (space->len); false when there is none. */
bool model_suggest(struct model *model, double *x_out);

#endif
