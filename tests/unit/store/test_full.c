/* SPDX-License-Identifier: Apache-2.0 */
/* test_full.c – a file system that really runs full: a small tmpfs, if we may mount one
 * (root); skipped otherwise. test_apply.c has the same without root. */
#include "tests/unit/store/records.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_internal.h"

#define LINE_BYTES 3000

static int64_t number(struct store *store, const char *sql)
{
    struct err err = { 0 };
    int64_t value = -1;
    assert_ok(db_number(&store->db, sql, &value, &err), &err);
    return value;
}

/* Takes up all space there is. */
static void put_ballast(const char *path)
{
    char block[4096];
    memset(block, 'b', sizeof block);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
}

/* A batch of 400 trials of sweep `sweep`. */
static void fill(struct records *records, uint32_t sweep)
{
    uint64_t run = 1000u * sweep;
    records_init(records);
    add_sweep(records, sweep, run, "digits");
    for (uint32_t i = 0; i < 400; i++) {
        add_trial(records, (struct attempt_key){ sweep, i, 0 }, run + 1 + i, i);
    }
}

static void check_full_and_retry(const char *home, const char *ballast)
{
    struct err err = { 0 };
    struct store *store = NULL;
    struct records *records = mem_alloc(sizeof *records);
    assert_ok(store_open(home, &store, &err), &err);
    fill(records, 1);
    apply_from(store, records, 0);
    records_fini(records);

    put_ballast(ballast);
    fill(records, 2);
    for (int round = 0; round < 3; round++) {
        assert_code(store_apply(store, records->items, records->len, &err), ERR_FULL);
        assert_int_equal(number(store, "SELECT count(*) FROM runs"), 401);
        assert_int_equal(number(store, "SELECT count(*) FROM events"), 401);
    }
    assert_int_equal(unlink(ballast), 0);
    apply_from(store, records, 0);
    records_fini(records);

    /* The log runs full before the database does. */
    char line[LINE_BYTES];
    memset(line, 'l', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    struct attempt_key key = { 1, 0, 1 };
    records_init(records);
    add_log(records, key, 1001, 0, line);
    put_ballast(ballast);
    assert_code(store_apply(store, records->items, records->len, &err), ERR_FULL);
    assert_int_equal(unlink(ballast), 0);
    apply_from(store, records, 0);
    assert_int_equal(log_size(store, key), LINE_BYTES - 1);
    assert_int_equal(number(store, "SELECT count(*) FROM runs"), 802);
    store_close(store);
    records_fini(records);
    mem_free(records);
}

static void test_full_file_system(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    AUTO_FREE char *disk = mem_strdup(tmpdir_path(&dir, "disk"));
    AUTO_FREE char *home = mem_printf("%s/home", disk);
    AUTO_FREE char *ballast = mem_printf("%s/ballast", disk);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=4m") != 0) {
        print_message("mounting a tmpfs is not permitted: skipped\n");
        skip();
    }
    check_full_and_retry(home, ballast);
    assert_int_equal(umount(disk), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
