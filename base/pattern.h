/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.h – regular expressions (PCRE2, UTF-8) with bounded backtracking. */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* A compiled pattern; use by one thread at a time. */
struct pattern;

/* Where the groups of one match lie; views into the subject. */
struct pattern_match {
    struct str whole;
    struct str groups[PATTERN_GROUPS_MAX]; /* by named-group index; ptr NULL: not set */
    size_t
        end; /* where to search next: behind the match, and always beyond its start */
};

/* Errors carry the offset: "column 7: missing closing parenthesis". At most
 * PATTERN_BYTES_MAX bytes and PATTERN_GROUPS_MAX named groups; a group name may be used
 * once. */
enum err_code
pattern_create(struct str text, struct pattern **out, struct err *err) MUST_USE;
/* NULL allowed. */
void pattern_destroy(struct pattern *pattern);

/* Named groups in order of their number. */
size_t pattern_groups_len(const struct pattern *pattern);
const char *pattern_group_name(const struct pattern *pattern, size_t index);

/* Searches from byte offset `from`. ERR_NOTFOUND: no match; ERR_TOOBIG: gave up at a
 * backtracking limit. Subjects that are not valid UTF-8 are matched all the same. */
enum err_code pattern_match(struct pattern *pattern,
                            struct str subject,
                            size_t from,
                            struct pattern_match *match_out) MUST_USE;

#endif
