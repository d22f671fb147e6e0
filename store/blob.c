/* SPDX-License-Identifier: Apache-2.0 */
/* blob.c – packing of event data.
 *
 * Owns the byte format: LEB128 integers, zigzag for signed ones, a string as its length
 * plus one, its bytes and a NUL (length 0: NULL), doubles as eight little-endian bytes.
 * Knows nothing of records or SQL. Reading never goes beyond the blob.
 */
#include "store/blob.h"

#include <string.h>

void blob_put_u64(struct strbuf *out, uint64_t value)
{
    char bytes[10];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (char)(unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (char)(unsigned char)value;
    strbuf_add(out, bytes, n);
}

void blob_put_i64(struct strbuf *out, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1;
    blob_put_u64(out, value < 0 ? ~bits : bits);
}

void blob_put_str(struct strbuf *out, const char *text)
{
    if (text == NULL) {
        blob_put_u64(out, 0);
        return;
    }
    size_t len = strlen(text);
    blob_put_u64(out, (uint64_t)len + 1);
    strbuf_add(out, text, len + 1);
}

void blob_put_f64s(struct strbuf *out, const double *values, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &values[i], sizeof bits);
        char bytes[8];
        for (size_t k = 0; k < sizeof bytes; k++) {
            bytes[k] = (char)(unsigned char)(bits >> (8 * k));
        }
        strbuf_add(out, bytes, sizeof bytes);
    }
}

uint64_t blob_get_u64(struct blob_reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->len; shift += 7) {
        uint8_t byte = in->ptr[in->at++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    in->bad = true;
    return 0;
}

int64_t blob_get_i64(struct blob_reader *in)
{
    uint64_t bits = blob_get_u64(in);
    uint64_t value = (bits >> 1) ^ ((bits & 1) != 0 ? UINT64_MAX : 0);
    return (int64_t)value;
}

const char *blob_get_str(struct blob_reader *in)
{
    uint64_t len = blob_get_u64(in);
    if (in->bad || len == 0) {
        return NULL;
    }
    if (len > in->len - in->at || in->ptr[in->at + (size_t)len - 1] != 0) {
        in->bad = true;
        return NULL;
    }
    const char *text = (const char *)in->ptr + in->at;
    in->at += (size_t)len;
    return text;
}

double blob_get_f64(struct blob_reader *in)
{
    uint64_t bits = 0;
    if (in->len - in->at < sizeof bits) {
        in->bad = true;
        return 0;
    }
    for (size_t k = 0; k < sizeof bits; k++) {
        bits |= (uint64_t)in->ptr[in->at + k] << (8 * k);
    }
    in->at += sizeof bits;
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}
