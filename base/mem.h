/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h – allocation. Plain functions abort when memory runs out (restart and replay is
 * the tested path); sizes that come from outside are checked against base/limits.h
 * first and use mem_try_alloc. All memory is freed with mem_free. Thread-safe. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory; never NULL, also for size 0. */
void *mem_alloc(size_t size) MUST_USE;
/* n * size zeroed bytes; aborts on overflow. */
void *mem_alloc_array(size_t n, size_t size) MUST_USE;
/* Grows or shrinks to n * size bytes; new bytes are NOT zeroed. p may be NULL. */
void *mem_realloc_array(void *p, size_t n, size_t size) MUST_USE;
/* Copy of n bytes. */
void *mem_dup(const void *p, size_t n) MUST_USE;
/* Copy of a string; NULL gives NULL. */
char *mem_strdup(const char *s) MUST_USE;
/* Copy of n bytes of s with a NUL behind. s may be NULL if n is 0. */
char *mem_strndup(const char *s, size_t n) MUST_USE;
/* Owned formatted string. */
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_USE;
/* NULL allowed. */
void mem_free(void *p);
/* Zeroed memory or NULL. For sizes from outside. */
void *mem_try_alloc(size_t size) MUST_USE;

/* Moves the pointer out of the variable at pp, which becomes NULL:
 * `*out = mem_take(&tmp)`. */
void *mem_take(void *pp) MUST_USE;
/* For CLEANUP: frees the pointer in the variable at pp. */
void mem_cleanup(void *pp);
/* Scoped owned pointer: `AUTO_FREE char *text = mem_printf(...)`. */
#define AUTO_FREE CLEANUP(mem_cleanup)

/* Tests only: the n-th allocation from now (1 = the next) fails: mem_try_alloc and
 * arena_alloc return NULL, the aborting functions reach ASSERT. 0 turns it off. */
void mem_fail_at(uint64_t n);
/* Tests only: allocations made since the last mem_fail_at. */
uint64_t mem_alloc_count(void);

/* ---- arena: many small allocations that die together ---- */

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used_bytes;          /* bytes taken from the allocator */
    size_t limit_bytes;         /* hard limit for used_bytes */
};

/* Nothing is allocated yet. */
void arena_init(struct arena *arena, size_t limit_bytes);
/* n zeroed bytes, 16-aligned, valid until reset; NULL when the limit (or memory) is
 * exhausted. n = 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t n) MUST_USE;
/* Copy of n bytes of s with a NUL behind, or NULL when exhausted. */
char *arena_strndup(struct arena *arena, const char *s, size_t n) MUST_USE;
/* Frees all allocations; the arena stays usable. */
void arena_reset(struct arena *arena);
/* As reset; NULL and zeroed structs are allowed. */
void arena_fini(struct arena *arena);
#define AUTO_ARENA CLEANUP(arena_fini)

#endif
