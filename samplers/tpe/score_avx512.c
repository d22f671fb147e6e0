/* SPDX-License-Identifier: Apache-2.0 */
/* score_avx512.c – the arithmetic of TPE for x86-64 with AVX-512 (F and DQ).
 * Owns nothing. Knows its name and the size of registers; CMakeLists.txt gives the
 * compiler its flags. */
#define SCORE_NAME  "avx512"
#define SCORE_OPS   score_avx512
#define SCORE_BYTES 64

#include "samplers/tpe/score_variants.h"

#include "samplers/tpe/score_body.inc"
