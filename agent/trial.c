/* SPDX-License-Identifier: Apache-2.0 */
/* trial.c – one attempt's folder, process and streams.
 *
 * Owns: the order of its end (process gone, then what its pipes still hold, then the
 * core is told), the copy of the project. Knows: the helper's news and how to say them
 * to people. Does not know: slots, stops' reasons, reports.
 *
 * Cheap on purpose: its scratch folder comes from a pool, its log is made with the
 * first output. A project is copied on the thread pool.
 *
 * _GNU_SOURCE for pipe2. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_internal.h"

#include "agent/helper/protocol.h"
#include "base/limits.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"
#include "core/sweep_spec.h"

#define PROJECT_NAME "project"

/* ---- ends -------------------------------------------------------------------------
 */

static void process_close(struct trial *trial)
{
    helper_attempt_close(&trial->process);
    output_fini(&trial->outputs[0]);
    output_fini(&trial->outputs[1]);
    trial_launch_fini(&trial->launch);
    if (trial->scratch != NULL) {
        scratch_release(trial->agent->scratch, trial->scratch);
        trial->scratch = NULL;
    }
}

static void name_release(struct trial *trial)
{
    struct str name = str_from(trial->name);
    if (map_str_get(&trial->agent->by_name, name) == trial) {
        map_str_del(&trial->agent->by_name, name);
    }
}

static void trial_free(struct trial *trial)
{
    process_close(trial);
    trial_log_fini(&trial->log);
    metric_names_destroy(trial->names);
    vec_fini(&trial->points.items);
    sweep_file_unref(trial->sweep);
    mem_free(trial->name);
    mem_free(trial);
}

/* The start came to nothing; ERR_CLOSED: because it was stopped. The core hears it
 * after the effects that are running. After ERR_FULL it may ask for the start again, so
 * that nothing of this one stays. */
static void start_failed(struct trial *trial, enum err_code code, const char *cause)
{
    struct agent *agent = trial->agent;
    process_close(trial);
    name_release(trial);
    struct start_failure failure = { .serial = trial->serial,
                                     .code = code,
                                     .cause = mem_strdup(cause) };
    vec_push(&agent->failures, failure);
    if (code == ERR_FULL) {
        map_u64_del(&agent->trials, trial->serial);
        trial_free(trial);
    }
    if (!agent->stepping) {
        struct agent_event event = { .kind = AGENT_EV_TIMER };
        agent_feed(agent, &event);
    }
}

/* One line that says what could not be done. */
static void
exec_cause(const struct trial *trial, const struct helper_news *news, struct err *err)
{
    const char *program = trial->launch.program;
    switch ((enum helper_stage)news->stage) {
    case HELPER_STAGE_EXEC:
        err_set_errno(err, news->error, "cannot execute '%s'", program);
        return;
    case HELPER_STAGE_INTERPRETER:
        err_set(err, ERR_NOTFOUND,
                "cannot execute '%s': the interpreter that it names is not there",
                program);
        return;
    case HELPER_STAGE_CHDIR:
        err_set_errno(err, news->error, "cannot enter the project folder '%s'",
                      trial->launch.work_dir);
        return;
    case HELPER_STAGE_AFFINITY:
        err_set_errno(err, news->error, "cannot set the CPUs of the trial");
        return;
    case HELPER_STAGE_LIMITS:
        err_set_errno(err, news->error, "cannot set the limits of the trial");
        return;
    case HELPER_STAGE_REQUEST:
    case HELPER_STAGE_PAYLOAD:
    case HELPER_STAGE_FORK:
    case HELPER_STAGE_STDIO:
    case HELPER_STAGE_NICE:
    case HELPER_STAGE_NR:
        break;
    }
    err_set_errno(err, news->error, "cannot start a process for '%s'", program);
}

static void tell_exited(struct trial *trial, const struct helper_news *news)
{
    struct agent_event event = { .kind = AGENT_EV_EXITED, .serial = trial->serial };
    event.as.exited = (struct agent_ev_exited){
        .unknown = news->outcome == HELPER_OUTCOME_UNKNOWN,
        .term_sent = news->term_sent,
        .kill_sent = news->kill_sent,
        .exit_code = news->exit_code,
        .signal = news->signal,
        .user_cpu_ms = news->user_ms,
        .system_cpu_ms = news->system_ms,
        .max_rss_bytes = news->rss_bytes,
        .names_refused = metric_names_refused(trial->names),
    };
    agent_feed(trial->agent, &event);
}

static void on_news(struct helper_attempt *process, const struct helper_news *news)
{
    struct trial *trial = container_of(process, struct trial, process);
    struct agent_event event = { .serial = trial->serial };
    if (news->outcome == HELPER_OUTCOME_STARTED) {
        strbuf_fini(&trial->launch.payload);
        event.kind = AGENT_EV_STARTED;
        event.as.started.pid = news->pid;
        event.as.started.resumed = trial->resumed;
        agent_feed(trial->agent, &event);
        return;
    }
    if (news->outcome == HELPER_OUTCOME_EXEC_FAILED) {
        struct err err = { 0 };
        exec_cause(trial, news, &err);
        process_close(trial);
        name_release(trial);
        event.kind = AGENT_EV_EXEC_FAILED;
        event.as.exec_failed.cause = err.msg;
        agent_feed(trial->agent, &event);
        return;
    }
    output_finish(&trial->outputs[0]);
    output_finish(&trial->outputs[1]);
    process_close(trial);
    name_release(trial);
    tell_exited(trial, news);
}

/* ---- start ------------------------------------------------------------------------
 */

static enum err_code
launch_prepare(struct trial *trial, const struct agent_fx_start *start, struct err *err)
{
    const struct sweep_spec *spec = trial->sweep->spec;
    if (start->x_len != spec->space->len) {
        return err_set(err, ERR_STATE, "the trial's values do not fit the sweep file");
    }
    AUTO_STRBUF struct strbuf params = STRBUF_INIT(JSON_BYTES_MAX);
    space_print_json(spec->space, start->x, &params);
    strbuf_addc(&params, '\n');
    enum err_code code =
        scratch_take(trial->agent->scratch, strbuf_str(&params), &trial->scratch, err);
    if (code != ERR_OK) {
        return code;
    }
    AUTO_FREE char *copy = fsx_path_join(trial->scratch->dir, PROJECT_NAME);
    struct checkpoint checkpoint = { 0 };
    if (spec->run.checkpoint != CHECKPOINT_NONE) {
        code = checkpoint_take(trial->agent, trial->sweep, trial->key, start->fresh,
                               &checkpoint, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    trial->resumed = checkpoint.resume;
    struct trial_words words = { .spec = spec,
                                 .sweep_id = trial->sweep->sweep_id,
                                 .key = trial->key,
                                 .run_id = &trial->run_id,
                                 .x = start->x,
                                 .gpu_mask = start->gpu_mask,
                                 .work_dir = spec->project.copy
                                                 ? copy
                                                 : trial->sweep->directory,
                                 .tmp_dir = trial->scratch->dir,
                                 .params_path = trial->scratch->params_path,
                                 .checkpoint_dir = checkpoint.dir,
                                 .resume = checkpoint.resume };
    code = trial_launch_init(&trial->launch, &trial->agent->env, &words, err);
    mem_free(checkpoint.dir);
    return code;
}

/* Two pipes: the trial's ends are given to the helper and closed here. */
static enum err_code trial_spawn(struct trial *trial, struct err *err)
{
    int out[2];
    int err_pipe[2];
    if (pipe2(out, O_CLOEXEC) != 0) {
        return err_set_errno(err, errno, "cannot make a pipe");
    }
    AUTO_FD int out_write = out[1];
    enum err_code code = ERR_OK;
    if (pipe2(err_pipe, O_CLOEXEC) != 0) {
        close(out[0]);
        return err_set_errno(err, errno, "cannot make a pipe");
    }
    AUTO_FD int err_write = err_pipe[1];
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err_pipe[0], F_SETFL, O_NONBLOCK);
    code = output_open(&trial->outputs[0], trial, out[0], err);
    if (code == ERR_OK) {
        code = output_open(&trial->outputs[1], trial, err_pipe[0], err);
    } else {
        close(err_pipe[0]);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct helper_request request = { .tag = trial->serial,
                                      .grace_ms = trial->grace_ms,
                                      .payload = trial->launch.payload.ptr,
                                      .payload_len = trial->launch.payload.len,
                                      .argc = trial->launch.argc,
                                      .envc = trial->launch.envc,
                                      .stdout_fd = out_write,
                                      .stderr_fd = err_write };
    return helper_attempt_start(trial->agent->helper, &trial->process, &request,
                                on_news, err);
}

static void copy_run(uv_work_t *work)
{
    static const char *const skip[] = { ".winnow", ".git" };
    struct trial *trial = container_of(work, struct trial, copy);
    AUTO_FREE char *to = fsx_path_join(trial->scratch->dir, PROJECT_NAME);
    IGNORE_ERR(fsx_copy_tree(trial->sweep->directory, to, skip, ARRAY_LEN(skip),
                             &trial->copy_err),
               "looked at on the loop's thread");
}

static void copy_done(uv_work_t *work, int status)
{
    UNUSED(status);
    struct trial *trial = container_of(work, struct trial, copy);
    struct agent *agent = trial->agent;
    trial->copying = false;
    if (trial->abandoned) {
        trial_free(trial);
        if (agent->closing) {
            agent_part_closed(agent);
        }
        return;
    }
    struct err err = trial->copy_err;
    if (trial->stopping) {
        start_failed(trial, ERR_CLOSED, "stopped before it started");
    } else if (err.code != ERR_OK || trial_spawn(trial, &err) != ERR_OK) {
        start_failed(trial, err.code, err.msg);
    }
}

/* Makes the trial and registers it; its sweep is known. */
static struct trial *trial_create(struct agent *agent,
                                  const struct agent_effect *effect,
                                  struct sweep_file *sweep)
{
    struct trial *trial = mem_alloc(sizeof *trial);
    trial->agent = agent;
    trial->serial = effect->serial;
    trial->key = effect->key;
    trial->run_id = effect->as.start.run_id;
    trial->grace_ms = effect->as.start.grace_ms;
    trial->sweep = sweep;
    sweep->refs++;
    trial->name = attempt_name(&trial->run_id, trial->key.attempt);
    trial->names = metric_names_create();
    trial_log_init(&trial->log, agent_path(agent, "logs", trial->name));
    trial->outputs[0].source.fd = -1;
    trial->outputs[1].source.fd = -1;
    helper_attempt_init(&trial->process);
    map_u64_set(&agent->trials, trial->serial, trial);
    map_str_set(&agent->by_name, str_from(trial->name), trial);
    return trial;
}

static void trial_launch(struct trial *trial, const struct agent_fx_start *start)
{
    struct err err = { 0 };
    if (launch_prepare(trial, start, &err) != ERR_OK) {
        start_failed(trial, err.code, err.msg);
        return;
    }
    if (trial->sweep->spec->project.copy) {
        trial->copying = true;
        int rc = uv_queue_work(trial->agent->loop, &trial->copy, copy_run, copy_done);
        if (rc != 0) {
            trial->copying = false;
            start_failed(trial, ERR_IO, uv_strerror(rc));
        }
    } else if (trial_spawn(trial, &err) != ERR_OK) {
        start_failed(trial, err.code, err.msg);
    }
}

void trial_start(struct agent *agent, const struct agent_effect *effect)
{
    struct sweep_file *sweep = map_u64_get(
        &agent->sweeps, sweep_file_key(effect->key.sweep, effect->as.start.revision));
    ASSERT(sweep != NULL); /* the core starts nothing of a sweep it was not told of */
    ASSERT(sweep->error == NULL);
    struct trial *trial = trial_create(agent, effect, sweep);
    if (sweep->spec->run.checkpoint != CHECKPOINT_NONE && agent->predecessor.fd >= 0) {
        trial->waiting = true;
        trial->start = effect->as.start;
        return;
    }
    trial_launch(trial, &effect->as.start);
}

static struct trial *first_waiting(const struct agent *agent)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&agent->trials, &pos, NULL, &value)) {
        if (((struct trial *)value)->waiting) {
            return value;
        }
    }
    return NULL;
}

void trials_go_on(struct agent *agent)
{
    struct trial *trial = NULL;
    /* From the beginning each time: a start that fails may bring others and take them.
     */
    while ((trial = first_waiting(agent)) != NULL) {
        trial->waiting = false;
        trial_launch(trial, &trial->start);
    }
}

/* ---- stop and end -----------------------------------------------------------------
 */

static void stop_waiting(struct trial *trial)
{
    if (trial->waiting) {
        trial->waiting = false;
        start_failed(trial, ERR_CLOSED, "stopped before it started");
    }
}

void trial_term(struct agent *agent, uint64_t serial, int64_t grace_ms)
{
    struct trial *trial = map_u64_get(&agent->trials, serial);
    if (trial != NULL) {
        trial->stopping = true;
        stop_waiting(trial);
        helper_attempt_term(&trial->process, grace_ms);
    }
}

void trial_kill(struct agent *agent, uint64_t serial)
{
    struct trial *trial = map_u64_get(&agent->trials, serial);
    if (trial != NULL) {
        trial->stopping = true;
        stop_waiting(trial);
        helper_attempt_kill(&trial->process);
    }
}

void trial_forget(struct agent *agent, const struct agent_effect *effect)
{
    struct trial *trial = map_u64_del(&agent->trials, effect->serial);
    if (effect->as.forget.drop_checkpoint) {
        checkpoint_drop(agent, trial != NULL ? trial->sweep : NULL, effect->key,
                        &effect->as.forget.run_id);
    }
    if (trial == NULL) { /* of an earlier process: its log is a file */
        AUTO_FREE char *name =
            attempt_name(&effect->as.forget.run_id, effect->key.attempt);
        AUTO_FREE char *log = agent_path(agent, "logs", name);
        unlink(log);
        return;
    }
    trial_log_remove(&trial->log);
    name_release(trial);
    if (trial->copying) {
        trial->abandoned = true;
        return;
    }
    trial_free(trial);
}

bool trial_close(struct trial *trial)
{
    if (trial->copying) {
        trial->abandoned = true;
        return false;
    }
    trial_free(trial);
    return true;
}
