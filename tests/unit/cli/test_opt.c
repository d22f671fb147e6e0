/* SPDX-License-Identifier: Apache-2.0 */
/* test_opt.c – command lines: what is taken, and the one line said about what is not.
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

#include "cli/opt.h"

static const struct verb verb = {
    .name = "look",
    .options = OPT_BIT(HOME) | OPT_BIT(OUTPUT) | OPT_BIT(TREE) | OPT_BIT(LIMIT)
               | OPT_BIT(LEASE),
    .args = "RUN [KEY]",
    .args_min = 1,
    .args_max = 2,
    .summary = "look at a run",
    .example = "  winnow look last/1\n",
};

/* A command line; what opts borrows lies here. */
struct line {
    char text[256];
    char *argv[16];
};

/* Parses "look" and the words of text. */
static enum err_code
parse(struct line *line, const char *text, struct opts *opts, struct err *err)
{
    int argc = 0;
    int n = snprintf(line->text, sizeof line->text, "look %s", text);
    assert_in_range(n, 1, sizeof line->text - 1);
    for (char *at = line->text; at != NULL; argc++) {
        char *space = strchr(at, ' ');
        line->argv[argc] = at;
        at = space != NULL ? space + 1 : NULL;
        if (space != NULL) {
            *space = '\0';
        }
    }
    line->argv[argc] = NULL;
    return opt_parse(&verb, argc, line->argv, opts, err);
}

static void test_takes(void **state)
{
    UNUSED(state);
    struct line line;
    struct opts opts;
    struct err err = { 0 };
    assert_ok(parse(&line, "--home h last/1 -ojson --tree key", &opts, &err), &err);
    assert_string_equal(opts.values[OPT_HOME], "h");
    assert_string_equal(opts.values[OPT_OUTPUT], "json");
    assert_true(opt_given(&opts, OPT_TREE));
    assert_false(opt_given(&opts, OPT_LIMIT));
    assert_int_equal(opts.args_len, 2);
    assert_string_equal(opts.args[0], "last/1");
    assert_string_equal(opts.args[1], "key");
    /* Behind "--" all words are arguments. */
    assert_ok(parse(&line, "-- --tree", &opts, &err), &err);
    assert_string_equal(opts.args[0], "--tree");
    assert_false(opt_given(&opts, OPT_TREE));
    /* --help needs no arguments. */
    assert_ok(parse(&line, "--help", &opts, &err), &err);
}

static void refused(const char *words, const char *message)
{
    struct line line;
    struct opts opts = { .args_len = 77 };
    struct err err = { 0 };
    assert_code(parse(&line, words, &opts, &err), ERR_USAGE);
    assert_string_equal(err.msg, message);
    assert_int_equal(opts.args_len, 77);
}

static void test_refuses(void **state)
{
    UNUSED(state);
    refused("a --hoem=x", "look: unknown option '--hoem', did you mean '--home'?");
    refused("a --quark", "look: unknown option '--quark', see winnow look --help");
    refused("a -x", "look: unknown option '-x', see winnow look --help");
    refused("a --home", "look: option '--home' needs a value: --home DIR");
    refused("a -o", "look: option '--output' needs a value: --output FORMAT");
    refused("a --tree=1", "look: option '--tree' takes no value");
    refused("a b c", "look: unexpected argument 'c', see winnow look --help");
    refused("--tree", "look: expected RUN [KEY], see winnow look --help");
    /* An option of another verb is unknown here. */
    refused("a --follow", "look: unknown option '--follow', see winnow look --help");
}

static void test_values(void **state)
{
    UNUSED(state);
    struct line line;
    struct opts opts;
    struct err err = { 0 };
    uint32_t n = 5;
    int64_t ms = 7;
    assert_ok(parse(&line, "a -n12 --lease 1.5s", &opts, &err), &err);
    assert_ok(opt_u32(&opts, OPT_LIMIT, 1, &n, &err), &err);
    assert_ok(opt_duration_ms(&opts, OPT_LEASE, &ms, &err), &err);
    assert_int_equal(n, 12);
    assert_int_equal(ms, 1500);
    assert_ok(parse(&line, "a", &opts, &err), &err);
    assert_ok(opt_u32(&opts, OPT_LIMIT, 1, &n, &err), &err);
    assert_int_equal(n, 12);
    static const char *const wrong[] = { "0", "-1", "4294967296", "1x", "", "1e3" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        opts.values[OPT_LIMIT] = wrong[i];
        assert_code(opt_u32(&opts, OPT_LIMIT, 1, &n, &err), ERR_USAGE);
    }
    static const char *const wrong_times[] = { "0s", "30", "-1s", "s" };
    for (size_t i = 0; i < ARRAY_LEN(wrong_times); i++) {
        opts.values[OPT_LEASE] = wrong_times[i];
        assert_code(opt_duration_ms(&opts, OPT_LEASE, &ms, &err), ERR_USAGE);
    }
    assert_int_equal(n, 12);
    assert_int_equal(ms, 1500);
}

static void test_help(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    opt_help(&verb, &out);
    const char *text = strbuf_cstr(&out);
    assert_non_null(strstr(text, "usage: winnow look [OPTIONS] RUN [KEY]\n"));
    assert_non_null(strstr(text, "\n  -o, --output FORMAT "));
    assert_non_null(strstr(text, "\n  -h, --help "));
    assert_non_null(strstr(text, "example:\n  winnow look last/1\n"));
    assert_null(strstr(text, "--follow"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_takes),
        TEST(test_refuses),
        TEST(test_values),
        TEST(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
