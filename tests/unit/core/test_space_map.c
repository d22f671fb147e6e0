/* SPDX-License-Identifier: Apache-2.0 */
/* test_space_map.c – points of an edited space: which stay, where their values go. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "core/space_map.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

#define NONE ((double)NAN)
#define LEN  3

static const char *const FIRST = "  k: [linear, rbf]\n"
                                 "  c: {float: [1, 10]}\n"
                                 "  d: {int: [2, 5], when: k == linear}\n";

/* A point of FIRST in another space. */
struct row {
    const char *to;   /* the space */
    const char *more; /* further keys of its file */
    double x[LEN];
    bool maps, allowed;
    double mapped[LEN + 1]; /* when it maps */
};

static const struct row ROWS[] = {
    /* the same space */
    { NULL, "", { 0, 2, 3 }, true, true, { 0, 2, 3 } },
    { NULL, "", { 1, 2, NONE }, true, true, { 1, 2, NONE } },
    /* widened and narrowed: bounds are inclusive */
    { "  k: [linear, rbf]\n  c: {float: [5, 99]}\n"
      "  d: {int: [2, 9], when: k == linear}\n",
      "",
      { 1, 5, NONE },
      true,
      true,
      { 1, 5, NONE } },
    { "  k: [linear, rbf]\n  c: {float: [5, 99]}\n"
      "  d: {int: [2, 9], when: k == linear}\n",
      "",
      { 1, 4.5, NONE },
      false,
      false,
      { 0 } },
    /* choices by what they are, parameters by name */
    { "  d: {int: [2, 5], when: k == linear}\n  c: {float: [1, 10]}\n"
      "  k: [poly, rbf, linear]\n",
      "",
      { 0, 2, 3 },
      true,
      true,
      { 3, 2, 2 } },
    { "  k: {choice: [linear, poly]}\n  c: {float: [1, 10]}\n"
      "  d: {int: [2, 5], when: k == linear}\n",
      "",
      { 1, 2, NONE },
      false,
      false,
      { 0 } },
    /* a number stays one: int to float, float to int or steps only where it fits */
    { "  k: [linear, rbf]\n  c: {int: [1, 10]}\n"
      "  d: {float: [2, 5], when: k == linear}\n",
      "",
      { 0, 2, 3 },
      true,
      true,
      { 0, 2, 3 } },
    { "  k: [linear, rbf]\n  c: {float: [1, 10], step: 0.5}\n"
      "  d: {int: [2, 5], when: k == linear}\n",
      "",
      { 1, 2.25, NONE },
      false,
      false,
      { 0 } },
    /* frozen */
    { "  k: [linear, rbf]\n  c: {float: [2, 2]}\n"
      "  d: {int: [2, 5], when: k == linear}\n",
      "",
      { 1, 2, NONE },
      true,
      true,
      { 1, 2, NONE } },
    /* a parameter was added: nothing was learnt about it, and it must be given */
    { "  k: [linear, rbf]\n  c: {float: [1, 10]}\n"
      "  d: {int: [2, 5], when: k == linear}\n  new: {int: [0, 1]}\n",
      "",
      { 1, 2, NONE },
      true,
      false,
      { 1, 2, NONE, NONE } },
    /* one was removed: only where it was inactive */
    { "  k: [linear, rbf]\n  c: {float: [1, 10]}\n",
      "",
      { 0, 2, 3 },
      false,
      false,
      { 0 } },
    { "  k: [linear, rbf]\n  c: {float: [1, 10]}\n",
      "",
      { 1, 2, NONE },
      true,
      true,
      { 1, 2 } },
    /* another condition: active is inactive now, or the other way round */
    { "  k: [linear, rbf]\n  c: {float: [1, 10]}\n"
      "  d: {int: [2, 5], when: k == rbf}\n",
      "",
      { 0, 2, 3 },
      true,
      false,
      { 0, 2, 3 } },
    { "  k: [linear, rbf]\n  c: {float: [1, 10]}\n  d: {int: [2, 5]}\n",
      "",
      { 1, 2, NONE },
      true,
      false,
      { 1, 2, NONE } },
    /* forbidden now */
    { NULL, "forbid: [c < 3]\n", { 1, 2, NONE }, true, false, { 1, 2, NONE } },
    { NULL, "forbid: [c < 3]\n", { 1, 4, NONE }, true, true, { 1, 4, NONE } },
};

static void points_map_by_name_and_value(void **state)
{
    UNUSED(state);
    struct sweep_spec *from = spec_rig_space(FIRST, "");
    for (size_t t = 0; t < ARRAY_LEN(ROWS); t++) {
        const struct row *row = &ROWS[t];
        struct sweep_spec *to =
            spec_rig_space(row->to != NULL ? row->to : FIRST, row->more);
        double x[LEN + 1] = { 0 };
        assert_int_equal(space_map_point(from->space, to->space, row->x, x), row->maps);
        for (size_t i = 0; row->maps && i < to->space->len; i++) {
            assert_true(x[i] == row->mapped[i]
                        || (isnan(x[i]) && isnan(row->mapped[i])));
        }
        assert_int_equal(space_allows_point(from->space, to->space, row->x),
                         row->allowed);
        sweep_spec_destroy(to);
    }
    sweep_spec_destroy(from);
}

static void layout_is_names_kinds_and_items(void **state)
{
    UNUSED(state);
    static const struct {
        const char *space;
        bool same;
    } table[] = {
        { "  k: [linear, rbf]\n  c: {float: [3, 99]}\n  d: {int: [0, 1]}\n", true },
        { "  k: [rbf, linear]\n  c: {float: [1, 10]}\n  d: {int: [2, 5]}\n", false },
        { "  k: [linear, rbf, x]\n  c: {float: [1, 10]}\n  d: {int: [2, 5]}\n", false },
        { "  k: [linear, rbf]\n  c: {int: [1, 10]}\n  d: {int: [2, 5]}\n", false },
        { "  k: [linear, rbf]\n  d: {int: [2, 5]}\n  c: {float: [1, 10]}\n", false },
        { "  k: [linear, rbf]\n  c: {float: [1, 10]}\n", false },
    };
    struct sweep_spec *a = spec_rig_space(FIRST, "");
    for (size_t t = 0; t < ARRAY_LEN(table); t++) {
        struct sweep_spec *b = spec_rig_space(table[t].space, "");
        assert_int_equal(space_same_layout(a->space, b->space), table[t].same);
        assert_int_equal(space_same_layout(b->space, a->space), table[t].same);
        sweep_spec_destroy(b);
    }
    sweep_spec_destroy(a);
    a = spec_rig_space("  k: [1, 2, 3]\n", "");
    struct sweep_spec *b = spec_rig_space("  k: [1.0, 2, 3]\n", "");
    assert_false(space_same_layout(a->space, b->space)); /* programs see 1.0 */
    sweep_spec_destroy(a);
    sweep_spec_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_map_by_name_and_value),
        cmocka_unit_test(layout_is_names_kinds_and_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
