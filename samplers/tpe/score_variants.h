/* SPDX-License-Identifier: Apache-2.0 */
/* score_variants.h – the variants by name, for score.c and the files that make them. */
#ifndef SAMPLERS_TPE_SCORE_VARIANTS_H
#define SAMPLERS_TPE_SCORE_VARIANTS_H

#include "samplers/tpe/score.h"

/* For any processor the program is compiled for. */
extern const struct score_ops score_plain;

/* Only on x86-64. */
extern const struct score_ops score_avx2;
extern const struct score_ops score_avx512;

#endif
