/* SPDX-License-Identifier: Apache-2.0 */
/* test_map.c – maps against a naive list of pairs, for both kinds of key. */
#include "base/map.h"

#include "base/rng.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

enum {
    MODEL_CAP = 4000,
    KEYS = 300,
    STEPS = 4000
};

/* The model: pairs in insertion order. */
struct model {
    uint64_t keys[MODEL_CAP];
    void *values[MODEL_CAP];
    size_t len;
};

static size_t model_find(const struct model *model, uint64_t key)
{
    for (size_t i = 0; i < model->len; i++) {
        if (model->keys[i] == key) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void *model_set(struct model *model, uint64_t key, void *value)
{
    size_t at = model_find(model, key);
    if (at == SIZE_MAX) {
        model->keys[model->len] = key;
        model->values[model->len++] = value;
        return NULL;
    }
    void *old = model->values[at];
    model->values[at] = value;
    return old;
}

static void *model_del(struct model *model, uint64_t key)
{
    size_t at = model_find(model, key);
    if (at == SIZE_MAX) {
        return NULL;
    }
    void *old = model->values[at];
    model->len--;
    memmove(&model->keys[at], &model->keys[at + 1],
            (model->len - at) * sizeof(uint64_t));
    memmove(&model->values[at], &model->values[at + 1],
            (model->len - at) * sizeof(void *));
    return old;
}

static void *value_of(uint64_t n)
{
    static char base[100000];
    return &base[n % sizeof base];
}

/* The text of a key; some are prefixes of others. */
static struct str name_of(uint64_t key, char name[32])
{
    int n = snprintf(name, 32, "%.*s%llu", (int)(key % 5), "aaaaa",
                     (unsigned long long)key);
    assert_true(n > 0);
    return str_from(name);
}

static void check_u64(const struct map_u64 *map, const struct model *model)
{
    size_t pos = 0;
    uint64_t key = 0;
    void *value = NULL;
    size_t n = 0;
    assert_int_equal(map_u64_len(map), model->len);
    while (map_u64_next(map, &pos, &key, &value)) {
        assert_true(key == model->keys[n]);
        assert_ptr_equal(value, model->values[n]);
        n++;
    }
    assert_int_equal(n, model->len);
}

static void u64_behaves_as_the_model(void **state)
{
    UNUSED(state);
    struct map_u64 map;
    map_u64_init(&map);
    static struct model model;
    model.len = 0;
    struct rng rng = rng_stream(1, 0, STR_LIT("u64"), RNG_TEST);
    for (uint64_t step = 0; step < STEPS; step++) {
        /* Multiples of a power of two collide in their low bits. */
        uint64_t key = rng_below(&rng, KEYS) << (step % 2 == 0 ? 0 : 40);
        if (rng_below(&rng, 3) > 0) {
            assert_ptr_equal(map_u64_set(&map, key, value_of(step)),
                             model_set(&model, key, value_of(step)));
        } else {
            assert_ptr_equal(map_u64_del(&map, key), model_del(&model, key));
        }
        uint64_t probe = rng_below(&rng, KEYS);
        size_t at = model_find(&model, probe);
        assert_int_equal(map_u64_has(&map, probe), at != SIZE_MAX);
        assert_ptr_equal(map_u64_get(&map, probe),
                         at == SIZE_MAX ? NULL : model.values[at]);
        if (step % 97 == 0) {
            check_u64(&map, &model);
        }
    }
    check_u64(&map, &model);
    map_u64_fini(&map);
}

static void str_behaves_as_the_model(void **state)
{
    UNUSED(state);
    struct map_str map;
    map_str_init(&map);
    static struct model model;
    model.len = 0;
    char name[32];
    struct rng rng = rng_stream(1, 0, STR_LIT("str"), RNG_TEST);
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t key = rng_below(&rng, KEYS);
        struct str text = name_of(key, name);
        if (rng_below(&rng, 3) > 0) {
            assert_ptr_equal(map_str_set(&map, text, value_of(step)),
                             model_set(&model, key, value_of(step)));
        } else {
            assert_ptr_equal(map_str_del(&map, text), model_del(&model, key));
        }
        uint64_t probe = rng_below(&rng, KEYS);
        assert_int_equal(map_str_has(&map, name_of(probe, name)),
                         model_find(&model, probe) != SIZE_MAX);
    }
    size_t pos = 0;
    size_t n = 0;
    const char *key = NULL;
    while (map_str_next(&map, &pos, &key, NULL)) {
        assert_string_equal(key, name_of(model.keys[n++], name).ptr);
    }
    assert_int_equal(n, model.len);
    map_str_fini(&map);
}

static void deleting_while_iterating_visits_each_once(void **state)
{
    UNUSED(state);
    struct map_u64 map = { 0 };
    for (uint64_t i = 0; i < 1000; i++) {
        map_u64_set(&map, i, value_of(i));
    }
    size_t pos = 0;
    uint64_t key = 0;
    uint64_t visited = 0;
    while (map_u64_next(&map, &pos, &key, NULL)) {
        assert_int_equal(key, visited++);
        map_u64_del(&map, key);
    }
    assert_int_equal(visited, 1000);
    assert_int_equal(map_u64_len(&map), 0);
    map_u64_fini(&map);
}

static void churn_does_not_grow_the_map(void **state)
{
    UNUSED(state);
    struct map_u64 map = { 0 };
    for (uint64_t i = 0; i < 100000; i++) {
        map_u64_set(&map, i, NULL);
        if (i >= 10) {
            map_u64_del(&map, i - 10);
        }
    }
    assert_int_equal(map_u64_len(&map), 10);
    assert_true(map.table.slots_cap <= 256);
    map_u64_fini(&map);
}

static void empty_maps_and_null_values(void **state)
{
    UNUSED(state);
    struct map_str map = { 0 };
    assert_null(map_str_get(&map, STR_LIT("x")));
    assert_null(map_str_del(&map, STR_LIT("x")));
    assert_null(map_str_set(&map, STR_LIT(""), NULL));
    assert_true(map_str_has(&map, STR_LIT("")));
    /* Views into longer text: "ab" of "abc" is not "abc". */
    map_str_set(&map, STR_LIT("abc"), value_of(1));
    assert_false(map_str_has(&map, str_from_n("abcd", 2)));
    assert_true(map_str_has(&map, str_from_n("abcd", 3)));
    assert_false(map_str_has(&map, STR_LIT("abcd")));
    map_str_fini(&map);
    map_str_fini(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(u64_behaves_as_the_model),
        TEST(str_behaves_as_the_model),
        TEST(deleting_while_iterating_visits_each_once),
        TEST(churn_does_not_grow_the_map),
        TEST(empty_maps_and_null_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
