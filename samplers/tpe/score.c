/* SPDX-License-Identifier: Apache-2.0 */
/* score.c – which variants of the arithmetic this processor can run.
 * Owns nothing. Knows what each needs. Does not know the arithmetic. */
#include "samplers/tpe/score.h"

#include "base/compiler.h"
#include "samplers/tpe/score_variants.h"

/* Each list is a prefix of the next processor's. */
static const struct score_ops *const variants[] = {
    &score_plain,
#if defined(__x86_64__)
    &score_avx2,
    &score_avx512,
#endif
};

const struct score_ops *const *score_variants(size_t *len_out)
{
    size_t len = 1;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        len = 2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
            len = 3;
        }
    }
#endif
    *len_out = len;
    return variants;
}

const struct score_ops *score_best(void)
{
    size_t len = 0;
    const struct score_ops *const *all = score_variants(&len);
    return all[len - 1];
}
