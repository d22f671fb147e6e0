/* SPDX-License-Identifier: Apache-2.0 */
/* map.h – hash maps that iterate in insertion order, so that everything derived from an
 * iteration is deterministic. Values are pointers the map does not own; NULL is
 * allowed. A key set again keeps its place. Zeroed structs are valid empty maps. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/compiler.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry; /* see map.c */

/* Shared by both kinds; the fields are private. */
struct map_table {
    struct map_entry *entries; /* insertion order, with dead ones between */
    uint32_t *slots;           /* open addressing: 0 empty, else entry index + 1 */
    size_t entries_len;        /* used entries, dead ones included */
    size_t slots_cap;          /* power of two or 0 */
    size_t live;               /* keys present */
};

struct map_u64 {
    struct map_table table;
};
struct map_str {
    struct map_table table;
};

void map_u64_init(struct map_u64 *map);
void map_u64_fini(struct map_u64 *map);
size_t map_u64_len(const struct map_u64 *map);
bool map_u64_has(const struct map_u64 *map, uint64_t key);
/* The value, or NULL when absent. */
void *map_u64_get(const struct map_u64 *map, uint64_t key);
/* Stores the value; gives the one it replaces, or NULL. */
void *map_u64_set(struct map_u64 *map, uint64_t key, void *value);
/* Removes the key; gives its value, or NULL when absent. */
void *map_u64_del(struct map_u64 *map, uint64_t key);
/* Iteration: *pos starts at 0; false at the end. Deleting any key meanwhile is allowed,
 * inserting is not. key_out and value_out may be NULL. */
bool map_u64_next(const struct map_u64 *map,
                  size_t *pos,
                  uint64_t *key_out,
                  void **value_out);

/* Keys are copied into the map; they hold no NUL byte. */
void map_str_init(struct map_str *map);
void map_str_fini(struct map_str *map);
size_t map_str_len(const struct map_str *map);
bool map_str_has(const struct map_str *map, struct str key);
void *map_str_get(const struct map_str *map, struct str key);
void *map_str_set(struct map_str *map, struct str key, void *value);
void *map_str_del(struct map_str *map, struct str key);
/* *key_out is NUL-terminated and borrowed from the map. */
bool map_str_next(const struct map_str *map,
                  size_t *pos,
                  const char **key_out,
                  void **value_out);

#endif
