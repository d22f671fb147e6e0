/* SPDX-License-Identifier: Apache-2.0 */
/* test_keys.c – key files: made once, private, read back, refused when wrong. */
#include "proto/keys.h"

#include "base/sys/fsx.h"
#include "proto/keys_allow.h"
#include "proto/zmq_curve.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t mode_of(struct tmpdir *dir, const char *name)
{
    struct stat st;
    assert_int_equal(stat(tmpdir_path(dir, name), &st), 0);
    return st.st_mode & 0777u;
}

static void test_generate(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    const char *keys = tmpdir_path(&dir, "home/keys");
    struct err err = { 0 };
    assert_false(keys_have_coordinator(keys));
    assert_ok(keys_generate(keys, "node-1", &err), &err);
    assert_true(keys_have_coordinator(keys));
    assert_int_equal(mode_of(&dir, "home/keys"), 0700);
    assert_int_equal(mode_of(&dir, "home/keys/coordinator.key"), 0600);
    assert_int_equal(mode_of(&dir, "home/keys/node-1.key"), 0600);
    assert_int_equal(mode_of(&dir, "home/keys/coordinator.pub"), 0644);
    assert_int_equal(mode_of(&dir, "home/keys/agents/node-1.pub"), 0644);

    struct keys_coordinator coordinator;
    struct keys_agent agent;
    assert_ok(keys_load_coordinator(keys, &coordinator, &err), &err);
    assert_ok(keys_load_agent(tmpdir_path(&dir, "home/keys/node-1.key"), &agent, &err),
              &err);
    assert_string_equal(agent.name, "node-1");
    assert_string_equal(agent.coordinator_key, coordinator.public_key);
    assert_true(zmq_curve_is_pair(agent.public_key, agent.secret_key));
    assert_string_not_equal(agent.secret_key, coordinator.secret_key);
    keys_wipe_agent(&agent);
    assert_int_equal(agent.secret_key[0], 0);
}

static void test_never_overwrites(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct keys_coordinator before;
    struct keys_coordinator after;
    struct keys_agent agent;
    assert_ok(keys_generate(dir.path, "a", &err), &err);
    assert_ok(keys_load_coordinator(dir.path, &before, &err), &err);
    assert_code(keys_generate(dir.path, "a", &err), ERR_EXISTS);
    assert_non_null(strstr(err.msg, "/a.key' exists"));
    /* A second agent and a call without one keep the coordinator's pair. */
    assert_ok(keys_generate(dir.path, "b", &err), &err);
    assert_ok(keys_generate(dir.path, NULL, &err), &err);
    assert_ok(keys_load_coordinator(dir.path, &after, &err), &err);
    assert_string_equal(before.public_key, after.public_key);
    assert_ok(keys_load_agent(tmpdir_path(&dir, "b.key"), &agent, &err), &err);
    assert_string_equal(agent.coordinator_key, after.public_key);
    /* Admitted, but the key was moved away: still not overwritten. */
    assert_int_equal(unlink(tmpdir_path(&dir, "b.key")), 0);
    assert_code(keys_generate(dir.path, "b", &err), ERR_EXISTS);
    assert_non_null(strstr(err.msg, "agents/b.pub' exists"));
    assert_false(fsx_exists(tmpdir_path(&dir, "b.key")));
}

static void test_names(void **state)
{
    UNUSED(state);
    static const char *const BAD[] = { "",    ".a", "-a",          "a/b", "../x",
                                       "a b", "ä",  "coordinator", "a\nb" };
    static const char *const GOOD[] = { "a", "0", "node-1.rack_2", "A" };
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        assert_code(keys_name_check(BAD[i], NULL), ERR_INVALID);
        assert_code(keys_generate(dir.path, BAD[i], NULL), ERR_INVALID);
    }
    assert_false(keys_have_coordinator(dir.path)); /* nothing half-made */
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        assert_code(keys_name_check(GOOD[i], NULL), ERR_OK);
    }
    char longest[NAME_BYTES_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[NAME_BYTES_MAX + 1] = '\0';
    assert_code(keys_name_check(longest, NULL), ERR_INVALID);
    longest[NAME_BYTES_MAX] = '\0';
    assert_code(keys_name_check(longest, NULL), ERR_OK);
}

static void test_open_modes_refused(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct keys_coordinator coordinator;
    struct keys_agent agent;
    assert_ok(keys_generate(dir.path, "n", &err), &err);
    const char *path = tmpdir_path(&dir, "n.key");
    assert_int_equal(chmod(path, 0640), 0);
    assert_code(keys_load_agent(path, &agent, &err), ERR_DENIED);
    assert_non_null(strstr(err.msg, "can be read by others: chmod 600 '"));
    assert_int_equal(chmod(tmpdir_path(&dir, "coordinator.key"), 0604), 0);
    assert_code(keys_load_coordinator(dir.path, &coordinator, &err), ERR_DENIED);
    assert_int_equal(chmod(path, 0400), 0);
    assert_ok(keys_load_agent(path, &agent, &err), &err);
}

static enum err_code load_text(struct tmpdir *dir, const char *text, struct err *err)
{
    const char *path = tmpdir_write(dir, "x.key", text);
    assert_int_equal(chmod(path, 0600), 0);
    struct keys_agent agent;
    return keys_load_agent(path, &agent, err);
}

static void test_malformed_files(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        const char *problem;
    } CASES[] = {
        { "", "is not an agent's key" },
        { "\n# nothing\n", "is not an agent's key" },
        { "# c\nsekret x\n", "line 2: expected name, public, secret or coordinator" },
        { "name\n", "line 1: the value has a wrong length" },
        { "name a\nname b\n", "line 2: the word occurs twice" },
        { "public short\n", "line 1: the value is not a key" },
        { "public \"234567890123456789012345678901234567890\n", "is not a key" },
        { "name a\ncoordinator rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n",
          "does not hold a pair" },
    };
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct err err = { 0 };
        assert_code(load_text(&dir, CASES[i].text, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.msg, "x.key"));
        if (strstr(err.msg, CASES[i].problem) == NULL) {
            fail_msg("case %zu: %s", i, err.msg);
        }
    }
    struct err err = { 0 };
    struct keys_agent agent;
    assert_code(keys_load_agent(tmpdir_path(&dir, "none.key"), &agent, &err),
                ERR_NOTFOUND);
    /* Mixing up the two kinds is said. */
    assert_ok(keys_generate(dir.path, "n", &err), &err);
    assert_code(keys_load_agent(tmpdir_path(&dir, "coordinator.key"), &agent, &err),
                ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "is not an agent's key (NAME.key made by keygen)"));
}

/* A public half that does not fit its secret would fail at the handshake only. */
static void test_foreign_public_key(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    char public_key[KEYS_TEXT_SIZE];
    char secret_key[KEYS_TEXT_SIZE];
    char other[KEYS_TEXT_SIZE];
    assert_ok(zmq_curve_new_pair(other, secret_key, &err), &err);
    assert_ok(zmq_curve_new_pair(public_key, secret_key, &err), &err);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    char text[300];
    snprintf(text, sizeof text, "name a\npublic %s\nsecret %s\ncoordinator %s\n", other,
             secret_key, other);
    assert_code(load_text(&dir, text, &err), ERR_CORRUPT);
    assert_null(strstr(err.msg, secret_key));
}

static void test_allow_list(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct keys_agent a;
    struct keys_agent b;
    struct keys_allow *allow = keys_allow_create(dir.path);
    assert_null(keys_allow_find(allow, "x")); /* no folder yet */
    assert_ok(keys_generate(dir.path, "a", &err), &err);
    assert_ok(keys_load_agent(tmpdir_path(&dir, "a.key"), &a, &err), &err);
    assert_string_equal(keys_allow_find(allow, a.public_key), "a");
    /* A new file counts at once, however little time has passed. */
    assert_ok(keys_generate(dir.path, "b", &err), &err);
    assert_ok(keys_load_agent(tmpdir_path(&dir, "b.key"), &b, &err), &err);
    assert_string_equal(keys_allow_find(allow, b.public_key), "b");
    assert_null(keys_allow_find(allow, a.coordinator_key));
    /* So does a removed one; rubbish admits nobody and disturbs nobody. */
    assert_int_equal(unlink(tmpdir_path(&dir, "agents/a.pub")), 0);
    tmpdir_write(&dir, "agents/c.pub", "rubbish\n");
    assert_null(keys_allow_find(allow, a.public_key));
    assert_string_equal(keys_allow_find(allow, b.public_key), "b");
    keys_allow_destroy(allow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_generate),        TEST(test_never_overwrites),
        TEST(test_names),           TEST(test_open_modes_refused),
        TEST(test_malformed_files), TEST(test_foreign_public_key),
        TEST(test_allow_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
