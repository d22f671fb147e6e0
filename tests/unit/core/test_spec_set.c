/* SPDX-License-Identifier: Apache-2.0 */
/* test_spec_set.c – single keys changed in the text of a sweep file. */
#include "tests/lib/test.h"

#include <string.h>

#include "base/strbuf.h"
#include "core/spec_set.h"

static const char FILE_TEXT[] = "# a sweep\n"
                                "sweep: 1\n"
                                "name: t # its name\n"
                                "space:\n"
                                "  C: {float: [1, 2], scale: log}\n"
                                "  opt.lr: [a, 'b, c']\n"
                                "# how long\n"
                                "budget: {trials: 3}\n"
                                "\n"
                                "run:\n"
                                "  parallel: 2 # slots\n"
                                "  resources:\n"
                                "    cpus: 1\n"
                                "tags: {team: x}\n";

struct row {
    const char *key, *value;
    const char *was; /* this of the text … */
    const char *is;  /* … becomes that */
};

static const struct row ROWS[] = {
    { "budget.trials", "500", "{trials: 3}", "{trials: 500}" },
    { "budget.time", "2h", "{trials: 3}", "{trials: 3, time: 2h}" },
    { "budget.failures.first", "9", "{trials: 3}",
      "{trials: 3, failures: {first: 9}}" },
    { "name", "u", "t # its name", "u" },
    { "space.C", "{float: [1e-4, 1e4], scale: log}",
      "  C: {float: [1, 2], scale: log}\n  opt.lr: [a, 'b, c']\n",
      "  C: {float: [1e-4, 1e4], scale: log}\n  opt.lr: [a, \"b, c\"]\n" },
    { "space.opt.lr", "{int: [1, 4]}", "opt.lr: [a, 'b, c']", "opt.lr: {int: [1, 4]}" },
    { "space.new", "[1.0, 2, 3]", "  opt.lr: [a, 'b, c']\n",
      "  opt.lr: [a, \"b, c\"]\n  new: [1.0, 2, 3]\n" },
    { "space.C", NULL, "  C: {float: [1, 2], scale: log}\n  opt.lr: [a, 'b, c']\n",
      "  opt.lr: [a, \"b, c\"]\n" },
    { "run.resources.cpus", "4",
      "run:\n  parallel: 2 # slots\n  resources:\n    cpus: 1\n",
      "run: {parallel: 2, resources: {cpus: 4}}\n" },
    { "run.resources.cpus", NULL,
      "run:\n  parallel: 2 # slots\n  resources:\n    cpus: 1\n",
      "run: {parallel: 2}\n" },
    { "tags.team", NULL, "tags: {team: x}\n", "" },
    { "tags.a.b", "yes, [it] {is}", "{team: x}", "{team: x, a.b: \"yes, [it] {is}\"}" },
    { "forbid", "['C > 1 and opt.lr == \"a\"']", "tags: {team: x}\n",
      "tags: {team: x}\nforbid: [\"C > 1 and opt.lr == \\\"a\\\"\"]\n" },
};

static void keys_are_set_where_they_stand(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct err err = { 0 };
        struct strbuf AUTO_STRBUF out = STRBUF_INIT(4096);
        struct strbuf AUTO_STRBUF want = STRBUF_INIT(4096);
        enum err_code code =
            spec_text_set(FILE_TEXT, "t.yaml", row->key, row->value, &out, &err);
        assert_ok(code, &err);
        const char *at = strstr(FILE_TEXT, row->was);
        assert_non_null(at);
        strbuf_add(&want, FILE_TEXT, (size_t)(at - FILE_TEXT));
        strbuf_adds(&want, row->is);
        strbuf_adds(&want, at + strlen(row->was));
        assert_string_equal(strbuf_cstr(&out), strbuf_cstr(&want));
    }
}

static void unusual_files_are_written_anew(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    struct strbuf AUTO_STRBUF out = STRBUF_INIT(4096);
    assert_ok(spec_text_set("{sweep: 1, budget: {trials: 3}}", "t.yaml",
                            "budget.trials", "4", &out, &err),
              &err);
    assert_string_equal(strbuf_cstr(&out), "sweep: 1\nbudget: {trials: 4}\n");
    strbuf_reset(&out);
    assert_ok(spec_text_set("---\nsweep: 1\nname: x\n...\n", "t.yaml", "budget.trials",
                            "4", &out, &err),
              &err);
    assert_string_equal(strbuf_cstr(&out), "sweep: 1\nname: x\nbudget: {trials: 4}\n");
    strbuf_reset(&out);
    assert_ok(spec_text_set("name: x", "t.yaml", "budget.trials", "4", &out, &err),
              &err);
    assert_string_equal(strbuf_cstr(&out), "name: x\nbudget: {trials: 4}\n");
}

static void what_cannot_be_set_is_said(void **state)
{
    UNUSED(state);
    static const struct {
        const char *key, *value, *words;
    } table[] = {
        { "", "1", "is not a key" },
        { "budget.", "1", "is not a key" },
        { ".trials", "1", "is not a key" },
        { "run.resources.cpus.more", "1", "is not a key" },
        { "name.first", "1", "'name' is not a map" },
        { "budget.target", NULL, "'budget.target' is not in the file" },
        { "stop", NULL, "'stop' is not in the file" },
        { "budget.trials", "{a", "budget.trials:2:1:" },
        { "budget.trials", "", "budget.trials" },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct err err = { 0 };
        struct strbuf AUTO_STRBUF out = STRBUF_INIT(4096);
        assert_int_equal(spec_text_set(FILE_TEXT, "t.yaml", table[i].key,
                                       table[i].value, &out, &err),
                         ERR_INVALID);
        if (strstr(err.msg, table[i].words) == NULL) {
            fail_msg("'%s' does not say '%s'", err.msg, table[i].words);
        }
        assert_int_equal(out.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_set_where_they_stand),
        cmocka_unit_test(unusual_files_are_written_anew),
        cmocka_unit_test(what_cannot_be_set_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
