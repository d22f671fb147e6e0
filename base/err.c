/* SPDX-License-Identifier: Apache-2.0 */
/* err.c – error codes and messages.
 * Owns the table that maps a code to its text, exit status, HTTP status and MLflow
 * code. Knows errno. Does not know who failed or why: that is in the message. */
#include "base/err.h"

#include "base/assert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
    const char *name;
    const char *text;
    const char *mlflow;
    int exit_status;
    int http;
};

#define ERR_ROW(code, text, exit_status, http, mlflow)                                 \
    { #code, text, mlflow, exit_status, http },
static const struct err_row err_rows[] = { ERR_CODES(ERR_ROW) };
#undef ERR_ROW
static_assert(ARRAY_LEN(err_rows) == ERR_NR, "one row a code");

static const char ellipsis[] = "\xe2\x80\xa6";

static const struct err_row *row_of(enum err_code code)
{
    ASSERT((unsigned)code < ERR_NR);
    return &err_rows[code];
}

/* Removes a cut UTF-8 sequence at the end of text[0..len). */
static size_t utf8_trim(const char *text, size_t len)
{
    size_t at = len;
    while (at > 0 && ((unsigned char)text[at - 1] & 0xC0U) == 0x80U) {
        at--;
    }
    if (at == 0) {
        return len;
    }
    unsigned char lead = (unsigned char)text[at - 1];
    size_t need = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return len - (at - 1) >= need ? len : at - 1;
}

/* Ends a message that did not fit with an ellipsis. */
static void mark_cut(char msg[ERR_MSG_SIZE])
{
    size_t len = utf8_trim(msg, ERR_MSG_SIZE - sizeof ellipsis);
    memcpy(msg + len, ellipsis, sizeof ellipsis);
}

/* Appends formatted text at `at`; gives the new length, ERR_MSG_SIZE if it was cut. */
static size_t PRINTF_LIKE(3, 0)
    append(char msg[ERR_MSG_SIZE], size_t at, const char *fmt, va_list args)
{
    int n = vsnprintf(msg + at, ERR_MSG_SIZE - at, fmt, args);
    if (n < 0) {
        msg[at] = '\0';
        return at;
    }
    size_t end = at + (size_t)n;
    if (end >= ERR_MSG_SIZE) {
        mark_cut(msg);
        return ERR_MSG_SIZE;
    }
    return end;
}

static size_t PRINTF_LIKE(3, 4)
    appendf(char msg[ERR_MSG_SIZE], size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t end = append(msg, at, fmt, args);
    va_end(args);
    return end;
}

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (err == NULL) {
        return code;
    }
    struct err tmp = { .code = code }; /* arguments may point into err->msg */
    va_list args;
    va_start(args, fmt);
    append(tmp.msg, 0, fmt, args);
    va_end(args);
    *err = tmp;
    return code;
}

enum err_code err_wrap(struct err *err, const char *fmt, ...)
{
    if (err == NULL) {
        return ERR_INTERNAL;
    }
    ASSERT(err->code != ERR_OK);
    struct err tmp = { .code = err->code };
    va_list args;
    va_start(args, fmt);
    size_t at = append(tmp.msg, 0, fmt, args);
    va_end(args);
    if (at < ERR_MSG_SIZE) {
        appendf(tmp.msg, at, ": %s", err->msg);
    }
    *err = tmp;
    return tmp.code;
}

static enum err_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case ENOENT:
        return ERR_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOMEM:
        return ERR_NOMEM;
    case EEXIST:
        return ERR_EXISTS;
    default:
        return ERR_IO;
    }
}

enum err_code err_set_errno(struct err *err, int errnum, const char *fmt, ...)
{
    enum err_code code = code_of_errno(errnum);
    if (err == NULL) {
        return code;
    }
    struct err tmp = { .code = code };
    va_list args;
    va_start(args, fmt);
    size_t at = append(tmp.msg, 0, fmt, args);
    va_end(args);
    if (at < ERR_MSG_SIZE) {
        char text[96];
        if (strerror_r(errnum, text, sizeof text) != 0) {
            appendf(tmp.msg, at, ": errno %d", errnum);
        } else {
            appendf(tmp.msg, at, ": %s", text);
        }
    }
    *err = tmp;
    return code;
}

const char *err_text(enum err_code code)
{
    return row_of(code)->text;
}

const char *err_name(enum err_code code)
{
    return row_of(code)->name;
}

int err_exit_status(enum err_code code)
{
    return row_of(code)->exit_status;
}

int err_http_status(enum err_code code)
{
    return row_of(code)->http;
}

const char *err_mlflow_code(enum err_code code)
{
    return row_of(code)->mlflow;
}
