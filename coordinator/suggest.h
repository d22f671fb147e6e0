/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.h – the answer of a sampler on its way to the engine. suggest_start is in
 * coordinator_internal.h. */
#ifndef COORDINATOR_SUGGEST_H
#define COORDINATOR_SUGGEST_H

struct coordinator;
struct suggestion;

/* Steps the engine with the answer. */
void suggestion_step(struct coordinator *c, const struct suggestion *s);

void suggestion_destroy(struct suggestion *s);

#endif
