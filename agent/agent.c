/* SPDX-License-Identifier: Apache-2.0 */
/* agent.c – the agent's shell: gives the core events with their time and has its
 * effects carried out.
 *
 * Owns: everything of the process's agent: core, spool, trials, helper, sockets, timer.
 * Knows: how they are wired.
 * Does not know: what to do next; the core says so. */
#include "agent/agent_internal.h"
#include "agent/predecessor.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/identity.h"
#include "agent/wire.h"
#include "base/limits.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"
#include "core/sweep_spec.h"

#define SPOOL_BYTES_DEFAULT ((uint64_t)1024 * 1024 * 1024)
#define SHUTDOWN_MS_DEFAULT 5000
#define NO_TIMER            INT64_MAX

extern char **environ;

/* ---- steps ------------------------------------------------------------------------
 */

char *agent_path(const struct agent *agent, const char *folder, const char *name)
{
    return mem_printf("%s/%s/%s", agent->work_dir, folder, name);
}

char *attempt_name(const struct run_id *run_id, uint32_t attempt)
{
    return mem_printf("%s-%u", run_id->hex, attempt);
}

static void on_timer(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    agent->timer_at = NO_TIMER;
    struct agent_event event = { .kind = AGENT_EV_TIMER };
    agent_feed(agent, &event);
}

static void timer_arm(struct agent *agent, struct mono now)
{
    struct mono at;
    if (agent->exited || !agent_core_deadline(agent->core, &at)) {
        if (agent->timer_at != NO_TIMER) {
            uv_timer_stop(&agent->timer);
            agent->timer_at = NO_TIMER;
        }
        return;
    }
    if (at.ns != agent->timer_at) {
        agent->timer_at = at.ns;
        uv_timer_start(&agent->timer, on_timer, (uint64_t)mono_until_ms(at, now), 0);
    }
}

static void feed_one(struct agent *agent, struct agent_event *event)
{
    ASSERT(!agent->stepping);
    agent->stepping = true;
    event->now = clock_mono();
    event->wall = clock_wall();
    agent_step(agent->core, event, &agent->effects);
    for (size_t i = 0; i < agent->effects.items.len; i++) {
        agent_carry_out(agent, &agent->effects.items.ptr[i]);
    }
    agent_effects_reset(&agent->effects);
    mem_free(mem_take(&agent->packed));
    agent->stepping = false;
}

static void on_later(uv_idle_t *idle)
{
    struct agent *agent = idle->data;
    uv_idle_stop(idle);
    if (agent->notice != NULL) {
        agent->notice(agent->notice_ctx, AGENT_NOTICE_EXITED, "");
    }
}

void agent_feed(struct agent *agent, struct agent_event *event)
{
    feed_one(agent, event);
    while (agent->failures.len > 0) {
        struct start_failure failure = vec_pop(&agent->failures);
        struct agent_event failed = { .kind = AGENT_EV_EXEC_FAILED,
                                      .serial = failure.serial };
        failed.as.exec_failed =
            (struct agent_ev_exec_failed){ .cause = failure.cause,
                                           .never = failure.code == ERR_CLOSED,
                                           .full = failure.code == ERR_FULL };
        feed_one(agent, &failed);
        mem_free(failure.cause);
    }
    timer_arm(agent, event->now);
    if (agent->exited && !agent->exit_told) {
        agent->exit_told = true;
        uv_idle_start(&agent->later, on_later);
    }
}

/* ---- messages ---------------------------------------------------------------------
 */

static void on_sweep_message(struct agent *agent, const Winnow__Sweep *message)
{
    struct sweep_file *file =
        sweep_file_create(message, agent->samplers, agent->pruners);
    sweep_file_unref(
        map_u64_set(&agent->sweeps, sweep_file_key(file->sweep, file->revision), file));
    if (file->error != NULL) {
        log_warn("sweep.unusable", "sweep=%u reason=\"%s\"", file->sweep, file->error);
    }
    struct agent_event event = { .kind = AGENT_EV_SWEEP };
    event.as.sweep = (struct agent_ev_sweep){ .sweep = file->sweep,
                                              .revision = file->revision,
                                              .error = file->error };
    if (file->error == NULL) {
        event.as.sweep.grace_ms = file->spec->run.grace_ms;
        event.as.sweep.time_limit_ms = file->spec->run.time_limit_ms;
        event.as.sweep.checkpoints = file->spec->run.checkpoint != CHECKPOINT_NONE;
        event.as.sweep.memory_limited = file->spec->run.resources.memory_bytes > 0;
    }
    agent_feed(agent, &event);
}

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    UNUSED(user_id);
    struct agent *agent = ctx;
    struct codec_message message;
    struct err err = { 0 };
    if (peer != agent->peer) {
        return;
    }
    if (codec_decode(agent->decoder, data, len, &message, &err) != ERR_OK) {
        log_warn("message.bad", "reason=\"%s\"", err.msg);
        return;
    }
    if (message.type == MSG_SWEEP) {
        on_sweep_message(agent, message.env->sweep);
        return;
    }
    struct wire_in in;
    if (wire_read(&message, &in)) {
        agent_feed(agent, &in.event);
    } else {
        log_warn("message.unusable", "type=%s", msg_name(message.type));
    }
    wire_in_fini(&in);
}

static void on_peer_up(void *ctx, uint64_t peer)
{
    struct agent *agent = ctx;
    agent->peer = peer;
    struct agent_event event = { .kind = AGENT_EV_PEER_UP };
    agent_feed(agent, &event);
}

/* Nobody takes the logs any more: they must outlive this process. */
static void logs_spill(struct agent *agent)
{
    size_t pos = 0;
    void *trial = NULL;
    while (map_u64_next(&agent->trials, &pos, NULL, &trial)) {
        trial_log_spill(&((struct trial *)trial)->log);
    }
}

static void on_peer_down(void *ctx, uint64_t peer)
{
    struct agent *agent = ctx;
    if (peer != agent->peer) {
        return;
    }
    agent->peer = 0;
    logs_spill(agent);
    struct agent_event event = { .kind = AGENT_EV_PEER_DOWN };
    agent_feed(agent, &event);
    if (agent->notice != NULL) {
        agent->notice(agent->notice_ctx, AGENT_NOTICE_DISCONNECTED,
                      "connection to the coordinator lost");
    }
}

static void on_trouble(void *ctx, enum err_code code, const char *text)
{
    UNUSED(code);
    struct agent *agent = ctx;
    if (agent->notice != NULL) {
        agent->notice(agent->notice_ctx, AGENT_NOTICE_TROUBLE, text);
    }
}

const struct transport_callbacks *agent_transport_callbacks(void)
{
    static const struct transport_callbacks callbacks = { .recv = on_recv,
                                                          .peer_up = on_peer_up,
                                                          .peer_down = on_peer_down,
                                                          .trouble = on_trouble };
    return &callbacks;
}

void agent_start(struct agent *agent, struct transport *transport)
{
    ASSERT(agent->transport == NULL);
    agent->transport = transport;
}

void agent_shutdown(struct agent *agent, enum agent_shutdown how)
{
    struct agent_event event = { .kind = AGENT_EV_SHUTDOWN };
    event.as.shutdown_now = how == AGENT_SHUTDOWN_NOW;
    agent_feed(agent, &event);
}

void agent_status(const struct agent *agent, struct agent_status *status_out)
{
    struct agent_core_counts counts;
    agent_core_counts(agent->core, &counts);
    *status_out = (struct agent_status){ .agent_id = agent->agent_id,
                                         .boot = agent->boot,
                                         .slots = agent->slots,
                                         .cpus = agent->resources.cpus,
                                         .memory_bytes = agent->resources.memory_bytes,
                                         .gpus_len = agent->resources.gpus_len,
                                         .running = counts.occupied,
                                         .held = counts.held,
                                         .ready = counts.ready };
}

/* ---- end --------------------------------------------------------------------------
 */

static void agent_free(struct agent *agent)
{
    void (*closed)(void *) = agent->closed;
    void *ctx = agent->closed_ctx;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&agent->sweeps, &pos, NULL, &value)) {
        sweep_file_unref(value);
    }
    for (size_t i = 0; i < agent->failures.len; i++) {
        mem_free(agent->failures.ptr[i].cause);
    }
    vec_fini(&agent->failures);
    map_u64_fini(&agent->sweeps);
    map_u64_fini(&agent->trials);
    map_str_fini(&agent->by_name);
    agent_effects_fini(&agent->effects);
    agent_core_destroy(agent->core);
    spool_close(agent->spool);
    scratch_pool_destroy(agent->scratch);
    codec_decoder_destroy(agent->decoder);
    trial_env_fini(&agent->env);
    if (agent->lock_fd >= 0) {
        close(agent->lock_fd);
    }
    mem_free(agent->io_buf);
    mem_free(agent->packed);
    mem_free(agent->agent_id);
    mem_free(agent->work_dir);
    mem_free(agent);
    if (closed != NULL) {
        closed(ctx);
    }
}

void agent_part_closed(void *ctx)
{
    struct agent *agent = ctx;
    ASSERT(agent->closing_parts > 0);
    if (--agent->closing_parts == 0) {
        agent_free(agent);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    agent_part_closed(handle->data);
}

void agent_close(struct agent *agent, void (*closed)(void *), void *closed_ctx)
{
    ASSERT(!agent->closing);
    agent->closing = true;
    agent->closed = closed;
    agent->closed_ctx = closed_ctx;
    agent->closing_parts = 2;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&agent->trials, &pos, NULL, &value)) {
        agent->closing_parts += trial_close(value) ? 0 : 1;
    }
    helper_link_destroy(agent->helper);
    agent->helper = NULL;
    trial_socket_close(agent);
    if (agent->transport != NULL) {
        agent->closing_parts++;
        transport_close(agent->transport, agent_part_closed, agent);
        agent->transport = NULL;
    }
    if (agent->poller != NULL) {
        poller_remove(agent->poller, &agent->predecessor);
        agent->closing_parts++;
        poller_close(agent->poller, agent_part_closed, agent);
    }
    uv_close((uv_handle_t *)&agent->timer, on_handle_closed);
    uv_close((uv_handle_t *)&agent->later, on_handle_closed);
}

/* ---- start ------------------------------------------------------------------------
 */

struct restored {
    uint64_t id;
    size_t bytes;
    struct spool_meta meta;
};

struct restored_list {
    VEC(struct restored) items;
};

static void
on_found(void *ctx, uint64_t id, const struct spool_meta *meta, size_t bytes)
{
    struct restored_list *list = ctx;
    struct restored restored = { .id = id, .bytes = bytes, .meta = *meta };
    vec_push(&list->items, restored);
}

static uint64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* Removes what no restored attempt needs from a folder of the work-dir. */
static void
leftovers_remove(struct agent *agent, const char *folder, const struct map_str *keep)
{
    AUTO_FREE char *path = fsx_path_join(agent->work_dir, folder);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    const struct dirent *entry = NULL;
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0
            || map_str_has(keep, str_from(name))) {
            continue;
        }
        AUTO_FREE char *one = fsx_path_join(path, name);
        IGNORE_ERR(fsx_remove_tree(one, NULL), "it only takes room");
    }
    closedir(dir);
}

static void
restore_one(struct agent *agent, const struct restored *restored, struct map_str *names)
{
    if (!run_id_is_valid(restored->meta.run_id.hex)) {
        spool_trim(agent->spool, restored->id);
        return;
    }
    AUTO_FREE char *name =
        attempt_name(&restored->meta.run_id, restored->meta.key.attempt);
    AUTO_FREE char *log = agent_path(agent, "logs", name);
    map_str_set(names, str_from(name), NULL);
    struct agent_event event = { .kind = AGENT_EV_RESTORED };
    event.as.restored =
        (struct agent_ev_restored){ .key = restored->meta.key,
                                    .run_id = restored->meta.run_id,
                                    .boot = restored->meta.boot,
                                    .id = restored->id,
                                    .first_seq = restored->meta.first_seq,
                                    .last_seq = restored->meta.last_seq,
                                    .bytes = restored->bytes,
                                    .has_started = restored->meta.has_started,
                                    .has_ended = restored->meta.has_ended,
                                    .log_size = file_size(log) };
    feed_one(agent, &event);
}

/* Reads the spool of earlier starts and gives it to the core. */
static enum err_code spool_restore(struct agent *agent, struct err *err)
{
    AUTO_FREE char *path = fsx_path_join(agent->work_dir, "spool");
    struct restored_list list = { 0 };
    uint64_t torn = 0;
    enum err_code code = spool_open(path, on_found, &list, &agent->spool, &torn, err);
    if (code != ERR_OK) {
        vec_fini(&list.items);
        return code;
    }
    if (torn > 0) {
        log_warn("spool.torn", "path=%s bytes=%llu action=cut", path,
                 (unsigned long long)torn);
    }
    struct map_str names = { 0 };
    for (size_t i = 0; i < list.items.len; i++) {
        restore_one(agent, &list.items.ptr[i], &names);
    }
    struct agent_event done = { .kind = AGENT_EV_RESTORE_DONE };
    feed_one(agent, &done);
    leftovers_remove(agent, "logs", &names);
    map_str_fini(&names);
    checkpoint_clean(agent);
    leftovers_remove(agent, "attempts", &names); /* none of them is needed */
    AUTO_FREE char *attempts = fsx_path_join(agent->work_dir, "attempts");
    agent->scratch = scratch_pool_create(agent->loop, attempts);
    vec_fini(&list.items);
    return ERR_OK;
}

/* What the config leaves open. */
struct programs {
    char *exe;
    char *helper;
    char *host;
};

static enum err_code programs_find(const struct agent_config *config,
                                   struct programs *programs,
                                   struct err *err)
{
    char host[256] = "unknown";
    if (config->host != NULL) {
        programs->host = mem_strdup(config->host);
    } else {
        IGNORE_ERR(gethostname(host, sizeof host - 1), "unknown then");
        programs->host = mem_strdup(host);
    }
    const char *exe = config->exe_path != NULL ? config->exe_path : "/proc/self/exe";
    enum err_code code = fsx_real_path(exe, &programs->exe, err);
    if (code != ERR_OK) {
        return code;
    }
    if (config->helper_path != NULL) {
        return fsx_real_path(config->helper_path, &programs->helper, err);
    }
    const char *slash = strrchr(programs->exe, '/');
    programs->helper =
        mem_printf("%.*s/winnow-trial", (int)(slash - programs->exe), programs->exe);
    return fsx_exists(programs->helper)
               ? ERR_OK
               : err_set(err, ERR_NOTFOUND, "no helper program '%s'", programs->helper);
}

/* bin/winnow → the helper, for `winnow log` inside trials. */
static enum err_code
bin_link(const char *work_dir, const char *helper, char **bin_out, struct err *err)
{
    AUTO_FREE char *bin = fsx_path_join(work_dir, "bin");
    AUTO_FREE char *link = fsx_path_join(bin, "winnow");
    unlink(link);
    if (symlink(helper, link) != 0) {
        return err_set_errno(err, errno, "cannot make link '%s'", link);
    }
    *bin_out = mem_take(&bin);
    return ERR_OK;
}

static void resources_settle(struct agent *agent, const struct agent_config *config)
{
    resources_find(&agent->resources);
    if (config->cpus > 0) {
        agent->resources.cpus = config->cpus;
    }
    if (config->memory_bytes > 0) {
        agent->resources.memory_bytes = config->memory_bytes;
    }
    if (config->gpus_given) {
        ASSERT(config->gpus_len <= GPUS_PER_AGENT_MAX);
        agent->resources.gpus_len = config->gpus_len;
        if (config->gpus_len > 0) {
            memcpy(agent->resources.gpus, config->gpus,
                   config->gpus_len * sizeof config->gpus[0]);
        }
    }
    agent->slots = config->slots > 0 ? config->slots : agent->resources.cpus;
}

static enum err_code core_make(struct agent *agent,
                               const struct agent_config *config,
                               const char *host,
                               struct err *err)
{
    struct identity identity;
    enum err_code code =
        identity_open(agent->work_dir, config->agent_id, host, &identity, err);
    if (code != ERR_OK) {
        return code;
    }
    agent->lock_fd = identity.lock_fd;
    identity.lock_fd = -1;
    agent->boot = identity.boot;
    agent->agent_id = mem_take(&identity.agent_id);
    struct agent_core_config core = {
        .agent_id = agent->agent_id,
        .host = host,
        .program = config->program != NULL ? config->program : "winnow",
        .home_id = identity.home_id,
        .boot = agent->boot,
        .pid = (uint32_t)getpid(),
        .slots = agent->slots,
        .cpus = agent->resources.cpus,
        .memory_bytes = agent->resources.memory_bytes,
        .gpus = agent->resources.gpus,
        .gpus_len = agent->resources.gpus_len,
        .spool_bytes_max =
            config->spool_bytes_max > 0 ? config->spool_bytes_max : SPOOL_BYTES_DEFAULT,
        .shutdown_ms =
            config->shutdown_ms > 0 ? config->shutdown_ms : SHUTDOWN_MS_DEFAULT
    };
    agent->core = agent_core_create(&core);
    identity_fini(&identity);
    return spool_restore(agent, err);
}

static void on_predecessor_gone(struct poll_source *source)
{
    struct agent *agent = container_of(source, struct agent, predecessor);
    poller_remove(agent->poller, source);
    trials_go_on(agent);
}

static enum err_code
processes_make(struct agent *agent, const struct programs *programs, struct err *err)
{
    enum err_code code = poller_create(agent->loop, &agent->poller, err);
    AUTO_FREE char *note = fsx_path_join(agent->work_dir, "helper");
    if (code == ERR_OK) {
        agent->predecessor.fn = on_predecessor_gone;
        if (predecessor_watch(agent->poller, &agent->predecessor, note)) {
            log_info("predecessor.ending", "programs of an earlier process still end");
        }
        code = helper_link_create(agent->poller, programs->helper, note, &agent->helper,
                                  err);
    }
    if (code == ERR_OK) {
        code = trial_socket_open(agent, err);
    }
    AUTO_FREE char *bin = NULL;
    if (code == ERR_OK) {
        code = bin_link(agent->work_dir, programs->helper, &bin, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct trial_env_config env = { .environ = (const char *const *)environ,
                                    .bin_dir = bin,
                                    .socket_path = agent->socket_path,
                                    .exe_path = programs->exe,
                                    .has_gpus = agent->resources.gpus_len > 0 };
    trial_env_init(&agent->env, &env);
    return ERR_OK;
}

static enum err_code
agent_open(struct agent *agent, const struct agent_config *config, struct err *err)
{
    struct programs programs = { 0 };
    enum err_code code = programs_find(config, &programs, err);
    if (code == ERR_OK) {
        code = fsx_mkdirs(config->work_dir, 0700, err);
    }
    if (code == ERR_OK) {
        code = fsx_real_path(config->work_dir, &agent->work_dir, err);
    }
    if (code == ERR_OK) {
        code = core_make(agent, config, programs.host, err);
    }
    if (code == ERR_OK) {
        code = processes_make(agent, &programs, err);
    }
    mem_free(programs.exe);
    mem_free(programs.helper);
    mem_free(programs.host);
    return code;
}

enum err_code agent_create(const struct agent_config *config,
                           struct agent **agent_out,
                           struct err *err)
{
    struct agent *agent = mem_alloc(sizeof *agent);
    agent->loop = config->loop;
    agent->samplers = config->samplers;
    agent->pruners = config->pruners;
    agent->notice = config->notice;
    agent->notice_ctx = config->notice_ctx;
    agent->lock_fd = -1;
    agent->listener.fd = -1;
    agent->predecessor.fd = -1;
    agent->timer_at = NO_TIMER;
    agent->io_buf = mem_alloc(OUTPUT_BUF_BYTES);
    agent->decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    list_init(&agent->clients);
    uv_timer_init(agent->loop, &agent->timer);
    uv_idle_init(agent->loop, &agent->later);
    agent->timer.data = agent;
    agent->later.data = agent;
    resources_settle(agent, config);
    enum err_code code = agent_open(agent, config, err);
    if (code != ERR_OK) {
        agent_close(agent, NULL, NULL);
        return code;
    }
    *agent_out = agent;
    return ERR_OK;
}
