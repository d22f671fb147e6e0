/* SPDX-License-Identifier: Apache-2.0 */
/* heap.c – intrusive binary min-heap.
 * Owns an array of borrowed nodes. Knows their order (key, tie). Does not know what a
 * node belongs to. Each node holds its own place, so removal is O(log n). */
#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/vec.h"

static bool node_less(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void place(struct heap *heap, size_t at, struct heap_node *node)
{
    heap->nodes[at] = node;
    node->index = at + 1;
}

static void sift_up(struct heap *heap, size_t at)
{
    struct heap_node *node = heap->nodes[at];
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!node_less(node, heap->nodes[parent])) {
            break;
        }
        place(heap, at, heap->nodes[parent]);
        at = parent;
    }
    place(heap, at, node);
}

static void sift_down(struct heap *heap, size_t at)
{
    struct heap_node *node = heap->nodes[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= heap->len) {
            break;
        }
        if (child + 1 < heap->len
            && node_less(heap->nodes[child + 1], heap->nodes[child])) {
            child++;
        }
        if (!node_less(heap->nodes[child], node)) {
            break;
        }
        place(heap, at, heap->nodes[child]);
        at = child;
    }
    place(heap, at, node);
}

/* The node at `at` has changed: moves it to where it belongs. */
static void settle(struct heap *heap, size_t at)
{
    if (at > 0 && node_less(heap->nodes[at], heap->nodes[(at - 1) / 2])) {
        sift_up(heap, at);
    } else {
        sift_down(heap, at);
    }
}

static size_t place_of(const struct heap *heap, const struct heap_node *node)
{
    ASSERT(node->index >= 1);
    ASSERT(node->index <= heap->len);
    ASSERT(heap->nodes[node->index - 1] == node);
    return node->index - 1;
}

void heap_init(struct heap *heap)
{
    *heap = (struct heap){ 0 };
}

void heap_fini(struct heap *heap)
{
    if (heap == NULL) {
        return;
    }
    for (size_t i = 0; i < heap->len; i++) {
        heap->nodes[i]->index = 0;
    }
    mem_free(heap->nodes);
    *heap = (struct heap){ 0 };
}

bool heap_node_is_queued(const struct heap_node *node)
{
    return node->index != 0;
}

void heap_push(struct heap *heap, struct heap_node *node, int64_t key)
{
    ASSERT(node->index == 0);
    node->key = key;
    heap->nodes = vec_grow(heap->nodes, &heap->cap, heap->len + 1, sizeof(void *));
    place(heap, heap->len, node);
    heap->len++;
    sift_up(heap, heap->len - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    size_t at = place_of(heap, node);
    struct heap_node *last = heap->nodes[--heap->len];
    node->index = 0;
    if (last != node) {
        place(heap, at, last);
        settle(heap, at);
    }
}

void heap_update(struct heap *heap, struct heap_node *node, int64_t key)
{
    if (node->index == 0) {
        heap_push(heap, node, key);
        return;
    }
    size_t at = place_of(heap, node);
    node->key = key;
    settle(heap, at);
}

struct heap_node *heap_min(const struct heap *heap)
{
    return heap->len == 0 ? NULL : heap->nodes[0];
}
