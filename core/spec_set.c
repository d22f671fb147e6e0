/* SPDX-License-Identifier: Apache-2.0 */
/* spec_set.c – changes single keys in the text of a sweep file.
 * Owns shells: maps that share the nodes of a parsed file but for one entry. Knows YAML
 * trees and where sections begin and end. Does not know what keys mean. */
#include "core/spec_set.h"

#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"

#define SEGMENTS_MAX 3u

/* ---- printing a tree on one line ---- */

struct frame {
    const struct yaml_node *node;
    size_t at;
};

/* Words that mean the same wherever they stand, such as svm-digits, 2h and 10%. */
static bool is_word(const char *text)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_";
    static const char inner[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_.-/%";
    return text[0] != '\0' && strchr(first, text[0]) != NULL
           && strspn(text, inner) == strlen(text);
}

static void put_scalar(const struct yaml_node *node, struct strbuf *out)
{
    enum yaml_scalar_kind kind = yaml_scalar_kind(node);
    if (kind == YAML_NULL) {
        strbuf_adds(out, "null");
    } else if (kind != YAML_STR || (!node->quoted && is_word(node->text))) {
        strbuf_adds(out, node->text);
    } else {
        json_emit_str(str_from_n(node->text, node->text_len), out);
    }
}

static void put_key(const struct yaml_node *key, struct strbuf *out)
{
    if (is_word(key->text)) {
        strbuf_adds(out, key->text);
    } else {
        json_emit_str(str_from(key->text), out);
    }
    strbuf_adds(out, ": ");
}

static void put_flow(const struct yaml_node *root, struct strbuf *out)
{
    struct frame frames[YAML_DEPTH_MAX + SEGMENTS_MAX];
    size_t depth = 0;
    frames[depth++] = (struct frame){ root, 0 };
    while (depth > 0) {
        struct frame *top = &frames[depth - 1];
        const struct yaml_node *node = top->node;
        bool map = node->kind == YAML_MAP;
        if (node->kind == YAML_SCALAR) {
            put_scalar(node, out);
            depth--;
            continue;
        }
        if (top->at == 0) {
            strbuf_addc(out, map ? '{' : '[');
        }
        if (top->at == node->len) {
            strbuf_addc(out, map ? '}' : ']');
            depth--;
            continue;
        }
        strbuf_adds(out, top->at > 0 ? ", " : "");
        if (map) {
            put_key(node->keys[top->at], out);
        }
        ASSERT(depth < ARRAY_LEN(frames));
        frames[depth++] = (struct frame){ node->items[top->at++], 0 };
    }
}

/* A section; parameters one a line. */
static void put_section(const struct yaml_node *key,
                        const struct yaml_node *node,
                        struct strbuf *out)
{
    if (strcmp(key->text, "space") != 0 || node->kind != YAML_MAP || node->len == 0) {
        put_key(key, out);
        put_flow(node, out);
        strbuf_addc(out, '\n');
        return;
    }
    strbuf_adds(out, "space:\n");
    for (size_t i = 0; i < node->len; i++) {
        strbuf_adds(out, "  ");
        put_key(node->keys[i], out);
        put_flow(node->items[i], out);
        strbuf_addc(out, '\n');
    }
}

/* ---- one entry changed ---- */

/* A map with other entries; keys and values are shared with the parsed trees. */
struct shell {
    struct yaml_node map;
    struct yaml_node key; /* of the changed entry */
};

/* As `from`, with `name` set to value, or without it when value is NULL. */
static void shell_make(struct shell *shell,
                       const struct yaml_node *from,
                       char *name,
                       struct yaml_node *value)
{
    size_t at = yaml_find(from, name);
    shell->key = (struct yaml_node){ .kind = YAML_SCALAR,
                                     .text = name,
                                     .text_len = strlen(name) };
    shell->map = (struct yaml_node){ .kind = YAML_MAP };
    shell->map.keys = mem_alloc_array(from->len + 1, sizeof(void *));
    shell->map.items = mem_alloc_array(from->len + 1, sizeof(void *));
    for (size_t i = 0; i <= from->len; i++) {
        struct yaml_node *item = i == at         ? value
                                 : i < from->len ? from->items[i]
                                                 : NULL;
        if (item != NULL) {
            shell->map.keys[shell->map.len] =
                i < from->len ? from->keys[i] : &shell->key;
            shell->map.items[shell->map.len++] = item;
        }
    }
}

static void shell_fini(struct shell *shell)
{
    mem_free(shell->map.keys);
    mem_free(shell->map.items);
}

struct change {
    const char *source;
    const char *key;              /* as given */
    char *segments[SEGMENTS_MAX]; /* into `words` */
    char *words;                  /* owned */
    size_t len;
    struct yaml_node *root, *value;    /* owned; value NULL: remove */
    struct shell shells[SEGMENTS_MAX]; /* the first is the whole file */
};

static void change_fini(struct change *change)
{
    for (size_t i = 0; i < SEGMENTS_MAX; i++) {
        shell_fini(&change->shells[i]);
    }
    yaml_free(change->root);
    yaml_free(change->value);
    mem_free(change->words);
}

static enum err_code split_key(struct change *change, struct err *err)
{
    change->words = mem_strdup(change->key);
    char *rest = change->words;
    while (rest != NULL) {
        bool names = change->len == 1
                     && (strcmp(change->segments[0], "space") == 0
                         || strcmp(change->segments[0], "tags") == 0);
        char *dot = names ? NULL : strchr(rest, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        if (rest[0] == '\0' || change->len == SEGMENTS_MAX) {
            return err_set(err, ERR_INVALID,
                           "'%s' is not a key of a sweep file, such as budget.trials",
                           change->key);
        }
        change->segments[change->len++] = rest;
        rest = dot != NULL ? dot + 1 : NULL;
    }
    return ERR_OK;
}

/* The maps on the way, then new ones from the inmost to the whole file. A map that
 * loses its last entry goes too. */
static enum err_code make_shells(struct change *change, struct err *err)
{
    static const struct yaml_node none = { .kind = YAML_MAP };
    const struct yaml_node *maps[SEGMENTS_MAX] = { change->root };
    for (size_t i = 1; i < change->len; i++) {
        const struct yaml_node *found = yaml_get(maps[i - 1], change->segments[i - 1]);
        maps[i] = found != NULL ? found : &none;
        if (maps[i]->kind != YAML_MAP) {
            return err_set(err, ERR_INVALID,
                           "'%s' cannot be set: '%s' is not a map in the file",
                           change->key, change->segments[i - 1]);
        }
    }
    if (change->value == NULL
        && yaml_get(maps[change->len - 1], change->segments[change->len - 1]) == NULL) {
        return err_set(err, ERR_INVALID, "'%s' is not in the file", change->key);
    }
    struct yaml_node *value = change->value;
    for (size_t i = change->len; i > 0; i--) {
        shell_make(&change->shells[i - 1], maps[i - 1], change->segments[i - 1], value);
        struct yaml_node *map = &change->shells[i - 1].map;
        value = map->len > 0 ? map : NULL;
    }
    return ERR_OK;
}

/* ---- writing it back ---- */

/* Byte offset of the line (from 1), or the end. */
static size_t line_start(struct str text, uint32_t line)
{
    size_t at = 0;
    for (uint32_t i = 1; i < line && at < text.len; i++) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        at = end != NULL ? (size_t)(end - text.ptr) + 1 : text.len;
    }
    return at;
}

/* Blank lines and comments before `end` belong to what comes there. */
static size_t section_end(struct str text, size_t start, size_t end)
{
    for (;;) {
        size_t at = end;
        while (at > start && (at == end || text.ptr[at - 1] != '\n')) {
            at--;
        }
        bool aside =
            at > start && at < end && (text.ptr[at] == '#' || text.ptr[at] == '\n');
        if (!aside) {
            return end;
        }
        end = at;
    }
}

/* The text with the section replaced; it may be wrong where the file is unusual. */
static void splice(const struct change *change, struct str text, struct strbuf *out)
{
    const struct yaml_node *root = change->root;
    const struct yaml_node *now = &change->shells[0].map;
    size_t at = yaml_find(root, change->segments[0]);
    size_t place = yaml_find(now, change->segments[0]);
    size_t start = text.len;
    size_t end = text.len;
    if (at < root->len) {
        start = line_start(text, root->keys[at]->line);
        end =
            at + 1 < root->len ? line_start(text, root->keys[at + 1]->line) : text.len;
        end = section_end(text, start, end);
    }
    strbuf_add(out, text.ptr, start);
    if (start > 0 && text.ptr[start - 1] != '\n') {
        strbuf_addc(out, '\n');
    }
    if (place < now->len) {
        put_section(now->keys[place], now->items[place], out);
    }
    strbuf_add(out, text.ptr + end, text.len - end);
}

static bool says(const char *text, const struct yaml_node *root)
{
    struct yaml_node *AUTO_YAML parsed = NULL;
    return yaml_parse(text, strlen(text), "", &parsed, NULL) == ERR_OK
           && yaml_equal(parsed, root);
}

static void write_back(const struct change *change, struct str text, struct strbuf *out)
{
    const struct yaml_node *now = &change->shells[0].map;
    struct strbuf AUTO_STRBUF spliced = STRBUF_INIT(YAML_BYTES_MAX);
    splice(change, text, &spliced);
    if (!spliced.toobig && says(strbuf_cstr(&spliced), now)) {
        strbuf_adds(out, strbuf_cstr(&spliced));
        return;
    }
    for (size_t i = 0; i < now->len; i++) {
        put_section(now->keys[i], now->items[i], out);
    }
}

enum err_code spec_text_set(const char *text,
                            const char *source,
                            const char *key,
                            const char *value,
                            struct strbuf *out,
                            struct err *err)
{
    struct change change = { .source = source, .key = key };
    enum err_code code = split_key(&change, err);
    if (code == ERR_OK) {
        code = yaml_parse(text, strlen(text), source, &change.root, err);
    }
    if (code == ERR_OK && change.root->kind != YAML_MAP) {
        code = err_set(err, ERR_INVALID, "%s: not a map of keys", source);
    }
    if (code == ERR_OK && value != NULL) {
        code = yaml_parse(value, strlen(value), key, &change.value, err);
    }
    if (code == ERR_OK) {
        code = make_shells(&change, err);
    }
    if (code == ERR_OK) {
        write_back(&change, str_from(text), out);
    }
    change_fini(&change);
    return code;
}
