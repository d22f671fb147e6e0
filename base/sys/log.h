/* SPDX-License-Identifier: Apache-2.0 */
/* log.h – the log of the shells: one line `time level event key=value…` per call.
 * Libraries do not log. The sink is a process-wide setting made at start. Thread-safe:
 * a line is given to the sink whole. */
#ifndef BASE_SYS_LOG_H
#define BASE_SYS_LOG_H

#include "base/compiler.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_NR
};

/* Gets one line without newline; must not keep it. */
typedef void (*log_sink_fn)(void *arg, enum log_level level, struct str line);

/* Sink and least important level that passes. A NULL sink restores stderr. Call before
 * threads start. */
void log_setup(log_sink_fn sink, void *arg, enum log_level level_max);
void log_set_level(enum log_level level_max);
enum log_level log_get_level(void);
/* "error", "warn", "info", "debug"; from_text gives false for other words. */
const char *log_level_text(enum log_level level);
bool log_level_from_text(struct str text, enum log_level *out);

/* `fmt` yields "key=value key=value"; values from outside go through log_quote. */
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
#define log_error(event, ...) log_line(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_line(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/* The text itself when it needs no quotes, else "quoted" with \", \\, \n and \xNN;
 * cut to the buffer. Gives buf, for use as an argument. */
const char *log_quote(struct str text, char *buf, size_t buf_size);

#endif
