/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c – translates between protobuf structs and the agent core's own.
 *
 * Owns nothing. Knows both vocabularies. Does not know sessions: what may be said when
 * is the core's affair. What comes in has passed the codec's checks of sizes and text.
 */
#include "agent/wire.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* ---- in ---------------------------------------------------------------------------
 */

static bool key_read(const Winnow__AttemptKey *from, struct attempt_key *key)
{
    if (from == NULL) {
        return false;
    }
    *key = (struct attempt_key){ from->sweep, from->trial, from->attempt };
    return key->attempt != 0;
}

static bool read_welcome(const Winnow__Welcome *message, struct wire_in *in)
{
    in->event.kind = AGENT_EV_WELCOME;
    in->verdicts = mem_alloc_array(message->n_verdicts, sizeof *in->verdicts);
    size_t len = 0;
    for (size_t i = 0; i < message->n_verdicts; i++) {
        const Winnow__Verdict *from = message->verdicts[i];
        struct agent_verdict *to = &in->verdicts[len];
        if (key_read(from->key, &to->key) && from->verdict >= AGENT_VERDICT_KEEP
            && from->verdict <= AGENT_VERDICT_FORGET) {
            to->verdict = (enum agent_verdict_kind)from->verdict;
            to->acked_seq = from->acked_seq;
            to->log_acked = from->log_acked;
            len++;
        }
    }
    in->event.as.welcome =
        (struct agent_ev_welcome){ .home_id = message->home_id,
                                   .lease_ms = message->lease_ms,
                                   .window_bytes = message->window_bytes,
                                   .log_window_bytes = message->log_window_bytes,
                                   .verdicts = in->verdicts,
                                   .verdicts_len = len };
    return message->home_id != NULL;
}

static bool read_assign(const Winnow__Assign *message, struct wire_in *in)
{
    struct agent_ev_assign *assign = &in->event.as.assign;
    in->event.kind = AGENT_EV_ASSIGN;
    *assign = (struct agent_ev_assign){ .x = message->params,
                                        .x_len = message->n_params,
                                        .prefetch = message->prefetch != 0,
                                        .fresh = message->fresh != 0,
                                        .revision = message->revision };
    for (size_t i = 0; i < message->n_gpus; i++) {
        if (message->gpus[i] >= GPUS_PER_AGENT_MAX) {
            return false;
        }
        assign->gpu_mask |= (uint64_t)1 << message->gpus[i];
    }
    /* It names folders, so it must be what it is said to be. */
    if (message->run_id == NULL || !run_id_is_valid(message->run_id)) {
        return false;
    }
    memcpy(assign->run_id.hex, message->run_id, sizeof assign->run_id.hex);
    return key_read(message->key, &assign->key);
}

static bool read_stop(const Winnow__Stop *message, struct wire_in *in)
{
    in->event.kind = AGENT_EV_STOP;
    if (message->reason >= STOP_REASON_NR) {
        return false;
    }
    in->event.as.stop =
        (struct agent_ev_stop){ .reason = (enum stop_reason)message->reason,
                                .only_unstarted = message->only_unstarted != 0,
                                .cause = message->cause };
    return key_read(message->key, &in->event.as.stop.key);
}

static bool read_limits(const Winnow__Limits *message, struct wire_in *in)
{
    size_t len = message->n_rung;
    if (message->n_step != len || message->n_value != len || message->rule == NULL
        || message->metric == NULL) {
        return false;
    }
    in->limits = mem_alloc_array(len, sizeof *in->limits);
    for (size_t i = 0; i < len; i++) {
        in->limits[i] = (struct limit){ .rung = message->rung[i],
                                        .step = message->step[i],
                                        .value = message->value[i] };
    }
    in->event.kind = AGENT_EV_LIMITS;
    in->event.as.limits = (struct limits){ .rule = message->rule,
                                           .metric = message->metric,
                                           .maximize = message->maximize != 0,
                                           .items = in->limits,
                                           .len = len };
    return key_read(message->key, &in->event.as.limits.key);
}

bool wire_read(const struct codec_message *message, struct wire_in *in)
{
    *in = (struct wire_in){ 0 };
    const Winnow__Envelope *env = message->env;
    switch (message->type) {
    case MSG_HELLO_WANTED:
        in->event.kind = AGENT_EV_HELLO_WANTED;
        return true;
    case MSG_WELCOME:
        return read_welcome(env->welcome, in);
    case MSG_REFUSE:
        in->event.kind = AGENT_EV_REFUSE;
        in->event.as.refuse_text =
            env->refuse->text != NULL ? env->refuse->text : "no reason given";
        return true;
    case MSG_ASSIGN:
        return read_assign(env->assign, in);
    case MSG_STOP:
        return read_stop(env->stop, in);
    case MSG_ACK:
        in->event.kind = AGENT_EV_ACK;
        in->event.as.ack.seq = env->ack->seq;
        in->event.as.ack.resend = env->ack->resend != 0;
        in->event.as.ack.drop_checkpoint = env->ack->drop_checkpoint != 0;
        return key_read(env->ack->key, &in->event.as.ack.key);
    case MSG_LOG_ACK:
        in->event.kind = AGENT_EV_LOG_ACK;
        in->event.as.log_ack.offset = env->log_ack->offset;
        return key_read(env->log_ack->key, &in->event.as.log_ack.key);
    case MSG_LIMITS:
        return read_limits(env->limits, in);
    case MSG_HELLO:
    case MSG_REPORT:
    case MSG_LOG:
    case MSG_HEARTBEAT:
    case MSG_BYE:
    case MSG_SWEEP:
    case MSG_REQUEST:
    case MSG_REPLY:
    case MSG_TYPE_NR:
        break;
    }
    return false;
}

void wire_in_fini(struct wire_in *in)
{
    mem_free(mem_take(&in->verdicts));
    mem_free(mem_take(&in->limits));
}

/* ---- out --------------------------------------------------------------------------
 */

/* Sets an optional scalar of a protobuf struct. */
#define PUT(message, field, value)                                                     \
    ((message)->has_##field = 1, (message)->field = (value))

static void key_write(Winnow__AttemptKey *to, struct attempt_key key)
{
    winnow__attempt_key__init(to);
    PUT(to, sweep, key.sweep);
    PUT(to, trial, key.trial);
    PUT(to, attempt, key.attempt);
}

/* protobuf-c wants pointers to writable text even for packing. */
static char *text_of(const char *text)
{
    char *out = NULL;
    memcpy(&out, &text, sizeof out);
    return out;
}

struct held_block {
    Winnow__Held held;
    Winnow__AttemptKey key;
};

static void held_write(struct held_block *block, const struct agent_held *held)
{
    winnow__held__init(&block->held);
    key_write(&block->key, held->key);
    block->held.key = &block->key;
    PUT(&block->held, started, held->started);
    PUT(&block->held, ended, held->ended);
    PUT(&block->held, next_seq, held->next_seq);
    PUT(&block->held, boot, held->boot);
}

enum err_code wire_hello(const struct agent_core_config *identity,
                         const char *home_id,
                         const struct agent_held *held,
                         size_t held_len,
                         uint8_t **data_out,
                         size_t *len_out)
{
    Winnow__Envelope env;
    Winnow__Hello hello;
    codec_init_hello(&env, &hello);
    hello.agent_id = text_of(identity->agent_id);
    hello.host = text_of(identity->host);
    hello.program = text_of(identity->program);
    PUT(&hello, boot, identity->boot);
    PUT(&hello, slots, identity->slots);
    PUT(&hello, cpus, identity->cpus);
    PUT(&hello, memory_bytes, identity->memory_bytes);
    PUT(&hello, pid, identity->pid);
    AUTO_FREE uint32_t *gpus =
        mem_dup(identity->gpus, identity->gpus_len * sizeof *gpus);
    hello.gpus = gpus;
    hello.n_gpus = identity->gpus_len;
    hello.home_id = held_len > 0 ? text_of(home_id) : NULL;
    AUTO_FREE struct held_block *blocks = mem_alloc_array(held_len, sizeof *blocks);
    AUTO_FREE Winnow__Held **list = mem_alloc_array(held_len, sizeof(void *));
    for (size_t i = 0; i < held_len; i++) {
        held_write(&blocks[i], &held[i]);
        list[i] = &blocks[i].held;
    }
    hello.held = list;
    hello.n_held = held_len;
    return codec_pack(&env, data_out, len_out, NULL);
}

enum err_code
wire_heartbeat(uint64_t boot, bool leaving, uint8_t **data_out, size_t *len_out)
{
    Winnow__Envelope env;
    Winnow__Heartbeat heartbeat;
    codec_init_heartbeat(&env, &heartbeat);
    PUT(&heartbeat, boot, boot);
    PUT(&heartbeat, leaving, leaving);
    return codec_pack(&env, data_out, len_out, NULL);
}

enum err_code wire_bye(const char *cause, uint8_t **data_out, size_t *len_out)
{
    Winnow__Envelope env;
    Winnow__Bye bye;
    codec_init_bye(&env, &bye);
    bye.cause = text_of(cause);
    return codec_pack(&env, data_out, len_out, NULL);
}

static void ended_write(Winnow__Ended *to, const struct agent_ended *from)
{
    winnow__ended__init(to);
    PUT(to, end, (uint32_t)from->end);
    PUT(to, time_ms, from->time_ms);
    PUT(to, exit_status, from->exit_status);
    PUT(to, signal, from->signal);
    to->cause = from->cause;
    PUT(to, user_cpu_ms, from->user_cpu_ms);
    PUT(to, system_cpu_ms, from->system_cpu_ms);
    PUT(to, max_rss_bytes, from->max_rss_bytes);
    PUT(to, points_thinned, from->points_thinned);
    PUT(to, names_refused, from->names_refused);
}

static void stopped_write(Winnow__StoppedBy *to, const struct agent_ended *from)
{
    winnow__stopped_by__init(to);
    to->rule = from->rule;
    PUT(to, rung, (int32_t)from->rung);
    PUT(to, step, from->step);
    PUT(to, value, from->value);
    PUT(to, threshold, from->threshold);
}

/* The report's point columns; times become offsets in `offsets`. */
static void
points_write(Winnow__Report *to, const struct agent_report *from, int64_t *offsets)
{
    if (from->points_len == 0) {
        return;
    }
    PUT(to, time_base_ms, from->point_time_ms[0]);
    for (size_t i = 0; i < from->points_len; i++) {
        offsets[i] = from->point_time_ms[i] - from->point_time_ms[0];
    }
    to->names = from->names;
    to->n_names = from->names_len;
    to->point_name = from->point_name;
    to->n_point_name = from->points_len;
    to->point_step = from->point_step;
    to->n_point_step = from->points_len;
    to->point_time_ms = offsets;
    to->n_point_time_ms = from->points_len;
    to->point_value = from->point_value;
    to->n_point_value = from->points_len;
}

enum err_code wire_report(const struct agent_report *report,
                          uint8_t **data_out,
                          size_t *len_out,
                          struct err *err)
{
    Winnow__Envelope env;
    Winnow__Report message;
    Winnow__AttemptKey key;
    Winnow__Started started = WINNOW__STARTED__INIT;
    Winnow__Ended ended;
    Winnow__StoppedBy stopped_by;
    codec_init_report(&env, &message);
    key_write(&key, report->key);
    message.key = &key;
    PUT(&message, first_seq, report->first_seq);
    if (report->has_started) {
        PUT(&started, time_ms, report->started.time_ms);
        PUT(&started, pid, report->started.pid);
        PUT(&started, resumed, report->started.resumed);
        message.started = &started;
    }
    AUTO_FREE int64_t *offsets = mem_alloc_array(report->points_len, sizeof *offsets);
    points_write(&message, report, offsets);
    AUTO_FREE Winnow__Note *notes = mem_alloc_array(report->notes_len, sizeof *notes);
    AUTO_FREE Winnow__Note **list = mem_alloc_array(report->notes_len, sizeof(void *));
    for (size_t i = 0; i < report->notes_len; i++) {
        winnow__note__init(&notes[i]);
        PUT(&notes[i], kind, (uint32_t)report->notes[i].kind);
        notes[i].name = report->notes[i].name;
        notes[i].value = report->notes[i].value;
        list[i] = &notes[i];
    }
    message.notes = list;
    message.n_notes = report->notes_len;
    if (report->has_ended) {
        ended_write(&ended, &report->ended);
        message.ended = &ended;
    }
    if (report->has_ended && report->ended.rule != NULL) {
        stopped_write(&stopped_by, &report->ended);
        ended.stopped_by = &stopped_by;
    }
    if (report->judged) {
        PUT(&message, judged, 1);
    }
    return codec_pack(&env, data_out, len_out, err);
}

enum err_code wire_log(struct attempt_key key,
                       uint64_t offset,
                       struct str data,
                       uint8_t **data_out,
                       size_t *len_out)
{
    Winnow__Envelope env;
    Winnow__Log log;
    Winnow__AttemptKey name;
    codec_init_log(&env, &log);
    key_write(&name, key);
    log.key = &name;
    PUT(&log, offset, offset);
    log.has_data = 1;
    memcpy(&log.data.data, &data.ptr, sizeof log.data.data);
    log.data.len = data.len;
    return codec_pack(&env, data_out, len_out, NULL);
}
