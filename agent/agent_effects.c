/* SPDX-License-Identifier: Apache-2.0 */
/* agent_effects.c – carries out what the core asks for.
 *
 * Owns nothing. Knows wire, spool, trials and transport by their calls. Decides
 * nothing: what goes wrong here is said in the log, and the core's own rules (sending
 * again, limits) deal with it. */
#include "agent/agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/identity.h"
#include "agent/wire.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"

/* Points are thinned beyond this when the disk takes no more: reports live in memory.
 */
#define SPOOL_MEMORY_BYTES_MAX ((uint64_t)64 * 1024 * 1024)

/* Takes data. */
static void send_frame(struct agent *agent, uint8_t *data, size_t len)
{
    if (agent->peer == 0 || agent->transport == NULL) {
        mem_free(data);
        return;
    }
    enum err_code code = transport_send(agent->transport, agent->peer, data, len);
    if (code != ERR_OK) {
        log_warn("send.failed", "reason=\"%s\"", err_text(code));
    }
}

/* Takes data if code is ERR_OK. */
static void
send_packed(struct agent *agent, enum err_code code, uint8_t *data, size_t len)
{
    if (code == ERR_OK) {
        send_frame(agent, data, len);
    } else {
        log_error("pack.failed", "reason=\"%s\"", err_text(code));
    }
}

static void fx_hello(struct agent *agent, const struct agent_effect *effect)
{
    const struct agent_core_config *identity = agent_core_identity(agent->core);
    uint8_t *data = NULL;
    size_t len = 0;
    enum err_code code = wire_hello(identity, identity->home_id, effect->as.hello.held,
                                    effect->as.hello.held_len, &data, &len);
    send_packed(agent, code, data, len);
}

static void fx_spool_append(struct agent *agent, const struct agent_effect *effect)
{
    const struct agent_report *report = effect->as.report;
    struct err err = { 0 };
    mem_free(mem_take(&agent->packed));
    if (wire_report(report, &agent->packed, &agent->packed_len, &err) != ERR_OK) {
        log_error("report.pack_failed", "reason=\"%s\"", err.msg);
        return;
    }
    agent->packed_id = effect->id;
    uint64_t entries = (uint64_t)report->has_started + report->points_len
                       + report->notes_len + (uint64_t)report->has_ended;
    struct spool_meta meta = { .key = report->key,
                               .run_id = report->run_id,
                               .boot = report->boot,
                               .first_seq = report->first_seq,
                               .last_seq = report->first_seq + entries - 1,
                               .has_started = report->has_started,
                               .has_ended = report->has_ended };
    if (spool_append(agent->spool, effect->id, &meta, agent->packed, agent->packed_len,
                     &err)
            != ERR_OK
        && !agent->spool_failed) {
        agent->spool_failed = true;
        agent_core_limit_spool(agent->core, SPOOL_MEMORY_BYTES_MAX);
        log_warn("spool.write_failed", "reason=\"%s\" kept=memory", err.msg);
    }
}

static void fx_report_send(struct agent *agent, uint64_t id)
{
    if (agent->packed != NULL && agent->packed_id == id) {
        send_frame(agent, mem_take(&agent->packed), agent->packed_len);
        return;
    }
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    if (spool_read(agent->spool, id, &data, &len, &err) != ERR_OK) {
        log_error("spool.read_failed", "reason=\"%s\"", err.msg);
        return;
    }
    send_frame(agent, data, len);
}

/* The log of an attempt that an earlier process of this agent ran. */
static ssize_t old_log_read(struct agent *agent,
                            const struct agent_effect *effect,
                            char *bytes,
                            size_t n)
{
    AUTO_FREE char *name =
        attempt_name(&effect->as.log_send.run_id, effect->key.attempt);
    AUTO_FREE char *path = agent_path(agent, "logs", name);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    do {
        got = fd < 0 ? -1 : pread(fd, bytes, n, (off_t)effect->as.log_send.offset);
    } while (fd >= 0 && got < 0 && errno == EINTR);
    return got;
}

static void fx_log_send(struct agent *agent, const struct agent_effect *effect)
{
    const struct trial *trial = map_u64_get(&agent->trials, effect->serial);
    uint64_t offset = effect->as.log_send.offset;
    size_t want = effect->as.log_send.len;
    AUTO_FREE char *buf = mem_alloc(want);
    ssize_t n = trial != NULL ? trial_log_read(&trial->log, offset, buf, want)
                              : old_log_read(agent, effect, buf, want);
    if (n > 0) {
        uint8_t *data = NULL;
        size_t len = 0;
        enum err_code code =
            wire_log(effect->key, offset, str_from_n(buf, (size_t)n), &data, &len);
        send_packed(agent, code, data, len);
    }
}

static void fx_small(struct agent *agent, const struct agent_effect *effect)
{
    uint8_t *data = NULL;
    size_t len = 0;
    enum err_code code =
        effect->kind == AGENT_FX_BYE
            ? wire_bye(effect->as.text, &data, &len)
            : wire_heartbeat(agent->boot, effect->as.leaving, &data, &len);
    send_packed(agent, code, data, len);
}

static void fx_home(struct agent *agent, const char *home_id)
{
    struct err err = { 0 };
    if (identity_set_home(agent->work_dir, home_id, &err) != ERR_OK) {
        log_warn("home.write_failed", "reason=\"%s\"", err.msg);
    }
}

static void tell(struct agent *agent, enum agent_notice notice, const char *text)
{
    if (agent->notice != NULL) {
        agent->notice(agent->notice_ctx, notice, text);
    }
}

void agent_carry_out(struct agent *agent, struct agent_effect *effect)
{
    switch (effect->kind) {
    case AGENT_FX_HELLO:
        fx_hello(agent, effect);
        return;
    case AGENT_FX_HEARTBEAT:
    case AGENT_FX_BYE:
        fx_small(agent, effect);
        return;
    case AGENT_FX_START:
        trial_start(agent, effect);
        return;
    case AGENT_FX_TERM:
        trial_term(agent, effect->serial, effect->as.grace_ms);
        return;
    case AGENT_FX_KILL:
        trial_kill(agent, effect->serial);
        return;
    case AGENT_FX_SPOOL_APPEND:
        fx_spool_append(agent, effect);
        return;
    case AGENT_FX_REPORT_SEND:
        fx_report_send(agent, effect->id);
        return;
    case AGENT_FX_SPOOL_TRIM:
        spool_trim(agent->spool, effect->id);
        return;
    case AGENT_FX_LOG_SEND:
        fx_log_send(agent, effect);
        return;
    case AGENT_FX_FORGET:
        trial_forget(agent, effect);
        return;
    case AGENT_FX_HOME:
        fx_home(agent, effect->as.text);
        return;
    case AGENT_FX_READY:
        log_info("session.ready", "home=%s", effect->as.text);
        tell(agent, AGENT_NOTICE_READY, effect->as.text);
        return;
    case AGENT_FX_REFUSED:
        log_warn("session.refused", "reason=\"%s\"", effect->as.text);
        tell(agent, AGENT_NOTICE_REFUSED, effect->as.text);
        return;
    case AGENT_FX_NOTE:
        log_info("agent.note", "text=\"%s\"", effect->as.text);
        return;
    case AGENT_FX_EXIT:
        agent->exited = true;
        return;
    case AGENT_FX_NR:
        break;
    }
    UNREACHABLE();
}
