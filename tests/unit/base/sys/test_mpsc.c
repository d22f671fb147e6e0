/* SPDX-License-Identifier: Apache-2.0 */
/* test_mpsc.c – order, bounds, closing, and several producers at once. */
#include "base/sys/mpsc.h"

#include "base/mem.h"
#include "tests/lib/test.h"

#include <pthread.h>

enum {
    PRODUCERS = 4,
    PER_PRODUCER = 5000
};

static char marks[PRODUCERS * PER_PRODUCER];

static void keeps_order_and_bounds(void **state)
{
    UNUSED(state);
    struct mpsc *queue = mpsc_create(3);
    void *out[8];
    for (size_t round = 0; round < 5; round++) {
        for (size_t i = 0; i < 3; i++) {
            assert_code(mpsc_try_push(queue, &marks[i]), ERR_OK);
        }
        assert_code(mpsc_try_push(queue, &marks[9]), ERR_AGAIN);
        assert_int_equal(mpsc_len(queue), 3);
        assert_int_equal(mpsc_pop_all(queue, out, 2), 2);
        assert_ptr_equal(out[0], &marks[0]);
        assert_ptr_equal(out[1], &marks[1]);
        assert_int_equal(mpsc_try_pop_all(queue, out, 8), 1);
        assert_ptr_equal(out[0], &marks[2]);
        assert_int_equal(mpsc_try_pop_all(queue, out, 8), 0);
    }
    mpsc_destroy(queue);
}

static void closed_queue_drains_and_refuses(void **state)
{
    UNUSED(state);
    struct mpsc *queue = mpsc_create(2);
    void *out[2];
    assert_code(mpsc_push(queue, &marks[0]), ERR_OK);
    mpsc_close(queue);
    assert_code(mpsc_push(queue, &marks[1]), ERR_CLOSED);
    assert_code(mpsc_try_push(queue, &marks[1]), ERR_CLOSED);
    assert_int_equal(mpsc_pop_all(queue, out, 2), 1);
    assert_int_equal(mpsc_pop_all(queue, out, 2), 0);
    mpsc_destroy(queue);
    mpsc_destroy(NULL);
}

static void leftover_items_are_a_bug(void **state)
{
    UNUSED(state);
    struct mpsc *queue = mpsc_create(1);
    void *out[1];
    assert_code(mpsc_push(queue, &marks[0]), ERR_OK);
    expect_abort("len == 0", mpsc_destroy(queue));
    assert_int_equal(mpsc_pop_all(queue, out, 1), 1);
    mpsc_destroy(queue);
}

struct producer {
    struct mpsc *queue;
    size_t id;
};

static void *produce(void *arg)
{
    const struct producer *p = arg;
    for (size_t i = 0; i < PER_PRODUCER; i++) {
        if (mpsc_push(p->queue, &marks[p->id * PER_PRODUCER + i]) != ERR_OK) {
            return arg;
        }
    }
    return NULL;
}

static void producers_are_heard_in_their_own_order(void **state)
{
    UNUSED(state);
    struct mpsc *queue = mpsc_create(16);
    pthread_t threads[PRODUCERS];
    struct producer producers[PRODUCERS];
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){ queue, i };
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    size_t next[PRODUCERS] = { 0 };
    size_t total = 0;
    while (total < sizeof marks) {
        void *items[8];
        size_t n = mpsc_pop_all(queue, items, 8);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            size_t index = (size_t)((char *)items[i] - marks);
            assert_int_equal(index % PER_PRODUCER, next[index / PER_PRODUCER]++);
        }
        total += n;
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    mpsc_destroy(queue);
}

static void *close_it(void *arg)
{
    mpsc_close(arg);
    return NULL;
}

static void closing_wakes_a_waiting_consumer(void **state)
{
    UNUSED(state);
    struct mpsc *queue = mpsc_create(1);
    pthread_t thread;
    void *out[1];
    assert_int_equal(pthread_create(&thread, NULL, close_it, queue), 0);
    assert_int_equal(mpsc_pop_all(queue, out, 1), 0);
    pthread_join(thread, NULL);
    mpsc_destroy(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_order_and_bounds),
        TEST(closed_queue_drains_and_refuses),
        TEST(leftover_items_are_a_bug),
        TEST(producers_are_heard_in_their_own_order),
        TEST(closing_wakes_a_waiting_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
