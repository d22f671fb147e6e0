/* SPDX-License-Identifier: Apache-2.0 */
/* spec_rig.h – sweep files in tests: parse a text, a fixture, or just a space. */
#ifndef TESTS_UNIT_CORE_SPEC_RIG_H
#define TESTS_UNIT_CORE_SPEC_RIG_H

#include "base/err.h"
#include "core/sweep_spec.h"

/* Parses with the real samplers; source "t.yaml". mlproject may be NULL; its source is
 * "MLproject". */
enum err_code spec_rig_parse(const char *text,
                             const char *mlproject,
                             struct sweep_spec **spec_out,
                             struct err *err);

/* As above; the test fails with the message on an error. */
struct sweep_spec *spec_rig_must(const char *text, const char *mlproject);

/* A spec that has just this `space` text (indented lines behind "space:") and `more`
 * top-level lines; no command and no bound. */
struct sweep_spec *spec_rig_space(const char *space, const char *more);

/* The error of such a spec, without "t.yaml:"; fails if there is none. */
const char *spec_rig_space_error(const char *space, const char *more, struct err *err);

#endif
