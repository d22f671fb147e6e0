/* SPDX-License-Identifier: Apache-2.0 */
/* spec_space.h – reading `space` and `forbid` of a sweep file. */
#ifndef CORE_SPEC_SPACE_H
#define CORE_SPEC_SPACE_H

#include "base/err.h"
#include "core/space.h"
#include "core/spec_read.h"

/* Reads the `space` map and the `forbid` list (may be NULL) into a space, with names,
 * bounds, conditions and their order checked. Freed with space_destroy. */
MUST_USE
enum err_code spec_read_space(const struct spec_reader *r,
                              const struct yaml_node *space_node,
                              const struct yaml_node *forbid_node,
                              struct space **space_out);

#endif
