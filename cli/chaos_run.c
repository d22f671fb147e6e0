/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_run.c – a cluster of real processes, and what breaks it.
 * Owns the processes, the plan of faults drawn from the seed, and the end of the run.
 * Knows the verbs' command lines and how to read a sweep's progress. Does not know
 * whether the result is right.
 *
 * A fault is due when the sweep has come so far that the faults spread evenly over it;
 * what is dead starts again and what is stopped goes on by the clock. */
#include "cli/chaos.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "cli/output.h"
#include "store/store.h"

#define TICK_MS ((int64_t)20)
/* Between two faults, so that something happens in between. */
#define FAULT_GAP_MS ((int64_t)150)
/* The last part of the sweep is left in peace, so that no fault comes too late. */
#define FAULTS_SHARE 0.85
/* A sweep in which nothing ends for so long hangs. */
#define STALL_MS ((int64_t)120000)
/* Until a start, a submission, an orderly end is done; sanitizers are slow. */
#define START_MS ((int64_t)30000)
#define END_MS   ((int64_t)60000)
/* Time for what was thawed to say what it still has to say. */
#define SETTLE_MS ((int64_t)700)
/* Beyond the grace, until nothing may be left of a trial. */
#define LEFTOVER_MS ((int64_t)5000)
/* One stop for so many kills. */
#define KILLS_PER_STOP 3
#define COORDINATOR    ((size_t)0)
#define TEXT_BYTES_MAX ((size_t)64 * 1024)

struct proc {
    char name[24]; /* "coordinator", "agent-1" */
    pid_t pid;     /* 0: not running */
    bool killed;   /* by us, its end is expected */
    bool stopped;
    int64_t due_ms; /* when it starts again or goes on */
};

struct fault {
    uint64_t at_done; /* due when so many trials have ended */
    bool stop;        /* SIGSTOP instead of SIGKILL */
};

struct cluster {
    const struct chaos_config *config;
    struct chaos_report *report;
    struct proc *procs; /* the coordinator and the agents */
    size_t procs_len;
    struct fault *faults;
    size_t faults_len;
    size_t faults_done;
    struct rng rng;
    char endpoint[64]; /* "" until the first start */
    struct store_reader *reader;
    uint64_t done; /* trials that ended */
    int64_t progress_ms;
    int64_t fault_ms;
};

static int64_t now_ms(void)
{
    return clock_mono().ns / 1000000;
}

PRINTF_LIKE(2, 3)
static void tell(const struct cluster *self, const char *fmt, ...)
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

/* Waits one tick; true when somebody wants the end. */
static bool tick(void)
{
    const struct timespec wait = { .tv_nsec = TICK_MS * 1000000 };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return sigtimedwait(&set, NULL, &wait) > 0;
}

/* ---- processes ---- */

static enum err_code start_coordinator(struct cluster *self, struct err *err)
{
    const struct chaos_config *config = self->config;
    AUTO_FREE char *lease = mem_printf("%" PRId64 "ms", config->lease_ms);
    const char *listen =
        self->endpoint[0] != '\0' ? self->endpoint : "tcp://127.0.0.1:*";
    const char *argv[] = { config->exe,  "coordinator", "--home",
                           config->home, "--listen",    listen,
                           "--lease",    lease,         NULL };
    struct proc *proc = &self->procs[COORDINATOR];
    return chaos_spawn(config, proc->name, argv, &proc->pid, err);
}

static enum err_code start_agent(struct cluster *self, size_t i, struct err *err)
{
    const struct chaos_config *config = self->config;
    struct proc *proc = &self->procs[i];
    AUTO_FREE char *slots = mem_printf("%u", (unsigned)config->slots);
    AUTO_FREE char *work = mem_printf("%s/agents/%zu", config->folder, i);
    const char *argv[] = { config->exe,    "agent",   "--connect",
                           self->endpoint, "--slots", slots,
                           "--work-dir",   work,      NULL };
    return chaos_spawn(config, proc->name, argv, &proc->pid, err);
}

static void start_again(struct cluster *self, size_t i)
{
    struct proc *proc = &self->procs[i];
    struct err err = { 0 };
    enum err_code code =
        i == COORDINATOR ? start_coordinator(self, &err) : start_agent(self, i, &err);
    proc->killed = false;
    proc->stopped = false;
    if (code != ERR_OK) {
        proc->pid = 0;
        proc->due_ms = now_ms() + self->config->lease_ms;
        chaos_violation(self->report, "%s: %s", proc->name, err.msg);
    }
}

static void ended(struct cluster *self, struct proc *proc, int status)
{
    if (!proc->killed) {
        chaos_violation(self->report, "%s ended by itself: %s %d, see %s/%s.err",
                        proc->name, WIFSIGNALED(status) ? "signal" : "status",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                        self->config->folder, proc->name);
        proc->due_ms = now_ms();
    }
    proc->pid = 0;
    proc->stopped = false;
}

static void reap(struct cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        struct proc *proc = &self->procs[i];
        int status = 0;
        if (proc->pid != 0 && waitpid(proc->pid, &status, WNOHANG) == proc->pid) {
            ended(self, proc, status);
        }
    }
}

/* Starts and thaws what is due. */
static void mend(struct cluster *self, int64_t now)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        struct proc *proc = &self->procs[i];
        if (now < proc->due_ms) {
            continue;
        }
        if (proc->pid == 0) {
            start_again(self, i);
        } else if (proc->stopped) {
            proc->stopped = false;
            IGNORE_ERR(kill(proc->pid, SIGCONT), "reaped next if it has ended");
        }
    }
}

/* ---- faults ---- */

static void plan_faults(struct cluster *self)
{
    const struct chaos_config *config = self->config;
    uint64_t total = sweep_spec_trials(config->spec);
    size_t stops = (config->kills + KILLS_PER_STOP - 1) / KILLS_PER_STOP;
    size_t len = config->kills + stops;
    self->rng = rng_stream(config->seed, 0, STR_LIT("chaos"), RNG_TEST);
    self->faults = mem_alloc_array(len, sizeof *self->faults);
    self->faults_len = len;
    for (size_t i = 0; i < len; i++) {
        double at = FAULTS_SHARE * ((double)i + rng_uniform(&self->rng)) / (double)len;
        self->faults[i].at_done = (uint64_t)(at * (double)total);
    }
    for (size_t left = stops; left > 0;) {
        struct fault *fault = &self->faults[rng_below(&self->rng, len)];
        left -= fault->stop ? 0 : 1;
        fault->stop = true;
    }
}

/* A process to hurt: the coordinator one time in three, never one that is dead, nor
 * one that is stopped already; NULL: none now. */
static struct proc *choose_victim(struct cluster *self)
{
    bool coordinator = rng_below(&self->rng, 3) == 0;
    size_t first = rng_below(&self->rng, self->procs_len - 1);
    if (coordinator && self->procs[COORDINATOR].pid != 0
        && !self->procs[COORDINATOR].stopped && !self->procs[COORDINATOR].killed) {
        return &self->procs[COORDINATOR];
    }
    for (size_t i = 0; i < self->procs_len - 1; i++) {
        struct proc *proc = &self->procs[1 + (first + i) % (self->procs_len - 1)];
        if (proc->pid != 0 && !proc->stopped && !proc->killed) {
            return proc;
        }
    }
    return NULL;
}

static int64_t draw_ms(struct cluster *self, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&self->rng, (uint64_t)(high - low + 1));
}

static void strike(struct cluster *self, const struct fault *fault, struct proc *proc)
{
    int64_t lease = self->config->lease_ms;
    if (fault->stop) {
        int64_t for_ms = draw_ms(self, lease + lease / 4, 2 * lease + lease / 2);
        tell(self, "stop %s for %" PRId64 " ms", proc->name, for_ms);
        IGNORE_ERR(kill(proc->pid, SIGSTOP), "it is our child, not yet reaped");
        proc->stopped = true;
        proc->due_ms = now_ms() + for_ms;
        self->report->stops++;
        return;
    }
    /* Agents are sometimes away for less than a lease, sometimes for more. */
    bool coordinator = proc == &self->procs[COORDINATOR];
    int64_t away_ms = draw_ms(self, 0, coordinator ? lease / 2 : lease + lease / 2);
    tell(self, "kill %s, back in %" PRId64 " ms", proc->name, away_ms);
    proc->killed = true;
    IGNORE_ERR(kill(proc->pid, SIGKILL), "it is our child, not yet reaped");
    proc->due_ms = now_ms() + away_ms;
    self->report->kills++;
}

static void next_fault(struct cluster *self, int64_t now)
{
    if (self->faults_done == self->faults_len || now < self->fault_ms + FAULT_GAP_MS) {
        return;
    }
    const struct fault *fault = &self->faults[self->faults_done];
    struct proc *proc = self->done >= fault->at_done ? choose_victim(self) : NULL;
    if (proc != NULL) {
        self->faults_done++;
        self->fault_ms = now;
        strike(self, fault, proc);
    }
}

/* ---- the sweep ---- */

/* Reads how far it is; false once it runs no longer. */
static bool look(struct cluster *self)
{
    static const char *const counted[] = { "finished", "pruned", "failed",
                                           "cancelled" };
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *answer = NULL;
    struct err err = { 0 };
    json_put_str(args, "sweep", self->report->sweep);
    if ((self->reader == NULL
         && store_reader_open(self->config->home, &self->reader, &err) != ERR_OK)
        || store_query(self->reader, "progress", args, &answer, &err) != ERR_OK) {
        return true;
    }
    const json_t *trials = json_object_get(answer, "trials");
    uint64_t done = 0;
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        done += (uint64_t)json_integer_value(json_object_get(trials, counted[i]));
    }
    self->progress_ms = done != self->done ? now_ms() : self->progress_ms;
    self->done = done;
    const char *state = json_string_value(json_object_get(answer, "state"));
    return state == NULL || strcmp(state, "running") == 0;
}

/* Until the sweep has ended, hangs, or somebody wants the end. */
static void run_sweep(struct cluster *self)
{
    int64_t began = now_ms();
    self->progress_ms = began;
    while (look(self)) {
        int64_t now = now_ms();
        if (tick()) {
            self->report->interrupted = true;
            break;
        }
        if (now - self->progress_ms > STALL_MS) {
            chaos_violation(self->report, "no trial ended for %" PRId64 " s",
                            STALL_MS / 1000);
            break;
        }
        reap(self);
        mend(self, now);
        next_fault(self, now);
    }
    self->report->elapsed_ms = now_ms() - began;
}

/* The text of FOLDER/NAME.SUFFIX so far. */
static void read_output(const struct cluster *self,
                        const char *name,
                        const char *suffix,
                        struct strbuf *out)
{
    AUTO_FREE char *path = mem_printf("%s/%s.%s", self->config->folder, name, suffix);
    strbuf_reset(out);
    IGNORE_ERR(fsx_read_file(path, out, NULL), "nothing said yet");
}

/* Waits for "ready: ENDPOINT, …" of the first coordinator. */
static enum err_code wait_ready(struct cluster *self, struct err *err)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(TEXT_BYTES_MAX);
    struct proc *proc = &self->procs[COORDINATOR];
    for (int64_t end = now_ms() + START_MS; now_ms() < end && proc->pid != 0;) {
        read_output(self, proc->name, "out", &out);
        struct str text = strbuf_str(&out);
        size_t comma = str_chr(text, ',');
        if (str_starts(text, STR_LIT("ready: ")) && comma < text.len
            && comma < sizeof self->endpoint) {
            memcpy(self->endpoint, text.ptr + 7, comma - 7);
            return ERR_OK;
        }
        if (tick()) {
            return err_set(err, ERR_CLOSED, "interrupted");
        }
        reap(self);
    }
    read_output(self, proc->name, "err", &out);
    return err_set(err, ERR_IO, "the coordinator did not start: %s", strbuf_cstr(&out));
}

/* `winnow submit`; its one line is the sweep's id. */
static enum err_code submit(struct cluster *self, struct err *err)
{
    const struct chaos_config *config = self->config;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(TEXT_BYTES_MAX);
    AUTO_FREE char *file = fsx_path_join(config->folder, "sweep.yaml");
    const char *argv[] = { config->exe, "submit", file, "--home", config->home, NULL };
    pid_t pid = 0;
    int status = 0;
    enum err_code code = chaos_spawn(config, "submit", argv, &pid, err);
    if (code != ERR_OK) {
        return code;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    read_output(self, "submit", status == 0 ? "out" : "err", &out);
    struct str text = str_trim(strbuf_str(&out));
    if (status != 0 || text.len == 0 || text.len > NAME_BYTES_MAX) {
        return err_set(err, ERR_IO, "%.*s", STR_ARG(text));
    }
    memcpy(self->report->sweep, text.ptr, text.len);
    return ERR_OK;
}

static enum err_code start_all(struct cluster *self, struct err *err)
{
    enum err_code code = start_coordinator(self, err);
    if (code == ERR_OK) {
        code = wait_ready(self, err);
    }
    if (code == ERR_OK) {
        code = submit(self, err);
    }
    for (size_t i = 1; code == ERR_OK && i < self->procs_len; i++) {
        code = start_agent(self, i, err);
    }
    return code;
}

/* ---- the end ---- */

/* Everything runs again, and may say what it has to say. */
static void come_to_rest(struct cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        self->procs[i].due_ms = 0;
    }
    for (int64_t end = now_ms() + SETTLE_MS; now_ms() < end;) {
        self->report->interrupted = tick() || self->report->interrupted;
        reap(self);
        mend(self, now_ms());
    }
}

/* Those of procs[from, to) that run still, after taking the ends of the others. */
static size_t count_open(struct cluster *self, size_t from, size_t to)
{
    size_t open = 0;
    for (size_t i = from; i < to; i++) {
        struct proc *proc = &self->procs[i];
        int status = 0;
        if (proc->pid != 0 && waitpid(proc->pid, &status, WNOHANG) == proc->pid) {
            proc->killed = status == 0;
            ended(self, proc, status);
        }
        open += proc->pid != 0 ? 1 : 0;
    }
    return open;
}

/* TERM, and an exit status of 0 within END_MS. */
static void end_orderly(struct cluster *self, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (self->procs[i].pid != 0) {
            IGNORE_ERR(kill(self->procs[i].pid, SIGTERM), "our child, not yet reaped");
        }
    }
    int64_t end = now_ms() + END_MS;
    while (count_open(self, from, to) > 0 && now_ms() < end) {
        self->report->interrupted = tick() || self->report->interrupted;
    }
    for (size_t i = from; i < to; i++) {
        if (self->procs[i].pid != 0) {
            chaos_violation(self->report, "%s did not end on SIGTERM",
                            self->procs[i].name);
        }
    }
}

/* Whatever still runs is killed and waited for. */
static void kill_all(struct cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        struct proc *proc = &self->procs[i];
        if (proc->pid == 0) {
            continue;
        }
        IGNORE_ERR(kill(proc->pid, SIGKILL), "it is our child, not yet reaped");
        while (waitpid(proc->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        proc->pid = 0;
    }
}

/* A helper whose agent was killed has the sweep's grace to end its trees. */
static void check_leftovers(struct cluster *self)
{
    AUTO_STRBUF struct strbuf names = STRBUF_INIT(TEXT_BYTES_MAX);
    const struct chaos_config *config = self->config;
    int64_t end = now_ms() + config->spec->run.grace_ms + LEFTOVER_MS;
    while (!self->report->interrupted && now_ms() < end
           && chaos_leftovers(config, false, &names) > 0) {
        strbuf_reset(&names);
        self->report->interrupted = tick();
    }
    strbuf_reset(&names);
    size_t found = chaos_leftovers(config, true, &names);
    if (found > 0 && !self->report->interrupted) {
        chaos_violation(self->report, "%zu processes were left behind: %s", found,
                        strbuf_cstr(&names));
    }
}

static void name_procs(struct cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        char *name = self->procs[i].name;
        size_t size = sizeof self->procs[i].name;
        int n = i == COORDINATOR ? snprintf(name, size, "coordinator")
                                 : snprintf(name, size, "agent-%zu", i);
        ASSERT(n > 0 && (size_t)n < size);
    }
}

enum err_code chaos_break(const struct chaos_config *config,
                          struct chaos_report *report,
                          struct err *err)
{
    struct cluster self = { .config = config, .report = report };
    sigset_t set;
    sigset_t before;
    self.procs_len = 1 + (size_t)config->agents;
    self.procs = mem_alloc_array(self.procs_len, sizeof *self.procs);
    name_procs(&self);
    plan_faults(&self);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    IGNORE_ERR(pthread_sigmask(SIG_BLOCK, &set, &before), "cannot fail");
    enum err_code code = start_all(&self, err);
    if (code == ERR_OK) {
        run_sweep(&self);
        come_to_rest(&self);
        end_orderly(&self, COORDINATOR + 1, self.procs_len);
        end_orderly(&self, COORDINATOR, COORDINATOR + 1);
    }
    kill_all(&self);
    check_leftovers(&self);
    IGNORE_ERR(pthread_sigmask(SIG_SETMASK, &before, NULL), "cannot fail");
    store_reader_close(self.reader);
    mem_free(self.faults);
    mem_free(self.procs);
    return code;
}
