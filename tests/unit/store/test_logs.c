/* SPDX-License-Identifier: Apache-2.0 */
/* test_logs.c – an attempt's output comes back byte for byte, wherever the border
 * between database and file falls, whatever is sent twice, and across a reopening. */
#include "tests/unit/store/records.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"

#define TEXT_BYTES ((size_t)3 * (size_t)LOG_HEAD_BYTES)

static const struct attempt_key key = { 1, 0, 1 };

static void add_home(struct store *store, struct records *records)
{
    records_init(records);
    add_sweep(records, 1, 1, "digits");
    add_trial(records, (struct attempt_key){ 1, 0, 0 }, 2, 0.5);
    apply_from(store, records, 0);
}

/* A piece of the text, as one batch. */
static void put_piece(struct store *store, const char *text, size_t from, size_t to)
{
    struct records *records = mem_alloc(sizeof *records);
    AUTO_FREE char *piece = mem_strndup(text + from, to - from);
    records_init(records);
    add_log(records, key, 2, from, piece);
    apply_from(store, records, 0);
    records_fini(records);
    mem_free(records);
}

static void check_text(struct store *store, const char *text, size_t len)
{
    AUTO_FREE char *got = mem_alloc(TEXT_BYTES);
    assert_int_equal(log_size(store, key), len);
    for (size_t from = 0; from <= len; from += 1 + len / 7) {
        size_t n = log_read(store, key, from, got, TEXT_BYTES);
        assert_int_equal(n, len - from);
        assert_memory_equal(got, text + from, n);
    }
    assert_int_equal(log_read(store, key, LOG_HEAD_BYTES - 3, got, 6), 6);
    assert_memory_equal(got, text + LOG_HEAD_BYTES - 3, 6);
}

static void test_pieces_of_any_length(void **state)
{
    UNUSED(state);
    AUTO_FREE char *text = mem_alloc(TEXT_BYTES + 1);
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = (char)('a' + i % 26 + (i / 1000) % 3);
    }
    for (uint64_t seed = 0; seed < 4; seed++) {
        AUTO_TMPDIR struct tmpdir dir;
        struct rng rng = rng_stream(seed, 0, STR_LIT("logs"), RNG_TEST);
        struct records *records = mem_alloc(sizeof *records);
        struct store *store = NULL;
        struct err err = { 0 };
        tmpdir_init(&dir);
        assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
        add_home(store, records);
        for (size_t at = 0; at < TEXT_BYTES;) {
            size_t to = at + 1 + (size_t)rng_below(&rng, 9000);
            to = to < TEXT_BYTES ? to : TEXT_BYTES;
            size_t back = (size_t)rng_below(&rng, at + 1); /* sent again from here */
            put_piece(store, text, back, to);
            at = to;
            if (rng_below(&rng, 4) == 0) {
                store_close(store);
                assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
            }
        }
        check_text(store, text, TEXT_BYTES);
        store_close(store);
        records_fini(records);
        mem_free(records);
    }
}

static void test_a_gap_is_left_out(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    struct records *records = mem_alloc(sizeof *records);
    struct store *store = NULL;
    struct err err = { 0 };
    tmpdir_init(&dir);
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    add_home(store, records);
    put_piece(store, "0123456789", 0, 4);
    put_piece(store, "0123456789", 6, 9);
    assert_int_equal(log_size(store, key), 4);
    store_close(store);
    records_fini(records);
    mem_free(records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_of_any_length),
        TEST(test_a_gap_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
