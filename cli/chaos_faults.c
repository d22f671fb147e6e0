/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_faults.c – what is done to the cluster of a chaos run, and its undoing.
 * Owns the plan drawn from the seed. Knows signals, relays and the ballast. Does not
 * know how processes start, nor what the sweep says.
 *
 * A fault is due when the sweep has come so far that the faults spread evenly over it;
 * what was stopped, parted or filled is undone by the clock. */
#include "cli/chaos_cluster.h"

#include <inttypes.h>
#include <signal.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/sys/clock.h"
#include "cli/output.h"

/* Between two faults, so that something happens in between. */
#define FAULT_GAP_MS ((int64_t)150)
/* The last part of the sweep is left in peace, so that no fault comes too late. */
#define FAULTS_SHARE 0.85
/* One stop for so many kills, and one full disk. */
#define KILLS_PER_STOP 3
#define KILLS_PER_FILL 5
/* How long the disk stays full. */
#define FULL_MS_MIN ((int64_t)1000)
#define FULL_MS_MAX ((int64_t)3000)
/* A program that only starts may well end on a full disk; one that runs may not. */
#define STARTED_MS ((int64_t)1000)

int64_t chaos_now_ms(void)
{
    return clock_mono().ns / 1000000;
}

PRINTF_LIKE(2, 3)
static void tell(const struct chaos_cluster *self, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(CHAOS_VIOLATION_BYTES_MAX);
    va_list args;
    va_start(args, fmt);
    strbuf_addv(&text, fmt, args);
    va_end(args);
    if (!self->config->quiet) {
        output_say("chaos: %" PRIu64 " done: %s", self->done, strbuf_cstr(&text));
    }
}

/* ---- the plan ---- */

/* Makes so many of the kills something else. */
static void
plan_kind(struct chaos_cluster *self, enum chaos_fault_kind kind, size_t wanted)
{
    while (wanted > 0) {
        struct chaos_fault *fault =
            &self->faults[rng_below(&self->rng, self->faults_len)];
        wanted -= fault->kind == CHAOS_FAULT_KILL ? 1 : 0;
        fault->kind = fault->kind == CHAOS_FAULT_KILL ? kind : fault->kind;
    }
}

void chaos_faults_plan(struct chaos_cluster *self)
{
    const struct chaos_config *config = self->config;
    uint64_t total = sweep_spec_trials(config->spec);
    size_t kills = config->kills;
    size_t stops = (kills + KILLS_PER_STOP - 1) / KILLS_PER_STOP;
    size_t fills = (kills + KILLS_PER_FILL - 1) / KILLS_PER_FILL;
    fills = !config->full_disk ? 0 : fills > 0 ? fills : 1;
    size_t len = kills + stops + fills + config->partitions;
    self->rng = rng_stream(config->seed, 0, STR_LIT("chaos"), RNG_TEST);
    self->faults = mem_alloc_array(len, sizeof *self->faults);
    self->faults_len = len;
    for (size_t i = 0; i < len; i++) {
        double at = FAULTS_SHARE * ((double)i + rng_uniform(&self->rng)) / (double)len;
        self->faults[i].number = i;
        self->faults[i].at_done = (uint64_t)(at * (double)total);
    }
    plan_kind(self, CHAOS_FAULT_STOP, stops);
    plan_kind(self, CHAOS_FAULT_PARTITION, config->partitions);
    plan_kind(self, CHAOS_FAULT_FILL, fills);
}

static int64_t draw_ms(struct chaos_cluster *self, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&self->rng, (uint64_t)(high - low + 1));
}

/* ---- the victims ---- */

/* Never one that is dead, nor one that has this trouble already. */
static bool may_suffer(const struct chaos_proc *proc, enum chaos_fault_kind kind)
{
    return proc->pid != 0 && !proc->killed
           && (kind == CHAOS_FAULT_PARTITION ? !proc->parted : !proc->stopped);
}

/* A process to hurt: the coordinator one time in three, unless it is about the way to
 * it; NULL: none now. */
static struct chaos_proc *choose_victim(struct chaos_cluster *self,
                                        enum chaos_fault_kind kind)
{
    struct chaos_proc *coordinator = &self->procs[CHAOS_COORDINATOR];
    bool chosen = rng_below(&self->rng, 3) == 0 && kind != CHAOS_FAULT_PARTITION;
    size_t agents = self->procs_len - 1;
    size_t first = rng_below(&self->rng, agents);
    if (chosen && may_suffer(coordinator, kind)) {
        return coordinator;
    }
    for (size_t i = 0; i < agents; i++) {
        struct chaos_proc *proc = &self->procs[1 + (first + i) % agents];
        if (may_suffer(proc, kind)) {
            return proc;
        }
    }
    return NULL;
}

/* ---- the faults ---- */

static void strike_kill(struct chaos_cluster *self, struct chaos_proc *proc)
{
    /* Agents are sometimes away for less than a lease, sometimes for more. */
    int64_t lease = self->config->lease_ms;
    bool coordinator = proc == &self->procs[CHAOS_COORDINATOR];
    int64_t away_ms = draw_ms(self, 0, coordinator ? lease / 2 : lease + lease / 2);
    tell(self, "kill %s, back in %" PRId64 " ms", proc->name, away_ms);
    proc->killed = true;
    IGNORE_ERR(kill(proc->pid, SIGKILL), "it is our child, not yet reaped");
    proc->due_ms = chaos_now_ms() + away_ms;
    self->report->kills++;
}

static void strike_stop(struct chaos_cluster *self, struct chaos_proc *proc)
{
    int64_t lease = self->config->lease_ms;
    int64_t for_ms = draw_ms(self, lease + lease / 4, 2 * lease + lease / 2);
    tell(self, "stop %s for %" PRId64 " ms", proc->name, for_ms);
    IGNORE_ERR(kill(proc->pid, SIGSTOP), "it is our child, not yet reaped");
    proc->stopped = true;
    proc->due_ms = chaos_now_ms() + for_ms;
    self->report->stops++;
}

/* The relay of an agent. */
static size_t relay_of(const struct chaos_cluster *self, const struct chaos_proc *proc)
{
    return (size_t)(proc - self->procs) - 1;
}

static void strike_partition(struct chaos_cluster *self, struct chaos_proc *proc)
{
    static const unsigned ways[] = { 0, CHAOS_HOLD_UP | CHAOS_HOLD_DOWN, CHAOS_HOLD_UP,
                                     CHAOS_HOLD_DOWN };
    static const char *const names[] = { "cut", "hold", "hold all from",
                                         "hold all to" };
    int64_t lease = self->config->lease_ms;
    size_t way = rng_below(&self->rng, ARRAY_LEN(ways));
    int64_t for_ms = draw_ms(self, lease / 4, 2 * lease + lease / 2);
    bool reset = rng_below(&self->rng, 2) == 0;
    self->report->partitions++;
    if (ways[way] == 0) {
        tell(self, "%s %s", names[way], proc->name);
        chaos_relay_cut(self->relays, relay_of(self, proc));
        return;
    }
    tell(self, "%s %s for %" PRId64 " ms%s", names[way], proc->name, for_ms,
         reset ? ", then cut" : "");
    chaos_relay_hold(self->relays, relay_of(self, proc), ways[way]);
    proc->parted = true;
    proc->reset = reset;
    proc->heal_ms = chaos_now_ms() + for_ms;
}

static void strike_fill(struct chaos_cluster *self)
{
    struct err err = { 0 };
    int64_t for_ms = draw_ms(self, FULL_MS_MIN, FULL_MS_MAX);
    tell(self, "fill the disk for %" PRId64 " ms", for_ms);
    if (chaos_ballast_create(self->config->home, &self->ballast, &err) != ERR_OK) {
        chaos_violation(self->report, "%s", err.msg);
        return;
    }
    self->report->fills++;
    self->space_ms = chaos_now_ms() + for_ms;
}

/* Everything has been up for a while, and the disk has space. */
static bool may_fill(const struct chaos_cluster *self, int64_t now)
{
    bool up = now >= self->start_ms + STARTED_MS;
    for (size_t i = 0; i < self->procs_len; i++) {
        up = up && self->procs[i].pid != 0;
    }
    return up && self->ballast == NULL;
}

/* False: not now. */
static bool strike(struct chaos_cluster *self, enum chaos_fault_kind kind, int64_t now)
{
    bool fill = kind == CHAOS_FAULT_FILL;
    struct chaos_proc *proc = fill ? NULL : choose_victim(self, kind);
    if (fill ? !may_fill(self, now) : proc == NULL) {
        return false;
    }
    switch (kind) {
    case CHAOS_FAULT_KILL:
        strike_kill(self, proc);
        return true;
    case CHAOS_FAULT_STOP:
        strike_stop(self, proc);
        return true;
    case CHAOS_FAULT_PARTITION:
        strike_partition(self, proc);
        return true;
    case CHAOS_FAULT_FILL:
        strike_fill(self);
        return true;
    case CHAOS_FAULT_NR:
        break;
    }
    UNREACHABLE();
}

void chaos_faults_next(struct chaos_cluster *self, int64_t now)
{
    size_t first = self->faults_done;
    if (now < self->fault_ms + FAULT_GAP_MS) {
        return;
    }
    for (size_t i = first; i < self->faults_len; i++) {
        struct chaos_fault fault = self->faults[i];
        if (self->done < fault.at_done) {
            return;
        }
        /* Each has draws of its own, whatever came before it. */
        self->rng =
            rng_stream(self->config->seed, fault.number, STR_LIT("fault"), RNG_TEST);
        if (strike(self, fault.kind, now)) {
            self->faults[i] = self->faults[first];
            self->faults[first] = fault;
            self->faults_done++;
            self->fault_ms = now;
            return;
        }
    }
}

/* ---- their end ---- */

static void heal_proc(struct chaos_cluster *self, struct chaos_proc *proc, int64_t now)
{
    if (proc->pid != 0 && proc->stopped && now >= proc->due_ms) {
        proc->stopped = false;
        IGNORE_ERR(kill(proc->pid, SIGCONT), "reaped next if it has ended");
    }
    if (proc->parted && now >= proc->heal_ms) {
        proc->parted = false;
        chaos_relay_hold(self->relays, relay_of(self, proc), 0);
        if (proc->reset) {
            chaos_relay_cut(self->relays, relay_of(self, proc));
        }
    }
}

void chaos_faults_heal(struct chaos_cluster *self, int64_t now)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        heal_proc(self, &self->procs[i], now);
    }
    if (self->ballast != NULL && now >= self->space_ms) {
        chaos_ballast_destroy(self->ballast);
        self->ballast = NULL;
    } else if (self->ballast != NULL) {
        chaos_ballast_fill(self->ballast);
    }
}

void chaos_faults_end(struct chaos_cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        self->procs[i].due_ms = 0;
        self->procs[i].heal_ms = 0;
    }
    self->space_ms = 0;
}
