/* SPDX-License-Identifier: Apache-2.0 */
/* replies.h – answers to clients, in parts where they are long, at the client's pace.
 */
#ifndef COORDINATOR_REPLIES_H
#define COORDINATOR_REPLIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct session;

/* Data of one part: a client that reads slowly holds up nothing but its own answer. */
#define REPLIES_PART_BYTES ((size_t)1024 * 1024)

/* Answers request `id`: takes text (len bytes, may be NULL when len is 0), JSON when
 * code is ERR_OK, else the error's words. Sends what the connection takes now. */
void replies_add(
    struct session *session, uint64_t id, enum err_code code, char *text, size_t len);

/* As replies_add with a copy of a C string. */
void replies_add_text(struct session *session,
                      uint64_t id,
                      enum err_code code,
                      const char *text);

/* Goes on sending; for when the connection has drained. */
void replies_continue(struct session *session);

/* Frees what is unsent. */
void replies_drop(struct session *session);

#endif
