/* SPDX-License-Identifier: Apache-2.0 */
/* explain_rig.c – compares explanations with what a test expects. */
#include "tests/unit/core/explain_rig.h"

#include <string.h>

#include "tests/lib/test.h"

void explain(const struct engine *engine,
             const char *ref,
             int trial,
             struct explanation *out)
{
    uint32_t number = (uint32_t)trial;
    struct err err = { 0 };
    assert_ok(
        engine_explain(engine, ref, trial == OF_SWEEP ? NULL : &number, out, &err),
        &err);
}

void expect_in(const struct engine *engine,
               const char *ref,
               int trial,
               const struct expected *expected,
               size_t len)
{
    struct explanation found;
    explain(engine, ref, trial, &found);
    assert_int_equal(found.reasons.len, len);
    for (size_t i = 0; i < len; i++) {
        const struct explain_reason *reason = &found.reasons.ptr[i];
        if (reason->code != expected[i].code
            || strstr(reason->text, expected[i].text) == NULL) {
            fail_msg("reason %zu is %s: %s", i, explain_code_name(reason->code),
                     reason->text);
        }
        if (expected[i].change == NULL) {
            assert_null(reason->change);
        } else if (reason->change == NULL
                   || strstr(reason->change, expected[i].change) == NULL) {
            fail_msg("change of '%s' is '%s'", reason->text,
                     reason->change != NULL ? reason->change : "NULL");
        }
    }
    explanation_fini(&found);
}
