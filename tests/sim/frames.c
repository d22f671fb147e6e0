/* SPDX-License-Identifier: Apache-2.0 */
/* frames.c – messages as bytes.
 * Owns a decoder and translations of each side. Knows which function of the real
 * program makes which frame. Does not know what a message is for. */
#include "tests/sim/frames.h"

#include <string.h>

#include "agent/wire.h"
#include "base/mem.h"
#include "coordinator/wire.h"
#include "proto/codec.h"
#include "tests/sim/coord.h"

#define SPOILT_BYTES_MAX 4

struct frames {
    struct rng rng;
    struct codec_decoder *at_coord, *at_agent, *of_spoilt;
    struct wire wire, wire_of_spoilt;
    struct wire_in in;
};

struct frames *frames_create(struct sim *sim)
{
    struct frames *frames = mem_alloc(sizeof *frames);
    frames->rng = sim_stream(sim, "frames", 0);
    frames->at_coord = codec_decoder_create(MSG_FROM_AGENT);
    frames->at_agent = codec_decoder_create(MSG_FROM_COORDINATOR);
    frames->of_spoilt = codec_decoder_create(MSG_FROM_AGENT | MSG_FROM_COORDINATOR);
    frames->wire = (struct wire){ .lease_ms = SIM_LEASE_MS, .home_id = SIM_HOME_ID };
    frames->wire_of_spoilt = frames->wire;
    return frames;
}

void frames_destroy(struct frames *frames)
{
    if (frames == NULL) {
        return;
    }
    codec_decoder_destroy(frames->at_coord);
    codec_decoder_destroy(frames->at_agent);
    codec_decoder_destroy(frames->of_spoilt);
    wire_fini(&frames->wire);
    wire_fini(&frames->wire_of_spoilt);
    wire_in_fini(&frames->in);
    mem_free(frames);
}

/* ---- spoilt copies ---- */

/* It is refused with words, or means something else; nobody acts on it. TCP's and
 * CURVE's checksums are what keeps such a frame from being believed. */
static void try_spoilt(struct sim *sim, const uint8_t *data, size_t len)
{
    struct frames *frames = sim->frames;
    AUTO_FREE uint8_t *copy = mem_dup(data, len);
    struct codec_message message;
    struct err err = { 0 };
    for (uint64_t n = rng_below(&frames->rng, SPOILT_BYTES_MAX) + 1; n > 0; n--) {
        copy[rng_below(&frames->rng, len)] = (uint8_t)rng_u32(&frames->rng);
    }
    len = rng_below(&frames->rng, 4) == 0 ? (size_t)rng_below(&frames->rng, len) : len;
    enum err_code code = codec_decode(frames->of_spoilt, copy, len, &message, &err);
    SIM_CHECK(sim, code == ERR_OK || err.msg[0] != '\0', "frames: refused in silence");
    if (code != ERR_OK) {
        return;
    }
    if (msg_info(message.type)->from == MSG_FROM_AGENT) {
        struct event event = { 0 };
        code = wire_event(&frames->wire_of_spoilt, &message, NULL, &event, &err);
        SIM_CHECK(sim, code == ERR_OK || err.msg[0] != '\0',
                  "frames: refused in silence");
    } else {
        struct wire_in in;
        IGNORE_ERR(!wire_read(&message, &in), "either is fine");
        wire_in_fini(&in);
    }
}

/* ---- to the coordinator ---- */

static enum err_code hello_frame(const struct agent_core_config *identity,
                                 const struct packet *packet,
                                 uint8_t **data_out,
                                 size_t *len_out)
{
    size_t len = packet->as.hello.held_len;
    AUTO_FREE struct agent_held *held = mem_alloc_array(len, sizeof *held);
    for (size_t i = 0; i < len; i++) {
        const struct held_attempt *from = &packet->as.hello.held[i];
        held[i] = (struct agent_held){ .key = from->key,
                                       .started = from->started,
                                       .ended = from->ended,
                                       .next_seq = from->next_seq,
                                       .boot = from->boot };
    }
    return wire_hello(identity, identity->home_id, held, len, data_out, len_out);
}

static enum err_code frame_of(const struct agent_core_config *identity,
                              const struct packet *packet,
                              uint8_t **data_out,
                              size_t *len_out,
                              struct err *err)
{
    static const char zeros[AGENT_LOG_PIECE_MAX];
    switch (packet->kind) {
    case PACKET_HELLO:
        return hello_frame(identity, packet, data_out, len_out);
    case PACKET_REPORT:
        return wire_report(packet->as.report->report, data_out, len_out, err);
    case PACKET_LOG:
        return wire_log(packet->as.log.key, packet->as.log.offset,
                        str_from_n(zeros, packet->as.log.len), data_out, len_out);
    case PACKET_HEARTBEAT:
        return wire_heartbeat(identity->boot, packet->as.leaving, data_out, len_out);
    case PACKET_BYE:
        return wire_bye("it was asked to end", data_out, len_out);
    case PACKET_TO_AGENT:
        break;
    }
    UNREACHABLE();
}

void frames_to_coord(struct sim *sim,
                     const struct agent_core_config *identity,
                     const struct packet *packet,
                     struct event *event)
{
    struct frames *frames = sim->frames;
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;
    struct codec_message message;
    struct err err = { 0 };
    enum err_code code = frame_of(identity, packet, &data, &len, &err);
    if (code == ERR_OK) {
        try_spoilt(sim, data, len);
        code = codec_decode(frames->at_coord, data, len, &message, &err);
    }
    if (code == ERR_OK) {
        code = wire_event(&frames->wire, &message, NULL, event, &err);
    }
    SIM_CHECK(sim, code == ERR_OK, "frames: to the coordinator: %s", err.msg);
}

/* ---- to an agent ---- */

void frames_to_agent(struct sim *sim,
                     const struct message *message,
                     struct agent_event *event)
{
    struct frames *frames = sim->frames;
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;
    struct codec_message decoded;
    struct err err = { 0 };
    enum err_code code = wire_pack(&frames->wire, message, &data, &len, &err);
    if (code == ERR_OK) {
        try_spoilt(sim, data, len);
        code = codec_decode(frames->at_agent, data, len, &decoded, &err);
    }
    SIM_CHECK(sim, code == ERR_OK, "frames: to an agent: %s", err.msg);
    if (message->kind == TO_AGENT_SWEEP) {
        return;
    }
    wire_in_fini(&frames->in);
    bool read = wire_read(&decoded, &frames->in);
    SIM_CHECK(sim, read, "frames: an agent cannot read '%s'", msg_name(decoded.type));
    *event = frames->in.event;
}
