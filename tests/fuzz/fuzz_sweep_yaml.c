/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sweep_yaml.c – any bytes as a sweep file: an error with a position, or a spec
 * whose canonical print parses to an equal spec. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/sweep_spec.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static enum err_code no_suggest(const struct suggest_request *request,
                                double *x_out,
                                uint64_t *cursor_out,
                                struct err *err)
{
    UNUSED(request);
    UNUSED(x_out);
    UNUSED(cursor_out);
    return err_set(err, ERR_NOTFOUND, "none");
}

static const struct sampler_ops stub = { .name = "random", .suggest = no_suggest };
static const struct sampler_ops *const stubs[] = { &stub };
static const struct sampler_registry registry = { .ops = stubs, .len = 1 };

static enum err_code
parse(const char *text, size_t len, struct sweep_spec **spec_out, struct err *err)
{
    static const char mlproject[] =
        "entry_points: {main: {parameters: {x: {type: float, "
        "default: 1}}, command: 'run {x}'}}";
    const struct sweep_spec_input input = {
        .text = text,
        .text_len = len,
        .source = "f",
        .mlproject = mlproject,
        .mlproject_len = strlen(mlproject),
        .mlproject_source = "MLproject",
        .samplers = &registry,
        .command_optional = len % 2 == 0,
    };
    return sweep_spec_parse(&input, spec_out, err);
}

/* Expands the command with every parameter active at its lowest value. */
static void expand(const struct sweep_spec *spec)
{
    double *AUTO_FREE x = mem_alloc_array(spec->space->len, sizeof *x);
    struct argv argv = { 0 };
    for (size_t i = 0; i < spec->space->len; i++) {
        x[i] = space_snap(spec->space, i, spec->space->params[i].low);
    }
    space_prune(spec->space, x);
    (void)space_is_forbidden(spec->space, x);
    if (spec->command != NULL
        && command_expand(spec->command, spec->space, x, &argv, NULL) == ERR_OK) {
        argv_fini(&argv);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sweep_spec *spec = NULL;
    struct sweep_spec *again = NULL;
    struct err err = { 0 };
    const char *text = (const char *)data;
    if (parse(text, size, &spec, &err) != ERR_OK) {
        ASSERT(err.code != ERR_OK && err.msg[0] != '\0');
        return 0;
    }
    struct strbuf AUTO_STRBUF printed = STRBUF_INIT(YAML_BYTES_MAX);
    struct strbuf AUTO_STRBUF keys = STRBUF_INIT(YAML_BYTES_MAX);
    sweep_spec_print(spec, &printed);
    /* The length decides whether a command is needed; keep its parity. */
    if (printed.len % 2 != size % 2) {
        strbuf_addc(&printed, '\n');
    }
    ASSERT(parse(strbuf_cstr(&printed), printed.len, &again, &err) == ERR_OK);
    ASSERT(sweep_spec_diff(spec, again, &keys) == 0);
    expand(spec);
    sweep_spec_destroy(spec);
    sweep_spec_destroy(again);
    return 0;
}
