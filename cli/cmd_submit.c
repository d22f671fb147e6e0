/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_submit.c – `winnow submit FILE`: give a sweep to whoever holds the place, and
 * with
 * --follow wait for its end.
 * Owns the following. Knows the `progress` look-up. Does not know how sweeps run. */
#include "cli/cmd.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/sys/clock.h"
#include "cli/local_run.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/where.h"

/* How often progress is asked for. */
#define FOLLOW_NS (200 * NS_PER_MS)

static void put_if(json_t *args, const char *key, const char *text)
{
    if (text != NULL) {
        json_put_str(args, key, text);
    }
}

/* total_out: trials of the sweep, 0 when only time bounds it. */
static enum err_code submit(const struct opts *opts,
                            const struct where *where,
                            uint64_t *total_out,
                            json_t **answer_out,
                            struct err *err)
{
    AUTO_SPEC_FILE struct spec_file file = { .text = NULL };
    AUTO_JSON json_t *args = json_object();
    struct sweep_spec *spec = NULL;
    enum err_code code = spec_file_read(opts->args[0], &file, err);
    if (code == ERR_OK) {
        code = spec_file_parse(&file, &spec, err);
    }
    *total_out = code == ERR_OK ? sweep_spec_trials(spec) : 0;
    sweep_spec_destroy(spec);
    if (code != ERR_OK) {
        return code;
    }
    put_if(args, "text", file.text);
    put_if(args, "source", file.source);
    put_if(args, "mlproject", file.mlproject);
    put_if(args, "directory", file.directory);
    json_put_bool(args, "new", opt_given(opts, OPT_NEW));
    code = where_request(where, "submit", args, answer_out, err);
    if (code == ERR_CLOSED && where->connect == NULL) {
        return err_set(
            err, code,
            "no process holds the home '%s': start winnow coordinator there, "
            "give --connect, or use winnow run",
            where->home);
    }
    return code;
}

/* Whether nothing more will come by itself. A pause by a person is waited out. */
static bool is_at_rest(const json_t *answer)
{
    const char *state = json_string_value(json_object_get(answer, "state"));
    const char *cause = json_string_value(json_object_get(answer, "cause"));
    if (state == NULL || strcmp(state, "running") == 0) {
        return false;
    }
    const json_t *trials = json_object_get(answer, "trials");
    if (json_integer_value(json_object_get(trials, "running")) > 0) {
        return false;
    }
    return strcmp(state, "paused") != 0 || cause == NULL
           || strcmp(cause, WHERE_CAUSE_PAUSED) != 0;
}

struct follow {
    const struct where *where;
    const char *id;
    uint64_t total;
    struct progress *progress;
    struct look *look; /* NULL: not connected */
    bool lost;         /* and that was told */
};

/* Asks once and shows the answer. */
static enum err_code
follow_once(struct follow *follow, bool *rests_out, struct err *err)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *answer = NULL;
    struct progress_view view;
    json_put_str(args, "sweep", follow->id);
    enum err_code code = ERR_OK;
    if (follow->look == NULL) {
        code = look_open(follow->where, &follow->look, err);
    }
    if (code == ERR_OK) {
        code = look_query(follow->look, "progress", args, &answer, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    progress_from_json(answer, &view);
    view.total = follow->total;
    progress_show(follow->progress, &view, clock_mono());
    follow->lost = false;
    *rests_out = is_at_rest(answer);
    return ERR_OK;
}

/* The coordinator went away: told once, and asked again. */
static void follow_lost(struct follow *follow, const struct err *err)
{
    progress_clear(follow->progress);
    if (!follow->lost) {
        output_say("%s; trying again", err->msg);
    }
    follow->lost = true;
    look_close(follow->look);
    follow->look = NULL;
}

/* Asks until the sweep rests. */
static enum err_code follow_all(struct follow *follow, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = FOLLOW_NS };
    bool rests = false;
    for (;;) {
        enum err_code code = follow_once(follow, &rests, err);
        if (code == ERR_CLOSED || code == ERR_TIMEOUT) {
            follow_lost(follow, err);
        } else if (code != ERR_OK || rests) {
            return code;
        }
        IGNORE_ERR(nanosleep(&pause, NULL), "a signal ends the program");
    }
}

int cmd_submit(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(1024);
    AUTO_JSON json_t *answer = NULL;
    const char *id = NULL;
    struct where where;
    struct progress progress;
    uint64_t total = 0;
    struct err err = { 0 };
    where_resolve(opts, &where);
    enum err_code code = submit(opts, &where, &total, &answer, &err);
    if (code == ERR_OK) {
        code = json_get_str(answer, "id", "", &id, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    strbuf_addf(&out, "%s\n", id);
    int status = output_flush(&out);
    if (status != 0 || !opt_given(opts, OPT_FOLLOW)) {
        return status;
    }
    progress_init(&progress, opt_given(opts, OPT_QUIET));
    struct follow follow = {
        .where = &where, .id = id, .total = total, .progress = &progress
    };
    code = follow_all(&follow, &err);
    look_close(follow.look);
    progress_clear(&progress);
    return code == ERR_OK ? local_run_result(&where, id, false) : output_fail(&err);
}
