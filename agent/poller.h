/* SPDX-License-Identifier: Apache-2.0 */
/* poller.h – many short-lived descriptors behind one libuv handle.
 *
 * An attempt has three descriptors that live for milliseconds. A uv_poll_t each would
 * cost a handle with an asynchronous close and three more system calls; here a source
 * is a plain member of its owner and gone when poller_remove returns. Level-triggered.
 */
#ifndef AGENT_POLLER_H
#define AGENT_POLLER_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>

struct poller;
struct uv_loop_s;

struct poll_source;
/* The descriptor is readable, hung up or in error; may remove any source. */
typedef void (*poll_source_fn)(struct poll_source *source);

/* Member of its owner. */
struct poll_source {
    int fd; /* -1 while not added; owned by the owner */
    poll_source_fn fn;
};

enum err_code poller_create(struct uv_loop_s *loop,
                            struct poller **poller_out,
                            struct err *err) MUST_USE;
/* All sources must be removed. `closed` comes from the loop. */
void poller_close(struct poller *poller, void (*closed)(void *), void *closed_ctx);

/* fd and fn must be set. */
enum err_code
poller_add(struct poller *poller, struct poll_source *source, struct err *err) MUST_USE;
/* Stops watching and closes the descriptor; nothing happens if it is -1. */
void poller_remove(struct poller *poller, struct poll_source *source);

#endif
