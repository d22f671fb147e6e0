/* SPDX-License-Identifier: Apache-2.0 */
/* explain_rig.h – asking an engine to explain, and what is expected. */
#ifndef TESTS_UNIT_CORE_EXPLAIN_RIG_H
#define TESTS_UNIT_CORE_EXPLAIN_RIG_H

#include <stddef.h>

#include "core/explain.h"

/* In place of a trial's number: the sweep itself. */
#define OF_SWEEP (-1)

/* explanation_fini afterwards. */
void explain(const struct engine *engine,
             const char *ref,
             int trial,
             struct explanation *out);

/* What a reason says has to hold these pieces; NULL: no change is told. */
struct expected {
    enum explain_code code;
    const char *text;
    const char *change;
};

/* The reasons, in order and no others. */
void expect_in(const struct engine *engine,
               const char *ref,
               int trial,
               const struct expected *expected,
               size_t len);

#define EXPECT(rig, ref, trial, ...)                                                   \
    expect_in((rig)->engine, (ref), (trial), (const struct expected[]){ __VA_ARGS__ }, \
              ARRAY_LEN(((const struct expected[]){ __VA_ARGS__ })))

#endif
