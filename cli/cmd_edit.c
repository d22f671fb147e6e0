/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_edit.c – `winnow edit`: another file for a sweep that exists.
 * Owns the new text until the engine has it. Knows the three ways to give it: a file,
 * single keys, an editor. Does not know what may be edited (core/engine_edit.c). */
#include "cli/cmd.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/editor.h"
#include "cli/output.h"
#include "cli/spec_file.h"
#include "cli/where.h"
#include "core/spec_set.h"

/* The sweep as it is, and its new file. */
struct edited {
    json_t *shown;                            /* the answer of `show`, owned */
    const char *id, *name, *directory, *text; /* borrowed from it */
    int64_t revision;
    struct spec_file file; /* given as FILE */
    char *changed;         /* by keys or in the editor, owned */
    char *kept;            /* the editor's file, owned */
};

static void edited_fini(struct edited *edited)
{
    json_decref(edited->shown);
    spec_file_fini(&edited->file);
    mem_free(edited->changed);
    mem_free(edited->kept);
}

static enum err_code
show(const struct where *where, const char *ref, struct edited *edited, struct err *err)
{
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *args = json_object();
    json_put_str(args, "ref", ref);
    enum err_code code = look_open(where, &look, err);
    if (code == ERR_OK) {
        code = look_query(look, "show", args, &edited->shown, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (json_object_get(edited->shown, "revision") == NULL) {
        return err_set(err, ERR_INVALID, "'%s' is not a sweep", ref);
    }
    code = json_get_str(edited->shown, "id", "", &edited->id, err);
    if (code == ERR_OK) {
        code = json_get_str(edited->shown, "name", "", &edited->name, err);
    }
    if (code == ERR_OK) {
        code = json_get_str(edited->shown, "directory", "", &edited->directory, err);
    }
    if (code == ERR_OK) {
        code = json_get_i64(edited->shown, "revision", "", &edited->revision, err);
    }
    return code == ERR_OK ? json_get_str(edited->shown, "text", "", &edited->text, err)
                          : code;
}

/* ---- the new text ---- */

/* One --set or --unset. */
static enum err_code
change_key(char **text, bool set, const char *word, struct err *err)
{
    struct strbuf AUTO_STRBUF out = STRBUF_INIT(YAML_BYTES_MAX);
    const char *equals = set ? strchr(word, '=') : NULL;
    if (set && (equals == NULL || equals[1] == '\0')) {
        return err_set(err, ERR_USAGE,
                       "edit: --set '%s': expected KEY=VALUE, such as "
                       "budget.trials=500",
                       word);
    }
    AUTO_FREE char *key =
        set ? mem_strndup(word, (size_t)(equals - word)) : mem_strdup(word);
    enum err_code code =
        spec_text_set(*text, "sweep.yaml", key, set ? equals + 1 : NULL, &out, err);
    if (code == ERR_OK && out.toobig) {
        code = err_set(err, ERR_TOOBIG, "the sweep file would be too large");
    }
    if (code == ERR_OK) {
        mem_free(*text);
        *text = strbuf_take(&out);
    }
    return code;
}

static enum err_code
change_keys(const struct opts *opts, struct edited *edited, struct err *err)
{
    enum err_code code = ERR_OK;
    edited->changed = mem_strdup(edited->text);
    for (size_t i = 0; i < opts->repeats_len && code == ERR_OK; i++) {
        code = change_key(&edited->changed, opts->repeats[i].id == OPT_SET,
                          opts->repeats[i].value, err);
    }
    return code;
}

/* FILE, keys, the present text for --resume alone, else the editor. */
static enum err_code
make_text(const struct opts *opts, struct edited *edited, struct err *err)
{
    if (opts->args_len > 1 && opts->repeats_len > 0) {
        return err_set(err, ERR_USAGE,
                       "edit: give FILE or --set and --unset, not both");
    }
    if (opts->args_len > 1) {
        return spec_file_read_for(opts->args[1], edited->directory, &edited->file, err);
    }
    if (opts->repeats_len > 0 || opt_given(opts, OPT_RESUME)) {
        return change_keys(opts, edited, err);
    }
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
        return err_set(err, ERR_USAGE,
                       "edit: expected FILE, --set KEY=VALUE or --unset KEY; an editor "
                       "needs a terminal");
    }
    return editor_run(edited->text, &edited->kept, &edited->changed, err);
}

/* ---- the answer ---- */

static void print_table(const json_t *answer, bool dry_run, struct strbuf *out)
{
    const char *status = json_string_value(json_object_get(answer, "status"));
    const char *changed = json_string_value(json_object_get(answer, "changed"));
    long long cancelled = json_integer_value(json_object_get(answer, "cancelled"));
    long long queued = json_integer_value(json_object_get(answer, "queued"));
    long long revision = json_integer_value(json_object_get(answer, "revision"));
    strbuf_addf(out, "%s %s, ", json_string_value(json_object_get(answer, "name")),
                json_string_value(json_object_get(answer, "state")));
    if (strcmp(status != NULL ? status : "", "unchanged") == 0) {
        strbuf_adds(out, "unchanged\n");
        return;
    }
    strbuf_addf(out, dry_run ? "would change" : "revision %lld: changed", revision);
    strbuf_addc(out, ' ');
    output_clean(changed != NULL ? changed : "", out);
    strbuf_addc(out, '\n');
    if (queued > 0) {
        strbuf_addf(out, "%lld of %lld queued trials %s outside the space%s\n",
                    cancelled, queued, cancelled == 1 ? "is" : "are",
                    cancelled == 0 ? ""
                    : dry_run      ? " and would be cancelled"
                                   : " and cancelled");
    }
}

static int print_answer(const struct opts *opts,
                        const json_t *answer,
                        enum output_format format,
                        bool held)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    const char *state = json_string_value(json_object_get(answer, "state"));
    if (format == OUTPUT_TABLE) {
        print_table(answer, opt_given(opts, OPT_DRY_RUN), &out);
    } else {
        output_object(answer, format, &out);
    }
    int status = output_flush(&out);
    if (!held && !opt_given(opts, OPT_DRY_RUN) && state != NULL
        && strcmp(state, "running") == 0) {
        output_say("no process holds this home: `winnow resume %s` goes on with it",
                   opts->args[0]);
    }
    return status;
}

/* ---- the verb ---- */

static enum err_code send_edit(const struct opts *opts,
                               const struct where *where,
                               const struct edited *edited,
                               bool *held_out,
                               json_t **answer_out,
                               struct err *err)
{
    bool whole = edited->file.text != NULL;
    struct ev_steer steer = { .verb = STEER_EDIT,
                              .sweep = edited->id,
                              .cause = "edited from the command line" };
    steer.edit = (struct steer_edit){
        .text = whole ? edited->file.text : edited->changed,
        .source = whole ? edited->file.source : edited->kept,
        .mlproject = edited->file.mlproject,
        .revision = whole ? 0 : (uint32_t)edited->revision,
        .resume = opt_given(opts, OPT_RESUME),
        .dry_run = opt_given(opts, OPT_DRY_RUN),
    };
    if (steer.edit.source == NULL) {
        steer.edit.source = "sweep.yaml";
    }
    return where_steer(where, &steer, held_out, answer_out, err);
}

/* The editor's file goes when it is no longer needed. */
static void keep_or_remove(const struct edited *edited, bool done)
{
    if (edited->kept != NULL && done) {
        IGNORE_ERR(unlink(edited->kept), "it is only left over");
    } else if (edited->kept != NULL) {
        output_say("your text is kept in %s", edited->kept);
    }
}

int cmd_edit(const struct opts *opts)
{
    AUTO_JSON json_t *answer = NULL;
    struct edited edited = { .id = NULL };
    struct where where;
    struct err err = { 0 };
    bool held = true;
    enum output_format format = OUTPUT_TABLE;
    where_resolve(opts, &where);
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = show(&where, opts->args[0], &edited, &err);
    }
    if (code == ERR_OK) {
        code = make_text(opts, &edited, &err);
    }
    if (code == ERR_OK) {
        code = send_edit(opts, &where, &edited, &held, &answer, &err);
    }
    int status =
        code == ERR_OK ? print_answer(opts, answer, format, held) : output_fail(&err);
    keep_or_remove(&edited, code == ERR_OK);
    edited_fini(&edited);
    return status;
}
