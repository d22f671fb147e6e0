/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_agent.c – `winnow agent`: run a coordinator's trials until a signal.
 * Owns the loop, the signals and what is said about the connection. Knows agent and
 * transport as libraries. Does not know trials. */
#include "cli/cmd.h"

#include <signal.h>
#include <string.h>

#include <uv.h>

#include "agent/agent.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "cli/output.h"
#include "cli/where.h"
#include "proto/transport_zmq.h"
#include "pruners/registry.h"
#include "samplers/registry.h"

/* Time that closing may take to get the last frames out. */
#define LINGER_MS 1000
/* Trouble is told at once, then after this, then twice as late each time. */
#define TELL_MS_FIRST ((int64_t)10000)
#define TELL_MS_MAX   ((int64_t)600000)
#define GPU_INDEX_MAX 63

struct work {
    uv_loop_t loop;
    uv_signal_t sigint;
    uv_signal_t sigterm;
    struct agent *agent;
    struct zmq_hub *hub;
    const char *endpoint;
    bool has_keys;
    struct keys_agent keys;
    bool told; /* trouble was told since the last welcome */
    struct mono told_at;
    int64_t tell_ms; /* until it is told again */
    unsigned interrupts;
    bool closing;
};

static void on_closed(void *ctx)
{
    struct work *work = ctx;
    zmq_hub_unref(work->hub);
    uv_close((uv_handle_t *)&work->sigint, NULL);
    uv_close((uv_handle_t *)&work->sigterm, NULL);
}

static void close_once(struct work *work)
{
    if (!work->closing) {
        work->closing = true;
        agent_close(work->agent, on_closed, work);
    }
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct work *work = handle->data;
    UNUSED(signum);
    work->interrupts++;
    if (work->interrupts > 1) {
        close_once(work);
        return;
    }
    struct agent_status status;
    agent_status(work->agent, &status);
    if (status.running > 0) {
        output_say("ending %zu running trials; a second signal ends them at once",
                   status.running);
    }
    agent_shutdown(work->agent, AGENT_SHUTDOWN_NOW);
}

/* Told once, then at growing intervals: the transport tries for ever. */
static void say_trouble(struct work *work, const char *text)
{
    struct mono now = clock_mono();
    if (work->told && mono_diff_ms(now, work->told_at) < work->tell_ms) {
        return;
    }
    work->tell_ms = work->told ? work->tell_ms * 2 : TELL_MS_FIRST;
    work->tell_ms = work->tell_ms > TELL_MS_MAX ? TELL_MS_MAX : work->tell_ms;
    work->told = true;
    work->told_at = now;
    if (strstr(text, work->endpoint) != NULL) { /* once is enough */
        output_say("%s; trying on", text);
        return;
    }
    output_say("%s: %s; trying on", work->endpoint, text);
}

static void say_ready(struct work *work)
{
    struct agent_status status;
    agent_status(work->agent, &status);
    work->told = false;
    output_say("connected to %s as %s, %u slots", work->endpoint, status.agent_id,
               (unsigned)status.slots);
}

static void on_notice(void *ctx, enum agent_notice notice, const char *text)
{
    struct work *work = ctx;
    switch (notice) {
    case AGENT_NOTICE_READY:
        say_ready(work);
        break;
    case AGENT_NOTICE_DISCONNECTED:
        output_say("%s: connection lost; trials run on, trying to reconnect",
                   work->endpoint);
        break;
    case AGENT_NOTICE_REFUSED:
    case AGENT_NOTICE_TROUBLE:
        say_trouble(work, text);
        break;
    case AGENT_NOTICE_EXITED:
        close_once(work);
        break;
    case AGENT_NOTICE_NR:
        break;
    }
}

/* "0,1" into gpus; "" offers none. */
static enum err_code parse_gpus(const char *text,
                                uint32_t gpus[GPUS_PER_AGENT_MAX],
                                size_t *len_out,
                                struct err *err)
{
    struct str rest = str_from(text);
    struct str part;
    size_t len = 0;
    while (str_split_next(&rest, ',', &part)) {
        uint64_t index = 0;
        if (num_parse_u64(part, &index) != ERR_OK || index > GPU_INDEX_MAX
            || len == GPUS_PER_AGENT_MAX) {
            return err_set(err, ERR_USAGE,
                           "--gpus is '%s', expected device indexes from 0 to 63 with "
                           "commas between, as 0,1",
                           text);
        }
        gpus[len++] = (uint32_t)index;
    }
    *len_out = len;
    return ERR_OK;
}

static enum err_code
make_agent(struct work *work, const struct opts *opts, struct err *err)
{
    const char *folder = opts->values[OPT_WORK_DIR];
    const char *gpus_text = opts->values[OPT_GPUS];
    uint32_t gpus[GPUS_PER_AGENT_MAX];
    AUTO_FREE char *work_dir = NULL;
    struct agent_config config = {
        .loop = &work->loop,
        .samplers = &sampler_registry_all,
        .pruners = &pruner_registry_all,
        .program = "winnow " WINNOW_VERSION,
        /* A key is made for one agent and speaks for it alone. */
        .agent_id = work->has_keys ? work->keys.name : NULL,
        .gpus_given = gpus_text != NULL,
        .gpus = gpus,
        .notice = on_notice,
        .notice_ctx = work,
    };
    folder = folder != NULL ? folder : "./.winnow-agent";
    enum err_code code = opt_u32(opts, OPT_SLOTS, 1, &config.slots, err);
    if (code == ERR_OK && gpus_text != NULL) {
        code = parse_gpus(gpus_text, gpus, &config.gpus_len, err);
    }
    if (code == ERR_OK) {
        code = fsx_mkdirs(folder, 0700, err);
    }
    if (code == ERR_OK) {
        /* Trials have other working directories, so their paths are absolute. */
        code = fsx_real_path(folder, &work_dir, err);
    }
    config.work_dir = work_dir;
    return code == ERR_OK ? agent_create(&config, &work->agent, err) : code;
}

static enum err_code connect_agent(struct work *work, struct err *err)
{
    struct transport *transport = NULL;
    struct transport_zmq_config config = {
        .endpoint = work->endpoint,
        .cb = *agent_transport_callbacks(),
        .ctx = work->agent,
        .client_keys = work->has_keys ? &work->keys : NULL,
        .linger_ms = LINGER_MS,
    };
    enum err_code code = zmq_hub_create(&work->loop, &work->hub, err);
    if (code == ERR_OK) {
        config.hub = work->hub;
        code = transport_zmq_connect(&config, &transport, err);
    }
    if (code == ERR_OK) {
        agent_start(work->agent, transport);
    }
    return code;
}

static void work_init(struct work *work)
{
    int status = uv_loop_init(&work->loop);
    ASSERT(status == 0);
    IGNORE_ERR(signal(SIGPIPE, SIG_IGN) == SIG_ERR, "cannot fail");
    uv_signal_init(&work->loop, &work->sigint);
    uv_signal_init(&work->loop, &work->sigterm);
    work->sigint.data = work;
    work->sigterm.data = work;
    uv_signal_start(&work->sigint, on_signal, SIGINT);
    uv_signal_start(&work->sigterm, on_signal, SIGTERM);
}

static int work_run(struct work *work, const struct opts *opts)
{
    struct err err = { 0 };
    int status = 0;
    work_init(work);
    if (make_agent(work, opts, &err) != ERR_OK) {
        status = output_fail(&err);
        on_closed(work);
    } else if (connect_agent(work, &err) != ERR_OK) {
        status = output_fail(&err);
        close_once(work);
    }
    int open = uv_run(&work->loop, UV_RUN_DEFAULT);
    ASSERT(open == 0);
    int closed = uv_loop_close(&work->loop);
    ASSERT(closed == 0);
    return status;
}

int cmd_agent(const struct opts *opts)
{
    struct work work = { .hub = NULL };
    struct where where;
    struct err err = { 0 };
    where_resolve(opts, &where);
    if (where.connect == NULL) {
        output_say("agent: --connect is missing, expected as tcp://HOST:5570");
        return err_exit_status(ERR_USAGE);
    }
    work.endpoint = where.connect;
    work.has_keys = where.key != NULL;
    if (work.has_keys && keys_load_agent(where.key, &work.keys, &err) != ERR_OK) {
        return output_fail(&err);
    }
    int status = work_run(&work, opts);
    keys_wipe_agent(&work.keys);
    return status;
}
