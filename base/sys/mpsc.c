/* SPDX-License-Identifier: Apache-2.0 */
/* mpsc.c – bounded queue of owned pointers, many producers, one consumer.
 * Owns a ring of pointers and the only mutex of the program. Knows pthreads. Does not
 * know what the items are. */
#include "base/sys/mpsc.h"

#include "base/assert.h"
#include "base/mem.h"

#include <pthread.h>

struct mpsc {
    pthread_mutex_t lock;
    pthread_cond_t not_full;
    pthread_cond_t not_empty;
    void **ring;
    size_t cap;
    size_t head; /* oldest item */
    size_t len;
    bool closed;
};

/* pthread calls on valid objects of one process fail only through bugs. */
static void must(int failed)
{
    ASSERT(failed == 0);
}

struct mpsc *mpsc_create(size_t capacity)
{
    ASSERT(capacity > 0);
    struct mpsc *queue = mem_alloc(sizeof *queue);
    queue->ring = mem_alloc_array(capacity, sizeof *queue->ring);
    queue->cap = capacity;
    must(pthread_mutex_init(&queue->lock, NULL));
    must(pthread_cond_init(&queue->not_full, NULL));
    must(pthread_cond_init(&queue->not_empty, NULL));
    return queue;
}

void mpsc_destroy(struct mpsc *queue)
{
    if (queue == NULL) {
        return;
    }
    ASSERT(queue->len == 0);
    must(pthread_cond_destroy(&queue->not_empty));
    must(pthread_cond_destroy(&queue->not_full));
    must(pthread_mutex_destroy(&queue->lock));
    mem_free(queue->ring);
    mem_free(queue);
}

static enum err_code push_locked(struct mpsc *queue, void *item)
{
    if (queue->closed) {
        return ERR_CLOSED;
    }
    if (queue->len == queue->cap) {
        return ERR_AGAIN;
    }
    queue->ring[(queue->head + queue->len) % queue->cap] = item;
    queue->len++;
    must(pthread_cond_signal(&queue->not_empty));
    return ERR_OK;
}

enum err_code mpsc_push(struct mpsc *queue, void *item)
{
    must(pthread_mutex_lock(&queue->lock));
    while (queue->len == queue->cap && !queue->closed) {
        must(pthread_cond_wait(&queue->not_full, &queue->lock));
    }
    enum err_code code = push_locked(queue, item);
    must(pthread_mutex_unlock(&queue->lock));
    return code;
}

enum err_code mpsc_try_push(struct mpsc *queue, void *item)
{
    must(pthread_mutex_lock(&queue->lock));
    enum err_code code = push_locked(queue, item);
    must(pthread_mutex_unlock(&queue->lock));
    return code;
}

static size_t pop_locked(struct mpsc *queue, void **items, size_t items_cap)
{
    size_t n = queue->len < items_cap ? queue->len : items_cap;
    for (size_t i = 0; i < n; i++) {
        items[i] = queue->ring[(queue->head + i) % queue->cap];
    }
    queue->head = (queue->head + n) % queue->cap;
    queue->len -= n;
    if (n > 0) {
        must(pthread_cond_broadcast(&queue->not_full));
    }
    return n;
}

size_t mpsc_pop_all(struct mpsc *queue, void **items, size_t items_cap)
{
    ASSERT(items_cap > 0);
    must(pthread_mutex_lock(&queue->lock));
    while (queue->len == 0 && !queue->closed) {
        must(pthread_cond_wait(&queue->not_empty, &queue->lock));
    }
    size_t n = pop_locked(queue, items, items_cap);
    must(pthread_mutex_unlock(&queue->lock));
    return n;
}

size_t mpsc_try_pop_all(struct mpsc *queue, void **items, size_t items_cap)
{
    must(pthread_mutex_lock(&queue->lock));
    size_t n = pop_locked(queue, items, items_cap);
    must(pthread_mutex_unlock(&queue->lock));
    return n;
}

void mpsc_close(struct mpsc *queue)
{
    must(pthread_mutex_lock(&queue->lock));
    queue->closed = true;
    must(pthread_cond_broadcast(&queue->not_full));
    must(pthread_cond_broadcast(&queue->not_empty));
    must(pthread_mutex_unlock(&queue->lock));
}

size_t mpsc_len(struct mpsc *queue)
{
    must(pthread_mutex_lock(&queue->lock));
    size_t len = queue->len;
    must(pthread_mutex_unlock(&queue->lock));
    return len;
}
