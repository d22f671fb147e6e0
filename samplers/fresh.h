/* SPDX-License-Identifier: Apache-2.0 */
/* fresh.h – a random point that may be suggested: legal, pruned, not forbidden and, if
 * the request says so, not tried before. What every sampler falls back to. */
#ifndef SAMPLERS_FRESH_H
#define SAMPLERS_FRESH_H

#include "base/rng.h"
#include "core/sampler.h"

/* The value of parameter i at share u, in [0, 1), of its distribution: floats uniform
 * on their scale; stepped values, ints and choices in parts of equal size; ints on a
 * log scale uniform in log over [low - 1/2, high + 1/2], then rounded, so that the
 * bounds are as likely as their neighbours suggest. */
double fresh_value(const struct space *space, size_t i, double u);

/* Draws a point, each parameter from its own stream (seed, trial, name, purpose). Draws
 * again, from the same streams, what is forbidden or tried. Where draws only meet tried
 * points, or nothing allowed, a finite space of at most GRID_CELLS_MAX raw cells is
 * gone through from a random start on, so there the answer is exact; elsewhere the
 * number of draws is bounded.
 *
 * ERR_NOTFOUND: every allowed point was tried. ERR_INVALID: nothing was found that is
 * allowed; the message says which share `forbid` rejected and which was tried. x_out
 * (space->len doubles) may be written on failure too. */
MUST_USE
enum err_code fresh_point(const struct suggest_request *request,
                          enum rng_purpose purpose,
                          double *x_out,
                          struct err *err);

#endif
