/* SPDX-License-Identifier: Apache-2.0 */
/* str.h – borrowed views of text, for parsing and comparing. A view owns nothing and
 * need not end in NUL. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;      /* bytes */
};

/* View of a string literal. */
#define STR_LIT(s) ((struct str){ .ptr = "" s, .len = sizeof(s) - 1 })
/* For "%.*s": two arguments. */
#define STR_ARG(s) ((int)(s).len), ((s).ptr != NULL ? (s).ptr : "")

/* View of a C string; NULL gives the empty view. */
struct str str_from(const char *s);
struct str str_from_n(const char *s, size_t n);
bool str_eq(struct str a, struct str b);
bool str_eq_c(struct str a, const char *b);
/* Bytewise order: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Without ASCII space, tab, CR, LF at both ends. */
struct str str_trim(struct str s);
/* Bytes [from, from + n) cut to what exists. */
struct str str_sub(struct str s, size_t from, size_t n);
/* Index of the first c, or s.len. */
size_t str_chr(struct str s, char c);
/* Index of the first occurrence of needle, or s.len if there is none. */
size_t str_find(struct str s, struct str needle);
/* Takes the part of *rest before the next sep; false when all parts were taken
 * (rest->ptr is NULL then). n separators make n + 1 parts: "a,,b" gives "a", "", "b";
 * "" gives "". */
bool str_split_next(struct str *rest, char sep, struct str *part_out);

/* Edit distance (optimal string alignment: insert, delete, replace, swap neighbours).
 */
size_t str_distance(struct str a, struct str b);
/* The candidate nearest to name, or NULL if none is within max(1, name.len / 3). Ties:
 * the earliest candidate. Borrowed from the array. */
const char *
str_nearest(struct str name, const char *const *candidates, size_t candidates_len);

/* 64-bit hash, the same on every machine and in every release (it names rng streams).
 */
uint64_t str_hash64(struct str s);

#endif
