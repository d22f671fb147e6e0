/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mlproject.c – any bytes as an MLproject file beside a fixed sweep: an error with
 * a position, or a command that expands. */
#include "base/assert.h"
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

static const char sweep[] = "sweep: 1\nname: f\nproject: {path: .}\n"
                            "objective: {metric: m}\n"
                            "space:\n  x: {float: [0, 1]}\n"
                            "  y: {int: [1, 2], when: x > 0.5}\n"
                            "budget: {trials: 1}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sweep_spec_input input = {
        .text = sweep,
        .text_len = strlen(sweep),
        .source = "f",
        .mlproject = (const char *)data,
        .mlproject_len = size,
        .mlproject_source = "m",
        .samplers = &registry,
    };
    struct sweep_spec *spec = NULL;
    struct err err = { 0 };
    if (size == 0 || sweep_spec_parse(&input, &spec, &err) != ERR_OK) {
        ASSERT(size == 0 || strncmp(err.msg, "m:", 2) == 0);
        return 0;
    }
    for (size_t i = 0; i < 2; i++) {
        double x[] = { i == 0 ? 0.25 : 0.75, 1.0 };
        struct argv argv = { 0 };
        space_prune(spec->space, x);
        if (command_expand(spec->command, spec->space, x, &argv, NULL) == ERR_OK) {
            ASSERT(argv.len > 0);
            argv_fini(&argv);
        }
    }
    sweep_spec_destroy(spec);
    return 0;
}
