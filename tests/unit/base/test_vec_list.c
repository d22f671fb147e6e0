/* SPDX-License-Identifier: Apache-2.0 */
/* test_vec_list.c – growable arrays and intrusive lists. */
#include "base/list.h"
#include "base/vec.h"

#include "tests/lib/test.h"

static void vec_grows_pops_and_removes_in_order(void **state)
{
    UNUSED(state);
    VEC(int) v = { 0 };
    for (int i = 0; i < 1000; i++) {
        vec_push(&v, i);
    }
    assert_int_equal(v.len, 1000);
    vec_remove_at(&v, 0);
    vec_remove_at(&v, 998);
    vec_remove_at(&v, 1);
    assert_int_equal(v.ptr[0], 1);
    assert_int_equal(v.ptr[1], 3);
    assert_int_equal(vec_pop(&v), 998);
    expect_abort("at < len", vec_remove_at(&v, v.len));
    vec_reset(&v);
    expect_abort("len > 0", (void)vec_pop(&v));
    vec_reserve(&v, 5000);
    assert_true(v.cap >= 5000);
    vec_fini(&v);
    assert_null(v.ptr);
}

static void push_evaluates_its_item_once(void **state)
{
    UNUSED(state);
    AUTO_VEC VEC(int) v = { 0 };
    int n = 0;
    vec_push(&v, n++);
    assert_int_equal(n, 1);
    assert_int_equal(v.ptr[0], 0);
}

struct item {
    int value;
    struct list_node node;
};

static int value_of(struct list_node *node)
{
    return container_of(node, struct item, node)->value;
}

static void list_keeps_order(void **state)
{
    UNUSED(state);
    struct item items[4] = {
        { .value = 0 }, { .value = 1 }, { .value = 2 }, { .value = 3 }
    };
    struct list list;
    list_init(&list);
    assert_null(list_first(&list));
    assert_null(list_pop_head(&list));
    list_add_tail(&list, &items[1].node);
    list_add_tail(&list, &items[2].node);
    list_add_head(&list, &items[0].node);
    list_insert_before(&list, &items[2].node, &items[3].node);
    int expected[] = { 0, 1, 3, 2 };
    size_t n = 0;
    LIST_FOREACH (node, &list) {
        assert_int_equal(value_of(node), expected[n++]);
    }
    assert_int_equal(n, 4);
    assert_null(list_next(&list, &items[2].node));
    LIST_FOREACH_SAFE (node, next, &list) {
        if (value_of(node) != 3) {
            list_remove(&list, node);
        }
    }
    assert_int_equal(list.len, 1);
    assert_false(list_node_is_linked(&items[0].node));
    expect_abort("linked", list_remove(&list, &items[0].node));
    expect_abort("linked", list_add_tail(&list, &items[3].node));
    assert_int_equal(value_of(list_pop_head(&list)), 3);
    assert_true(list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vec_grows_pops_and_removes_in_order),
        TEST(push_evaluates_its_item_once),
        TEST(list_keeps_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
