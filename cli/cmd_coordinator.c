/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_coordinator.c – `winnow coordinator`: serve a home until a signal.
 * Owns the loop, the signals and the line that says it is ready. Knows the coordinator
 * as a library. Does not know sweeps. */
#include "cli/cmd.h"

#include <signal.h>
#include <sys/resource.h>

#include <uv.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "cli/output.h"
#include "cli/where.h"
#include "coordinator/coordinator.h"
#include "proto/keys.h"

#define LISTEN_DEFAULT "tcp://127.0.0.1:5570"

struct serve {
    uv_loop_t loop;
    uv_signal_t sigint;
    uv_signal_t sigterm;
    struct coordinator *coordinator;
    bool closing;
    int status;
};

static void on_closed(void *ctx)
{
    struct serve *serve = ctx;
    uv_close((uv_handle_t *)&serve->sigint, NULL);
    uv_close((uv_handle_t *)&serve->sigterm, NULL);
}

static void serve_end(struct serve *serve, int status)
{
    if (!serve->closing) {
        serve->closing = true;
        serve->status = status;
        coordinator_close(serve->coordinator, on_closed, serve);
    }
}

static void on_signal(uv_signal_t *handle, int signum)
{
    UNUSED(signum);
    serve_end(handle->data, 0);
}

static void on_fatal(void *ctx, const struct err *err)
{
    output_say("%s; starting it again resumes", err->msg);
    serve_end(ctx, 1);
}

/* Each agent costs a descriptor; the coordinator starts no programs that would inherit
 * the limit. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        IGNORE_ERR(setrlimit(RLIMIT_NOFILE, &limit), "doctor says when it is low");
    }
}

static void serve_init(struct serve *serve)
{
    raise_open_files();
    int status = uv_loop_init(&serve->loop);
    ASSERT(status == 0);
    IGNORE_ERR(signal(SIGPIPE, SIG_IGN) == SIG_ERR, "cannot fail");
    uv_signal_init(&serve->loop, &serve->sigint);
    uv_signal_init(&serve->loop, &serve->sigterm);
    serve->sigint.data = serve;
    serve->sigterm.data = serve;
    uv_signal_start(&serve->sigint, on_signal, SIGINT);
    uv_signal_start(&serve->sigterm, on_signal, SIGTERM);
}

static int say_ready(const struct serve *serve, const char *home)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    AUTO_FREE char *keys = fsx_path_join(home, "keys");
    strbuf_addf(&out, "ready: %s, home %s, keys %s\n",
                coordinator_endpoint(serve->coordinator), home,
                keys_have_coordinator(keys) ? "yes" : "no");
    return output_flush(&out);
}

static enum err_code serve_open(struct serve *serve,
                                const struct opts *opts,
                                const char *home,
                                struct err *err)
{
    struct coordinator_config config = {
        .loop = &serve->loop,
        .home = home,
        .listen =
            opt_given(opts, OPT_LISTEN) ? opts->values[OPT_LISTEN] : LISTEN_DEFAULT,
        .log_level_max = LOG_LEVEL_INFO,
        .cb = { .on_fatal = on_fatal },
        .ctx = serve,
    };
    enum err_code code = opt_duration_ms(opts, OPT_LEASE, &config.lease_ms, err);
    return code == ERR_OK ? coordinator_create(&config, &serve->coordinator, err)
                          : code;
}

int cmd_coordinator(const struct opts *opts)
{
    struct serve serve = { .status = 0 };
    struct where where;
    struct err err = { 0 };
    where_resolve_home(opts, &where);
    serve_init(&serve);
    if (serve_open(&serve, opts, where.home, &err) != ERR_OK) {
        serve.status = output_fail(&err);
        on_closed(&serve);
    } else if (say_ready(&serve, where.home) != 0) {
        serve_end(&serve, 1);
    }
    int open = uv_run(&serve.loop, UV_RUN_DEFAULT);
    ASSERT(open == 0);
    int closed = uv_loop_close(&serve.loop);
    ASSERT(closed == 0);
    return serve.status;
}
