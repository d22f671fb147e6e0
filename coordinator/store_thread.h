/* SPDX-License-Identifier: Apache-2.0 */
/* store_thread.h – the single writer: applies batches on a thread of its own, and keeps
 * the WAL short from another. All functions are for the loop's thread; callbacks come
 * from the loop. */
#ifndef COORDINATOR_STORE_THREAD_H
#define COORDINATOR_STORE_THREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct record;
struct store;
struct store_thread;
struct uv_loop_s;

/* Pause between tries while the disk is full, and between a commit and the checkpoint
 * that follows it. */
#define STORE_THREAD_RETRY_MS      1000
#define STORE_THREAD_CHECKPOINT_MS 100

struct store_thread_callbacks {
    /* The batch is on disk; the next may be given at once. */
    void (*committed)(void *ctx);
    /* No space (full, with the reason): the batch is kept and tried again every second.
     * Comes again with full false, before `committed`, when there is space. */
    void (*disk)(void *ctx, bool full, const struct err *err);
    /* The store failed: nothing more can be written. Comes once. */
    void (*failed)(void *ctx, const struct err *err);
    /* A checkpoint failed; the next commit tries again. */
    void (*trouble)(void *ctx, const struct err *err);
};

struct store_thread_config {
    struct uv_loop_s *loop; /* borrowed; outlives the threads */
    const char *home;       /* copied */
    struct store_thread_callbacks cb;
    void *ctx; /* for cb */
};

/* Starts both threads. Takes `store` (closed by store_thread_close) only on success. */
enum err_code store_thread_start(const struct store_thread_config *config,
                                 struct store *store,
                                 struct store_thread **out,
                                 struct err *err) MUST_USE;

/* Gives a batch to the writer; records are lent until `committed`. Only one batch may
 * be out (asserted). */
void store_thread_commit(struct store_thread *st,
                         struct record *const *records,
                         size_t len);

/* Ends both threads (waits for what they do now; a batch waiting for space is given
 * up), closes the store, then calls closed from the loop. No other callback comes. */
void store_thread_close(struct store_thread *st, void (*closed)(void *ctx), void *ctx);

#endif
