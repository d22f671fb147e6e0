/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.c – what must be true at the agents and of what is said.
 * Owns the books. Knows the promises of DESIGN §3 and §5 as a user reads them. Does not
 * know how they are kept. The committed records are judged in oracle_records.c. */
#include "tests/sim/oracle.h"

#include <math.h>

#include "base/mem.h"
#include "tests/sim/keys.h"
#include "tests/sim/oracle_internal.h"

/* ---- the books ---- */

struct oracle *oracle_create(void)
{
    struct oracle *oracle = mem_alloc(sizeof *oracle);
    map_u64_init(&oracle->attempts);
    return oracle;
}

void oracle_destroy(struct oracle *oracle)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&oracle->attempts, &pos, NULL, &value)) {
        struct o_attempt *attempt = value;
        vec_fini(&attempt->entries);
        mem_free(attempt);
    }
    map_u64_fini(&oracle->attempts);
    for (size_t i = 0; i < oracle->sweeps.len; i++) {
        struct o_sweep *sweep = oracle->sweeps.ptr[i];
        for (size_t n = 0; n < sweep->specs.len; n++) {
            sweep_spec_destroy(sweep->specs.ptr[n]);
        }
        for (size_t n = 0; n < sweep->trials.len; n++) {
            mem_free(sweep->trials.ptr[n].x);
        }
        vec_fini(&sweep->specs);
        vec_fini(&sweep->edited_at);
        map_str_fini(&sweep->cells);
        map_str_fini(&sweep->rungs);
        vec_fini(&sweep->trials);
        mem_free(sweep->cause);
        mem_free(sweep);
    }
    vec_fini(&oracle->sweeps);
    mem_free(oracle);
}

struct o_attempt *oracle_attempt_known(const struct oracle *oracle,
                                       struct attempt_key key)
{
    return map_u64_get(&oracle->attempts, key_pack(key));
}

struct o_attempt *oracle_attempt(struct oracle *oracle, struct attempt_key key)
{
    struct o_attempt *attempt = oracle_attempt_known(oracle, key);
    if (attempt == NULL) {
        attempt = mem_alloc(sizeof *attempt);
        attempt->key = key;
        map_u64_set(&oracle->attempts, key_pack(key), attempt);
    }
    return attempt;
}

struct o_sweep *oracle_sweep(struct sim *sim, struct attempt_key key)
{
    struct oracle *oracle = sim->oracle;
    SIM_CHECK(sim, key.sweep > 0 && key.sweep <= oracle->sweeps.len,
              "no sweep %u was committed", key.sweep);
    return oracle->sweeps.ptr[key.sweep - 1];
}

const struct sweep_spec *oracle_spec(struct sim *sim, struct attempt_key key)
{
    const struct o_sweep *sweep = oracle_sweep(sim, key);
    size_t revision = oracle_attempt(sim->oracle, key)->revision;
    SIM_CHECK(sim, revision > 0 && revision <= sweep->specs.len,
              "revisions: %llx has no file", (unsigned long long)key_pack(key));
    return sweep->specs.ptr[revision - 1];
}

struct o_trial *oracle_trial(struct sim *sim, struct attempt_key key)
{
    struct o_sweep *sweep = oracle_sweep(sim, key);
    SIM_CHECK(sim, key.trial < sweep->trials.len, "no trial %u/%u was committed",
              key.sweep, key.trial);
    return &sweep->trials.ptr[key.trial];
}

bool oracle_is_current(struct sim *sim, const struct o_attempt *attempt)
{
    return attempt->agent != 0 && !attempt->ended && !attempt->suspect
           && oracle_trial(sim, attempt->key)->attempts == attempt->key.attempt;
}

/* ---- processes ---- */

static void check_slots(struct sim *sim, const struct proc *proc)
{
    uint32_t running = 0;
    for (size_t i = 0; i < sim->procs.len; i++) {
        const struct proc *other = sim->procs.ptr[i];
        if (other->node != proc->node || other->state == PROC_DEAD) {
            continue;
        }
        running++;
        SIM_CHECK(sim, other == proc || (other->gpu_mask & proc->gpu_mask) == 0,
                  "slots: %llx and %llx share a device of agent %zu",
                  (unsigned long long)key_pack(other->key),
                  (unsigned long long)key_pack(proc->key), proc->node);
    }
    uint32_t slots = sim->plan.agents[proc->node].slots;
    SIM_CHECK(sim, running <= slots, "slots: %u programs on agent %zu with %u slots",
              running, proc->node, slots);
}

/* Whether the program counts when the one of `begun` begins: those of attempts that
 * were given up for good do not (nobody can stop what nobody can reach), nor those that
 * were taken back after the new one was given out. */
static bool
counts_beside(struct sim *sim, const struct proc *proc, const struct o_attempt *begun)
{
    const struct o_attempt *attempt = oracle_attempt_known(sim->oracle, proc->key);
    return proc->state != PROC_DEAD && proc->key.sweep == begun->key.sweep
           && attempt != NULL && oracle_is_current(sim, attempt)
           && attempt->adopted_at <= begun->assigned_at;
}

/* The greatest `parallel` since the attempt was given out; 0: all slots. */
static uint32_t most_parallel(const struct o_sweep *sweep,
                              const struct o_attempt *begun)
{
    uint32_t most = 0;
    for (size_t i = 0; i < sweep->specs.len; i++) {
        bool over = i + 1 < sweep->specs.len
                    && sweep->edited_at.ptr[i + 1] < begun->assigned_at;
        uint32_t parallel = sweep->specs.ptr[i]->run.parallel;
        if (!over && parallel == 0) {
            return 0;
        }
        most = !over && parallel > most ? parallel : most;
    }
    return most;
}

/* An agent starts what was prefetched in a place that is open until an acknowledgement
 * closes it; a message that comes again, late, can open it wrongly. */
static void check_parallel(struct sim *sim, const struct o_attempt *begun)
{
    uint32_t parallel = most_parallel(oracle_sweep(sim, begun->key), begun);
    uint32_t running = 0;
    if (plan_has(&sim->plan, FAULT_UNTIDY)) {
        return;
    }
    for (size_t i = 0; i < sim->procs.len; i++) {
        running += counts_beside(sim, sim->procs.ptr[i], begun);
    }
    SIM_CHECK(sim, parallel == 0 || running <= parallel,
              "parallel: %u programs of sweep %u, at most %u", running,
              begun->key.sweep, parallel);
}

enum checkpoint_kind oracle_checkpoint(struct sim *sim, struct attempt_key key)
{
    return oracle_sweep(sim, key)->spec->run.checkpoint;
}

/* Two programs of a trial on one node would write into the same folder. */
static void check_folder(struct sim *sim, const struct proc *proc)
{
    for (size_t i = 0; i < sim->procs.len; i++) {
        const struct proc *other = sim->procs.ptr[i];
        SIM_CHECK(sim,
                  other == proc || other->node != proc->node
                      || other->state == PROC_DEAD
                      || other->key.sweep != proc->key.sweep
                      || other->key.trial != proc->key.trial,
                  "checkpoint: %llx and %llx write into the same folder",
                  (unsigned long long)key_pack(other->key),
                  (unsigned long long)key_pack(proc->key));
    }
}

void oracle_dropped(struct sim *sim, size_t node, struct attempt_key key)
{
    const struct o_attempt *attempt = oracle_attempt_known(sim->oracle, key);
    if (attempt == NULL || attempt->agent == 0) {
        return; /* nobody knows it */
    }
    const struct o_trial *trial = oracle_trial(sim, key);
    bool moved = oracle_checkpoint(sim, key) == CHECKPOINT_LOCAL && trial->holder != 0
                 && trial->holder != sim->oracle->agents[node];
    SIM_CHECK(sim, trial->was_over || moved,
              "checkpoint: agent %zu drops that of %llx, which may go on", node,
              (unsigned long long)key_pack(key));
}

void oracle_started(struct sim *sim, const struct proc *proc)
{
    struct o_attempt *attempt = oracle_attempt(sim->oracle, proc->key);
    attempt->starts++;
    attempt->resumes = proc->resumed;
    SIM_CHECK(sim, !attempt->fresh || !proc->resumed,
              "checkpoint: %llx resumes from a folder that is not its trial's",
              (unsigned long long)key_pack(proc->key));
    if (oracle_checkpoint(sim, proc->key) != CHECKPOINT_NONE) {
        check_folder(sim, proc);
    }
    SIM_CHECK(sim, attempt->starts == 1, "started twice: %llx",
              (unsigned long long)key_pack(proc->key));
    SIM_CHECK(sim, attempt->agent != 0, "told before commit: %llx runs unassigned",
              (unsigned long long)key_pack(proc->key));
    uint32_t gpus = oracle_spec(sim, proc->key)->run.resources.gpus;
    SIM_CHECK(sim, (uint32_t)__builtin_popcountll(proc->gpu_mask) == gpus,
              "slots: %llx has not its %u devices",
              (unsigned long long)key_pack(proc->key), gpus);
    check_slots(sim, proc);
    check_parallel(sim, attempt);
}

/* ---- the spool ---- */

static void entry_add(struct o_attempt *attempt, enum entry_kind kind)
{
    vec_push(&attempt->entries, ((struct entry){ .kind = kind }));
}

static void add_point(struct sim *sim,
                      struct o_attempt *attempt,
                      const struct agent_report *report,
                      size_t i)
{
    const char *name = report->names[report->point_name[i]];
    struct entry entry = { .kind = ENTRY_POINT,
                           .name = name[0] == 'a' ? 0 : 1,
                           .step = report->point_step[i],
                           .value = report->point_value[i] };
    double printed = trial_value_of(sim, attempt->key, entry.name, entry.step);
    SIM_CHECK(sim, printed == entry.value || (isnan(printed) && isnan(entry.value)),
              "points: %llx spooled what it did not print",
              (unsigned long long)key_pack(attempt->key));
    vec_push(&attempt->entries, entry);
}

static uint64_t last_seq_of(const struct agent_report *report)
{
    return report->first_seq + report->has_started + report->points_len
           + report->notes_len + report->has_ended - 1;
}

void oracle_lost(struct sim *sim, const struct agent_report *report)
{
    struct o_attempt *attempt = oracle_attempt(sim->oracle, report->key);
    uint64_t last = last_seq_of(report);
    TRACE(sim, "lost: entries %llu to %llu of %llx", report->first_seq, last,
          key_pack(report->key));
    for (uint64_t seq = report->first_seq; seq <= last; seq++) {
        attempt->entries.ptr[seq - 1].lost = true;
    }
}

/* An agent that lost the end of its spool numbers the end it gives the attempt after
 * what it still has. */
static bool ends_shorter(const struct o_attempt *attempt,
                         const struct agent_report *report)
{
    return report->first_seq <= attempt->entries.len && report->has_ended
           && last_seq_of(report) == report->first_seq
           && attempt->entries.ptr[report->first_seq - 1].lost;
}

void oracle_spooled(struct sim *sim, size_t node, const struct agent_report *report)
{
    UNUSED(node);
    struct o_attempt *attempt = oracle_attempt(sim->oracle, report->key);
    if (ends_shorter(attempt, report)) {
        return;
    }
    SIM_CHECK(sim, report->first_seq == attempt->entries.len + 1,
              "points: %llx numbers an entry %llu after %zu",
              (unsigned long long)key_pack(report->key),
              (unsigned long long)report->first_seq, attempt->entries.len);
    if (report->has_started) {
        entry_add(attempt, ENTRY_STARTED);
    }
    for (size_t i = 0; i < report->points_len; i++) {
        add_point(sim, attempt, report, i);
    }
    for (size_t i = 0; i < report->notes_len; i++) {
        entry_add(attempt, ENTRY_NOTE);
    }
    if (report->has_ended) {
        entry_add(attempt, ENTRY_ENDED);
    }
}

void oracle_trimmed(struct sim *sim, const struct agent_report *report)
{
    const struct o_attempt *attempt = oracle_attempt(sim->oracle, report->key);
    uint64_t last = last_seq_of(report);
    SIM_CHECK(sim, attempt->acked >= last,
              "points: entries up to %llu of %llx are dropped, acknowledged %llu",
              (unsigned long long)last, (unsigned long long)key_pack(report->key),
              (unsigned long long)attempt->acked);
}

void oracle_term(struct sim *sim, const struct proc *proc, int64_t grace_ms)
{
    int64_t wanted_ms = oracle_spec(sim, proc->key)->run.grace_ms;
    SIM_CHECK(sim, grace_ms == wanted_ms, "grace: %llx gets %lld ms instead of %lld",
              (unsigned long long)key_pack(proc->key), (long long)grace_ms,
              (long long)wanted_ms);
}

/* ---- leases ---- */

void oracle_silent(struct sim *sim, size_t node, int64_t silent_ms)
{
    const struct oracle *oracle = sim->oracle;
    size_t pos = 0;
    void *value = NULL;
    while (oracle->agents[node] != 0
           && map_u64_next(&oracle->attempts, &pos, NULL, &value)) {
        const struct o_attempt *attempt = value;
        SIM_CHECK(
            sim,
            attempt->agent != oracle->agents[node] || !oracle_is_current(sim, attempt),
            "lease: %llx is not given up though agent %zu is silent for %lld ms",
            (unsigned long long)key_pack(attempt->key), node, (long long)silent_ms);
    }
}

/* ---- acknowledgements ---- */

bool oracle_may_ask(struct sim *sim, const struct o_attempt *attempt)
{
    return !attempt->untidy || attempt->complete || oracle_is_current(sim, attempt);
}

void oracle_report_untidy(struct sim *sim, struct attempt_key key)
{
    oracle_attempt(sim->oracle, key)->untidy = true;
}

/* Everything up to seq must be on disk. Of an attempt that was given up only its points
 * are kept. */
static void
check_covered(struct sim *sim, const struct o_attempt *attempt, uint64_t seq)
{
    uint64_t last = oracle_may_ask(sim, attempt) ? seq : 0;
    for (size_t i = 0; i < attempt->entries.len && i < last; i++) {
        const struct entry *entry = &attempt->entries.ptr[i];
        SIM_CHECK(sim, entry->kind != ENTRY_POINT || entry->committed || entry->lost,
                  "points: entry %zu of %llx is acknowledged and not on disk", i + 1,
                  (unsigned long long)key_pack(attempt->key));
        SIM_CHECK(sim, entry->kind != ENTRY_ENDED || !oracle_is_current(sim, attempt),
                  "ends: the end of %llx is acknowledged and not on disk",
                  (unsigned long long)key_pack(attempt->key));
    }
}

void oracle_acked(struct sim *sim, struct attempt_key key, uint64_t seq)
{
    struct o_attempt *attempt = oracle_attempt(sim->oracle, key);
    check_covered(sim, attempt, seq);
    attempt->acked = seq > attempt->acked ? seq : attempt->acked;
}

void oracle_verdict(struct sim *sim, const struct verdict *verdict)
{
    oracle_acked(sim, verdict->key, verdict->acked_seq);
}

/* ---- what the coordinator says ---- */

static void check_verdict(struct sim *sim, const struct verdict *verdict)
{
    const struct o_attempt *attempt = oracle_attempt_known(sim->oracle, verdict->key);
    unsigned long long name = key_pack(verdict->key);
    bool assigned = attempt != NULL && attempt->agent != 0;
    if (verdict->verdict == VERDICT_FORGET) {
        SIM_CHECK(sim, !assigned, "verdict: %llx is to be forgotten", name);
        return;
    }
    SIM_CHECK(sim, assigned, "verdict: %llx was never assigned", name);
    check_covered(sim, attempt, verdict->acked_seq);
}

void oracle_sent(struct sim *sim, const struct message *message)
{
    const struct o_attempt *attempt = NULL;
    switch (message->kind) {
    case TO_AGENT_ASSIGN:
        attempt = oracle_attempt_known(sim->oracle, message->as.assign.key);
        SIM_CHECK(sim, attempt != NULL && attempt->agent != 0,
                  "told before commit: assignment %llx",
                  (unsigned long long)key_pack(message->as.assign.key));
        return;
    case TO_AGENT_STOP:
        attempt = oracle_attempt_known(sim->oracle, message->as.stop.key);
        SIM_CHECK(sim, attempt != NULL && attempt->stop != STOP_NONE,
                  "told before commit: stop of %llx",
                  (unsigned long long)key_pack(message->as.stop.key));
        return;
    case TO_AGENT_ACK:
        attempt = oracle_attempt_known(sim->oracle, message->as.ack.key);
        SIM_CHECK(sim, attempt != NULL && attempt->agent != 0,
                  "points: %llx is acknowledged and was never assigned",
                  (unsigned long long)key_pack(message->as.ack.key));
        check_covered(sim, attempt, message->as.ack.seq);
        return;
    case TO_AGENT_WELCOME:
        for (size_t i = 0; i < message->as.welcome.verdicts_len; i++) {
            check_verdict(sim, &message->as.welcome.verdicts[i]);
        }
        return;
    case TO_AGENT_SWEEP:
        IGNORE_ERR(
            oracle_sweep(sim, (struct attempt_key){ .sweep = message->as.sweep.sweep })
                == NULL,
            "fails by itself");
        return;
    case TO_AGENT_HELLO_WANTED:
    case TO_AGENT_REFUSE:
    case TO_AGENT_LOG_ACK:
    case TO_AGENT_LIMITS:
    case TO_AGENT_NR:
        return;
    }
}

void oracle_rests(struct sim *sim, uint32_t sweep, enum sweep_state state)
{
    const struct o_sweep *known =
        oracle_sweep(sim, (struct attempt_key){ .sweep = sweep });
    SIM_CHECK(sim, (known->states >> state & 1) != 0,
              "told before commit: sweep %u rests in state %d, committed is %d", sweep,
              (int)state, (int)known->state);
}
