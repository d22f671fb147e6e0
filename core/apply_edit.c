/* SPDX-License-Identifier: Apache-2.0 */
/* apply_edit.c – revisions of a sweep's file, and what REC_SWEEP_EDITED does.
 * Owns the list of revisions and which trials the newest space allows. Part of
 * apply.c's door: called from engine_apply only. Does not know who may edit what
 * (engine_edit.c) or what becomes of trials that are outside.
 *
 * A trial's point is never rewritten: it stays in the layout of the revision it was
 * created under. Attempts are given out with the newest revision of that layout. */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "core/engine_internal.h"
#include "core/space_map.h"
#include "core/spec_sections.h"

struct sweep_spec_input engine_spec_input(const struct engine *engine,
                                          const char *source,
                                          const char *text,
                                          const char *mlproject)
{
    return (struct sweep_spec_input){
        .text = text,
        .text_len = strlen(text),
        .source = source,
        .mlproject = mlproject,
        .mlproject_len = mlproject != NULL ? strlen(mlproject) : 0,
        .mlproject_source = "MLproject",
        .samplers = engine->samplers,
        .pruners = engine->pruners,
    };
}

const struct revision *sweep_newest(const struct sweep *sweep)
{
    ASSERT(sweep->revisions.len > 0);
    return sweep->revisions.ptr[sweep->revisions.len - 1];
}

static bool same_rules(const struct sweep_spec *a, const struct sweep_spec *b)
{
    AUTO_STRBUF struct strbuf text_a = STRBUF_INIT(YAML_BYTES_MAX);
    AUTO_STRBUF struct strbuf text_b = STRBUF_INIT(YAML_BYTES_MAX);
    spec_print_stop(a, &text_a);
    spec_print_stop(b, &text_b);
    return strcmp(strbuf_cstr(&text_a), strbuf_cstr(&text_b)) == 0;
}

void sweep_add_revision(struct sweep *sweep,
                        const char *text,
                        const char *mlproject,
                        struct sweep_spec *spec)
{
    struct revision *revision = mem_alloc(sizeof *revision);
    revision->number = (uint32_t)sweep->revisions.len + 1;
    revision->text = mem_strdup(text);
    revision->mlproject = mem_strdup(mlproject);
    revision->spec = spec;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    vec_push(&sweep->revisions, revision);
    const struct sweep_spec *before = sweep->spec;
    sweep->spec = spec;
    if (before != NULL && !same_rules(before, spec)) {
        stopping_rules_changed(sweep, before);
    }
    sweep->trials_total = sweep_spec_trials(spec);
    for (size_t i = 0; i < sweep->revisions.len; i++) {
        struct revision *older = sweep->revisions.ptr[i];
        if (space_same_layout(older->spec->space, spec->space)) {
            older->runs_as = revision;
        }
    }
    ASSERT(revision->runs_as == revision);
    sweep_learn_again(sweep);
}

void sweep_free_revisions(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->revisions.len; i++) {
        struct revision *revision = sweep->revisions.ptr[i];
        sweep_spec_destroy(revision->spec);
        mem_free(revision->text);
        mem_free(revision->mlproject);
        mem_free(revision);
    }
    vec_fini(&sweep->revisions);
}

/* Which trials the newest space allows, whatever state they are in: one that has ended
 * may be tried again. */
static void mark_outside(struct sweep *sweep)
{
    const struct revision *newest = sweep_newest(sweep);
    sweep->queue_outside = 0;
    for (size_t i = 0; i < sweep->trials.len; i++) {
        struct trial *trial = sweep->trials.ptr[i];
        if (space_allows_point(trial->revision->spec->space, newest->spec->space,
                               trial->x)) {
            trial->outside = 0;
        } else if (trial->outside == 0) {
            trial->outside = newest->number;
        }
        sweep->queue_outside += trial->state == TRIAL_QUEUED && trial->outside != 0;
    }
}

enum err_code apply_sweep_edited(const struct engine *engine,
                                 struct sweep *sweep,
                                 const struct record *record,
                                 struct err *err)
{
    const struct rec_sweep_edited *edited = &record->as.sweep_edited;
    struct sweep_spec *spec = NULL;
    if (edited->revision != sweep->revisions.len + 1) {
        return err_set(err, ERR_CORRUPT, "revision %u of sweep '%s' is out of order",
                       edited->revision, sweep->spec->name);
    }
    struct sweep_spec_input input =
        engine_spec_input(engine, sweep->spec->name, edited->text, edited->mlproject);
    input.command_optional = true; /* it was checked when it was edited */
    enum err_code code = sweep_spec_parse(&input, &spec, err);
    if (code != ERR_OK) {
        return code;
    }
    if (edited->enqueued_used > spec->enqueued_len) {
        sweep_spec_destroy(spec);
        return err_set(err, ERR_CORRUPT, "revision %u of sweep '%s' lists too little",
                       edited->revision, sweep->spec->name);
    }
    sweep_add_revision(sweep, edited->text, edited->mlproject, spec);
    sweep->cursor = edited->cursor;
    sweep->enqueued_used = edited->enqueued_used;
    sweep->exhausted = false;
    mark_outside(sweep);
    return ERR_OK;
}
