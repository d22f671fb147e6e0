/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_records.c – what must be true of the committed records.
 * Owns the reading of records into the oracle's books. Knows budgets, grids and how an
 * objective is read, from the sweep file. Does not know core/apply.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "pruners/registry.h"
#include "samplers/registry.h"
#include "tests/sim/keys.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle_internal.h"

/* An agent rests so long before its probe, as far as commits tell. */
#define REST_MS 540000
/* After the last fault: the last half-open connection was noticed. */
#define SETTLED_MS 150000

static unsigned long long named(struct attempt_key key)
{
    return key_pack(key);
}

/* ---- agents on which everything fails ---- */

/* The agent with that key; NULL when no node has it. */
static struct o_agent *health_of(struct sim *sim, uint32_t agent)
{
    for (size_t node = 0; node < sim->plan.agents_len; node++) {
        if (sim->oracle->agents[node] == agent) {
            return &sim->oracle->health[node];
        }
    }
    return NULL;
}

/* Once all agents are there again one that is aside gets a probe in ten minutes, of
 * what the first agent can run too. */
static void check_rest(struct sim *sim, const struct record *record)
{
    const struct o_agent *health = health_of(sim, record->as.assigned.agent);
    int64_t now_ms = sim_now_ms(sim);
    bool settled = now_ms > sim->plan.faults_ms + SETTLED_MS;
    SIM_CHECK(sim,
              health == NULL || !health->aside || !settled
                  || sim->oracle->health[0].aside
                  || now_ms - health->rests_ms > REST_MS,
              "aside: %llx is given to an agent that rests", named(record->key));
}

static void learn_of(struct sim *sim, const struct record *record, uint32_t agent)
{
    const struct rec_ended *ended = &record->as.ended;
    struct o_agent *health = health_of(sim, agent);
    bool failed = ended->end == END_FAILED || ended->end == END_OOM
                  || (ended->end == END_EXITED && ended->state != TRIAL_FINISHED);
    if (health == NULL) {
        return;
    }
    if (failed) {
        health->failed++;
        health->rests_ms = sim_now_ms(sim);
    } else if (ended->state == TRIAL_FINISHED || ended->end == END_PRUNED) {
        health->failed = 0;
    }
}

static void on_agent_state(struct sim *sim, const struct record *record)
{
    const struct rec_agent_state *to = &record->as.agent_state;
    struct o_agent *health = health_of(sim, to->agent);
    SIM_CHECK(sim, health != NULL && health->aside != to->aside,
              "aside: agent %u is told so twice", to->agent);
    SIM_CHECK(sim, !to->aside || health->failed >= 5,
              "aside: agent %u after %u failures in a row", to->agent, health->failed);
    SIM_CHECK(sim, to->aside || health->failed == 0,
              "aside: agent %u is released and did nothing well", to->agent);
    health->aside = to->aside;
    health->rests_ms = sim_now_ms(sim);
    sim->totals.asides += to->aside ? 1u : 0u;
}

/* ---- sweeps ---- */

static void take_file(struct sim *sim, struct o_sweep *sweep, const char *text)
{
    struct sweep_spec_input input = { .text = text,
                                      .text_len = strlen(text),
                                      .source = "sweep.yaml",
                                      .samplers = &sampler_registry_all,
                                      .pruners = &pruner_registry_all };
    struct sweep_spec *spec = NULL;
    struct err err = { 0 };
    enum err_code code = sweep_spec_parse(&input, &spec, &err);
    SIM_CHECK(sim, code == ERR_OK, "sweeps: %s", err.msg);
    vec_push(&sweep->specs, spec);
    vec_push(&sweep->edited_at, sim->oracle->records);
    sweep->spec = spec;
}

static void on_created(struct sim *sim, const struct record *record)
{
    const struct rec_sweep_created *created = &record->as.sweep_created;
    struct o_sweep *sweep = mem_alloc(sizeof *sweep);
    SIM_CHECK(sim, record->key.sweep == sim->oracle->sweeps.len + 1,
              "sweeps: key %u after %zu sweeps", record->key.sweep,
              sim->oracle->sweeps.len);
    take_file(sim, sweep, created->text);
    for (size_t i = 0; i < sim->oracle->sweeps.len; i++) {
        const struct o_sweep *other = sim->oracle->sweeps.ptr[i];
        SIM_CHECK(sim,
                  strcmp(other->spec->name, sweep->spec->name) != 0
                      || other->state == SWEEP_STOPPED || other->state == SWEEP_FAILED,
                  "sweeps: '%s' was made twice", sweep->spec->name);
        SIM_CHECK(sim, strcmp(other->run_id.hex, created->run_id.hex) != 0,
                  "sweeps: run id used twice");
    }
    sweep->run_id = created->run_id;
    sweep->most = sweep->spec->budget.trials;
    map_str_init(&sweep->cells);
    map_str_init(&sweep->rungs);
    vec_push(&sim->oracle->sweeps, sweep);
}

static uint32_t begun(const struct o_sweep *sweep)
{
    return sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED]
           + sweep->counts[TRIAL_QUEUED] + sweep->counts[TRIAL_RUNNING];
}

/* What is queued beyond a smaller budget need not go away at once. */
static void on_edited(struct sim *sim, const struct record *record)
{
    const struct rec_sweep_edited *edited = &record->as.sweep_edited;
    struct o_sweep *sweep = oracle_sweep(sim, record->key);
    const struct sweep_spec *was = sweep->spec;
    SIM_CHECK(sim, edited->revision == sweep->specs.len + 1, "revisions: %u after %zu",
              edited->revision, sweep->specs.len);
    take_file(sim, sweep, edited->text);
    SIM_CHECK(sim,
              strcmp(was->name, sweep->spec->name) == 0
                  && was->objective.goal == sweep->spec->objective.goal,
              "revisions: sweep %u became another", record->key.sweep);
    if (strcmp(was->sampler->name, "grid") == 0 && sweep->trials.len > 0) {
        SIM_CHECK(sim,
                  was->space->len == sweep->spec->space->len
                      && was->sampler->count(was->space)
                             == sweep->spec->sampler->count(sweep->spec->space),
                  "revisions: the grid of sweep %u has other cells", record->key.sweep);
    }
    uint32_t budget = sweep->spec->budget.trials;
    sweep->most = budget == 0 || begun(sweep) < budget ? budget : begun(sweep);
}

static void on_state(struct sim *sim, const struct record *record)
{
    struct o_sweep *sweep = oracle_sweep(sim, record->key);
    bool reopened =
        record->as.sweep_state.by_user && record->as.sweep_state.state == SWEEP_RUNNING;
    SIM_CHECK(sim, !sweep_state_is_final(sweep->state) || reopened,
              "ends: sweep %u changes after its end", record->key.sweep);
    sweep->state = record->as.sweep_state.state;
    sweep->states |= 1u << sweep->state;
    mem_free(sweep->cause);
    sweep->cause = mem_strdup(record->cause);
}

/* ---- trials ---- */

/* No cell of a grid is tried twice; one that was enqueued counts as tried. */
static void check_cell(struct sim *sim, struct o_sweep *sweep, const struct record *r)
{
    const struct rec_trial_created *created = &r->as.trial_created;
    AUTO_STRBUF struct strbuf cell = STRBUF_INIT(4096);
    for (size_t i = 0; i < created->x_len; i++) {
        strbuf_addf(&cell, "%a ", created->x[i]);
    }
    SIM_CHECK(sim, created->enqueued || !map_str_has(&sweep->cells, strbuf_str(&cell)),
              "grid: trial %u/%u tries a cell again", r->key.sweep, r->key.trial);
    map_str_set(&sweep->cells, strbuf_str(&cell), sweep);
}

static void on_trial(struct sim *sim, const struct record *record)
{
    struct o_sweep *sweep = oracle_sweep(sim, record->key);
    SIM_CHECK(sim, record->key.trial == sweep->trials.len,
              "trials: number %u after %zu trials", record->key.trial,
              sweep->trials.len);
    SIM_CHECK(sim, !sweep_state_is_final(sweep->state),
              "ends: sweep %u gets a trial after its end", record->key.sweep);
    if (strcmp(sweep->spec->sampler->name, "grid") == 0) {
        check_cell(sim, sweep, record);
    }
    const struct rec_trial_created *created = &record->as.trial_created;
    SIM_CHECK(sim, created->x_len == sweep->spec->space->len,
              "revisions: trial %u/%u is a point of another space", record->key.sweep,
              record->key.trial);
    struct o_trial trial = { .state = TRIAL_QUEUED,
                             .again = created->by_user,
                             .revision = sweep->specs.len,
                             .x = mem_dup(created->x,
                                          created->x_len * sizeof *created->x) };
    vec_push(&sweep->trials, trial);
    sweep->counts[TRIAL_QUEUED]++;
    uint32_t budget = sweep->spec->budget.trials;
    SIM_CHECK(sim, budget == 0 || created->by_user || begun(sweep) <= budget,
              "budget: sweep %u makes trial %u of %u", record->key.sweep, begun(sweep),
              budget);
    sim->totals.trials++;
}

static bool state_is_open(enum trial_state state)
{
    return state == TRIAL_QUEUED || state == TRIAL_RUNNING;
}

static void trial_becomes(struct sim *sim, struct attempt_key key, enum trial_state to)
{
    struct o_sweep *sweep = oracle_sweep(sim, key);
    struct o_trial *trial = oracle_trial(sim, key);
    SIM_CHECK(sim, state_is_open(trial->state), "ends: trial %u/%u ends twice",
              key.sweep, key.trial);
    sweep->counts[trial->state]--;
    trial->state = to;
    trial->was_over = trial->was_over || to == TRIAL_FINISHED || to == TRIAL_PRUNED
                      || to == TRIAL_CANCELLED;
    sweep->counts[to]++;
    trial->again = trial->again && state_is_open(to);
    uint32_t done = sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED];
    uint32_t open = sweep->counts[TRIAL_QUEUED] + sweep->counts[TRIAL_RUNNING];
    SIM_CHECK(sim, sweep->most == 0 || done + open <= sweep->most,
              "budget: sweep %u has %u trials done and %u open, at most %u", key.sweep,
              done, open, sweep->most);
}

/* A failed or cancelled trial may end once more for each time the user says so. */
static void trial_again(struct sim *sim, const struct record *record)
{
    struct o_sweep *sweep = oracle_sweep(sim, record->key);
    struct o_trial *trial = oracle_trial(sim, record->key);
    enum trial_state was = trial->state;
    SIM_CHECK(sim, trial->state == TRIAL_FAILED || trial->state == TRIAL_CANCELLED,
              "ends: trial %u/%u is %s and runs again", record->key.sweep,
              record->key.trial, trial_state_name(trial->state));
    SIM_CHECK(sim, !sweep_state_is_final(sweep->state),
              "ends: sweep %u gets a trial back after its end", record->key.sweep);
    struct attempt_key last = record->key;
    last.attempt = trial->attempts;
    const struct o_attempt *attempt = oracle_attempt_known(sim->oracle, last);
    const struct o_agent *health =
        attempt != NULL ? health_of(sim, attempt->agent) : NULL;
    /* An edit takes back what the end of a sweep cancelled. */
    bool allowed = record->as.trial_state.by_user || was == TRIAL_CANCELLED;
    SIM_CHECK(sim, allowed || (health != NULL && health->aside),
              "ends: trial %u/%u runs again though nobody said so", record->key.sweep,
              record->key.trial);
    sweep->counts[trial->state]--;
    trial->not_before_ms = 0;
    trial->state = TRIAL_QUEUED;
    sweep->counts[TRIAL_QUEUED]++;
    trial->again = record->as.trial_state.by_user;
    if (sweep->most > 0 && begun(sweep) > sweep->most) {
        sweep->most = begun(sweep);
    }
}

static void on_trial_state(struct sim *sim, const struct record *record)
{
    const struct rec_trial_state *to = &record->as.trial_state;
    if (to->state == TRIAL_QUEUED) {
        trial_again(sim, record);
    } else {
        trial_becomes(sim, record->key, to->state);
    }
}

/* ---- attempts ---- */

/* Each value is one that the newest file allows; the simulated files have no other
 * conditions. */
static void check_point_is_allowed(struct sim *sim, const struct record *record)
{
    const struct o_sweep *sweep = oracle_sweep(sim, record->key);
    const struct o_trial *trial = oracle_trial(sim, record->key);
    const struct space *from = sweep->specs.ptr[trial->revision - 1]->space;
    const struct space *to = sweep->spec->space;
    for (size_t i = 0; i < to->len; i++) {
        const struct param *param = &to->params[i];
        int32_t at = space_find(from, param->name);
        double v = at >= 0 ? trial->x[at] : (double)NAN;
        bool inside = v >= param->low && v <= param->high;
        SIM_CHECK(sim, inside || param->when != NULL,
                  "revisions: %llx begins with '%s' = %g", named(record->key),
                  param->name, v);
    }
    SIM_CHECK(sim, from->len <= to->len || sweep->specs.len == trial->revision,
              "revisions: %llx begins with a parameter that is gone",
              named(record->key));
}

static void check_begins_in_budget(struct sim *sim, const struct record *record)
{
    const struct o_sweep *sweep = oracle_sweep(sim, record->key);
    uint32_t budget = sweep->spec->budget.trials;
    uint32_t before = sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED]
                      + sweep->counts[TRIAL_RUNNING];
    SIM_CHECK(sim,
              budget == 0 || before < budget || oracle_trial(sim, record->key)->again,
              "budget: %llx begins as number %u of %u", named(record->key), before + 1,
              budget);
}

/* An attempt begins where the files are, or else with an empty folder. */
static void check_folder(struct sim *sim, const struct record *record)
{
    const struct rec_assigned *assigned = &record->as.assigned;
    const struct o_trial *trial = oracle_trial(sim, record->key);
    enum checkpoint_kind kind = oracle_checkpoint(sim, record->key);
    bool elsewhere = kind == CHECKPOINT_LOCAL && trial->holder != 0
                     && trial->holder != assigned->agent;
    SIM_CHECK(sim, assigned->checkpoint == (kind != CHECKPOINT_NONE),
              "checkpoint: %llx has a folder: %d", named(record->key),
              (int)assigned->checkpoint);
    SIM_CHECK(
        sim, assigned->fresh == elsewhere,
        "checkpoint: %llx begins with an empty folder: %d, the files are at agent "
        "%u, it goes to agent %u",
        named(record->key), (int)assigned->fresh, trial->holder, assigned->agent);
    SIM_CHECK(sim, !elsewhere || record->cause != NULL,
              "checkpoint: %llx begins anew and does not say why", named(record->key));
}

static void on_assigned(struct sim *sim, const struct record *record)
{
    check_point_is_allowed(sim, record);
    check_begins_in_budget(sim, record);
    struct o_trial *trial = oracle_trial(sim, record->key);
    struct attempt_key before = record->key;
    before.attempt--;
    const struct o_attempt *old = oracle_attempt_known(sim->oracle, before);
    SIM_CHECK(sim, record->key.attempt == trial->attempts + 1,
              "attempts: %llx after attempt %u", named(record->key), trial->attempts);
    SIM_CHECK(sim, trial->state == TRIAL_QUEUED, "attempts: %llx of a trial not queued",
              named(record->key));
    SIM_CHECK(sim, old == NULL || old->ended,
              "attempts: %llx while the one before has not ended", named(record->key));
    SIM_CHECK(sim, oracle_sweep(sim, record->key)->state == SWEEP_RUNNING,
              "attempts: %llx of a sweep that does not run", named(record->key));
    SIM_CHECK(sim,
              plan_has(&sim->plan, FAULT_CLOCK)
                  || record->time.ms >= trial->not_before_ms,
              "back-off: %llx is given out too early", named(record->key));
    check_rest(sim, record);
    struct o_attempt *attempt = oracle_attempt(sim->oracle, record->key);
    check_folder(sim, record);
    attempt->fresh = record->as.assigned.fresh;
    attempt->agent = record->as.assigned.agent;
    attempt->revision = record->as.assigned.revision;
    attempt->assigned_at = sim->oracle->records;
    trial->attempts = record->key.attempt;
    trial_becomes(sim, record->key, TRIAL_RUNNING);
}

/* The attempt that a record may speak of: assigned, not ended, not superseded. */
static struct o_attempt *live_of(struct sim *sim, const struct record *record)
{
    struct o_attempt *attempt = oracle_attempt(sim->oracle, record->key);
    const struct o_trial *trial = oracle_trial(sim, record->key);
    SIM_CHECK(sim, attempt->agent != 0, "attempts: %s of %llx, never assigned",
              record_kind_name(record->kind), named(record->key));
    SIM_CHECK(sim, trial->attempts == record->key.attempt,
              "fencing: %s of superseded %llx", record_kind_name(record->kind),
              named(record->key));
    SIM_CHECK(sim, !attempt->ended, "ends: %s of %llx after its end",
              record_kind_name(record->kind), named(record->key));
    return attempt;
}

static void on_started(struct sim *sim, const struct record *record)
{
    struct o_attempt *attempt = live_of(sim, record);
    SIM_CHECK(sim, record->as.started.resumed == attempt->resumes,
              "checkpoint: %llx resumed: %d, its program did: %d", named(record->key),
              (int)record->as.started.resumed, (int)attempt->resumes);
    attempt->started = true;
    attempt->resumed = record->as.started.resumed;
    oracle_trial(sim, record->key)->holder = attempt->agent;
}

/* What was printed, from the newest attempt back. */
struct read {
    enum objective_read read;
    bool any;
    double value;
    int64_t limit; /* first step of the attempts that were looked at */
};

static void read_value(struct read *read, double value)
{
    bool better = !read->any || isnan(read->value)
                  || (read->read == READ_MAX && value > read->value)
                  || (read->read == READ_MIN && value < read->value);
    if (better && (!read->any || !isnan(value))) {
        read->value = value;
    }
    read->any = true;
}

/* The points on disk of one attempt, as far as no later attempt printed them again. */
static void read_attempt(struct read *read, const struct o_attempt *attempt)
{
    int64_t first = read->limit;
    bool begun = read->any;
    for (size_t i = 0; i < attempt->entries.len; i++) {
        const struct entry *entry = &attempt->entries.ptr[i];
        if (entry->kind != ENTRY_POINT || entry->name != 0 || !entry->committed) {
            continue;
        }
        first = entry->step < first ? entry->step : first;
        if (entry->step >= read->limit) {
            continue;
        }
        if (read->read != READ_LAST) {
            read_value(read, entry->value);
        } else if (!begun) {
            read->value = entry->value;
            read->any = true;
        }
    }
    read->limit = first;
}

/* The objective as the sweep file says it is read, over the attempt and those it went
 * on from. */
static bool objective_of(struct sim *sim,
                         const struct o_attempt *attempt,
                         const struct objective *objective,
                         double *value_out)
{
    struct read read = { .read = objective->read, .limit = INT64_MAX };
    struct attempt_key key = attempt->key;
    if (read.read == READ_BEST) {
        read.read = objective->goal == GOAL_MAX ? READ_MAX : READ_MIN;
    }
    read_attempt(&read, attempt);
    for (bool more = attempt->resumed; more && --key.attempt > 0;) {
        const struct o_attempt *older = oracle_attempt(sim->oracle, key);
        read_attempt(&read, older);
        more = !older->started || older->resumed;
    }
    *value_out = read.value;
    return read.any;
}

static void check_finished(struct sim *sim,
                           const struct o_attempt *attempt,
                           const struct rec_ended *ended)
{
    const struct sweep_spec *spec = oracle_sweep(sim, attempt->key)->spec;
    double value = 0;
    bool any = objective_of(sim, attempt, &spec->objective, &value);
    SIM_CHECK(sim, any && ended->has_value && ended->value == value,
              "value: %llx finished with %g, printed %g", named(attempt->key),
              ended->value, value);
}

static void on_ended(struct sim *sim, const struct record *record)
{
    struct o_attempt *attempt = live_of(sim, record);
    const struct rec_ended *ended = &record->as.ended;
    oracle_judge_end(sim, attempt, ended);
    if (ended->state == TRIAL_FINISHED) {
        check_finished(sim, attempt, ended);
    }
    SIM_CHECK(sim, ended->end != END_EXITED || attempt->starts == 1,
              "ends: %llx exited and was never started", named(record->key));
    attempt->ended = true;
    attempt->complete = record->seq != 0;
    learn_of(sim, record, attempt->agent);
    trial_becomes(sim, record->key, ended->state);
    if (ended->end == END_FAILED || ended->end == END_TIMEOUT
        || ended->end == END_EXITED) {
        oracle_trial(sim, record->key)->not_before_ms =
            record->time.ms
            + oracle_sweep(sim, record->key)->spec->run.retry.backoff_ms;
    }
    oracle_trial(sim, record->key)->value = ended->value;
}

static void on_requeued(struct sim *sim, const struct record *record)
{
    struct o_attempt *attempt = live_of(sim, record);
    SIM_CHECK(sim, !attempt->suspect, "attempts: %llx is suspect twice",
              named(record->key));
    attempt->suspect = true;
    trial_becomes(sim, record->key, TRIAL_QUEUED);
}

static void on_adopted(struct sim *sim, const struct record *record)
{
    struct o_attempt *attempt = live_of(sim, record);
    SIM_CHECK(sim, attempt->suspect, "attempts: %llx is adopted and was not suspect",
              named(record->key));
    attempt->suspect = false;
    attempt->adopted_at = sim->oracle->records;
    trial_becomes(sim, record->key, TRIAL_RUNNING);
}

/* ---- points ---- */

static void check_point(struct sim *sim,
                        struct o_attempt *attempt,
                        const struct rec_points *points,
                        size_t i)
{
    uint64_t seq = points->first_seq + i;
    SIM_CHECK(sim, seq <= attempt->entries.len,
              "points: entry %llu of %llx was never spooled", (unsigned long long)seq,
              named(attempt->key));
    struct entry *entry = &attempt->entries.ptr[seq - 1];
    bool same_value = entry->value == points->value[i]
                      || (isnan(entry->value) && isnan(points->value[i]));
    SIM_CHECK(
        sim, entry->kind == ENTRY_POINT && entry->step == points->step[i] && same_value,
        "points: entry %llu of %llx is not what its agent said",
        (unsigned long long)seq, named(attempt->key));
    SIM_CHECK(sim, !entry->committed || !oracle_is_current(sim, attempt),
              "points: entry %llu of %llx is recorded twice", (unsigned long long)seq,
              named(attempt->key));
    sim->totals.points += !entry->committed;
    entry->committed = true;
}

static void on_points(struct sim *sim, const struct record *record)
{
    const struct rec_points *points = &record->as.points;
    struct o_attempt *attempt = oracle_attempt(sim->oracle, record->key);
    const struct o_trial *trial = oracle_trial(sim, record->key);
    SIM_CHECK(sim, attempt->agent != 0, "points: of %llx, never assigned",
              named(record->key));
    SIM_CHECK(sim, points->fenced == (record->key.attempt != trial->attempts),
              "fencing: points of %llx are marked %d, newest attempt is %u",
              named(record->key), (int)points->fenced, trial->attempts);
    for (size_t i = 0; i < points->len; i++) {
        check_point(sim, attempt, points, i);
    }
}

static void on_agent(struct sim *sim, const struct record *record)
{
    for (size_t node = 0; node < sim->plan.agents_len; node++) {
        if (strcmp(record->as.agent.id, node_name(sim, node)) == 0) {
            sim->oracle->agents[node] = record->as.agent.agent;
            sim->oracle->health[node] = (struct o_agent){ .failed = 0 };
        }
    }
}

/* ---- all ---- */

void oracle_committed(struct sim *sim, const struct record *record)
{
    TRACE(sim, "committed: kind %llu of %llx, seq %llu", record->kind,
          key_pack(record->key), record->seq);
    sim->oracle->records++;
    switch (record->kind) {
    case REC_SWEEP_CREATED:
        on_created(sim, record);
        return;
    case REC_SWEEP_STATE:
        on_state(sim, record);
        return;
    case REC_SWEEP_EDITED:
        on_edited(sim, record);
        return;
    case REC_TRIAL_CREATED:
        on_trial(sim, record);
        return;
    case REC_ASSIGNED:
        on_assigned(sim, record);
        return;
    case REC_STARTED:
        on_started(sim, record);
        return;
    case REC_STOP_REQUESTED:
        oracle_stop(sim, live_of(sim, record), record);
        return;
    case REC_REQUEUED:
        on_requeued(sim, record);
        return;
    case REC_ADOPTED:
        on_adopted(sim, record);
        return;
    case REC_ENDED:
        on_ended(sim, record);
        return;
    case REC_TRIAL_STATE:
        on_trial_state(sim, record);
        return;
    case REC_POINTS:
        on_points(sim, record);
        return;
    case REC_RUNG:
        oracle_rung(sim, live_of(sim, record), record);
        return;
    case REC_AGENT:
        on_agent(sim, record);
        return;
    case REC_AGENT_STATE:
        on_agent_state(sim, record);
        return;
    case REC_SESSION:
    case REC_PRIOR:
    case REC_NOTES:
    case REC_LOG:
    case REC_MARK:
    case RECORD_KIND_NR:
        return;
    }
}

/* ---- the end ---- */

static void check_sweep_at_end(struct sim *sim, const struct o_sweep *sweep)
{
    const struct sweep_spec *spec = sweep->spec;
    uint32_t done = sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED];
    const char *cause = sweep->cause != NULL ? sweep->cause : "";
    if (!sweep_state_is_final(sweep->state)) {
        return;
    }
    for (size_t i = 0; i < sweep->trials.len; i++) {
        SIM_CHECK(sim, !state_is_open(sweep->trials.ptr[i].state),
                  "liveness: '%s' has ended, its trial %zu has not", spec->name, i);
    }
    if (sweep->state != SWEEP_FINISHED) {
        return;
    }
    if (strcmp(cause, "trial budget used up") == 0) {
        SIM_CHECK(sim, done >= spec->budget.trials && done <= sweep->most,
                  "budget: '%s' finished with %u of %u trials", spec->name, done,
                  spec->budget.trials);
    }
    if (strcmp(cause, "every point tried") == 0) {
        uint64_t cells = spec->sampler->count(spec->space);
        SIM_CHECK(sim, map_str_len(&sweep->cells) == cells,
                  "grid: '%s' finished after %zu of %llu cells", spec->name,
                  map_str_len(&sweep->cells), (unsigned long long)cells);
    }
}

void oracle_at_end(struct sim *sim)
{
    struct oracle *oracle = sim->oracle;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&oracle->attempts, &pos, NULL, &value)) {
        const struct o_attempt *attempt = value;
        SIM_CHECK(sim, attempt->agent == 0 || attempt->ended,
                  "liveness: %llx has not ended", named(attempt->key));
        bool ask = oracle_may_ask(sim, attempt);
        for (size_t i = 0; ask && i < attempt->entries.len; i++) {
            const struct entry *entry = &attempt->entries.ptr[i];
            SIM_CHECK(sim,
                      entry->kind != ENTRY_POINT || entry->committed || entry->lost,
                      "points: entry %zu of %llx was spooled and is lost", i + 1,
                      named(attempt->key));
        }
    }
    for (size_t i = 0; i < oracle->sweeps.len; i++) {
        check_sweep_at_end(sim, oracle->sweeps.ptr[i]);
    }
}
