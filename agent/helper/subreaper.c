/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subreaper.c - the process that watches one attempt from its fork to its last child.
 *
 *   RUN --TERM order, control closed, or leader ended with others left--> TERM
 *   RUN, TERM --KILL order, or the grace is over--> KILL
 *   any --no child left--> answer, exit
 *
 * Owns the attempt's process tree, its deadlines and the answers on its control socket.
 * Knows the protocol. Does not know the agent's reasons, or other attempts.
 *
 * All signals are blocked, and the server's session has no terminal, so there is no
 * session of its own to be made: the only way to end a subreaper early is SIGKILL, and
 * then the server sweeps what it left. It keeps no copy of the trial's stdout and
 * stderr, so the agent sees their end as soon as the tree has let go of them.
 */
#include "agent/helper/subreaper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helper/payload.h"
#include "agent/helper/spawn.h"
#include "agent/helper/tree.h"
#include "agent/helper/wire.h"

#define NS_PER_MS INT64_C(1000000)

/* While killing, SIGCHLD leads to a new walk this much after the last one: orphans come
 * in swarms. */
#define SUBREAPER_KILL_PAUSE_NS (2 * NS_PER_MS)
/* While killing, a new walk is made after this even without SIGCHLD. */
#define SUBREAPER_KILL_AGAIN_NS (50 * NS_PER_MS)
/* Stack of the child until it executes: a path or two, and room. */
#define SUBREAPER_STACK_BYTES 65536
#define SUBREAPER_NEVER_NS    INT64_MAX

enum phase {
    PHASE_RUN,
    PHASE_TERM,
    PHASE_KILL
};

struct subreaper {
    const struct subreaper_job *job;
    enum phase phase;
    int control; /* -1 once the agent closed it */
    pid_t leader;
    bool has_failed; /* EXEC_FAILED was sent */
    bool has_leader_ended;
    bool has_children;
    int leader_status; /* as of waitpid */
    uint32_t flags;    /* enum helper_ended_flags */
    uint32_t leftovers;
    int64_t start_ns;
    int64_t leader_end_ns;
    int64_t killed_ns;   /* last walk of PHASE_KILL */
    int64_t deadline_ns; /* of the phase, or SUBREAPER_NEVER_NS */
    struct tree tree;
};

/* What the trial's process needs between clone and exec; it runs on that stack. */
struct child {
    struct spawn_plan plan;
    struct wire_failure failure; /* written by the child, stage 0 if it executed */
    _Alignas(16) char stack[SUBREAPER_STACK_BYTES];
};

static int64_t ns_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Gives up before anything was forked. */
NORETURN
static void give_up(const struct subreaper_job *job, struct wire_failure failure)
{
    wire_send_failure(job->fds[HELPER_FD_CONTROL], job->start.tag, failure);
    _exit(0);
}

static void tree_start_kill(struct subreaper *self)
{
    self->phase = PHASE_KILL;
    if (!self->has_leader_ended) {
        self->flags |= HELPER_ENDED_KILL_SENT;
    }
    tree_kill(&self->tree, (struct tree_except){ NULL, 0 });
    self->killed_ns = wire_mono_ns();
    self->deadline_ns = self->killed_ns + SUBREAPER_KILL_AGAIN_NS;
}

/* Later calls can only bring the deadline forward. */
static void tree_start_term(struct subreaper *self, uint32_t grace_ms)
{
    if (self->phase == PHASE_KILL) {
        return;
    }
    int64_t deadline_ns = wire_mono_ns() + (int64_t)grace_ms * NS_PER_MS;
    self->deadline_ns = ns_min(self->deadline_ns, deadline_ns);
    self->phase = PHASE_TERM;
    if (!self->has_leader_ended) {
        self->flags |= HELPER_ENDED_TERM_SENT;
    }
    tree_term(&self->tree);
}

static void
on_order(struct subreaper *self, const struct helper_term *order, size_t bytes)
{
    if (wire_head_is(&order->head, bytes, HELPER_KILL, sizeof order->head)) {
        tree_start_kill(self);
        return;
    }
    if (!wire_head_is(&order->head, bytes, HELPER_TERM, sizeof *order)) {
        return;
    }
    uint32_t grace_ms = order->grace_ms;
    if (grace_ms > HELPER_GRACE_MS_MAX) {
        grace_ms = self->job->start.grace_ms;
    }
    tree_start_term(self, grace_ms);
}

static void on_agent_gone(struct subreaper *self)
{
    close(self->control);
    self->control = -1;
    tree_start_term(self, self->job->start.grace_ms);
}

static void on_control(struct subreaper *self, short revents)
{
    for (;;) {
        struct helper_term order;
        memset(&order, 0, sizeof order);
        ssize_t n = recv(self->control, &order, sizeof order, MSG_DONTWAIT | MSG_TRUNC);
        /* ECONNRESET comes once, before what is queued: the agent left an answer
         * unread. */
        if (n < 0 && (errno == EINTR || errno == ECONNRESET)) {
            continue;
        }
        if (n <= 0) {
            /* A message of no bytes looks like the end; only the hang-up is one. */
            if ((revents & (POLLHUP | POLLERR)) != 0) {
                on_agent_gone(self);
            }
            return;
        }
        on_order(self, &order, (size_t)n);
    }
}

static void send_started(const struct subreaper *self)
{
    struct helper_started message;
    memset(&message, 0, sizeof message);
    wire_head_set(&message.head, HELPER_STARTED, sizeof message);
    message.tag = self->job->start.tag;
    message.start_mono_ns = self->start_ns;
    message.pid = self->leader;
    message.subreaper_pid = getpid();
    wire_send(self->control, &message, sizeof message);
}

/* Others outlived the leader: they get TERM unless they had it, and less time. */
static void on_leader_left_others(struct subreaper *self)
{
    uint32_t grace_ms = self->job->start.grace_ms;
    if (grace_ms > HELPER_LEFTOVER_MS_MAX) {
        grace_ms = HELPER_LEFTOVER_MS_MAX;
    }
    if (self->phase == PHASE_RUN) {
        tree_start_term(self, grace_ms);
    } else if (self->phase == PHASE_TERM) {
        int64_t deadline_ns = wire_mono_ns() + (int64_t)grace_ms * NS_PER_MS;
        self->deadline_ns = ns_min(self->deadline_ns, deadline_ns);
    }
}

static void on_children(struct subreaper *self)
{
    struct signalfd_siginfo info;
    bool was_leader_ended = self->has_leader_ended;
    while (read(self->job->signal_fd, &info, sizeof info) > 0) {
        /* One wake-up may stand for many ends, so its content does not matter. */
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == self->leader) {
            self->has_leader_ended = true;
            self->leader_status = status;
            self->leader_end_ns = wire_mono_ns();
        } else {
            self->leftovers += was_leader_ended ? 1 : 0;
        }
    }
    self->has_children = pid == 0;
    if (!self->has_children) {
        return;
    }
    if (self->has_leader_ended && !was_leader_ended) {
        on_leader_left_others(self);
    }
    if (self->phase == PHASE_KILL) {
        int64_t soon_ns = self->killed_ns + SUBREAPER_KILL_PAUSE_NS;
        self->deadline_ns = ns_min(self->deadline_ns, soon_ns);
    }
}

static int64_t timeval_us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void usage_fill(struct helper_ended *message)
{
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    getrusage(RUSAGE_CHILDREN, &usage);
    message->user_us = timeval_us(usage.ru_utime);
    message->system_us = timeval_us(usage.ru_stime);
    message->rss_max_bytes = (int64_t)usage.ru_maxrss * 1024;
    message->blocks_in = usage.ru_inblock;
    message->blocks_out = usage.ru_oublock;
    message->switches_voluntary = usage.ru_nvcsw;
    message->switches_involuntary = usage.ru_nivcsw;
}

static void send_ended(const struct subreaper *self)
{
    struct helper_ended message;
    memset(&message, 0, sizeof message);
    wire_head_set(&message.head, HELPER_ENDED, sizeof message);
    int status = self->leader_status;
    message.tag = self->job->start.tag;
    message.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    message.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    message.flags = self->flags;
    if (WIFSIGNALED(status) && WCOREDUMP(status)) {
        message.flags |= HELPER_ENDED_CORE;
    }
    message.leftovers = self->leftovers;
    message.wall_ns = self->leader_end_ns - self->start_ns;
    message.sweep_ns = wire_mono_ns() - self->leader_end_ns;
    usage_fill(&message);
    wire_send(self->control, &message, sizeof message);
}

static int poll_timeout_ms(const struct subreaper *self)
{
    if (self->deadline_ns == SUBREAPER_NEVER_NS) {
        return -1;
    }
    int64_t left_ns = self->deadline_ns - wire_mono_ns();
    /* Rounded up, so that the wake-up is not just before the deadline. */
    return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void watch_once(struct subreaper *self)
{
    struct pollfd fds[] = {
        { .fd = self->job->signal_fd, .events = POLLIN },
        { .fd = self->control, .events = POLLIN },
    };
    int n = poll(fds, ARRAY_LEN(fds), poll_timeout_ms(self));
    if (n > 0 && fds[0].revents != 0) {
        on_children(self);
    }
    if (n > 0 && fds[1].revents != 0 && self->has_children) {
        on_control(self, fds[1].revents);
    }
    if (self->has_children && wire_mono_ns() >= self->deadline_ns) {
        tree_start_kill(self);
    }
}

static int child_run(void *arg)
{
    struct child *child = arg;
    child->failure = spawn_become(&child->plan);
    _exit(127);
}

/*
 * Makes the trial's process and lets go of everything that is only the trial's. The
 * child borrows our memory until it has executed the program or failed, as vfork(2) and
 * posix_spawn(3) do; we stand still for so long. That saves a copy of the page tables
 * and a pipe to tell of failures: measured, a quarter of the cost of a short trial.
 */
static void leader_start(struct subreaper *self, const struct payload *payload)
{
    const struct subreaper_job *job = self->job;
    /* Not initialised as a whole: clearing the stack would only touch its pages. */
    struct child child;
    child.failure = (struct wire_failure){ 0, 0 };
    child.plan = (struct spawn_plan){
        .start = &job->start,
        .payload = payload,
        .stdout_fd = job->fds[HELPER_FD_STDOUT],
        .stderr_fd = job->fds[HELPER_FD_STDERR],
    };
    self->start_ns = wire_mono_ns();
    self->leader = clone(child_run, child.stack + sizeof child.stack,
                         CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
    if (self->leader < 0) {
        give_up(job, (struct wire_failure){ HELPER_STAGE_FORK, errno });
    }
    close(job->fds[HELPER_FD_STDOUT]);
    close(job->fds[HELPER_FD_STDERR]);
    self->has_children = true;
    self->has_failed = child.failure.stage != 0;
    if (self->has_failed) {
        wire_send_failure(self->control, job->start.tag, child.failure);
    } else {
        send_started(self);
    }
}

void subreaper_run(const struct subreaper_job *job)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        give_up(job, (struct wire_failure){ HELPER_STAGE_FORK, errno });
    }
    struct payload payload;
    struct wire_failure failure =
        payload_read(&job->start, job->fds[HELPER_FD_PAYLOAD], &payload);
    close(job->fds[HELPER_FD_PAYLOAD]);
    if (failure.stage != 0) {
        give_up(job, failure);
    }
    /* Not zeroed as a whole: the tree is large and mostly never touched. */
    struct subreaper self;
    memset(&self, 0, offsetof(struct subreaper, tree));
    self.job = job;
    self.control = job->fds[HELPER_FD_CONTROL];
    self.deadline_ns = SUBREAPER_NEVER_NS;
    leader_start(&self, &payload);
    while (self.has_children) {
        watch_once(&self);
    }
    if (!self.has_failed && self.control >= 0) {
        send_ended(&self);
    }
    _exit(0);
}
