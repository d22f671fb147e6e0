/* SPDX-License-Identifier: Apache-2.0 */
/* point.h – points that people give by name and value. */
#ifndef CORE_POINT_H
#define CORE_POINT_H

#include "base/err.h"
#include "base/json.h"
#include "core/space.h"

/* What keeps an encoded point from being tried. */
enum point_fault {
    POINT_GOOD,
    POINT_MISSING,  /* the active parameter `index` has no value */
    POINT_INACTIVE, /* the parameter `index` has a value though it is not active */
    POINT_FORBIDDEN /* the expression `index` of space->forbids is true */
};

/* Looks at activity and forbidden regions; each value must be legal or NaN. */
enum point_fault
point_fault(const struct space *space, const double *x, size_t *index_out);

/* Encodes {"name": value, …}: exactly the active parameters, legal, not forbidden.
 * ERR_INVALID with a message that names the parameter; x_out (space->len doubles) is
 * then not meaningful. */
MUST_USE
enum err_code point_from_json(const struct space *space,
                              const json_t *params,
                              double *x_out,
                              struct err *err);

#endif
