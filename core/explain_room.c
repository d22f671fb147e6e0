/* SPDX-License-Identifier: Apache-2.0 */
/* explain_room.c – why no agent takes a trial that waits.
 * Owns the words of these reasons. Knows the rules of sched.c: what an agent has room
 * for, whose turn it is, who waits for a checkpoint; and of engine_aside.c. Does not
 * decide anything.
 */
#include "core/explain_internal.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"

/* One line. */
#define TEXT_BYTES_MAX 1024u
#define ANOTHER_AGENT  "another agent: winnow agent --connect tcp://HOST:PORT"

bool agent_is_usable(const struct agent *agent)
{
    return agent->peer != 0 && !agent->leaving && agent->only_sweep == 0;
}

/* ---- agents at all ---- */

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

/* ---- resources ---- */

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

/* Which trial's needs are meant: the one asked about, or what the sweep gives out next;
 * and the file they are from. */
struct job {
    const struct trial *trial; /* NULL: one that is not suggested yet */
    const struct revision *file;
    const struct resources *need;
};

static struct job job_of(const struct sweep *sweep, const struct trial *trial)
{
    const struct revision *file =
        trial != NULL ? trial->revision->runs_as : sweep_newest(sweep);
    return (struct job){ trial, file, &file->spec->run.resources };
}

static struct job next_job(const struct sweep *sweep)
{
    struct list_node *head = list_first(&sweep->queue);
    return job_of(sweep,
                  head != NULL ? container_of(head, struct trial, queue_node) : NULL);
}

static bool anybody_could(const struct engine *engine, const struct resources *need)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        if (agent_could(item, need)) {
            return true;
        }
    }
    return false;
}

/* The edit after which the biggest agent could; a file that is not the newest one is
 * not changed by an edit. */
static char *print_way_out(const struct asking *ask, const struct job *job)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_adds(&text, "an agent on a bigger machine");
    if (job->file != sweep_newest(ask->sweep)) {
        return strbuf_take(&text);
    }
    strbuf_addf(&text, ", or winnow edit %s", ask->name);
    for (enum resource i = 0; i < RESOURCE_NR; i++) {
        uint64_t most = offered(biggest(ask->engine, i), i);
        char size[NUM_TEXT_SIZE];
        num_format_size_bytes(most, size);
        if (most < needed(job->need, i) && i == RESOURCE_MEMORY) {
            strbuf_addf(&text, " --set run.resources.memory=%s", size);
        } else if (most < needed(job->need, i)) {
            strbuf_addf(&text, " --set run.resources.%s=%llu",
                        i == RESOURCE_CPUS ? "cpus" : "gpus", (unsigned long long)most);
        }
    }
    return strbuf_take(&text);
}

static void tell_resources(const struct asking *ask, const struct job *job)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    AUTO_STRBUF struct strbuf lacks = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_adds(&text, "no connected agent can run ");
    if (job->trial != NULL && job->trial != ask->trial) {
        strbuf_addf(&text, "trial %u, which is next: ", job->trial->number);
    } else {
        strbuf_adds(&text, "it: ");
    }
    print_lacks(ask->engine, job->need, &lacks);
    if (lacks.len == 0) {
        print_needs(job->need, &lacks);
        strbuf_adds(&lacks, " are not at one agent together");
    }
    strbuf_adds(&text, strbuf_cstr(&lacks));
    because(ask, EXPLAIN_RESOURCES, strbuf_take(&text), print_way_out(ask, job));
}

bool why_resources(const struct asking *ask)
{
    struct job job =
        ask->trial != NULL ? job_of(ask->sweep, ask->trial) : next_job(ask->sweep);
    if (anybody_could(ask->engine, job.need)) {
        return false;
    }
    tell_resources(ask, &job);
    return true;
}

/* An edit of run.resources can leave trials in one queue that need different room. */
bool why_behind(const struct asking *ask)
{
    struct job mine = job_of(ask->sweep, ask->trial);
    struct job next = next_job(ask->sweep);
    if (same_needs(mine.need, next.need)) {
        return false;
    }
    ASSERT(next.trial != NULL); /* the one asked about is in the queue */
    AUTO_STRBUF struct strbuf needs = STRBUF_INIT(TEXT_BYTES_MAX);
    print_needs(next.need, &needs);
    because(ask, EXPLAIN_BEHIND,
            mem_printf("trial %u is ahead of it and needs other room: %s",
                       next.trial->number,
                       needs.len > 0 ? strbuf_cstr(&needs) : "a slot only"),
            NULL);
    if (anybody_could(ask->engine, next.need)) {
        return false;
    }
    tell_resources(ask, &next);
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
            mem_printf("the next attempt that ends, or winnow edit %s --set "
                       "run.parallel=N",
                       ask->name));
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

/* Slots of agents that could run it. */
struct taken {
    size_t agents;
    uint64_t slots, used;
};

static void
tell_full(const struct asking *ask, const struct resources *need, struct taken taken)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_addf(&text, "%llu of %llu slot%s at %zu agent%s %s taken, %u by this sweep",
                (unsigned long long)taken.used, (unsigned long long)taken.slots,
                plural(taken.slots), taken.agents, plural(taken.agents),
                taken.used == 1 ? "is" : "are", ask->sweep->occupying);
    bool lacks = taken.used < taken.slots;
    if (lacks) {
        AUTO_STRBUF struct strbuf needs = STRBUF_INIT(TEXT_BYTES_MAX);
        print_needs(need, &needs);
        strbuf_addf(&text, ", and where one is free, %s is not", strbuf_cstr(&needs));
    }
    because(ask, EXPLAIN_AGENTS_FULL, strbuf_take(&text),
            lacks ? mem_printf("the next attempt that ends, less in run.resources: "
                               "winnow edit %s, or " ANOTHER_AGENT,
                               ask->name)
                  : mem_strdup("the next attempt that ends, or " ANOTHER_AGENT));
}

/* Agents that could run it, but get nothing of it, because all failed there. */
static void tell_aside(const struct asking *ask, const struct resources *need)
{
    const struct agent *first = NULL;
    size_t n = 0;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&ask->engine->peers, &pos, NULL, &item)) {
        const struct agent *agent = item;
        if (agent_could(agent, need) && agent_rests(ask->engine, agent, ask->sweep)) {
            first = first == NULL ? agent : first;
            n++;
        }
    }
    if (first == NULL) {
        return;
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_addf(&text, "agent '%s'", first->id);
    if (n > 1) {
        strbuf_addf(&text, " (as %zu more)", n - 1);
    }
    int64_t left_ms = mono_until_ms(first->probe_at, ask->engine->now);
    char left[NUM_TEXT_SIZE];
    times_format_span(left_ms > 0 ? left_ms : 0, left);
    strbuf_addf(&text,
                " is set aside: %s; it gets what no other agent can run, and %s%s",
                first->aside_cause != NULL ? first->aside_cause : "all failed there",
                left_ms > 0 ? "one attempt in " : "one attempt at a time",
                left_ms > 0 ? left : "");
    because(ask, EXPLAIN_ASIDE, strbuf_take(&text),
            mem_strdup("an attempt that ends well there, or starting that agent anew"));
}

bool why_agents_full(const struct asking *ask)
{
    const struct resources *need = sweep_next_needs(ask->sweep);
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
    if (agents > 0) {
        tell_full(ask, need, (struct taken){ agents, slots, used });
    }
    tell_aside(ask, need);
    tell_turn(ask);
    return true;
}

/* ---- checkpoints ---- */

bool why_checkpoint(const struct asking *ask)
{
    const struct joined *joined = ask->trial->joined;
    if (joined == NULL || !joined->waits) {
        return false;
    }
    const char *holder = joined->holder->id;
    bool usable = agent_is_usable(joined->holder);
    const char *is = usable ? "busy" : "not connected";
    int64_t left_ms = mono_until_ms(joined->waits_until, ask->engine->now);
    char left[NUM_TEXT_SIZE];
    num_format_duration_ms(left_ms > 0 ? left_ms : 0, left);
    because(ask, EXPLAIN_CHECKPOINT,
            left_ms > 0
                ? mem_printf("agent '%s' has its checkpoint and is %s; in %s it begins "
                             "anew elsewhere",
                             holder, is, left)
                : mem_printf("agent '%s' has its checkpoint and is %s; it begins anew "
                             "where there is room first",
                             holder, is),
            mem_strdup(usable ? "the next attempt that ends there"
                              : "the return of that agent"));
    return false;
}
