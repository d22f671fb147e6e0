/* SPDX-License-Identifier: Apache-2.0 */
/* engine_retry.c – the user's retry: which trials run again, and that they do.
 * Owns the choice of trials by number, state and expression, and the answer. Knows the
 * grammar of `when` (core/expr.h). Does not know what happens to the trials then: they
 * are queued like others, and apply.c and sched.c see to the rest.
 *
 * The filter is an expression over a space of its own: the sweep's parameters and the
 * words `state`, `end` (how the newest attempt ended; unknown when none did) and
 * `number`, unless a parameter has that name.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"
#include "core/expr.h"
#include "core/space_map.h"

#define WORDS_MAX       3u
#define RETRIABLE       ((1u << TRIAL_FAILED) | (1u << TRIAL_CANCELLED))
#define REPLY_BYTES_MAX ((size_t)1 << 30) /* TRIALS_MAX numbers */

/* ---- the filter ---- */

typedef double (*word_fn)(const struct trial *trial);

struct filter {
    struct space
        space; /* its params are copies, of words with names and items of their own */
    word_fn words[WORDS_MAX]; /* of the parameters behind the sweep's */
    size_t own_len;           /* parameters of the sweep */
    struct expr *expr;        /* NULL: everything passes */
    double *x;
};

static double word_state(const struct trial *trial)
{
    return (double)trial->state;
}

static double word_end(const struct trial *trial)
{
    return trial->last_end == END_NONE ? (double)NAN : (double)(trial->last_end - 1);
}

static double word_number(const struct trial *trial)
{
    return (double)trial->number;
}

/* The word as one more parameter; a parameter of that name hides it. */
static struct param *filter_word(struct filter *filter, const char *name, word_fn fn)
{
    if (space_find(&filter->space, name) >= 0) {
        return NULL;
    }
    struct param *param = &filter->space.params[filter->space.len];
    *param = (struct param){ .name = mem_strdup(name),
                             .kind = PARAM_INT,
                             .high = TRIALS_MAX };
    filter->words[filter->space.len - filter->own_len] = fn;
    filter->space.len++;
    return param;
}

/* Makes it a choice among `len` names. */
static void
param_set_names(struct param *param, const char *(*name_of)(unsigned), size_t len)
{
    param->kind = PARAM_CHOICE;
    param->items = mem_alloc_array(len, sizeof *param->items);
    param->items_len = len;
    param->high = (double)(len - 1);
    for (size_t i = 0; i < len; i++) {
        param->items[i] =
            (struct value){ .kind = VALUE_STR, .as.str = name_of((unsigned)i) };
    }
}

static const char *state_name_of(unsigned i)
{
    return trial_state_name((enum trial_state)i);
}

static const char *end_name_of(unsigned i)
{
    return attempt_end_name((enum attempt_end)(i + 1)); /* without END_NONE */
}

static void filter_fini(struct filter *filter)
{
    for (size_t i = filter->own_len; i < filter->space.len; i++) {
        mem_free(filter->space.params[i].items);
        mem_free(filter->space.params[i].name);
    }
    mem_free(filter->space.params);
    mem_free(filter->x);
    expr_destroy(filter->expr);
}

static enum err_code filter_init(struct filter *filter,
                                 const struct space *space,
                                 const char *where,
                                 struct err *err)
{
    size_t len = space->len + WORDS_MAX;
    *filter = (struct filter){ .own_len = space->len };
    if (where == NULL) {
        return ERR_OK;
    }
    filter->space.params = mem_alloc_array(len, sizeof *filter->space.params);
    filter->space.len = space->len;
    filter->x = mem_alloc_array(len, sizeof *filter->x);
    memcpy(filter->space.params, space->params, space->len * sizeof *space->params);
    struct param *state = filter_word(filter, "state", word_state);
    if (state != NULL) {
        param_set_names(state, state_name_of, TRIAL_STATE_NR);
    }
    struct param *end = filter_word(filter, "end", word_end);
    if (end != NULL) {
        param_set_names(end, end_name_of, ATTEMPT_END_NR - 1);
    }
    IGNORE_ERR(filter_word(filter, "number", word_number) == NULL,
               "a parameter's name");
    size_t at = 0;
    struct err problem = { 0 };
    enum err_code code =
        expr_parse(str_from(where), &filter->space, &filter->expr, &at, &problem);
    return code == ERR_OK ? ERR_OK
                          : err_set(err, code, "where:%zu: %s", at + 1, problem.msg);
}

static bool filter_passes(const struct filter *filter, const struct trial *trial)
{
    if (filter->expr == NULL) {
        return true;
    }
    const struct space *own = trial->sweep->spec->space;
    if (!space_map_point(trial->revision->spec->space, own, trial->x, filter->x)) {
        return false; /* a point that the sweep's file has no place for any more */
    }
    for (size_t i = filter->own_len; i < filter->space.len; i++) {
        filter->x[i] = filter->words[i - filter->own_len](trial);
    }
    return expr_eval(filter->expr, &filter->space, filter->x) == TRUTH_TRUE;
}

/* ---- the choice ---- */

static bool may_run_again(const struct trial *trial, unsigned states)
{
    return (states >> trial->state & 1u) != 0 && trial->attempts < ATTEMPTS_MAX;
}

/* A trial that was named must be one that can be retried. */
static enum err_code
check_named(const struct trial *trial, unsigned states, struct err *err)
{
    const char *name = trial->sweep->spec->name;
    if ((RETRIABLE >> trial->state & 1u) == 0) {
        return err_set(err, ERR_STATE,
                       "trial %u of sweep '%s' is %s; only failed and cancelled trials "
                       "can be retried",
                       trial->number, name, trial_state_name(trial->state));
    }
    if ((states >> trial->state & 1u) == 0) {
        return err_set(err, ERR_STATE,
                       "trial %u of sweep '%s' is %s, not in the states "
                       "asked for",
                       trial->number, name, trial_state_name(trial->state));
    }
    if (trial->attempts >= ATTEMPTS_MAX) {
        return err_set(err, ERR_STATE, "trial %u of sweep '%s' was given out %d times",
                       trial->number, name, ATTEMPTS_MAX);
    }
    return ERR_OK;
}

static enum err_code check_ranges(const struct sweep *sweep,
                                  const struct steer_retry *retry,
                                  unsigned states,
                                  struct err *err)
{
    for (size_t i = 0; i < retry->ranges_len; i++) {
        struct trial_range range = retry->ranges[i];
        if (range.last < range.first || range.last >= sweep->trials.len) {
            return err_set(err, ERR_NOTFOUND, "sweep '%s' has no trial %u",
                           sweep->spec->name, range.last);
        }
        for (uint32_t n = range.first; n <= range.last; n++) {
            enum err_code code = check_named(sweep->trials.ptr[n], states, err);
            if (code != ERR_OK) {
                return code;
            }
        }
    }
    return ERR_OK;
}

static enum err_code check_retry(const struct sweep *sweep,
                                 const struct steer_retry *retry,
                                 unsigned states,
                                 struct err *err)
{
    for (unsigned state = 0; state < TRIAL_STATE_NR; state++) {
        if ((states & ~RETRIABLE) >> state & 1u) {
            return err_set(err, ERR_INVALID,
                           "only failed and cancelled trials can be retried, not %s",
                           trial_state_name((enum trial_state)state));
        }
    }
    if (sweep->misfit) {
        return err_set(err, ERR_STATE, "the records of sweep '%s' do not fit together",
                       sweep->spec->name);
    }
    return check_ranges(sweep, retry, states, err);
}

static bool is_named(const struct steer_retry *retry, uint32_t number)
{
    for (size_t i = 0; i < retry->ranges_len; i++) {
        if (number >= retry->ranges[i].first && number <= retry->ranges[i].last) {
            return true;
        }
    }
    return retry->ranges_len == 0;
}

/* Trials to queue again, in order of their numbers. */
struct picked {
    VEC(struct trial *) trials;
};

static void pick(const struct sweep *sweep,
                 const struct steer_retry *retry,
                 unsigned states,
                 const struct filter *filter,
                 struct picked *picked)
{
    for (size_t i = 0; i < sweep->trials.len; i++) {
        struct trial *trial = sweep->trials.ptr[i];
        if (may_run_again(trial, states) && is_named(retry, trial->number)
            && filter_passes(filter, trial)) {
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            vec_push(&picked->trials, trial);
        }
    }
}

/* ---- doing it ---- */

void engine_reopen_sweep(struct engine *engine,
                         const struct sweep *sweep,
                         const char *cause,
                         struct effects *effects)
{
    struct record record = { .kind = REC_SWEEP_STATE,
                             .key = { .sweep = sweep->key },
                             .run_key = sweep->run_key,
                             .cause = cause,
                             .as.sweep_state = { .state = SWEEP_RUNNING,
                                                 .by_user = true } };
    engine_emit(engine, effects, &record);
}

static void queue_again(struct engine *engine,
                        struct sweep *sweep,
                        const struct picked *picked,
                        const char *cause,
                        struct effects *effects)
{
    if (picked->trials.len > 0 && sweep_state_is_final(sweep->state)) {
        engine_reopen_sweep(engine, sweep, cause, effects);
    }
    /* Each goes to the head of the queue: the last one first. */
    for (size_t i = picked->trials.len; i > 0; i--) {
        const struct trial *trial = picked->trials.ptr[i - 1];
        struct record record = { .kind = REC_TRIAL_STATE,
                                 .key = { .sweep = sweep->key, .trial = trial->number },
                                 .run_key = trial->run_key,
                                 .cause = cause,
                                 .as.trial_state = { .state = TRIAL_QUEUED,
                                                     .by_user = true } };
        engine_emit(engine, effects, &record);
    }
}

static char *
print_reply(const struct sweep *sweep, const struct picked *picked, bool dry_run)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(REPLY_BYTES_MAX);
    strbuf_addf(&text,
                "{\"id\":\"%s\",\"name\":\"%s\",\"status\":\"%s\",\"state\":\"%s\","
                "\"retried\":%zu,\"trials\":[",
                sweep->run_id.hex, sweep->spec->name, dry_run ? "dry run" : "ok",
                sweep_state_name(sweep->state), picked->trials.len);
    for (size_t i = 0; i < picked->trials.len; i++) {
        strbuf_addf(&text, "%s%u", i > 0 ? "," : "", picked->trials.ptr[i]->number);
    }
    strbuf_adds(&text, "]}");
    return strbuf_take(&text);
}

void engine_on_retry(struct engine *engine,
                     struct sweep *sweep,
                     const struct event *event,
                     struct effects *effects)
{
    const struct ev_steer *steer = &event->as.steer;
    const struct steer_retry *retry = &steer->retry;
    unsigned named = retry->ranges_len > 0 ? RETRIABLE : 1u << TRIAL_FAILED;
    unsigned states = retry->states != 0 ? retry->states : named;
    struct filter filter = { .expr = NULL };
    struct picked picked = { 0 };
    struct err err = { 0 };
    enum err_code code = check_retry(sweep, retry, states, &err);
    if (code == ERR_OK) {
        code = filter_init(&filter, sweep->spec->space, retry->where, &err);
    }
    if (code == ERR_OK) {
        pick(sweep, retry, states, &filter, &picked);
        if (!retry->dry_run) {
            queue_again(engine, sweep, &picked, steer->cause, effects);
        }
        engine_reply(effects, event->token, ERR_OK,
                     print_reply(sweep, &picked, retry->dry_run));
    } else {
        engine_reply(effects, event->token, code, mem_strdup(err.msg));
    }
    filter_fini(&filter);
    vec_fini(&picked.trials);
}
