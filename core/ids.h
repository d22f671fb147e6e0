/* SPDX-License-Identifier: Apache-2.0 */
/* ids.h – how sweeps, trials, attempts and runs are named.
 *
 * Inside a home everything has a small integer key that the engine hands out; MLflow's
 * 32-digit run ids are for the outside. A trial's run id is a function of its sweep's
 * run id and its number, so that it needs no storing and no randomness.
 */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* A run's public name: 32 lower-case hexadecimal digits. */
struct run_id {
    char hex[33];
};

/* One attempt of one trial of one sweep. attempt counts from 1 and is the fencing
 * token; 0 means "no attempt". */
struct attempt_key {
    uint32_t sweep;
    uint32_t trial;
    uint32_t attempt;
};

/* The run id of trial `number` of the sweep whose run id is `sweep`. */
struct run_id run_id_of_trial(const struct run_id *sweep, uint32_t number);

/* Makes a run id of 16 random bytes supplied by the caller. */
struct run_id run_id_from_bytes(const uint8_t bytes[16]);

/* True when text is 32 lower-case hexadecimal digits. */
bool run_id_is_valid(const char *text);

bool attempt_key_eq(struct attempt_key a, struct attempt_key b);

#endif
