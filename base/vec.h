/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h – typed growable array: `VEC(struct point) points = { 0 };`. Growth aborts when
 * memory runs out; callers check outside counts first. Pointers into it die on growth.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/assert.h"
#include "base/mem.h"

#include <stddef.h>
#include <string.h>

#define VEC(type)                                                                      \
    struct {                                                                           \
        type *ptr;                                                                     \
        size_t len;                                                                    \
        size_t cap;                                                                    \
    }

/* Grows to hold at least `need` items; gives the (moved) memory. */
static inline void *vec_grow(void *ptr, size_t *cap, size_t need, size_t item_size)
{
    if (need <= *cap) {
        return ptr;
    }
    size_t cap_new = *cap < 4 ? 4 : *cap + *cap / 2;
    if (cap_new < need) {
        cap_new = need;
    }
    *cap = cap_new;
    return mem_realloc_array(ptr, cap_new, item_size);
}

static inline void vec_shift(void *ptr, size_t at, size_t len, size_t item_size)
{
    ASSERT(at < len);
    char *base = ptr;
    memmove(base + at * item_size, base + (at + 1) * item_size,
            (len - at - 1) * item_size);
}

/* Room for n items in all. */
#define vec_reserve(v, n)                                                              \
    ((void)((v)->ptr = vec_grow((v)->ptr, &(v)->cap, (n), sizeof *(v)->ptr)))
/* Appends; the item is evaluated once. */
#define vec_push(v, item)                                                              \
    ((v)->ptr = vec_grow((v)->ptr, &(v)->cap, (v)->len + 1, sizeof *(v)->ptr),         \
     (void)((v)->ptr[(v)->len++] = (item)))
/* Removes and gives the last item; must not be empty. */
#define vec_pop(v) (ASSERT((v)->len > 0), (v)->ptr[--(v)->len])
/* Removes item `at`, order kept. */
#define vec_remove_at(v, at)                                                           \
    (vec_shift((v)->ptr, (at), (v)->len, sizeof *(v)->ptr), (void)(v)->len--)
/* Empty, memory kept. */
#define vec_reset(v) ((void)((v)->len = 0))
/* Frees the array, not what its items own. */
#define vec_fini(v)                                                                    \
    (mem_free((v)->ptr), (v)->ptr = NULL, (v)->len = 0, (void)((v)->cap = 0))
/* Scoped array whose items own nothing (relies on `ptr` being the first member). Stands
 * before the type: `AUTO_VEC VEC(int) v = { 0 };`. */
#define AUTO_VEC CLEANUP(mem_cleanup)

#endif
