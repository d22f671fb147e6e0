/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.h – winnow's samplers for programs that embed them: a search in memory, asked
 * for points and told what they were worth. examples/embed shows a whole program.
 *
 *     struct study *study = NULL;
 *     struct err err = { 0 };
 *     if (study_create("space: {lr: {float: [1e-5, 1], scale: log}}\n"
 *                      "search: {sampler: tpe, seed: 7}\n",
 *                      STUDY_MINIMIZE, &study, &err) != ERR_OK) …
 *     uint32_t trial = 0;
 *     while (study_ask(study, &trial, &err) == ERR_OK && trial < 100) {
 *         double loss = f(study_number(study, trial, "lr"));
 *         if (study_tell(study, trial, loss, &err) != ERR_OK) …
 *     }
 *     study_destroy(study);
 *
 * Trials are numbered from 0. Any number may be open (asked and not yet told): samplers
 * take them into account. The same text and the same order of calls give the same
 * points, bit for bit, on every machine.
 *
 * Errors are codes, with a message in *err (on the caller's stack; NULL is allowed).
 * Running out of memory aborts the process, as does breaking what is written here as
 * "must". Strings that are returned belong to the study.
 *
 * Threads: a study has no lock and no thread of its own; different studies may be used
 * by different threads, one study by one thread at a time.
 */
#ifndef SAMPLERS_SAMPLER_H
#define SAMPLERS_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct space;
struct study;

enum study_goal {
    STUDY_MINIMIZE,
    STUDY_MAXIMIZE,
    STUDY_GOAL_NR
};

/* Reads the sections of a sweep file that say what is searched and how: `space`, and if
 * wanted `forbid`, `search` (sampler, seed, duplicates and the sampler's options) and
 * `enqueue` (points to be asked first). docs/sweep-file.md and docs/samplers.md
 * describe them. `text` is YAML (so JSON will do), NUL-terminated and not kept. The
 * caller frees *study_out with study_destroy. ERR_INVALID: the message says
 * `study:line:column: what is wrong and what was expected`. */
MUST_USE
enum err_code study_create(const char *text,
                           enum study_goal goal,
                           struct study **study_out,
                           struct err *err);

/* NULL is allowed. */
void study_destroy(struct study *study);

/* Opens the next trial and gives its number. ERR_NOTFOUND: the space is finite and
 * every point of it was asked; telling is still possible. ERR_INVALID: no point was
 * found that `forbid` allows. */
MUST_USE
enum err_code study_ask(struct study *study, uint32_t *trial_out, struct err *err);

/* Ends an open trial with the value of its objective. Infinite values are ranked like
 * any other; NaN ends it as failed. ERR_NOTFOUND: no such trial. ERR_STATE: it has
 * ended already; nothing changes. */
MUST_USE
enum err_code
study_tell(struct study *study, uint32_t trial, double value, struct err *err);

/* Ends an open trial that was stopped early, with its value after `step` (from 0, as
 * the trial counts). Errors as study_tell. */
MUST_USE
enum err_code study_tell_pruned(
    struct study *study, uint32_t trial, double value, int64_t step, struct err *err);

/* Ends an open trial without a value. Errors as study_tell. */
MUST_USE
enum err_code study_tell_failed(struct study *study, uint32_t trial, struct err *err);

/* Adds what is known from elsewhere: a finished trial that has no number here. `point`
 * holds study_params doubles in the order of the space: numbers themselves, the index
 * of a choice from 0, NaN for an inactive parameter. ERR_INVALID: the point is not one
 * of this space, the message says why; nothing changes. */
MUST_USE
enum err_code
study_import(struct study *study, const double *point, double value, struct err *err);

/* ---- the parameters of a trial ----
 * `trial` must have been asked and `name` be a parameter of the space (see study_has).
 */

/* The space has a parameter of that name. */
bool study_has(const struct study *study, const char *name);

/* It has a value in this trial; otherwise its condition (`when`) is not true. */
bool study_is_active(const struct study *study, uint32_t trial, const char *name);

/* Value of a float, an int or a choice among numbers; NaN when it is inactive or the
 * choice is no number. */
double study_number(const struct study *study, uint32_t trial, const char *name);

/* Value of an int, or of a choice among integers; `otherwise` when it is inactive or
 * anything else. */
int64_t study_int(const struct study *study,
                  uint32_t trial,
                  const char *name,
                  int64_t otherwise);

/* Text of a choice that is a string; NULL when it is inactive or anything else. */
const char *study_string(const struct study *study, uint32_t trial, const char *name);

/* A choice that is `true` or `false`; `otherwise` when inactive or anything else. */
bool study_bool(const struct study *study,
                uint32_t trial,
                const char *name,
                bool otherwise);

/* The trial's active parameters as a JSON object, owned by the caller (free()).
 */
char *study_json(const struct study *study, uint32_t trial) MUST_USE;

/* Number of parameters of the space. */
size_t study_params(const struct study *study);

/* The space itself, see core/space.h; lives as long as the study. */
const struct space *study_space(const struct study *study);

/* The trial's point as study_import takes it; borrowed until the next study_ask. */
const double *study_point(const struct study *study, uint32_t trial);

/* ---- the study ---- */

/* Trials asked so far. */
uint32_t study_trials(const struct study *study);

/* The finished trial with the best value and that value; false when there is none. The
 * earliest of equal ones; imported trials do not count. */
bool study_best(const struct study *study, uint32_t *trial_out, double *value_out);

#endif
