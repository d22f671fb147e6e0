/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h – messages of proto/ to events of core/, and messages of core/ to frames. */
#ifndef COORDINATOR_WIRE_H
#define COORDINATOR_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/vec.h"
#include "core/effect.h"
#include "core/event.h"
#include "proto/codec.h"

/* Unacknowledged bytes that one agent may have out: enough for a commit's latency at
 * full speed, small enough that thousands of agents cannot fill memory. */
#define WIRE_WINDOW_BYTES     ((uint32_t)1024 * 1024)
#define WIRE_LOG_WINDOW_BYTES ((uint32_t)512 * 1024)
/* Notes and metric names in one Report. */
#define WIRE_NOTES_MAX 1000
#define WIRE_NAMES_MAX 1000
/* Attempts one Hello may present: an agent's slots, prefetched and ended ones. */
#define WIRE_HELD_MAX 20000

/* What every Welcome says, and memory that is used again for each message. Zeroed
 * except for the first two fields is ready; wire_fini frees. */
struct wire {
    uint32_t lease_ms;
    const char *home_id; /* borrowed */
    VEC(int64_t) times;
    VEC(struct rec_note) notes;
    VEC(struct held_attempt) held;
    VEC(double) params;
    char cause[CAUSE_BYTES_MAX + 1];
};

void wire_fini(struct wire *wire);

/* The event of a message of an agent; kind and `as` of *event are set. What it points
 * to belongs to msg or wire and lives until the next call with either. user: name of
 * the peer's key, NULL without. ERR_INVALID: which value is wrong. */
enum err_code wire_event(struct wire *wire,
                         const struct codec_message *msg,
                         const char *user,
                         struct event *event,
                         struct err *err) MUST_USE;

/* The frame of a message to an agent, for transport_send. ERR_TOOBIG: it does not fit.
 */
enum err_code wire_pack(struct wire *wire,
                        const struct message *message,
                        uint8_t **data_out,
                        size_t *len_out,
                        struct err *err) MUST_USE;

/* One part of an answer to a client. */
struct wire_reply {
    uint64_t id;
    enum err_code code;
    const char *data; /* only read; may be NULL when len is 0 */
    size_t len;
    bool more; /* further parts follow */
};

/* Its frame. ERR_TOOBIG when a part is too long for a message. */
enum err_code wire_pack_reply(const struct wire_reply *reply,
                              uint8_t **data_out,
                              size_t *len_out) MUST_USE;

#endif
