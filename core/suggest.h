/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.h – runs a sweep's sampler for one FX_SUGGEST.
 *
 * The engine lends what is known of the sweep and does not change it until the answer
 * has come as EV_SUGGESTED, so this may run on any thread.
 */
#ifndef CORE_SUGGEST_H
#define CORE_SUGGEST_H

#include "core/effect.h"
#include "core/event.h"
#include "core/sampler.h"
#include "core/sweep_spec.h"

/* What a sampler may look at; all borrowed from the engine. */
struct suggest_known {
    const struct sweep_spec *spec;
    const struct history *history;
    const struct tried *tried; /* NULL: duplicates are allowed */
};

/* The answer; owned by the caller, see suggest_answer_fini. */
struct suggest_answer {
    size_t len;       /* points found, at most as many as asked for */
    double *x;        /* len rows of the space's length */
    uint64_t *cursor; /* after each point */
    bool exhausted;   /* there are no more points than these */
    bool failed;      /* no further point could be found; err says why */
    struct err err;
};

/* Finds the points that `ask` wants; each knows of those before it. Only ask->open is
 * written to (the room behind its rows). */
void suggest_find(const struct suggest_known *known,
                  const struct fx_suggest *ask,
                  struct suggest_answer *answer_out);

void suggest_answer_fini(struct suggest_answer *answer);

/* The event that brings the answer to the engine; it borrows from both. */
struct ev_suggested suggest_answer_event(const struct fx_suggest *ask,
                                         const struct suggest_answer *answer);

#endif
