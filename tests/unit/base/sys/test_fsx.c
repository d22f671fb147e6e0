/* SPDX-License-Identifier: Apache-2.0 */
/* test_fsx.c – whole files, folders, trees, locks. */
#include "base/sys/fsx.h"

#include "base/mem.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_content(const char *path, const char *expected)
{
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(100000);
    struct err err = { 0 };
    assert_ok(fsx_read_file(path, &buf, &err), &err);
    assert_string_equal(strbuf_cstr(&buf), expected);
}

/* Entries of a folder, without . and .. */
static size_t entries_of(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n - 2;
}

static void joins_paths(void **state)
{
    UNUSED(state);
    static const char *const cases[][3] = {
        { "a", "b", "a/b" }, { "a//", "b", "a/b" }, { "/", "b", "/b" },
        { "", "b", "b" },    { "a", "/b", "/b" },   { "a/b", "c/d", "a/b/c/d" }
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *path = fsx_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
    }
}

static void makes_folders_and_says_what_is_in_the_way(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *deep = tmpdir_path(&dir, "a/b//c");
    assert_ok(fsx_mkdirs(deep, 0755, &err), &err);
    assert_ok(fsx_mkdirs(deep, 0755, &err), &err);
    assert_true(fsx_is_dir(deep));
    tmpdir_write(&dir, "file", "x");
    assert_code(fsx_mkdirs(tmpdir_path(&dir, "file/x"), 0755, &err), ERR_EXISTS);
    assert_non_null(strstr(err.msg, "a file is in the way"));
    assert_code(fsx_mkdirs(tmpdir_path(&dir, "file"), 0755, &err), ERR_EXISTS);
}

static void writes_atomically_with_mode(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *path = tmpdir_path(&dir, "f");
    assert_ok(fsx_write_atomic(path, "one", 3, 0600, &err), &err);
    assert_ok(fsx_write_atomic(path, "two", 3, 0640, &err), &err);
    check_content(path, "two");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_code(fsx_write_atomic(tmpdir_path(&dir, "no/f"), "x", 1, 0600, &err),
                ERR_NOTFOUND);
    assert_non_null(strstr(err.msg, "no/f"));
    /* A folder of that name: nothing is left behind. */
    assert_ok(fsx_mkdirs(tmpdir_path(&dir, "d/sub"), 0755, &err), &err);
    assert_int_not_equal(fsx_write_atomic(tmpdir_path(&dir, "d"), "x", 1, 0600, &err),
                         ERR_OK);
    assert_code(fsx_write_atomic(path, "x", 1, 0600, NULL), ERR_OK);
    assert_int_equal(entries_of(dir.path), 2);
}

static void reads_with_a_limit(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *path = tmpdir_write(&dir, "f", "12345");
    AUTO_STRBUF struct strbuf exact = STRBUF_INIT(5);
    assert_ok(fsx_read_file(path, &exact, &err), &err);
    AUTO_STRBUF struct strbuf small = STRBUF_INIT(4);
    assert_code(fsx_read_file(path, &small, &err), ERR_TOOBIG);
    assert_non_null(strstr(err.msg, "at most 4 bytes"));
    assert_code(fsx_read_file(tmpdir_path(&dir, "none"), &small, &err), ERR_NOTFOUND);
    assert_int_not_equal(fsx_read_file(dir.path, &small, &err), ERR_OK);
}

static void removes_trees_without_following_links(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    tmpdir_write(&dir, "outside", "keep");
    const char *tree = tmpdir_path(&dir, "tree");
    assert_ok(fsx_mkdirs(tmpdir_path(&dir, "tree/a/b/c"), 0755, &err), &err);
    assert_ok(fsx_mkdirs(tmpdir_path(&dir, "tree/a/d"), 0755, &err), &err);
    tmpdir_write(&dir, "tree/a/f", "x");
    tmpdir_write(&dir, "tree/a/b/c/g", "x");
    assert_int_equal(symlink(dir.path, tmpdir_path(&dir, "tree/a/up")), 0);
    assert_int_equal(symlink("/nowhere", tmpdir_path(&dir, "tree/dangling")), 0);
    assert_int_equal(chmod(tmpdir_path(&dir, "tree/a/b"), 0500), 0);
    assert_ok(fsx_remove_tree(tree, &err), &err);
    assert_false(fsx_exists(tree));
    check_content(tmpdir_path(&dir, "outside"), "keep");
    assert_ok(fsx_remove_tree(tree, &err), &err); /* absent is fine */
    assert_ok(fsx_remove_tree(tmpdir_path(&dir, "outside"), &err), &err);
    assert_false(fsx_exists(tmpdir_path(&dir, "outside")));
}

static void removes_trees_of_any_depth(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *tree = tmpdir_path(&dir, "deep");
    int at = open(dir.path, O_RDONLY | O_DIRECTORY);
    const char *name = "deep";
    /* Deeper than the limit of open files and than PATH_MAX. */
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, name, 0755), 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(at);
        at = next;
        name = "dd";
    }
    close(at);
    assert_ok(fsx_remove_tree(tree, &err), &err);
    assert_false(fsx_exists(tree));
}

static void copies_trees(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *from = tmpdir_path(&dir, "from");
    const char *to = tmpdir_path(&dir, "to");
    assert_ok(fsx_mkdirs(tmpdir_path(&dir, "from/sub/.git"), 0755, &err), &err);
    assert_ok(fsx_mkdirs(tmpdir_path(&dir, "from/.git"), 0755, &err), &err);
    tmpdir_write(&dir, "from/run.sh", "#!/bin/sh\n");
    assert_int_equal(chmod(tmpdir_path(&dir, "from/run.sh"), 0755), 0);
    tmpdir_write(&dir, "from/sub/data", "abc");
    assert_int_equal(symlink("run.sh", tmpdir_path(&dir, "from/link")), 0);
    static const char *const skip[] = { ".git", ".winnow" };
    assert_ok(fsx_copy_tree(from, to, skip, 2, &err), &err);
    check_content(tmpdir_path(&dir, "to/sub/data"), "abc");
    assert_false(fsx_exists(tmpdir_path(&dir, "to/.git")));
    assert_true(fsx_exists(tmpdir_path(&dir, "to/sub/.git"))); /* top level only */
    struct stat st;
    assert_int_equal(stat(tmpdir_path(&dir, "to/run.sh"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(lstat(tmpdir_path(&dir, "to/link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_code(fsx_copy_tree(from, to, NULL, 0, &err), ERR_EXISTS);
}

static void failed_copies_leave_nothing(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *to = tmpdir_path(&dir, "to");
    assert_ok(fsx_mkdirs(tmpdir_path(&dir, "from/sub"), 0755, &err), &err);
    assert_int_equal(mkfifo(tmpdir_path(&dir, "from/sub/pipe"), 0600), 0);
    tmpdir_write(&dir, "from/file", "x");
    assert_code(fsx_copy_tree(tmpdir_path(&dir, "from"), to, NULL, 0, &err),
                ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "'pipe'"));
    assert_false(fsx_exists(to));
    assert_code(fsx_copy_tree(tmpdir_path(&dir, "none"), to, NULL, 0, &err),
                ERR_NOTFOUND);
    assert_false(fsx_exists(to));
}

/* Who looks at a lock sees what its holder wrote, as long as the holder lives. */
static void lock_carries_a_note(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *path = tmpdir_path(&dir, "lock");
    int fd = -1;
    assert_false(fsx_lock_is_noted(path, "disk full"));
    assert_ok(fsx_lock(path, &fd, NULL, &err), &err);
    assert_false(fsx_lock_is_noted(path, "disk full"));
    assert_ok(fsx_lock_note(fd, "disk full", &err), &err);
    assert_true(fsx_lock_is_noted(path, "disk full"));
    assert_false(fsx_lock_is_noted(path, "disk"));
    int other = -1;
    pid_t holder = 0;
    assert_code(fsx_lock(path, &other, &holder, &err), ERR_LOCKED);
    assert_int_equal(holder, getpid());
    assert_ok(fsx_lock_note(fd, "", &err), &err);
    assert_false(fsx_lock_is_noted(path, "disk full"));
    close(fd);
    /* The holder was killed: its note holds no longer. No pid is as high. */
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("99999999\ndisk full\n", file);
    assert_int_equal(fclose(file), 0);
    assert_false(fsx_lock_is_noted(path, "disk full"));
}

static void lock_names_its_holder(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    const char *path = tmpdir_path(&dir, "lock");
    int ready[2];
    int done[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = -1;
        char byte = fsx_lock(path, &fd, NULL, NULL) == ERR_OK ? 'y' : 'n';
        ssize_t n = write(ready[1], &byte, 1);
        close(done[1]);
        n = read(done[0], &byte, 1);
        _exit(n == 0 ? 0 : 1);
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    int fd = -1;
    pid_t holder = 0;
    assert_code(fsx_lock(path, &fd, &holder, &err), ERR_LOCKED);
    assert_int_equal(holder, child);
    assert_int_equal(fd, -1);
    char expected[32];
    snprintf(expected, sizeof expected, "process %d", (int)child);
    assert_non_null(strstr(err.msg, expected));
    close(done[1]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    /* The lock died with its holder. */
    assert_ok(fsx_lock(path, &fd, &holder, &err), &err);
    close(fd);
    close(done[0]);
    close(ready[0]);
    close(ready[1]);
}

static void free_space_is_known(void **state)
{
    UNUSED(state);
    uint64_t bytes = 0;
    struct err err = { 0 };
    assert_ok(fsx_free_bytes("/", &bytes, &err), &err);
    assert_true(bytes > 0);
    assert_code(fsx_free_bytes("/no/such/place", &bytes, &err), ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(joins_paths),
        TEST(makes_folders_and_says_what_is_in_the_way),
        TEST(writes_atomically_with_mode),
        TEST(reads_with_a_limit),
        TEST(removes_trees_without_following_links),
        TEST(removes_trees_of_any_depth),
        TEST(copies_trees),
        TEST(failed_copies_leave_nothing),
        TEST(lock_names_its_holder),
        TEST(lock_carries_a_note),
        TEST(free_space_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
