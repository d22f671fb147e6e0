/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_logs.c – `winnow logs`: what an attempt wrote to stdout and stderr.
 * Owns the paging and the following. Knows the `log` look-up. Does not know files. */
#include "cli/cmd.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/times.h"
#include "cli/output.h"
#include "cli/where.h"

/* Bytes asked for at once. */
#define PIECE_BYTES ((int64_t)256 * 1024)
/* How often a log that may grow is asked for. */
#define FOLLOW_NS (200 * NS_PER_MS)

struct piece {
    int64_t attempt;
    int64_t offset; /* of the next byte to ask for */
    int64_t size;   /* of the log so far */
    bool ended;
};

static enum err_code write_data(const json_t *answer, struct err *err)
{
    const json_t *data = json_object_get(answer, "data");
    size_t len = json_string_length(data);
    const char *text = json_string_value(data);
    if (len > 0 && fwrite(text, 1, len, stdout) != len) {
        return err_set(err, ERR_IO, "cannot write to stdout");
    }
    return ERR_OK;
}

/* The run is there, but has no attempt yet. */
static bool is_waiting(struct look *look, const char *run)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *answer = NULL;
    json_put_str(args, "ref", run);
    return look_query(look, "resolve", args, &answer, NULL) == ERR_OK;
}

/* Asks for the piece at piece->offset, prints it and moves on. */
static enum err_code
next_piece(struct look *look, const char *run, struct piece *piece, struct err *err)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *answer = NULL;
    json_put_str(args, "run", run);
    json_put_i64(args, "offset", piece->offset);
    json_put_i64(args, "limit", PIECE_BYTES);
    if (piece->attempt != 0) {
        json_put_i64(args, "attempt", piece->attempt);
    }
    enum err_code code = look_query(look, "log", args, &answer, err);
    if (code == ERR_OK) {
        code = json_get_i64(answer, "size", "", &piece->size, err);
    }
    if (code == ERR_OK) {
        code = json_get_bool(answer, "ended", "", &piece->ended, err);
    }
    if (code == ERR_OK) {
        code = json_opt_i64(answer, "attempt", "", &piece->attempt, err);
    }
    if (code == ERR_OK) {
        code = write_data(answer, err);
    }
    if (code == ERR_OK) {
        code = json_get_i64(answer, "next", "", &piece->offset, err);
    }
    return code;
}

static enum err_code
print_log(struct look *look, const struct opts *opts, uint32_t attempt, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = FOLLOW_NS };
    struct piece piece = { .attempt = attempt };
    bool follow = opt_given(opts, OPT_FOLLOW);
    for (;;) {
        int64_t before = piece.offset;
        enum err_code code = next_piece(look, opts->args[0], &piece, err);
        bool is_early = code == ERR_NOTFOUND && follow && attempt == 0
                        && is_waiting(look, opts->args[0]);
        if (code != ERR_OK && !is_early) {
            return code;
        }
        bool is_whole = piece.offset >= piece.size;
        if (is_whole && !is_early && (piece.ended || !follow)) {
            return ERR_OK;
        }
        if (is_whole && piece.offset == before) {
            IGNORE_ERR(fflush(stdout), "the next write says so");
            IGNORE_ERR(nanosleep(&pause, NULL), "a signal ends the program");
        }
    }
}

int cmd_logs(const struct opts *opts)
{
    AUTO_LOOK struct look *look = NULL;
    struct strbuf none = STRBUF_INIT(0);
    struct where where;
    struct err err = { 0 };
    uint32_t attempt = 0;
    where_resolve(opts, &where);
    enum err_code code = opt_u32(opts, OPT_ATTEMPT, 1, &attempt, &err);
    if (code == ERR_OK) {
        code = look_open(&where, &look, &err);
    }
    if (code == ERR_OK) {
        code = print_log(look, opts, attempt, &err);
    }
    return code == ERR_OK ? output_flush(&none) : output_fail(&err);
}
