/* SPDX-License-Identifier: Apache-2.0 */
/* replies.c – streams of Reply messages.
 *
 * Owns: the text of each answer until its last part is sent. Knows: parts, and that a
 * full backlog means to wait for `drained`. Does not know: what was asked. */
#include "coordinator/replies.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "coordinator/sessions.h"
#include "coordinator/wire.h"

struct reply {
    struct list_node node;
    uint64_t id;
    enum err_code code;
    char *text;
    size_t len, sent;
};

static void reply_destroy(struct reply *reply)
{
    mem_free(reply->text);
    mem_free(reply);
}

/* Sends parts until the answer is out; false when the connection takes no more now. */
static bool reply_send(struct session *session, struct reply *reply)
{
    bool more = true;
    while (more) {
        size_t len = reply->len - reply->sent;
        if (len > REPLIES_PART_BYTES) {
            len = REPLIES_PART_BYTES;
        }
        more = reply->sent + len < reply->len;
        struct wire_reply part = { .id = reply->id,
                                   .code = reply->code,
                                   .data = len > 0 ? reply->text + reply->sent : NULL,
                                   .len = len,
                                   .more = more };
        uint8_t *data = NULL;
        size_t data_len = 0;
        enum err_code code = wire_pack_reply(&part, &data, &data_len);
        ASSERT(code == ERR_OK);
        code = session_send(session, data, data_len);
        if (code == ERR_AGAIN) {
            return false;
        }
        /* Gone: the rest goes nowhere either, and peer_down is on its way. */
        more = more && code == ERR_OK;
        reply->sent += len;
    }
    return true;
}

void replies_continue(struct session *session)
{
    for (;;) {
        struct list_node *node = list_first(&session->replies);
        if (node == NULL) {
            return;
        }
        struct reply *reply = container_of(node, struct reply, node);
        if (!reply_send(session, reply)) {
            return;
        }
        list_remove(&session->replies, node);
        reply_destroy(reply);
    }
}

void replies_add(
    struct session *session, uint64_t id, enum err_code code, char *text, size_t len)
{
    struct reply *reply = mem_alloc(sizeof *reply);
    reply->id = id;
    reply->code = code;
    reply->text = text;
    reply->len = len;
    bool idle = list_is_empty(&session->replies);
    list_add_tail(&session->replies, &reply->node);
    if (idle) {
        replies_continue(session);
    }
}

void replies_add_text(struct session *session,
                      uint64_t id,
                      enum err_code code,
                      const char *text)
{
    replies_add(session, id, code, mem_strdup(text), strlen(text));
}

void replies_drop(struct session *session)
{
    for (;;) {
        struct list_node *node = list_pop_head(&session->replies);
        if (node == NULL) {
            return;
        }
        reply_destroy(container_of(node, struct reply, node));
    }
}
