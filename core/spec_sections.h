/* SPDX-License-Identifier: Apache-2.0 */
/* spec_sections.h – readers of the sections of a sweep file. Each fills in its defaults
 * first; node may be NULL where the section may be absent. What was read before an
 * error stays in the spec and is freed with it. */
#ifndef CORE_SPEC_SECTIONS_H
#define CORE_SPEC_SECTIONS_H

#include "base/err.h"
#include "core/spec_read.h"
#include "core/sweep_spec.h"

/* spec_project.c */
MUST_USE
enum err_code spec_read_project(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct project *project);

/* spec_run.c */
MUST_USE
enum err_code spec_read_objective(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  struct objective *objective);
MUST_USE
enum err_code spec_read_budget(const struct spec_reader *r,
                               const struct yaml_node *node,
                               struct budget *budget);
MUST_USE
enum err_code spec_read_run(const struct spec_reader *r,
                            const struct yaml_node *node,
                            struct run_options *run);
MUST_USE
enum err_code spec_read_stop(const struct spec_reader *r,
                             const struct yaml_node *node,
                             const struct pruner_registry *pruners,
                             struct sweep_spec *spec);

/* Appends the line `stop: {…}`. */
void spec_print_stop(const struct sweep_spec *spec, struct strbuf *out);

/* spec_search.c: `search`; the name and the space must have been read. */
MUST_USE
enum err_code spec_read_search(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const struct sampler_registry *samplers,
                               struct sweep_spec *spec);
/* The points of `enqueue`. */
MUST_USE
enum err_code spec_read_enqueue(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct sweep_spec *spec);

/* spec_metrics.c */
MUST_USE
enum err_code spec_read_metrics(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct sweep_spec *spec);
MUST_USE
enum err_code spec_read_tags(const struct spec_reader *r,
                             const struct yaml_node *node,
                             struct sweep_spec *spec);

/* The entry point when `project.entry` is not given. */
#define SPEC_ENTRY_DEFAULT "main"

#endif
