/* SPDX-License-Identifier: Apache-2.0 */
/* wiring.h – puts store, samplers, rules of early stopping and engine together. */
#ifndef COORDINATOR_WIRING_H
#define COORDINATOR_WIRING_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct engine;
struct sampler_registry;
struct store;
struct store_reader;

/* Every sampler of the program; static. */
const struct sampler_registry *wiring_samplers(void);
/* Every rule of early stopping; static. */
const struct pruner_registry *wiring_pruners(void);

/* Hears of a sweep that could not be replayed; it was set aside. */
typedef void (*wiring_warn_fn)(void *ctx, const struct err *err);

struct wiring_options {
    int64_t lease_ms;
    const struct sampler_registry *samplers; /* NULL: wiring_samplers() */
    wiring_warn_fn warn;
    void *warn_ctx;
};

/* Makes an engine with everything that the store holds replayed into it; not started.
 * Errors of the store. */
enum err_code wiring_engine(struct store *store,
                            const struct wiring_options *options,
                            struct engine **out,
                            struct err *err) MUST_USE;

/* As above from a reader: to be asked, not to go on with, so it is never started and
 * its run keys mean nothing. */
enum err_code wiring_engine_to_ask(struct store_reader *reader,
                                   const struct wiring_options *options,
                                   struct engine **out,
                                   struct err *err) MUST_USE;

#endif
