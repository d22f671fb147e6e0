/* SPDX-License-Identifier: Apache-2.0 */
/* effects.c – carries out what the outbox releases.
 *
 * Owns: nothing. Knows: which part of the shell does which effect. Does not know: why.
 */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "coordinator/coordinator_internal.h"
#include "coordinator/replies.h"

/* The peer does not read: what it missed is gone, so the engine must take it for lost.
 * It is asked for a hello with its next word. */
static void give_up(struct coordinator *c, struct session *session)
{
    session->ready = false;
    session->hello_wanted = false;
    COORDINATOR_LOG(c, LOG_LEVEL_WARN, "agent_not_reading", "agent=%s",
                    session->agent_id != NULL ? session->agent_id : "-");
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_GIVEN_UP, .peer = session->peer });
    coordinator_wake(c);
}

static void log_connected(const struct coordinator *c, const struct session *session)
{
    char quoted[NAME_BYTES_MAX * 2];
    COORDINATOR_LOG(c, LOG_LEVEL_INFO, "agent_connected", "agent=%s",
                    log_quote(str_from(session->agent_id), quoted, sizeof quoted));
}

static void note_state(const struct coordinator *c,
                       struct session *session,
                       const struct message *message)
{
    switch (message->kind) {
    case TO_AGENT_WELCOME:
        if (!session->ready) {
            session->ready = true;
            log_connected(c, session);
        }
        break;
    case TO_AGENT_HELLO_WANTED:
        session->hello_wanted = true;
        session->ready = false;
        break;
    case TO_AGENT_REFUSE:
        session->ready = false;
        break;
    case TO_AGENT_SWEEP:
    case TO_AGENT_ASSIGN:
    case TO_AGENT_STOP:
    case TO_AGENT_ACK:
    case TO_AGENT_LOG_ACK:
    case TO_AGENT_LIMITS:
    case TO_AGENT_NR:
        break;
    }
}

static void fx_send(struct coordinator *c, const struct effect *effect)
{
    struct session *session = sessions_find(&c->sessions, effect->peer);
    if (session == NULL) {
        return; /* EV_PEER_LOST was given when the session went */
    }
    if (effect->as.message.kind == TO_AGENT_HELLO_WANTED && session->hello_wanted) {
        return;
    }
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    if (wire_pack(&c->wire, &effect->as.message, &data, &len, &err) != ERR_OK) {
        COORDINATOR_LOG(c, LOG_LEVEL_ERROR, "message_not_sent", "reason=\"%s\"",
                        err.msg);
        return;
    }
    enum err_code code = session_send(session, data, len);
    if (code == ERR_AGAIN) {
        give_up(c, session);
    } else if (code == ERR_OK) {
        note_state(c, session, &effect->as.message);
    }
}

static void answer(struct coordinator *c,
                   const struct pending *pending,
                   enum err_code code,
                   const char *text)
{
    if (pending->peer == 0) {
        if (pending->reply != NULL) {
            pending->reply(pending->reply_ctx, code, text);
        }
        return;
    }
    struct session *session = sessions_find(&c->sessions, pending->peer);
    if (session != NULL) {
        session->requests_open--;
        replies_add_text(session, pending->id, code, text);
    }
}

static void fx_reply(struct coordinator *c, const struct fx_reply *fx)
{
    AUTO_FREE struct pending *pending = map_u64_del(&c->pending, fx->token);
    if (pending == NULL) {
        return;
    }
    const char *text = fx->text != NULL ? fx->text : "{}";
    if (pending->is_submit && fx->code == ERR_OK) {
        char quoted[512];
        COORDINATOR_LOG(c, LOG_LEVEL_INFO, "sweep_submitted", "answer=%s",
                        log_quote(str_from(text), quoted, sizeof quoted));
    }
    answer(c, pending, fx->code, text);
}

static void fx_sweep_ended(struct coordinator *c, const struct fx_sweep_ended *fx)
{
    struct sweep_summary summary;
    char quoted[512];
    engine_summary(c->engine, fx->sweep, &summary);
    COORDINATOR_LOG(c, LOG_LEVEL_INFO, "sweep_ended",
                    "sweep=%s id=%s state=%s finished=%u failed=%u cause=%s",
                    summary.name, summary.run_id.hex, sweep_state_name(fx->state),
                    summary.counts[TRIAL_FINISHED], summary.counts[TRIAL_FAILED],
                    log_quote(str_from(summary.cause), quoted, sizeof quoted));
    if (c->cb.on_sweep_ended != NULL && c->phase == PHASE_RUN) {
        c->cb.on_sweep_ended(c->ctx, fx->sweep, fx->state);
    }
}

static void fx_warn(const struct coordinator *c, const char *text)
{
    char quoted[1024];
    COORDINATOR_LOG(c, LOG_LEVEL_WARN, "warning", "text=%s",
                    log_quote(str_from(text), quoted, sizeof quoted));
}

void effects_drained(struct coordinator *c)
{
    if (c->cb.on_drained != NULL && c->phase == PHASE_RUN && !c->drained) {
        c->drained = true;
        c->cb.on_drained(c->ctx);
    }
}

static void effect_run(struct coordinator *c, struct effect *effect)
{
    switch (effect->kind) {
    case FX_SEND:
        fx_send(c, effect);
        return;
    case FX_SUGGEST:
        suggest_start(c, &effect->as.suggest);
        return;
    case FX_REPLY:
        fx_reply(c, &effect->as.reply);
        return;
    case FX_SWEEP_ENDED:
        fx_sweep_ended(c, &effect->as.sweep_ended);
        return;
    case FX_DRAINED:
        effects_drained(c);
        return;
    case FX_WARN:
        fx_warn(c, effect->as.warning);
        return;
    case FX_PERSIST:
    case FX_KIND_NR:
        break;
    }
    UNREACHABLE();
}

void effects_run(struct coordinator *c)
{
    struct effect effect;
    while (!c->failed && outbox_next(c->outbox, &effect)) {
        effect_run(c, &effect);
        effect_fini(&effect);
    }
}

void effects_drop_pending(struct coordinator *c)
{
    size_t pos = 0;
    uint64_t token = 0;
    void *item = NULL;
    while (map_u64_next(&c->pending, &pos, &token, &item)) {
        AUTO_FREE struct pending *pending = item;
        map_u64_del(&c->pending, token);
        answer(c, pending, ERR_CLOSED, "the coordinator is closing");
    }
    map_u64_fini(&c->pending);
}
