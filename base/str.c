/* SPDX-License-Identifier: Apache-2.0 */
/* str.c – views of text: compare, cut, search, nearest spelling, hash.
 * Owns nothing. Knows ASCII. Does not know locales. The hash is part of stored sweeps
 * (it names rng streams): it must never change. */
#include "base/str.h"

#include "base/assert.h"
#include "base/limits.h"

#include <string.h>

struct str str_from(const char *s)
{
    return (struct str){ s, s != NULL ? strlen(s) : 0 };
}

struct str str_from_n(const char *s, size_t n)
{
    return (struct str){ s, n };
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_c(struct str a, const char *b)
{
    return str_eq(a, str_from(b));
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len
           && str_eq(str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    return s;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
    ASSERT(s.ptr != NULL || s.len == 0);
    if (from > s.len) {
        from = s.len;
    }
    if (n > s.len - from) {
        n = s.len - from;
    }
    return (struct str){ s.ptr != NULL ? s.ptr + from : NULL, n };
}

size_t str_chr(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
    return at == NULL ? s.len : (size_t)(at - s.ptr);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        if (memcmp(s.ptr + i, needle.ptr, needle.len) == 0) {
            return i;
        }
    }
    return s.len;
}

bool str_split_next(struct str *rest, char sep, struct str *part_out)
{
    if (rest->ptr == NULL) {
        return false;
    }
    size_t at = str_chr(*rest, sep);
    struct str part = str_sub(*rest, 0, at);
    if (at < rest->len) {
        *rest = str_sub(*rest, at + 1, rest->len);
    } else {
        *rest = (struct str){ NULL, 0 };
    }
    *part_out = part;
    return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

enum {
    DISTANCE_LEN_MAX = 256
};

size_t str_distance(struct str a, struct str b)
{
    /* Spellings are short; what is longer is compared by its beginning. */
    a = str_sub(a, 0, DISTANCE_LEN_MAX);
    b = str_sub(b, 0, DISTANCE_LEN_MAX);
    size_t rows[3][DISTANCE_LEN_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *above2 = rows[(i + 1) % 3]; /* i - 2, valid from i = 2 on */
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replace = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1] ? 1 : 0);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, replace);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2]
                && a.ptr[i - 2] == b.ptr[j - 1] && above2[j - 2] + 1 < row[j]) {
                row[j] = above2[j - 2] + 1;
            }
        }
    }
    return rows[a.len % 3][b.len];
}

const char *
str_nearest(struct str name, const char *const *candidates, size_t candidates_len)
{
    size_t best = name.len / 3 > 1 ? name.len / 3 : 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < candidates_len; i++) {
        struct str candidate = str_from(candidates[i]);
        size_t gap = candidate.len > name.len ? candidate.len - name.len
                                              : name.len - candidate.len;
        if (gap > best) {
            continue; /* the distance is at least the difference in length */
        }
        size_t distance = str_distance(name, candidate);
        if (distance < best || (distance == best && nearest == NULL)) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

uint64_t str_hash64(struct str s)
{
    /* FNV-1a, then the 64-bit finaliser of MurmurHash3 so that all bits depend on all
     * bytes (open addressing uses the low ones). */
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.len; i++) {
        h ^= (unsigned char)s.ptr[i];
        h *= UINT64_C(0x100000001b3);
    }
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return h;
}
