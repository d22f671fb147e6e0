/* SPDX-License-Identifier: Apache-2.0 */
/* test_joined.c – a run whose attempts went on from checkpoints: its history, its
 * latest values, and what a restart is given back. */
#include "tests/unit/store/records.h"

#include <math.h>
#include <stdio.h>

#include "store/reader.h"
#include "store/store_internal.h"

#define RUN 2
static const struct attempt_key first = { 1, 0, 1 };
static const struct attempt_key second = { 1, 0, 2 };

static struct record *
points(struct records *records, struct attempt_key key, uint64_t seq, double value)
{
    struct record *record = add_points(records, key, RUN, "loss", seq, &value, 1);
    record->as.points.joined = key.attempt == 2;
    return record;
}

/* Attempt 1 reports steps 2 to 6, attempt 2 goes on at step 4; step 1 comes late. */
static void build(struct records *records)
{
    static const double losses[] = { 0.9, 0.5, 0.7, 0.1, 0.05 };
    const double once = 42;
    add_session(records);
    add_agent(records, 1, "agent-a");
    add_sweep(records, 1, 1, "digits");
    add_trial(records, (struct attempt_key){ 1, 0, 0 }, RUN, 0.5);
    add_assigned(records, first, RUN, 1)->as.assigned.checkpoint = true;
    add_started(records, first, RUN);
    add_points(records, first, RUN, "loss", 2, losses, ARRAY_LEN(losses));
    add_points(records, first, RUN, "once", 7, &once, 1);
    add_ended(records, first, RUN, TRIAL_QUEUED, (double)NAN);
    add_assigned(records, second, RUN, 1)->as.assigned.checkpoint = true;
    add_started(records, second, RUN)->as.started.resumed = true;
    points(records, second, 4, 0.6);
    points(records, second, 5, 0.65);
    points(records, second, 6, 0.3);
    struct record *late = points(records, first, 1, 2.0);
    late->as.points.joined = true;
    late->as.points.fenced = true;
}

static int64_t number(struct store *store, const char *sql)
{
    struct err err = { 0 };
    int64_t value = 0;
    assert_ok(db_number(&store->db, sql, &value, &err), &err);
    return value;
}

static void expect_latest(struct store *store, const char *what)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM v_latest WHERE run = 2 AND key = 'loss' AND %s",
             what);
    assert_int_equal(number(store, sql), 1);
}

static void test_latest_follows(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    build(&records);
    struct store *store = NULL;
    struct err err = { 0 };
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    static const char *const after[] = {
        [9] = "count = 5 AND step = 6 AND attempt = 1",  /* the attempt before ended */
        [11] = "count = 5 AND step = 6 AND attempt = 1", /* the next resumed */
        [12] = "count = 3 AND step = 4 AND attempt = 2 AND min = 0.5 AND max = 0.9",
        [13] = "count = 4 AND step = 5 AND attempt = 2 AND min = 0.5 AND max = 0.9",
        [14] = "count = 5 AND step = 6 AND min = 0.3 AND max = 0.9 AND value = 0.3",
        [15] = "count = 6 AND step = 6 AND min = 0.3 AND max = 2 AND attempt = 2",
    };
    assert_int_equal(records.len + 1, ARRAY_LEN(after));
    for (size_t i = 0; i < records.len; i++) {
        assert_ok(store_apply(store, records.items + i, 1, &err), &err);
        if (after[i + 1] != NULL) {
            expect_latest(store, after[i + 1]);
        }
    }
    assert_int_equal(number(store, "SELECT attempt = 1 AND count = 1 FROM v_latest"
                                   " WHERE key = 'once'"),
                     1);
    assert_int_equal(number(store, "SELECT resumed FROM v_attempts WHERE attempt = 2"),
                     1);
    store_close(store);
    records_fini(&records);
}

static void test_one_batch_is_the_same(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    build(&records);
    struct store *store = NULL;
    struct err err = { 0 };
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    apply_from(store, &records, 0);
    expect_latest(store, "count = 6 AND step = 6 AND min = 0.3 AND max = 2"
                         " AND attempt = 2 AND value = 0.3");
    store_close(store);
    records_fini(&records);
}

static void expect_history(struct store_reader *reader,
                           const char *attempt,
                           const double *values,
                           size_t len)
{
    struct err err = { 0 };
    AUTO_JSON json_t *args = json_pack("{s:s, s:s}", "run", "digits/0", "key", "loss");
    AUTO_JSON json_t *found = NULL;
    if (attempt != NULL) {
        json_object_set_new(args, "attempt",
                            attempt[0] == 'a' ? json_string("all")
                                              : json_integer(attempt[0] - '0'));
    }
    assert_ok(store_query(reader, "metrics", args, &found, &err), &err);
    assert_int_equal(json_array_size(found), len);
    for (size_t i = 0; i < len; i++) {
        const json_t *point = json_array_get(found, i);
        assert_true(json_number_value(json_object_get(point, "value")) == values[i]);
    }
}

static void test_history_is_joined(void **state)
{
    UNUSED(state);
    static const double joined[] = { 2.0, 0.9, 0.5, 0.6, 0.65, 0.3 };
    static const double one[] = { 2.0, 0.9, 0.5, 0.7, 0.1, 0.05 };
    static const double two[] = { 0.6, 0.65, 0.3 };
    static const double all[] = { 2.0, 0.9, 0.5, 0.7, 0.6, 0.1, 0.65, 0.05, 0.3 };
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    build(&records);
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct err err = { 0 };
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    apply_from(store, &records, 0);
    assert_ok(store_reader_open(tmpdir_path(&dir, "home"), &reader, &err), &err);
    expect_history(reader, NULL, joined, ARRAY_LEN(joined));
    expect_history(reader, "1", one, ARRAY_LEN(one));
    expect_history(reader, "2", two, ARRAY_LEN(two));
    expect_history(reader, "all", all, ARRAY_LEN(all));
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(10000);
    assert_ok(store_audit(reader, &findings, &err), &err);
    assert_string_equal(strbuf_cstr(&findings), "");
    store_reader_close(reader);
    store_close(store);
    records_fini(&records);
}

/* A third attempt that begins without a checkpoint begins a new history. */
static void test_a_fresh_start_begins_anew(void **state)
{
    UNUSED(state);
    static const double anew[] = { 0.8 };
    const struct attempt_key third = { 1, 0, 3 };
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    build(&records);
    add_ended(&records, second, RUN, TRIAL_QUEUED, (double)NAN);
    add_assigned(&records, third, RUN, 1)->as.assigned.checkpoint = true;
    add_started(&records, third, RUN);
    points(&records, third, 1, 0.8);
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct err err = { 0 };
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    apply_from(store, &records, 0);
    assert_ok(store_reader_open(tmpdir_path(&dir, "home"), &reader, &err), &err);
    expect_history(reader, NULL, anew, 1);
    expect_latest(store, "count = 1 AND attempt = 3");
    store_reader_close(reader);
    store_close(store);
    records_fini(&records);
}

struct counted {
    size_t points[4]; /* by attempt */
};

static enum err_code count(void *ctx, const struct record *record, struct err *err)
{
    UNUSED(err);
    struct counted *counted = ctx;
    if (record->kind == REC_POINTS) {
        counted->points[record->key.attempt] += record->as.points.len;
    }
    return ERR_OK;
}

static void test_replay_gives_earlier_attempts_back(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    build(&records);
    add_ended(&records, second, RUN, TRIAL_FAILED, (double)NAN); /* may be retried */
    struct store *store = NULL;
    struct err err = { 0 };
    struct counted counted = { { 0 } };
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    apply_from(store, &records, 0);
    assert_ok(store_replay(store, count, &counted, &err), &err);
    assert_int_equal(counted.points[1], 7);
    assert_int_equal(counted.points[2], 3);

    size_t from = records.len;
    const struct attempt_key third = { 1, 0, 3 };
    add_assigned(&records, third, RUN, 1)->as.assigned.checkpoint = true;
    add_ended(&records, third, RUN, TRIAL_FINISHED, 0.3);
    apply_from(store, &records, from);
    counted = (struct counted){ { 0 } };
    assert_ok(store_replay(store, count, &counted, &err), &err);
    assert_int_equal(counted.points[1] + counted.points[2], 0);
    store_close(store);
    records_fini(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_latest_follows),
        TEST(test_one_batch_is_the_same),
        TEST(test_history_is_joined),
        TEST(test_a_fresh_start_begins_anew),
        TEST(test_replay_gives_earlier_attempts_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
