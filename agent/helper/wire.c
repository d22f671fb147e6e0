/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - small shared tools of the helper.
 *
 * Owns nothing. Knows the head of every message. Does not know what messages mean.
 */
#include "agent/helper/wire.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

int64_t wire_mono_ns(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void wire_head_set(struct helper_head *head, enum helper_type type, size_t bytes)
{
    head->magic = HELPER_MAGIC;
    head->version = HELPER_VERSION;
    head->type = (uint16_t)type;
    head->size = (uint32_t)bytes;
    head->zero = 0;
}

bool wire_head_is(const struct helper_head *head,
                  size_t bytes,
                  enum helper_type type,
                  size_t expected_bytes)
{
    return bytes == expected_bytes && head->magic == HELPER_MAGIC
           && head->version == HELPER_VERSION && head->type == (uint16_t)type
           && head->size == expected_bytes && head->zero == 0;
}

void wire_send(int socket, const void *message, size_t bytes)
{
    ssize_t sent = send(socket, message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* A peer that is gone shows as end of file where the socket is polled. */
    (void)sent;
}

void wire_send_failure(int control, uint64_t tag, struct wire_failure failure)
{
    struct helper_exec_failed message;
    memset(&message, 0, sizeof message);
    wire_head_set(&message.head, HELPER_EXEC_FAILED, sizeof message);
    message.tag = tag;
    message.stage = failure.stage;
    message.error = failure.error;
    wire_send(control, &message, sizeof message);
}
