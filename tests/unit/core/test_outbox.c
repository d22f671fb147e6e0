/* SPDX-License-Identifier: Apache-2.0 */
/* test_outbox.c – nothing is told before it is on disk, and everything is told in
 * order. */
#include "core/outbox.h"

#include "base/rng.h"
#include "tests/lib/test.h"

static struct effect persist(uint64_t run_key)
{
    struct record record = { .kind = REC_STARTED, .run_key = run_key };
    return (struct effect){ .kind = FX_PERSIST, .as.record = record_clone(&record) };
}

static struct effect send_after(uint64_t peer, bool after_commit)
{
    return (struct effect){ .kind = FX_SEND,
                            .after_commit = after_commit,
                            .peer = peer,
                            .as.message = { .kind = TO_AGENT_HELLO_WANTED } };
}

static void add(struct outbox *outbox, struct effect effect)
{
    struct effects effects = { 0 };
    vec_push(&effects.list, effect);
    outbox_add(outbox, &effects);
    effects_fini(&effects);
}

static void test_waits_for_its_commit(void **state)
{
    UNUSED(state);
    struct outbox *outbox = outbox_create();
    struct effect effect;
    struct record *const *records = NULL;
    size_t len = 0;
    assert_false(outbox_seal(outbox, 10, &records, &len));
    add(outbox, send_after(1, true)); /* nothing before it: free to go */
    assert_true(outbox_next(outbox, &effect));
    add(outbox, persist(7));
    add(outbox, send_after(2, true));
    assert_false(outbox_next(outbox, &effect));
    assert_true(outbox_seal(outbox, 10, &records, &len));
    assert_int_equal(len, 1);
    assert_int_equal(records[0]->run_key, 7);
    add(outbox, send_after(3, true)); /* covered by the batch in flight */
    add(outbox, persist(8));
    add(outbox, send_after(4, true)); /* by the next one */
    add(outbox, send_after(5, false));
    assert_true(outbox_next(outbox, &effect));
    assert_int_equal(effect.peer, 5);
    assert_false(outbox_next(outbox, &effect));
    assert_false(outbox_seal(outbox, 10, &records, &len));
    outbox_committed(outbox);
    assert_true(outbox_next(outbox, &effect));
    assert_int_equal(effect.peer, 2);
    assert_true(outbox_next(outbox, &effect));
    assert_int_equal(effect.peer, 3);
    assert_false(outbox_next(outbox, &effect));
    outbox_destroy(outbox);
}

/* Random steps: an effect comes out only when all records before it are committed, in
 * order, and all do in the end. */
static void test_random_order(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rng rng = rng_stream(seed, 0, STR_LIT("outbox"), RNG_TEST);
        struct outbox *outbox = outbox_create();
        uint64_t added = 0;
        uint64_t committed = 0;
        uint64_t in_flight = 0;
        uint64_t sends = 0;
        uint64_t told = 0;
        uint64_t after[400];
        for (size_t i = 0; i < 400; i++) {
            uint64_t dice = rng_below(&rng, 4);
            struct record *const *records = NULL;
            size_t len = 0;
            struct effect effect;
            if (dice == 0) {
                add(outbox, persist(++added));
            } else if (dice == 1) {
                after[sends] = added;
                add(outbox, send_after(sends++, true));
            } else if (dice == 2 && outbox_seal(outbox, 3, &records, &len)) {
                assert_int_equal(records[0]->run_key, committed + 1);
                in_flight = len;
            } else if (dice == 3 && in_flight > 0) {
                outbox_committed(outbox);
                committed += in_flight;
                in_flight = 0;
            }
            while (outbox_next(outbox, &effect)) {
                assert_int_equal(effect.peer, told);
                assert_true(after[told] <= committed);
                told++;
            }
            assert_true(told == sends || after[told] > committed);
        }
        outbox_destroy(outbox);
    }
}

/* A batch ends with a step, however many records that has. */
static void test_whole_steps(void **state)
{
    UNUSED(state);
    static const size_t steps[] = { 2, 2, 5, 1, 1, 1 };
    static const size_t batches[] = { 2, 2, 5, 3 };
    struct outbox *outbox = outbox_create();
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct effects effects = { 0 };
        for (size_t k = 0; k < steps[i]; k++) {
            vec_push(&effects.list, persist(1));
        }
        outbox_add(outbox, &effects);
        effects_fini(&effects);
    }
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        struct record *const *records = NULL;
        size_t len = 0;
        assert_true(outbox_seal(outbox, 3, &records, &len));
        assert_int_equal(len, batches[i]);
        outbox_committed(outbox);
    }
    assert_int_equal(outbox_open_len(outbox), 0);
    outbox_destroy(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_waits_for_its_commit),
        TEST(test_whole_steps),
        TEST(test_random_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
