/* SPDX-License-Identifier: Apache-2.0 */
/* wire_send.c – what the coordinator says, as frames.
 *
 * Owns: nothing. Knows: the fields of each message, on both sides. Does not know: who
 * gets it. Envelope and body live on the stack; a frame is the only allocation. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "coordinator/wire.h"

/* Generated structs have no const; codec_pack only reads. */
static char *pb_text(const char *text)
{
    char *out = NULL;
    memcpy(&out, &text, sizeof out);
    return out;
}

static Winnow__AttemptKey *key_write(struct attempt_key key, Winnow__AttemptKey *out)
{
    winnow__attempt_key__init(out);
    out->has_sweep = 1;
    out->sweep = key.sweep;
    out->has_trial = 1;
    out->trial = key.trial;
    out->has_attempt = 1;
    out->attempt = key.attempt;
    return out;
}

/* One verdict with all that it points to, so that they are one allocation. */
struct verdict_out {
    Winnow__Verdict verdict;
    Winnow__AttemptKey key;
};

static void verdict_write(const struct verdict *from, struct verdict_out *out)
{
    winnow__verdict__init(&out->verdict);
    out->verdict.key = key_write(from->key, &out->key);
    out->verdict.has_verdict = 1;
    out->verdict.verdict = (uint32_t)from->verdict;
    out->verdict.has_acked_seq = 1;
    out->verdict.acked_seq = from->acked_seq;
    out->verdict.has_log_acked = 1;
    out->verdict.log_acked = from->log_acked;
}

static enum err_code pack_welcome(const struct wire *wire,
                                  const struct msg_welcome *from,
                                  uint8_t **data_out,
                                  size_t *len_out,
                                  struct err *err)
{
    Winnow__Envelope env;
    Winnow__Welcome body;
    codec_init_welcome(&env, &body);
    size_t len = from->verdicts_len;
    AUTO_FREE struct verdict_out *verdicts = mem_alloc_array(len, sizeof *verdicts);
    AUTO_FREE Winnow__Verdict **pointers = mem_alloc_array(len, sizeof(void *));
    for (size_t i = 0; i < len; i++) {
        verdict_write(&from->verdicts[i], &verdicts[i]);
        pointers[i] = &verdicts[i].verdict;
    }
    body.home_id = pb_text(wire->home_id);
    body.has_lease_ms = 1;
    body.lease_ms = wire->lease_ms;
    body.has_window_bytes = 1;
    body.window_bytes = WIRE_WINDOW_BYTES;
    body.has_log_window_bytes = 1;
    body.log_window_bytes = WIRE_LOG_WINDOW_BYTES;
    body.n_verdicts = len;
    body.verdicts = pointers;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_refuse(const struct msg_refuse *from,
                                 uint8_t **data_out,
                                 size_t *len_out,
                                 struct err *err)
{
    Winnow__Envelope env;
    Winnow__Refuse body;
    codec_init_refuse(&env, &body);
    body.has_code = 1;
    body.code = (uint32_t)from->code;
    body.text = from->text;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_sweep(const struct msg_sweep *from,
                                uint8_t **data_out,
                                size_t *len_out,
                                struct err *err)
{
    Winnow__Envelope env;
    Winnow__Sweep body;
    codec_init_sweep(&env, &body);
    body.has_sweep = 1;
    body.sweep = from->sweep;
    body.has_revision = 1;
    body.revision = from->revision;
    body.sweep_id = pb_text(from->sweep_id);
    body.name = pb_text(from->name);
    body.spec = pb_text(from->spec);
    body.directory = pb_text(from->directory);
    body.mlproject = pb_text(from->mlproject);
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_assign(struct wire *wire,
                                 const struct msg_assign *from,
                                 uint8_t **data_out,
                                 size_t *len_out,
                                 struct err *err)
{
    Winnow__Envelope env;
    Winnow__Assign body;
    Winnow__AttemptKey key;
    struct run_id run_id = from->run_id;
    uint32_t gpus[GPUS_PER_AGENT_MAX];
    codec_init_assign(&env, &body);
    body.key = key_write(from->key, &key);
    body.run_id = run_id.hex;
    vec_reset(&wire->params);
    vec_reserve(&wire->params, from->x_len);
    for (size_t i = 0; i < from->x_len; i++) {
        vec_push(&wire->params, from->x[i]);
    }
    body.n_params = from->x_len;
    body.params = wire->params.ptr;
    for (uint32_t i = 0; i < GPUS_PER_AGENT_MAX; i++) {
        if ((from->gpu_mask >> i & 1u) != 0) {
            gpus[body.n_gpus++] = i;
        }
    }
    body.gpus = gpus;
    body.has_prefetch = from->prefetch;
    body.prefetch = from->prefetch;
    body.has_fresh = from->fresh;
    body.fresh = from->fresh;
    body.has_revision = 1;
    body.revision = from->revision;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_stop(const struct msg_stop *from,
                               uint8_t **data_out,
                               size_t *len_out,
                               struct err *err)
{
    Winnow__Envelope env;
    Winnow__Stop body;
    Winnow__AttemptKey key;
    codec_init_stop(&env, &body);
    body.key = key_write(from->key, &key);
    body.has_reason = 1;
    body.reason = (uint32_t)from->reason;
    body.has_only_unstarted = from->only_unstarted;
    body.only_unstarted = from->only_unstarted;
    body.cause = from->cause;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_ack(const struct msg_ack *from,
                              uint8_t **data_out,
                              size_t *len_out,
                              struct err *err)
{
    Winnow__Envelope env;
    Winnow__Ack body;
    Winnow__AttemptKey key;
    codec_init_ack(&env, &body);
    body.key = key_write(from->key, &key);
    body.has_seq = 1;
    body.seq = from->seq;
    body.has_resend = from->resend;
    body.resend = from->resend;
    body.has_drop_checkpoint = from->drop_checkpoint;
    body.drop_checkpoint = from->drop_checkpoint;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_log_ack(const struct msg_log_ack *from,
                                  uint8_t **data_out,
                                  size_t *len_out,
                                  struct err *err)
{
    Winnow__Envelope env;
    Winnow__LogAck body;
    Winnow__AttemptKey key;
    codec_init_log_ack(&env, &body);
    body.key = key_write(from->key, &key);
    body.has_offset = 1;
    body.offset = from->offset;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code pack_limits(const struct limits *from,
                                 uint8_t **data_out,
                                 size_t *len_out,
                                 struct err *err)
{
    Winnow__Envelope env;
    Winnow__Limits body;
    Winnow__AttemptKey key;
    size_t len = from->len;
    AUTO_FREE uint32_t *rungs = mem_alloc_array(len, sizeof *rungs);
    AUTO_FREE int64_t *steps = mem_alloc_array(len, sizeof *steps);
    AUTO_FREE double *values = mem_alloc_array(len, sizeof *values);
    codec_init_limits(&env, &body);
    for (size_t i = 0; i < len; i++) {
        rungs[i] = from->items[i].rung;
        steps[i] = from->items[i].step;
        values[i] = from->items[i].value;
    }
    body.key = key_write(from->key, &key);
    body.rule = pb_text(from->rule);
    body.metric = pb_text(from->metric);
    body.has_maximize = from->maximize;
    body.maximize = from->maximize;
    body.n_rung = len;
    body.rung = rungs;
    body.n_step = len;
    body.step = steps;
    body.n_value = len;
    body.value = values;
    return codec_pack(&env, data_out, len_out, err);
}

static enum err_code
pack_hello_wanted(uint8_t **data_out, size_t *len_out, struct err *err)
{
    Winnow__Envelope env;
    Winnow__HelloWanted body;
    codec_init_hello_wanted(&env, &body);
    return codec_pack(&env, data_out, len_out, err);
}

enum err_code wire_pack(struct wire *wire,
                        const struct message *message,
                        uint8_t **data_out,
                        size_t *len_out,
                        struct err *err)
{
    switch (message->kind) {
    case TO_AGENT_HELLO_WANTED:
        return pack_hello_wanted(data_out, len_out, err);
    case TO_AGENT_WELCOME:
        return pack_welcome(wire, &message->as.welcome, data_out, len_out, err);
    case TO_AGENT_REFUSE:
        return pack_refuse(&message->as.refuse, data_out, len_out, err);
    case TO_AGENT_SWEEP:
        return pack_sweep(&message->as.sweep, data_out, len_out, err);
    case TO_AGENT_ASSIGN:
        return pack_assign(wire, &message->as.assign, data_out, len_out, err);
    case TO_AGENT_STOP:
        return pack_stop(&message->as.stop, data_out, len_out, err);
    case TO_AGENT_ACK:
        return pack_ack(&message->as.ack, data_out, len_out, err);
    case TO_AGENT_LOG_ACK:
        return pack_log_ack(&message->as.log_ack, data_out, len_out, err);
    case TO_AGENT_LIMITS:
        return pack_limits(&message->as.limits, data_out, len_out, err);
    case TO_AGENT_NR:
        break;
    }
    UNREACHABLE();
}

enum err_code
wire_pack_reply(const struct wire_reply *reply, uint8_t **data_out, size_t *len_out)
{
    Winnow__Envelope env;
    Winnow__Reply body;
    codec_init_reply(&env, &body);
    body.has_id = 1;
    body.id = reply->id;
    body.has_code = 1;
    body.code = (uint32_t)reply->code;
    body.has_data = 1;
    body.data.data = (uint8_t *)pb_text(reply->data);
    body.data.len = reply->len;
    body.has_more = reply->more;
    body.more = reply->more;
    return codec_pack(&env, data_out, len_out, NULL);
}
