/* SPDX-License-Identifier: Apache-2.0 */
/* codec_wire.c – checks packed protobuf bytes before protobuf-c unpacks them.
 *
 * Knows: the wire format and message descriptors. protobuf-c neither checks UTF-8 nor
 * keeps the length of strings, so a NUL byte inside would hide the rest; it merges
 * repeated occurrences of a single field, so what was checked could differ from what is
 * used. Both are refused here, while the lengths are still known.
 * Does not know: what the messages mean. Depth is bounded because the schema has no
 * recursive types. */
#include "proto/codec_wire.h"

#include "base/assert.h"

#include <string.h>

/* Envelope, body, and two levels of parts; the schema has no deeper nesting. */
#define WIRE_DEPTH_MAX 6
/* A varint of 64 bits has at most 10 bytes of 7 bits. */
#define WIRE_VARINT_BYTES_MAX 10

/* A message that is being walked. */
struct wire_level {
    const ProtobufCMessageDescriptor *desc;
    const uint8_t *end; /* of its bytes */
    uint64_t seen;      /* bit i: single field desc->fields[i] has occurred */
};

static bool varint_next(const uint8_t **pos, const uint8_t *end, uint64_t *value_out)
{
    uint64_t value = 0;
    const uint8_t *p = *pos;
    for (unsigned i = 0; i < WIRE_VARINT_BYTES_MAX && p < end; i++) {
        uint8_t byte = *p++;
        value |= (uint64_t)(byte & 0x7fu) << (7 * i);
        if ((byte & 0x80u) == 0) {
            *pos = p;
            *value_out = value;
            return true;
        }
    }
    return false;
}

static bool fixed_next(const uint8_t **pos,
                       const uint8_t *end,
                       size_t len,
                       struct wire_field *field)
{
    if ((size_t)(end - *pos) < len) {
        return false;
    }
    field->bytes = *pos;
    field->len = len;
    *pos += len;
    return true;
}

static bool
bytes_next(const uint8_t **pos, const uint8_t *end, struct wire_field *field)
{
    uint64_t len = 0;
    if (!varint_next(pos, end, &len) || len > (uint64_t)(end - *pos)) {
        return false;
    }
    return fixed_next(pos, end, (size_t)len, field);
}

bool wire_field_next(const uint8_t **pos,
                     const uint8_t *end,
                     struct wire_field *field_out)
{
    uint64_t tag = 0;
    if (!varint_next(pos, end, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return false;
    }
    struct wire_field field = { .number = (uint32_t)(tag >> 3), .bytes = *pos };
    bool whole = false;
    switch (tag & 7u) {
    case WIRE_VARINT:
        field.type = WIRE_VARINT;
        whole = varint_next(pos, end, &field.varint);
        field.len = (size_t)(*pos - field.bytes);
        break;
    case WIRE_FIXED64:
        field.type = WIRE_FIXED64;
        whole = fixed_next(pos, end, 8, &field);
        break;
    case WIRE_BYTES:
        field.type = WIRE_BYTES;
        whole = bytes_next(pos, end, &field);
        break;
    case WIRE_FIXED32:
        field.type = WIRE_FIXED32;
        whole = fixed_next(pos, end, 4, &field);
        break;
    default: /* groups, which proto2 gave up, and what does not exist */
        break;
    }
    if (whole) {
        *field_out = field;
    }
    return whole;
}

/* Length of the sequence that starts with a byte above 0x7f, and the smallest code
 * point it may stand for; 0 when no sequence starts so. */
static size_t utf8_length(uint8_t lead, uint32_t *least_out)
{
    if ((lead & 0xe0u) == 0xc0u) {
        *least_out = 0x80;
        return 2;
    }
    if ((lead & 0xf0u) == 0xe0u) {
        *least_out = 0x800;
        return 3;
    }
    if ((lead & 0xf8u) == 0xf0u) {
        *least_out = 0x10000;
        return 4;
    }
    return 0;
}

/* Bytes of the valid multi-byte sequence at p, or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint32_t least = 0;
    size_t n = utf8_length(p[0], &least);
    if (n == 0 || n > left) {
        return 0;
    }
    uint32_t code = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0u) != 0x80u) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least || code > 0x10ffff || surrogate ? 0 : n;
}

bool wire_text_is_valid(const uint8_t *bytes, size_t len)
{
    size_t i = 0;
    while (i < len) {
        size_t n = 1;
        if (bytes[i] == 0) {
            return false;
        }
        if (bytes[i] > 0x7f) {
            n = utf8_sequence(bytes + i, len - i);
        }
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

/* Marks a single field as seen; false when it was already. */
static bool level_see(struct wire_level *level, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return true;
    }
    size_t index = (size_t)(field - level->desc->fields);
    ASSERT(index < 64);
    uint64_t bit = (uint64_t)1 << index;
    bool first = (level->seen & bit) == 0;
    level->seen |= bit;
    return first;
}

/* Checks one known field; a sub-message is only checked to be one. */
static enum err_code field_check(struct wire_level *level,
                                 const ProtobufCFieldDescriptor *known,
                                 const struct wire_field *field,
                                 struct err *err)
{
    const char *problem = NULL;
    bool is_text = known->type == PROTOBUF_C_TYPE_STRING;
    bool is_span = is_text || known->type == PROTOBUF_C_TYPE_MESSAGE;
    if (!level_see(level, known)) {
        problem = "occurs twice";
    } else if (is_span && field->type != WIRE_BYTES) {
        problem = "has a wrong type";
    } else if (is_text && !wire_text_is_valid(field->bytes, field->len)) {
        problem = "is not valid UTF-8 text";
    }
    if (problem == NULL) {
        return ERR_OK;
    }
    return err_set(err, ERR_CORRUPT, "malformed message: field '%s' of %s %s",
                   known->name, level->desc->name, problem);
}

enum err_code wire_check(const ProtobufCMessageDescriptor *desc,
                         const uint8_t *bytes,
                         size_t len,
                         struct err *err)
{
    struct wire_level levels[WIRE_DEPTH_MAX];
    size_t depth = 0;
    const uint8_t *pos = bytes;
    levels[depth++] = (struct wire_level){ .desc = desc, .end = bytes + len };
    while (depth > 0) {
        struct wire_level *level = &levels[depth - 1];
        if (pos == level->end) {
            depth--;
            continue;
        }
        struct wire_field field;
        if (!wire_field_next(&pos, level->end, &field)) {
            return err_set(err, ERR_CORRUPT, "malformed message: broken field in %s",
                           level->desc->name);
        }
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(level->desc, field.number);
        if (known == NULL) {
            continue;
        }
        enum err_code code = field_check(level, known, &field, err);
        if (code != ERR_OK) {
            return code;
        }
        if (known->type == PROTOBUF_C_TYPE_MESSAGE) {
            ASSERT(depth < WIRE_DEPTH_MAX);
            pos = field.bytes;
            levels[depth++] = (struct wire_level){
                .desc = known->descriptor,
                .end = field.bytes + field.len,
            };
        }
    }
    return ERR_OK;
}
