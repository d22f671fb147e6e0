/* SPDX-License-Identifier: Apache-2.0 */
/* backlog.h – frames that wait, in order, until they can be passed on; bounded in
 * bytes. Internal to the transports. */
#ifndef PROTO_BACKLOG_H
#define PROTO_BACKLOG_H

#include "base/compiler.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields are read-only for others. */
struct backlog {
    struct list frames;
    size_t bytes; /* of all frames */
    bool refused; /* backlog_add has said no since this was last cleared */
};

void backlog_init(struct backlog *backlog);
/* Frees what waits. */
void backlog_fini(struct backlog *backlog);

/* Takes data in any case. False (and `refused` set) when the frames would pass
 * bytes_max; a single frame always fits an empty backlog. */
bool backlog_add(struct backlog *backlog,
                 uint8_t *data,
                 size_t len,
                 size_t bytes_max) MUST_USE;
/* The oldest frame (borrowed); false when empty. */
bool backlog_peek(const struct backlog *backlog,
                  const uint8_t **data_out,
                  size_t *len_out);
/* Removes the oldest frame and gives its bytes to the caller (mem_free). */
uint8_t *backlog_take(struct backlog *backlog) MUST_USE;
/* Takes data back to the front, after backlog_take could not be followed through. */
void backlog_put_back(struct backlog *backlog, uint8_t *data, size_t len);

#endif
