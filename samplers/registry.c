/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c – the table of samplers.
 * Owns the table. Knows which samplers exist. Does not know what they do. */
#include "samplers/registry.h"

#include "base/compiler.h"
#include "samplers/samplers.h"

static const struct sampler_ops *const all[] = {
    &sampler_random,
    &sampler_grid,
    &sampler_qmc,
    &sampler_tpe,
};

const struct sampler_registry sampler_registry_all = { .ops = all,
                                                       .len = ARRAY_LEN(all) };
