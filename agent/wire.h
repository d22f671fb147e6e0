/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h – messages of proto/winnow.proto ↔ the core's events and effects. */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include "agent/agent_core.h"
#include "base/compiler.h"
#include "base/err.h"
#include "proto/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event made of a message; borrows from the message. */
struct wire_in {
    struct agent_event event;
    struct agent_verdict *verdicts; /* owned */
    struct limit *limits;           /* owned */
};

/* False: the message says nothing that the core could use (a key or id is missing or
 * malformed). Not for Sweep, which needs parsing first. */
bool wire_read(const struct codec_message *message, struct wire_in *in);
void wire_in_fini(struct wire_in *in);

/* Packed frames, for the caller (mem_free, or transport_send which takes them). */
enum err_code wire_hello(const struct agent_core_config *identity,
                         const char *home_id,
                         const struct agent_held *held,
                         size_t held_len,
                         uint8_t **data_out,
                         size_t *len_out) MUST_USE;
enum err_code wire_heartbeat(uint64_t boot,
                             bool leaving,
                             uint8_t **data_out,
                             size_t *len_out) MUST_USE;
enum err_code wire_bye(const char *cause, uint8_t **data_out, size_t *len_out) MUST_USE;
enum err_code wire_report(const struct agent_report *report,
                          uint8_t **data_out,
                          size_t *len_out,
                          struct err *err) MUST_USE;
/* data is borrowed. */
enum err_code wire_log(struct attempt_key key,
                       uint64_t offset,
                       struct str data,
                       uint8_t **data_out,
                       size_t *len_out) MUST_USE;

#endif
