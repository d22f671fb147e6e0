/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c – looking a sampler up by name, and what a request says was tried.
 * Owns nothing. Knows the registry it is given. Does not know any algorithm. */
#include "core/sampler.h"

#include <string.h>

const struct sampler_ops *sampler_find(const struct sampler_registry *registry,
                                       const char *name)
{
    for (size_t i = 0; i < registry->len; i++) {
        if (strcmp(registry->ops[i]->name, name) == 0) {
            return registry->ops[i];
        }
    }
    return NULL;
}

bool suggest_is_tried(const struct suggest_request *request, const double *x)
{
    return (request->tried != NULL && tried_has(request->tried, x, request->trial))
           || (request->batch != NULL && tried_has(request->batch, x, request->trial));
}
