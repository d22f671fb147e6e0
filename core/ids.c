/* SPDX-License-Identifier: Apache-2.0 */
/* ids.c – run ids and attempt keys.
 * Owns nothing. Knows how a trial's run id follows from its sweep's: Philox with the
 * sweep's id as key and half the counter is a bijection of the trial number, so two
 * trials of one sweep never share an id. Does not know the store or where random bytes
 * come from. */
#include "core/ids.h"

#include "base/assert.h"
#include "base/rng.h"

#include <string.h>

enum {
    RUN_ID_BYTES = 16,
    RUN_ID_DIGITS = 32
};

static const char digits[] = "0123456789abcdef";

static uint32_t digit_value(char c)
{
    return (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

struct run_id run_id_from_bytes(const uint8_t bytes[16])
{
    struct run_id id = { { 0 } };
    for (size_t i = 0; i < RUN_ID_BYTES; i++) {
        id.hex[2 * i] = digits[bytes[i] >> 4];
        id.hex[2 * i + 1] = digits[bytes[i] & 0xF];
    }
    return id;
}

struct run_id run_id_of_trial(const struct run_id *sweep, uint32_t number)
{
    ASSERT(run_id_is_valid(sweep->hex));
    uint32_t words[4] = { 0 };
    for (size_t i = 0; i < RUN_ID_DIGITS; i++) {
        words[i / 8] = words[i / 8] << 4 | digit_value(sweep->hex[i]);
    }
    const uint32_t counter[4] = { number, words[0], words[1], words[2] };
    const uint32_t key[2] = { words[3], 0x7472696CU /* "tril" */ };
    uint32_t out[4];
    rng_philox4x32(counter, key, out);
    uint8_t bytes[RUN_ID_BYTES];
    for (size_t i = 0; i < RUN_ID_BYTES; i++) {
        bytes[i] = (uint8_t)(out[i / 4] >> (8 * (3 - i % 4)));
    }
    return run_id_from_bytes(bytes);
}

bool run_id_is_valid(const char *text)
{
    return strspn(text, digits) == RUN_ID_DIGITS && text[RUN_ID_DIGITS] == '\0';
}

bool attempt_key_eq(struct attempt_key a, struct attempt_key b)
{
    return a.sweep == b.sweep && a.trial == b.trial && a.attempt == b.attempt;
}
