/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h – whether two engines hold the same recorded state. */
#ifndef TESTS_SIM_DIGEST_H
#define TESTS_SIM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

struct engine;

/* logs_lead: bytes of logs may be on disk whose commit was lost. False: `difference`
 * says what differs first. What engines do not record (connections, leases, questions
 * to samplers) is not compared. */
bool digest_equal(const struct engine *a,
                  const struct engine *b,
                  bool logs_lead,
                  char *difference,
                  size_t difference_size);

#endif
