/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c – requests from inside the process.
 *
 * Owns: copies of what the caller gave. Knows: that a reply never comes from inside the
 * call that asked. Does not know: verbs. */
#include "coordinator/calls.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "coordinator/coordinator_internal.h"

struct call {
    bool is_submit;
    struct ev_submit submit; /* strings owned */
    struct ev_steer steer;   /* strings owned */
    struct pending pending;
};

static struct call *call_create(coordinator_reply_fn reply, void *reply_ctx)
{
    struct call *call = mem_alloc(sizeof *call);
    call->pending.reply = reply;
    call->pending.reply_ctx = reply_ctx;
    return call;
}

static void call_post(struct coordinator *c, struct call *call)
{
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_CALL, .as.call = call });
    coordinator_wake(c);
}

void coordinator_submit(struct coordinator *c,
                        const struct ev_submit *submit,
                        coordinator_reply_fn reply,
                        void *reply_ctx)
{
    struct call *call = call_create(reply, reply_ctx);
    call->is_submit = true;
    call->submit = *submit;
    call->submit.text = mem_strndup(submit->text, submit->text_len);
    call->submit.source = mem_strdup(submit->source);
    call->submit.mlproject = mem_strdup(submit->mlproject);
    call->submit.directory = mem_strdup(submit->directory);
    call_post(c, call);
}

void coordinator_steer(struct coordinator *c,
                       const struct ev_steer *steer,
                       coordinator_reply_fn reply,
                       void *reply_ctx)
{
    /* What others borrow is not copied. */
    ASSERT(steer->verb < STEER_RETRY);
    struct call *call = call_create(reply, reply_ctx);
    call->steer = *steer;
    call->steer.sweep = mem_strdup(steer->sweep);
    call->steer.cause = mem_strdup(steer->cause);
    call_post(c, call);
}

static void call_answer(const struct call *call, enum err_code code, const char *text)
{
    if (call->pending.reply != NULL) {
        call->pending.reply(call->pending.reply_ctx, code, text);
    }
}

void call_run(struct coordinator *c, const struct call *call)
{
    struct err err = { 0 };
    if (!call->is_submit) {
        requests_steer(c, &call->steer, &call->pending);
        return;
    }
    enum err_code code = requests_submit_check(&call->submit, &err);
    if (code != ERR_OK) {
        call_answer(call, code, err.msg);
        return;
    }
    requests_submit(c, &call->submit, &call->pending);
}

void call_refuse(const struct call *call)
{
    call_answer(call, ERR_CLOSED, "the coordinator is closing");
}

/* Frees a string that the core's structs hold as const. */
static void text_free(const char *text)
{
    char *owned = NULL;
    memcpy(&owned, &text, sizeof owned);
    mem_free(owned);
}

void call_destroy(struct call *call)
{
    text_free(call->submit.text);
    text_free(call->submit.source);
    text_free(call->submit.mlproject);
    text_free(call->submit.directory);
    text_free(call->steer.sweep);
    text_free(call->steer.cause);
    mem_free(call);
}
