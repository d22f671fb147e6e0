/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_steer.c – pause, resume and stop.
 * Knows who may be asked (where.h). Does not know what the coordinator does. */
#include "cli/cmd.h"

#include "cli/local_run.h"
#include "cli/output.h"
#include "cli/where.h"

/* Prints the answer: one line for people, or the object. */
static int print_answer(const struct opts *opts, const json_t *answer)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    if (output_format_get(opts, &format, &err) != ERR_OK) {
        return output_fail(&err);
    }
    const char *name = json_string_value(json_object_get(answer, "name"));
    const char *state = json_string_value(json_object_get(answer, "state"));
    if (format == OUTPUT_TABLE && name != NULL && state != NULL) {
        strbuf_addf(&out, "%s %s\n", name, state);
    } else {
        output_object(answer, format, &out);
    }
    return output_flush(&out);
}

static int steer(const struct opts *opts, enum steer_verb verb, const char *cause)
{
    AUTO_JSON json_t *answer = NULL;
    struct where where;
    struct err err = { 0 };
    struct ev_steer steer = { .verb = verb,
                              .sweep = opts->args[0],
                              .drain = opt_given(opts, OPT_DRAIN),
                              .cause = cause };
    enum output_format format = OUTPUT_TABLE;
    where_resolve(opts, &where);
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = where_steer(&where, &steer, NULL, &answer, &err);
    }
    return code == ERR_OK ? print_answer(opts, answer) : output_fail(&err);
}

int cmd_pause(const struct opts *opts)
{
    return steer(opts, STEER_PAUSE, WHERE_CAUSE_PAUSED);
}

int cmd_stop(const struct opts *opts)
{
    return steer(opts, STEER_STOP, "stopped from the command line");
}

/* Nobody holds the home: the sweep goes on in this process. */
static int resume_here(const struct opts *opts, const struct where *where)
{
    struct local_run_config config = { .home = where->home,
                                       .quiet = opt_given(opts, OPT_QUIET),
                                       .sweep = opts->args[0] };
    struct err err = { 0 };
    if (opt_u32(opts, OPT_SLOTS, 1, &config.slots, &err) != ERR_OK) {
        return output_fail(&err);
    }
    return local_run(&config);
}

int cmd_resume(const struct opts *opts)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *answer = NULL;
    struct where where;
    struct err err = { 0 };
    where_resolve(opts, &where);
    enum err_code code =
        where.connect == NULL ? where_check_home(&where, &err) : ERR_OK;
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    json_put_str(args, "sweep", opts->args[0]);
    json_put_str(args, "cause", "resumed from the command line");
    code = where_request(&where, "resume", args, &answer, &err);
    if (code == ERR_CLOSED && where.connect == NULL) {
        return resume_here(opts, &where);
    }
    return code == ERR_OK ? print_answer(opts, answer) : output_fail(&err);
}
