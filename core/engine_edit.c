/* SPDX-License-Identifier: Apache-2.0 */
/* engine_edit.c – changing the file of a sweep that exists.
 * Owns what may be edited and what follows from it at once: whether the sweep runs
 * again, what is called back. Knows specs and their differences. What becomes of
 * queued trials follows from state (cancel_outside in engine_sweep.c).
 *
 * An edit is a whole new file. A refused one changes nothing. */
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"
#include "core/space_map.h"

/* An edit under way. */
struct edit {
    struct sweep *sweep;
    const struct sweep_spec *was;
    struct sweep_spec *spec; /* owned until the record is applied */
    const char *mlproject;
    bool space, sampler, enqueue, budget; /* what differs */
    size_t differing;                     /* keys */
    struct strbuf keys;                   /* their names, as many as fit */
};

/* ---- what may be edited ---- */

static bool same_prints(const struct edit *edit,
                        void (*print)(const struct sweep_spec *, struct strbuf *))
{
    struct strbuf AUTO_STRBUF was = STRBUF_INIT(SIZE_MAX / 2);
    struct strbuf AUTO_STRBUF is = STRBUF_INIT(SIZE_MAX / 2);
    print(edit->was, &was);
    print(edit->spec, &is);
    return strcmp(strbuf_cstr(&was), strbuf_cstr(&is)) == 0;
}

static void find_differences(struct edit *edit)
{
    const struct budget *a = &edit->was->budget;
    const struct budget *b = &edit->spec->budget;
    edit->space = !same_prints(edit, sweep_spec_print_space);
    edit->sampler = edit->was->sampler != edit->spec->sampler;
    edit->enqueue = !same_prints(edit, sweep_spec_print_enqueue);
    edit->budget = a->trials != b->trials || a->time_ms != b->time_ms
                   || a->has_target != b->has_target
                   || (a->has_target && a->target != b->target);
}

static enum err_code check_objective(const struct edit *edit, struct err *err)
{
    const struct objective *was = &edit->was->objective;
    const struct objective *is = &edit->spec->objective;
    const char *key = NULL;
    if (strcmp(was->metric, is->metric) != 0) {
        key = "objective.metric";
    } else if (was->goal != is->goal) {
        key = "objective.goal";
    } else if (was->read != is->read) {
        key = "objective.read";
    } else {
        return ERR_OK;
    }
    return err_set(err, ERR_STATE,
                   "'%s' cannot be edited, because the values of the trials so far "
                   "could not be compared with new ones; submit the file with --new",
                   key);
}

static bool same_checkpoint(const struct run_options *a, const struct run_options *b)
{
    return a->checkpoint == b->checkpoint
           && (a->checkpoint != CHECKPOINT_PATH
               || strcmp(a->checkpoint_path, b->checkpoint_path) == 0);
}

static bool enumerates(const struct sweep_spec *spec)
{
    return spec->sampler->count != NULL;
}

static enum err_code check_changes(const struct edit *edit, struct err *err)
{
    if (strcmp(edit->was->name, edit->spec->name) != 0) {
        return err_set(err, ERR_STATE,
                       "'name' cannot be edited, because it says which sweep this is; "
                       "submit the file as another sweep with --new");
    }
    enum err_code code = check_objective(edit, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!same_checkpoint(&edit->was->run, &edit->spec->run)) {
        return err_set(err, ERR_STATE,
                       "'run.checkpoint' cannot be edited, because trials could not go "
                       "on from what they have; submit the file with --new");
    }
    bool grid = enumerates(edit->was) || enumerates(edit->spec);
    if (grid && (edit->space || edit->sampler) && edit->sweep->trials.len > 0) {
        return err_set(err, ERR_STATE,
                       "%s cannot be edited in a sweep with '%s', because cells would "
                       "be left out or run twice; submit the file with --new",
                       edit->space ? "'space' and 'forbid'" : "'search.sampler'",
                       enumerates(edit->was) ? edit->was->sampler->name
                                             : edit->spec->sampler->name);
    }
    return ERR_OK;
}

static enum err_code
check_state(const struct sweep *sweep, const struct steer_edit *ev, struct err *err)
{
    if (sweep->misfit) {
        return err_set(err, ERR_STATE, "sweep '%s' cannot be edited: %s",
                       sweep->spec->name, sweep->cause);
    }
    if ((sweep->state == SWEEP_STOPPED || sweep->state == SWEEP_FAILED)
        && !ev->resume) {
        return err_set(err, ERR_STATE,
                       "sweep '%s' is %s; with --resume it is edited and runs again",
                       sweep->spec->name, sweep_state_name(sweep->state));
    }
    if (ev->revision != 0 && ev->revision != sweep->revisions.len) {
        return err_set(err, ERR_STATE,
                       "sweep '%s' was edited meanwhile: it has revision %zu, this was "
                       "made from %u",
                       sweep->spec->name, sweep->revisions.len, ev->revision);
    }
    if (sweep->revisions.len >= REVISIONS_MAX) {
        return err_set(err, ERR_TOOBIG, "sweep '%s' has %d revisions, no more are kept",
                       sweep->spec->name, REVISIONS_MAX);
    }
    return ERR_OK;
}

/* ---- what follows ---- */

static const double *enqueued_at(const struct sweep_spec *spec, size_t i)
{
    return spec->enqueued + i * spec->space->len;
}

static bool same_point(const struct edit *edit, size_t old, size_t new)
{
    AUTO_FREE double *x = mem_alloc_array(edit->spec->space->len, sizeof *x);
    size_t bytes = edit->spec->space->len * sizeof *x;
    /* Inactive parameters are the same NaN in both. */
    return space_map_point(edit->was->space, edit->spec->space,
                           enqueued_at(edit->was, old), x)
           && memcmp(x, enqueued_at(edit->spec, new), bytes) == 0;
}

/* Points of the new list that were created already: those of the old list stand first
 * and in order, but some may be missing. */
static uint32_t enqueued_used(const struct edit *edit)
{
    uint32_t kept = 0;
    for (size_t old = 0; old < edit->sweep->enqueued_used; old++) {
        if (kept < edit->spec->enqueued_len && same_point(edit, old, kept)) {
            kept++;
        }
    }
    return kept;
}

static const char *tag_value(const struct sweep_spec *spec, const char *key)
{
    for (size_t i = 0; i < spec->tags_len; i++) {
        if (strcmp(spec->tags[i].key, key) == 0) {
            return spec->tags[i].value;
        }
    }
    return NULL;
}

/* tags has room for those of both. */
static size_t changed_tags(const struct edit *edit, struct rec_note *tags)
{
    size_t len = 0;
    for (size_t i = 0; i < edit->spec->tags_len; i++) {
        const struct tag *tag = &edit->spec->tags[i];
        const char *was = tag_value(edit->was, tag->key);
        if (was == NULL || strcmp(was, tag->value) != 0) {
            tags[len++] = (struct rec_note){ true, tag->key, tag->value };
        }
    }
    for (size_t i = 0; i < edit->was->tags_len; i++) {
        const char *key = edit->was->tags[i].key;
        if (tag_value(edit->spec, key) == NULL) {
            tags[len++] = (struct rec_note){ true, key, NULL };
        }
    }
    return len;
}

static void
emit_edited(struct engine *engine, const struct edit *edit, struct effects *effects)
{
    struct sweep *sweep = edit->sweep;
    size_t tags_max = edit->was->tags_len + edit->spec->tags_len;
    AUTO_FREE struct rec_note *tags = mem_alloc_array(tags_max, sizeof *tags);
    struct record record = {
        .kind = REC_SWEEP_EDITED,
        .key = { .sweep = sweep->key },
        .run_key = sweep->run_key,
        .cause = strbuf_cstr(&edit->keys),
        .as.sweep_edited = { .revision = (uint32_t)sweep->revisions.len + 1,
                             .text = edit->spec->text,
                             .mlproject = edit->mlproject,
                             /* Another sampler begins at its beginning. */
                             .cursor = edit->sampler ? 0 : sweep->cursor,
                             .enqueued_used = enqueued_used(edit),
                             .tags = tags,
                             .tags_len = changed_tags(edit, tags) },
    };
    engine_emit(engine, effects, &record);
}

/* What waits at agents takes over the room of one that ends: that must be enough. */
static void recall_if_needs_differ(struct engine *engine,
                                   const struct edit *edit,
                                   struct effects *effects)
{
    const struct resources *a = &edit->was->run.resources;
    const struct resources *b = &edit->spec->run.resources;
    if (a->cpus != b->cpus || a->gpus != b->gpus
        || a->memory_bytes != b->memory_bytes) {
        engine_recall_sweep(engine, edit->sweep, "run.resources was edited", effects);
    }
}

static bool runs_again(const struct engine *engine,
                       const struct edit *edit,
                       const struct steer_edit *ev)
{
    const struct sweep *sweep = edit->sweep;
    const char *why = NULL;
    if (sweep->state == SWEEP_RUNNING || sweep_is_used_up(engine, sweep, &why)) {
        return false;
    }
    if (sweep->state != SWEEP_FINISHED) {
        return ev->resume;
    }
    bool tried = strcmp(sweep->cause, SWEEP_CAUSE_TRIED) == 0;
    return edit->space || edit->sampler || edit->enqueue || (edit->budget && !tried);
}

/* Cells that were cancelled when the sweep ended would never come again. */
static void requeue_cells(struct engine *engine,
                          struct sweep *sweep,
                          const char *cause,
                          struct effects *effects)
{
    for (size_t i = 0; i < sweep->trials.len && sweep_wants(engine, sweep) > 0; i++) {
        const struct trial *trial = sweep->trials.ptr[i];
        struct record record = { .kind = REC_TRIAL_STATE,
                                 .key = { .sweep = sweep->key, .trial = trial->number },
                                 .run_key = trial->run_key,
                                 .cause = cause,
                                 .as.trial_state.state = TRIAL_QUEUED };
        if (trial->state == TRIAL_CANCELLED) {
            engine_emit(engine, effects, &record);
        }
    }
}

static void
run_again(struct engine *engine, struct sweep *sweep, struct effects *effects)
{
    AUTO_FREE char *cause = mem_printf("edited, revision %zu", sweep->revisions.len);
    bool ended = sweep_state_is_final(sweep->state);
    sweep->exhausted = false; /* found out again */
    engine_reopen_sweep(engine, sweep, cause, effects);
    if (ended && enumerates(sweep->spec)) {
        requeue_cells(engine, sweep, cause, effects);
    }
}

/* ---- answers ---- */

static size_t list_outside(const struct edit *edit, const struct list *list)
{
    size_t outside = 0;
    LIST_FOREACH (node, list) {
        const struct trial *trial = container_of(node, struct trial, queue_node);
        outside += !space_allows_point(trial->revision->spec->space, edit->spec->space,
                                       trial->x);
    }
    return outside;
}

/* Queued trials that the new space does not allow. */
static size_t count_outside(const struct edit *edit)
{
    return list_outside(edit, &edit->sweep->queue)
           + list_outside(edit, &edit->sweep->held);
}

static void answer(struct effects *effects,
                   uint64_t token,
                   const struct edit *edit,
                   const char *status,
                   size_t outside)
{
    const struct sweep *sweep = edit->sweep;
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(SIZE_MAX / 2);
    strbuf_addf(&text,
                "{\"id\":\"%s\",\"name\":\"%s\",\"status\":\"%s\",\"state\":\"%s\","
                "\"revision\":%zu,\"queued\":%u,\"cancelled\":%zu,\"changed\":",
                sweep->run_id.hex, sweep->spec->name, status,
                sweep_state_name(sweep->state), sweep->revisions.len,
                sweep->counts[TRIAL_QUEUED], outside);
    json_emit_str(strbuf_str(&edit->keys), &text);
    strbuf_addc(&text, '}');
    engine_reply(effects, token, ERR_OK, strbuf_take(&text));
}

/* ---- the edit ---- */

static void carry_out(struct engine *engine,
                      struct edit *edit,
                      const struct event *event,
                      struct effects *effects)
{
    const struct steer_edit *ev = &event->as.steer.edit;
    struct sweep *sweep = edit->sweep;
    bool differs = edit->differing > 0;
    size_t outside = count_outside(edit);
    if (ev->dry_run) {
        answer(effects, event->token, edit, differs ? "would change" : "unchanged",
               outside);
        return;
    }
    if (differs) {
        emit_edited(engine, edit, effects);
        recall_if_needs_differ(engine, edit, effects);
    }
    if (runs_again(engine, edit, ev)) {
        run_again(engine, sweep, effects);
    }
    answer(effects, event->token, edit, differs ? "edited" : "unchanged", outside);
}

static enum err_code edit_prepare(struct engine *engine,
                                  const struct steer_edit *ev,
                                  struct edit *edit,
                                  struct err *err)
{
    enum err_code code = check_state(edit->sweep, ev, err);
    if (code != ERR_OK) {
        return code;
    }
    edit->was = edit->sweep->spec;
    edit->mlproject =
        ev->mlproject != NULL ? ev->mlproject : sweep_newest(edit->sweep)->mlproject;
    struct sweep_spec_input input =
        engine_spec_input(engine, ev->source, ev->text, edit->mlproject);
    input.command_optional = edit->was->command == NULL;
    code = sweep_spec_parse(&input, &edit->spec, err);
    if (code != ERR_OK) {
        return code;
    }
    find_differences(edit);
    edit->differing = sweep_spec_diff(edit->was, edit->spec, &edit->keys);
    return check_changes(edit, err);
}

void engine_on_edit(struct engine *engine,
                    struct sweep *sweep,
                    const struct event *event,
                    struct effects *effects)
{
    struct err err = { 0 };
    struct edit edit = { .sweep = sweep, .keys = STRBUF_INIT(CAUSE_BYTES_MAX) };
    enum err_code code = edit_prepare(engine, &event->as.steer.edit, &edit, &err);
    if (code == ERR_OK) {
        carry_out(engine, &edit, event, effects);
    } else {
        engine_reply(effects, event->token, code, mem_strdup(err.msg));
    }
    sweep_spec_destroy(edit.spec);
    strbuf_fini(&edit.keys);
}
