/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h – intrusive binary min-heap of deadlines. Ordered by (key, tie), so equal keys
 * come out in an order that does not depend on history. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Member of the item. A node is in at most one heap. `{0}` is "in no heap". */
struct heap_node {
    int64_t key;  /* smallest comes first */
    uint64_t tie; /* an id, unique within the heap */
    size_t index; /* private: 1-based place, 0 when in no heap */
};

/* Zeroed struct is a valid empty heap. Items are not owned. */
struct heap {
    struct heap_node **nodes;
    size_t len;
    size_t cap;
};

void heap_init(struct heap *heap);
/* Frees the array; nodes left inside are marked as being in no heap. */
void heap_fini(struct heap *heap);
bool heap_node_is_queued(const struct heap_node *node);
/* node->tie must be set; node must be in no heap. */
void heap_push(struct heap *heap, struct heap_node *node, int64_t key);
/* node must be in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Changes the key, or inserts the node when it is in no heap. */
void heap_update(struct heap *heap, struct heap_node *node, int64_t key);
/* The least node, still inside, or NULL. */
struct heap_node *heap_min(const struct heap *heap);

#endif
