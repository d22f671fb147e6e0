/* SPDX-License-Identifier: Apache-2.0 */
/* strikes.c – what the attempts of each agent came to lately.
 * Owns an agent's strikes: its newest attempts, as long as all of them failed; and
 * whose trial of a sweep ended well last. Called by apply.c, so it follows from the
 * records. Does not decide what comes of it (engine_aside.c).
 *
 * A strike is an attempt that failed, ran out of memory, could not start, or ended with
 * status 0 and no objective. One that ended well wipes them out. Lost, cancelled,
 * preempted and timed-out ones say nothing of the agent, nor do those that were asked
 * to stop.
 */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "core/engine_internal.h"

enum lesson {
    LESSON_NONE,
    LESSON_GOOD,
    LESSON_BAD
};

static enum lesson lesson_of(const struct rec_ended *ended, enum stop_reason stop)
{
    switch (ended->end) {
    case END_EXITED:
        return ended->state == TRIAL_FINISHED ? LESSON_GOOD : LESSON_BAD;
    case END_PRUNED:
        return LESSON_GOOD;
    case END_FAILED:
    case END_OOM:
        return stop == STOP_NONE ? LESSON_BAD : LESSON_NONE;
    case END_CANCELLED:
    case END_LOST:
    case END_PREEMPTED:
    case END_TIMEOUT:
        return LESSON_NONE;
    case END_NONE:
    case ATTEMPT_END_NR:
        break;
    }
    UNREACHABLE();
}

static void add_strike(struct agent *agent, struct strike strike)
{
    if (agent->strikes.len == STRIKES_KEPT_MAX) {
        memmove(agent->strikes.ptr, agent->strikes.ptr + 1,
                (STRIKES_KEPT_MAX - 1) * sizeof *agent->strikes.ptr);
        agent->strikes.len--;
    }
    vec_push(&agent->strikes, strike);
}

/* The newest good end, and the newest of another agent than that. */
static void add_good(struct sweep *sweep, const struct agent *agent, uint64_t at)
{
    if (sweep->good[0].agent != agent) {
        sweep->good[1] = sweep->good[0];
    }
    sweep->good[0] = (struct good_end){ .agent = agent, .at = at };
}

bool agent_is_struck(const struct agent *agent)
{
    return agent->aside || agent->strikes.len >= STRIKES_OUT;
}

/* Only these are looked at in each step. */
static void watch(struct engine *engine, struct agent *agent)
{
    bool wanted = agent_is_struck(agent);
    bool linked = list_node_is_linked(&agent->watched_node);
    if (wanted && !linked) {
        list_add_tail(&engine->watched, &agent->watched_node);
    } else if (!wanted && linked) {
        list_remove(&engine->watched, &agent->watched_node);
    }
}

void strikes_note(struct engine *engine,
                  struct attempt *attempt,
                  const struct rec_ended *ended,
                  struct wall time)
{
    struct agent *agent = attempt->agent;
    enum lesson lesson = lesson_of(ended, attempt->stop);
    engine->ends++;
    if (lesson == LESSON_GOOD) {
        vec_reset(&agent->strikes);
        add_good(attempt->trial->sweep, agent, engine->ends);
    } else if (lesson == LESSON_BAD) {
        add_strike(agent, (struct strike){ .trial = attempt->trial,
                                           .attempt = attempt->number,
                                           .at = engine->ends });
        agent->aside_ms = time.ms;
        agent_rest(engine, agent);
    }
    watch(engine, agent);
}

void strikes_forget(struct engine *engine, struct agent *agent)
{
    vec_reset(&agent->strikes);
    agent->aside = false;
    mem_free(agent->aside_cause);
    agent->aside_cause = NULL;
    watch(engine, agent);
}

void agent_set_aside(struct engine *engine,
                     struct agent *agent,
                     bool aside,
                     const char *cause,
                     struct wall time)
{
    agent->aside = aside;
    mem_free(agent->aside_cause);
    agent->aside_cause = aside && cause != NULL ? mem_strdup(cause) : NULL;
    agent->aside_ms = time.ms;
    agent_rest(engine, agent);
    watch(engine, agent);
}

/* The time that is left of its rest, by the clock of today; a clock that jumped cannot
 * make it longer. */
void agent_rest(const struct engine *engine, struct agent *agent)
{
    int64_t left_ms = agent->aside_ms + ASIDE_REST_MS - engine->wall.ms;
    left_ms = left_ms < ASIDE_REST_MS ? left_ms : ASIDE_REST_MS;
    agent->probe_at = mono_add_ms(engine->now, left_ms > 0 ? left_ms : 0);
}
