/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c – allocation that aborts, a non-aborting door for sizes from outside, arenas.
 * Owns the test hook that fails the n-th allocation. Knows malloc. Does not know
 * limits: callers check them. */
#include "base/mem.h"

#include "base/assert.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_ALIGN = 16,
    ARENA_BLOCK_BYTES = 4096,
};

/* Test hook; off while fail_at is 0, so ordinary runs only read it. */
static _Atomic uint64_t fail_at;
static _Atomic uint64_t fail_count;

void mem_fail_at(uint64_t n)
{
    atomic_store(&fail_count, 0);
    atomic_store(&fail_at, n);
}

uint64_t mem_alloc_count(void)
{
    return atomic_load(&fail_count);
}

static bool must_fail(void)
{
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return at != 0 && atomic_fetch_add(&fail_count, 1) + 1 == at;
}

void *mem_try_alloc(size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    return calloc(1, size != 0 ? size : 1);
}

void *mem_alloc(size_t size)
{
    void *p = mem_try_alloc(size);
    bool out_of_memory = p == NULL;
    ASSERT(!out_of_memory);
    return p;
}

static size_t array_bytes(size_t n, size_t size)
{
    ASSERT(size == 0 || n <= SIZE_MAX / size);
    return n * size;
}

void *mem_alloc_array(size_t n, size_t size)
{
    return mem_alloc(array_bytes(n, size));
}

void *mem_realloc_array(void *p, size_t n, size_t size)
{
    size_t bytes = array_bytes(n, size);
    void *grown = must_fail() ? NULL : realloc(p, bytes != 0 ? bytes : 1);
    bool out_of_memory = grown == NULL;
    ASSERT(!out_of_memory);
    return grown;
}

void *mem_dup(const void *p, size_t n)
{
    void *copy = mem_alloc(n);
    if (n != 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

char *mem_strndup(const char *s, size_t n)
{
    ASSERT(n < SIZE_MAX);
    char *copy = mem_alloc(n + 1);
    if (n != 0) {
        memcpy(copy, s, n);
    }
    return copy;
}

char *mem_strdup(const char *s)
{
    return s == NULL ? NULL : mem_strndup(s, strlen(s));
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    char *text = mem_alloc((size_t)n + 1);
    va_start(args, fmt);
    n = vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    return text;
}

void mem_free(void *p)
{
    free(p);
}

void *mem_take(void *pp)
{
    /* memcpy, because the variable is of another pointer type than void *. */
    void *p = NULL;
    void *const null = NULL;
    memcpy(&p, pp, sizeof p);
    memcpy(pp, &null, sizeof null);
    return p;
}

void mem_cleanup(void *pp)
{
    mem_free(mem_take(pp));
}

/* ---- arena ---- */

struct arena_block {
    struct arena_block *next;
    size_t used; /* bytes of data used */
    size_t cap;  /* bytes of data */
    alignas(ARENA_ALIGN) unsigned char data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){ .limit_bytes = limit_bytes };
}

/* Takes a block that holds at least n bytes, within the limit; NULL if impossible. */
static struct arena_block *block_add(struct arena *arena, size_t n)
{
    size_t left = arena->limit_bytes - arena->used_bytes;
    if (left < sizeof(struct arena_block) || n > left - sizeof(struct arena_block)) {
        return NULL;
    }
    /* Blocks double with use, so n small allocations cost O(log n) calls of malloc. */
    size_t cap =
        arena->used_bytes > ARENA_BLOCK_BYTES ? arena->used_bytes : ARENA_BLOCK_BYTES;
    if (cap > left - sizeof(struct arena_block)) {
        cap = left - sizeof(struct arena_block);
    }
    if (cap < n) {
        cap = n;
    }
    struct arena_block *block = mem_try_alloc(sizeof *block + cap);
    if (block == NULL) {
        return NULL;
    }
    block->cap = cap;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used_bytes += sizeof *block + cap;
    return block;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    ASSERT(arena->used_bytes <= arena->limit_bytes);
    if (n > SIZE_MAX - ARENA_ALIGN) {
        return NULL;
    }
    size_t rounded = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    struct arena_block *block = arena->blocks;
    if (block == NULL || rounded > block->cap - block->used) {
        block = block_add(arena, rounded);
        if (block == NULL) {
            return NULL;
        }
    }
    void *p = block->data + block->used;
    block->used += rounded;
    return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc(arena, n + 1) : NULL;
    if (copy != NULL && n != 0) {
        memcpy(copy, s, n);
    }
    return copy;
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        mem_free(arena->blocks);
        arena->blocks = next;
    }
    arena->used_bytes = 0;
}

void arena_fini(struct arena *arena)
{
    if (arena != NULL) {
        arena_reset(arena);
    }
}
