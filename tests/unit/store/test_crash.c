/* SPDX-License-Identifier: Apache-2.0 */
/* test_crash.c – the promises that need a second process: what was acknowledged
 * survives kill -9, batches are whole, and readers see whole batches while the writer
 * works. */
#include "tests/unit/store/records.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_internal.h"

#define ROUNDS           30
#define POINTS_PER_BATCH 5

/* Shared with the child: batches it was told are on disk. */
struct acked {
    _Atomic uint64_t batches;
};

static int64_t count(struct db *db, const char *sql)
{
    struct err err = { 0 };
    int64_t value = -1;
    assert_ok(db_number(db, sql, &value, &err), &err);
    return value;
}

/* Batch `index`: ends the trial before, begins one with points and a line of log. */
static void fill(struct records *records, uint32_t index)
{
    struct attempt_key key = { 1, index, 1 };
    uint64_t run = 2 + index;
    double values[POINTS_PER_BATCH] = { 1, 2, 3, 4, 5 };
    if (index > 0) {
        struct attempt_key before = { 1, index - 1, 1 };
        add_ended(records, before, run - 1, TRIAL_FINISHED, 0.5);
    }
    add_trial(records, (struct attempt_key){ 1, index, 0 }, run, index);
    add_assigned(records, key, run, 1);
    add_started(records, key, run);
    add_points(records, key, run, "loss", 1, values, POINTS_PER_BATCH);
    add_log(records, key, run, 0, "hello\n");
}

/* Writes until it is killed, from where the store stands. */
static void write_for_ever(const char *home, struct acked *acked)
{
    struct err err = { 0 };
    struct store *store = NULL;
    struct store_checkpointer *checkpointer = NULL;
    struct records *records = mem_alloc(sizeof *records);
    uint64_t next = 0;
    if (store_open(home, &store, &err) != ERR_OK
        || store_checkpointer_open(home, &checkpointer, &err) != ERR_OK
        || store_next_run_key(store, &next, &err) != ERR_OK) {
        _exit(1);
    }
    for (uint32_t index = (uint32_t)next - 2;; index++) {
        records_init(records);
        fill(records, index);
        if (store_apply(store, records->items, records->len, &err) != ERR_OK) {
            _exit(2);
        }
        atomic_store(&acked->batches, index + 1);
        records_fini(records);
        if (index % 3 == 0 && store_checkpoint(checkpointer, &err) != ERR_OK) {
            _exit(3);
        }
    }
}

static void begin(const char *home)
{
    struct err err = { 0 };
    struct store *store = NULL;
    struct records *records = mem_alloc(sizeof *records);
    records_init(records);
    add_session(records);
    add_agent(records, 1, "a");
    add_sweep(records, 1, 1, "digits");
    assert_ok(store_open(home, &store, &err), &err);
    apply_from(store, records, 0);
    store_close(store);
    records_fini(records);
    mem_free(records);
}

/* Batches in the store, each of them whole. */
static uint64_t check_whole(const char *home)
{
    struct err err = { 0 };
    struct store *store = NULL;
    assert_ok(store_open(home, &store, &err), &err);
    int64_t batches = count(&store->db, "SELECT count(*) FROM runs WHERE kind = 2");
    assert_int_equal(count(&store->db, "SELECT count(*) FROM metrics"),
                     batches * POINTS_PER_BATCH);
    assert_int_equal(count(&store->db, "SELECT count(*) FROM events"),
                     batches == 0 ? 3 : 3 + 4 * batches - 1);
    assert_int_equal(count(&store->db, "SELECT count(*) FROM attempts WHERE seq <> 5"),
                     0);
    store_close(store);
    struct store_reader *reader = NULL;
    assert_ok(store_reader_open(home, &reader, &err), &err);
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(10000);
    assert_ok(store_audit(reader, &findings, &err), &err);
    assert_string_equal(strbuf_cstr(&findings), "");
    store_reader_close(reader);
    return (uint64_t)batches;
}

static void test_kill_loses_nothing_acknowledged(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    AUTO_FREE char *home = mem_strdup(tmpdir_path(&dir, "home"));
    begin(home);
    int fd = open(tmpdir_path(&dir, "acked"), O_RDWR | O_CREAT, 0600);
    assert_int_equal(ftruncate(fd, sizeof(struct acked)), 0);
    struct acked *acked =
        mmap(NULL, sizeof *acked, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(acked != MAP_FAILED);
    close(fd);
    uint64_t seed = 88172645463325252u;
    uint64_t stored = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0) {
            write_for_ever(home, acked);
        }
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        uint64_t enough = stored + 1 + seed % 12;
        int status = 0;
        while (atomic_load(&acked->batches) < enough) {
            assert_int_equal(waitpid(child, &status, WNOHANG), 0);
            poll(NULL, 0, (int)(seed >> 32 & 1u));
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        stored = check_whole(home);
        assert_true(stored >= atomic_load(&acked->batches));
    }
    assert_int_equal(munmap(acked, sizeof *acked), 0);
}

/* 0 when every look was whole. */
static int read_until_closed(const char *home, int stop_fd)
{
    struct err err = { 0 };
    struct store_reader *reader = NULL;
    struct pollfd stop = { .fd = stop_fd, .events = POLLIN };
    json_int_t before = 0;
    size_t looks = 0;
    if (store_reader_open(home, &reader, &err) != ERR_OK) {
        return 1;
    }
    while (poll(&stop, 1, 0) == 0 || looks == 0) {
        json_t *sweeps = NULL;
        if (store_query(reader, "ls", NULL, &sweeps, &err) != ERR_OK) {
            return 2;
        }
        const json_t *trials = json_object_get(json_array_get(sweeps, 0), "trials");
        json_int_t running = json_integer_value(json_object_get(trials, "running"));
        json_int_t finished = json_integer_value(json_object_get(trials, "finished"));
        /* Each batch leaves exactly one trial running. */
        if (finished < before || (finished > 0 && running != 1)) {
            return 3;
        }
        before = finished;
        looks++;
        json_decref(sweeps);
    }
    store_reader_close(reader);
    return 0;
}

static void test_readers_see_whole_batches(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    AUTO_FREE char *home = mem_strdup(tmpdir_path(&dir, "home"));
    begin(home);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[1]);
        _exit(read_until_closed(home, fds[0]));
    }
    close(fds[0]);
    struct err err = { 0 };
    struct store *store = NULL;
    struct store_checkpointer *checkpointer = NULL;
    struct records *records = mem_alloc(sizeof *records);
    assert_ok(store_open(home, &store, &err), &err);
    assert_ok(store_checkpointer_open(home, &checkpointer, &err), &err);
    for (uint32_t index = 0; index < 150; index++) {
        records_init(records);
        fill(records, index);
        apply_from(store, records, 0);
        records_fini(records);
        assert_ok(store_checkpoint(checkpointer, &err), &err);
    }
    mem_free(records);
    close(fds[1]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store_checkpointer_close(checkpointer);
    store_close(store);
    assert_int_equal(check_whole(home), 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kill_loses_nothing_acknowledged),
        TEST(test_readers_see_whole_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
