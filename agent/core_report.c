/* SPDX-License-Identifier: Apache-2.0 */
/* core_report.c – what an attempt has to say, until the coordinator has it on disk.
 *
 * Owns: the gathering of entries into reports, sequence numbers, which reports and
 * which pieces of logs are out, the credit windows, sending again (go-back-N). Knows:
 * nothing of an attempt's life but "ended". Does not know: bytes on disk or on the
 * wire; sizes are estimates that err upwards.
 *
 * Gathering: with nothing of the attempt unacknowledged an entry makes a report at once
 * ("started" alone lingers a moment for company); else entries gather until everything
 * before is acknowledged, the report is full, or AGENT_GATHER_MS have passed. */
#include "agent/agent_core_internal.h"

#include "base/limits.h"

#include <string.h>

enum {
    BYTES_REPORT = 48,
    BYTES_STARTED = 16,
    BYTES_POINT = 24,
    BYTES_NOTE = 16,
    BYTES_ENDED = 80,
    BYTES_STOPPED = 48,
};

/* ---- gathering --------------------------------------------------------------------
 */

static bool batch_is_empty(const struct batch *batch)
{
    return !batch->has_started && !batch->has_ended && batch->point_name.len == 0
           && batch->notes.len == 0;
}

static uint64_t batch_entries(const struct batch *batch)
{
    return (uint64_t)batch->has_started + batch->point_name.len + batch->notes.len
           + (uint64_t)batch->has_ended;
}

static void batch_fini(struct batch *batch)
{
    for (size_t i = 0; i < batch->names.len; i++) {
        mem_free(batch->names.ptr[i]);
    }
    for (size_t i = 0; i < batch->notes.len; i++) {
        mem_free(batch->notes.ptr[i].name);
        mem_free(batch->notes.ptr[i].value);
    }
    vec_fini(&batch->names);
    vec_fini(&batch->point_name);
    vec_fini(&batch->point_step);
    vec_fini(&batch->point_time_ms);
    vec_fini(&batch->point_value);
    vec_fini(&batch->notes);
    mem_free(batch->ended.cause);
    mem_free(batch->ended.rule);
    *batch = (struct batch){ 0 };
}

/* Index of the name in the batch, added if new. Points of one line repeat in the same
 * order, so the search begins behind the last hit. */
static uint32_t batch_name(struct batch *batch, const char *name)
{
    size_t len = batch->names.len;
    for (size_t i = 0; i < len; i++) {
        size_t at = (batch->name_last + 1 + i) % len;
        if (strcmp(batch->names.ptr[at], name) == 0) {
            batch->name_last = at;
            return (uint32_t)at;
        }
    }
    vec_push(&batch->names, mem_strdup(name));
    batch->name_last = len;
    batch->bytes += strlen(name) + 3;
    return (uint32_t)len;
}

static bool batch_is_full(const struct batch *batch)
{
    return batch->point_name.len >= AGENT_REPORT_POINTS_MAX
           || batch->bytes >= AGENT_REPORT_BYTES_MAX;
}

/* Moves the batch into a report of its own. */
static struct agent_report *batch_take(struct attempt *attempt)
{
    struct batch *batch = &attempt->batch;
    struct agent_report *report = mem_alloc(sizeof *report);
    report->key = attempt->key;
    report->run_id = attempt->run_id;
    report->boot = attempt->boot;
    report->first_seq = attempt->next_seq;
    report->has_started = batch->has_started;
    report->started = batch->started;
    report->names = batch->names.ptr;
    report->names_len = batch->names.len;
    report->point_name = batch->point_name.ptr;
    report->point_step = batch->point_step.ptr;
    report->point_time_ms = batch->point_time_ms.ptr;
    report->point_value = batch->point_value.ptr;
    report->points_len = batch->point_name.len;
    report->notes = batch->notes.ptr;
    report->notes_len = batch->notes.len;
    report->has_ended = batch->has_ended;
    report->ended = batch->ended;
    report->judged = attempt->limits.judged;
    *batch = (struct batch){ 0 };
    return report;
}

void agent_report_destroy(struct agent_report *report)
{
    if (report == NULL) {
        return;
    }
    for (size_t i = 0; i < report->names_len; i++) {
        mem_free(report->names[i]);
    }
    for (size_t i = 0; i < report->notes_len; i++) {
        mem_free(report->notes[i].name);
        mem_free(report->notes[i].value);
    }
    mem_free(report->names);
    mem_free(report->point_name);
    mem_free(report->point_step);
    mem_free(report->point_time_ms);
    mem_free(report->point_value);
    mem_free(report->notes);
    mem_free(report->ended.cause);
    mem_free(report->ended.rule);
    mem_free(report);
}

/* ---- reports ----------------------------------------------------------------------
 */

static void sender_update(struct agent_core *core, struct attempt *attempt)
{
    bool wanted = attempt->next_send != NULL && core->session == SESSION_READY;
    bool linked = list_node_is_linked(&attempt->send_node);
    if (wanted && !linked) {
        list_add_tail(&core->senders, &attempt->send_node);
    } else if (!wanted && linked) {
        list_remove(&core->senders, &attempt->send_node);
    }
}

static void
unacked_add(struct agent_core *core, struct attempt *attempt, struct unacked *unacked)
{
    if (list_is_empty(&attempt->reports)) {
        attempt->silent_since = core->now.ns;
    }
    list_add_tail(&attempt->reports, &unacked->node);
    core->spool_bytes += unacked->bytes;
    if (attempt->next_send == NULL) {
        attempt->next_send = unacked;
    }
    sender_update(core, attempt);
}

void report_close(struct agent_core *core, struct attempt *attempt)
{
    struct batch *batch = &attempt->batch;
    attempt->flush_at = NEVER;
    if (batch_is_empty(batch)) {
        return;
    }
    struct unacked *unacked = mem_alloc(sizeof *unacked);
    unacked->id = ++core->spool_id_last;
    unacked->first_seq = attempt->next_seq;
    unacked->last_seq = attempt->next_seq + batch_entries(batch) - 1;
    unacked->bytes = batch->bytes + BYTES_REPORT;
    struct agent_effect *effect = core_effect(core, AGENT_FX_SPOOL_APPEND);
    effect->id = unacked->id;
    effect->as.report = batch_take(attempt);
    attempt->next_seq = unacked->last_seq + 1;
    unacked_add(core, attempt, unacked);
}

void report_consider(struct agent_core *core, struct attempt *attempt)
{
    struct batch *batch = &attempt->batch;
    if (batch_is_empty(batch)) {
        return;
    }
    bool quiet = core->session == SESSION_READY && list_is_empty(&attempt->reports);
    bool alone = batch->has_started && batch->point_name.len == 0
                 && batch->notes.len == 0 && !batch->has_ended;
    if (batch->has_ended || batch_is_full(batch) || (quiet && !alone)) {
        report_close(core, attempt);
    } else if (attempt->flush_at == NEVER) {
        attempt->flush_at =
            core_in(core, quiet ? AGENT_STARTED_LINGER_MS : AGENT_GATHER_MS);
    }
    core_arm(core, attempt);
}

void report_started(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_ev_started *ev)
{
    attempt->batch.has_started = true;
    attempt->batch.started = (struct agent_started){ .time_ms = core->wall.ms,
                                                     .pid = ev->pid,
                                                     .resumed = ev->resumed };
    attempt->batch.bytes += BYTES_STARTED;
    report_consider(core, attempt);
}

/* False: the spool is so full that this point is left out. */
static bool point_fits(struct agent_core *core, struct attempt *attempt)
{
    uint64_t max = core->config.spool_bytes_max;
    if (core->spool_bytes < max - max / 4) {
        return true;
    }
    bool tenth = attempt->points_seen_full++ % 10 == 0;
    if (core->spool_bytes < max && tenth) {
        return true;
    }
    attempt->points_thinned++;
    return false;
}

void report_points(struct agent_core *core,
                   struct attempt *attempt,
                   const struct agent_ev_points *ev)
{
    struct batch *batch = &attempt->batch;
    for (size_t i = 0; i < ev->len; i++) {
        const struct agent_point *point = &ev->points[i];
        if (!point_fits(core, attempt)) {
            continue;
        }
        uint32_t name = batch_name(batch, point->name);
        vec_push(&batch->point_name, name);
        vec_push(&batch->point_step, point->step);
        vec_push(&batch->point_time_ms, point->time_ms);
        vec_push(&batch->point_value, point->value);
        batch->bytes += BYTES_POINT;
        if (batch_is_full(batch)) {
            report_close(core, attempt);
        }
    }
    if (ev->flush) {
        report_close(core, attempt);
    }
    report_consider(core, attempt);
    core_arm(core, attempt);
}

void report_note(struct agent_core *core,
                 struct attempt *attempt,
                 const struct agent_ev_note *ev)
{
    struct agent_note note = { .kind = ev->kind,
                               .name = mem_strdup(ev->name),
                               .value = mem_strdup(ev->value) };
    vec_push(&attempt->batch.notes, note);
    attempt->batch.bytes += BYTES_NOTE + strlen(ev->name) + strlen(ev->value);
    report_close(core, attempt);
    core_arm(core, attempt);
}

void report_ended(struct agent_core *core,
                  struct attempt *attempt,
                  const struct agent_ended *ended)
{
    ASSERT(!attempt->batch.has_ended);
    attempt->batch.has_ended = true;
    attempt->batch.ended = *ended;
    attempt->batch.ended.points_thinned = attempt->points_thinned;
    attempt->batch.bytes +=
        BYTES_ENDED + (ended->cause != NULL ? strlen(ended->cause) : 0)
        + (ended->rule != NULL ? BYTES_STOPPED + strlen(ended->rule) : 0);
    report_close(core, attempt);
    core_arm(core, attempt);
}

void report_restore(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_ev_restored *ev)
{
    struct unacked *unacked = mem_alloc(sizeof *unacked);
    unacked->id = ev->id;
    unacked->first_seq = ev->first_seq;
    unacked->last_seq = ev->last_seq;
    unacked->bytes = ev->bytes;
    attempt->next_seq = ev->last_seq + 1;
    unacked_add(core, attempt, unacked);
}

/* ---- acknowledgement --------------------------------------------------------------
 */

/* Something is out: it must be acknowledged some day. */
static void resend_arm(struct agent_core *core, struct attempt *attempt, bool progress)
{
    struct list_node *first = list_first(&attempt->reports);
    bool out = attempt->log_sent > attempt->log_acked
               || (first != NULL && container_of(first, struct unacked, node)->sent);
    if (!out) {
        attempt->resend_at = NEVER;
    } else if (progress || attempt->resend_at == NEVER) {
        attempt->resend_at = core_in(core, AGENT_RESEND_MS);
    }
    core_arm(core, attempt);
}

static void
unacked_drop(struct agent_core *core, struct attempt *attempt, struct unacked *unacked)
{
    if (attempt->next_send == unacked) {
        struct list_node *next = list_next(&attempt->reports, &unacked->node);
        attempt->next_send =
            next != NULL ? container_of(next, struct unacked, node) : NULL;
    }
    list_remove(&attempt->reports, &unacked->node);
    core->spool_bytes -= unacked->bytes;
    if (unacked->sent) {
        core->inflight_bytes -= unacked->bytes;
    }
    core_effect(core, AGENT_FX_SPOOL_TRIM)->id = unacked->id;
    mem_free(unacked);
}

void report_ack(struct agent_core *core, struct attempt *attempt, uint64_t seq)
{
    bool progress = false;
    for (struct list_node *node = list_first(&attempt->reports); node != NULL;
         node = list_first(&attempt->reports)) {
        struct unacked *unacked = container_of(node, struct unacked, node);
        if (unacked->last_seq > seq) {
            break;
        }
        unacked_drop(core, attempt, unacked);
        progress = true;
    }
    if (seq > attempt->acked_seq && seq < attempt->next_seq) {
        attempt->acked_seq = seq;
    }
    sender_update(core, attempt);
    if (progress) {
        attempt->silent_since = core->now.ns;
        resend_arm(core, attempt, true);
        report_consider(core, attempt);
    }
}

void report_rewind(struct agent_core *core, struct attempt *attempt)
{
    LIST_FOREACH (node, &attempt->reports) {
        struct unacked *unacked = container_of(node, struct unacked, node);
        if (unacked->sent) {
            unacked->sent = false;
            core->inflight_bytes -= unacked->bytes;
        }
    }
    struct list_node *first = list_first(&attempt->reports);
    attempt->next_send =
        first != NULL ? container_of(first, struct unacked, node) : NULL;
    sender_update(core, attempt);
    resend_arm(core, attempt, false);
}

void report_drop_all(struct agent_core *core, struct attempt *attempt)
{
    for (struct list_node *node = list_first(&attempt->reports); node != NULL;
         node = list_first(&attempt->reports)) {
        unacked_drop(core, attempt, container_of(node, struct unacked, node));
    }
    batch_fini(&attempt->batch);
    sender_update(core, attempt);
    core->log_inflight_bytes -= attempt->log_sent - attempt->log_acked;
    attempt->log_size = 0;
    attempt->log_sent = 0;
    attempt->log_acked = 0;
    if (list_node_is_linked(&attempt->log_node)) {
        list_remove(&core->loggers, &attempt->log_node);
    }
    attempt->flush_at = NEVER;
    attempt->resend_at = NEVER;
}

/* ---- logs -------------------------------------------------------------------------
 */

/* A piece goes out when nothing of this log is out, or when it is worth it. */
static void logger_update(struct agent_core *core, struct attempt *attempt)
{
    uint64_t waiting = attempt->log_size - attempt->log_sent;
    bool quiet = attempt->log_sent == attempt->log_acked;
    bool wanted = core->session == SESSION_READY && waiting > 0
                  && (quiet || waiting >= AGENT_LOG_PIECE_MAX / 4
                      || attempt->state == ATTEMPT_ENDED);
    bool linked = list_node_is_linked(&attempt->log_node);
    if (wanted && !linked) {
        list_add_tail(&core->loggers, &attempt->log_node);
    } else if (!wanted && linked) {
        list_remove(&core->loggers, &attempt->log_node);
    }
}

void log_grew(struct agent_core *core, struct attempt *attempt, uint64_t size)
{
    if (size > attempt->log_size) {
        attempt->log_size = size;
    }
    logger_update(core, attempt);
}

void log_ack(struct agent_core *core, struct attempt *attempt, uint64_t offset)
{
    if (offset <= attempt->log_acked || offset > attempt->log_size) {
        return;
    }
    uint64_t out = attempt->log_sent - attempt->log_acked;
    attempt->log_acked = offset;
    if (attempt->log_sent < offset) {
        attempt->log_sent = offset;
    }
    core->log_inflight_bytes -= out;
    core->log_inflight_bytes += attempt->log_sent - attempt->log_acked;
    attempt->log_rewinds = 0;
    logger_update(core, attempt);
    resend_arm(core, attempt, true);
}

void log_rewind(struct agent_core *core, struct attempt *attempt)
{
    core->log_inflight_bytes -= attempt->log_sent - attempt->log_acked;
    attempt->log_sent = attempt->log_acked;
    logger_update(core, attempt);
    resend_arm(core, attempt, false);
}

/* ---- sending ----------------------------------------------------------------------
 */

static void pump_reports(struct agent_core *core)
{
    while (!list_is_empty(&core->senders)) {
        struct list_node *node = list_first(&core->senders);
        struct attempt *attempt = container_of(node, struct attempt, send_node);
        struct unacked *unacked = attempt->next_send;
        if (core->inflight_bytes > 0
            && core->inflight_bytes + unacked->bytes > core->window_bytes) {
            return;
        }
        list_remove(&core->senders, node);
        core_effect(core, AGENT_FX_REPORT_SEND)->id = unacked->id;
        unacked->sent = true;
        core->inflight_bytes += unacked->bytes;
        struct list_node *next = list_next(&attempt->reports, &unacked->node);
        attempt->next_send =
            next != NULL ? container_of(next, struct unacked, node) : NULL;
        sender_update(core, attempt);
        resend_arm(core, attempt, false);
        core_said(core);
    }
}

static void pump_logs(struct agent_core *core)
{
    while (!list_is_empty(&core->loggers)) {
        if (core->log_inflight_bytes >= core->log_window_bytes) {
            return;
        }
        uint64_t room = core->log_window_bytes - core->log_inflight_bytes;
        struct list_node *node = list_first(&core->loggers);
        struct attempt *attempt = container_of(node, struct attempt, log_node);
        uint64_t len = attempt->log_size - attempt->log_sent;
        len = len < AGENT_LOG_PIECE_MAX ? len : AGENT_LOG_PIECE_MAX;
        len = len < room ? len : room;
        struct agent_effect *effect = core_effect(core, AGENT_FX_LOG_SEND);
        effect->serial = attempt->serial;
        effect->key = attempt->key;
        effect->as.log_send.run_id = attempt->run_id;
        effect->as.log_send.offset = attempt->log_sent;
        effect->as.log_send.len = (size_t)len;
        attempt->log_sent += len;
        core->log_inflight_bytes += len;
        list_remove(&core->loggers, node);
        logger_update(core, attempt);
        resend_arm(core, attempt, false);
        core_said(core);
    }
}

void report_pump(struct agent_core *core)
{
    if (core->session == SESSION_READY) {
        pump_reports(core);
        pump_logs(core);
    }
}
