/* SPDX-License-Identifier: Apache-2.0 */
/* local_run.c – one sweep in one process.
 *
 *   starting ──reply──► sweeping ──sweep at rest──────────────┐
 *      │ error              │ Ctrl-C                          ▼
 *      │                 draining ──drained, or Ctrl-C──► ending: agent says goodbye,
 *      └──────────────────────────────────────────────►   agent closed, coordinator
 * closed
 *
 * Owns the wiring of coordinator, agent, loop and signals, and the order of their end.
 * Knows both libraries. Does not know how either works. */
#include "cli/local_run.h"

#include <signal.h>
#include <string.h>

#include <uv.h>

#include "agent/agent.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/where.h"
#include "coordinator/coordinator.h"
#include "proto/transport_loop.h"
#include "pruners/registry.h"
#include "samplers/registry.h"

/* Below the redraw time of progress, so that it is the one that decides. */
#define TICK_MS          100
#define EXIT_INTERRUPTED 130
/* Interrupts: drain, stop, give up. */
#define INTERRUPTS_STOP 2

enum local_phase {
    LOCAL_STARTING,
    LOCAL_SWEEPING,
    LOCAL_DRAINING,
    LOCAL_ENDING
};

struct local {
    const struct local_run_config *config;
    uv_loop_t loop;
    uv_signal_t sigint;
    uv_signal_t sigterm;
    uv_timer_t timer;
    struct coordinator *coordinator;
    struct agent *agent;
    struct progress progress;
    enum local_phase phase;
    uint32_t sweep; /* key in the engine, from LOCAL_SWEEPING on */
    char *sweep_id; /* owned; NULL until then */
    unsigned interrupts;
    bool agent_closing;
    int status; /* exit status when the loop has ended */
};

/* ---- the end --------------------------------------------------------------------- */

static void on_coordinator_closed(void *ctx)
{
    struct local *local = ctx;
    uv_close((uv_handle_t *)&local->timer, NULL);
    uv_close((uv_handle_t *)&local->sigint, NULL);
    uv_close((uv_handle_t *)&local->sigterm, NULL);
}

static void on_agent_closed(void *ctx)
{
    struct local *local = ctx;
    coordinator_close(local->coordinator, on_coordinator_closed, local);
}

static void agent_close_once(struct local *local)
{
    if (!local->agent_closing) {
        local->agent_closing = true;
        agent_close(local->agent, on_agent_closed, local);
    }
}

/* Ends everything in order; the loop runs out of handles afterwards. */
static void local_end(struct local *local, int status)
{
    if (local->phase == LOCAL_ENDING) {
        return;
    }
    local->phase = LOCAL_ENDING;
    local->status = status;
    progress_clear(&local->progress);
    /* First, so that what the agent gives back is not handed to it again. */
    coordinator_shutdown(local->coordinator, true);
    agent_shutdown(local->agent, AGENT_SHUTDOWN_NOW);
}

static void local_fail(struct local *local, enum err_code code, const char *text)
{
    progress_clear(&local->progress);
    output_say("%s", text);
    local_end(local, err_exit_status(code));
}

/* ---- what is heard --------------------------------------------------------------- */

static void show(struct local *local)
{
    struct sweep_summary summary;
    struct progress_view view;
    coordinator_summary(local->coordinator, local->sweep, &summary);
    progress_from_summary(&summary, &view);
    progress_show(&local->progress, &view, clock_mono());
}

static void on_tick(uv_timer_t *timer)
{
    struct local *local = timer->data;
    if (local->phase == LOCAL_SWEEPING || local->phase == LOCAL_DRAINING) {
        show(local);
    }
}

/* The exit status comes from the store when all is closed; here only: it is over. */
static void on_sweep_ended(void *ctx, uint32_t sweep, enum sweep_state state)
{
    struct local *local = ctx;
    UNUSED(state);
    bool is_ours = local->phase == LOCAL_SWEEPING || local->phase == LOCAL_DRAINING;
    if (is_ours && sweep == local->sweep) {
        show(local);
        local_end(local, 0);
    }
}

static void on_drained(void *ctx)
{
    local_end(ctx, EXIT_INTERRUPTED);
}

/* Nothing can be stored any more, so no goodbye would be answered. */
static void on_fatal(void *ctx, const struct err *err)
{
    struct local *local = ctx;
    progress_clear(&local->progress);
    output_say("%s; running it again resumes", err->msg);
    local->phase = LOCAL_ENDING;
    local->status = 1;
    agent_close_once(local);
}

static void on_notice(void *ctx, enum agent_notice notice, const char *text)
{
    struct local *local = ctx;
    switch (notice) {
    case AGENT_NOTICE_READY:
    case AGENT_NOTICE_DISCONNECTED:
    case AGENT_NOTICE_NR:
        break;
    case AGENT_NOTICE_REFUSED:
    case AGENT_NOTICE_TROUBLE:
        progress_clear(&local->progress);
        output_say("agent: %s", text);
        break;
    case AGENT_NOTICE_EXITED:
        agent_close_once(local);
        break;
    }
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct local *local = handle->data;
    bool is_term = signum == SIGTERM;
    local->interrupts += is_term && local->interrupts == 0 ? INTERRUPTS_STOP : 1;
    progress_clear(&local->progress);
    if (local->interrupts > INTERRUPTS_STOP) {
        local->phase = LOCAL_ENDING;
        local->status = EXIT_INTERRUPTED;
        agent_close_once(local);
    } else if (local->interrupts == INTERRUPTS_STOP) {
        output_say("stopping what runs; the sweep can be resumed");
        local_end(local, EXIT_INTERRUPTED);
    } else if (local->phase != LOCAL_ENDING) {
        output_say("nothing new starts, %zu running trials may end; Ctrl-C again stops "
                   "them",
                   coordinator_attempts_live(local->coordinator));
        local->phase = LOCAL_DRAINING;
        coordinator_shutdown(local->coordinator, true);
    }
}

/* ---- the beginning --------------------------------------------------------------- */

static void say_begin(struct local *local, const char *status)
{
    struct sweep_summary summary;
    coordinator_summary(local->coordinator, local->sweep, &summary);
    uint32_t done = summary.counts[TRIAL_FINISHED] + summary.counts[TRIAL_PRUNED];
    if (local->config->quiet || strcmp(status, "finished") == 0) {
        return;
    }
    if (done > 0) {
        output_say("resuming sweep %s (%.8s) at %u of %llu trials, home %s",
                   summary.name, summary.run_id.hex, (unsigned)done,
                   (unsigned long long)summary.trials_total, local->config->home);
    } else {
        output_say("sweep %s (%.8s), home %s", summary.name, summary.run_id.hex,
                   local->config->home);
    }
}

/* The sweep is there; follow it unless it is over. */
static void sweep_begin(struct local *local, const char *id, const char *status)
{
    struct err err = { 0 };
    enum err_code code =
        coordinator_find_sweep(local->coordinator, id, &local->sweep, &err);
    if (code != ERR_OK) {
        local_fail(local, code, err.msg);
        return;
    }
    struct sweep_summary summary;
    coordinator_summary(local->coordinator, local->sweep, &summary);
    local->sweep_id = mem_strdup(summary.run_id.hex);
    say_begin(local, status);
    local->phase = local->phase == LOCAL_STARTING ? LOCAL_SWEEPING : local->phase;
    if (sweep_state_is_final(summary.state)
        && coordinator_attempts_live(local->coordinator) == 0) {
        local_end(local, 0);
    } else {
        show(local);
    }
}

/* Answer to the submission or to `resume`. */
static void on_reply(void *ctx, enum err_code code, const char *text)
{
    struct local *local = ctx;
    AUTO_JSON json_t *answer = NULL;
    struct err err = { 0 };
    const char *id = NULL;
    const char *status = "";
    if (local->phase == LOCAL_ENDING) {
        return;
    }
    if (code != ERR_OK) {
        local_fail(local, code, text);
        return;
    }
    code = json_parse(text, str_from(text).len, &answer, &err);
    if (code == ERR_OK) {
        code = json_get_str(answer, "id", "", &id, &err);
    }
    if (code == ERR_OK) {
        code = json_opt_str(answer, "status", "", &status, &err);
    }
    if (code != ERR_OK) {
        local_fail(local, code, err.msg);
        return;
    }
    sweep_begin(local, id, status);
}

static void ask(struct local *local)
{
    const struct local_run_config *config = local->config;
    if (config->file != NULL) {
        struct ev_submit submit = spec_file_submit(config->file, config->force_new);
        coordinator_submit(local->coordinator, &submit, on_reply, local);
        return;
    }
    struct ev_steer steer = { .verb = STEER_RESUME,
                              .sweep = config->sweep,
                              .cause = "resumed from the command line" };
    coordinator_steer(local->coordinator, &steer, on_reply, local);
}

static enum err_code
make_coordinator(struct local *local, const char *home, struct err *err)
{
    struct coordinator_config config = {
        .loop = &local->loop,
        .home = home,
        .samplers = &sampler_registry_all,
        .log_level_max = LOG_LEVEL_WARN,
        .cb = { .on_sweep_ended = on_sweep_ended,
                .on_drained = on_drained,
                .on_fatal = on_fatal },
        .ctx = local,
    };
    return coordinator_create(&config, &local->coordinator, err);
}

static enum err_code make_agent(struct local *local, const char *home, struct err *err)
{
    AUTO_FREE char *work_dir = fsx_path_join(home, "agent");
    struct agent_config config = {
        .loop = &local->loop,
        .samplers = &sampler_registry_all,
        .pruners = &pruner_registry_all,
        .work_dir = work_dir,
        .program = "winnow " WINNOW_VERSION,
        .slots = local->config->slots,
        .notice = on_notice,
        .notice_ctx = local,
    };
    enum err_code code = agent_create(&config, &local->agent, err);
    if (code == ERR_OK) {
        struct transport *server = coordinator_loop_transport(local->coordinator);
        agent_start(
            local->agent,
            transport_loop_connect(server, agent_transport_callbacks(), local->agent));
    }
    return code;
}

static void make_handles(struct local *local)
{
    int status = uv_loop_init(&local->loop);
    ASSERT(status == 0);
    /* A closed pipe at the other end of stdout must not end the sweep. */
    IGNORE_ERR(signal(SIGPIPE, SIG_IGN) == SIG_ERR, "cannot fail");
    uv_signal_init(&local->loop, &local->sigint);
    uv_signal_init(&local->loop, &local->sigterm);
    uv_timer_init(&local->loop, &local->timer);
    local->sigint.data = local;
    local->sigterm.data = local;
    local->timer.data = local;
    uv_signal_start(&local->sigint, on_signal, SIGINT);
    uv_signal_start(&local->sigterm, on_signal, SIGTERM);
    uv_timer_start(&local->timer, on_tick, TICK_MS, TICK_MS);
}

/* ---- the result ------------------------------------------------------------------ */

static void add_best(const json_t *best, struct strbuf *out)
{
    const char *key = NULL;
    json_t *value = NULL;
    strbuf_addf(out, "best trial %lld: ",
                (long long)json_integer_value(json_object_get(best, "number")));
    output_cell(json_object_get(best, "value"), out);
    strbuf_addc(out, '\n');
    json_object_foreach(json_object_get(best, "params"), key, value)
    {
        strbuf_addf(out, "  %s = ", key);
        output_cell(value, out);
        strbuf_addc(out, '\n');
    }
}

/* One line on how it ended, when not simply finished. */
static void say_state(const json_t *sweep, const char *state)
{
    const char *cause = json_string_value(json_object_get(sweep, "cause"));
    const char *name = json_string_value(json_object_get(sweep, "name"));
    if (strcmp(state, "paused") == 0) {
        output_say("sweep %s paused: %s; look at winnow trials and winnow logs, go on "
                   "with winnow resume %s",
                   name, cause != NULL ? cause : "no cause given", name);
    } else if (strcmp(state, "finished") != 0 && strcmp(state, "running") != 0) {
        output_say("sweep %s %s%s%s", name, state, cause != NULL ? ": " : "",
                   cause != NULL ? cause : "");
    }
}

static enum err_code get_result(struct look *look,
                                const char *sweep_id,
                                json_t **sweep_out,
                                json_t **best_out,
                                struct err *err)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *best_args = json_object();
    json_put_str(args, "ref", sweep_id);
    json_put_str(best_args, "sweep", sweep_id);
    enum err_code code = look_query(look, "show", args, sweep_out, err);
    if (code == ERR_OK) {
        code = look_query(look, "best", best_args, best_out, err);
        code = code == ERR_NOTFOUND ? ERR_OK : code; /* no trial finished */
    }
    return code;
}

int local_run_result(const struct where *where, const char *sweep_id, bool to_stdout)
{
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *sweep = NULL;
    AUTO_JSON json_t *best = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    struct err err = { 0 };
    const char *state = NULL;
    int status = 0;
    enum err_code code = look_open(where, &look, &err);
    if (code == ERR_OK) {
        code = get_result(look, sweep_id, &sweep, &best, &err);
    }
    if (code == ERR_OK) {
        code = json_get_str(sweep, "state", "", &state, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    say_state(sweep, state);
    if (best == NULL) {
        output_say("no trial has a value yet");
    } else {
        add_best(best, &out);
    }
    if (to_stdout) {
        status = output_flush(&out);
    } else {
        output_chatter(strbuf_cstr(&out));
    }
    return strcmp(state, "finished") != 0 ? 1 : status;
}

/* ---- all of it ------------------------------------------------------------------- */

/* Coordinator and agent exist, or nothing does and the error was told. */
static int local_open(struct local *local, const char *home)
{
    struct err err = { 0 };
    enum err_code code = make_coordinator(local, home, &err);
    if (code != ERR_OK) {
        on_coordinator_closed(local);
        int status = output_fail(&err);
        if (code == ERR_LOCKED) {
            output_say(
                "steer what runs there with winnow pause, resume or stop, or add "
                "this sweep to it with winnow submit");
        }
        return status;
    }
    code = make_agent(local, home, &err);
    if (code != ERR_OK) {
        on_agent_closed(local);
        return output_fail(&err);
    }
    return 0;
}

static int local_result(struct local *local, const char *home)
{
    struct where where = { .home = home };
    if (local->sweep_id == NULL || local->status == 2) {
        return local->status;
    }
    int status = local_run_result(&where, local->sweep_id, true);
    return local->status != 0 ? local->status : status;
}

int local_run(const struct local_run_config *config)
{
    struct local local = { .config = config };
    AUTO_FREE char *home = NULL;
    struct err err = { 0 };
    enum err_code code = fsx_mkdirs(config->home, 0700, &err);
    if (code == ERR_OK) {
        code = fsx_real_path(config->home, &home, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    log_set_level(LOG_LEVEL_WARN); /* the agent's own lines too */
    progress_init(&local.progress, config->quiet);
    make_handles(&local);
    int status = local_open(&local, home);
    if (status == 0) {
        ask(&local);
    }
    int open = uv_run(&local.loop, UV_RUN_DEFAULT);
    ASSERT(open == 0);
    int closed = uv_loop_close(&local.loop);
    ASSERT(closed == 0);
    status = status != 0 ? status : local_result(&local, home);
    mem_free(local.sweep_id);
    return status;
}
