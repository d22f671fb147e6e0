/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h – frames of the wire and the messages in them.
 *
 * A frame is one packed Winnow__Envelope: `version`, then exactly one body. Nothing of
 * a frame is trusted: size, direction, version, structure and text are checked before
 * and while it is unpacked, and unpacking has a memory limit. One thread per decoder;
 * the other functions have no state. */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "base/compiler.h"
#include "base/err.h"
#include "proto/winnow.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* A peer with the same major and a minor at most one away is understood. */
#define CODEC_VERSION_MAJOR 1u
#define CODEC_VERSION_MINOR 0u
#define CODEC_VERSION       (CODEC_VERSION_MAJOR << 16 | CODEC_VERSION_MINOR)

/* MSG_HELLO, MSG_REPORT, … in the order of messages.def. */
#define MESSAGE(name, NAME, Type, from, session, bytes_max) MSG_##NAME,
enum msg_type {
#include "proto/messages.def"
    MSG_TYPE_NR
};
#undef MESSAGE

/* Who may say a message; flags, so that a receiver can accept several. */
enum msg_from {
    MSG_FROM_AGENT = 1u << 0,
    MSG_FROM_COORDINATOR = 1u << 1,
    MSG_FROM_CLIENT = 1u << 2,
};

/* State that the session with the peer must be in for the message to be legal. */
enum msg_session {
    MSG_SESSION_ANY,
    MSG_SESSION_NEW,
    MSG_SESSION_READY
};

/* One row of messages.def. */
struct msg_info {
    const char *name;         /* "hello_wanted"; static */
    enum msg_from from;       /* one flag */
    enum msg_session session; /* checked by the receiver's dispatch, not by the codec */
    size_t bytes_max;         /* largest frame */
};

/* The row of a type below MSG_TYPE_NR; static memory. */
const struct msg_info *msg_info(enum msg_type type);
/* "hello_wanted"; static memory. */
const char *msg_name(enum msg_type type);

/* codec_init_<name>(env, body): makes both empty, sets env's version and links the body
 * into it. Both stay the caller's; what they point to is only read by codec_pack. */
#define MESSAGE(name, NAME, Type, from, session, bytes_max)                            \
    static inline void codec_init_##name(Winnow__Envelope *env, Winnow__##Type *body)  \
    {                                                                                  \
        winnow__envelope__init(env);                                                   \
        winnow__##name##__init(body);                                                  \
        env->has_version = 1;                                                          \
        env->version = CODEC_VERSION;                                                  \
        env->body_case = WINNOW__ENVELOPE__BODY_##NAME;                                \
        env->name = body;                                                              \
    }
#include "proto/messages.def"
#undef MESSAGE

/* Packs env (with a body) into one new buffer, given to the caller (mem_free, or
 * transport_send which takes it). ERR_TOOBIG beyond the message's bytes_max, naming
 * message and sizes. */
enum err_code codec_pack(const Winnow__Envelope *env,
                         uint8_t **data_out,
                         size_t *len_out,
                         struct err *err) MUST_USE;

/* Packed size of env in bytes, for senders that fill a message up to its limit. */
size_t codec_packed_size(const Winnow__Envelope *env);

/* A decoded frame. */
struct codec_message {
    enum msg_type type;
    const Winnow__Envelope *env; /* env-><name> is set; borrowed from the decoder */
};

/* Reusable state of one receiver; allocates only for large messages once warm. */
struct codec_decoder;

/* `from`: the MSG_FROM_* flags of the senders listened to. */
struct codec_decoder *codec_decoder_create(unsigned from) MUST_USE;
/* NULL allowed. */
void codec_decoder_destroy(struct codec_decoder *decoder);

/* Decodes one frame of len bytes (borrowed for the call; the message is a copy and
 * lives until the next codec_decode with this decoder). Guaranteed on success: the body
 * of `type` is there, every string is valid UTF-8 without NUL bytes, no single field
 * occurs twice, the columns of a Report have one length and its point_name entries are
 * below n_names, Report.key (and every other attempt key) may still be absent.
 * Errors: ERR_VERSION (text names both versions), ERR_UNSUPPORTED (a body this release
 * does not know), ERR_INVALID (sender may not say this), ERR_TOOBIG (above bytes_max or
 * the memory limit), ERR_CORRUPT (anything malformed). */
enum err_code codec_decode(struct codec_decoder *decoder,
                           const uint8_t *data,
                           size_t len,
                           struct codec_message *out,
                           struct err *err) MUST_USE;

#endif
