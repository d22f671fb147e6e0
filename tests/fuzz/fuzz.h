/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h – the one function a fuzz target defines; libFuzzer and standalone.c call it.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Parses the bytes as input from outside; returns 0. Whatever goes wrong must abort. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
