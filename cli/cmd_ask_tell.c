/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ask_tell.c – lines in, lines out.
 * Owns the buffers between the pipe and the study. Knows that requests come many at a
 * time and are committed together. Does not know what they mean. */
#include "cli/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/clock.h"
#include "cli/ask_tell.h"
#include "cli/output.h"
#include "cli/spec_file.h"

/* Read at once; also the longest request. */
#define READ_BYTES ((size_t)256 * 1024)

struct lines {
    char *buf; /* READ_BYTES */
    size_t len;
    bool skipping; /* behind the start of a line that was too long */
    struct strbuf answers;
};

static enum err_code write_answers(struct lines *lines, struct err *err)
{
    const char *at = strbuf_cstr(&lines->answers);
    size_t left = lines->answers.len;
    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, at, left);
        if (n < 0 && errno != EINTR) {
            return err_set_errno(err, errno, "standard output");
        }
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    strbuf_reset(&lines->answers);
    return ERR_OK;
}

static void take_line(struct ask_tell *study, struct lines *lines, struct str line)
{
    if (lines->skipping) {
        lines->skipping = false; /* its end: it was answered */
    } else if (str_trim(line).len > 0) {
        ask_tell_request(study, line.ptr, line.len, &lines->answers);
    }
}

/* Takes every whole line; keeps the rest. */
static void take_lines(struct ask_tell *study, struct lines *lines)
{
    size_t at = 0;
    char *end = NULL;
    while ((end = memchr(lines->buf + at, '\n', lines->len - at)) != NULL) {
        size_t len = (size_t)(end - (lines->buf + at));
        take_line(study, lines, (struct str){ lines->buf + at, len });
        at += len + 1;
    }
    lines->len -= at;
    memmove(lines->buf, lines->buf + at, lines->len);
    if (lines->len == READ_BYTES) {
        if (!lines->skipping) {
            strbuf_addf(&lines->answers,
                        "{\"error\":\"a line of more than %zu bytes\"}\n", READ_BYTES);
        }
        lines->skipping = true;
        lines->len = 0;
    }
}

static enum err_code serve(struct ask_tell *study, struct lines *lines, struct err *err)
{
    for (;;) {
        ssize_t n =
            read(STDIN_FILENO, lines->buf + lines->len, READ_BYTES - lines->len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set_errno(err, errno, "standard input");
        }
        if (n == 0 && lines->len > 0) { /* a last line without its end */
            take_line(study, lines, (struct str){ lines->buf, lines->len });
        }
        lines->len += (size_t)n;
        if (n > 0) {
            take_lines(study, lines);
        }
        enum err_code code = ask_tell_commit(study, err);
        if (code == ERR_OK) {
            code = write_answers(lines, err);
        }
        if (code != ERR_OK || n == 0) {
            return code;
        }
    }
}

static enum err_code
open_study(const struct opts *opts, struct ask_tell **out, struct err *err)
{
    AUTO_SPEC_FILE struct spec_file file = { .text = NULL };
    uint8_t random[16];
    enum err_code code = spec_file_read(opts->args[0], &file, err);
    if (code != ERR_OK) {
        return code;
    }
    struct ev_submit submit = spec_file_submit(&file, opt_given(opts, OPT_NEW));
    clock_entropy(random, sizeof random);
    submit.run_id = run_id_from_bytes(random);
    return ask_tell_open(opts->values[OPT_HOME], &submit, out, err);
}

int cmd_ask_tell(const struct opts *opts)
{
    struct ask_tell *study = NULL;
    struct err err = { 0 };
    if (open_study(opts, &study, &err) != ERR_OK) {
        return output_fail(&err);
    }
    struct lines lines = { .buf = mem_alloc(READ_BYTES),
                           .answers = STRBUF_INIT(SIZE_MAX / 2) };
    enum err_code code = serve(study, &lines, &err);
    ask_tell_close(study);
    strbuf_fini(&lines.answers);
    mem_free(lines.buf);
    return code == ERR_OK ? 0 : output_fail(&err);
}
