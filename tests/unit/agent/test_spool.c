/* SPDX-License-Identifier: Apache-2.0 */
/* test_spool.c – what survives a restart, damage at the end, trimming, rewriting. */
#include "agent/spool.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"

struct found {
    uint64_t id;
    struct spool_meta meta;
    size_t bytes;
};

struct found_list {
    VEC(struct found) items;
};

struct fixture {
    struct tmpdir dir;
    const char *path;
    struct spool *spool;
    struct found_list found;
    uint64_t torn;
};

static void
on_found(void *ctx, uint64_t id, const struct spool_meta *meta, size_t bytes)
{
    struct found_list *list = ctx;
    struct found found = { id, *meta, bytes };
    vec_push(&list->items, found);
}

static void open_again(struct fixture *f)
{
    struct err err = { 0 };
    spool_close(f->spool);
    vec_reset(&f->found.items);
    assert_ok(spool_open(f->path, on_found, &f->found, &f->spool, &f->torn, &err),
              &err);
}

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    tmpdir_init(&f->dir);
    char *path = mem_strdup(tmpdir_path(&f->dir, "spool"));
    f->path = path;
    open_again(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    spool_close(f->spool);
    vec_fini(&f->found.items);
    tmpdir_fini(&f->dir);
    mem_free(mem_take(&f->path));
    mem_free(f);
    return 0;
}

static void put(struct fixture *f, uint64_t id, const char *text, size_t len)
{
    struct spool_meta meta = { .key = { 1, (uint32_t)id, 2 },
                               .boot = 3,
                               .first_seq = id,
                               .last_seq = id + 4,
                               .has_ended = id % 2 == 0 };
    memset(meta.run_id.hex, 'a', 32);
    struct err err = { 0 };
    assert_ok(spool_append(f->spool, id, &meta, text, len, &err), &err);
}

static void expect(struct fixture *f, uint64_t id, const char *text)
{
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    assert_ok(spool_read(f->spool, id, &data, &len, &err), &err);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, len);
    mem_free(data);
}

static off_t size_of(const struct fixture *f)
{
    struct stat status;
    assert_int_equal(stat(f->path, &status), 0);
    return status.st_size;
}

static void test_records_survive(void **state)
{
    struct fixture *f = *state;
    put(f, 10, "first", 5);
    put(f, 11, "second one", 10);
    expect(f, 11, "second one");
    expect(f, 10, "first");
    open_again(f);
    assert_int_equal(f->found.items.len, 2);
    const struct found *second = &f->found.items.ptr[1];
    assert_int_equal(second->id, 2); /* numbered anew */
    assert_int_equal(second->meta.key.trial, 11);
    assert_int_equal(second->meta.key.attempt, 2);
    assert_int_equal(second->meta.boot, 3);
    assert_int_equal(second->meta.first_seq, 11);
    assert_int_equal(second->meta.last_seq, 15);
    assert_false(second->meta.has_ended);
    assert_true(f->found.items.ptr[0].meta.has_ended);
    assert_int_equal(strlen(second->meta.run_id.hex), 32);
    assert_int_equal(second->bytes, 10);
    assert_int_equal(f->torn, 0);
    expect(f, 2, "second one");
}

static void test_unknown_id(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = NULL;
    size_t len = 0;
    assert_code(spool_read(f->spool, 5, &data, &len, NULL), ERR_NOTFOUND);
    spool_trim(f->spool, 5);
    put(f, 1, "x", 1);
    spool_trim(f->spool, 1);
    assert_code(spool_read(f->spool, 1, &data, &len, NULL), ERR_NOTFOUND);
}

static void test_torn_tail_is_cut_at_every_length(void **state)
{
    struct fixture *f = *state;
    put(f, 1, "whole", 5);
    off_t whole = size_of(f);
    put(f, 2, "torn away", 9);
    off_t both = size_of(f);
    for (off_t cut = both - 1; cut > whole; cut -= 7) {
        assert_int_equal(truncate(f->path, cut), 0);
        open_again(f);
        assert_int_equal(f->found.items.len, 1);
        assert_int_equal(f->torn, cut - whole);
        assert_int_equal(size_of(f), whole);
        expect(f, 1, "whole");
        put(f, 2, "torn away", 9);
        expect(f, 2, "torn away");
    }
}

static void test_damaged_byte_ends_the_file_there(void **state)
{
    struct fixture *f = *state;
    put(f, 1, "one", 3);
    off_t first = size_of(f);
    put(f, 2, "two", 3);
    put(f, 3, "three", 5);
    int fd = open(f->path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, first + 40), 1);
    close(fd);
    open_again(f);
    assert_int_equal(f->found.items.len, 1);
    assert_true(f->torn > 0);
}

static void test_garbage_file_is_no_records(void **state)
{
    struct fixture *f = *state;
    spool_close(f->spool);
    f->spool = NULL;
    tmpdir_write(&f->dir, "spool",
                 "this is not a spool, but long enough to be read as one "
                 "header at least, and a little more than that");
    open_again(f);
    assert_int_equal(f->found.items.len, 0);
    assert_int_equal(size_of(f), 0);
}

static void test_empty_spool_is_cut_back_when_worth_it(void **state)
{
    struct fixture *f = *state;
    char *big = mem_alloc(70000);
    put(f, 1, big, 70000);
    put(f, 2, "x", 1);
    spool_trim(f->spool, 1);
    assert_true(size_of(f) > 70000);
    spool_trim(f->spool, 2);
    assert_int_equal(size_of(f), 0);
    mem_free(big);
    put(f, 3, "x", 1);
    spool_trim(f->spool, 3);
    assert_true(size_of(f) > 0); /* not for one small record */
    open_again(f);               /* but an orderly end leaves nothing behind */
    assert_int_equal(f->found.items.len, 0);
}

static void test_mostly_dead_spool_is_rewritten(void **state)
{
    struct fixture *f = *state;
    size_t len = (size_t)1024 * 1024;
    char *big = mem_alloc(len);
    put(f, 100, "keep me", 7);
    for (uint64_t id = 1; id <= 17; id++) {
        put(f, id, big, len);
    }
    put(f, 101, "me too", 6);
    for (uint64_t id = 1; id <= 17; id++) {
        spool_trim(f->spool, id);
    }
    assert_true(size_of(f) < (off_t)(2 * len));
    expect(f, 100, "keep me");
    expect(f, 101, "me too");
    put(f, 102, "later", 5);
    open_again(f);
    mem_free(big);
    /* The last of the large ones died after the rewriting. */
    assert_int_equal(f->found.items.len, 4);
    expect(f, 1, "keep me");
    expect(f, 3, "me too");
    expect(f, 4, "later");
}

static void test_what_cannot_be_written_is_kept_in_memory(void **state)
{
    struct fixture *f = *state;
    put(f, 1, "on disk", 7);
    spool_close(f->spool);
    f->spool = NULL;
    /* A file that cannot grow stands for a full disk. */
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit limit = { .rlim_cur = (rlim_t)size_of(f) + 50,
                            .rlim_max = before.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    open_again(f);
    setrlimit(RLIMIT_FSIZE, &limit);
    struct spool_meta meta = { .key = { 1, 2, 3 }, .first_seq = 1, .last_seq = 1 };
    struct err err = { 0 };
    enum err_code code = spool_append(f->spool, 2, &meta, "in memory", 9, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_not_equal(code, ERR_OK);
    expect(f, 2, "in memory");
    put(f, 3, "on disk again", 13);
    spool_trim(f->spool, 1);
    expect(f, 2, "in memory");
    open_again(f);
    assert_int_equal(f->torn, 0);
    assert_int_equal(f->found.items.len, 3); /* 1 is dead, but was not worth removing */
    expect(f, 2, "in memory");
    expect(f, 3, "on disk again");
}

/* A restart must not find an attempt's reports with some in the middle missing. */
static void test_what_was_kept_in_memory_is_written_first(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit limit = { .rlim_cur = 50, .rlim_max = before.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    struct spool_meta meta = { .key = { 1, 2, 3 }, .first_seq = 1, .last_seq = 1 };
    struct err err = { 0 };
    assert_int_not_equal(spool_append(f->spool, 1, &meta, "one", 3, &err), ERR_OK);
    assert_int_not_equal(spool_append(f->spool, 2, &meta, "two", 3, &err), ERR_OK);
    assert_int_not_equal(spool_append(f->spool, 3, &meta, "three", 5, &err), ERR_OK);
    spool_trim(f->spool, 2);
    assert_int_equal(spool_file_bytes(f->spool), 0);
    setrlimit(RLIMIT_FSIZE, &before);
    put(f, 4, "four", 4);
    expect(f, 1, "one");
    expect(f, 3, "three");
    assert_int_equal(spool_live_bytes(f->spool), spool_file_bytes(f->spool));
    open_again(f);
    assert_int_equal(f->torn, 0);
    assert_int_equal(f->found.items.len, 3);
    expect(f, 1, "one");
    expect(f, 2, "three");
    expect(f, 3, "four");
}

#define SPOOL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(test_records_survive),
        SPOOL_TEST(test_unknown_id),
        SPOOL_TEST(test_torn_tail_is_cut_at_every_length),
        SPOOL_TEST(test_damaged_byte_ends_the_file_there),
        SPOOL_TEST(test_garbage_file_is_no_records),
        SPOOL_TEST(test_empty_spool_is_cut_back_when_worth_it),
        SPOOL_TEST(test_mostly_dead_spool_is_rewritten),
        SPOOL_TEST(test_what_cannot_be_written_is_kept_in_memory),
        SPOOL_TEST(test_what_was_kept_in_memory_is_written_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
