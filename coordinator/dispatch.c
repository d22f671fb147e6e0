/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.c – from a frame to its handler.
 *
 * Owns: the table made from messages.def. Knows: which message is legal in which state
 * of a session, and how somebody who does not keep to it is answered. Does not know:
 * what events lead to.
 *
 *   state   hello          report, log, …       request   anything else
 *   NEW     to the engine  "hello wanted" once  handled   counted, told once
 *   READY   to the engine  to the engine        handled   counted, told once
 *
 * NEW becomes READY when the engine's Welcome goes out (effects.c). */
#include "base/mem.h"
#include "coordinator/coordinator_internal.h"
#include "coordinator/requests.h"

typedef void (*dispatch_fn)(struct coordinator *c,
                            struct session *session,
                            const struct codec_message *msg);

static void tell(struct coordinator *c, struct session *session, struct message message)
{
    uint8_t *data = NULL;
    size_t len = 0;
    if (wire_pack(&c->wire, &message, &data, &len, NULL) == ERR_OK) {
        IGNORE_ERR(session_send(session, data, len), "who sends garbage may miss it");
    }
}

/* The peer said something that it should not have; it hears why once. */
static void
refuse(struct coordinator *c, struct session *session, enum err_code code, char *text)
{
    c->garbage++;
    session->garbage++;
    if (!session->refused) {
        char quoted[ERR_MSG_SIZE + 16];
        session->refused = true;
        COORDINATOR_LOG(
            c, LOG_LEVEL_WARN, "message_refused", "agent=%s code=%s reason=%s",
            session->agent_id != NULL ? session->agent_id : "-", err_name(code),
            log_quote(str_from(text), quoted, sizeof quoted));
        tell(c, session,
             (struct message){ .kind = TO_AGENT_REFUSE,
                               .as.refuse = { .code = code, .text = text } });
    }
}

static void remember_agent(struct session *session, const char *agent_id)
{
    session->hello_wanted = false;
    mem_free(session->agent_id);
    session->agent_id = mem_strdup(agent_id);
}

static void agent_message(struct coordinator *c,
                          struct session *session,
                          const struct codec_message *msg)
{
    struct event event = coordinator_event(c, EV_HELLO, session->peer);
    struct err err = { 0 };
    enum err_code code = wire_event(&c->wire, msg, session->user, &event, &err);
    if (code != ERR_OK) {
        err_wrap(&err, "message '%s'", msg_name(msg->type));
        refuse(c, session, code, err.msg);
        return;
    }
    if (msg->type == MSG_HELLO) {
        remember_agent(session, event.as.hello.agent_id);
    }
    coordinator_step(c, &event);
}

static void client_message(struct coordinator *c,
                           struct session *session,
                           const struct codec_message *msg)
{
    const Winnow__Request *request = msg->env->request;
    requests_handle(c, session, request->id, request->verb, request->args);
}

/* A row from a new kind of sender, or a new session state, does not compile. */
#define HANDLER_AGENT       agent_message
#define HANDLER_CLIENT      client_message
#define HANDLER_COORDINATOR NULL
#define MESSAGE(name, NAME, Type, from, session, bytes_max)                            \
    [MSG_##NAME] = HANDLER_##from,
static const dispatch_fn HANDLERS[MSG_TYPE_NR] = {
#include "proto/messages.def"
};
#undef MESSAGE

static bool session_allows(const struct session *session, enum msg_type type)
{
    switch (msg_info(type)->session) {
    case MSG_SESSION_ANY:
        return true;
    case MSG_SESSION_NEW:
        return !session->ready;
    case MSG_SESSION_READY:
        return session->ready;
    }
    UNREACHABLE();
}

static void want_hello(struct coordinator *c, struct session *session)
{
    if (!session->hello_wanted) {
        session->hello_wanted = true;
        tell(c, session, (struct message){ .kind = TO_AGENT_HELLO_WANTED });
    }
}

void dispatch_frame(struct coordinator *c,
                    struct session *session,
                    const uint8_t *data,
                    size_t len)
{
    if (session->garbage >= SESSION_GARBAGE_MAX) {
        c->garbage++;
        return;
    }
    struct codec_message msg;
    struct err err = { 0 };
    enum err_code code = codec_decode(c->decoder, data, len, &msg, &err);
    if (code != ERR_OK) {
        refuse(c, session, code, err.msg);
    } else if (!session_allows(session, msg.type)) {
        want_hello(c, session);
    } else {
        HANDLERS[msg.type](c, session, &msg);
    }
}
