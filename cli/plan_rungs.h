/* SPDX-License-Identifier: Apache-2.0 */
/* plan_rungs.h – the steps at which a sweep's rules of early stopping look. */
#ifndef CLI_PLAN_RUNGS_H
#define CLI_PLAN_RUNGS_H

#include "base/json.h"
#include "base/strbuf.h"
#include "core/sweep_spec.h"

/* Array of {rule, bracket, steps, more}, one object a bracket of each rule that has
 * rungs; `steps` is absent where they follow from a trial's length, `more` is true
 * where they go on. The caller's. */
json_t *plan_rungs(const struct sweep_spec *spec);

/* The same as comment lines of a sweep file. */
void plan_print_rungs(const json_t *rungs, struct strbuf *out);

#endif
