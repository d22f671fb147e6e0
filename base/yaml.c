/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.c – libyaml's events made into a tree with positions.
 * Owns the tree and everything in it. Knows libyaml (only file that does) and the
 * YAML 1.2 core schema. Does not know sweep files. Iterative: open collections are a
 * stack of at most YAML_DEPTH_MAX frames, so hostile nesting costs no C stack. */
#include "base/yaml.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/vec.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* An open collection. */
struct frame {
    struct yaml_node *node;
    struct yaml_node *key; /* map: read, value still to come; owned */
    size_t cap;            /* of node->items (and keys) */
    struct map_str seen;   /* map: its keys so far, to their nodes */
};

struct builder {
    yaml_parser_t parser;
    const char *source_name;
    struct err *err;
    struct yaml_node *root;
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    size_t nodes;
    size_t documents;
    bool done;
};

/* ---- errors ---- */

static enum err_code PRINTF_LIKE(3, 4)
    fail_at(const struct builder *b, yaml_mark_t mark, const char *fmt, ...)
{
    char text[ERR_MSG_SIZE];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    return err_set(b->err, ERR_INVALID, "%s:%zu:%zu: %s", b->source_name, mark.line + 1,
                   mark.column + 1, text);
}

enum err_code yaml_err(struct err *err,
                       const char *source_name,
                       const struct yaml_node *node,
                       const char *fmt,
                       ...)
{
    char text[ERR_MSG_SIZE];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    return err_set(err, ERR_INVALID, "%s:%" PRIu32 ":%" PRIu32 ": %s", source_name,
                   node->line, node->col, text);
}

/* libyaml gives no line for bytes it cannot decode, only their offset. */
static enum err_code fail_reader(const struct builder *b, const char *text, size_t len)
{
    size_t offset = b->parser.problem_offset < len ? b->parser.problem_offset : len;
    yaml_mark_t mark = { 0 };
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)text[i] & 0xC0U) != 0x80U) {
            mark.column++;
        }
    }
    return fail_at(b, mark, "not valid UTF-8 text: %s", b->parser.problem);
}

static enum err_code fail_parser(const struct builder *b, const char *text, size_t len)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem != NULL ? p->problem : "malformed document";
    switch (p->error) {
    case YAML_MEMORY_ERROR:
        return err_set(b->err, ERR_NOMEM, "%s: out of memory", b->source_name);
    case YAML_READER_ERROR:
        return fail_reader(b, text, len);
    case YAML_NO_ERROR:
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR:
    case YAML_COMPOSER_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR:
        break;
    }
    if (p->context != NULL) {
        return fail_at(b, p->problem_mark, "%s (%s)", problem, p->context);
    }
    return fail_at(b, p->problem_mark, "%s", problem);
}

/* ---- tree ---- */

/* NULL when there are too many nodes; the error is set. */
static struct yaml_node *
node_create(struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
    if (++b->nodes > YAML_NODES_MAX) {
        IGNORE_ERR(fail_at(b, mark, "more than %d values", YAML_NODES_MAX),
                   "NULL says it");
        return NULL;
    }
    struct yaml_node *node = mem_alloc(sizeof *node);
    node->kind = kind;
    /* Both fit: the text is at most YAML_BYTES_MAX bytes. */
    node->line = (uint32_t)(mark.line + 1);
    node->col = (uint32_t)(mark.column + 1);
    return node;
}

static void node_free_one(struct yaml_node *node)
{
    mem_free(node->text);
    mem_free(node->items);
    mem_free(node->keys);
    mem_free(node);
}

void yaml_node_free(struct yaml_node *root)
{
    /* One node per level: children are taken off the end of their parent. */
    struct yaml_node *path[YAML_DEPTH_MAX + 1];
    size_t depth = 0;
    if (root != NULL) {
        path[depth++] = root;
    }
    while (depth > 0) {
        struct yaml_node *node = path[depth - 1];
        if (node->len == 0) {
            node_free_one(node);
            depth--;
            continue;
        }
        node->len--;
        if (node->keys != NULL) {
            node_free_one(node->keys[node->len]);
        }
        ASSERT(depth < ARRAY_LEN(path));
        path[depth++] = node->items[node->len];
    }
}

void yaml_cleanup(struct yaml_node **node)
{
    yaml_node_free(*node);
    *node = NULL;
}

static enum err_code
add_key(struct builder *b, struct frame *frame, struct yaml_node *node)
{
    yaml_mark_t mark = { .line = node->line - 1, .column = node->col - 1 };
    struct str name = { node->text, node->text_len };
    enum err_code code = ERR_OK;
    if (node->kind != YAML_SCALAR) {
        code = fail_at(b, mark, "a key must be a plain word, not a %s",
                       yaml_kind_text(node->kind));
    } else if (name.len == 0) {
        code = fail_at(b, mark, "empty key");
    } else if (map_str_has(&frame->seen, name)) {
        const struct yaml_node *first = map_str_get(&frame->seen, name);
        code = fail_at(b, mark, "duplicate key '%.100s', first on line %" PRIu32,
                       node->text, first->line);
    }
    if (code != ERR_OK) {
        yaml_node_free(node);
        return code;
    }
    map_str_set(&frame->seen, name, node);
    frame->key = node;
    return ERR_OK;
}

/* Puts a node where the document has it; takes it. */
static enum err_code attach(struct builder *b, struct yaml_node *node)
{
    if (b->depth == 0) {
        ASSERT(b->root == NULL);
        b->root = node;
        return ERR_OK;
    }
    struct frame *frame = &b->frames[b->depth - 1];
    struct yaml_node *parent = frame->node;
    if (parent->kind == YAML_MAP && frame->key == NULL) {
        return add_key(b, frame, node);
    }
    size_t cap = frame->cap;
    parent->items =
        vec_grow(parent->items, &frame->cap, parent->len + 1, sizeof(void *));
    if (parent->kind == YAML_MAP) {
        parent->keys = vec_grow(parent->keys, &cap, parent->len + 1, sizeof(void *));
        parent->keys[parent->len] = frame->key;
        frame->key = NULL;
    }
    parent->items[parent->len++] = node;
    return ERR_OK;
}

/* ---- events ---- */

/* Anchors and tags are refused wherever they stand. */
static enum err_code check_plain(const struct builder *b,
                                 const yaml_event_t *event,
                                 const yaml_char_t *anchor,
                                 const yaml_char_t *tag)
{
    if (anchor != NULL) {
        return fail_at(b, event->start_mark, "anchors (&) are not supported");
    }
    if (tag != NULL) {
        return fail_at(b, event->start_mark, "tags (!) are not supported");
    }
    return ERR_OK;
}

static enum err_code on_scalar(struct builder *b, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    enum err_code code =
        check_plain(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (code != ERR_OK) {
        return code;
    }
    if (memchr(text, '\0', len) != NULL) {
        return fail_at(b, event->start_mark, "text holds a NUL character");
    }
    struct yaml_node *node = node_create(b, YAML_SCALAR, event->start_mark);
    if (node == NULL) {
        return ERR_INVALID;
    }
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = mem_strndup(text, len);
    node->text_len = len;
    return attach(b, node);
}

static enum err_code
on_open(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
    const yaml_char_t *anchor = kind == YAML_MAP ? event->data.mapping_start.anchor
                                                 : event->data.sequence_start.anchor;
    const yaml_char_t *tag = kind == YAML_MAP ? event->data.mapping_start.tag
                                              : event->data.sequence_start.tag;
    enum err_code code = check_plain(b, event, anchor, tag);
    if (code != ERR_OK) {
        return code;
    }
    if (b->depth == YAML_DEPTH_MAX) {
        return fail_at(b, event->start_mark, "nested deeper than %d levels",
                       YAML_DEPTH_MAX);
    }
    struct yaml_node *node = node_create(b, kind, event->start_mark);
    if (node == NULL) {
        return ERR_INVALID;
    }
    code = attach(b, node);
    if (code == ERR_OK) {
        b->frames[b->depth++] = (struct frame){ .node = node };
    }
    return code;
}

static void on_close(struct builder *b)
{
    ASSERT(b->depth > 0);
    struct frame *frame = &b->frames[--b->depth];
    ASSERT(frame->key == NULL);
    map_str_fini(&frame->seen);
}

static enum err_code on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return ERR_OK;
    case YAML_STREAM_END_EVENT:
        b->done = true;
        return ERR_OK;
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1) {
            return fail_at(b, event->start_mark, "more than one document");
        }
        return ERR_OK;
    case YAML_ALIAS_EVENT:
        return fail_at(b, event->start_mark, "aliases (*) are not supported");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, YAML_SEQ);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(b);
        return ERR_OK;
    }
    UNREACHABLE();
}

static enum err_code run(struct builder *b, const char *text, size_t text_len)
{
    while (!b->done) {
        yaml_event_t event;
        if (yaml_parser_parse(&b->parser, &event) == 0) {
            return fail_parser(b, text, text_len);
        }
        enum err_code code = on_event(b, &event);
        yaml_event_delete(&event);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (b->root == NULL) {
        return err_set(b->err, ERR_INVALID, "%s:1:1: empty document", b->source_name);
    }
    return ERR_OK;
}

/* Drops what is half built; the tree hangs together at the root except for waiting
 * keys. */
static void builder_fini(struct builder *b)
{
    while (b->depth > 0) {
        struct frame *frame = &b->frames[--b->depth];
        yaml_node_free(frame->key);
        map_str_fini(&frame->seen);
    }
    yaml_node_free(b->root);
    yaml_parser_delete(&b->parser);
}

enum err_code yaml_parse(const char *text,
                         size_t text_len,
                         const char *source_name,
                         struct yaml_node **root_out,
                         struct err *err)
{
    if (text_len > YAML_BYTES_MAX) {
        return err_set(err, ERR_TOOBIG, "%s: %zu bytes, at most %zu are allowed",
                       source_name, text_len, YAML_BYTES_MAX);
    }
    struct builder b = { .source_name = source_name, .err = err };
    if (yaml_parser_initialize(&b.parser) == 0) {
        return err_set(err, ERR_NOMEM, "%s: out of memory", source_name);
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &b.parser, (const unsigned char *)(text_len > 0 ? text : ""), text_len);
    enum err_code code = run(&b, text, text_len);
    if (code == ERR_OK) {
        *root_out = mem_take(&b.root);
    }
    builder_fini(&b);
    return code;
}

/* ---- reading ---- */

const char *yaml_kind_text(enum yaml_kind kind)
{
    static const char *const texts[] = { "scalar", "list", "map" };
    static_assert(ARRAY_LEN(texts) == YAML_KIND_NR, "one text a kind");
    ASSERT(kind < YAML_KIND_NR);
    return texts[kind];
}

const char *yaml_scalar_kind_text(enum yaml_scalar_kind kind)
{
    static const char *const texts[] = { "null", "boolean", "integer", "number",
                                         "string" };
    static_assert(ARRAY_LEN(texts) == YAML_SCALAR_KIND_NR, "one text a kind");
    ASSERT(kind < YAML_SCALAR_KIND_NR);
    return texts[kind];
}

static struct str text_of(const struct yaml_node *node)
{
    return (struct str){ node->text, node->text_len };
}

static bool is_one_of(struct str text, const char *const *words, size_t words_len)
{
    for (size_t i = 0; i < words_len; i++) {
        if (str_eq_c(text, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_null(struct str text)
{
    static const char *const words[] = { "", "null", "Null", "NULL", "~" };
    return is_one_of(text, words, ARRAY_LEN(words));
}

static bool is_true(struct str text)
{
    static const char *const words[] = { "true", "True", "TRUE" };
    return is_one_of(text, words, ARRAY_LEN(words));
}

static bool is_false(struct str text)
{
    static const char *const words[] = { "false", "False", "FALSE" };
    return is_one_of(text, words, ARRAY_LEN(words));
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* 0o17 or 0x1F, which are never negative. Digits that overflow are ERR_TOOBIG. */
static enum err_code parse_based(struct str text, int64_t *out)
{
    bool hex = str_starts(text, STR_LIT("0x"));
    if ((!hex && !str_starts(text, STR_LIT("0o"))) || text.len == 2) {
        return ERR_INVALID;
    }
    int base = hex ? 16 : 8;
    int64_t value = 0;
    for (size_t i = 2; i < text.len; i++) {
        int digit = digit_of(text.ptr[i]);
        if (digit >= base) {
            return ERR_INVALID;
        }
        value = num_add_sat_i64(num_mul_sat_i64(value, base), digit);
    }
    if (value == INT64_MAX) {
        return ERR_TOOBIG;
    }
    *out = value;
    return ERR_OK;
}

static enum err_code parse_int(struct str text, int64_t *out)
{
    enum err_code code = num_parse_i64(text, out);
    return code == ERR_INVALID ? parse_based(text, out) : code;
}

/* Infinity and NaN as YAML spells them. */
static bool parse_special(struct str text, double *out)
{
    static const char *const nans[] = { ".nan", ".NaN", ".NAN" };
    static const char *const infs[] = { ".inf", ".Inf", ".INF" };
    if (is_one_of(text, nans, ARRAY_LEN(nans))) {
        *out = (double)NAN;
        return true;
    }
    bool has_sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    if (is_one_of(str_sub(text, has_sign ? 1 : 0, text.len), infs, ARRAY_LEN(infs))) {
        *out = has_sign && text.ptr[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return false;
}

static enum err_code parse_float(struct str text, double *out)
{
    return parse_special(text, out) ? ERR_OK : num_parse_f64(text, out);
}

enum yaml_scalar_kind yaml_scalar_kind(const struct yaml_node *node)
{
    ASSERT(node->kind == YAML_SCALAR);
    struct str text = text_of(node);
    int64_t integer = 0;
    double number = 0;
    if (node->quoted) {
        return YAML_STR;
    }
    if (is_null(text)) {
        return YAML_NULL;
    }
    if (is_true(text) || is_false(text)) {
        return YAML_BOOL;
    }
    enum err_code code = parse_int(text, &integer);
    if (code == ERR_OK) {
        return YAML_INT;
    }
    /* An integer beyond int64_t, or a real even beyond double, is a number all the
     * same; reading it gives ERR_TOOBIG. */
    if (code == ERR_TOOBIG || parse_float(text, &number) != ERR_INVALID) {
        return YAML_FLOAT;
    }
    return YAML_STR;
}

enum err_code yaml_as_i64(const struct yaml_node *node, int64_t *out)
{
    if (node->kind != YAML_SCALAR || yaml_scalar_kind(node) != YAML_INT) {
        return ERR_INVALID;
    }
    return parse_int(text_of(node), out);
}

enum err_code yaml_as_f64(const struct yaml_node *node, double *out)
{
    if (node->kind != YAML_SCALAR) {
        return ERR_INVALID;
    }
    enum yaml_scalar_kind kind = yaml_scalar_kind(node);
    int64_t integer = 0;
    if (kind == YAML_INT && parse_based(text_of(node), &integer) == ERR_OK) {
        *out = (double)integer;
        return ERR_OK;
    }
    if (kind != YAML_INT && kind != YAML_FLOAT) {
        return ERR_INVALID;
    }
    enum err_code code = parse_float(text_of(node), out);
    /* 0x with too many digits is a number that only hexadecimal could read. */
    return code == ERR_INVALID ? ERR_TOOBIG : code;
}

enum err_code yaml_as_bool(const struct yaml_node *node, bool *out)
{
    if (node->kind != YAML_SCALAR || yaml_scalar_kind(node) != YAML_BOOL) {
        return ERR_INVALID;
    }
    *out = is_true(text_of(node));
    return ERR_OK;
}

size_t yaml_find(const struct yaml_node *node, const char *key)
{
    if (node->kind != YAML_MAP) {
        return node->len;
    }
    for (size_t i = 0; i < node->len; i++) {
        if (str_eq_c(text_of(node->keys[i]), key)) {
            return i;
        }
    }
    return node->len;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
    size_t at = yaml_find(node, key);
    return node->kind == YAML_MAP && at < node->len ? node->items[at] : NULL;
}

/* ---- equality ---- */

static bool scalar_equal(const struct yaml_node *a, const struct yaml_node *b)
{
    enum yaml_scalar_kind kind = yaml_scalar_kind(a);
    if (kind != yaml_scalar_kind(b)) {
        return false;
    }
    double x = 0;
    double y = 0;
    int64_t i = 0;
    int64_t j = 0;
    switch (kind) {
    case YAML_NULL:
        return true;
    case YAML_BOOL:
        return is_true(text_of(a)) == is_true(text_of(b));
    case YAML_INT:
        return yaml_as_i64(a, &i) == ERR_OK && yaml_as_i64(b, &j) == ERR_OK && i == j;
    case YAML_FLOAT:
        if (yaml_as_f64(a, &x) == ERR_OK && yaml_as_f64(b, &y) == ERR_OK) {
            return x == y || (isnan(x) && isnan(y));
        }
        return str_eq(text_of(a), text_of(b));
    case YAML_STR:
        return str_eq(text_of(a), text_of(b));
    case YAML_SCALAR_KIND_NR:
        break;
    }
    UNREACHABLE();
}

/* The value of b that stands against items[i] of a; most maps have the same order. */
static const struct yaml_node *
partner(const struct yaml_node *a, const struct yaml_node *b, size_t i)
{
    if (a->kind != YAML_MAP || str_eq(text_of(a->keys[i]), text_of(b->keys[i]))) {
        return b->items[i];
    }
    return yaml_get(b, a->keys[i]->text);
}

bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b)
{
    struct pair {
        const struct yaml_node *a;
        const struct yaml_node *b;
    };
    AUTO_VEC VEC(struct pair) todo = { 0 };
    vec_push(&todo, ((struct pair){ a, b }));
    while (todo.len > 0) {
        struct pair pair = vec_pop(&todo);
        if (pair.b == NULL || pair.a->kind != pair.b->kind
            || pair.a->len != pair.b->len) {
            return false;
        }
        if (pair.a->kind == YAML_SCALAR && !scalar_equal(pair.a, pair.b)) {
            return false;
        }
        for (size_t i = 0; i < pair.a->len; i++) {
            struct pair child = { pair.a->items[i], partner(pair.a, pair.b, i) };
            vec_push(&todo, child);
        }
    }
    return true;
}
