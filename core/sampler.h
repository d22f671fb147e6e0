/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.h – the contract between the engine and a suggestion algorithm.
 *
 * A sampler is a pure function of its request: no clock, no state of its own, no
 * generator that remembers. It may run on another thread than the engine; everything it
 * is given is immutable for the call.
 */
#ifndef CORE_SAMPLER_H
#define CORE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/history.h"
#include "core/option.h"
#include "core/space.h"
#include "core/tried.h"

/* What one suggestion may depend on. */
struct suggest_request {
    const struct space *space;
    const double *options; /* one value for each of ops->options; NULL: all presets */
    uint64_t seed;
    uint32_t trial;  /* number of the trial to suggest for */
    uint64_t cursor; /* what the sampler returned with the previous trial; first: 0 */
    const struct history *history; /* NULL: nothing is known */
    size_t history_len;            /* the first so many rows count */
    const double *open; /* points of the trials that are queued or running, by number;
                           open_len rows of space->len */
    size_t open_len;
    const struct tried *tried; /* NULL: duplicates are allowed; see suggest_is_tried */
    const struct tried *batch; /* points found for trials that do not exist yet; NULL:
                                  none */
};

/* True when the point x must not be suggested because it was before. */
bool suggest_is_tried(const struct suggest_request *request, const double *x);

struct sampler_ops {
    const char *name;

    /* One line for `plan` and the docs. */
    const char *summary;

    /* The suggestion depends on finished trials. False lets the engine suggest ahead.
     */
    bool learns;

    /* Cheap enough to run on the engine's own thread (microseconds). */
    bool immediate;

    /* Keys that may stand beside `sampler` in the file. */
    const struct option_def *options;
    size_t options_len;

    /* Checks that the sampler can search this space, e.g. grid needs finite parameters.
     * Errors name the parameter. May be NULL: every space is fine. */
    enum err_code (*check)(const struct space *space, struct err *err);

    /* Number of trials after which the sampler is exhausted, 0 when it never is,
     * UINT64_MAX when more than that. May be NULL: never. May take time proportional to
     * the count up to a bound; exact where the bound is not reached. */
    uint64_t (*count)(const struct space *space);

    /* Writes a legal, pruned, not forbidden point to x_out (space->len doubles) and the
     * cursor that the next suggestion must be given. With `tried` the point is none of
     * those tried before this trial. ERR_NOTFOUND: exhausted (no more points).
     * ERR_INVALID: no allowed point was found within the bound of tries; the message
     * names the rejected share. */
    enum err_code (*suggest)(const struct suggest_request *request,
                             double *x_out,
                             uint64_t *cursor_out,
                             struct err *err);
};

/* Finds a sampler by name; NULL when there is none. Injected into core by whoever wires
 * the program together, so that core does not know the algorithms. */
struct sampler_registry {
    const struct sampler_ops *const *ops;
    size_t len;
};

const struct sampler_ops *sampler_find(const struct sampler_registry *registry,
                                       const char *name);

#endif
