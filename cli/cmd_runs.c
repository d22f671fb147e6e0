/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_runs.c – `winnow runs`: the runs of a home, flat or as a tree.
 * Owns the ordering of the tree. Knows run_id and parent_id. Does not know sweeps. */
#include "cli/cmd.h"

#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/output.h"
#include "cli/where.h"

/* As in cmd_look.c. */
#define ANSWER_BYTES_MAX ((size_t)512 * 1024 * 1024)
/* Deeper nesting is shown at this indentation. */
#define INDENT_MAX 20

static const struct output_column run_columns[] = {
    { "run_id", "run", OUTPUT_ID },      { "name", "name", OUTPUT_TEXT },
    { "status", "status", OUTPUT_TEXT }, { "start_time", "started", OUTPUT_TIME },
    { "params.*", "", OUTPUT_TEXT },     { "metrics.*", "", OUTPUT_TEXT },
};

/* The tree's lines are indented names, so the name comes first. */
static const struct output_column tree_columns[] = {
    { "name", "name", OUTPUT_TEXT },     { "run_id", "run", OUTPUT_ID },
    { "status", "status", OUTPUT_TEXT }, { "start_time", "started", OUTPUT_TIME },
    { "params.*", "", OUTPUT_TEXT },     { "metrics.*", "", OUTPUT_TEXT },
};

struct node {
    json_t *run;   /* borrowed from the answer */
    size_t first;  /* first child, 0: none; indexes are 1-based */
    size_t last;   /* newest child */
    size_t next;   /* next sibling */
    size_t parent; /* 0: a root */
};

/* nodes[1..len] in the order of the answer, linked to their parents. nodes[0] holds the
 * roots. */
static struct node *link_nodes(const json_t *runs)
{
    size_t len = json_array_size(runs);
    struct node *nodes = mem_alloc_array(len + 1, sizeof *nodes);
    struct map_str by_id = { 0 };
    for (size_t i = 1; i <= len; i++) {
        nodes[i].run = json_array_get(runs, i - 1);
        const char *id = json_string_value(json_object_get(nodes[i].run, "run_id"));
        map_str_set(&by_id, str_from(id), &nodes[i]);
    }
    for (size_t i = 1; i <= len; i++) {
        const char *id = json_string_value(json_object_get(nodes[i].run, "parent_id"));
        const struct node *parent = map_str_get(&by_id, str_from(id));
        size_t at = parent != NULL ? (size_t)(parent - nodes) : 0;
        nodes[i].parent = at;
        if (nodes[at].last == 0) {
            nodes[at].first = i;
        } else {
            nodes[nodes[at].last].next = i;
        }
        nodes[at].last = i;
    }
    map_str_fini(&by_id);
    return nodes;
}

/* The run with its name indented by depth. */
static json_t *indented(json_t *run, size_t depth)
{
    const char *name = json_string_value(json_object_get(run, "name"));
    AUTO_FREE char *text =
        mem_printf("%*s%s", (int)(2 * (depth > INDENT_MAX ? INDENT_MAX : depth)), "",
                   name != NULL ? name : "");
    json_t *copy = json_copy(run);
    json_put_str(copy, "name", text);
    return copy;
}

/* Depth first without recursion: down to the first child, else to the next sibling of
 * the nearest ancestor that has one. */
static json_t *tree_rows(const json_t *runs)
{
    struct node *nodes = link_nodes(runs);
    json_t *rows = json_array();
    size_t at = nodes[0].first;
    size_t depth = 0;
    while (at != 0) {
        json_push(rows, indented(nodes[at].run, depth));
        if (nodes[at].first != 0) {
            at = nodes[at].first;
            depth++;
            continue;
        }
        while (at != 0 && nodes[at].next == 0) {
            at = nodes[at].parent;
            depth -= depth > 0 ? 1 : 0;
        }
        at = at != 0 ? nodes[at].next : 0;
    }
    mem_free(nodes);
    return rows;
}

/* Each run gets `children`; gives the roots. */
static json_t *tree_json(const json_t *runs)
{
    struct node *nodes = link_nodes(runs);
    json_t *roots = json_array();
    for (size_t i = 1; i <= json_array_size(runs); i++) {
        size_t at = nodes[i].parent;
        json_t *into = roots;
        if (at != 0) {
            into = json_object_get(nodes[at].run, "children");
            if (into == NULL) {
                json_put(nodes[at].run, "children", json_array());
                into = json_object_get(nodes[at].run, "children");
            }
        }
        json_push(into, json_incref(nodes[i].run));
    }
    mem_free(nodes);
    return roots;
}

static void
print_runs(json_t *runs, bool tree, enum output_format format, struct strbuf *out)
{
    if (!tree) {
        output_rows(runs, run_columns, ARRAY_LEN(run_columns), format, output_width(),
                    out);
        return;
    }
    AUTO_JSON json_t *rows = format == OUTPUT_JSON ? tree_json(runs) : tree_rows(runs);
    output_rows(rows, tree_columns, ARRAY_LEN(tree_columns), format, output_width(),
                out);
}

static enum err_code
get_runs(const struct opts *opts, json_t **runs_out, struct err *err)
{
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *args = json_object();
    struct where where;
    uint32_t limit = 0;
    where_resolve(opts, &where);
    enum err_code code = opt_u32(opts, OPT_LIMIT, 1, &limit, err);
    if (code != ERR_OK) {
        return code;
    }
    if (opts->args_len > 0) {
        json_put_str(args, "sweep", opts->args[0]);
    }
    if (limit != 0) {
        json_put_i64(args, "limit", limit);
    }
    code = look_open(&where, &look, err);
    return code == ERR_OK ? look_query(look, "runs", args, runs_out, err) : code;
}

int cmd_runs(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(ANSWER_BYTES_MAX);
    AUTO_JSON json_t *runs = NULL;
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = get_runs(opts, &runs, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    print_runs(runs, opt_given(opts, OPT_TREE), format, &out);
    return output_flush(&out);
}
