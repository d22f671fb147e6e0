/* SPDX-License-Identifier: Apache-2.0 */
/* strbuf.h – growable text with a hard maximum. An append that would pass `max` adds
 * nothing and sets `toobig`; check it once at the end. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include "base/compiler.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *ptr;   /* NULL until the first append, else NUL-terminated */
    size_t len;  /* bytes, without the NUL */
    size_t cap;  /* bytes allocated */
    size_t max;  /* largest len */
    bool toobig; /* an append did not fit; later ones are ignored too */
};

#define STRBUF_INIT(max_bytes) ((struct strbuf){ .max = (max_bytes) })
#define AUTO_STRBUF            CLEANUP(strbuf_fini)

void strbuf_init(struct strbuf *buf, size_t max);
/* NULL and zeroed buffers are allowed. */
void strbuf_fini(struct strbuf *buf);
/* Empty again, memory and max kept, toobig cleared. */
void strbuf_reset(struct strbuf *buf);
/* The bytes must not lie inside buf itself. */
void strbuf_add(struct strbuf *buf, const void *bytes, size_t n);
void strbuf_adds(struct strbuf *buf, const char *s);
void strbuf_add_str(struct strbuf *buf, struct str s);
void strbuf_addc(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_addv(struct strbuf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* Cuts to len bytes; len must not exceed buf->len. */
void strbuf_truncate(struct strbuf *buf, size_t len);
/* Removes the first n bytes; n must not exceed buf->len. */
void strbuf_consume(struct strbuf *buf, size_t n);
/* Room for n more bytes without a further allocation; the place to write them, or NULL
 * and toobig when they do not fit. Follow with strbuf_commit. */
char *strbuf_reserve(struct strbuf *buf, size_t n) MUST_USE;
/* n bytes (not more than reserved) were written behind the text. */
void strbuf_commit(struct strbuf *buf, size_t n);
/* NUL-terminated text, never NULL; valid until the next append. */
const char *strbuf_cstr(const struct strbuf *buf);
struct str strbuf_str(const struct strbuf *buf);
/* Moves the text to the caller (mem_free; never NULL) and leaves buf empty. */
char *strbuf_take(struct strbuf *buf) MUST_USE;

#endif
