/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c – frame to message and back.
 *
 * Owns: the table made from messages.def; the decoder with its memory.
 * Knows: the envelope, versions, sizes, directions, and the rules inside a message that
 * the schema cannot express (columns of a Report).
 * Does not know: sessions, transports, what a message leads to.
 *
 * Order of a decode: walk the envelope (version and body, nothing allocated), compare
 * with the table row, check the bytes of the body, unpack into bounded memory, check
 * the columns. A frame of n bytes takes at most DECODE_BASE + n * DECODE_FACTOR bytes.
 */
#include "proto/codec.h"

#include "base/assert.h"
#include "base/mem.h"
#include "proto/codec_wire.h"

#include <string.h>

/* Kept by every decoder; a report of 100 points unpacks into 3 KiB. */
#define DECODE_BLOCK_BYTES ((size_t)8 * 1024)
/* A verdict, the smallest part that repeats, unpacks into 15 times its packed size. */
#define DECODE_BASE_BYTES ((size_t)64 * 1024)
#define DECODE_FACTOR     20
#define DECODE_ALIGN      16

#define MSG_FROM(from)       MSG_FROM_##from
#define MSG_SESSION(session) MSG_SESSION_##session

#define MESSAGE(name_, NAME, Type, from_, session_, bytes_max_)                        \
    [MSG_##NAME] = { .name = #name_,                                                   \
                     .from = MSG_FROM(from_),                                          \
                     .session = MSG_SESSION(session_),                                 \
                     .bytes_max = (bytes_max_) },
static const struct msg_info MSG_INFOS[MSG_TYPE_NR] = {
#include "proto/messages.def"
};
#undef MESSAGE

#define MESSAGE(name, NAME, Type, from, session, bytes_max)                            \
    [MSG_##NAME] = &winnow__##name##__descriptor,
static const ProtobufCMessageDescriptor *const MSG_DESCRIPTORS[MSG_TYPE_NR] = {
#include "proto/messages.def"
};
#undef MESSAGE

/* Field numbers in Envelope. */
#define ENVELOPE_VERSION 1u
#define MESSAGE(name, NAME, Type, from, session, bytes_max)                            \
    [MSG_##NAME] = WINNOW__ENVELOPE__BODY_##NAME,
static const Winnow__Envelope__BodyCase MSG_NUMBERS[MSG_TYPE_NR] = {
#include "proto/messages.def"
};
#undef MESSAGE

#define MESSAGE(name, NAME, Type, from, session, bytes_max)                            \
    static_assert((bytes_max) <= MESSAGE_BYTES_MAX, "row " #name " fits a frame");
#include "proto/messages.def"
#undef MESSAGE

struct codec_decoder {
    unsigned from;         /* MSG_FROM_* accepted */
    uint8_t *block;        /* DECODE_BLOCK_BYTES, kept */
    size_t block_used;     /* by the current message */
    struct arena overflow; /* what did not fit into block */
    ProtobufCAllocator allocator;
};

/* What the first walk over a frame finds. */
struct envelope_peek {
    bool has_version;
    uint32_t version;
    uint32_t number; /* field number of the body, 0 none */
    const uint8_t *body;
    size_t body_len;
};

const struct msg_info *msg_info(enum msg_type type)
{
    ASSERT((unsigned)type < MSG_TYPE_NR);
    return &MSG_INFOS[type];
}

const char *msg_name(enum msg_type type)
{
    return msg_info(type)->name;
}

/* MSG_TYPE_NR when no row has that field number. */
static enum msg_type type_of_number(uint32_t number)
{
    for (unsigned i = 0; i < MSG_TYPE_NR; i++) {
        if ((uint32_t)MSG_NUMBERS[i] == number) {
            return (enum msg_type)i;
        }
    }
    return MSG_TYPE_NR;
}

/* ---- packing ---- */

size_t codec_packed_size(const Winnow__Envelope *env)
{
    return winnow__envelope__get_packed_size(env);
}

enum err_code codec_pack(const Winnow__Envelope *env,
                         uint8_t **data_out,
                         size_t *len_out,
                         struct err *err)
{
    enum msg_type type = type_of_number((uint32_t)env->body_case);
    ASSERT(type != MSG_TYPE_NR);
    ASSERT(env->has_version);
    size_t len = winnow__envelope__get_packed_size(env);
    if (len > MSG_INFOS[type].bytes_max) {
        return err_set(err, ERR_TOOBIG, "message '%s' has %zu bytes, limit %zu",
                       MSG_INFOS[type].name, len, MSG_INFOS[type].bytes_max);
    }
    uint8_t *data = mem_alloc(len);
    size_t packed = winnow__envelope__pack(env, data);
    ASSERT(packed == len);
    *data_out = data;
    *len_out = len;
    return ERR_OK;
}

/* ---- memory of a decoder ---- */

static void *decoder_alloc(void *data, size_t size)
{
    struct codec_decoder *decoder = data;
    size_t left = DECODE_BLOCK_BYTES - decoder->block_used;
    if (size > left) {
        return arena_alloc(&decoder->overflow, size);
    }
    void *p = decoder->block + decoder->block_used;
    size_t rounded = (size + DECODE_ALIGN - 1) / DECODE_ALIGN * DECODE_ALIGN;
    decoder->block_used += rounded < left ? rounded : left;
    return p;
}

/* Everything is freed together, by the next decode. */
static void decoder_free(void *data, void *p)
{
    UNUSED(data);
    UNUSED(p);
}

struct codec_decoder *codec_decoder_create(unsigned from)
{
    struct codec_decoder *decoder = mem_alloc(sizeof *decoder);
    decoder->from = from;
    decoder->block = mem_alloc(DECODE_BLOCK_BYTES);
    arena_init(&decoder->overflow, 0);
    decoder->allocator = (ProtobufCAllocator){
        .alloc = decoder_alloc,
        .free = decoder_free,
        .allocator_data = decoder,
    };
    return decoder;
}

void codec_decoder_destroy(struct codec_decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    arena_fini(&decoder->overflow);
    mem_free(decoder->block);
    mem_free(decoder);
}

static void decoder_reset(struct codec_decoder *decoder, size_t frame_len)
{
    decoder->block_used = 0;
    if (decoder->overflow.used_bytes > 0) {
        arena_reset(&decoder->overflow);
    }
    decoder->overflow.limit_bytes = DECODE_BASE_BYTES + frame_len * DECODE_FACTOR;
}

/* ---- checks before unpacking ---- */

static enum err_code corrupt_envelope(struct err *err, const char *problem)
{
    return err_set(err, ERR_CORRUPT, "malformed message: %s", problem);
}

/* A field of the envelope. Numbers above the known bodies are bodies of a newer minor
 * version, so they count as one. */
static enum err_code
peek_field(const struct wire_field *field, struct envelope_peek *peek, struct err *err)
{
    if (field->number == ENVELOPE_VERSION) {
        if (peek->has_version || field->type != WIRE_VARINT
            || field->varint > UINT32_MAX) {
            return corrupt_envelope(err, "wrong version field");
        }
        peek->has_version = true;
        peek->version = (uint32_t)field->varint;
        return ERR_OK;
    }
    if (peek->number != 0) {
        return corrupt_envelope(err, "more than one body");
    }
    if (field->type != WIRE_BYTES) {
        return corrupt_envelope(err, "the body is no message");
    }
    peek->number = field->number;
    peek->body = field->bytes;
    peek->body_len = field->len;
    return ERR_OK;
}

static enum err_code peek_envelope(const uint8_t *data,
                                   size_t len,
                                   struct envelope_peek *peek,
                                   struct err *err)
{
    *peek = (struct envelope_peek){ .has_version = false };
    const uint8_t *pos = data;
    const uint8_t *end = data + len;
    while (pos < end) {
        struct wire_field field;
        if (!wire_field_next(&pos, end, &field)) {
            return corrupt_envelope(err, "broken envelope");
        }
        enum err_code code = peek_field(&field, peek, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (!peek->has_version) {
        return corrupt_envelope(err, "no version");
    }
    return ERR_OK;
}

static enum err_code check_version(uint32_t version, struct err *err)
{
    uint32_t major = version >> 16;
    uint32_t minor = version & 0xffffu;
    int64_t ahead = (int64_t)minor - (int64_t)CODEC_VERSION_MINOR;
    bool near = ahead >= -1 && ahead <= 1;
    if (major == CODEC_VERSION_MAJOR && near) {
        return ERR_OK;
    }
    return err_set(err, ERR_VERSION,
                   "the peer speaks protocol version %u.%u, this winnow %u.%u", major,
                   minor, CODEC_VERSION_MAJOR, CODEC_VERSION_MINOR);
}

static enum err_code check_row(const struct codec_decoder *decoder,
                               const struct msg_info *info,
                               size_t len,
                               struct err *err)
{
    if ((decoder->from & info->from) == 0) {
        return err_set(err, ERR_INVALID, "message '%s' came from the wrong side",
                       info->name);
    }
    if (len > info->bytes_max) {
        return err_set(err, ERR_TOOBIG, "message '%s' has %zu bytes, limit %zu",
                       info->name, len, info->bytes_max);
    }
    return ERR_OK;
}

/* ---- checks after unpacking ---- */

static enum err_code check_report(const Winnow__Report *report, struct err *err)
{
    size_t n = report->n_point_name;
    if (report->n_point_step != n || report->n_point_time_ms != n
        || report->n_point_value != n) {
        return corrupt_envelope(err, "the columns of a report differ in length");
    }
    for (size_t i = 0; i < n; i++) {
        if (report->point_name[i] >= report->n_names) {
            return corrupt_envelope(err, "a point of a report has no name");
        }
    }
    return ERR_OK;
}

static enum err_code unpack(struct codec_decoder *decoder,
                            const uint8_t *data,
                            size_t len,
                            const Winnow__Envelope **env_out,
                            struct err *err)
{
    const Winnow__Envelope *env =
        winnow__envelope__unpack(&decoder->allocator, len, data);
    if (env != NULL) {
        *env_out = env;
        return ERR_OK;
    }
    /* protobuf-c gives NULL for both reasons; near the limit it was the memory. */
    if (decoder->overflow.used_bytes > decoder->overflow.limit_bytes / 2) {
        return err_set(err, ERR_TOOBIG, "message of %zu bytes needs too much memory",
                       len);
    }
    return corrupt_envelope(err, "a field has a wrong type or length");
}

enum err_code codec_decode(struct codec_decoder *decoder,
                           const uint8_t *data,
                           size_t len,
                           struct codec_message *out,
                           struct err *err)
{
    struct envelope_peek peek;
    enum err_code code = peek_envelope(data, len, &peek, err);
    if (code != ERR_OK) {
        return code;
    }
    code = check_version(peek.version, err);
    if (code != ERR_OK) {
        return code;
    }
    if (peek.number == 0) {
        return corrupt_envelope(err, "no body");
    }
    enum msg_type type = type_of_number(peek.number);
    if (type == MSG_TYPE_NR) {
        return err_set(err, ERR_UNSUPPORTED, "message type %u is not known",
                       peek.number);
    }
    code = check_row(decoder, &MSG_INFOS[type], len, err);
    if (code != ERR_OK) {
        return code;
    }
    code = wire_check(MSG_DESCRIPTORS[type], peek.body, peek.body_len, err);
    if (code != ERR_OK) {
        return code;
    }
    decoder_reset(decoder, len);
    const Winnow__Envelope *env = NULL;
    code = unpack(decoder, data, len, &env, err);
    if (code != ERR_OK) {
        return code;
    }
    ASSERT(env != NULL);
    ASSERT(env->body_case == MSG_NUMBERS[type]);
    if (type == MSG_REPORT) {
        code = check_report(env->report, err);
    }
    if (code == ERR_OK) {
        *out = (struct codec_message){ .type = type, .env = env };
    }
    return code;
}
