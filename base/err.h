/* SPDX-License-Identifier: Apache-2.0 */
/* err.h – error codes and messages. A fallible function returns `enum err_code` and,
 * where a human will ask "which one?", takes a last parameter `struct err *err` (may be
 * NULL). Messages are lower case, names in single quotes, no full stop. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/compiler.h"
#include "base/limits.h"

/* clang-format off */
/* code, text, process exit status, HTTP status, MLflow error_code */
#define ERR_CODES(X) \
    X(ERR_OK,          "ok",                           0, 200, "OK") \
    X(ERR_INVALID,     "invalid value",                2, 400, "INVALID_PARAMETER_VALUE") \
    X(ERR_USAGE,       "wrong usage",                  2, 400, "BAD_REQUEST") \
    X(ERR_NOTFOUND,    "not found",                    2, 404, "RESOURCE_DOES_NOT_EXIST") \
    X(ERR_EXISTS,      "exists already",               2, 400, "RESOURCE_ALREADY_EXISTS") \
    X(ERR_STATE,       "not possible in this state",   1, 409, "INVALID_STATE") \
    X(ERR_TOOBIG,      "too big",                      1, 413, "INVALID_PARAMETER_VALUE") \
    X(ERR_NOMEM,       "out of memory",                1, 503, "RESOURCE_EXHAUSTED") \
    X(ERR_IO,          "input/output error",           1, 500, "INTERNAL_ERROR") \
    X(ERR_FULL,        "disk full",                    1, 503, "TEMPORARILY_UNAVAILABLE") \
    X(ERR_LOCKED,      "locked by another process",    1, 503, "TEMPORARILY_UNAVAILABLE") \
    X(ERR_VERSION,     "version not supported",        1, 400, "INVALID_PARAMETER_VALUE") \
    X(ERR_DENIED,      "permission denied",            1, 403, "PERMISSION_DENIED") \
    X(ERR_TIMEOUT,     "timed out",                    1, 504, "DEADLINE_EXCEEDED") \
    X(ERR_CLOSED,      "closed",                       1, 503, "TEMPORARILY_UNAVAILABLE") \
    X(ERR_AGAIN,       "try again",                    1, 503, "TEMPORARILY_UNAVAILABLE") \
    X(ERR_CORRUPT,     "corrupt data",                 1, 500, "DATA_LOSS") \
    X(ERR_UNSUPPORTED, "not supported",                2, 501, "NOT_IMPLEMENTED") \
    X(ERR_INTERNAL,    "internal error",               1, 500, "INTERNAL_ERROR")

#define ERR_ENUM(code, text, exit_status, http, mlflow) code,
enum err_code { ERR_CODES(ERR_ENUM) ERR_NR };
#undef ERR_ENUM
/* clang-format on */

/* Caller's stack, no heap. `{0}` is "no error". */
struct err {
    enum err_code code;
    char msg[ERR_MSG_SIZE]; /* NUL-terminated, cut with "…" when too long */
};

/* Stores code and message and returns `code`. Cheap when err is NULL. The arguments may
 * include err->msg itself. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Prefixes the message with "<fmt…>: " and returns err->code; with a NULL err it
 * returns ERR_INTERNAL, so functions that may get NULL keep the code in a variable
 * instead. */
enum err_code err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As err_set with ": <text of errno value>" behind the message; maps ENOSPC/EDQUOT to
 * ERR_FULL, ENOENT to ERR_NOTFOUND, EACCES/EPERM to ERR_DENIED, ENOMEM to ERR_NOMEM,
 * EEXIST to ERR_EXISTS, the rest to ERR_IO. */
enum err_code err_set_errno(struct err *err, int errnum, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* "not found" …; static strings. */
const char *err_text(enum err_code code);
/* "ERR_NOTFOUND" …; static strings, for logs and tests. */
const char *err_name(enum err_code code);
int err_exit_status(enum err_code code);
int err_http_status(enum err_code code);
const char *err_mlflow_code(enum err_code code);

#endif
