/* SPDX-License-Identifier: Apache-2.0 */
/* curves_file.h – recorded learning curves, of a file or of an earlier sweep. */
#ifndef CLI_CURVES_FILE_H
#define CLI_CURVES_FILE_H

#include "base/err.h"
#include "base/vec.h"
#include "cli/where.h"
#include "core/sweep_spec.h"
#include "pruners/simulate.h"

struct curves_file {
    VEC(struct sim_curve) curves; /* in the file's order; at least one */
};

/* Reads a CSV table (a name ending in .csv) or JSON lines. A row is one point: `config`
 * (or `id`), `step`, `value` (or the metric's own name) and, if known, `seconds` since
 * the start of its training. A JSON line may also be a whole curve: `id`, `steps` and
 * `values`, and `seconds`, as arrays. Losses and objectives are made as the sweep reads
 * its metric. ERR_INVALID with the row: a step twice or below 0, seconds that go back
 * or are there for some points of a training only. */
enum err_code curves_file_read(const char *path,
                               const struct sweep_spec *spec,
                               struct curves_file *out,
                               struct err *err) MUST_USE;
/* The curves of the sweep's finished trials, of the newest attempt of each. */
enum err_code curves_file_ask(const struct where *where,
                              const char *sweep,
                              const struct sweep_spec *spec,
                              struct curves_file *out,
                              struct err *err) MUST_USE;
void curves_file_fini(struct curves_file *file);
#define AUTO_CURVES_FILE CLEANUP(curves_file_fini)

#endif
