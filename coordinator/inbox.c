/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.c – a queue of items with the bytes of their frames behind one another.
 *
 * Owns: the memory. Knows: that a burst must not keep its memory for ever.
 * Does not know: what items mean. */
#include "coordinator/inbox.h"

#include <string.h>

/* Kept between rounds; the frames of a busy round fit. */
#define KEEP_BYTES ((size_t)256 * 1024)
#define KEEP_ITEMS 4096

void inbox_add(struct inbox *inbox, struct item item)
{
    vec_push(&inbox->items, item);
}

void inbox_add_frame(struct inbox *inbox,
                     uint64_t peer,
                     const uint8_t *data,
                     size_t len)
{
    struct item item = {
        .kind = ITEM_FRAME, .peer = peer, .at = inbox->bytes.len, .len = len
    };
    vec_reserve(&inbox->bytes, inbox->bytes.len + len);
    if (len > 0) {
        memcpy(inbox->bytes.ptr + inbox->bytes.len, data, len);
    }
    inbox->bytes.len += len;
    vec_push(&inbox->items, item);
}

void inbox_reset(struct inbox *inbox)
{
    if (inbox->bytes.cap > KEEP_BYTES) {
        vec_fini(&inbox->bytes);
    }
    if (inbox->items.cap > KEEP_ITEMS) {
        vec_fini(&inbox->items);
    }
    vec_reset(&inbox->bytes);
    vec_reset(&inbox->items);
}

void inbox_fini(struct inbox *inbox)
{
    vec_fini(&inbox->bytes);
    vec_fini(&inbox->items);
}
