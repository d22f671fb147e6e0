/* SPDX-License-Identifier: Apache-2.0 */
/* explain_wait.c – what keeps a sweep, or a trial of it, from going on, but for agents
 * (explain_room.c).
 * Owns the words of these reasons. Knows budgets, states, back-off. Does not decide
 * anything.
 */
#include "core/explain_internal.h"

#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"

/* ---- budgets ---- */

/* The edit that lets a sweep which ended so, or is about to, go on. */
static char *print_edit(const struct asking *ask, const char *why)
{
    static const struct {
        const char *why, *set;
    } edits[] = {
        { SWEEP_CAUSE_TRIALS, " --set budget.trials=N" },
        { SWEEP_CAUSE_TIME, " --set budget.time=DURATION" },
        { SWEEP_CAUSE_TARGET, " --set budget.target=VALUE" },
        { SWEEP_CAUSE_TRIED, ", with a wider space" },
    };
    const struct sweep *sweep = ask->sweep;
    const char *set = "";
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        set = strcmp(edits[i].why, why) == 0 ? edits[i].set : set;
    }
    bool ended_well = sweep->state == SWEEP_RUNNING || sweep->state == SWEEP_FINISHED;
    return mem_printf("winnow edit %s%s", ask->name, ended_well ? set : " --resume");
}

/* The space of a grid that was begun is not edited. */
static bool is_whole_grid(const struct sweep *sweep)
{
    return sweep->spec->sampler->count != NULL && sweep->cause != NULL
           && strcmp(sweep->cause, SWEEP_CAUSE_TRIED) == 0;
}

/* ---- the sweep itself ---- */

/* A budget is used up: what runs is stopped, what the user asked for by itself
 * runs nevertheless. */
static bool tell_last(const struct asking *ask, const char *why)
{
    const struct sweep *sweep = ask->sweep;
    bool spares = sweep->retried_open > 0;
    if (ask->trial == NULL || !ask->trial->retried) {
        uint32_t n = spares ? sweep->retried_open : sweep->live;
        because(ask, EXPLAIN_OVER,
                mem_printf("%s; %u %s%s%s to end", why, n, spares ? "trial" : "attempt",
                           plural(n), spares ? " that the user asked for" : ""),
                print_edit(ask, why));
    }
    return !spares;
}

bool why_over(const struct asking *ask)
{
    const char *why = NULL;
    const struct sweep *sweep = ask->sweep;
    if (!sweep_is_over(ask->engine, sweep, &why)) {
        return false;
    }
    if (!sweep_state_is_final(sweep->state)) {
        return tell_last(ask, why);
    }
    static const char another[] = "a new sweep: winnow run FILE";
    AUTO_FREE char *edit = print_edit(ask, sweep->cause != NULL ? sweep->cause : "");
    because(ask, EXPLAIN_OVER,
            mem_printf("the sweep is %s%s%s", sweep_state_name(sweep->state),
                       sweep->cause != NULL ? ": " : "",
                       sweep->cause != NULL ? sweep->cause : ""),
            is_whole_grid(sweep) ? mem_strdup(another)
                                 : mem_printf("%s, or %s", edit, another));
    return true;
}

/* More trials were queued than a budget that was lowered then has left. */
bool why_budget(const struct asking *ask)
{
    const struct sweep *sweep = ask->sweep;
    struct list_node *head = list_first(&sweep->queue);
    const struct trial *trial = ask->trial;
    if (trial == NULL && head != NULL) {
        trial = container_of(head, struct trial, queue_node);
    }
    if (trial == NULL || trial_is_in_budget(trial)) {
        return false;
    }
    uint32_t begun = sweep->counts[TRIAL_RUNNING] + sweep->counts[TRIAL_FINISHED]
                     + sweep->counts[TRIAL_PRUNED];
    because(
        ask, EXPLAIN_BUDGET,
        mem_printf("%u trial%s under way or done and budget.trials is %u; %s begins "
                   "only if fewer come to a good end",
                   begun, begun == 1 ? " is" : "s are", sweep->spec->budget.trials,
                   ask->trial != NULL ? "it" : "what is queued"),
        print_edit(ask, SWEEP_CAUSE_TRIALS));
    return ask->trial != NULL;
}

bool why_paused(const struct asking *ask)
{
    const struct sweep *sweep = ask->sweep;
    if (sweep->state != SWEEP_PAUSED) {
        return false;
    }
    const char *cause = sweep->cause != NULL ? sweep->cause : "no cause was given";
    char *text = sweep->paused_by_user
                     ? mem_printf("the sweep is paused: %s", cause)
                     : mem_printf("the sweep paused itself: %s; when it goes on, "
                                  "failures are counted anew",
                                  cause);
    because(ask, EXPLAIN_PAUSED, text, mem_printf("winnow resume %s", ask->name));
    return ask->engine->started;
}

/* Nothing runs here: whoever asks gets points and tells what they are worth. */
bool why_ask_tell(const struct asking *ask)
{
    if (ask->sweep->spec->command != NULL) {
        return false;
    }
    const struct trial *trial = ask->trial;
    bool is_open = trial != NULL && trial->state == TRIAL_RUNNING;
    because(ask, EXPLAIN_ASK_TELL,
            is_open
                ? mem_printf("attempt %u was handed to whoever asked and is open until "
                             "it is told",
                             trial->attempts)
                : mem_strdup("its points are for whoever asks for them"),
            is_open ? mem_printf(
                "{\"tell\":%u,\"value\":VALUE} to winnow ask-tell FILE", trial->number)
                    : mem_strdup("{\"ask\":true} to winnow ask-tell FILE"));
    return true;
}

bool why_no_coordinator(const struct asking *ask)
{
    if (ask->engine->started) {
        return false;
    }
    const struct trial *trial = ask->trial;
    bool held = trial != NULL && trial->live != NULL && !trial->live->suspect;
    because(ask, EXPLAIN_NO_COORDINATOR,
            held ? mem_printf("no coordinator is running; attempt %u stays with agent "
                              "'%s', which reports it to the next one",
                              trial->live->number, trial->live->agent->id)
                 : mem_strdup("no coordinator is running"),
            mem_printf("winnow resume %s", ask->name));
    return true;
}

bool why_disk_full(const struct asking *ask)
{
    if (ask->engine->disk_full) {
        because(ask, EXPLAIN_DISK_FULL,
                mem_strdup("the disk of the home is full; nothing is given out"),
                mem_strdup("free space there; it goes on by itself"));
    }
    return false;
}

bool why_shutting_down(const struct asking *ask)
{
    if (ask->engine->draining) {
        because(ask, EXPLAIN_SHUTTING_DOWN,
                mem_strdup("the coordinator is shutting down; nothing is given out"),
                mem_printf("winnow resume %s, once it has ended", ask->name));
    }
    return false;
}

/* Seconds until the moment, rounded up. */
static long long seconds_left(const struct asking *ask, const struct heap_node *node)
{
    int64_t left_ms = mono_until_ms((struct mono){ node->key }, ask->engine->now);
    return (long long)((left_ms + MS_PER_S - 1) / MS_PER_S);
}

bool why_back_off(const struct asking *ask)
{
    const struct trial *trial = ask->trial;
    const struct sweep *sweep = ask->sweep;
    if (trial != NULL && trial->past != NULL && trial->past->held) {
        because(ask, EXPLAIN_BACK_OFF,
                mem_printf("waits for another %lld s, since attempt %u ended: %s",
                           seconds_left(ask, &trial->past->node), trial->attempts,
                           attempt_end_name((enum attempt_end)trial->last_end)),
                NULL);
        return true;
    }
    const struct heap_node *first = heap_min(&sweep->holds);
    if (trial == NULL && first != NULL) {
        size_t n = sweep->holds.len;
        because(ask, EXPLAIN_BACK_OFF,
                mem_printf("%zu trial%s for run.retry.backoff, the first for another "
                           "%lld s",
                           n, n == 1 ? " waits" : "s wait", seconds_left(ask, first)),
                NULL);
    }
    return false;
}

/* Nothing is left to give out; only what was given out has to end. */
bool why_under_way(const struct asking *ask)
{
    const struct sweep *sweep = ask->sweep;
    if (sweep->state != SWEEP_RUNNING || sweep->counts[TRIAL_QUEUED] > 0
        || sweep_wants(ask->engine, sweep) > 0) {
        return false;
    }
    because(ask, EXPLAIN_UNDER_WAY,
            mem_printf("the last %u trial%s under way", sweep->live,
                       sweep->live == 1 ? " is" : "s are"),
            NULL);
    return true;
}
