/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h – how far a sweep is, on stderr: one line redrawn on a terminal, else a
 * line an improvement and about every tenth of the way. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/times.h"
#include "core/engine.h"
#include "core/states.h"

/* What is shown; name is borrowed. */
struct progress_view {
    const char *name;
    uint32_t counts[TRIAL_STATE_NR];
    uint64_t total; /* 0: not known */
    bool has_best;
    double best;
    bool has_best_trial;
    uint32_t best_trial;
    bool paused;
};

struct progress {
    bool quiet;
    bool tty;
    bool begun;
    struct mono start;   /* of this process's share */
    uint64_t done_start; /* done before it */
    uint64_t done_said;  /* plain lines: done at the last one */
    double best_said;
    bool has_best_said;
    size_t drawn; /* a status line stands on the terminal: its characters */
    struct mono drawn_at;
};

void progress_init(struct progress *progress, bool quiet);
/* Shows the view if it is time to. */
void progress_show(struct progress *progress,
                   const struct progress_view *view,
                   struct mono now);
/* Removes the status line, so that other text can be printed. */
void progress_clear(struct progress *progress);

/* One line without newline: "12/50 done, 2 running, best 0.93 (trial 7), …". */
void progress_line(const struct progress *progress,
                   const struct progress_view *view,
                   struct mono now,
                   struct strbuf *out);

/* From the engine's own summary. */
void progress_from_summary(const struct sweep_summary *summary,
                           struct progress_view *out);
/* From the answer to the look-up `progress`; borrows the name from it. It knows neither
 * the total nor which trial is best. */
void progress_from_json(const json_t *answer, struct progress_view *out);

#endif
