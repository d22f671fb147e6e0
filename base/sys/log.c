/* SPDX-License-Identifier: Apache-2.0 */
/* log.c – one line per event to an injected sink.
 * Owns the sink and the level (the log is one of the few mutable globals; the sink is
 * set before threads start). Knows the line format. Does not know who reads it. A line
 * reaches stderr by one write(2), so lines of several threads do not mix. */
#include "base/sys/log.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/sys/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static log_sink_fn log_sink;
static void *log_sink_arg;
static _Atomic int log_level_max = LOG_LEVEL_INFO;

static const char *const level_texts[] = { "error", "warn", "info", "debug" };
static_assert(ARRAY_LEN(level_texts) == LOG_LEVEL_NR, "one text a level");

void log_setup(log_sink_fn sink, void *arg, enum log_level level_max)
{
    log_sink = sink;
    log_sink_arg = arg;
    log_set_level(level_max);
}

void log_set_level(enum log_level level_max)
{
    ASSERT(level_max < LOG_LEVEL_NR);
    atomic_store(&log_level_max, (int)level_max);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load(&log_level_max);
}

const char *log_level_text(enum log_level level)
{
    ASSERT(level < LOG_LEVEL_NR);
    return level_texts[level];
}

bool log_level_from_text(struct str text, enum log_level *out)
{
    for (size_t i = 0; i < LOG_LEVEL_NR; i++) {
        if (str_eq_c(text, level_texts[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void write_stderr(struct strbuf *line)
{
    strbuf_addc(line, '\n');
    /* There is nobody to tell when stderr is gone. */
    ssize_t written = write(STDERR_FILENO, line->ptr, line->len);
    UNUSED(written);
}

/* A value that was not quoted must not be able to forge a line. */
static void blank_controls(struct strbuf *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if ((unsigned char)line->ptr[i] < 0x20 || line->ptr[i] == 0x7F) {
            line->ptr[i] = ' ';
        }
    }
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if ((int)level > atomic_load_explicit(&log_level_max, memory_order_relaxed)) {
        return;
    }
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(LINE_BYTES_MAX);
    char now[NUM_TEXT_SIZE];
    wall_format_iso(clock_wall(), now);
    strbuf_addf(&line, "%s %s %s", now, log_level_text(level), event);
    if (fmt[0] != '\0') {
        strbuf_addc(&line, ' ');
        va_list args;
        va_start(args, fmt);
        strbuf_addv(&line, fmt, args);
        va_end(args);
    }
    if (line.toobig) {
        line.toobig = false;
        strbuf_adds(&line, "cut=1");
    }
    blank_controls(&line);
    if (log_sink != NULL) {
        log_sink(log_sink_arg, level, strbuf_str(&line));
    } else {
        write_stderr(&line);
    }
}

static bool needs_quotes(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= 0x20 || c == 0x7F || c == '"' || c == '\\' || c == '=') {
            return true;
        }
    }
    return text.len == 0;
}

/* One byte as it stands inside quotes; gives its length, at most 4. */
static size_t quote_byte(unsigned char c, char out[5])
{
    int n = 0;
    if (c == '"' || c == '\\') {
        n = snprintf(out, 5, "\\%c", c);
    } else if (c == '\n') {
        n = snprintf(out, 5, "\\n");
    } else if (c < 0x20 || c == 0x7F) {
        n = snprintf(out, 5, "\\x%02x", c);
    } else {
        n = snprintf(out, 5, "%c", c);
    }
    ASSERT(n > 0);
    return (size_t)n;
}

const char *log_quote(struct str text, char *buf, size_t buf_size)
{
    ASSERT(buf_size >= 8);
    size_t len = 0;
    bool quotes = needs_quotes(text);
    size_t room = buf_size - (quotes ? 2 : 1); /* for the end */
    if (quotes) {
        buf[len++] = '"';
    }
    for (size_t i = 0; i < text.len; i++) {
        char piece[5] = { text.ptr[i] };
        size_t n = quotes ? quote_byte((unsigned char)text.ptr[i], piece) : 1;
        if (len + n > room) {
            break;
        }
        for (size_t k = 0; k < n; k++) {
            buf[len++] = piece[k];
        }
    }
    if (quotes) {
        buf[len++] = '"';
    }
    buf[len] = '\0';
    return buf;
}
