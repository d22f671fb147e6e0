/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h – the samplers of this program, by name. Handed to the core by whoever
 * wires it together; the core does not include this header. */
#ifndef SAMPLERS_REGISTRY_H
#define SAMPLERS_REGISTRY_H

#include "core/sampler.h"

/* All samplers, in the order of the docs. Immutable. */
extern const struct sampler_registry sampler_registry_all;

#endif
