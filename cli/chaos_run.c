/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_run.c – a cluster of real processes, from its start to its orderly end.
 * Owns the processes and the end of the run. Knows the verbs' command lines and how to
 * read a sweep's progress. Does not know what is done to the cluster, nor whether the
 * result is right.
 *
 * What is dead starts again by the clock, but not on a full disk: a program that starts
 * there may say so and end. */
#include "cli/chaos_cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/sys/fsx.h"
#include "store/store.h"

#define TICK_MS ((int64_t)20)
/* A sweep in which nothing ends for so long hangs. */
#define STALL_MS ((int64_t)120000)
/* Until a start, a submission, an orderly end is done; sanitizers are slow. */
#define START_MS ((int64_t)30000)
#define END_MS   ((int64_t)60000)
/* Time for what was thawed to say what it still has to say. */
#define SETTLE_MS ((int64_t)700)
/* Beyond the grace, until nothing may be left of a trial. */
#define LEFTOVER_MS    ((int64_t)5000)
#define TEXT_BYTES_MAX ((size_t)64 * 1024)

/* Waits one tick, while the network works; true when somebody wants the end. */
static bool tick(struct chaos_cluster *self)
{
    struct timespec wait = { .tv_nsec = TICK_MS * 1000000 };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (self->relays != NULL) {
        chaos_relays_run(self->relays, TICK_MS);
        wait.tv_nsec = 0;
    }
    return sigtimedwait(&set, NULL, &wait) > 0;
}

/* ---- processes ---- */

static enum err_code start_coordinator(struct chaos_cluster *self, struct err *err)
{
    const struct chaos_config *config = self->config;
    AUTO_FREE char *lease = mem_printf("%" PRId64 "ms", config->lease_ms);
    const char *listen =
        self->endpoint[0] != '\0' ? self->endpoint : "tcp://127.0.0.1:*";
    const char *argv[] = { config->exe,  "coordinator", "--home",
                           config->home, "--listen",    listen,
                           "--lease",    lease,         NULL };
    struct chaos_proc *proc = &self->procs[CHAOS_COORDINATOR];
    return chaos_spawn(config, proc->name, argv, &proc->pid, err);
}

static enum err_code start_agent(struct chaos_cluster *self, size_t i, struct err *err)
{
    const struct chaos_config *config = self->config;
    struct chaos_proc *proc = &self->procs[i];
    AUTO_FREE char *slots = mem_printf("%u", (unsigned)config->slots);
    AUTO_FREE char *work = mem_printf("%s/%zu", config->agents_folder, i);
    AUTO_FREE char *relay =
        self->relays == NULL
            ? NULL
            : mem_printf("tcp://127.0.0.1:%u",
                         (unsigned)chaos_relays_port(self->relays, i - 1));
    const char *argv[] = { config->exe,  "agent",
                           "--connect",  relay != NULL ? relay : self->endpoint,
                           "--slots",    slots,
                           "--work-dir", work,
                           NULL };
    return chaos_spawn(config, proc->name, argv, &proc->pid, err);
}

static void start_again(struct chaos_cluster *self, size_t i)
{
    struct chaos_proc *proc = &self->procs[i];
    struct err err = { 0 };
    enum err_code code = i == CHAOS_COORDINATOR ? start_coordinator(self, &err)
                                                : start_agent(self, i, &err);
    proc->killed = false;
    proc->stopped = false;
    self->start_ms = chaos_now_ms();
    if (code != ERR_OK) {
        proc->pid = 0;
        proc->due_ms = chaos_now_ms() + self->config->lease_ms;
        chaos_violation(self->report, "%s: %s", proc->name, err.msg);
    }
}

static void ended(struct chaos_cluster *self, struct chaos_proc *proc, int status)
{
    if (!proc->killed) {
        chaos_violation(self->report, "%s ended by itself: %s %d, see %s/%s.err",
                        proc->name, WIFSIGNALED(status) ? "signal" : "status",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                        self->config->folder, proc->name);
        proc->due_ms = chaos_now_ms();
    }
    proc->pid = 0;
    proc->stopped = false;
}

static void reap(struct chaos_cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        struct chaos_proc *proc = &self->procs[i];
        int status = 0;
        if (proc->pid != 0 && waitpid(proc->pid, &status, WNOHANG) == proc->pid) {
            ended(self, proc, status);
        }
    }
}

/* Starts what is due, and ends the faults that are. */
static void mend(struct chaos_cluster *self, int64_t now)
{
    chaos_faults_heal(self, now);
    for (size_t i = 0; i < self->procs_len && self->ballast == NULL; i++) {
        if (self->procs[i].pid == 0 && now >= self->procs[i].due_ms) {
            start_again(self, i);
        }
    }
}

/* ---- the sweep ---- */

/* Reads how far it is; false once it runs no longer. */
static bool look(struct chaos_cluster *self)
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
    self->progress_ms = done != self->done ? chaos_now_ms() : self->progress_ms;
    self->done = done;
    const char *state = json_string_value(json_object_get(answer, "state"));
    return state == NULL || strcmp(state, "running") == 0;
}

/* Until the sweep has ended, hangs, or somebody wants the end. */
static void run_sweep(struct chaos_cluster *self)
{
    int64_t began = chaos_now_ms();
    self->progress_ms = began;
    while (look(self)) {
        int64_t now = chaos_now_ms();
        if (tick(self)) {
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
        chaos_faults_next(self, now);
    }
    self->report->elapsed_ms = chaos_now_ms() - began;
}

/* The text of FOLDER/NAME.SUFFIX so far. */
static void read_output(const struct chaos_cluster *self,
                        const char *name,
                        const char *suffix,
                        struct strbuf *out)
{
    AUTO_FREE char *path = mem_printf("%s/%s.%s", self->config->folder, name, suffix);
    strbuf_reset(out);
    IGNORE_ERR(fsx_read_file(path, out, NULL), "nothing said yet");
}

/* Waits for "ready: ENDPOINT, …" of the first coordinator. */
static enum err_code wait_ready(struct chaos_cluster *self, struct err *err)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(TEXT_BYTES_MAX);
    struct chaos_proc *proc = &self->procs[CHAOS_COORDINATOR];
    for (int64_t end = chaos_now_ms() + START_MS;
         chaos_now_ms() < end && proc->pid != 0;) {
        read_output(self, proc->name, "out", &out);
        struct str text = strbuf_str(&out);
        size_t comma = str_chr(text, ',');
        if (str_starts(text, STR_LIT("ready: ")) && comma < text.len
            && comma < sizeof self->endpoint) {
            memcpy(self->endpoint, text.ptr + 7, comma - 7);
            return ERR_OK;
        }
        if (tick(self)) {
            return err_set(err, ERR_CLOSED, "interrupted");
        }
        reap(self);
    }
    read_output(self, proc->name, "err", &out);
    return err_set(err, ERR_IO, "the coordinator did not start: %s", strbuf_cstr(&out));
}

/* `winnow submit`; its one line is the sweep's id. */
static enum err_code submit(struct chaos_cluster *self, struct err *err)
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

/* "tcp://127.0.0.1:PORT" has them all behind it. */
static enum err_code start_relays(struct chaos_cluster *self, struct err *err)
{
    const char *colon = strrchr(self->endpoint, ':');
    uint64_t port = 0;
    if (colon == NULL || num_parse_u64(str_from(colon + 1), &port) != ERR_OK
        || port > UINT16_MAX) {
        return err_set(err, ERR_INTERNAL, "the coordinator listens at '%s'",
                       self->endpoint);
    }
    return chaos_relays_create((uint16_t)port, self->config->agents, &self->relays,
                               err);
}

static enum err_code start_all(struct chaos_cluster *self, struct err *err)
{
    enum err_code code = start_coordinator(self, err);
    if (code == ERR_OK) {
        code = wait_ready(self, err);
    }
    if (code == ERR_OK) {
        code = submit(self, err);
    }
    if (code == ERR_OK && self->config->partitions > 0) {
        code = start_relays(self, err);
    }
    for (size_t i = 1; code == ERR_OK && i < self->procs_len; i++) {
        code = start_agent(self, i, err);
    }
    return code;
}

/* ---- the end ---- */

/* Everything runs again, and may say what it has to say. */
static void come_to_rest(struct chaos_cluster *self)
{
    chaos_faults_end(self);
    for (int64_t end = chaos_now_ms() + SETTLE_MS; chaos_now_ms() < end;) {
        self->report->interrupted = tick(self) || self->report->interrupted;
        reap(self);
        mend(self, chaos_now_ms());
    }
}

/* Those of procs[from, to) that run still, after taking the ends of the others. */
static size_t count_open(struct chaos_cluster *self, size_t from, size_t to)
{
    size_t open = 0;
    for (size_t i = from; i < to; i++) {
        struct chaos_proc *proc = &self->procs[i];
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
static void end_orderly(struct chaos_cluster *self, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (self->procs[i].pid != 0) {
            IGNORE_ERR(kill(self->procs[i].pid, SIGTERM), "our child, not yet reaped");
        }
    }
    int64_t end = chaos_now_ms() + END_MS;
    while (count_open(self, from, to) > 0 && chaos_now_ms() < end) {
        self->report->interrupted = tick(self) || self->report->interrupted;
    }
    for (size_t i = from; i < to; i++) {
        if (self->procs[i].pid != 0) {
            chaos_violation(self->report, "%s did not end on SIGTERM",
                            self->procs[i].name);
        }
    }
}

/* Whatever still runs is killed and waited for. */
static void kill_all(struct chaos_cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        struct chaos_proc *proc = &self->procs[i];
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
static void check_leftovers(struct chaos_cluster *self)
{
    AUTO_STRBUF struct strbuf names = STRBUF_INIT(TEXT_BYTES_MAX);
    const struct chaos_config *config = self->config;
    int64_t end = chaos_now_ms() + config->spec->run.grace_ms + LEFTOVER_MS;
    while (!self->report->interrupted && chaos_now_ms() < end
           && chaos_leftovers(config, false, &names) > 0) {
        strbuf_reset(&names);
        self->report->interrupted = tick(self);
    }
    strbuf_reset(&names);
    size_t found = chaos_leftovers(config, true, &names);
    if (found > 0 && !self->report->interrupted) {
        chaos_violation(self->report, "%zu processes were left behind: %s", found,
                        strbuf_cstr(&names));
    }
}

static void name_procs(struct chaos_cluster *self)
{
    for (size_t i = 0; i < self->procs_len; i++) {
        char *name = self->procs[i].name;
        size_t size = sizeof self->procs[i].name;
        int n = i == CHAOS_COORDINATOR ? snprintf(name, size, "coordinator")
                                       : snprintf(name, size, "agent-%zu", i);
        ASSERT(n > 0 && (size_t)n < size);
    }
}

enum err_code chaos_break(const struct chaos_config *config,
                          struct chaos_report *report,
                          struct err *err)
{
    struct chaos_cluster self = { .config = config, .report = report };
    sigset_t set;
    sigset_t before;
    self.procs_len = 1 + (size_t)config->agents;
    self.procs = mem_alloc_array(self.procs_len, sizeof *self.procs);
    name_procs(&self);
    chaos_faults_plan(&self);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    IGNORE_ERR(pthread_sigmask(SIG_BLOCK, &set, &before), "cannot fail");
    /* A relay writes to what may be gone. */
    IGNORE_ERR(signal(SIGPIPE, SIG_IGN) == SIG_ERR, "cannot fail");
    enum err_code code = start_all(&self, err);
    if (code == ERR_OK) {
        run_sweep(&self);
        come_to_rest(&self);
        end_orderly(&self, CHAOS_COORDINATOR + 1, self.procs_len);
        end_orderly(&self, CHAOS_COORDINATOR, CHAOS_COORDINATOR + 1);
    }
    kill_all(&self);
    check_leftovers(&self);
    chaos_relays_destroy(self.relays);
    chaos_ballast_destroy(self.ballast);
    IGNORE_ERR(pthread_sigmask(SIG_SETMASK, &before, NULL), "cannot fail");
    store_reader_close(self.reader);
    mem_free(self.faults);
    mem_free(self.procs);
    return code;
}
