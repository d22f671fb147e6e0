/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.c – regular expressions with bounded backtracking.
 * Owns the compiled PCRE2 code and its match data. Knows PCRE2 (only file that does).
 * Does not know what the groups mean. No JIT: it ignores the depth and heap limits. */
#include "base/pattern.h"

#include "base/assert.h"
#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <string.h>

struct group {
    uint32_t number;  /* of the capture */
    const char *name; /* borrowed from the compiled code */
};

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    struct group groups[PATTERN_GROUPS_MAX]; /* by number */
    size_t groups_len;
};

/* A string PCRE2 hands out as unsigned bytes. */
static const char *chars(PCRE2_SPTR bytes)
{
    return (const char *)bytes;
}

static enum err_code compile(struct str text, pcre2_code **out, struct err *err)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)(text.len > 0 ? text.ptr : ""), text.len,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &error, &offset, NULL);
    if (code == NULL) {
        PCRE2_UCHAR reason[128] = { 0 };
        pcre2_get_error_message(error, reason, sizeof reason);
        return err_set(err, ERR_INVALID, "column %zu: %s", (size_t)offset + 1,
                       chars(reason));
    }
    *out = code;
    return ERR_OK;
}

static void insert_group(struct pattern *pattern, struct group group)
{
    size_t at = pattern->groups_len++;
    while (at > 0 && pattern->groups[at - 1].number > group.number) {
        pattern->groups[at] = pattern->groups[at - 1];
        at--;
    }
    pattern->groups[at] = group;
}

/* Reads PCRE2's name table: entries of a fixed size, each a two-byte number and a name.
 */
static enum err_code read_groups(struct pattern *pattern, struct err *err)
{
    uint32_t count = 0;
    uint32_t entry_size = 0;
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
    if (count > PATTERN_GROUPS_MAX) {
        return err_set(err, ERR_TOOBIG, "%u named groups, at most %d are allowed",
                       (unsigned)count, PATTERN_GROUPS_MAX);
    }
    if (count == 0) {
        return ERR_OK;
    }
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
    ASSERT(table != NULL);
    for (uint32_t i = 0; i < count; i++) {
        PCRE2_SPTR entry = table + (size_t)i * entry_size;
        uint32_t number = (uint32_t)entry[0] << 8 | entry[1];
        insert_group(pattern, (struct group){ number, chars(entry + 2) });
    }
    return ERR_OK;
}

enum err_code pattern_create(struct str text, struct pattern **out, struct err *err)
{
    if (text.len > PATTERN_BYTES_MAX) {
        return err_set(err, ERR_TOOBIG, "pattern of %zu bytes, at most %d are allowed",
                       text.len, PATTERN_BYTES_MAX);
    }
    pcre2_code *compiled = NULL;
    enum err_code code = compile(text, &compiled, err);
    if (code != ERR_OK) {
        return code;
    }
    struct pattern *pattern = mem_alloc(sizeof *pattern);
    pattern->code = compiled;
    code = read_groups(pattern, err);
    if (code != ERR_OK) {
        goto fail;
    }
    pattern->match = pcre2_match_data_create_from_pattern(compiled, NULL);
    pattern->context = pcre2_match_context_create(NULL);
    if (pattern->match == NULL || pattern->context == NULL) {
        code = err_set(err, ERR_NOMEM, "out of memory for a pattern");
        goto fail;
    }
    pcre2_set_match_limit(pattern->context, PATTERN_MATCH_LIMIT);
    pcre2_set_depth_limit(pattern->context, PATTERN_DEPTH_LIMIT);
    pcre2_set_heap_limit(pattern->context, PATTERN_HEAP_LIMIT_KIB);
    *out = pattern;
    return ERR_OK;
fail:
    pattern_destroy(pattern);
    return code;
}

void pattern_destroy(struct pattern *pattern)
{
    if (pattern != NULL) {
        pcre2_match_context_free(pattern->context);
        pcre2_match_data_free(pattern->match);
        pcre2_code_free(pattern->code);
        mem_free(pattern);
    }
}

size_t pattern_groups_len(const struct pattern *pattern)
{
    return pattern->groups_len;
}

const char *pattern_group_name(const struct pattern *pattern, size_t index)
{
    ASSERT(index < pattern->groups_len);
    return pattern->groups[index].name;
}

/* Where to search next: behind the match, and at least one character behind `start`. */
static size_t next_from(struct str subject, size_t start, size_t end)
{
    if (end > start) {
        return end;
    }
    end = start + 1;
    while (end < subject.len && ((unsigned char)subject.ptr[end] & 0xC0U) == 0x80U) {
        end++;
    }
    return end;
}

enum err_code pattern_match(struct pattern *pattern,
                            struct str subject,
                            size_t from,
                            struct pattern_match *match_out)
{
    if (from > subject.len) {
        return ERR_NOTFOUND;
    }
    const char *text = subject.len > 0 ? subject.ptr : "";
    int n = pcre2_match(pattern->code, (PCRE2_SPTR)text, subject.len, from, 0,
                        pattern->match, pattern->context);
    if (n == PCRE2_ERROR_NOMATCH) {
        return ERR_NOTFOUND;
    }
    if (n < 0) {
        return ERR_TOOBIG;
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(pattern->match);
    size_t start = at[0] < at[1] ? at[0] : at[1]; /* \K can move the start behind */
    match_out->whole = str_sub(subject, start, at[1] - start);
    match_out->end = next_from(subject, start, at[1]);
    for (size_t i = 0; i < pattern->groups_len; i++) {
        size_t number = pattern->groups[i].number;
        bool set = number < (size_t)n && at[2 * number] != PCRE2_UNSET;
        match_out->groups[i] =
            set ? str_sub(subject, at[2 * number], at[2 * number + 1] - at[2 * number])
                : (struct str){ NULL, 0 };
    }
    return ERR_OK;
}
