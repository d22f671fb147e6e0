/* SPDX-License-Identifier: Apache-2.0 */
/* explain_wait.c – what keeps a sweep, or a trial of it, from going on.
 * Owns the words of these reasons. Knows the rules of sched.c: what an agent has room
 * for, whose turn it is. Does not decide anything.
 */
#include "core/explain_internal.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"

/* One line. */
#define TEXT_BYTES_MAX 512u
#define ANOTHER_AGENT  "another agent: winnow agent --connect tcp://HOST:PORT"

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

bool agent_is_usable(const struct agent *agent)
{
    return agent->peer != 0 && !agent->leaving && agent->only_sweep == 0;
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
                NULL);
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
    because(ask, EXPLAIN_OVER,
            mem_printf("the sweep is %s%s%s", sweep_state_name(sweep->state),
                       sweep->cause != NULL ? ": " : "",
                       sweep->cause != NULL ? sweep->cause : ""),
            mem_printf("%s: winnow edit %s; or a new sweep: winnow run FILE",
                       sweep->state == SWEEP_FINISHED ? "a larger budget"
                                                      : "going on with --resume",
                       ask->name));
    return true;
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

/* ---- agents ---- */

bool why_no_agent(const struct asking *ask)
{
    size_t connected = map_u64_len(&ask->engine->peers);
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&ask->engine->peers, &pos, NULL, &item)) {
        if (agent_is_usable(item)) {
            return false;
        }
    }
    because(ask, EXPLAIN_NO_AGENT,
            connected == 0 ? mem_strdup("no agent is connected")
                           : mem_printf("%zu agent%s connected, but shutting down",
                                        connected, connected == 1 ? " is" : "s are"),
            mem_strdup(ANOTHER_AGENT));
    return true;
}

/* The empty agent has room for one attempt. */
static bool agent_could(const struct agent *agent, const struct resources *need)
{
    return agent_is_usable(agent) && agent->cpus >= need->cpus
           && agent->memory_bytes >= need->memory_bytes
           && gpus_in(agent->gpu_mask) >= need->gpus;
}

enum resource {
    RESOURCE_CPUS,
    RESOURCE_GPUS,
    RESOURCE_MEMORY,
    RESOURCE_NR
};

static uint64_t offered(const struct agent *agent, enum resource resource)
{
    switch (resource) {
    case RESOURCE_CPUS:
        return agent->cpus;
    case RESOURCE_GPUS:
        return gpus_in(agent->gpu_mask);
    case RESOURCE_MEMORY:
        return agent->memory_bytes;
    case RESOURCE_NR:
        break;
    }
    UNREACHABLE();
}

static uint64_t needed(const struct resources *need, enum resource resource)
{
    switch (resource) {
    case RESOURCE_CPUS:
        return need->cpus;
    case RESOURCE_GPUS:
        return need->gpus;
    case RESOURCE_MEMORY:
        return need->memory_bytes;
    case RESOURCE_NR:
        break;
    }
    UNREACHABLE();
}

/* "2 gpus", "4GiB of memory" */
static void print_amount(enum resource resource, uint64_t amount, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    if (resource == RESOURCE_MEMORY) {
        num_format_size_bytes(amount, text);
        strbuf_addf(out, "%s of memory", text);
    } else {
        strbuf_addf(out, "%llu %s%s", (unsigned long long)amount,
                    resource == RESOURCE_CPUS ? "cpu" : "gpu", plural(amount));
    }
}

/* The usable agent that offers most of it; there is one. */
static const struct agent *biggest(const struct engine *engine, enum resource resource)
{
    const struct agent *best = NULL;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        if (agent_is_usable(item)
            && (best == NULL || offered(item, resource) > offered(best, resource))) {
            best = item;
        }
    }
    return best;
}

static void print_needs(const struct resources *need, struct strbuf *out)
{
    for (enum resource i = 0; i < RESOURCE_NR; i++) {
        if (needed(need, i) > 0) {
            strbuf_adds(out, out->len > 0 ? ", " : "");
            print_amount(i, needed(need, i), out);
        }
    }
}

/* What no agent has enough of, with the biggest offer; empty when each is there, but
 * not all at one agent. */
static void print_lacks(const struct engine *engine,
                        const struct resources *need,
                        struct strbuf *out)
{
    for (enum resource i = 0; i < RESOURCE_NR; i++) {
        const struct agent *best = biggest(engine, i);
        if (offered(best, i) < needed(need, i)) {
            strbuf_adds(out, out->len > 0 ? "; " : "");
            print_amount(i, needed(need, i), out);
            strbuf_adds(out, " asked for, the biggest offer is ");
            print_amount(i, offered(best, i), out);
            strbuf_addf(out, " at agent '%s'", best->id);
        }
    }
}

bool why_resources(const struct asking *ask)
{
    const struct resources *need = &ask->sweep->spec->run.resources;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&ask->engine->peers, &pos, NULL, &item)) {
        if (agent_could(item, need)) {
            return false;
        }
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_adds(&text, "no connected agent can run it: ");
    AUTO_STRBUF struct strbuf lacks = STRBUF_INIT(TEXT_BYTES_MAX);
    print_lacks(ask->engine, need, &lacks);
    if (lacks.len == 0) {
        print_needs(need, &lacks);
        strbuf_adds(&lacks, " are not at one agent together");
    }
    strbuf_adds(&text, strbuf_cstr(&lacks));
    because(ask, EXPLAIN_RESOURCES, strbuf_take(&text),
            mem_strdup("an agent on a bigger machine, or less in run.resources"));
    return true;
}

bool why_parallel(const struct asking *ask)
{
    if (sweep_below_parallel(ask->sweep)) {
        return false;
    }
    because(ask, EXPLAIN_PARALLEL,
            mem_printf("%u attempt%s, as many as run.parallel allows",
                       ask->sweep->occupying,
                       ask->sweep->occupying == 1 ? " runs" : "s run"),
            mem_strdup("the next attempt that ends"));
    return true;
}

/* ---- slots ---- */

/* The sweep that sched.c would give the next free slot. */
static const struct sweep *next_in_turn(const struct engine *engine)
{
    const struct sweep *best = NULL;
    for (size_t i = 0; i < engine->active.len; i++) {
        const struct sweep *sweep = engine->active.ptr[i];
        if (sweep_may_run(engine, sweep) && !list_is_empty(&sweep->queue)
            && sweep_below_parallel(sweep)
            && (best == NULL || sweep->occupying < best->occupying)) {
            best = sweep;
        }
    }
    return best;
}

static void tell_turn(const struct asking *ask)
{
    const struct sweep *next = next_in_turn(ask->engine);
    if (next != NULL && next != ask->sweep) {
        because(
            ask, EXPLAIN_OTHER_SWEEP,
            mem_printf("the next free slot goes to sweep '%s', which holds %u; this "
                       "one holds %u",
                       next->spec->name, next->occupying, ask->sweep->occupying),
            mem_printf("winnow pause %s", next->spec->name));
    }
}

bool why_agents_full(const struct asking *ask)
{
    const struct resources *need = &ask->sweep->spec->run.resources;
    uint64_t slots = 0;
    uint64_t used = 0;
    size_t agents = 0;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&ask->engine->peers, &pos, NULL, &item)) {
        const struct agent *agent = item;
        if (agent_room(ask->engine, agent, ask->sweep) > 0) {
            return false;
        }
        if (agent_could(agent, need) && !agent_rests(ask->engine, agent, ask->sweep)) {
            agents++;
            slots += agent->slots;
            used += agent->used_slots;
        }
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_addf(&text, "%llu of %llu slot%s at %zu agent%s %s taken, %u by this sweep",
                (unsigned long long)used, (unsigned long long)slots, plural(slots),
                agents, plural(agents), used == 1 ? "is" : "are",
                ask->sweep->occupying);
    if (used < slots) {
        AUTO_STRBUF struct strbuf needs = STRBUF_INIT(TEXT_BYTES_MAX);
        print_needs(need, &needs);
        strbuf_addf(&text, ", and where one is free, %s is not", strbuf_cstr(&needs));
    }
    because(ask, EXPLAIN_AGENTS_FULL, strbuf_take(&text),
            mem_strdup("the next attempt that ends, or " ANOTHER_AGENT));
    tell_turn(ask);
    return true;
}

bool why_checkpoint(const struct asking *ask)
{
    const struct joined *joined = ask->trial->joined;
    if (joined == NULL || !joined->waits) {
        return false;
    }
    char left[NUM_TEXT_SIZE];
    int64_t left_ms = mono_until_ms(joined->waits_until, ask->engine->now);
    num_format_duration_ms(left_ms > 0 ? left_ms : 0, left);
    because(
        ask, EXPLAIN_CHECKPOINT,
        mem_printf("agent '%s' has its checkpoint and is %s; in %s it begins anew "
                   "elsewhere",
                   joined->holder->id,
                   agent_is_usable(joined->holder) ? "busy" : "not connected", left),
        mem_strdup(agent_is_usable(joined->holder) ? "the next attempt that ends there"
                                                   : "the return of that agent"));
    return true;
}
