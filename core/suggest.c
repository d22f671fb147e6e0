/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.c – one request after another to the sweep's sampler.
 * Owns what one batch has found. Knows how a later point of a batch sees the earlier
 * ones. Does not know any algorithm, nor the engine. */
#include "core/suggest.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

/* A point found in this batch is open for the next one, and not to be found again. */
static void remember(const struct suggest_known *known,
                     const struct fx_suggest *ask,
                     struct suggest_request *request,
                     struct tried *batch,
                     const double *x)
{
    size_t dims = known->spec->space->len;
    if (ask->open != NULL) {
        memcpy(ask->open + request->open_len * dims, x, dims * sizeof *x);
        request->open_len++;
    }
    if (known->tried != NULL) {
        tried_add(batch, x, request->trial);
    }
}

void suggest_find(const struct suggest_known *known,
                  const struct fx_suggest *ask,
                  struct suggest_answer *answer_out)
{
    const struct sweep_spec *spec = known->spec;
    size_t dims = spec->space->len;
    struct tried batch;
    tried_init(&batch, dims);
    struct suggest_request request = { .space = spec->space,
                                       .options = spec->sampler_options,
                                       .seed = spec->seed,
                                       .cursor = ask->cursor,
                                       .history = known->history,
                                       .history_len = ask->history_len,
                                       .open = ask->open,
                                       .open_len = ask->open_len,
                                       .tried = known->tried,
                                       .batch = known->tried != NULL ? &batch : NULL };
    *answer_out = (struct suggest_answer){
        .x = mem_alloc_array((size_t)ask->count * dims, sizeof *answer_out->x),
        .cursor = mem_alloc_array(ask->count, sizeof *answer_out->cursor),
    };
    for (uint32_t i = 0; i < ask->count; i++) {
        request.trial = ask->first + i;
        double *x = answer_out->x + i * dims;
        enum err_code code = spec->sampler->suggest(&request, x, &answer_out->cursor[i],
                                                    &answer_out->err);
        if (code != ERR_OK) {
            answer_out->exhausted = code == ERR_NOTFOUND;
            answer_out->failed = code != ERR_NOTFOUND;
            break;
        }
        request.cursor = answer_out->cursor[i];
        answer_out->len = (size_t)i + 1;
        remember(known, ask, &request, &batch, x);
    }
    tried_fini(&batch);
}

void suggest_answer_fini(struct suggest_answer *answer)
{
    mem_free(answer->x);
    mem_free(answer->cursor);
    answer->x = NULL;
    answer->cursor = NULL;
}

struct ev_suggested suggest_answer_event(const struct fx_suggest *ask,
                                         const struct suggest_answer *answer)
{
    return (struct ev_suggested){ .sweep = ask->sweep,
                                  .first = ask->first,
                                  .history = ask->history_len,
                                  .len = answer->len,
                                  .x = answer->x,
                                  .cursor = answer->cursor,
                                  .exhausted = answer->exhausted,
                                  .error = answer->failed ? answer->err.msg : NULL };
}
