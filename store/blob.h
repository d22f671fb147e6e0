/* SPDX-License-Identifier: Apache-2.0 */
/* blob.h – numbers and strings packed into the data column of an event. Variable-length
 * integers, little endian, the same on every machine. */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

void blob_put_u64(struct strbuf *out, uint64_t value);
void blob_put_i64(struct strbuf *out, int64_t value);
/* The bytes and a NUL, so that the reader can hand out a C string. NULL is kept. */
void blob_put_str(struct strbuf *out, const char *text);
void blob_put_f64s(struct strbuf *out, const double *values, size_t len);

/* Reads a blob from its start; `bad` is set by anything that does not fit and stays. */
struct blob_reader {
    const uint8_t *ptr;
    size_t len;
    size_t at;
    bool bad;
};

uint64_t blob_get_u64(struct blob_reader *in);
int64_t blob_get_i64(struct blob_reader *in);
/* Borrowed from the blob; NULL when NULL was put (or bad). */
const char *blob_get_str(struct blob_reader *in);
/* One double; 0 when bad. */
double blob_get_f64(struct blob_reader *in);

#endif
