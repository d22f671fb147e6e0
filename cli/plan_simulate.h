/* SPDX-License-Identifier: Apache-2.0 */
/* plan_simulate.h – `winnow plan --simulate`: what a rule of early stopping would have
 * saved and lost on recorded learning curves. */
#ifndef CLI_PLAN_SIMULATE_H
#define CLI_PLAN_SIMULATE_H

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/opt.h"
#include "cli/output.h"
#include "core/sweep_spec.h"

/* Appends a row for each rule: the one of the spec and those of --rules. ERR_USAGE or
 * ERR_INVALID for options, rules and curves that cannot be. */
enum err_code plan_simulate(const struct opts *opts,
                            const struct sweep_spec *spec,
                            enum output_format format,
                            struct strbuf *out,
                            struct err *err) MUST_USE;

#endif
