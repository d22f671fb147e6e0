/* SPDX-License-Identifier: Apache-2.0 */
/* space_map.h – points of one search space seen in another, as after an edit.
 *
 * Parameters correspond by name, values by what they are: the second choice of one
 * space may be the fourth of the other, an int may have become a float. Both spaces may
 * be the same one. Pure; nothing is kept.
 */
#ifndef CORE_SPACE_MAP_H
#define CORE_SPACE_MAP_H

#include <stdbool.h>

#include "base/compiler.h"
#include "core/space.h"

/* True when points of both spaces are the same arrays: the same parameters in the same
 * order, each of the same kind and with the same items in the same order. Bounds,
 * scales, steps and conditions may differ. */
MUST_USE
bool space_same_layout(const struct space *a, const struct space *b);

/* True when every active value of the point x_from (from->len doubles) is a legal value
 * of the parameter of the same name in `to`. Then x_to_out (to->len doubles) holds the
 * point, NaN for each parameter that x_from does not give; else it is undefined.
 * Conditions and forbidden regions of `to` are not looked at: what was learnt at the
 * point stays true. x_to_out must not be x_from. */
MUST_USE
bool space_map_point(const struct space *from,
                     const struct space *to,
                     const double *x_from,
                     double *x_to_out);

/* True when the point x_from could be tried in `to` as it is: its values are legal
 * there, just the parameters that are active in `to` have one, and it is not
 * forbidden. */
MUST_USE
bool space_allows_point(const struct space *from,
                        const struct space *to,
                        const double *x_from);

#endif
