/* SPDX-License-Identifier: Apache-2.0 */
/* test_mem.c – allocation, its failure hook, scoped pointers and arenas. */
#include "base/mem.h"

#include "tests/lib/test.h"

#include <string.h>

static void alloc_is_zeroed_and_never_null(void **state)
{
    UNUSED(state);
    AUTO_FREE char *p = mem_alloc(100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    AUTO_FREE void *none = mem_alloc(0);
    assert_non_null(none);
}

static void strings_are_copied(void **state)
{
    UNUSED(state);
    AUTO_FREE char *a = mem_strndup("abcdef", 3);
    AUTO_FREE char *b = mem_printf("%s-%d", a, 7);
    assert_string_equal(a, "abc");
    assert_string_equal(b, "abc-7");
    assert_null(mem_strdup(NULL));
    AUTO_FREE char *empty = mem_strndup(NULL, 0);
    assert_string_equal(empty, "");
}

static void take_moves_the_pointer(void **state)
{
    UNUSED(state);
    char *p = mem_strdup("x");
    AUTO_FREE char *q = mem_take(&p);
    assert_null(p);
    assert_string_equal(q, "x");
}

static void array_overflow_is_a_bug(void **state)
{
    UNUSED(state);
    expect_abort("SIZE_MAX", mem_free(mem_alloc_array(SIZE_MAX / 2, 4)));
}

static void hook_fails_the_nth_allocation_only(void **state)
{
    UNUSED(state);
    mem_fail_at(3);
    AUTO_FREE void *a = mem_try_alloc(1);
    AUTO_FREE void *b = mem_try_alloc(1);
    AUTO_FREE void *c = mem_try_alloc(1);
    AUTO_FREE void *d = mem_try_alloc(1);
    assert_int_equal(mem_alloc_count(), 4);
    mem_fail_at(0);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(c);
    assert_non_null(d);
}

static void aborting_allocation_aborts(void **state)
{
    UNUSED(state);
    mem_fail_at(1);
    expect_abort("out_of_memory", mem_free(mem_alloc(1)));
    mem_fail_at(1);
    expect_abort("out_of_memory", mem_free(mem_realloc_array(NULL, 1, 1)));
    mem_fail_at(0);
}

static void arena_gives_aligned_zeroed_memory(void **state)
{
    UNUSED(state);
    AUTO_ARENA struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = arena_alloc(&arena, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xFF, n);
    }
    assert_string_equal(arena_strndup(&arena, "hello", 4), "hell");
}

static void arena_limit_is_hard_and_reset_gives_it_back(void **state)
{
    UNUSED(state);
    AUTO_ARENA struct arena arena;
    arena_init(&arena, 10000);
    size_t got = 0;
    while (arena_alloc(&arena, 100) != NULL) {
        got++;
    }
    assert_in_range(got, 80, 100);
    assert_true(arena.used_bytes <= 10000);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 5000));
    assert_null(arena_alloc(&arena, 9990));
}

static void arena_survives_failing_memory(void **state)
{
    UNUSED(state);
    AUTO_ARENA struct arena arena;
    arena_init(&arena, 10000);
    mem_fail_at(1);
    assert_null(arena_alloc(&arena, 10));
    mem_fail_at(0);
    assert_non_null(arena_alloc(&arena, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alloc_is_zeroed_and_never_null),
        TEST(strings_are_copied),
        TEST(take_moves_the_pointer),
        TEST(array_overflow_is_a_bug),
        TEST(hook_fails_the_nth_allocation_only),
        TEST(aborting_allocation_aborts),
        TEST(arena_gives_aligned_zeroed_memory),
        TEST(arena_limit_is_hard_and_reset_gives_it_back),
        TEST(arena_survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
