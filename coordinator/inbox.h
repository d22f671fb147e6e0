/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h – what has happened and was not worked off yet, in order. Frames are copied
 * into one buffer that is used again, so that a message costs no allocation. */
#ifndef COORDINATOR_INBOX_H
#define COORDINATOR_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/vec.h"

struct suggestion;
struct call;

enum item_kind {
    ITEM_START,     /* the first: replay is over */
    ITEM_FRAME,     /* peer sent bytes [at, at + len) */
    ITEM_DOWN,      /* peer is gone */
    ITEM_GIVEN_UP,  /* peer does not read: treated as lost, may say hello again */
    ITEM_SUGGESTED, /* owned struct suggestion of suggest.c */
    ITEM_CALL,      /* owned struct call: a request of this process */
    ITEM_SHUTDOWN,  /* flag: drain */
    ITEM_DISK       /* flag: full */
};

struct item {
    enum item_kind kind;
    bool flag;
    uint64_t peer;
    size_t at, len;
    union {
        struct suggestion *suggestion;
        struct call *call;
    } as;
};

/* Zeroed is empty. */
struct inbox {
    VEC(struct item) items;
    VEC(uint8_t) bytes;
};

void inbox_add(struct inbox *inbox, struct item item);
void inbox_add_frame(struct inbox *inbox,
                     uint64_t peer,
                     const uint8_t *data,
                     size_t len);
/* Empties it; gives memory back that a burst had taken. Items must have been released.
 */
void inbox_reset(struct inbox *inbox);
void inbox_fini(struct inbox *inbox);

#endif
