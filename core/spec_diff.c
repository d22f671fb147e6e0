/* SPDX-License-Identifier: Apache-2.0 */
/* spec_diff.c – in which keys two specs differ.
 * Owns nothing. Knows that equal specs print equal trees, so it compares the printed
 * files: whatever is printed is compared. Does not know single keys, except that the
 * order of parameters and an MLproject's command matter too. */
#include "core/sweep_spec.h"

#include "base/assert.h"
#include "base/yaml.h"

#include <string.h>

enum {
    DEPTH = 3,
    DIFF_TEXT_MAX = 64 * 1024 * 1024
};

struct frame {
    const struct yaml_node *a, *b; /* maps */
    size_t at;                     /* next key: those of a, then those only in b */
};

struct differ {
    struct frame frames[DEPTH];
    const char *names[DEPTH]; /* the key each frame above stands at */
    size_t depth;
    size_t found;
    struct strbuf *keys;
};

static void report(struct differ *d, const char *key)
{
    strbuf_adds(d->keys, d->found > 0 ? ", " : "");
    for (size_t i = 0; i + 1 < d->depth; i++) {
        strbuf_addf(d->keys, "%s.", d->names[i]);
    }
    strbuf_adds(d->keys, key);
    d->found++;
}

/* Parameters are compared whole; other maps key by key. */
static bool
descends(const struct differ *d, const struct yaml_node *a, const struct yaml_node *b)
{
    bool in_space = d->depth > 1 && strcmp(d->names[0], "space") == 0;
    return a->kind == YAML_MAP && b->kind == YAML_MAP && d->depth < DEPTH && !in_space;
}

static void compare_key(struct differ *d, const char *key)
{
    const struct frame *top = &d->frames[d->depth - 1];
    const struct yaml_node *a = yaml_get(top->a, key);
    const struct yaml_node *b = yaml_get(top->b, key);
    if (a != NULL && b != NULL && yaml_equal(a, b)) {
        return;
    }
    if (a != NULL && b != NULL && descends(d, a, b)) {
        d->names[d->depth - 1] = key;
        d->frames[d->depth++] = (struct frame){ .a = a, .b = b };
        return;
    }
    report(d, key);
}

static void compare_trees(struct differ *d)
{
    while (d->depth > 0) {
        struct frame *top = &d->frames[d->depth - 1];
        size_t at = top->at++;
        if (at < top->a->len) {
            compare_key(d, top->a->keys[at]->text);
        } else if (at - top->a->len < top->b->len) {
            const char *key = top->b->keys[at - top->a->len]->text;
            if (yaml_get(top->a, key) == NULL) {
                report(d, key);
            }
        } else {
            d->depth--;
        }
    }
}

static bool same_order(const struct space *a, const struct space *b)
{
    for (size_t i = 0; i < a->len && a->len == b->len; i++) {
        if (strcmp(a->params[i].name, b->params[i].name) != 0
            && space_find(b, a->params[i].name) >= 0) {
            return false;
        }
    }
    return true;
}

static struct yaml_node *print_and_parse(const struct sweep_spec *spec)
{
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(DIFF_TEXT_MAX);
    struct yaml_node *root = NULL;
    sweep_spec_print(spec, &text);
    enum err_code code = yaml_parse(strbuf_cstr(&text), text.len, "spec", &root, NULL);
    return code == ERR_OK ? root : NULL;
}

size_t sweep_spec_diff(const struct sweep_spec *a,
                       const struct sweep_spec *b,
                       struct strbuf *keys)
{
    struct yaml_node *AUTO_YAML left = print_and_parse(a);
    struct yaml_node *AUTO_YAML right = print_and_parse(b);
    struct differ d = { .keys = keys };
    if (left == NULL || right == NULL) {
        /* Only a print beyond the limits of YAML files does not parse. */
        report(&d, "the sweep file");
        return d.found;
    }
    d.frames[0] = (struct frame){ .a = left, .b = right };
    d.depth = 1;
    compare_trees(&d);
    d.depth = 1;
    if (!same_order(a->space, b->space)) {
        report(&d, "space (order of parameters)");
    }
    bool entries = a->command_from_entry && b->command_from_entry;
    if (entries && !command_eq(a->command, b->command)) {
        report(&d, "project (its MLproject file)");
    }
    return d.found;
}
