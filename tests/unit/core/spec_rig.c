/* SPDX-License-Identifier: Apache-2.0 */
/* spec_rig.c – sweep files in tests.
 * Owns nothing. Knows the least text that makes a sweep file. */
#include "tests/lib/test.h"

#include "tests/unit/core/spec_rig.h"

#include "base/mem.h"
#include "samplers/registry.h"

#include <string.h>

static struct sweep_spec_input input_of(const char *text, const char *mlproject)
{
    return (struct sweep_spec_input){
        .text = text,
        .text_len = strlen(text),
        .source = "t.yaml",
        .mlproject = mlproject,
        .mlproject_len = mlproject != NULL ? strlen(mlproject) : 0,
        .mlproject_source = "MLproject",
        .samplers = &sampler_registry_all,
    };
}

enum err_code spec_rig_parse(const char *text,
                             const char *mlproject,
                             struct sweep_spec **spec_out,
                             struct err *err)
{
    struct sweep_spec_input input = input_of(text, mlproject);
    return sweep_spec_parse(&input, spec_out, err);
}

struct sweep_spec *spec_rig_must(const char *text, const char *mlproject)
{
    struct sweep_spec *spec = NULL;
    struct err err = { 0 };
    assert_ok(spec_rig_parse(text, mlproject, &spec, &err), &err);
    return spec;
}

static enum err_code parse_space(const char *space,
                                 const char *more,
                                 struct sweep_spec **spec_out,
                                 struct err *err)
{
    char *AUTO_FREE text = mem_printf(
        "sweep: 1\nname: t\nobjective: {metric: m}\n%sspace:\n%s", more, space);
    struct sweep_spec_input input = input_of(text, NULL);
    input.command_optional = true;
    return sweep_spec_parse(&input, spec_out, err);
}

struct sweep_spec *spec_rig_space(const char *space, const char *more)
{
    struct sweep_spec *spec = NULL;
    struct err err = { 0 };
    assert_ok(parse_space(space, more, &spec, &err), &err);
    return spec;
}

const char *spec_rig_space_error(const char *space, const char *more, struct err *err)
{
    struct sweep_spec *spec = NULL;
    enum err_code code = parse_space(space, more, &spec, err);
    assert_int_not_equal(code, ERR_OK);
    assert_null(spec);
    return strchr(err->msg, ':') + 1;
}
