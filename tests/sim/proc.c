/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c – trials' processes, simulated.
 * Owns one process's life and the pipe to its agent. Knows what its program does from
 * trial_model.h. Does not know attempts' states.
 *
 * What a process does happens at once; what the agent notices of it goes through a
 * queue of items, because an agent may be frozen while its processes go on. */
#include "tests/sim/proc.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tests/sim/keys.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"

enum {
    SIGNAL_KILL = 9,
    SIGNAL_SEGV = 11,
    SIGNAL_TERM = 15,
    LINE_BYTES = 40
};

/* ---- what the agent notices ---- */

static void deliver_points(struct sim *sim, struct proc *proc, struct proc_item item)
{
    AUTO_VEC VEC(struct agent_point) points = { 0 };
    for (uint32_t step = item.from; step < item.to; step++) {
        for (unsigned name = 0; name < TRIAL_METRICS; name++) {
            struct agent_point point = {
                .name = trial_metric_names[name],
                .step = step,
                .time_ms = node_wall_ms(sim, proc->node),
                .value = trial_value_of(sim, proc->key, name, step),
            };
            vec_push(&points, point);
        }
    }
    node_step(sim, proc->node,
              (struct agent_event){
                  .kind = AGENT_EV_POINTS,
                  .serial = proc->serial,
                  .as.points = { .points = points.ptr, .len = points.len } });
    node_log_grew(sim, proc->node, proc, (uint64_t)item.to * LINE_BYTES);
}

static void deliver_notes(struct sim *sim, const struct proc *proc)
{
    static const struct agent_ev_note notes[] = {
        { .kind = AGENT_NOTE_PARAM, .name = "rows", .value = "150" },
        { .kind = AGENT_NOTE_TAG, .name = "host", .value = "n1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        node_step(sim, proc->node,
                  (struct agent_event){ .kind = AGENT_EV_NOTE,
                                        .serial = proc->serial,
                                        .as.note = notes[i] });
    }
}

static void deliver(struct sim *sim, struct proc *proc, struct proc_item item)
{
    struct agent_event event = { .serial = proc->serial };
    switch (item.kind) {
    case ITEM_STARTED:
        event.kind = AGENT_EV_STARTED;
        event.as.started.pid = (uint32_t)proc->number + 100;
        event.as.started.resumed = proc->resumed;
        break;
    case ITEM_POINTS:
        deliver_points(sim, proc, item);
        return;
    case ITEM_NOTES:
        deliver_notes(sim, proc);
        return;
    case ITEM_EXEC_FAILED:
        event.kind = AGENT_EV_EXEC_FAILED;
        event.as.exec_failed.cause = "no such program";
        event.as.exec_failed.never = item.never;
        break;
    case ITEM_EXITED:
        event.kind = AGENT_EV_EXITED;
        event.as.exited = item.exited;
        break;
    }
    node_step(sim, proc->node, event);
}

static void on_item(struct sim *sim, uint64_t number, uint64_t unused)
{
    struct proc *proc = sim->procs.ptr[number];
    if (proc->boot != node_boot(sim, proc->node)
        || node_defers(sim, proc->node, on_item, number, unused)) {
        return;
    }
    ASSERT(proc->items_first < proc->items.len);
    deliver(sim, proc, proc->items.ptr[proc->items_first++]);
}

/* Items reach the agent in order, each a moment later. */
static void notice(struct sim *sim, struct proc *proc, struct proc_item item)
{
    struct rng rng = sim_stream(sim, "pipe", sim->timers_made);
    int64_t at_ns = sim->now_ns + rng_between(&rng, 1000, 4 * NS_PER_MS);
    proc->item_ns = at_ns > proc->item_ns ? at_ns : proc->item_ns;
    vec_push(&proc->items, item);
    sim_in_ns(sim, proc->item_ns - sim->now_ns, on_item, proc->number, 0);
}

/* ---- its life ---- */

static void proc_end(struct sim *sim, struct proc *proc, int32_t code, uint32_t signal)
{
    if (proc->state == PROC_DEAD) {
        return;
    }
    proc->state = PROC_DEAD;
    TRACE(sim, "program of %llx ends, exit %llu, signal %llu", key_pack(proc->key),
          (uint32_t)code, signal);
    notice(sim, proc,
           (struct proc_item){ .kind = ITEM_EXITED,
                               .exited = { .term_sent = proc->term_sent,
                                           .kill_sent = proc->kill_sent,
                                           .exit_code = signal != 0 ? -1 : code,
                                           .signal = signal } });
}

static void on_exit_due(struct sim *sim, uint64_t number, uint64_t unused)
{
    UNUSED(unused);
    struct proc *proc = sim->procs.ptr[number];
    bool crashes = proc->plan.kind == TRIAL_CRASHES;
    proc_end(sim, proc, proc->plan.kind == TRIAL_FAILS ? 3 : 0,
             crashes ? SIGNAL_SEGV : 0);
}

static void checkpoint_write(struct sim *sim, const struct proc *proc)
{
    struct folders *folders = node_folders(sim, proc->node, proc->key);
    if (folders != NULL && proc->printed > 0) {
        folder_write(folders, proc->key, proc->printed);
    }
}

static void on_line(struct sim *sim, uint64_t number, uint64_t unused)
{
    struct proc *proc = sim->procs.ptr[number];
    const struct trial_plan *plan = &proc->plan;
    if (proc->state != PROC_RUNNING) {
        return;
    }
    if (proc->printed < plan->points) {
        uint32_t n = plan->interval_ms < 5 ? 3 : 1;
        uint32_t left = plan->points - proc->printed;
        n = n < left ? n : left;
        notice(sim, proc,
               (struct proc_item){ .kind = ITEM_POINTS,
                                   .from = proc->printed,
                                   .to = proc->printed + n });
        proc->printed += n;
        if (proc->printed % plan->checkpoint_every == 0) {
            checkpoint_write(sim, proc);
        }
    }
    if (plan->notes && !proc->notes_printed) {
        proc->notes_printed = true;
        notice(sim, proc, (struct proc_item){ .kind = ITEM_NOTES });
    }
    if (proc->printed < plan->points) {
        sim_in_ms(sim, plan->interval_ms, on_line, number, unused);
    } else if (plan->kind != TRIAL_HANGS) {
        sim_in_ms(sim, plan->tail_ms, on_exit_due, number, 0);
    }
}

static void on_kill(struct sim *sim, uint64_t number, uint64_t unused)
{
    UNUSED(unused);
    struct proc *proc = sim->procs.ptr[number];
    if (proc->state != PROC_DEAD) {
        proc->kill_sent = true;
        proc_end(sim, proc, -1, SIGNAL_KILL);
    }
}

static void on_term_exit(struct sim *sim, uint64_t number, uint64_t unused)
{
    UNUSED(unused);
    struct proc *proc = sim->procs.ptr[number];
    bool by_signal = proc->plan.term_exit < 0;
    if (proc->state == PROC_RUNNING && !by_signal) {
        checkpoint_write(sim, proc);
    }
    proc_end(sim, proc, by_signal ? -1 : proc->plan.term_exit,
             by_signal ? SIGNAL_TERM : 0);
}

static void term_send(struct sim *sim, struct proc *proc)
{
    proc->term_sent = true;
    if (!proc->plan.ignores_term) {
        sim_in_ms(sim, proc->plan.term_ms, on_term_exit, proc->number, 0);
    }
    sim_in_ms(sim, proc->grace_ms, on_kill, proc->number, 0);
}

static void on_exec(struct sim *sim, uint64_t number, uint64_t unused)
{
    UNUSED(unused);
    struct proc *proc = sim->procs.ptr[number];
    if (proc->state != PROC_STARTING) {
        return;
    }
    struct rng rng = sim_stream(sim, "exec", number);
    bool never = proc->term_wanted && rng_chance(&rng, 0.5);
    if (never || proc->plan.kind == TRIAL_NO_EXEC) {
        proc->state = PROC_DEAD;
        notice(sim, proc,
               (struct proc_item){ .kind = ITEM_EXEC_FAILED, .never = never });
        return;
    }
    proc->state = PROC_RUNNING;
    notice(sim, proc, (struct proc_item){ .kind = ITEM_STARTED });
    if (proc->term_wanted) {
        term_send(sim, proc);
    }
    sim_in_ms(sim, proc->plan.interval_ms, on_line, number, 0);
}

struct proc *proc_start(struct sim *sim,
                        size_t node,
                        uint64_t boot,
                        const struct agent_effect *start)
{
    struct proc *proc = mem_alloc(sizeof *proc);
    proc->number = sim->procs.len;
    proc->node = node;
    proc->boot = boot;
    proc->serial = start->serial;
    proc->key = start->key;
    proc->gpu_mask = start->as.start.gpu_mask;
    proc->plan = trial_plan_of(sim, start->key);
    if (node == sim->plan.bad_agent) {
        proc->plan.kind = proc->plan.notes ? TRIAL_NO_EXEC : TRIAL_FAILS;
        proc->plan.points = 0;
        proc->plan.tail_ms = 20;
    }
    struct folders *folders = node_folders(sim, node, start->key);
    if (folders != NULL && start->as.start.fresh) {
        folder_remove(folders, start->key);
    }
    proc->printed = folders != NULL ? folder_steps(folders, start->key) : 0;
    proc->resumed = proc->printed > 0;
    vec_push(&sim->procs, proc);
    sim_in_ms(sim, proc->plan.start_ms, on_exec, proc->number, 0);
    return proc;
}

void proc_term(struct sim *sim, struct proc *proc, int64_t grace_ms)
{
    if (proc->state == PROC_DEAD || proc->term_wanted) {
        return;
    }
    proc->term_wanted = true;
    proc->grace_ms = grace_ms;
    if (proc->state == PROC_RUNNING) {
        term_send(sim, proc);
    }
}

void proc_kill(struct sim *sim, struct proc *proc)
{
    if (proc->state != PROC_DEAD) {
        sim_in_ms(sim, 1, on_kill, proc->number, 0);
    }
}

void proc_orphan(struct proc *proc)
{
    proc->state = PROC_DEAD;
}

void procs_destroy(struct sim *sim)
{
    for (size_t i = 0; i < sim->procs.len; i++) {
        vec_fini(&sim->procs.ptr[i]->items);
        mem_free(sim->procs.ptr[i]);
    }
    vec_fini(&sim->procs);
}
