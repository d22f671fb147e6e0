/* SPDX-License-Identifier: Apache-2.0 */
/* test_command.c – words, templates, groups and MLproject entry points. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "core/command.h"
#include "core/command_internal.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

/* "<a> <b c>" */
static void show_words(const struct split_words *words, struct strbuf *out)
{
    for (size_t i = 0; i < words->list.len; i++) {
        strbuf_addf(out, "%s<%s>", i > 0 ? " " : "", words->list.ptr[i].text);
    }
}

static void splits_like_a_shell(void **state)
{
    UNUSED(state);
    /* Checked with: for w in ...; do printf '<%s> ' "$w"; done in dash. */
    static const struct {
        const char *text;
        const char *words;
    } table[] = {
        { "", "" },
        { "  a  b\tc\n", "<a> <b> <c>" },
        { "'a b' \"c d\" e\\ f", "<a b> <c d> <e f>" },
        { "a'b'\"c\"d", "<abcd>" },
        { "'' \"\"", "<> <>" },
        { "'a\"b' \"a'b\"", "<a\"b> <a'b>" },
        { "\"a\\\"b\\\\c\\d\\$\"", "<a\"b\\c\\d$>" },
        { "'a\\b'", "<a\\b>" },
        { "a\\\n b", "<a> <b>" },
        { "a\\\nb", "<ab>" },
        { "\"a\\\nb\"", "<ab>" },
        { "--x={x} $HOME *.c ~ #no", "<--x={x}> <$HOME> <*.c> <~> <#no>" },
        { "'a|b' \"c;d\" e\\&", "<a|b> <c;d> <e&>" },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct split_words words = { 0 };
        struct err err = { 0 };
        size_t at = 0;
        struct strbuf AUTO_STRBUF out = STRBUF_INIT(1000);
        assert_ok(split_command(str_from(table[i].text), 0, &words, &at, &err), &err);
        show_words(&words, &out);
        assert_string_equal(strbuf_cstr(&out), table[i].words);
        split_words_fini(&words);
    }
}

static void shell_syntax_is_refused(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        unsigned flags;
        size_t at;
    } table[] = {
        { "a | b", 0, 2 },
        { "a > b", 0, 2 },
        { "a && b", 0, 2 },
        { "a; b", 0, 1 },
        { "a $(b)", 0, 2 },
        { "a `b`", 0, 2 },
        { "a \"`b`\"", 0, 3 },
        { "a 'b", 0, 2 },
        { "a \"b", 0, 2 },
        { "a \\", 0, 3 },
        { "a $HOME", SPLIT_NO_DOLLAR, 2 },
        { "a \"${HOME}\"", SPLIT_NO_DOLLAR, 3 },
        { "a\nb", SPLIT_ONE_LINE, 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct split_words words = { 0 };
        struct err err = { 0 };
        size_t at = 99;
        assert_code(
            split_command(str_from(table[i].text), table[i].flags, &words, &at, &err),
            ERR_INVALID);
        if (at != table[i].at) {
            fail_msg("%s: %zu: %s", table[i].text, at, err.msg);
        }
        split_words_fini(&words);
    }
}

static void
check_argv(const struct sweep_spec *spec, const double *x, const char *words)
{
    struct argv argv = { 0 };
    struct err err = { 0 };
    struct strbuf AUTO_STRBUF out = STRBUF_INIT(COMMAND_BYTES_MAX * 2);
    assert_ok(command_expand(spec->command, spec->space, x, &argv, &err), &err);
    for (size_t i = 0; i < argv.len; i++) {
        strbuf_addf(&out, "%s<%s>", i > 0 ? " " : "", argv.words[i]);
    }
    assert_null(argv.words[argv.len]);
    argv_fini(&argv);
    assert_string_equal(strbuf_cstr(&out), words);
}

static void expands_values_inside_words(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space(
        "  k: [\"a b\", \"'\", \"$(rm)\"]\n"
        "  f: {float: [0, 1]}\n"
        "  i: {int: [1, 9], when: f > 0.5}\n",
        "command: ./t --k={k} {{{f}}} [ -i {i} --again={i}{f} ] '' end\n");
    check_argv(spec, (double[]){ 0, 0.75, 3 },
               "<./t> <--k=a b> <{0.75}> <-i> <3> <--again=30.75> <> <end>");
    check_argv(spec, (double[]){ 2, 1e-7, (double)NAN },
               "<./t> <--k=$(rm)> <{1e-07}> <> <end>");
    sweep_spec_destroy(spec);
}

static void long_commands_are_refused(void **state)
{
    UNUSED(state);
    struct strbuf AUTO_STRBUF space = STRBUF_INIT(20000);
    struct strbuf AUTO_STRBUF more = STRBUF_INIT(20000);
    strbuf_adds(&space, "  k: [\"");
    for (size_t i = 0; i < 5000; i++) {
        strbuf_addc(&space, 'x');
    }
    strbuf_adds(&space, "\"]\n");
    strbuf_adds(&more, "command: ./t");
    for (size_t i = 0; i < 14; i++) {
        strbuf_adds(&more, " {k}");
    }
    strbuf_adds(&more, "\n");
    struct sweep_spec *spec = spec_rig_space(strbuf_cstr(&space), strbuf_cstr(&more));
    struct argv argv = { 0 };
    struct err err = { 0 };
    assert_code(
        command_expand(spec->command, spec->space, (double[]){ 0 }, &argv, &err),
        ERR_TOOBIG);
    assert_null(argv.words);
    sweep_spec_destroy(spec);
}

static const char project_text[] = "sweep: 1\n"
                                   "name: p\n"
                                   "project: {path: p}\n"
                                   "objective: {metric: m}\n"
                                   "space:\n"
                                   "  a: {float: [0, 1]}\n"
                                   "  b: {int: [1, 5], when: a > 0.5}\n"
                                   "  c: [x, y]\n"
                                   "budget: {trials: 1}\n";

static void entry_points(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec =
        spec_rig_must(project_text, "entry_points:\n"
                                    "  main:\n"
                                    "    parameters:\n"
                                    "      a: float\n"
                                    "      b: {default: 7}\n"
                                    "      d: {type: path, default: p q}\n"
                                    "    command: run {a}/{b} '{d}' {{}}\n");
    assert_true(spec->command_from_entry);
    check_argv(spec, (double[]){ 0.75, 2, 1 }, "<run> <0.75/2> <p q> <{}> <--c> <y>");
    check_argv(spec, (double[]){ 0.25, (double)NAN, 0 },
               "<run> <0.25/7> <p q> <{}> <--c> <x>");
    sweep_spec_destroy(spec);
    /* Nothing declared: everything is appended, conditional ones only when active. */
    spec = spec_rig_must(project_text, "entry_points: {main: {command: run}}\n");
    check_argv(spec, (double[]){ 0.75, 2, 1 },
               "<run> <--a> <0.75> <--b> <2> <--c> <y>");
    check_argv(spec, (double[]){ 0.25, (double)NAN, 1 },
               "<run> <--a> <0.25> <--c> <y>");
    sweep_spec_destroy(spec);
}

static void entry_point_errors(void **state)
{
    UNUSED(state);
    static const struct {
        const char *mlproject;
        const char *msg;
    } table[] = {
        { "[]", "MLproject:1:1: an MLproject file must be a map" },
        { "name: x", "MLproject:1:1: no entry point 'main'" },
        { "entry_points: {main: run}",
          "MLproject:1:22: entry point 'main' must be a map" },
        { "entry_points: {main: {}}",
          "MLproject:1:22: entry point 'main' has no 'command'" },
        { "entry_points: {main: {command: ''}}", "MLproject:1:32: 'command' is empty" },
        { "entry_points: {main: {parameters: [a], command: r}}",
          "MLproject:1:35: 'parameters' must be a map of name: type" },
        { "entry_points: {main: {parameters: {c: uri}, command: r}}",
          "MLproject:1:39: parameter 'c' of entry point 'main' has type uri, but its "
          "values in 'space' do not fit that" },
        { "entry_points: {main: {parameters: {a: int}, command: r}}",
          "MLproject:1:39: parameter 'a' of entry point 'main' has type int, but its "
          "values in 'space' do not fit that" },
        { "entry_points: {main: {parameters: {z: {type: int, default: x}}, command: "
          "r}}",
          "MLproject:1:60: the default of 'z' must be of type int, not 'x'" },
        { "entry_points: {main: {parameters: {a: float}, command: 'r {a:.3f}'}}",
          "MLproject:1:59: format specifications as in '{a:.3f}' are not supported" },
        { "entry_points: {main: {command: \"r $HOME\"}}",
          "MLproject:1:35: '$' is for a shell, but commands run without one; quote it, "
          "or write bash -c '…'" },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct sweep_spec *spec = NULL;
        struct err err = { 0 };
        assert_code(spec_rig_parse(project_text, table[i].mlproject, &spec, &err),
                    ERR_INVALID);
        assert_string_equal(err.msg, table[i].msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(splits_like_a_shell),
        TEST(shell_syntax_is_refused),
        TEST(expands_values_inside_words),
        TEST(long_commands_are_refused),
        TEST(entry_points),
        TEST(entry_point_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
