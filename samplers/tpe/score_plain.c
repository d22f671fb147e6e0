/* SPDX-License-Identifier: Apache-2.0 */
/* score_plain.c – the arithmetic of TPE for any processor.
 * Owns nothing. Knows its name and the size of registers; CMakeLists.txt gives the
 * compiler its flags. */
#define SCORE_NAME  "plain"
#define SCORE_OPS   score_plain
#define SCORE_BYTES 16

#include "samplers/tpe/score_variants.h"

#include "samplers/tpe/score_body.inc"
