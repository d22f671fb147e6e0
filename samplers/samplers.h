/* SPDX-License-Identifier: Apache-2.0 */
/* samplers.h – the single samplers, for registry.c and their own tests. */
#ifndef SAMPLERS_SAMPLERS_H
#define SAMPLERS_SAMPLERS_H

#include "core/sampler.h"

/* Independent draws; see random.c. */
extern const struct sampler_ops sampler_random;

/* Every cell of a finite space once; see grid.c. */
extern const struct sampler_ops sampler_grid;

/* Low-discrepancy sequences; see qmc.c. */
extern const struct sampler_ops sampler_qmc;

/* Learns where good points lie; see tpe/tpe.c. */
extern const struct sampler_ops sampler_tpe;

#endif
