/* SPDX-License-Identifier: Apache-2.0 */
/* mpsc.h – bounded queue of owned pointers, many producers, one consumer. The only
 * mutex of the program lives here. Order is kept per producer. */
#ifndef BASE_SYS_MPSC_H
#define BASE_SYS_MPSC_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct mpsc;

/* Room for `capacity` items (> 0). */
struct mpsc *mpsc_create(size_t capacity) MUST_USE;
/* The queue must be empty of owned items (pop them first) and no thread inside. NULL
 * allowed. */
void mpsc_destroy(struct mpsc *queue);

/* Waits while the queue is full. ERR_CLOSED: not taken, the caller still owns it. */
enum err_code mpsc_push(struct mpsc *queue, void *item) MUST_USE;
/* As push, but ERR_AGAIN instead of waiting. */
enum err_code mpsc_try_push(struct mpsc *queue, void *item) MUST_USE;
/* Waits for items, then moves up to items_cap of them out in order; gives their number.
 * 0 only when the queue is closed and empty. */
size_t mpsc_pop_all(struct mpsc *queue, void **items, size_t items_cap) MUST_USE;
/* As pop_all without waiting; 0 when empty. */
size_t mpsc_try_pop_all(struct mpsc *queue, void **items, size_t items_cap) MUST_USE;
/* No pushes from now on; wakes everybody. What is inside can still be popped. */
void mpsc_close(struct mpsc *queue);
size_t mpsc_len(struct mpsc *queue);

#endif
