/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_explain.c – `winnow explain`: why a sweep or trial is as it is.
 * Owns putting together what the store tells (what happened) and what the engine tells
 * (why it is so now). Does not know the words. */
#include "cli/cmd.h"

#include <string.h>

#include "base/json.h"
#include "base/sys/clock.h"
#include "cli/explain_text.h"
#include "cli/output.h"
#include "cli/where.h"

/* The history of a trial that was given out a thousand times. */
#define ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* The engine's answer about what the history is of. */
static enum err_code ask_engine(const struct where *where,
                                const json_t *history,
                                json_t **now_out,
                                struct err *err)
{
    const char *kind = NULL;
    const char *sweep = NULL;
    int64_t number = 0;
    enum err_code code = json_get_str(history, "kind", "", &kind, err);
    bool is_trial = code == ERR_OK && strcmp(kind, "trial") == 0;
    if (code == ERR_OK) {
        code = json_get_str(history, is_trial ? "sweep_id" : "id", "", &sweep, err);
    }
    if (code == ERR_OK && is_trial) {
        code = json_get_i64(history, "number", "", &number, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    uint32_t trial = (uint32_t)number;
    return where_explain(where, sweep, is_trial ? &trial : NULL, now_out, err);
}

static enum err_code
explain(const struct opts *opts, json_t **found_out, struct err *err)
{
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *found = NULL;
    json_t *now = NULL;
    struct where where;
    where_resolve(opts, &where);
    json_put_str(args, "ref", opts->args_len > 0 ? opts->args[0] : "last");
    enum err_code code = look_open(&where, &look, err);
    if (code == ERR_OK) {
        code = look_query(look, "history", args, &found, err);
    }
    if (code == ERR_OK) {
        code = ask_engine(&where, found, &now, err);
    }
    if (code == ERR_OK) {
        json_put(found, "now", now);
        *found_out = json_incref(found);
    }
    return code;
}

int cmd_explain(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(ANSWER_BYTES_MAX);
    AUTO_JSON json_t *found = NULL;
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = explain(opts, &found, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    if (format == OUTPUT_TABLE) {
        explain_print(found, clock_wall(), &out);
    } else {
        output_object(found, format, &out);
    }
    return output_flush(&out);
}
