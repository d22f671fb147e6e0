/* SPDX-License-Identifier: Apache-2.0 */
/* map.c – hash maps with insertion-order iteration.
 * Owns a table of entries in insertion order and an index into it by open addressing
 * (linear probing, at most half full). Knows hashing. Does not know what values are.
 * A deleted key leaves a dead entry and its slot in place; both go at the next rebuild,
 * which happens only on insertion, so that deleting while iterating is safe. */
#include "base/map.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

struct map_entry {
    uint64_t key; /* the key of a u64 map, the hash of a string map */
    char *name;   /* NULL: dead; owned key of a string map; u64_mark in a u64 map */
    void *value;
};

enum {
    SLOTS_MIN = 8
};

/* Never written: only its address matters, as "live" of a u64 map. */
static char u64_mark[1];

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    return x;
}

/* strncmp stops at the entry's NUL, so a shorter entry is not read past its end; keys
 * hold no NUL, so a prefix match that ends in NUL is equality. */
static bool
entry_matches(const struct map_entry *entry, uint64_t key, const struct str *name)
{
    if (entry->name == NULL || entry->key != key) {
        return false;
    }
    if (name == NULL) {
        return true;
    }
    return (name->len == 0 || strncmp(entry->name, name->ptr, name->len) == 0)
           && entry->name[name->len] == '\0';
}

/* Index of the entry, or SIZE_MAX. */
static size_t
table_find(const struct map_table *table, uint64_t key, const struct str *name)
{
    if (table->slots_cap == 0) {
        return SIZE_MAX;
    }
    size_t mask = table->slots_cap - 1;
    for (size_t at = (size_t)mix(key) & mask;; at = (at + 1) & mask) {
        uint32_t slot = table->slots[at];
        if (slot == 0) {
            return SIZE_MAX;
        }
        if (entry_matches(&table->entries[slot - 1], key, name)) {
            return slot - 1;
        }
    }
}

static void slot_put(struct map_table *table, uint64_t key, size_t index)
{
    size_t mask = table->slots_cap - 1;
    size_t at = (size_t)mix(key) & mask;
    while (table->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    table->slots[at] = (uint32_t)(index + 1);
}

/* Drops dead entries and sizes the index for the live ones to at most double. */
static void table_rebuild(struct map_table *table)
{
    size_t cap = SLOTS_MIN;
    while (cap < (table->live + 1) * 4) {
        cap *= 2;
    }
    ASSERT(cap / 2 < UINT32_MAX);
    struct map_entry *entries = mem_alloc_array(cap / 2, sizeof *entries);
    uint32_t *slots = mem_alloc_array(cap, sizeof *slots);
    size_t n = 0;
    for (size_t i = 0; i < table->entries_len; i++) {
        if (table->entries[i].name != NULL) {
            entries[n++] = table->entries[i];
        }
    }
    ASSERT(n == table->live);
    mem_free(table->entries);
    mem_free(table->slots);
    table->entries = entries;
    table->entries_len = n;
    table->slots = slots;
    table->slots_cap = cap;
    for (size_t i = 0; i < n; i++) {
        slot_put(table, entries[i].key, i);
    }
}

/* Takes name. The key must be absent. */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is kept */
static void table_insert(struct map_table *table, uint64_t key, char *name, void *value)
{
    if (table->entries_len + 1 > table->slots_cap / 2) {
        table_rebuild(table);
    }
    size_t index = table->entries_len++;
    table->entries[index] = (struct map_entry){ key, name, value };
    slot_put(table, key, index);
    table->live++;
}

static void *table_replace(struct map_table *table, size_t index, void *value)
{
    void *old = table->entries[index].value;
    table->entries[index].value = value;
    return old;
}

static void *table_kill(struct map_table *table, size_t index)
{
    struct map_entry *entry = &table->entries[index];
    if (entry->name != u64_mark) {
        mem_free(entry->name);
    }
    void *old = entry->value;
    entry->name = NULL;
    entry->value = NULL;
    table->live--;
    return old;
}

static const struct map_entry *table_next(const struct map_table *table, size_t *pos)
{
    while (*pos < table->entries_len) {
        const struct map_entry *entry = &table->entries[(*pos)++];
        if (entry->name != NULL) {
            return entry;
        }
    }
    return NULL;
}

static void table_fini(struct map_table *table)
{
    for (size_t i = 0; i < table->entries_len; i++) {
        if (table->entries[i].name != u64_mark) {
            mem_free(table->entries[i].name);
        }
    }
    mem_free(table->entries);
    mem_free(table->slots);
    *table = (struct map_table){ 0 };
}

/* ---- u64 keys ---- */

void map_u64_init(struct map_u64 *map)
{
    *map = (struct map_u64){ 0 };
}

void map_u64_fini(struct map_u64 *map)
{
    if (map != NULL) {
        table_fini(&map->table);
    }
}

size_t map_u64_len(const struct map_u64 *map)
{
    return map->table.live;
}

bool map_u64_has(const struct map_u64 *map, uint64_t key)
{
    return table_find(&map->table, key, NULL) != SIZE_MAX;
}

void *map_u64_get(const struct map_u64 *map, uint64_t key)
{
    size_t index = table_find(&map->table, key, NULL);
    return index == SIZE_MAX ? NULL : map->table.entries[index].value;
}

void *map_u64_set(struct map_u64 *map, uint64_t key, void *value)
{
    size_t index = table_find(&map->table, key, NULL);
    if (index != SIZE_MAX) {
        return table_replace(&map->table, index, value);
    }
    table_insert(&map->table, key, u64_mark, value);
    return NULL;
}

void *map_u64_del(struct map_u64 *map, uint64_t key)
{
    size_t index = table_find(&map->table, key, NULL);
    return index == SIZE_MAX ? NULL : table_kill(&map->table, index);
}

bool map_u64_next(const struct map_u64 *map,
                  size_t *pos,
                  uint64_t *key_out,
                  void **value_out)
{
    const struct map_entry *entry = table_next(&map->table, pos);
    if (entry == NULL) {
        return false;
    }
    if (key_out != NULL) {
        *key_out = entry->key;
    }
    if (value_out != NULL) {
        *value_out = entry->value;
    }
    return true;
}

/* ---- string keys ---- */

void map_str_init(struct map_str *map)
{
    *map = (struct map_str){ 0 };
}

void map_str_fini(struct map_str *map)
{
    if (map != NULL) {
        table_fini(&map->table);
    }
}

size_t map_str_len(const struct map_str *map)
{
    return map->table.live;
}

bool map_str_has(const struct map_str *map, struct str key)
{
    return table_find(&map->table, str_hash64(key), &key) != SIZE_MAX;
}

void *map_str_get(const struct map_str *map, struct str key)
{
    size_t index = table_find(&map->table, str_hash64(key), &key);
    return index == SIZE_MAX ? NULL : map->table.entries[index].value;
}

void *map_str_set(struct map_str *map, struct str key, void *value)
{
    uint64_t hash = str_hash64(key);
    size_t index = table_find(&map->table, hash, &key);
    if (index != SIZE_MAX) {
        return table_replace(&map->table, index, value);
    }
    ASSERT(str_chr(key, '\0') == key.len);
    table_insert(&map->table, hash, mem_strndup(key.ptr, key.len), value);
    return NULL;
}

void *map_str_del(struct map_str *map, struct str key)
{
    size_t index = table_find(&map->table, str_hash64(key), &key);
    return index == SIZE_MAX ? NULL : table_kill(&map->table, index);
}

bool map_str_next(const struct map_str *map,
                  size_t *pos,
                  const char **key_out,
                  void **value_out)
{
    const struct map_entry *entry = table_next(&map->table, pos);
    if (entry == NULL) {
        return false;
    }
    if (key_out != NULL) {
        *key_out = entry->name;
    }
    if (value_out != NULL) {
        *value_out = entry->value;
    }
    return true;
}
