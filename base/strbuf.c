/* SPDX-License-Identifier: Apache-2.0 */
/* strbuf.c – growable text with a hard maximum.
 * Owns its bytes. Knows printf. Does not know encodings: it cuts nowhere, an append
 * fits whole or not at all. */
#include "base/strbuf.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void strbuf_init(struct strbuf *buf, size_t max)
{
    *buf = STRBUF_INIT(max);
}

void strbuf_fini(struct strbuf *buf)
{
    if (buf != NULL) {
        mem_free(buf->ptr);
        *buf = STRBUF_INIT(buf->max);
    }
}

void strbuf_reset(struct strbuf *buf)
{
    buf->len = 0;
    buf->toobig = false;
    if (buf->ptr != NULL) {
        buf->ptr[0] = '\0';
    }
}

/* Makes room for n more bytes and the NUL; false when that passes max. */
static bool make_room(struct strbuf *buf, size_t n)
{
    if (buf->toobig || n > buf->max - buf->len) {
        buf->toobig = true;
        return false;
    }
    size_t need = buf->len + n + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap < 32 ? 64 : buf->cap * 2;
        if (cap < need) {
            cap = need;
        }
        if (cap > buf->max && buf->max < SIZE_MAX) {
            cap = buf->max + 1;
        }
        buf->ptr = mem_realloc_array(buf->ptr, cap, 1);
        buf->cap = cap;
        buf->ptr[buf->len] = '\0';
    }
    return true;
}

char *strbuf_reserve(struct strbuf *buf, size_t n)
{
    return make_room(buf, n) ? buf->ptr + buf->len : NULL;
}

void strbuf_commit(struct strbuf *buf, size_t n)
{
    ASSERT(buf->ptr != NULL);
    ASSERT(n < buf->cap - buf->len);
    buf->len += n;
    buf->ptr[buf->len] = '\0';
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t n)
{
    if (make_room(buf, n)) {
        if (n != 0) {
            memcpy(buf->ptr + buf->len, bytes, n);
        }
        buf->len += n;
        buf->ptr[buf->len] = '\0';
    }
}

void strbuf_adds(struct strbuf *buf, const char *s)
{
    strbuf_add(buf, s, strlen(s));
}

void strbuf_add_str(struct strbuf *buf, struct str s)
{
    strbuf_add(buf, s.ptr, s.len);
}

void strbuf_addc(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

void strbuf_addv(struct strbuf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = buf->cap > buf->len ? buf->cap - buf->len : 0;
    int n = vsnprintf(room > 0 ? buf->ptr + buf->len : NULL, room, fmt, args);
    ASSERT(n >= 0);
    size_t len = (size_t)n;
    if (make_room(buf, len)) {
        if (len >= room) {
            n = vsnprintf(buf->ptr + buf->len, len + 1, fmt, again);
            ASSERT((size_t)n == len);
        }
        buf->len += len;
    } else if (room > 0) {
        buf->ptr[buf->len] = '\0'; /* takes back what the first try wrote */
    }
    va_end(again);
}

void strbuf_addf(struct strbuf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    strbuf_addv(buf, fmt, args);
    va_end(args);
}

void strbuf_truncate(struct strbuf *buf, size_t len)
{
    ASSERT(len <= buf->len);
    buf->len = len;
    if (buf->ptr != NULL) {
        buf->ptr[len] = '\0';
    }
}

void strbuf_consume(struct strbuf *buf, size_t n)
{
    ASSERT(n <= buf->len);
    if (n != 0) {
        memmove(buf->ptr, buf->ptr + n, buf->len - n + 1);
        buf->len -= n;
    }
}

const char *strbuf_cstr(const struct strbuf *buf)
{
    return buf->ptr != NULL ? buf->ptr : "";
}

struct str strbuf_str(const struct strbuf *buf)
{
    return (struct str){ strbuf_cstr(buf), buf->len };
}

char *strbuf_take(struct strbuf *buf)
{
    char *text = buf->ptr != NULL ? buf->ptr : mem_strdup("");
    *buf = STRBUF_INIT(buf->max);
    return text;
}
