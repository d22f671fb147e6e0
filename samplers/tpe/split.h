/* SPDX-License-Identifier: Apache-2.0 */
/* split.h – which trials are the good ones. */
#ifndef SAMPLERS_TPE_SPLIT_H
#define SAMPLERS_TPE_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/history.h"

enum {
    SPLIT_BELOW_MAX = 25
};

/* Rows of a history, both lists in its order; owned. */
struct split {
    uint32_t *below; /* the good ones */
    uint32_t *rank;  /* how many trials are better than each of them */
    size_t below_len;
    uint32_t *above; /* the rest that ended finished or pruned */
    size_t above_len;
};

/* Divides the first `rows` rows: below gets the share gamma (rounded up, at most
 * SPLIT_BELOW_MAX) of the n finished and pruned rows: the finished by loss, earlier
 * rows first among equals, then the pruned that got furthest, the better loss first
 * among them. history may be NULL. */
void split_init(struct split *split,
                const struct history *history,
                size_t rows,
                double gamma);
void split_fini(struct split *split);

#endif
