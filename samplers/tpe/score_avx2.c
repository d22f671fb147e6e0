/* SPDX-License-Identifier: Apache-2.0 */
/* score_avx2.c – the arithmetic of TPE for x86-64 with AVX2.
 * Owns nothing. Knows its name and the size of registers; CMakeLists.txt gives the
 * compiler its flags. */
#define SCORE_NAME  "avx2"
#define SCORE_OPS   score_avx2
#define SCORE_BYTES 32

#include "samplers/tpe/score_variants.h"

#include "samplers/tpe/score_body.inc"
