/* SPDX-License-Identifier: Apache-2.0 */
/* test_str.c – views, searching, nearest spelling, the stable hash. */
#include "base/str.h"

#include "base/strbuf.h"
#include "tests/lib/test.h"

static void compares(void **state)
{
    UNUSED(state);
    assert_true(str_eq(STR_LIT("ab"), str_from("ab")));
    assert_false(str_eq(STR_LIT("ab"), str_from("abc")));
    assert_true(str_eq_c(str_from(NULL), ""));
    assert_true(str_cmp(STR_LIT("a"), STR_LIT("ab")) < 0);
    assert_true(str_cmp(STR_LIT("b"), STR_LIT("ab")) > 0);
    assert_int_equal(str_cmp(STR_LIT(""), (struct str){ 0 }), 0);
    assert_true(str_starts(STR_LIT("abc"), STR_LIT("ab")));
    assert_false(str_starts(STR_LIT("a"), STR_LIT("ab")));
    assert_true(str_ends(STR_LIT("abc"), STR_LIT("bc")));
    assert_false(str_ends(STR_LIT("c"), STR_LIT("bc")));
}

static void trims_and_cuts(void **state)
{
    UNUSED(state);
    assert_true(str_eq_c(str_trim(STR_LIT(" \t a b\r\n")), "a b"));
    assert_true(str_eq_c(str_trim(STR_LIT(" \n")), ""));
    assert_true(str_eq_c(str_sub(STR_LIT("abc"), 1, 10), "bc"));
    assert_true(str_eq_c(str_sub(STR_LIT("abc"), 9, 1), ""));
    assert_int_equal(str_chr(STR_LIT("abc"), 'c'), 2);
    assert_int_equal(str_chr(STR_LIT("abc"), 'x'), 3);
    assert_int_equal(str_find(STR_LIT("abcabd"), STR_LIT("abd")), 3);
    assert_int_equal(str_find(STR_LIT("ab"), STR_LIT("abc")), 2);
}

static void check_split(const char *text, const char *joined, size_t parts)
{
    struct str rest = str_from(text);
    struct str part = { 0 };
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(64);
    size_t n = 0;
    while (str_split_next(&rest, ',', &part)) {
        strbuf_add_str(&out, part);
        strbuf_addc(&out, '|');
        n++;
    }
    assert_string_equal(strbuf_cstr(&out), joined);
    assert_int_equal(n, parts);
}

static void splits(void **state)
{
    UNUSED(state);
    check_split("a,,b", "a||b|", 3);
    check_split("a,", "a||", 2);
    check_split("", "|", 1);
    check_split("abc", "abc|", 1);
}

static void distance_counts_edits(void **state)
{
    UNUSED(state);
    assert_int_equal(str_distance(STR_LIT(""), STR_LIT("abc")), 3);
    assert_int_equal(str_distance(STR_LIT("kitten"), STR_LIT("sitting")), 3);
    assert_int_equal(str_distance(STR_LIT("smapler"), STR_LIT("sampler")), 1);
    assert_int_equal(str_distance(STR_LIT("ca"), STR_LIT("abc")), 3);
    assert_int_equal(str_distance(STR_LIT("same"), STR_LIT("same")), 0);
}

static void nearest_finds_typos_only(void **state)
{
    UNUSED(state);
    static const char *const words[] = { "sampler", "seed", "stop", "space" };
    assert_string_equal(str_nearest(STR_LIT("smapler"), words, 4), "sampler");
    assert_string_equal(str_nearest(STR_LIT("sed"), words, 4), "seed");
    assert_string_equal(str_nearest(STR_LIT("stopp"), words, 4), "stop");
    assert_null(str_nearest(STR_LIT("banana"), words, 4));
    assert_null(str_nearest(STR_LIT("x"), words, 0));
    /* A tie goes to the first. */
    static const char *const tie[] = { "ab", "ac" };
    assert_string_equal(str_nearest(STR_LIT("ad"), tie, 2), "ab");
}

static void hash_never_changes(void **state)
{
    UNUSED(state);
    /* Stored sweeps depend on these; a failure here is a broken promise, not a test to
     * update. */
    assert_true(str_hash64(STR_LIT("")) == UINT64_C(0xefd01f60ba992926));
    assert_true(str_hash64(STR_LIT("learning_rate")) == UINT64_C(0xd9393245e0dd1b87));
    assert_true(str_hash64(STR_LIT("a")) != str_hash64(STR_LIT("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(compares),
        TEST(trims_and_cuts),
        TEST(splits),
        TEST(distance_counts_edits),
        TEST(nearest_finds_typos_only),
        TEST(hash_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
