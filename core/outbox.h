/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h – keeps effects back until the commit that covers them; pure.
 *
 * Life of a batch: records gather in the open batch; outbox_seal hands them over for
 * committing when no commit is in flight; outbox_committed says it is on disk, and the
 * effects that waited for it become ready in their order. Used by the coordinator's
 * shell and by the simulation alike.
 */
#ifndef CORE_OUTBOX_H
#define CORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "core/effect.h"

struct outbox;

struct outbox *outbox_create(void);

/* Releases what is left, also records that were sealed but not committed. */
void outbox_destroy(struct outbox *outbox);

/* Takes all effects (the list becomes empty). */
void outbox_add(struct outbox *outbox, struct effects *effects);

/* The next effect that may be carried out now: the caller takes it over (effect_fini).
 * Never FX_PERSIST. False when there is none. */
bool outbox_next(struct outbox *outbox, struct effect *effect_out);

/* Closes the open batch and lends its records until outbox_committed; false when it is
 * empty or a batch is in flight. Whole steps (outbox_add), at least one, else at most
 * `max` records; the rest stays open. */
bool outbox_seal(struct outbox *outbox,
                 size_t max,
                 struct record *const **records_out,
                 size_t *len_out);

/* The sealed batch is on disk: frees its records, releases what waited for it. */
void outbox_committed(struct outbox *outbox);

/* Records waiting in the open batch, and whether a batch is in flight. */
size_t outbox_open_len(const struct outbox *outbox);
bool outbox_in_flight(const struct outbox *outbox);

#endif
