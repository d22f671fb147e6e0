/* SPDX-License-Identifier: Apache-2.0 */
/* codec_wire.h – looks at packed protobuf bytes before they are unpacked. Internal to
 * the codec. Pure. */
#ifndef PROTO_CODEC_WIRE_H
#define PROTO_CODEC_WIRE_H

#include "base/compiler.h"
#include "base/err.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wire types of protobuf that occur here. */
enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
};

/* One field as it lies in the bytes. */
struct wire_field {
    uint32_t number; /* field number, above 0 */
    enum wire_type type;
    uint64_t varint;      /* value when WIRE_VARINT */
    const uint8_t *bytes; /* content: of WIRE_BYTES without the length prefix */
    size_t len;           /* of bytes */
};

/* Takes the field at *pos and moves *pos behind it; false when bytes up to `end` do not
 * hold a whole field of a known wire type. Call only while *pos < end. */
bool wire_field_next(const uint8_t **pos,
                     const uint8_t *end,
                     struct wire_field *field_out) MUST_USE;

/* Whether the bytes are valid UTF-8 (shortest forms, no surrogates) without NUL. */
bool wire_text_is_valid(const uint8_t *bytes, size_t len);

/* Checks a packed message and everything in it against its descriptor: whole fields, no
 * single field twice, text valid. Unknown fields are passed over. ERR_CORRUPT names
 * message and field. */
enum err_code wire_check(const ProtobufCMessageDescriptor *desc,
                         const uint8_t *bytes,
                         size_t len,
                         struct err *err) MUST_USE;

#endif
