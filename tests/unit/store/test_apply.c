/* SPDX-License-Identifier: Apache-2.0 */
/* test_apply.c – what is applied comes back: events in order, points and marks of live
 * attempts; batches fail whole; resends change nothing. */
#include "tests/unit/store/records.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_internal.h"

struct replayed {
    struct record *items[4096];
    size_t len;
};

static enum err_code keep(void *ctx, const struct record *record, struct err *err)
{
    UNUSED(err);
    struct replayed *replayed = ctx;
    assert_true(replayed->len < ARRAY_LEN(replayed->items));
    replayed->items[replayed->len++] = record_clone(record);
    return ERR_OK;
}

static void replayed_fini(struct replayed *replayed)
{
    for (size_t i = 0; i < replayed->len; i++) {
        record_destroy(replayed->items[i]);
    }
}

static void replay(struct store *store, struct replayed *replayed)
{
    struct err err = { 0 };
    replayed->len = 0;
    assert_ok(store_replay(store, keep, replayed, &err), &err);
}

static bool is_kept(enum record_kind kind)
{
    return kind != REC_POINTS && kind != REC_NOTES && kind != REC_LOG;
}

static void open_home(struct tmpdir *dir, struct store **store_out)
{
    struct err err = { 0 };
    assert_ok(store_open(tmpdir_path(dir, "home"), store_out, &err), &err);
}

static int64_t number(struct store *store, const char *sql)
{
    int64_t value = -1;
    struct err err = { 0 };
    assert_ok(db_number(&store->db, sql, &value, &err), &err);
    return value;
}

/* One sweep, two trials: trial 0 ended, trial 1 running with points and a log. */
static void build(struct records *records)
{
    struct attempt_key t0 = { 1, 0, 1 };
    struct attempt_key t1 = { 1, 1, 1 };
    const double losses[] = { 0.5, (double)NAN, (double)INFINITY, -1e300 };
    add_session(records);
    add_agent(records, 1, "agent-a");
    add_sweep(records, 1, 1, "digits");
    add_trial(records, (struct attempt_key){ 1, 0, 0 }, 2, 0.1);
    add_trial(records, (struct attempt_key){ 1, 1, 0 }, 3, 10);
    add_assigned(records, t0, 2, 1);
    add_edited(records, 1, 1, 2);
    add_edited(records, 1, 1, 3);
    add_assigned(records, t1, 3, 1)->as.assigned.revision = 3;
    add_started(records, t0, 2);
    add_started(records, t1, 3);
    add_points(records, t0, 2, "accuracy", 1, losses, 1);
    add_points(records, t1, 3, "loss", 1, losses, ARRAY_LEN(losses));
    add_log(records, t1, 3, 0, "hello\n");
    add_note(records, t1, 3, true, "note", "first");
    add_ended(records, t0, 2, TRIAL_FINISHED, 0.5);
    records->items[records->len - 1]->seq = 1;
}

static void test_replay_gives_back_what_was_applied(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    open_home(&dir, &store);
    build(&records);
    apply_from(store, &records, 0);
    store_close(store);
    open_home(&dir, &store);

    struct replayed replayed;
    replay(store, &replayed);
    size_t at = 0;
    for (size_t i = 0; i < records.len; i++) {
        if (is_kept(records.items[i]->kind)) {
            assert_true(at < replayed.len);
            assert_record_eq(replayed.items[at++], records.items[i]);
        }
    }
    assert_int_equal(replayed.len, at + 2);
    const struct record *points = replayed.items[at];
    assert_int_equal(points->kind, REC_POINTS);
    assert_int_equal(points->run_key, 3);
    assert_int_equal(points->as.points.len, 4);
    assert_int_equal(points->as.points.first_seq, 1);
    assert_string_equal(points->as.points.names[points->as.points.name[0]], "loss");
    assert_true(points->as.points.value[0] == 0.5);
    assert_true(isnan(points->as.points.value[1]));
    assert_true(isinf(points->as.points.value[2]));
    assert_true(points->as.points.step[3] == 4);
    const struct record *mark = replayed.items[at + 1];
    assert_int_equal(mark->kind, REC_MARK);
    assert_int_equal(mark->seq, 4);
    assert_int_equal(mark->as.mark.log_bytes, 6);

    uint64_t next = 0;
    struct err err = { 0 };
    assert_ok(store_next_run_key(store, &next, &err), &err);
    assert_int_equal(next, 4);
    replayed_fini(&replayed);
    store_close(store);
    records_fini(&records);
}

static void test_one_batch_equals_many(void **state)
{
    UNUSED(state);
    static const char sum[] =
        "SELECT (SELECT group_concat(run||attempt||seq||coalesce(end,'-')||start_ms)"
        " FROM (SELECT * FROM attempts ORDER BY run, attempt)) = ("
        "SELECT group_concat(run||attempt||seq||coalesce(end,'-')||start_ms)"
        " FROM (SELECT * FROM o.attempts ORDER BY run, attempt))"
        " AND (SELECT group_concat(id||state||status||attempts||coalesce(value,'-')"
        "||coalesce(start_ms,'-')||coalesce(end_ms,'-')||phase) FROM runs) = (SELECT"
        " group_concat(id||state||status||attempts||coalesce(value,'-')"
        "||coalesce(start_ms,'-')||coalesce(end_ms,'-')||phase) FROM o.runs)"
        " AND (SELECT group_concat(run||step||seq||count||coalesce(min,'-')"
        "||coalesce(max,'-')||coalesce(value,'-')) FROM latest) = (SELECT"
        " group_concat(run||step||seq||count||coalesce(min,'-')"
        "||coalesce(max,'-')||coalesce(value,'-')) FROM o.latest)";
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    build(&records);
    struct store *whole = NULL;
    struct store *pieces = NULL;
    struct err err = { 0 };
    assert_ok(store_open(tmpdir_path(&dir, "whole"), &whole, &err), &err);
    assert_ok(store_open(tmpdir_path(&dir, "pieces"), &pieces, &err), &err);
    apply_from(whole, &records, 0);
    for (size_t i = 0; i < records.len; i++) {
        assert_ok(store_apply(pieces, records.items + i, 1, &err), &err);
    }
    char attach[400];
    snprintf(attach, sizeof attach, "ATTACH '%s/whole/store.db' AS o", dir.path);
    assert_ok(db_exec(&pieces->db, attach, &err), &err);
    assert_int_equal(number(pieces, sum), 1);
    store_close(pieces);
    store_close(whole);
    records_fini(&records);
}

static void test_points_sent_twice_are_stored_once(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    open_home(&dir, &store);
    build(&records);
    apply_from(store, &records, 0);
    struct attempt_key t1 = { 1, 1, 1 };
    size_t from = records.len;
    const double again[] = { 0.5, (double)NAN, (double)INFINITY, -1e300, 7 };
    add_points(&records, t1, 3, "loss", 1, again, ARRAY_LEN(again));
    add_log(&records, t1, 3, 0, "hello\nworld\n");
    add_log(&records, t1, 3, 100, "a gap is left out");
    add_note(&records, t1, 3, false, "seen", "1");
    add_note(&records, t1, 3, false, "seen", "2");
    add_note(&records, t1, 3, true, "note", "second");
    apply_from(store, &records, from);

    assert_int_equal(number(store, "SELECT count(*) FROM metrics WHERE run = 3"), 5);
    assert_int_equal(number(store, "SELECT count FROM latest WHERE run = 3"), 5);
    assert_int_equal(number(store, "SELECT value = 7 AND step = 5 AND max = 9e999"
                                   " AND min = -1e300 FROM latest WHERE run = 3"),
                     1);
    assert_int_equal(number(store, "SELECT value = '1' FROM v_params WHERE key ="
                                   " 'seen'"),
                     1);
    assert_int_equal(number(store, "SELECT value = 'second' FROM v_tags WHERE key ="
                                   " 'note'"),
                     1);
    assert_int_equal(log_size(store, (struct attempt_key){ 1, 1, 1 }), 12);
    store_close(store);
    records_fini(&records);
}

static void test_newer_attempt_takes_over_latest(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    open_home(&dir, &store);
    build(&records);
    struct attempt_key old = { 1, 1, 1 };
    struct attempt_key new = { 1, 1, 2 };
    add_plain(&records, REC_REQUEUED, old, 3);
    apply_from(store, &records, 0);
    assert_int_equal(number(store, "SELECT state = 0 AND phase = 2 FROM runs"
                                   " WHERE id = 3"),
                     1);
    size_t from = records.len;
    const double one = 3;
    add_ended(&records, old, 3, TRIAL_QUEUED, (double)NAN);
    add_assigned(&records, new, 3, 1);
    add_points(&records, old, 3, "loss", 50, &one, 1); /* late, not marked fenced */
    apply_from(store, &records, from);
    assert_int_equal(number(store, "SELECT count(*) FROM latest WHERE run = 3"), 0);
    assert_int_equal(number(store, "SELECT attempts FROM runs WHERE id = 3"), 2);

    from = records.len;
    add_points(&records, new, 3, "loss", 1, &one, 1);
    add_points(&records, old, 3, "loss", 51, &one, 1)->as.points.fenced = true;
    apply_from(store, &records, from);
    assert_int_equal(number(store, "SELECT attempt = 2 AND step = 1 AND count = 1"
                                   " FROM latest WHERE run = 3"),
                     1);
    assert_int_equal(number(store, "SELECT count(*) FROM metrics WHERE run = 3"), 7);

    /* Late points that nobody marked as fenced do not bring the old attempt back. */
    from = records.len;
    add_points(&records, old, 3, "loss", 90, &one, 1);
    apply_from(store, &records, from);
    assert_int_equal(number(store, "SELECT attempt = 2 AND step = 1 AND count = 1"
                                   " FROM latest WHERE run = 3"),
                     1);
    store_close(store);
    records_fini(&records);
}

static void test_full_disk_leaves_nothing_and_may_be_retried(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    struct err err = { 0 };
    open_home(&dir, &store);
    build(&records);
    apply_from(store, &records, 0);
    size_t from = records.len;
    add_sweep(&records, 2, 4, "second");
    for (uint32_t i = 0; i < 2000; i++) {
        add_trial(&records, (struct attempt_key){ 2, i, 0 }, 5 + i, i);
    }
    int64_t events = number(store, "SELECT count(*) FROM events");
    int64_t pages = number(store, "PRAGMA page_count");
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %lld",
             (long long)pages + 2);
    assert_ok(db_exec(&store->db, pragma, &err), &err);
    for (int round = 0; round < 2; round++) {
        assert_code(store_apply(store, records.items + from, records.len - from, &err),
                    ERR_FULL);
        assert_non_null(strstr(err.msg, "full"));
        assert_int_equal(number(store, "SELECT count(*) FROM events"), events);
        assert_int_equal(number(store, "SELECT count(*) FROM sweeps"), 1);
    }
    assert_ok(db_exec(&store->db, "PRAGMA max_page_count = 1000000", &err), &err);
    apply_from(store, &records, from);
    assert_int_equal(number(store, "SELECT count(*) FROM runs"), 3 + 2001);
    assert_int_equal(number(store, "SELECT count(*) FROM v_params WHERE key = 'C'"),
                     2002);
    store_close(store);
    records_fini(&records);
}

static void test_unsorted_points_are_ordered(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    open_home(&dir, &store);
    build(&records);
    apply_from(store, &records, 0);
    size_t from = records.len;
    struct attempt_key t1 = { 1, 1, 1 };
    /* Two names by turns, steps falling; the same step twice. */
    const char *names[] = { "b", "a" };
    const uint32_t name[] = { 0, 1, 0, 1, 0 };
    const int64_t step[] = { 9, 8, 7, 8, 9 };
    const int64_t time_ms[] = { 1, 2, 3, 4, 5 };
    const double value[] = { 1, 2, 3, 4, 5 };
    struct record points = { .kind = REC_POINTS, .key = t1, .run_key = 3, .seq = 24 };
    points.as.points = (struct rec_points){ 20,   5,       names, 2,     name,
                                            step, time_ms, value, false, false };
    records.items[records.len++] = record_clone(&points);
    apply_from(store, &records, from);
    assert_int_equal(number(store,
                            "SELECT l.value = 5 AND l.seq = 24 AND l.count = 3 AND"
                            " l.min = 1 AND l.max = 5 FROM latest l JOIN names n"
                            " ON n.id = l.key WHERE n.name = 'b'"),
                     1);
    assert_int_equal(number(store, "SELECT value = 4 AND count = 2 FROM v_latest WHERE"
                                   " key = 'a'"),
                     1);
    store_close(store);
    records_fini(&records);
}

static void test_replayed_points_are_cut_where_numbers_jump(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    open_home(&dir, &store);
    build(&records);
    struct attempt_key t1 = { 1, 1, 1 };
    const double values[] = { 7, 8 };
    /* A note took number 5. */
    add_note(&records, t1, 3, true, "note", "x")->seq = 5;
    add_points(&records, t1, 3, "accuracy", 6, values, 2);
    apply_from(store, &records, 0);
    struct replayed replayed;
    replay(store, &replayed);
    const struct record *const *last =
        (const struct record *const *)replayed.items + replayed.len - 3;
    assert_int_equal(last[0]->as.points.first_seq, 1);
    assert_int_equal(last[0]->as.points.len, 4);
    assert_int_equal(last[0]->seq, 4);
    assert_int_equal(last[1]->as.points.first_seq, 6);
    assert_int_equal(last[1]->as.points.len, 2);
    assert_string_equal(last[1]->as.points.names[0], "accuracy");
    assert_true(last[1]->as.points.value[1] == 8);
    assert_int_equal(last[2]->kind, REC_MARK);
    assert_int_equal(last[2]->seq, 7);
    replayed_fini(&replayed);
    store_close(store);
    records_fini(&records);
}

static enum err_code refuse(void *ctx, const struct record *record, struct err *err)
{
    UNUSED(record);
    size_t *calls = ctx;
    return ++*calls == 2 ? err_set(err, ERR_CORRUPT, "enough") : ERR_OK;
}

static void test_replay_ends_with_the_callbacks_error(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    struct err err = { 0 };
    open_home(&dir, &store);
    build(&records);
    apply_from(store, &records, 0);
    size_t calls = 0;
    assert_code(store_replay(store, refuse, &calls, &err), ERR_CORRUPT);
    assert_string_equal(err.msg, "enough");
    assert_int_equal(calls, 2);
    assert_ok(db_exec(&store->db, "UPDATE events SET kind = 99 WHERE id = 2", &err),
              &err);
    struct replayed replayed = { .len = 0 };
    assert_code(store_replay(store, keep, &replayed, &err), ERR_CORRUPT);
    assert_string_equal(err.msg, "event 2 of the store cannot be read");
    replayed_fini(&replayed);
    store_close(store);
    records_fini(&records);
}

/* A reader gives back what the writer does, while the home is open for writing. */
static void test_a_reader_replays_the_same(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    records_init(&records);
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct err err = { 0 };
    open_home(&dir, &store);
    build(&records);
    apply_from(store, &records, 0);
    struct replayed written = { .len = 0 };
    struct replayed read = { .len = 0 };
    replay(store, &written);
    assert_ok(store_reader_open(tmpdir_path(&dir, "home"), &reader, &err), &err);
    assert_ok(store_reader_replay(reader, keep, &read, &err), &err);
    assert_int_equal(read.len, written.len);
    for (size_t i = 0; i + 2 < read.len; i++) {
        assert_record_eq(written.items[i], read.items[i]);
    }
    const struct record *points = read.items[read.len - 2];
    assert_int_equal(points->kind, REC_POINTS);
    assert_int_equal(points->as.points.len, 4);
    const struct record *mark = read.items[read.len - 1];
    assert_int_equal(mark->kind, REC_MARK);
    assert_int_equal(mark->as.mark.log_bytes, 6);
    replayed_fini(&read);
    size_t calls = 0;
    assert_code(store_reader_replay(reader, refuse, &calls, &err), ERR_CORRUPT);
    read.len = 0;
    assert_ok(store_reader_replay(reader, keep, &read, &err), &err);
    assert_int_equal(read.len, written.len);
    replayed_fini(&read);
    replayed_fini(&written);
    store_reader_close(reader);
    store_close(store);
    records_fini(&records);
}

static void test_prefetched_is_queued_until_it_runs(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct records records;
    struct store *store = NULL;
    struct attempt_key key = { 1, 0, 1 };
    open_home(&dir, &store);
    records_init(&records);
    add_sweep(&records, 1, 1, "digits");
    add_agent(&records, 1, "a");
    add_trial(&records, (struct attempt_key){ 1, 0, 0 }, 2, 0.5);
    add_assigned(&records, key, 2, 1)->as.assigned.prefetch = true;
    apply_from(store, &records, 0);
    assert_int_equal(number(store, "SELECT state = 'queued' FROM v_trials"), 1);
    size_t from = records.len;
    add_started(&records, key, 2);
    apply_from(store, &records, from);
    assert_int_equal(number(store, "SELECT state = 'running' FROM v_trials"), 1);
    store_close(store);
    records_fini(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_prefetched_is_queued_until_it_runs),
        TEST(test_replay_gives_back_what_was_applied),
        TEST(test_one_batch_equals_many),
        TEST(test_points_sent_twice_are_stored_once),
        TEST(test_newer_attempt_takes_over_latest),
        TEST(test_full_disk_leaves_nothing_and_may_be_retried),
        TEST(test_unsorted_points_are_ordered),
        TEST(test_replayed_points_are_cut_where_numbers_jump),
        TEST(test_replay_ends_with_the_callbacks_error),
        TEST(test_a_reader_replays_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
