/* SPDX-License-Identifier: Apache-2.0 */
/* test_open.c – opening homes that are new, locked, old, newer, foreign or damaged. */
#include "tests/unit/store/records.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "store/store_internal.h"

static unsigned mode_of(struct tmpdir *dir, const char *name)
{
    struct stat info;
    assert_int_equal(stat(tmpdir_path(dir, name), &info), 0);
    return (unsigned)info.st_mode & 0777u;
}

static void make_store(const char *home)
{
    struct err err = { 0 };
    struct store *store = NULL;
    struct records *records = mem_alloc(sizeof *records);
    records_init(records);
    add_session(records);
    add_sweep(records, 1, 1, "digits");
    for (uint32_t i = 0; i < 100; i++) {
        add_trial(records, (struct attempt_key){ 1, i, 0 }, 2 + i, i);
    }
    assert_ok(store_open(home, &store, &err), &err);
    apply_from(store, records, 0);
    store_close(store);
    records_fini(records);
    mem_free(records);
}

static void test_new_home_is_private_and_keeps_its_id(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    const char *home = tmpdir_path(&dir, "deep/home");
    assert_ok(store_open(home, &store, &err), &err);
    assert_true(run_id_is_valid(store_home_id(store)));
    AUTO_FREE char *id = mem_strdup(store_home_id(store));
    assert_int_equal(mode_of(&dir, "deep/home"), 0700);
    assert_int_equal(mode_of(&dir, "deep/home/store.db"), 0600);
    assert_int_equal(mode_of(&dir, "deep/home/store.db-wal"), 0600);
    uint64_t key = 0;
    assert_ok(store_next_run_key(store, &key, &err), &err);
    assert_int_equal(key, 1);
    store_close(store);
    assert_ok(store_open(home, &store, &err), &err);
    assert_string_equal(store_home_id(store), id);
    store_close(store);
    store_close(NULL);
}

static void test_pragmas_are_the_measured_ones(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    int64_t value = 0;
    assert_ok(store_open(tmpdir_path(&dir, "home"), &store, &err), &err);
    assert_ok(db_number(&store->db, "PRAGMA synchronous", &value, &err), &err);
    assert_int_equal(value, 2);
    assert_ok(db_number(&store->db, "PRAGMA wal_autocheckpoint", &value, &err), &err);
    assert_int_equal(value, 0);
    assert_ok(db_number(&store->db,
                        "SELECT journal_mode = 'wal' FROM"
                        " pragma_journal_mode",
                        &value, &err),
              &err);
    assert_int_equal(value, 1);
    store_close(store);
}

static void test_locked_home_names_the_holder(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    const char *home = tmpdir_path(&dir, "home");
    assert_ok(store_open(home, &store, &err), &err);
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        struct err inner = { 0 };
        struct store *second = NULL;
        enum err_code code = store_open(home, &second, &inner);
        ssize_t n = write(pipe_fds[1], &inner, sizeof inner);
        _exit(code == ERR_LOCKED && n == (ssize_t)sizeof inner ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct err seen;
    assert_int_equal(read(pipe_fds[0], &seen, sizeof seen), sizeof seen);
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_non_null(strstr(seen.msg, pid));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    store_close(store);
}

static void test_newer_schema_names_both_versions(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    const char *home = tmpdir_path(&dir, "home");
    assert_ok(store_open(home, &store, &err), &err);
    assert_ok(db_exec(&store->db, "PRAGMA user_version = 77", &err), &err);
    store_close(store);
    char ours[64];
    snprintf(ours, sizeof ours, "versions up to %lld", (long long)migrate_version());
    assert_code(store_open(home, &store, &err), ERR_VERSION);
    assert_non_null(strstr(err.msg, "schema version 77"));
    assert_non_null(strstr(err.msg, ours));
    assert_code(store_reader_open(home, &reader, &err), ERR_VERSION);
    assert_non_null(strstr(err.msg, "schema version 77"));
}

static void put_file(const char *path, const char *bytes, size_t len)
{
    struct err err = { 0 };
    assert_ok(fsx_write_atomic(path, bytes, len, 0600, &err), &err);
}

static void test_garbage_is_corrupt(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    char bytes[5000];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(mkdir(tmpdir_path(&dir, "home"), 0700), 0);
    put_file(tmpdir_path(&dir, "home/store.db"), bytes, sizeof bytes);
    const char *home = tmpdir_path(&dir, "home");
    assert_code(store_open(home, &store, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "home/store.db' is damaged or not a winnow store"));
    assert_code(store_reader_open(home, &reader, &err), ERR_CORRUPT);
}

static void test_foreign_database_is_refused_untouched(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    const char *home = tmpdir_path(&dir, "home");
    struct db other;
    assert_int_equal(mkdir(home, 0700), 0);
    put_file(tmpdir_path(&dir, "home/store.db"), "", 0);
    assert_ok(db_open(&other, tmpdir_path(&dir, "home/store.db"), false, &err), &err);
    assert_ok(db_exec(&other, "CREATE TABLE mine (a)", &err), &err);
    db_close(&other);
    assert_code(store_open(home, &store, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "but not a winnow store"));
    int64_t tables = 0;
    assert_ok(db_open(&other, tmpdir_path(&dir, "home/store.db"), false, &err), &err);
    assert_ok(db_number(&other, "SELECT count(*) FROM sqlite_schema", &tables, &err),
              &err);
    db_close(&other);
    assert_int_equal(tables, 1);
}

static void test_truncated_is_corrupt(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    const char *home = tmpdir_path(&dir, "home");
    make_store(home);
    assert_int_equal(truncate(tmpdir_path(&dir, "home/store.db"), 20000), 0);
    assert_code(store_open(home, &store, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "damaged"));
}

static void test_damaged_page_is_found_by_the_audit(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store_reader *reader = NULL;
    const char *home = tmpdir_path(&dir, "home");
    make_store(home);
    int fd = open(tmpdir_path(&dir, "home/store.db"), O_RDWR);
    assert_true(fd >= 0);
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    char junk[64];
    memset(junk, 0xa5, sizeof junk);
    for (off_t at = info.st_size - 2 * 4096; at < info.st_size; at += 4096) {
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    }
    close(fd);
    assert_ok(store_reader_open(home, &reader, &err), &err);
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(100000);
    assert_ok(store_audit(reader, &findings, &err), &err);
    assert_non_null(strstr(strbuf_cstr(&findings), "database: "));
    store_reader_close(reader);
}

static void test_missing_home(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store_reader *reader = NULL;
    assert_code(store_reader_open(tmpdir_path(&dir, "none"), &reader, &err),
                ERR_NOTFOUND);
    assert_non_null(strstr(err.msg, "no store in '"));
    struct store *store = NULL;
    put_file(tmpdir_path(&dir, "file"), "x", 1);
    assert_true(store_open(tmpdir_path(&dir, "file"), &store, &err) != ERR_OK);
    assert_non_null(strstr(err.msg, "/file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_home_is_private_and_keeps_its_id),
        TEST(test_pragmas_are_the_measured_ones),
        TEST(test_locked_home_names_the_holder),
        TEST(test_newer_schema_names_both_versions),
        TEST(test_garbage_is_corrupt),
        TEST(test_foreign_database_is_refused_untouched),
        TEST(test_truncated_is_corrupt),
        TEST(test_damaged_page_is_found_by_the_audit),
        TEST(test_missing_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
