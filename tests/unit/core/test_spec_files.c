/* SPDX-License-Identifier: Apache-2.0 */
/* test_spec_files.c – every file of tests/fixtures/specs: those in bad/ give exactly
 * the error beside them, those in ok/ print to a file that parses to the same sweep. A
 * file X.yaml may have an X.MLproject. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "core/sweep_spec.h"
#include "pruners/registry.h"
#include "samplers/registry.h"

#include <dirent.h>
#include <math.h>
#include <string.h>

enum {
    BAD_FILES_MIN = 40,
    OK_FILES_MIN = 5
};

static bool read_fixture(const char *folder,
                         const char *stem,
                         const char *suffix,
                         struct strbuf *out)
{
    char *AUTO_FREE path = mem_printf("%s/%s/%s%s", FIXTURES, folder, stem, suffix);
    struct err err = { 0 };
    strbuf_init(out, YAML_BYTES_MAX);
    return fsx_read_file(path, out, &err) == ERR_OK;
}

static enum err_code parse_text(const char *stem,
                                const struct strbuf *text,
                                const struct strbuf *mlproject,
                                struct sweep_spec **spec_out,
                                struct err *err)
{
    char *AUTO_FREE source = mem_printf("%s.yaml", stem);
    char *AUTO_FREE mlproject_source = mem_printf("%s.MLproject", stem);
    struct sweep_spec_input input = {
        .text = strbuf_cstr(text),
        .text_len = text->len,
        .source = source,
        .mlproject = mlproject->len > 0 ? mlproject->ptr : NULL,
        .mlproject_len = mlproject->len,
        .mlproject_source = mlproject_source,
        .samplers = &sampler_registry_all,
        .pruners = &pruner_registry_all,
    };
    return sweep_spec_parse(&input, spec_out, err);
}

static void check_bad(const char *stem)
{
    struct strbuf AUTO_STRBUF text = { 0 };
    struct strbuf AUTO_STRBUF mlproject = { 0 };
    struct strbuf AUTO_STRBUF expected = { 0 };
    struct sweep_spec *spec = NULL;
    struct err err = { 0 };
    assert_true(read_fixture("bad", stem, ".yaml", &text));
    (void)read_fixture("bad", stem, ".MLproject", &mlproject);
    assert_true(read_fixture("bad", stem, ".err", &expected));
    enum err_code code = parse_text(stem, &text, &mlproject, &spec, &err);
    if (code == ERR_OK) {
        fail_msg("%s.yaml: no error", stem);
    }
    assert_null(spec);
    assert_int_equal(code, err.code);
    assert_int_equal(err_exit_status(code), 2);
    strbuf_truncate(&expected, expected.len - 1); /* its newline */
    assert_string_equal(err.msg, strbuf_cstr(&expected));
}

/* The same doubles, NaN equal to NaN. */
static void check_same_points(const struct sweep_spec *a, const struct sweep_spec *b)
{
    assert_int_equal(a->enqueued_len, b->enqueued_len);
    for (size_t i = 0; i < a->enqueued_len * a->space->len; i++) {
        if (!isnan(a->enqueued[i]) || !isnan(b->enqueued[i])) {
            assert_true(a->enqueued[i] == b->enqueued[i]);
        }
    }
}

static void check_ok(const char *stem)
{
    struct strbuf AUTO_STRBUF text = { 0 };
    struct strbuf AUTO_STRBUF mlproject = { 0 };
    struct strbuf AUTO_STRBUF printed = STRBUF_INIT(YAML_BYTES_MAX);
    struct strbuf AUTO_STRBUF again = STRBUF_INIT(YAML_BYTES_MAX);
    struct strbuf AUTO_STRBUF keys = STRBUF_INIT(4096);
    struct sweep_spec *spec = NULL;
    struct sweep_spec *reparsed = NULL;
    struct err err = { 0 };
    assert_true(read_fixture("ok", stem, ".yaml", &text));
    (void)read_fixture("ok", stem, ".MLproject", &mlproject);
    assert_ok(parse_text(stem, &text, &mlproject, &spec, &err), &err);
    sweep_spec_print(spec, &printed);
    assert_ok(parse_text(stem, &printed, &mlproject, &reparsed, &err), &err);
    sweep_spec_print(reparsed, &again);
    assert_string_equal(strbuf_cstr(&printed), strbuf_cstr(&again));
    assert_int_equal(sweep_spec_diff(spec, reparsed, &keys), 0);
    assert_int_equal(keys.len, 0);
    assert_true(command_eq(spec->command, reparsed->command));
    assert_int_equal(spec->seed, reparsed->seed);
    check_same_points(spec, reparsed);
    sweep_spec_destroy(spec);
    sweep_spec_destroy(reparsed);
}

static size_t each_file(const char *folder, void (*check)(const char *stem))
{
    char *AUTO_FREE path = mem_printf("%s/%s", FIXTURES, folder);
    size_t files = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    const struct dirent *entry = NULL;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((entry = readdir(dir)) != NULL) {
        struct str name = str_from(entry->d_name);
        if (str_ends(name, STR_LIT(".yaml"))) {
            char *AUTO_FREE stem = mem_strndup(name.ptr, name.len - 5);
            check(stem);
            files++;
        }
    }
    assert_int_equal(closedir(dir), 0);
    return files;
}

static void wrong_files_give_their_error(void **state)
{
    UNUSED(state);
    assert_true(each_file("bad", check_bad) >= BAD_FILES_MIN);
}

static void right_files_survive_printing(void **state)
{
    UNUSED(state);
    assert_true(each_file("ok", check_ok) >= OK_FILES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_files_give_their_error),
        TEST(right_files_survive_printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
