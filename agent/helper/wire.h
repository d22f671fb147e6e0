/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - small shared tools of the helper: message heads, sending, the clock. */
#ifndef AGENT_HELPER_WIRE_H
#define AGENT_HELPER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/helper/protocol.h"

/* Why an attempt could not start; stage 0 means that nothing failed. */
struct wire_failure {
    uint32_t stage; /* enum helper_stage, or 0 */
    int32_t error;  /* errno of that stage */
};

/* Monotonic time in nanoseconds. */
int64_t wire_mono_ns(void);

/* Writes the head of a message of `bytes` bytes in all. */
void wire_head_set(struct helper_head *head, enum helper_type type, size_t bytes);

/* Whether `bytes` received bytes are one message of exactly that type and size. */
bool wire_head_is(const struct helper_head *head,
                  size_t bytes,
                  enum helper_type type,
                  size_t expected_bytes);

/* Sends one message; never blocks. A peer that is gone or does not read loses it. */
void wire_send(int socket, const void *message, size_t bytes);

/* Sends HELPER_EXEC_FAILED on a control socket. */
void wire_send_failure(int control, uint64_t tag, struct wire_failure failure);

#endif
