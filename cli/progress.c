/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c – the progress of one sweep as a line of text.
 * Owns when a line is due and what it says. Knows terminals by their width. Does not
 * know where the numbers come from. */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/output.h"

/* A terminal is redrawn at most so often. */
#define REDRAW_MS 200
/* Plain lines: one each time a tenth of the trials has ended. */
#define PLAIN_PARTS 10
/* Without a total: a plain line each so many trials. */
#define PLAIN_EVERY 100
#define LINE_SIZE   512
/* A rate from less than this says nothing. */
#define RATE_MS_MIN 500

void progress_init(struct progress *progress, bool quiet)
{
    *progress = (struct progress){ .quiet = quiet, .tty = output_stderr_is_tty() };
}

static uint64_t done_of(const struct progress_view *view)
{
    return (uint64_t)view->counts[TRIAL_FINISHED] + view->counts[TRIAL_PRUNED];
}

/* Whole seconds, at least one. */
static void add_left(double left_s, struct strbuf *out)
{
    char span[NUM_TEXT_SIZE];
    if (left_s < 60) {
        strbuf_addf(out, ", %us left", (unsigned)left_s + 1);
        return;
    }
    times_format_span((int64_t)left_s * MS_PER_S, span);
    strbuf_addf(out, ", %s left", span);
}

static void add_rate(const struct progress *progress,
                     const struct progress_view *view,
                     struct mono now,
                     struct strbuf *out)
{
    uint64_t done = done_of(view);
    int64_t ms = mono_diff_ms(now, progress->start);
    if (done <= progress->done_start || ms < RATE_MS_MIN) {
        return;
    }
    double rate = (double)(done - progress->done_start) * 1000.0 / (double)ms;
    strbuf_addf(out, rate >= 0.1 ? ", %.1f/s" : ", %.2g/s", rate);
    if (view->total > done) {
        add_left((double)(view->total - done) / rate, out);
    }
}

static void add_count(uint32_t count, const char *what, struct strbuf *out)
{
    if (count > 0) {
        strbuf_addf(out, ", %u %s", (unsigned)count, what);
    }
}

void progress_line(const struct progress *progress,
                   const struct progress_view *view,
                   struct mono now,
                   struct strbuf *out)
{
    strbuf_addf(out, "%s: %llu", view->name, (unsigned long long)done_of(view));
    if (view->total > 0) {
        strbuf_addf(out, "/%llu", (unsigned long long)view->total);
    }
    strbuf_adds(out, " done");
    add_count(view->counts[TRIAL_PRUNED], "of them pruned", out);
    strbuf_addf(out, ", %u running", (unsigned)view->counts[TRIAL_RUNNING]);
    add_count(view->counts[TRIAL_FAILED], "failed", out);
    add_count(view->counts[TRIAL_CANCELLED], "cancelled", out);
    if (view->has_best) {
        strbuf_addf(out, ", best %.6g", view->best);
    }
    if (view->has_best && view->has_best_trial) {
        strbuf_addf(out, " (trial %u)", (unsigned)view->best_trial);
    }
    if (view->paused) {
        strbuf_adds(out, ", paused");
    } else {
        add_rate(progress, view, now, out);
    }
}

static size_t stderr_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return known ? size.ws_col : 80;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn > 0) {
        output_chatter("\r\033[K");
        progress->drawn = 0;
    }
}

static void draw(struct progress *progress, struct strbuf *line, struct mono now)
{
    size_t width = stderr_width();
    if (line->len >= width) {
        strbuf_truncate(line, width - 1);
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LINE_SIZE + 16);
    strbuf_addf(&text, "\r%s\033[K", strbuf_cstr(line));
    output_chatter(strbuf_cstr(&text));
    progress->drawn = line->len;
    progress->drawn_at = now;
}

/* Whether a plain line is due. Improvements are told too, but not one after another
 * in the first moments, where every trial is one. */
static bool plain_due(const struct progress *progress, const struct progress_view *view)
{
    uint64_t done = done_of(view);
    uint64_t part = view->total > 0 ? view->total / PLAIN_PARTS : PLAIN_EVERY;
    bool better = view->has_best
                  && (!progress->has_best_said || progress->best_said < view->best
                      || progress->best_said > view->best);
    return done > progress->done_said
           && (better || done == view->total
               || done - progress->done_said >= (part > 0 ? part : 1));
}

static void say_plain(struct progress *progress,
                      const struct progress_view *view,
                      struct strbuf *line)
{
    strbuf_addc(line, '\n');
    output_chatter(strbuf_cstr(line));
    progress->done_said = done_of(view);
    progress->has_best_said = view->has_best;
    progress->best_said = view->best;
}

void progress_show(struct progress *progress,
                   const struct progress_view *view,
                   struct mono now)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT(LINE_SIZE);
    if (!progress->begun) {
        progress->begun = true;
        progress->start = now;
        progress->done_start = done_of(view);
        progress->done_said = done_of(view);
        progress->has_best_said = view->has_best;
        progress->best_said = view->best;
    }
    bool is_early =
        progress->drawn > 0 && mono_diff_ms(now, progress->drawn_at) < REDRAW_MS;
    bool due = progress->tty ? !is_early : plain_due(progress, view);
    if (progress->quiet || !due) {
        return;
    }
    progress_line(progress, view, now, &line);
    if (progress->tty) {
        draw(progress, &line, now);
    } else {
        say_plain(progress, view, &line);
    }
}

void progress_from_summary(const struct sweep_summary *summary,
                           struct progress_view *out)
{
    *out = (struct progress_view){
        .name = summary->name,
        .total = summary->trials_total,
        .has_best = summary->has_best,
        .best = summary->best_value,
        .has_best_trial = summary->has_best,
        .best_trial = summary->best_trial,
        .paused = summary->state == SWEEP_PAUSED,
    };
    memcpy(out->counts, summary->counts, sizeof out->counts);
}

void progress_from_json(const json_t *answer, struct progress_view *out)
{
    const char *state = json_string_value(json_object_get(answer, "state"));
    const char *name = json_string_value(json_object_get(answer, "name"));
    const json_t *trials = json_object_get(answer, "trials");
    *out = (struct progress_view){
        .name = name != NULL ? name : "",
        .paused = state != NULL && strcmp(state, "paused") == 0,
    };
    for (size_t i = 0; i < TRIAL_STATE_NR; i++) {
        const char *key = trial_state_name((enum trial_state)i);
        out->counts[i] = (uint32_t)json_integer_value(json_object_get(trials, key));
    }
    const json_t *best = json_object_get(answer, "best");
    out->has_best = best != NULL && json_f64_value(best, &out->best) == ERR_OK;
}
