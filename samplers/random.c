/* SPDX-License-Identifier: Apache-2.0 */
/* random.c – independent draws from the space.
 * Owns nothing. Knows that fresh.h draws them. Does not know history. */
#include "samplers/fresh.h"
#include "samplers/samplers.h"

static enum err_code random_suggest(const struct suggest_request *request,
                                    double *x_out,
                                    uint64_t *cursor_out,
                                    struct err *err)
{
    enum err_code code = fresh_point(request, RNG_SUGGEST, x_out, err);
    if (code == ERR_OK) {
        *cursor_out = request->cursor;
    }
    return code;
}

const struct sampler_ops sampler_random = {
    .name = "random",
    .summary = "independent draws; the same seed gives the same trials",
    .learns = false,
    .immediate = true,
    .check = NULL,
    .count = NULL,
    .suggest = random_suggest,
};
