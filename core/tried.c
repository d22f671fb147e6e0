/* SPDX-License-Identifier: Apache-2.0 */
/* tried.c – a set of points.
 * Owns copies of the points. Knows when two are the same. Does not know trials beyond
 * their numbers. */
#include "core/tried.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void tried_init(struct tried *tried, size_t dims)
{
    *tried = (struct tried){ .dims = dims };
    map_u64_init(&tried->heads);
}

void tried_fini(struct tried *tried)
{
    map_u64_fini(&tried->heads);
    vec_fini(&tried->points);
    vec_fini(&tried->numbers);
    vec_fini(&tried->older);
}

/* One pattern of bits for each value: -0 and the many NaNs are put together. */
static uint64_t value_bits(double v)
{
    double plain = v == 0 || isnan(v) ? (isnan(v) ? (double)NAN : 0.0) : v;
    uint64_t bits = 0;
    memcpy(&bits, &plain, sizeof bits);
    return bits;
}

static bool same(const double *a, const double *b, size_t dims)
{
    for (size_t i = 0; i < dims; i++) {
        if (value_bits(a[i]) != value_bits(b[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t hash(const double *x, size_t dims)
{
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < dims; i++) {
        h = (h ^ value_bits(x[i])) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

static void add(struct tried *tried, const double *x, uint64_t number)
{
    uint64_t h = hash(x, tried->dims);
    size_t older = (size_t)(uintptr_t)map_u64_get(&tried->heads, h);
    for (size_t i = 0; i < tried->dims; i++) {
        vec_push(&tried->points, x[i]);
    }
    vec_push(&tried->numbers, number);
    vec_push(&tried->older, older);
    /* The map's values are numbers. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    map_u64_set(&tried->heads, h, (void *)(uintptr_t)tried->numbers.len);
}

void tried_add(struct tried *tried, const double *x, uint32_t trial)
{
    add(tried, x, (uint64_t)trial + 1);
}

void tried_add_prior(struct tried *tried, const double *x)
{
    add(tried, x, 0);
}

bool tried_has(const struct tried *tried, const double *x, uint32_t trial)
{
    size_t at = (size_t)(uintptr_t)map_u64_get(&tried->heads, hash(x, tried->dims));
    while (at != 0) {
        if (tried->numbers.ptr[at - 1] <= trial
            && same(tried->points.ptr + (at - 1) * tried->dims, x, tried->dims)) {
            return true;
        }
        at = tried->older.ptr[at - 1];
    }
    return false;
}
