/* SPDX-License-Identifier: Apache-2.0 */
/* metric_line.h – lines of a trial's output → metric points (DESIGN §5).
 *
 * Rules belong to a sweep and are shared by its attempts; names belong to one attempt:
 * they count its points and keep it to METRIC_NAMES_PER_ATTEMPT_MAX names. Pure; one
 * thread. */
#ifndef AGENT_METRIC_LINE_H
#define AGENT_METRIC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent_core.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

struct metric_names;
struct metric_rules;
struct metric_source;

/* Compiles the `metrics:` of a sweep; len 0 means `output`. Errors name the pattern. */
enum err_code metric_rules_create(const struct metric_source *sources,
                                  size_t len,
                                  struct metric_rules **rules_out,
                                  struct err *err) MUST_USE;
/* NULL allowed. */
void metric_rules_destroy(struct metric_rules *rules);

struct metric_names *metric_names_create(void) MUST_USE;
/* NULL allowed. Points made with these names are invalid afterwards. */
void metric_names_destroy(struct metric_names *names);
/* Distinct names that were refused because the attempt has enough. */
uint64_t metric_names_refused(const struct metric_names *names);

/* Growable list of points; their names live in the attempt's metric_names. */
struct metric_points {
    VEC(struct agent_point) items;
};

/* True for a name that may be stored: 1 to METRIC_NAME_BYTES_MAX printable ASCII bytes
 * that MLflow accepts, or '@'. */
bool metric_name_is_valid(struct str name);

/* One point given explicitly; step NULL: the count of earlier points of that name.
 * False: the attempt has too many names. The name must be valid. */
bool metric_names_point(struct metric_names *names,
                        struct str name,
                        const int64_t *step,
                        struct agent_point *point_out) MUST_USE;

/* Appends the points of one line (without its newline; a CR inside ends a line too) to
 * `points`, stamped with time_ms. */
void metric_line(const struct metric_rules *rules,
                 struct metric_names *names,
                 struct str line,
                 int64_t time_ms,
                 struct metric_points *points);

#endif
