/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h – an attempt's key as one number, for maps and traces. */
#ifndef TESTS_SIM_KEYS_H
#define TESTS_SIM_KEYS_H

#include <stdint.h>

#include "core/ids.h"

static inline uint64_t key_pack(struct attempt_key key)
{
    return (uint64_t)key.sweep << 48 | (uint64_t)key.trial << 16 | key.attempt;
}

#endif
