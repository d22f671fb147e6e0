/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c – what `winnow doctor` finds in a store that somebody or something
 * spoilt: one case for each check, and damaged pages. */
#include "tests/unit/store/records.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_internal.h"

#define PAGE_BYTES 4096

/* One sweep (run 1); trial 0 (run 2) finished with two points of attempt 1, trial 1
 * (run 3) runs, trials 2 to 49 are queued. */
static void make_store(const char *home)
{
    struct err err = { 0 };
    struct store *store = NULL;
    struct records *records = mem_alloc(sizeof *records);
    const double values[] = { 0.5, 0.25 };
    records_init(records);
    add_session(records);
    add_agent(records, 1, "a");
    add_sweep(records, 1, 1, "digits");
    for (uint32_t i = 0; i < 50; i++) {
        add_trial(records, (struct attempt_key){ 1, i, 0 }, 2 + i, i);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct attempt_key key = { 1, i, 1 };
        add_assigned(records, key, 2 + i, 1);
        add_started(records, key, 2 + i);
        add_points(records, key, 2 + i, "loss", 1, values, 2);
    }
    add_ended(records, (struct attempt_key){ 1, 0, 1 }, 2, TRIAL_FINISHED, 0.25);
    assert_ok(store_open(home, &store, &err), &err);
    apply_from(store, records, 0);
    store_close(store);
    records_fini(records);
    mem_free(records);
}

static void expect_finding(const char *home, const char *finding)
{
    struct err err = { 0 };
    struct store_reader *reader = NULL;
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(10000);
    assert_ok(store_reader_open(home, &reader, &err), &err);
    assert_ok(store_audit(reader, &findings, &err), &err);
    store_reader_close(reader);
    if (finding == NULL) {
        assert_string_equal(strbuf_cstr(&findings), "");
    } else if (strstr(strbuf_cstr(&findings), finding) == NULL) {
        fail_msg("expected '%s', found '%s'", finding, strbuf_cstr(&findings));
    }
}

static void test_sound_store_has_no_finding(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    const char *home = tmpdir_path(&dir, "home");
    make_store(home);
    expect_finding(home, NULL);
}

static void test_each_check_names_what_it_is_for(void **state)
{
    UNUSED(state);
    static const struct {
        const char *damage;
        const char *finding;
    } cases[] = {
        { "UPDATE runs SET parent = 999 WHERE id = 5",
          "runs whose parent is missing: run 5\n" },
        { "UPDATE runs SET kind = 0, parent = 5 WHERE id = 5",
          "runs that are their own ancestor: run 5\n" },
        { "UPDATE runs SET parent = 6 WHERE id = 5",
          "trials that are not below a sweep: run 5\n" },
        { "UPDATE runs SET number = 0 WHERE id = 5",
          "trials with the same number: run 5\n" },
        { "UPDATE runs SET kind = 0 WHERE id = 1",
          "sweeps without their run: sweep 1\n" },
        { "INSERT INTO events SELECT 1000, time_ms, kind, sweep, trial, attempt, run, "
          "seq,"
          " agent, state, reason, flags, number, number2, value, cause, data FROM "
          "events"
          " WHERE kind = 11",
          "attempts that ended more than once: run 2\n" },
        { "DELETE FROM events WHERE kind = 11",
          "attempts whose end is not in the events, or the other way round: run 2\n" },
        { "UPDATE runs SET state = 2 WHERE id = 3",
          "finished trials with an attempt that has not ended: run 3\n" },
        { "UPDATE runs SET state = 4 WHERE id = 2",
          "trials whose state is not what their last event says: run 2\n" },
        { "UPDATE runs SET state = 2 WHERE id = 5",
          "trials that finished without the event: run 5\n" },
        { "DELETE FROM events WHERE run = 5",
          "trials created without the event, or the other way round: run 5\n" },
        { "UPDATE latest SET value = 0.75 WHERE run = 2",
          "latest values that differ from the history: run 2\n" },
        { "DELETE FROM metrics WHERE run = 2 AND seq = 1",
          "metrics with fewer points than were counted: run 2\n" },
        { "DELETE FROM names WHERE name = 'loss'",
          "values of metrics, params or tags without a name: key " },
        { "DELETE FROM runs WHERE id = 5",
          "values of runs that do not exist: run 5\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_TMPDIR struct tmpdir dir;
        tmpdir_init(&dir);
        struct err err = { 0 };
        struct db db;
        const char *home = tmpdir_path(&dir, "home");
        make_store(home);
        assert_ok(db_open(&db, tmpdir_path(&dir, "home/store.db"), false, &err), &err);
        assert_ok(db_exec(&db, cases[i].damage, &err), &err);
        db_close(&db);
        expect_finding(home, cases[i].finding);
    }
}

/* Whatever page is garbage, somebody says so: opening refuses, the audit finds it, or
 * the audit itself cannot read on. Only a page of the free list may be anything. */
static void test_every_damaged_page_is_noticed(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    char junk[PAGE_BYTES];
    char kept[PAGE_BYTES];
    memset(junk, 0xa5, sizeof junk);
    const char *home = tmpdir_path(&dir, "home");
    make_store(home);
    AUTO_FREE char *path = mem_strdup(tmpdir_path(&dir, "home/store.db"));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size >= 10 * PAGE_BYTES);
    for (off_t at = 0; at < info.st_size; at += PAGE_BYTES) {
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, kept, sizeof kept, at), sizeof kept);
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
        struct err err = { 0 };
        struct store_reader *reader = NULL;
        AUTO_STRBUF struct strbuf findings = STRBUF_INIT(100000);
        enum err_code code = store_reader_open(home, &reader, &err);
        if (code == ERR_OK) {
            code = store_audit(reader, &findings, &err);
        }
        store_reader_close(reader);
        if (code == ERR_OK && findings.len == 0) {
            fail_msg("nobody noticed the page at %lld", (long long)at);
        }
        assert_int_equal(pwrite(fd, kept, sizeof kept, at), sizeof kept);
        close(fd);
    }
    expect_finding(home, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sound_store_has_no_finding),
        TEST(test_each_check_names_what_it_is_for),
        TEST(test_every_damaged_page_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
