/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h – reads the two clocks. Shells only; the core gets time in events. */
#ifndef BASE_SYS_CLOCK_H
#define BASE_SYS_CLOCK_H

#include "base/times.h"

struct mono clock_mono(void);
struct wall clock_wall(void);
/* Randomness from the kernel for ids and seeds: fills n bytes or aborts. */
void clock_entropy(void *bytes, size_t n);

#endif
