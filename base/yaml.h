/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h – one YAML document as a tree with positions, in the YAML 1.2 core schema.
 * What surprises people is refused with its position: duplicate keys, anchors, aliases,
 * tags, several documents, keys that are not plain scalars, depth > YAML_DEPTH_MAX. */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yaml_kind {
    YAML_SCALAR,
    YAML_SEQ,
    YAML_MAP,
    YAML_KIND_NR
};

/* A node owns everything below it. Read-only for everyone but yaml.c. */
struct yaml_node {
    enum yaml_kind kind;
    uint32_t line;            /* 1-based */
    uint32_t col;             /* 1-based, in characters */
    bool quoted;              /* scalar in quotes or a block scalar: always a string */
    char *text;               /* scalar: NUL-terminated (no NUL inside), else NULL */
    size_t text_len;          /* bytes */
    struct yaml_node **items; /* sequence items, or the values of a map */
    struct yaml_node **keys;  /* map: scalars, parallel to items, in file order */
    size_t len;               /* number of items */
};

enum yaml_scalar_kind {
    YAML_NULL,  /* empty, null, Null, NULL, ~ */
    YAML_BOOL,  /* true, True, TRUE, false … */
    YAML_INT,   /* decimal, 0o7, 0x1F; fits int64_t */
    YAML_FLOAT, /* 1e-3, .5, .inf, .nan; also integers beyond int64_t */
    YAML_STR,
    YAML_SCALAR_KIND_NR
};

/* Parses a whole file. source_name stands in the errors: "sweep.yaml:3:5: …". The text
 * is UTF-8. An empty document is ERR_INVALID. *root_out is freed with yaml_free. */
enum err_code yaml_parse(const char *text,
                         size_t text_len,
                         const char *source_name,
                         struct yaml_node **root_out,
                         struct err *err) MUST_USE;
/* Frees a tree; NULL allowed. Not called yaml_free, because libyaml exports a function
 * of that name and would call ours. */
void yaml_node_free(struct yaml_node *root);
static inline void yaml_free(struct yaml_node *node)
{
    yaml_node_free(node);
}
void yaml_cleanup(struct yaml_node **node);
#define AUTO_YAML CLEANUP(yaml_cleanup)

/* "scalar", "list", "map". */
const char *yaml_kind_text(enum yaml_kind kind);
/* "null", "boolean", "integer", "number", "string". */
const char *yaml_scalar_kind_text(enum yaml_scalar_kind kind);

/* What a scalar node's text means. */
enum yaml_scalar_kind yaml_scalar_kind(const struct yaml_node *node);
/* ERR_INVALID when the node is not a scalar of that kind; f64 also takes integers. NaN
 * and infinities (".nan", "-.inf") are given as such. */
enum err_code yaml_as_i64(const struct yaml_node *node, int64_t *out) MUST_USE;
enum err_code yaml_as_f64(const struct yaml_node *node, double *out) MUST_USE;
enum err_code yaml_as_bool(const struct yaml_node *node, bool *out) MUST_USE;

/* Value of a key of a map, or NULL (also when node is not a map). */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);
/* Index of a key, or node->len. */
size_t yaml_find(const struct yaml_node *node, const char *key);

/* Equal in structure and meaning: map order is ignored, scalars compare by kind and
 * value, so 1e-3 equals 0.001. */
bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b);

/* err_set with "source:line:col: " before the message. */
enum err_code yaml_err(struct err *err,
                       const char *source_name,
                       const struct yaml_node *node,
                       const char *fmt,
                       ...) PRINTF_LIKE(4, 5);

#endif
