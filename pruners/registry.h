/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h – every rule of early stopping there is. */
#ifndef PRUNERS_REGISTRY_H
#define PRUNERS_REGISTRY_H

#include "core/pruner.h"

extern const struct pruner_registry pruner_registry_all;

#endif
