/* SPDX-License-Identifier: Apache-2.0 */
/* test_metric_presets.c – presets against lines that the real programs printed. */
#include "tests/lib/test.h"

#include "base/num.h"
#include "base/pattern.h"
#include "base/strbuf.h"
#include "core/metric_presets.h"

#include <string.h>

/* Lines of `xgboost xgb-digits.conf num_round=6 eta=0.3 max_depth=4 tree_method=hist`,
 * xgboost 1.7.4, as it prints them on stderr. */
static const char *const xgboost_lines[] = {
    "[04:40:01] [0]\tval-merror:0.19498607242339833\tval-mlogloss:1.45761047797614807",
    "[04:40:01] [1]\tval-merror:0.12813370473537605\tval-mlogloss:1.13158936586884740",
    "[04:40:01] [2]\tval-merror:0.10306406685236769\tval-mlogloss:0.91245787596968220",
    "[04:40:01] [3]\tval-merror:0.08635097493036212\tval-mlogloss:0.75775264846913326",
    "[04:40:01] [4]\tval-merror:0.07799442896935933\tval-mlogloss:0.64854865921739080",
    "[04:40:01] [5]\tval-merror:0.06963788300835655\tval-mlogloss:0.56210352326834101",
};

static struct pattern *compile(const char *text)
{
    struct pattern *pattern = NULL;
    struct err err = { 0 };
    assert_ok(pattern_create(str_from(text), &pattern, &err), &err);
    return pattern;
}

static struct str group(const struct pattern *pattern,
                        const struct pattern_match *match,
                        const char *name)
{
    for (size_t i = 0; i < pattern_groups_len(pattern); i++) {
        if (strcmp(pattern_group_name(pattern, i), name) == 0) {
            return match->groups[i];
        }
    }
    fail_msg("no group %s", name);
    return (struct str){ 0 };
}

/* "step name=value name=value", or "" when the line does not count. */
static void
read_line(const struct metric_preset *preset, const char *text, struct strbuf *out)
{
    struct pattern *line = compile(preset->line);
    struct pattern *pair = compile(preset->pair);
    struct pattern_match match;
    struct str subject = str_from(text);
    strbuf_reset(out);
    if (pattern_match(line, subject, 0, &match) == ERR_OK) {
        strbuf_add_str(out, group(line, &match, "step"));
        size_t at = match.end;
        while (pattern_match(pair, subject, at, &match) == ERR_OK) {
            strbuf_addc(out, ' ');
            strbuf_add_str(out, group(pair, &match, "name"));
            strbuf_addc(out, '=');
            strbuf_add_str(out, group(pair, &match, "value"));
            at = match.end;
        }
    }
    pattern_destroy(line);
    pattern_destroy(pair);
}

static void xgboost_output_is_read(void **state)
{
    UNUSED(state);
    const struct metric_preset *preset = metric_preset_find("xgboost");
    struct strbuf AUTO_STRBUF out = STRBUF_INIT(1000);
    assert_non_null(preset);
    for (size_t i = 0; i < ARRAY_LEN(xgboost_lines); i++) {
        char start[32];
        size_t len = num_format_f64((double)i, start);
        read_line(preset, xgboost_lines[i], &out);
        assert_true(str_starts(strbuf_str(&out), str_from_n(start, len)));
        assert_non_null(strstr(strbuf_cstr(&out), " val-merror=0."));
        assert_non_null(strstr(strbuf_cstr(&out), " val-mlogloss="));
    }
    read_line(preset, xgboost_lines[0], &out);
    assert_string_equal(strbuf_cstr(&out), "0 val-merror=0.19498607242339833 "
                                           "val-mlogloss=1.45761047797614807");
}

static void lines_like_it(void **state)
{
    UNUSED(state);
    static const struct {
        const char *line;
        const char *points;
    } table[] = {
        { "[17]\ttrain-auc:0.5\tval-ndcg@5:1\tval-logloss:1e-05",
          "17 train-auc=0.5 val-ndcg@5=1 val-logloss=1e-05" },
        { "[12:00:00] [3]\tval-error:nan", "3 val-error=nan" },
        { "[12:00:00] [3]\tval-error:0.25+0.01", "3" },
        { "[12:00:00] WARNING: src/learner.cc:553: [3]", "" },
        { "val-error:0.5", "" },
        { "", "" },
    };
    struct strbuf AUTO_STRBUF out = STRBUF_INIT(1000);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        read_line(metric_preset_find("xgboost"), table[i].line, &out);
        assert_string_equal(strbuf_cstr(&out), table[i].points);
    }
    assert_null(metric_preset_find("xgb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(xgboost_output_is_read),
        TEST(lines_like_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
