/* SPDX-License-Identifier: Apache-2.0 */
/* backlog.c – queue of owned frames with a limit in bytes.
 * Owns: the frames. Knows: their sizes. Does not know: sockets or peers. */
#include "proto/backlog.h"

#include "base/mem.h"

struct frame {
    struct list_node node;
    uint8_t *data;
    size_t len;
};

void backlog_init(struct backlog *backlog)
{
    list_init(&backlog->frames);
    backlog->bytes = 0;
    backlog->refused = false;
}

void backlog_fini(struct backlog *backlog)
{
    while (!list_is_empty(&backlog->frames)) {
        mem_free(backlog_take(backlog));
    }
}

static struct frame *frame_create(struct backlog *backlog, uint8_t *data, size_t len)
{
    struct frame *frame = mem_alloc(sizeof *frame);
    frame->data = data;
    frame->len = len;
    backlog->bytes += len;
    return frame;
}

bool backlog_add(struct backlog *backlog, uint8_t *data, size_t len, size_t bytes_max)
{
    bool fits = backlog->bytes <= bytes_max && len <= bytes_max - backlog->bytes;
    if (!fits && !list_is_empty(&backlog->frames)) {
        backlog->refused = true;
        mem_free(data);
        return false;
    }
    list_add_tail(&backlog->frames, &frame_create(backlog, data, len)->node);
    return true;
}

bool backlog_peek(const struct backlog *backlog,
                  const uint8_t **data_out,
                  size_t *len_out)
{
    struct list_node *node = list_first(&backlog->frames);
    if (node == NULL) {
        return false;
    }
    const struct frame *frame = container_of(node, struct frame, node);
    *data_out = frame->data;
    *len_out = frame->len;
    return true;
}

uint8_t *backlog_take(struct backlog *backlog)
{
    struct list_node *node = list_pop_head(&backlog->frames);
    ASSERT(node != NULL);
    struct frame *frame = container_of(node, struct frame, node);
    uint8_t *data = frame->data;
    ASSERT(backlog->bytes >= frame->len);
    backlog->bytes -= frame->len;
    mem_free(frame);
    return data;
}

void backlog_put_back(struct backlog *backlog, uint8_t *data, size_t len)
{
    list_add_head(&backlog->frames, &frame_create(backlog, data, len)->node);
}
