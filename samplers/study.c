/* SPDX-License-Identifier: Apache-2.0 */
/* study.c – a search in memory around one sampler.
 * Owns trials, history and what was tried. Knows how a request is put together from
 * them. Does not know any algorithm, how the text is spelled (core/spec_*.c), files or
 * processes. */
#include "samplers/sampler.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/vec.h"
#include "core/expr.h"
#include "core/history.h"
#include "core/sampler.h"
#include "core/spec_sections.h"
#include "core/spec_space.h"
#include "core/tried.h"
#include "samplers/registry.h"

#include <math.h>
#include <string.h>

struct study {
    struct sweep_spec *spec; /* name, space, sampler, seed and enqueued points only */
    bool maximize;
    uint64_t cursor;
    struct history history;
    struct tried tried;
    VEC(double) points;  /* dims doubles a trial */
    VEC(uint8_t) states; /* enum trial_state of each trial */
    VEC(uint32_t) open;  /* numbers of open trials, ascending */
    VEC(double) open_x;  /* their points */
    bool has_best;
    uint32_t best;
    double best_loss;
};

/* ---- life ---- */

static enum err_code read_sections(const struct spec_reader *r,
                                   const struct yaml_node *root,
                                   struct sweep_spec *spec)
{
    static const char *const keys[] = { "space", "forbid", "search", "enqueue" };
    if (root->kind != YAML_MAP) {
        return spec_fail(r, root, "a study must be a map with the key 'space'");
    }
    enum err_code code = spec_known_keys(r, root, NULL, keys, ARRAY_LEN(keys));
    const struct yaml_node *space = yaml_get(root, "space");
    if (code == ERR_OK && space == NULL) {
        return spec_fail(r, root, "'space' is missing");
    }
    if (code == ERR_OK) {
        code = spec_read_space(r, space, yaml_get(root, "forbid"), &spec->space);
    }
    if (code == ERR_OK) {
        code =
            spec_read_search(r, yaml_get(root, "search"), &sampler_registry_all, spec);
    }
    return code == ERR_OK ? spec_read_enqueue(r, yaml_get(root, "enqueue"), spec)
                          : code;
}

static enum err_code
read_spec(const char *text, struct sweep_spec **spec_out, struct err *err)
{
    struct yaml_node *AUTO_YAML root = NULL;
    size_t len = strlen(text);
    enum err_code code = yaml_parse(text, len, "study", &root, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct spec_reader r = { .source = "study",
                                   .text = str_from_n(text, len),
                                   .err = err };
    struct sweep_spec *spec = mem_alloc(sizeof *spec);
    spec->name = mem_strdup("study");
    code = read_sections(&r, root, spec);
    if (code != ERR_OK) {
        sweep_spec_destroy(spec);
        return code;
    }
    *spec_out = spec;
    return ERR_OK;
}

enum err_code study_create(const char *text,
                           enum study_goal goal,
                           struct study **study_out,
                           struct err *err)
{
    struct sweep_spec *spec = NULL;
    enum err_code code = read_spec(text, &spec, err);
    if (code != ERR_OK) {
        return code;
    }
    struct study *study = mem_alloc(sizeof *study);
    study->spec = spec;
    study->maximize = goal == STUDY_MAXIMIZE;
    history_init(&study->history, spec->space->len);
    tried_init(&study->tried, spec->space->len);
    *study_out = study;
    return ERR_OK;
}

void study_destroy(struct study *study)
{
    if (study == NULL) {
        return;
    }
    vec_fini(&study->points);
    vec_fini(&study->states);
    vec_fini(&study->open);
    vec_fini(&study->open_x);
    tried_fini(&study->tried);
    history_fini(&study->history);
    sweep_spec_destroy(study->spec);
    mem_free(study);
}

/* ---- ask ---- */

static enum err_code suggest(struct study *study, double *x, struct err *err)
{
    const struct sweep_spec *spec = study->spec;
    const struct suggest_request request = {
        .space = spec->space,
        .options = spec->sampler_options,
        .seed = spec->seed,
        .trial = (uint32_t)study->states.len,
        .cursor = study->cursor,
        .history = &study->history,
        .history_len = study->history.len,
        .open = study->open_x.ptr,
        .open_len = study->open.len,
        .tried = spec->avoid_duplicates ? &study->tried : NULL,
    };
    return spec->sampler->suggest(&request, x, &study->cursor, err);
}

enum err_code study_ask(struct study *study, uint32_t *trial_out, struct err *err)
{
    size_t dims = study_params(study);
    size_t number = study->states.len;
    if (number >= TRIALS_MAX) {
        return err_set(err, ERR_TOOBIG, "a study has at most %d trials", TRIALS_MAX);
    }
    vec_reserve(&study->points, (number + 1) * dims);
    double *x = study->points.ptr + number * dims;
    if (number < study->spec->enqueued_len) {
        memcpy(x, study->spec->enqueued + number * dims, dims * sizeof *x);
    } else {
        enum err_code code = suggest(study, x, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    study->points.len += dims;
    if (study->spec->avoid_duplicates) {
        tried_add(&study->tried, x, (uint32_t)number);
    }
    vec_push(&study->states, TRIAL_RUNNING);
    vec_push(&study->open, (uint32_t)number);
    for (size_t i = 0; i < dims; i++) {
        vec_push(&study->open_x, x[i]);
    }
    *trial_out = (uint32_t)number;
    return ERR_OK;
}

/* ---- tell ---- */

/* Takes the trial from the open ones. */
static void close_trial(struct study *study, uint32_t trial)
{
    size_t dims = study_params(study);
    size_t at = 0;
    while (study->open.ptr[at] != trial) {
        at++;
    }
    vec_remove_at(&study->open, at);
    double *x = study->open_x.ptr + at * dims;
    memmove(x, x + dims, (study->open.len - at) * dims * sizeof *x);
    study->open_x.len -= dims;
}

static enum err_code
end(struct study *study, uint32_t trial, struct history_row row, struct err *err)
{
    if (trial >= study->states.len) {
        return err_set(err, ERR_NOTFOUND, "no trial %u was asked", trial);
    }
    if (study->states.ptr[trial] != TRIAL_RUNNING) {
        return err_set(err, ERR_STATE, "trial %u has ended already", trial);
    }
    row.trial = trial;
    if (isnan(row.loss)) {
        row = (struct history_row){ .trial = trial,
                                    .state = TRIAL_FAILED,
                                    .loss = (double)NAN };
    }
    close_trial(study, trial);
    study->states.ptr[trial] = (uint8_t)row.state;
    history_add(&study->history, row, study_point(study, trial));
    bool better = !study->has_best || row.loss < study->best_loss;
    if (row.state == TRIAL_FINISHED && better) {
        study->has_best = true;
        study->best = trial;
        study->best_loss = row.loss;
    }
    return ERR_OK;
}

static double loss_of(const struct study *study, double value)
{
    return study->maximize ? -value : value;
}

enum err_code
study_tell(struct study *study, uint32_t trial, double value, struct err *err)
{
    const struct history_row row = { .state = TRIAL_FINISHED,
                                     .loss = loss_of(study, value) };
    return end(study, trial, row, err);
}

enum err_code study_tell_pruned(
    struct study *study, uint32_t trial, double value, int64_t step, struct err *err)
{
    const struct history_row row = { .state = TRIAL_PRUNED,
                                     .loss = loss_of(study, value),
                                     .step = step };
    return end(study, trial, row, err);
}

enum err_code study_tell_failed(struct study *study, uint32_t trial, struct err *err)
{
    const struct history_row row = { .state = TRIAL_FAILED, .loss = (double)NAN };
    return end(study, trial, row, err);
}

/* ---- import ---- */

static enum err_code
check_point(const struct space *space, const double *x, struct err *err)
{
    for (size_t k = 0; k < space->len; k++) {
        uint32_t i = space->topo[k];
        const struct param *param = &space->params[i];
        bool active =
            param->when == NULL || expr_eval(param->when, space, x) == TRUTH_TRUE;
        if (active == isnan(x[i])) {
            return err_set(err, ERR_INVALID, "'%s' is %s in this point", param->name,
                           active ? "missing" : "not active");
        }
        if (active && space_snap(space, i, x[i]) != x[i]) {
            return err_set(err, ERR_INVALID, "%.17g is no value of '%s'", x[i],
                           param->name);
        }
    }
    return ERR_OK;
}

enum err_code
study_import(struct study *study, const double *point, double value, struct err *err)
{
    enum err_code code = check_point(study->spec->space, point, err);
    if (code != ERR_OK) {
        return code;
    }
    if (isnan(value)) {
        return err_set(err, ERR_INVALID, "the value of an imported trial is NaN");
    }
    const struct history_row row = { .trial = HISTORY_PRIOR,
                                     .state = TRIAL_FINISHED,
                                     .loss = loss_of(study, value) };
    history_add(&study->history, row, point);
    if (study->spec->avoid_duplicates) {
        tried_add_prior(&study->tried, point);
    }
    return ERR_OK;
}

/* ---- questions ---- */

size_t study_params(const struct study *study)
{
    return study->spec->space->len;
}

const struct space *study_space(const struct study *study)
{
    return study->spec->space;
}

uint32_t study_trials(const struct study *study)
{
    return (uint32_t)study->states.len;
}

const double *study_point(const struct study *study, uint32_t trial)
{
    ASSERT(trial < study->states.len);
    return study->points.ptr + (size_t)trial * study_params(study);
}

bool study_has(const struct study *study, const char *name)
{
    return space_find(study->spec->space, name) >= 0;
}

static struct value
value_of(const struct study *study, uint32_t trial, const char *name)
{
    int32_t i = space_find(study->spec->space, name);
    ASSERT(i >= 0);
    return space_value(study->spec->space, (size_t)i, study_point(study, trial)[i]);
}

bool study_is_active(const struct study *study, uint32_t trial, const char *name)
{
    return value_of(study, trial, name).kind != VALUE_NONE;
}

double study_number(const struct study *study, uint32_t trial, const char *name)
{
    double number = (double)NAN;
    return value_number(value_of(study, trial, name), &number) ? number : (double)NAN;
}

int64_t study_int(const struct study *study,
                  uint32_t trial,
                  const char *name,
                  int64_t otherwise)
{
    struct value value = value_of(study, trial, name);
    return value.kind == VALUE_INT ? value.as.integer : otherwise;
}

const char *study_string(const struct study *study, uint32_t trial, const char *name)
{
    struct value value = value_of(study, trial, name);
    return value.kind == VALUE_STR ? value.as.str : NULL;
}

bool study_bool(const struct study *study,
                uint32_t trial,
                const char *name,
                bool otherwise)
{
    struct value value = value_of(study, trial, name);
    return value.kind == VALUE_BOOL ? value.as.boolean : otherwise;
}

char *study_json(const struct study *study, uint32_t trial)
{
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(JSON_BYTES_MAX);
    space_print_json(study->spec->space, study_point(study, trial), &text);
    return strbuf_take(&text);
}

bool study_best(const struct study *study, uint32_t *trial_out, double *value_out)
{
    if (study->has_best) {
        *trial_out = study->best;
        *value_out = loss_of(study, study->best_loss);
    }
    return study->has_best;
}
