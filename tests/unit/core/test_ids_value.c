/* SPDX-License-Identifier: Apache-2.0 */
/* test_ids_value.c – run ids and canonical texts of values. */
#include "tests/lib/test.h"

#include "base/strbuf.h"
#include "core/ids.h"
#include "core/value.h"

#include <math.h>
#include <string.h>

static void run_ids(void **state)
{
    UNUSED(state);
    const uint8_t bytes[16] = { 0x00, 0x01, 0xAB, 0xFF, 5,  6,  7,  8,
                                9,    10,   11,   12,   13, 14, 15, 0xF0 };
    struct run_id sweep = run_id_from_bytes(bytes);
    assert_string_equal(sweep.hex, "0001abff05060708090a0b0c0d0e0ff0");
    assert_true(run_id_is_valid(sweep.hex));
    assert_false(run_id_is_valid("0001ABFF05060708090a0b0c0d0e0ff0"));
    assert_false(run_id_is_valid("0001abff05060708090a0b0c0d0e0ff"));
    assert_false(run_id_is_valid("0001abff05060708090a0b0c0d0e0ff00"));
    assert_false(run_id_is_valid(""));
}

static void trials_have_ids_of_their_own(void **state)
{
    UNUSED(state);
    const uint8_t one[16] = { 1 };
    const uint8_t two[16] = { 2 };
    struct run_id a = run_id_from_bytes(one);
    struct run_id b = run_id_from_bytes(two);
    struct run_id ids[400];
    for (uint32_t i = 0; i < 200; i++) {
        ids[2 * i] = run_id_of_trial(&a, i);
        ids[2 * i + 1] = run_id_of_trial(&b, i);
        struct run_id again = run_id_of_trial(&a, i);
        assert_string_equal(ids[2 * i].hex, again.hex);
    }
    for (size_t i = 0; i < 400; i++) {
        assert_true(run_id_is_valid(ids[i].hex));
        assert_string_not_equal(ids[i].hex, a.hex);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i].hex, ids[k].hex);
        }
    }
    /* Stored homes rely on this very value. */
    assert_string_equal(run_id_of_trial(&a, 7).hex, "4d2429edf8fe36ba7223fefc8055f576");
}

static void values_print_and_compare(void **state)
{
    UNUSED(state);
    static const struct {
        struct value value;
        const char *text;
        const char *json;
    } table[] = {
        { { VALUE_NONE, { .integer = 0 } }, "", "null" },
        { { VALUE_BOOL, { .boolean = true } }, "true", "true" },
        { { VALUE_INT, { .integer = INT64_MIN } },
          "-9223372036854775808",
          "-9223372036854775808" },
        { { VALUE_FLOAT, { .real = 0.1 } }, "0.1", "0.1" },
        { { VALUE_FLOAT, { .real = 1.0 } }, "1", "1.0" },
        { { VALUE_FLOAT, { .real = 1e-7 } }, "1e-07", "1e-07" },
        { { VALUE_FLOAT, { .real = HUGE_VAL } }, "Infinity", "\"Infinity\"" },
        { { VALUE_STR, { .str = "a\"\n" } }, "a\"\n", "\"a\\\"\\n\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct strbuf AUTO_STRBUF out = STRBUF_INIT(100);
        value_print(table[i].value, &out);
        assert_string_equal(strbuf_cstr(&out), table[i].text);
        strbuf_reset(&out);
        value_print_json(table[i].value, &out);
        assert_string_equal(strbuf_cstr(&out), table[i].json);
        for (size_t k = 0; k < ARRAY_LEN(table); k++) {
            assert_int_equal(value_eq(table[i].value, table[k].value), i == k);
        }
    }
    const struct value one = { VALUE_INT, { .integer = 1 } };
    assert_true(value_eq(one, table[4].value));
    const struct value text = { VALUE_STR, { .str = "1" } };
    assert_false(value_eq(one, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_ids),
        TEST(trials_have_ids_of_their_own),
        TEST(values_print_and_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
