/* SPDX-License-Identifier: Apache-2.0 */
/* test_fixtures.c – stores of every released schema open, replay and answer; newer ones
 * are refused. */
#include "tests/unit/store/records.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/sys/fsx.h"

/* Copies a fixture to be the store of a fresh home. */
static char *home_of(struct tmpdir *dir, const char *fixture)
{
    struct err err = { 0 };
    AUTO_FREE char *from = mem_printf("%s/%s", FIXTURES, fixture);
    AUTO_STRBUF struct strbuf bytes = STRBUF_INIT((size_t)16 * 1024 * 1024);
    assert_ok(fsx_read_file(from, &bytes, &err), &err);
    char *home = mem_strdup(tmpdir_path(dir, "home"));
    assert_ok(fsx_mkdirs(home, 0700, &err), &err);
    assert_ok(fsx_write_atomic(tmpdir_path(dir, "home/store.db"), bytes.ptr, bytes.len,
                               0600, &err),
              &err);
    return home;
}

struct seen {
    size_t kinds[RECORD_KIND_NR];
    uint64_t points;
    uint64_t mark_seq;
};

static enum err_code look(void *ctx, const struct record *record, struct err *err)
{
    UNUSED(err);
    struct seen *seen = ctx;
    seen->kinds[record->kind]++;
    seen->points += record->kind == REC_POINTS ? record->as.points.len : 0;
    seen->mark_seq = record->kind == REC_MARK ? record->seq : seen->mark_seq;
    return ERR_OK;
}

static void check_valid(const char *fixture)
{
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    AUTO_FREE char *home = home_of(&dir, fixture);
    assert_ok(store_open(home, &store, &err), &err);
    struct seen seen = { 0 };
    assert_ok(store_replay(store, look, &seen, &err), &err);
    assert_int_equal(seen.kinds[REC_SWEEP_CREATED], 1);
    assert_int_equal(seen.kinds[REC_TRIAL_CREATED], 3);
    assert_int_equal(seen.kinds[REC_ENDED], 2);
    assert_int_equal(seen.kinds[REC_MARK], 1);
    assert_int_equal(seen.points, 4);
    assert_int_equal(seen.mark_seq, 4);
    uint64_t next = 0;
    assert_ok(store_next_run_key(store, &next, &err), &err);
    assert_int_equal(next, 5);

    assert_ok(store_reader_open(home, &reader, &err), &err);
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(10000);
    assert_ok(store_audit(reader, &findings, &err), &err);
    assert_string_equal(strbuf_cstr(&findings), "");
    AUTO_JSON json_t *args = json_pack("{s:s}", "sweep", "digits");
    AUTO_JSON json_t *revisions = NULL;
    assert_ok(store_query(reader, "revisions", args, &revisions, &err), &err);
    assert_int_equal(json_array_size(revisions),
                     seen.kinds[REC_SWEEP_CREATED] + seen.kinds[REC_SWEEP_EDITED]);
    AUTO_JSON json_t *best = NULL;
    assert_ok(store_query(reader, "best", args, &best, &err), &err);
    AUTO_FREE char *params = json_dump_line(json_object_get(best, "params"));
    assert_string_equal(params, "{\"C\":0.1,\"kernel\":\"rbf\"}");
    assert_true(json_number_value(json_object_get(best, "value")) == 0.75);
    store_reader_close(reader);
    store_close(store);
}

static void test_every_version_opens(void **state)
{
    UNUSED(state);
    check_valid("valid/v1.db");
    check_valid("valid/v2.db");
    check_valid("valid/v3.db");
}

static void test_newer_is_refused(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    AUTO_FREE char *home = home_of(&dir, "invalid/newer.db");
    assert_code(store_open(home, &store, &err), ERR_VERSION);
    assert_non_null(strstr(err.msg, "schema version 1000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_version_opens),
        TEST(test_newer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
