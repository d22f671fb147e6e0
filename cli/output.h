/* SPDX-License-Identifier: Apache-2.0 */
/* output.h – how verbs print what they found: `-o table|json|csv|tsv` over JSON values,
 * and plain lines on stdout and stderr. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/opt.h"

/* Text of one object or one page of help. */
#define OUTPUT_TEXT_BYTES_MAX ((size_t)1024 * 1024)

enum output_format {
    OUTPUT_TABLE,
    OUTPUT_JSON,
    OUTPUT_CSV,
    OUTPUT_TSV
};

enum output_kind {
    OUTPUT_TEXT, /* as it is; numbers with 6 digits */
    OUTPUT_TIME, /* ms since 1970 */
    OUTPUT_ID    /* a run id: cut to 8 digits on a terminal */
};

/* One column of a table. */
struct output_column {
    const char *path;  /* "trials.finished"; "params.*" stands for all members */
    const char *title; /* with "*": put before each member's name, may be "" */
    enum output_kind kind;
};

/* Reads --output. ERR_USAGE with the nearest name. */
enum err_code output_format_get(const struct opts *opts,
                                enum output_format *out,
                                struct err *err) MUST_USE;

/* Appends an array of objects. Tables show the columns (those without any value are
 * left out, cut to width characters if width is not 0); csv and tsv have all members,
 * objects flattened to "params.x", in order of first appearance. */
void output_rows(const json_t *rows,
                 const struct output_column *columns,
                 size_t columns_len,
                 enum output_format format,
                 size_t width,
                 struct strbuf *out);

/* Appends one object: as a table one `name  value` line a member, objects flattened. */
void output_object(const json_t *object, enum output_format format, struct strbuf *out);

/* Appends the value as people want to see it: numbers in 6 digits, true/false, bare
 * text without control characters. */
void output_cell(const json_t *value, struct strbuf *out);

/* Appends text without control characters: each becomes a space. */
void output_clean(const char *text, struct strbuf *out);

/* Width of stdout in characters if it is a terminal, else 0. */
size_t output_width(void);
bool output_stderr_is_tty(void);

/* Writes the text to stdout and flushes; gives exit status 0, or 1 after telling that
 * it could not be written. */
int output_flush(const struct strbuf *text);

/* One line to stderr: "winnow: …". */
void output_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The same for an error; gives the exit status of its code. */
int output_fail(const struct err *err);
/* Text to stderr, nothing added. */
void output_chatter(const char *text);

#endif
