/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.c – runs samplers.
 *
 * Owns: a suggestion from FX_SUGGEST to EV_SUGGESTED. Knows: which samplers are cheap
 * enough for the loop's thread. Does not know: algorithms.
 *
 * A job on the pool reads only what the engine lends (core/suggest.h), which stands
 * still until the answer; the engine is not destroyed while jobs are out. */
#include "coordinator/suggest.h"

#include "base/assert.h"
#include "base/mem.h"
#include "coordinator/coordinator_internal.h"
#include "core/suggest.h"

struct suggestion {
    uv_work_t work;
    struct coordinator *owner;
    struct suggest_known known;
    struct fx_suggest asked; /* owns its open points */
    struct suggest_answer answer;
};

static void suggestion_deliver(struct suggestion *s)
{
    struct coordinator *c = s->owner;
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_SUGGESTED, .as.suggestion = s });
    coordinator_wake(c);
}

static void work_run(uv_work_t *work)
{
    struct suggestion *s = container_of(work, struct suggestion, work);
    suggest_find(&s->known, &s->asked, &s->answer);
}

static void work_done(uv_work_t *work, int status)
{
    struct suggestion *s = container_of(work, struct suggestion, work);
    UNUSED(status);
    s->owner->works--;
    suggestion_deliver(s);
}

void suggest_start(struct coordinator *c, struct fx_suggest *fx)
{
    if (c->phase != PHASE_RUN) {
        return; /* asked again after the restart */
    }
    struct suggestion *s = mem_alloc(sizeof *s);
    s->owner = c;
    s->known = engine_known(c->engine, fx->sweep, fx->revision);
    s->asked = *fx;
    s->asked.open = mem_take(&fx->open);
    if (s->known.spec->sampler->immediate) {
        suggest_find(&s->known, &s->asked, &s->answer);
        suggestion_deliver(s);
        return;
    }
    int rc = uv_queue_work(c->loop, &s->work, work_run, work_done);
    ASSERT(rc == 0);
    c->works++;
}

void suggestion_step(struct coordinator *c, const struct suggestion *s)
{
    struct event event = coordinator_event(c, EV_SUGGESTED, 0);
    event.as.suggested = suggest_answer_event(&s->asked, &s->answer);
    coordinator_step(c, &event);
}

void suggestion_destroy(struct suggestion *s)
{
    suggest_answer_fini(&s->answer);
    mem_free(s->asked.open);
    mem_free(s);
}
