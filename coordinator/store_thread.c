/* SPDX-License-Identifier: Apache-2.0 */
/* store_thread.c – batches to disk, away from the loop.
 *
 * Owns: the writing store handle, the writer's thread, the checkpointer's thread.
 * Knows: that a full disk passes and every other failure does not; that a checkpoint is
 * due some time after a commit and never without one.
 * Does not know: what records mean, and what waits for them.
 *
 * Each thread has a queue of jobs and sleeps in it; results come back through one queue
 * and one uv_async. Waiting is done by timers of the loop, so that neither thread ever
 * sleeps outside its queue and both end at once when their queues close. An idle
 * coordinator has no timer running here. */
#include "coordinator/store_thread.h"

#include <uv.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys/mpsc.h"
#include "store/store.h"

/* One batch and one checkpoint may be out, so no queue is ever full. */
#define QUEUE_CAP 4

enum result_kind {
    RESULT_APPLIED,
    RESULT_CHECKPOINT
};

/* What a thread was asked and what came of it. */
struct job {
    enum result_kind kind;
    struct record *const *records;
    size_t len;
    enum err_code code;
    struct err err;
};

struct store_thread {
    uv_loop_t *loop;
    char *home;
    struct store *store;
    struct store_thread_callbacks cb;
    void *ctx;
    uv_thread_t writer, checkpointer;
    bool threads_run;
    struct mpsc *writer_jobs, *checkpointer_jobs, *results;
    uv_async_t async;
    uv_timer_t retry, checkpoint;
    struct job batch; /* lent to the writer while batch_out */
    bool batch_out, full, failed;
    struct job checkpoint_job; /* lent to the checkpointer while checkpoint_out */
    bool checkpoint_out, checkpoint_due;
    bool closing;
    unsigned handles_open;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* ---- the threads ---- */

static void job_done(struct store_thread *st, struct job *job)
{
    IGNORE_ERR(mpsc_push(st->results, job), "closed only when nobody listens");
    uv_async_send(&st->async);
}

static void writer_main(void *arg)
{
    struct store_thread *st = arg;
    void *item = NULL;
    while (mpsc_pop_all(st->writer_jobs, &item, 1) == 1) {
        struct job *job = item;
        job->code = store_apply(st->store, job->records, job->len, &job->err);
        job_done(st, job);
    }
}

/* The connection is opened with the first checkpoint, by the thread that uses it. */
static void checkpointer_main(void *arg)
{
    struct store_thread *st = arg;
    struct store_checkpointer *checkpointer = NULL;
    void *item = NULL;
    while (mpsc_pop_all(st->checkpointer_jobs, &item, 1) == 1) {
        struct job *job = item;
        job->code = ERR_OK;
        if (checkpointer == NULL) {
            job->code = store_checkpointer_open(st->home, &checkpointer, &job->err);
        }
        if (job->code == ERR_OK) {
            job->code = store_checkpoint(checkpointer, &job->err);
        }
        job_done(st, job);
    }
    store_checkpointer_close(checkpointer);
}

/* ---- results, on the loop ---- */

static void batch_push(struct store_thread *st)
{
    st->batch.err = (struct err){ 0 };
    enum err_code code = mpsc_try_push(st->writer_jobs, &st->batch);
    ASSERT(code == ERR_OK);
}

static void on_retry(uv_timer_t *timer)
{
    batch_push(timer->data);
}

static void on_checkpoint_due(uv_timer_t *timer)
{
    struct store_thread *st = timer->data;
    st->checkpoint_due = false;
    st->checkpoint_out = true;
    st->checkpoint_job.err = (struct err){ 0 };
    enum err_code code = mpsc_try_push(st->checkpointer_jobs, &st->checkpoint_job);
    ASSERT(code == ERR_OK);
}

static void checkpoint_arm(struct store_thread *st)
{
    if (!st->checkpoint_due || st->checkpoint_out
        || uv_is_active((uv_handle_t *)&st->checkpoint)) {
        return;
    }
    int rc = uv_timer_start(&st->checkpoint, on_checkpoint_due,
                            STORE_THREAD_CHECKPOINT_MS, 0);
    ASSERT(rc == 0);
}

static void applied(struct store_thread *st)
{
    const struct job *job = &st->batch;
    if (job->code == ERR_FULL) {
        if (!st->full) {
            st->full = true;
            st->cb.disk(st->ctx, true, &job->err);
        }
        if (!st->closing) {
            uv_timer_start(&st->retry, on_retry, STORE_THREAD_RETRY_MS, 0);
        }
        return;
    }
    st->batch_out = false;
    if (job->code != ERR_OK) {
        st->failed = true;
        st->cb.failed(st->ctx, &job->err);
        return;
    }
    if (st->full) {
        st->full = false;
        st->cb.disk(st->ctx, false, NULL);
    }
    st->checkpoint_due = true;
    checkpoint_arm(st);
    st->cb.committed(st->ctx);
}

static void checkpointed(struct store_thread *st)
{
    st->checkpoint_out = false;
    if (st->checkpoint_job.code != ERR_OK) {
        st->cb.trouble(st->ctx, &st->checkpoint_job.err);
    }
    checkpoint_arm(st);
}

static void on_async(uv_async_t *async)
{
    struct store_thread *st = async->data;
    void *item = NULL;
    while (!st->closing && mpsc_try_pop_all(st->results, &item, 1) == 1) {
        const struct job *job = item;
        switch (job->kind) {
        case RESULT_APPLIED:
            applied(st);
            break;
        case RESULT_CHECKPOINT:
            checkpointed(st);
            break;
        }
    }
}

/* ---- life ---- */

static void store_thread_free(struct store_thread *st)
{
    void *item = NULL;
    while (mpsc_try_pop_all(st->results, &item, 1) == 1) {
        /* a job that ended while closing; it lies in st */
    }
    mpsc_destroy(st->writer_jobs);
    mpsc_destroy(st->checkpointer_jobs);
    mpsc_destroy(st->results);
    mem_free(st->home);
    mem_free(st);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct store_thread *st = handle->data;
    st->handles_open--;
    if (st->handles_open > 0) {
        return;
    }
    void (*closed)(void *) = st->closed;
    void *ctx = st->closed_ctx;
    store_thread_free(st);
    if (closed != NULL) {
        closed(ctx);
    }
}

static void handle_add(struct store_thread *st, uv_handle_t *handle)
{
    handle->data = st;
    st->handles_open++;
}

static void handles_init(struct store_thread *st)
{
    int rc = uv_async_init(st->loop, &st->async, on_async);
    ASSERT(rc == 0);
    handle_add(st, (uv_handle_t *)&st->async);
    rc = uv_timer_init(st->loop, &st->retry);
    ASSERT(rc == 0);
    handle_add(st, (uv_handle_t *)&st->retry);
    rc = uv_timer_init(st->loop, &st->checkpoint);
    ASSERT(rc == 0);
    handle_add(st, (uv_handle_t *)&st->checkpoint);
}

static enum err_code threads_start(struct store_thread *st, struct err *err)
{
    int rc = uv_thread_create(&st->writer, writer_main, st);
    if (rc != 0) {
        return err_set_errno(err, -rc, "cannot start the store's thread");
    }
    rc = uv_thread_create(&st->checkpointer, checkpointer_main, st);
    if (rc != 0) {
        mpsc_close(st->writer_jobs);
        uv_thread_join(&st->writer);
        return err_set_errno(err, -rc, "cannot start the checkpoint thread");
    }
    st->threads_run = true;
    return ERR_OK;
}

enum err_code store_thread_start(const struct store_thread_config *config,
                                 struct store *store,
                                 struct store_thread **out,
                                 struct err *err)
{
    struct store_thread *st = mem_alloc(sizeof *st);
    st->loop = config->loop;
    st->home = mem_strdup(config->home);
    st->store = store;
    st->cb = config->cb;
    st->ctx = config->ctx;
    st->batch.kind = RESULT_APPLIED;
    st->checkpoint_job.kind = RESULT_CHECKPOINT;
    st->writer_jobs = mpsc_create(QUEUE_CAP);
    st->checkpointer_jobs = mpsc_create(QUEUE_CAP);
    st->results = mpsc_create(QUEUE_CAP);
    handles_init(st);
    enum err_code code = threads_start(st, err);
    if (code != ERR_OK) {
        st->store = NULL;
        store_thread_close(st, NULL, NULL);
        return code;
    }
    *out = st;
    return ERR_OK;
}

void store_thread_commit(struct store_thread *st,
                         struct record *const *records,
                         size_t len)
{
    ASSERT(!st->batch_out);
    ASSERT(!st->failed);
    ASSERT(!st->closing);
    st->batch.records = records;
    st->batch.len = len;
    st->batch_out = true;
    batch_push(st);
}

void store_thread_close(struct store_thread *st, void (*closed)(void *ctx), void *ctx)
{
    ASSERT(!st->closing);
    st->closing = true;
    st->closed = closed;
    st->closed_ctx = ctx;
    mpsc_close(st->writer_jobs);
    mpsc_close(st->checkpointer_jobs);
    if (st->threads_run) {
        uv_thread_join(&st->writer);
        uv_thread_join(&st->checkpointer);
    }
    store_close(st->store);
    uv_close((uv_handle_t *)&st->async, on_handle_closed);
    uv_close((uv_handle_t *)&st->retry, on_handle_closed);
    uv_close((uv_handle_t *)&st->checkpoint, on_handle_closed);
}
