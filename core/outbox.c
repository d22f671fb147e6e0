/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.c – effects in order, records in batches.
 * Owns the order "commit before you tell". Does not know the store, sockets or threads.
 *
 * Records are numbered as they come in. A waiting effect remembers the number of the
 * newest record before it and is ready once that many records are on disk. All waiting
 * effects stand in one queue, so a reader of it never sees them out of order; effects
 * that need no commit go through a queue of their own and never wait.
 *
 * What is added at once comes from one step of the engine and is committed at once: a
 * decision would be lost if only what led to it reached the disk.
 */
#include "core/outbox.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/vec.h"

struct waiting {
    struct effect effect;
    uint64_t after; /* records that must be on disk */
};

/* First-in-first-out over a vector: items before `first` are gone. */
struct waiting_queue {
    VEC(struct waiting) items;
    size_t first;
};

struct record_batch {
    VEC(struct record *) records;
};

struct outbox {
    struct record_batch open;
    struct record_batch flight; /* lent to the writer; empty: no commit in flight */
    VEC(uint64_t) steps;        /* `added` after each step that has records in `open` */
    uint64_t added;             /* records ever added */
    uint64_t committed;         /* records ever committed */
    struct waiting_queue held;  /* after_commit effects */
    struct waiting_queue free;  /* effects that wait for nothing */
};

struct outbox *outbox_create(void)
{
    return mem_alloc(sizeof(struct outbox));
}

static void queue_fini(struct waiting_queue *queue)
{
    for (size_t i = queue->first; i < queue->items.len; i++) {
        effect_fini(&queue->items.ptr[i].effect);
    }
    vec_fini(&queue->items);
}

static void batch_clear(struct record_batch *batch)
{
    for (size_t i = 0; i < batch->records.len; i++) {
        record_destroy(batch->records.ptr[i]);
    }
    vec_reset(&batch->records);
}

void outbox_destroy(struct outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    batch_clear(&outbox->open);
    vec_fini(&outbox->open.records);
    batch_clear(&outbox->flight);
    vec_fini(&outbox->flight.records);
    vec_fini(&outbox->steps);
    queue_fini(&outbox->held);
    queue_fini(&outbox->free);
    mem_free(outbox);
}

void outbox_add(struct outbox *outbox, struct effects *effects)
{
    uint64_t before = outbox->added;
    for (size_t i = 0; i < effects->list.len; i++) {
        struct effect *effect = &effects->list.ptr[i];
        if (effect->kind == FX_PERSIST) {
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            vec_push(&outbox->open.records, effect->as.record);
            outbox->added++;
            continue;
        }
        struct waiting waiting = { .effect = *effect, .after = outbox->added };
        if (effect->after_commit) {
            vec_push(&outbox->held.items, waiting);
        } else {
            vec_push(&outbox->free.items, waiting);
        }
    }
    vec_reset(&effects->list);
    if (outbox->added > before) {
        vec_push(&outbox->steps, outbox->added);
    }
}

static bool
queue_take(struct waiting_queue *queue, uint64_t committed, struct effect *effect_out)
{
    if (queue->first == queue->items.len) {
        return false;
    }
    struct waiting *head = &queue->items.ptr[queue->first];
    if (head->after > committed) {
        return false;
    }
    *effect_out = head->effect;
    queue->first++;
    if (queue->first == queue->items.len) {
        queue->first = 0;
        vec_reset(&queue->items);
    } else if (queue->first >= 1024 && queue->first * 2 > queue->items.len) {
        size_t left = queue->items.len - queue->first;
        memmove(queue->items.ptr, queue->items.ptr + queue->first,
                left * sizeof *queue->items.ptr);
        queue->items.len = left;
        queue->first = 0;
    }
    return true;
}

bool outbox_next(struct outbox *outbox, struct effect *effect_out)
{
    return queue_take(&outbox->free, UINT64_MAX, effect_out)
           || queue_take(&outbox->held, outbox->committed, effect_out);
}

/* Moves the first n records of the open batch to the empty batch in flight. */
/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers */
static void batch_split(struct outbox *outbox, size_t n)
{
    size_t left = outbox->open.records.len - n;
    vec_reserve(&outbox->flight.records, n);
    memcpy(outbox->flight.records.ptr, outbox->open.records.ptr,
           n * sizeof *outbox->open.records.ptr);
    outbox->flight.records.len = n;
    memmove(outbox->open.records.ptr, outbox->open.records.ptr + n,
            left * sizeof *outbox->open.records.ptr);
    outbox->open.records.len = left;
}
/* NOLINTEND(bugprone-sizeof-expression) */

/* Whole steps, the first of them and what else fits into `max` records; gives their
 * records. */
static size_t take_steps(struct outbox *outbox, size_t max)
{
    size_t steps = 1;
    while (steps < outbox->steps.len
           && outbox->steps.ptr[steps] - outbox->committed <= max) {
        steps++;
    }
    uint64_t last = outbox->steps.ptr[steps - 1];
    outbox->steps.len -= steps;
    memmove(outbox->steps.ptr, outbox->steps.ptr + steps,
            outbox->steps.len * sizeof *outbox->steps.ptr);
    return (size_t)(last - outbox->committed);
}

bool outbox_seal(struct outbox *outbox,
                 size_t max,
                 struct record *const **records_out,
                 size_t *len_out)
{
    ASSERT(max > 0);
    if (outbox->flight.records.len > 0 || outbox->open.records.len == 0) {
        return false;
    }
    size_t len = take_steps(outbox, max);
    if (outbox->open.records.len > len) {
        batch_split(outbox, len);
    } else {
        struct record_batch empty = outbox->flight;
        outbox->flight = outbox->open;
        outbox->open = empty;
    }
    *records_out = outbox->flight.records.ptr;
    *len_out = outbox->flight.records.len;
    return true;
}

void outbox_committed(struct outbox *outbox)
{
    ASSERT(outbox->flight.records.len > 0);
    outbox->committed += outbox->flight.records.len;
    batch_clear(&outbox->flight);
}

size_t outbox_open_len(const struct outbox *outbox)
{
    return outbox->open.records.len;
}

bool outbox_in_flight(const struct outbox *outbox)
{
    return outbox->flight.records.len > 0;
}
