/* SPDX-License-Identifier: Apache-2.0 */
/* spec_param.h – reading one parameter of a sweep file. */
#ifndef CORE_SPEC_PARAM_H
#define CORE_SPEC_PARAM_H

#include "base/err.h"
#include "core/space.h"
#include "core/spec_read.h"

/* Reads everything but name and `when` into *param, which is zeroed; what was read
 * before an error stays in *param and is freed with its space. `name` is for messages.
 */
MUST_USE
enum err_code spec_read_param(const struct spec_reader *r,
                              const struct yaml_node *node,
                              const char *name,
                              struct param *param);

#endif
