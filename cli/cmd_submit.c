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

static enum err_code submit(const struct opts *opts,
                            const struct where *where,
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

/* Asks until the sweep rests. A coordinator that goes away is waited for. */
static enum err_code follow(const struct where *where,
                            const char *id,
                            struct progress *progress,
                            struct err *err)
{
    static const struct timespec pause = { .tv_nsec = FOLLOW_NS };
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *args = json_object();
    bool is_lost = false;
    json_put_str(args, "sweep", id);
    for (;;) {
        AUTO_JSON json_t *answer = NULL;
        enum err_code code = look == NULL ? look_open(where, &look, err) : ERR_OK;
        if (code == ERR_OK) {
            code = look_query(look, "progress", args, &answer, err);
        }
        if (code == ERR_OK) {
            struct progress_view view;
            progress_from_json(answer, &view);
            progress_show(progress, &view, clock_mono());
            is_lost = false;
            if (is_at_rest(answer)) {
                return ERR_OK;
            }
        } else if (code != ERR_CLOSED && code != ERR_TIMEOUT) {
            return code;
        } else {
            progress_clear(progress);
            if (!is_lost) {
                output_say("%s; trying again", err->msg);
            }
            is_lost = true;
            look_close(mem_take(&look));
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
    struct err err = { 0 };
    where_resolve(opts, &where);
    enum err_code code = submit(opts, &where, &answer, &err);
    if (code == ERR_OK) {
        code = json_get_str(answer, "id", "", &id, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    strbuf_addf(&out, "%s\n", id);
    int status = output_finish(&out);
    if (status != 0 || !opt_given(opts, OPT_FOLLOW)) {
        return status;
    }
    progress_init(&progress, opt_given(opts, OPT_QUIET));
    code = follow(&where, id, &progress, &err);
    progress_clear(&progress);
    return code == ERR_OK ? local_run_result(&where, id, false) : output_fail(&err);
}
