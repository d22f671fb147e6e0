/* SPDX-License-Identifier: Apache-2.0 */
/* test_heap.c – the heap against a linear scan. */
#include "base/heap.h"

#include "base/rng.h"
#include "tests/lib/test.h"

enum {
    NODES = 200,
    STEPS = 20000
};

static struct heap_node *scan_min(struct heap_node *nodes)
{
    struct heap_node *best = NULL;
    for (size_t i = 0; i < NODES; i++) {
        struct heap_node *node = &nodes[i];
        if (heap_node_is_queued(node)
            && (best == NULL || node->key < best->key
                || (node->key == best->key && node->tie < best->tie))) {
            best = node;
        }
    }
    return best;
}

static void behaves_as_a_scan(void **state)
{
    UNUSED(state);
    static struct heap_node nodes[NODES];
    struct heap heap;
    heap_init(&heap);
    size_t queued = 0;
    for (size_t i = 0; i < NODES; i++) {
        nodes[i].tie = (i * 7919) % NODES;
    }
    struct rng rng = rng_stream(5, 0, STR_LIT(""), RNG_TEST);
    for (size_t step = 0; step < STEPS; step++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];
        int64_t key = (int64_t)rng_below(&rng, 50) - 25; /* many equal keys */
        bool was_queued = heap_node_is_queued(node);
        if (was_queued && rng_below(&rng, 2) == 0) {
            heap_remove(&heap, node);
            queued--;
        } else {
            heap_update(&heap, node, key);
            queued += was_queued ? 0 : 1;
        }
        assert_int_equal(heap.len, queued);
        assert_ptr_equal(heap_min(&heap), scan_min(nodes));
    }
    heap_fini(&heap);
    assert_null(scan_min(nodes));
}

static void pops_in_order_of_key_then_tie(void **state)
{
    UNUSED(state);
    struct heap heap = { 0 };
    struct heap_node nodes[100] = { 0 };
    for (size_t i = 0; i < 100; i++) {
        nodes[i].tie = 99 - i;
        heap_push(&heap, &nodes[i], (int64_t)(i % 3));
    }
    int64_t key = INT64_MIN;
    uint64_t tie = 0;
    for (size_t i = 0; i < 100; i++) {
        struct heap_node *node = heap_min(&heap);
        assert_true(node->key > key || (node->key == key && node->tie > tie));
        key = node->key;
        tie = node->tie;
        heap_remove(&heap, node);
    }
    assert_null(heap_min(&heap));
    heap_fini(&heap);
}

static void misuse_is_caught(void **state)
{
    UNUSED(state);
    struct heap heap = { 0 };
    struct heap other = { 0 };
    struct heap_node a = { 0 };
    struct heap_node b = { 0 };
    heap_push(&heap, &a, 1);
    heap_push(&other, &b, 1);
    expect_abort("index == 0", heap_push(&heap, &a, 2));
    expect_abort("nodes", heap_remove(&other, &a));
    heap_remove(&heap, &a);
    expect_abort("index >= 1", heap_remove(&heap, &a));
    heap_fini(&heap);
    heap_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(behaves_as_a_scan),
        TEST(pops_in_order_of_key_then_tie),
        TEST(misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
