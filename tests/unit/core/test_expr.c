/* SPDX-License-Identifier: Apache-2.0 */
/* test_expr.c – expressions: precedence and three-valued logic against an independent
 * recursive oracle over random syntax trees, spelling, and a table of single cases. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "core/expr.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

/* n: number, may be inactive; k: choice red, green, 3; b: true or false, may be
 * inactive */
static const char space_text[] = "  n: {int: [-3, 3], when: on > 0}\n"
                                 "  k: [red, green, 3]\n"
                                 "  b: {choice: [true, false], when: on > 1}\n"
                                 "  m-x: {float: [0, 1]}\n"
                                 "  on: {int: [0, 2]}\n";
enum {
    N,
    K,
    B,
    MX,
    ON,
    LEN
};

static enum truth eval(const struct space *space, const char *text, const double *x)
{
    struct expr *expr = NULL;
    struct err err = { 0 };
    size_t at = 0;
    if (expr_parse(str_from(text), space, &expr, &at, &err) != ERR_OK) {
        fail_msg("%s: %zu: %s", text, at, err.msg);
    }
    enum truth truth = expr_eval(expr, space, x);
    expr_destroy(expr);
    return truth;
}

static void cases(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        enum truth truth;
    } table[] = {
        { "1 + 2 * 3 == 7", TRUTH_TRUE },
        { "(1 + 2) * 3 == 9", TRUTH_TRUE },
        { "10 - 3 - 2 == 5", TRUTH_TRUE },
        { "8 / 4 / 2 == 1", TRUTH_TRUE },
        { "-2 * -3 == 6", TRUTH_TRUE },
        { "--2 == 2", TRUTH_TRUE },
        { "2 - -2 == 4", TRUTH_TRUE },
        { "1 / 0 > 1e308", TRUTH_TRUE },
        { "0 / 0 == 0 / 0", TRUTH_FALSE },
        { "not 1 > 2 and 2 > 1", TRUTH_TRUE },
        { "not (1 > 2 or 2 > 1)", TRUTH_FALSE },
        { "1 > 2 or 2 > 1 and 3 > 4", TRUTH_FALSE },
        { "k == red", TRUTH_TRUE },
        { "k == 'red'", TRUTH_TRUE },
        { "red == k", TRUTH_TRUE },
        { "k != \"green\"", TRUTH_TRUE },
        { "k in [green, 3]", TRUTH_FALSE },
        { "k not in [green, 3]", TRUTH_TRUE },
        { "on + 1 in [3, -1, 1e0]", TRUTH_FALSE },
        { "m-x > 0.4", TRUTH_TRUE },
        { "m-x - 1 == -.5", TRUTH_TRUE },
        { "n > 0", TRUTH_UNKNOWN },
        { "n + 1 == n + 1", TRUTH_UNKNOWN },
        { "n in [1, 2]", TRUTH_UNKNOWN },
        { "b", TRUTH_UNKNOWN },
        { "not b", TRUTH_UNKNOWN },
        { "b or k == red", TRUTH_TRUE },
        { "b or k == green", TRUTH_UNKNOWN },
        { "b and k == green", TRUTH_FALSE },
        { "b and k == red", TRUTH_UNKNOWN },
        { "b == true", TRUTH_UNKNOWN },
        { "true", TRUTH_TRUE },
    };
    struct sweep_spec *spec = spec_rig_space(space_text, "");
    const double x[LEN] = {
        [N] = (double)NAN, [K] = 0, [B] = (double)NAN, [MX] = 0.5, [ON] = 1
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (eval(spec->space, table[i].text, x) != table[i].truth) {
            fail_msg("%s", table[i].text);
        }
    }
    sweep_spec_destroy(spec);
}

static void errors_point_at_the_place(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        size_t at;
        const char *msg;
    } table[] = {
        { "", 0, "ends where" },
        { "n > 1 )", 6, "closes nothing" },
        { "n > 1 2", 6, "expected an operator" },
        { "n in red", 5, "'['" },
        { "n in []", 6, "expected a value" },
        { "n in [1 2]", 8, "',' or ']'" },
        { "n in [k]", 6, "is a parameter" },
        { "k in [1, 'blue']", 9, "not a choice" },
        { "red in [1]", 0, "unknown parameter" },
        { "'red' == 'red'", 0, "must be compared with a parameter" },
        { "b > false", 0, "needs a number" },
        { "n and b", 0, "'and' needs true or false" },
        { "n == 1.2.3", 5, "is not a number" },
        { "n == 'x", 5, "not closed" },
        { "n == 1e999", 5, "is not a number" },
        { "k > 1", 0, "of mixed type" },
        { "n # 1", 2, "unexpected character" },
        { "not", 3, "ends where" },
        { "n == red", 5, "cannot be compared with the string" },
        { "on == zz", 6, "cannot be compared with the string" },
        { "(n + 1) == zz", 11, "unknown parameter" },
    };
    struct sweep_spec *spec = spec_rig_space(space_text, "");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct expr *expr = NULL;
        struct err err = { 0 };
        size_t at = 99;
        assert_code(expr_parse(str_from(table[i].text), spec->space, &expr, &at, &err),
                    ERR_INVALID);
        assert_null(expr);
        if (at != table[i].at || strstr(err.msg, table[i].msg) == NULL) {
            fail_msg("%s: at %zu: %s", table[i].text, at, err.msg);
        }
    }
    sweep_spec_destroy(spec);
}

static void depth_is_bounded(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space(space_text, "");
    static const char *const openings[] = { "(", "not ", "-" };
    for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
        struct strbuf AUTO_STRBUF text = STRBUF_INIT(EXPR_BYTES_MAX);
        struct expr *expr = NULL;
        struct err err = { 0 };
        size_t at = 0;
        for (size_t k = 0; k < 1000; k++) {
            strbuf_adds(&text, openings[i]);
        }
        assert_code(expr_parse(strbuf_str(&text), spec->space, &expr, &at, &err),
                    ERR_INVALID);
    }
    sweep_spec_destroy(spec);
}

/* ---- the oracle: a random tree, evaluated while it is written ---- */

/* NOLINTBEGIN(misc-no-recursion): the oracle is recursive on purpose */

struct maybe {
    bool known;
    double value; /* logic: 0 or 1 */
};

static struct maybe known(double value)
{
    return (struct maybe){ true, value };
}

static struct maybe
number_tree(struct rng *rng, const double *x, int depth, struct strbuf *out)
{
    uint64_t pick = rng_below(rng, depth <= 0 ? 3 : 6);
    if (pick == 0) {
        double value = (double)rng_below(rng, 5);
        strbuf_addf(out, "%d", (int)value);
        return known(value);
    }
    if (pick == 1) {
        strbuf_adds(out, "n");
        return (struct maybe){ !isnan(x[N]), x[N] };
    }
    if (pick == 2) {
        strbuf_adds(out, "on");
        return known(x[ON]);
    }
    static const char *const ops[] = { " + ", "-", "*" };
    strbuf_adds(out, "(");
    struct maybe a = number_tree(rng, x, depth - 1, out);
    size_t op = rng_below(rng, 3);
    strbuf_adds(out, ops[op]);
    strbuf_adds(out, op == 1 ? " " : "");
    struct maybe b = number_tree(rng, x, depth - 1, out);
    strbuf_adds(out, ")");
    double value = op == 0   ? a.value + b.value
                   : op == 1 ? a.value - b.value
                             : a.value * b.value;
    return (struct maybe){ a.known && b.known, value };
}

static struct maybe comparison(struct rng *rng, const double *x, struct strbuf *out)
{
    static const char *const ops[] = { "==", "!=", "<", "<=", ">", ">=" };
    struct maybe a = number_tree(rng, x, 2, out);
    size_t op = rng_below(rng, 6);
    strbuf_addf(out, " %s ", ops[op]);
    struct maybe b = number_tree(rng, x, 2, out);
    const bool results[] = { a.value == b.value, a.value != b.value,
                             a.value<b.value, a.value <= b.value, a.value> b.value,
                             a.value >= b.value };
    return (struct maybe){ a.known && b.known, results[op] };
}

static struct maybe leaf(struct rng *rng, const double *x, struct strbuf *out)
{
    uint64_t pick = rng_below(rng, 4);
    if (pick == 0) {
        strbuf_adds(out, "b");
        return (struct maybe){ !isnan(x[B]), x[B] == 0.0 };
    }
    if (pick == 1) {
        strbuf_adds(out, "k in [red,3]");
        return known(x[K] != 1.0);
    }
    if (pick == 2) {
        strbuf_adds(out, "k != green");
        return known(x[K] != 1.0);
    }
    return comparison(rng, x, out);
}

/* Kleene's tables: "and" is the least, "or" the greatest of false < unknown < true. */
static double rank(struct maybe a)
{
    return a.known ? a.value : 0.5;
}

static struct maybe of_rank(double value)
{
    return (struct maybe){ value != 0.5, value };
}

static struct maybe
logic_tree(struct rng *rng, const double *x, int depth, struct strbuf *out)
{
    uint64_t pick = rng_below(rng, depth <= 0 ? 1 : 4);
    if (pick == 0) {
        return leaf(rng, x, out);
    }
    if (pick == 1) {
        strbuf_adds(out, "not (");
        struct maybe a = logic_tree(rng, x, depth - 1, out);
        strbuf_adds(out, ")");
        return of_rank(1.0 - rank(a));
    }
    strbuf_adds(out, "(");
    struct maybe a = logic_tree(rng, x, depth - 1, out);
    strbuf_adds(out, pick == 2 ? ") and (" : ") or (");
    struct maybe b = logic_tree(rng, x, depth - 1, out);
    strbuf_adds(out, ")");
    return of_rank(pick == 2 ? fmin(rank(a), rank(b)) : fmax(rank(a), rank(b)));
}

/* NOLINTEND(misc-no-recursion) */

static void random_trees_agree_with_the_oracle(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space(space_text, "");
    size_t seen[TRUTH_NR] = { 0 };
    for (uint64_t round = 0; round < 3000; round++) {
        struct rng rng = rng_stream(1, round, STR_LIT("expr"), RNG_TEST);
        double x[LEN] = {
            [K] = (double)rng_below(&rng, 3), [ON] = (double)rng_below(&rng, 3)
        };
        x[N] = x[ON] > 0 ? (double)rng_below(&rng, 7) - 3 : (double)NAN;
        x[B] = x[ON] > 1 ? (double)rng_below(&rng, 2) : (double)NAN;
        struct strbuf AUTO_STRBUF text = STRBUF_INIT(EXPR_BYTES_MAX);
        struct maybe expected = logic_tree(&rng, x, 3, &text);
        enum truth truth = eval(spec->space, strbuf_cstr(&text), x);
        enum truth wanted = !expected.known       ? TRUTH_UNKNOWN
                            : expected.value != 0 ? TRUTH_TRUE
                                                  : TRUTH_FALSE;
        if (truth != wanted) {
            fail_msg("round %d: %s", (int)round, strbuf_cstr(&text));
        }
        seen[truth]++;
        /* The canonical spelling means the same and is a fixed point. */
        struct expr *expr = NULL;
        size_t at = 0;
        assert_code(expr_parse(strbuf_str(&text), spec->space, &expr, &at, NULL),
                    ERR_OK);
        char *AUTO_FREE canonical = mem_strdup(expr_text(expr));
        expr_destroy(expr);
        assert_int_equal(eval(spec->space, canonical, x), wanted);
        assert_code(expr_parse(str_from(canonical), spec->space, &expr, &at, NULL),
                    ERR_OK);
        assert_string_equal(expr_text(expr), canonical);
        expr_destroy(expr);
    }
    for (size_t i = 0; i < TRUTH_NR; i++) {
        assert_true(seen[i] > 100);
    }
    sweep_spec_destroy(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cases),
        TEST(errors_point_at_the_place),
        TEST(depth_is_bounded),
        TEST(random_trees_agree_with_the_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
