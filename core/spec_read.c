/* SPDX-License-Identifier: Apache-2.0 */
/* spec_read.c – typed reading of YAML nodes.
 * Owns nothing. Knows how the errors of a sweep file are worded. Does not know any key.
 */
#include "core/spec_read.h"

#include "base/assert.h"
#include "base/num.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    QUOTE_BYTES_MAX = 40,
    LIST_BYTES_MAX = 120
};

enum err_code spec_as_unsupported(const struct spec_reader *r, enum err_code code)
{
    UNUSED(code);
    if (r->err != NULL) {
        r->err->code = ERR_UNSUPPORTED;
    }
    return ERR_UNSUPPORTED;
}

/* ---- places inside a scalar ---- */

static size_t chars_len(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xC0U) != 0x80U;
    }
    return n;
}

/* What the file says from the node's first character to the end of that line. */
static struct str source_line(const struct spec_reader *r, const struct yaml_node *node)
{
    struct str rest = r->text;
    struct str line = { 0 };
    for (uint32_t i = 0; i < node->line; i++) {
        if (!str_split_next(&rest, '\n', &line)) {
            return (struct str){ 0 };
        }
    }
    size_t at = 0;
    for (uint32_t col = 1; col < node->col && at < line.len; col++) {
        at++;
        while (at < line.len && ((unsigned char)line.ptr[at] & 0xC0U) == 0x80U) {
            at++;
        }
    }
    return str_sub(line, at, SIZE_MAX);
}

enum err_code spec_fail_at(const struct spec_reader *r,
                           const struct yaml_node *node,
                           size_t offset,
                           const char *msg)
{
    ASSERT(node->kind == YAML_SCALAR && offset <= node->text_len);
    struct yaml_node place = { .line = node->line, .col = node->col };
    struct str line = source_line(r, node);
    uint32_t quote = 0;
    if (line.len > 0 && node->quoted && (line.ptr[0] == '"' || line.ptr[0] == '\'')) {
        quote = 1;
        line = str_sub(line, 1, SIZE_MAX);
    }
    /* Escapes, folding and block scalars make the text differ from the file. */
    if (str_starts(line, str_from_n(node->text, node->text_len))) {
        place.col += quote + (uint32_t)chars_len(str_from_n(node->text, offset));
    }
    return spec_fail(r, &place, "%s", msg);
}

const char *spec_describe(const struct yaml_node *node, char buf[SPEC_DESCRIBE_SIZE])
{
    int len = 0;
    if (node->kind != YAML_SCALAR) {
        len = snprintf(buf, SPEC_DESCRIBE_SIZE, "a %s", yaml_kind_text(node->kind));
    } else if (yaml_scalar_kind(node) == YAML_NULL) {
        len = snprintf(buf, SPEC_DESCRIBE_SIZE, "nothing");
    } else if (node->text_len > QUOTE_BYTES_MAX) {
        len = snprintf(buf, SPEC_DESCRIBE_SIZE, "'%.*s…'", QUOTE_BYTES_MAX, node->text);
    } else {
        len = snprintf(buf, SPEC_DESCRIBE_SIZE, "'%s'", node->text);
    }
    ASSERT(len > 0);
    return buf;
}

/* ---- words ---- */

/* The shortest useful advice: the nearest spelling, else what there is. */
static void advise(struct str name,
                   const char *const *candidates,
                   size_t candidates_len,
                   struct strbuf *out)
{
    const char *nearest = str_nearest(name, candidates, candidates_len);
    if (nearest != NULL) {
        strbuf_addf(out, ", did you mean '%s'?", nearest);
        return;
    }
    strbuf_adds(out, " (known: ");
    for (size_t i = 0; i < candidates_len; i++) {
        if (out->len > LIST_BYTES_MAX) {
            strbuf_adds(out, ", …");
            break;
        }
        strbuf_addf(out, "%s%s", i > 0 ? ", " : "", candidates[i]);
    }
    strbuf_addc(out, ')');
}

static enum err_code unknown_in(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct str place,
                                const char *const *candidates,
                                size_t candidates_len)
{
    char found[SPEC_DESCRIBE_SIZE];
    struct strbuf AUTO_STRBUF advice = STRBUF_INIT(ERR_MSG_SIZE);
    advise(str_from(node->text), candidates, candidates_len, &advice);
    return spec_fail(r, node, "unknown key %s in %.*s%s", spec_describe(node, found),
                     STR_ARG(place), strbuf_cstr(&advice));
}

enum err_code spec_unknown(const struct spec_reader *r,
                           const struct yaml_node *node,
                           const char *kind,
                           const char *const *candidates,
                           size_t candidates_len)
{
    char found[SPEC_DESCRIBE_SIZE];
    struct strbuf AUTO_STRBUF advice = STRBUF_INIT(ERR_MSG_SIZE);
    advise(str_from(node->text), candidates, candidates_len, &advice);
    return spec_fail(r, node, "unknown %s %s%s", kind, spec_describe(node, found),
                     strbuf_cstr(&advice));
}

static bool is_one_of(const char *text, const char *const *words, size_t words_len)
{
    for (size_t i = 0; i < words_len; i++) {
        if (strcmp(words[i], text) == 0) {
            return true;
        }
    }
    return false;
}

enum err_code spec_known_keys(const struct spec_reader *r,
                              const struct yaml_node *node,
                              const char *what,
                              const char *const *keys,
                              size_t keys_len)
{
    char found[SPEC_DESCRIBE_SIZE];
    struct strbuf AUTO_STRBUF place = STRBUF_INIT(ERR_MSG_SIZE);
    if (what != NULL) {
        strbuf_addf(&place, "'%s'", what);
    } else {
        strbuf_adds(&place, "the sweep file");
    }
    if (node->kind != YAML_MAP) {
        return spec_fail(r, node, "%s must be a map, not %s", strbuf_cstr(&place),
                         spec_describe(node, found));
    }
    for (size_t i = 0; i < node->len; i++) {
        if (!is_one_of(node->keys[i]->text, keys, keys_len)) {
            return unknown_in(r, node->keys[i], strbuf_str(&place), keys, keys_len);
        }
    }
    return ERR_OK;
}

enum err_code spec_list(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        size_t len_max)
{
    char found[SPEC_DESCRIBE_SIZE];
    if (node->kind != YAML_SEQ) {
        return spec_fail(r, node, "'%s' must be a list, not %s", what,
                         spec_describe(node, found));
    }
    if (node->len > len_max) {
        return spec_fail(r, node, "'%s' has %zu items, at most %zu are allowed", what,
                         node->len, len_max);
    }
    return ERR_OK;
}

static enum err_code expected(const struct spec_reader *r,
                              const struct yaml_node *node,
                              const char *what,
                              const char *wanted)
{
    char found[SPEC_DESCRIBE_SIZE];
    return spec_fail(r, node, "'%s' must be %s, not %s", what, wanted,
                     spec_describe(node, found));
}

enum err_code spec_text(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        const char **out)
{
    if (node->kind != YAML_SCALAR || yaml_scalar_kind(node) == YAML_NULL) {
        return expected(r, node, what, "a text");
    }
    *out = node->text;
    return ERR_OK;
}

enum err_code spec_word(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        const char *const *words,
                        size_t words_len,
                        size_t *out)
{
    const char *text = "";
    enum err_code code = spec_text(r, node, what, &text);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < words_len; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return ERR_OK;
        }
    }
    return spec_unknown(r, node, what, words, words_len);
}

/* ---- numbers ---- */

enum err_code spec_f64(const struct spec_reader *r,
                       const struct yaml_node *node,
                       const char *what,
                       double *out)
{
    double value = 0.0;
    if (yaml_as_f64(node, &value) != ERR_OK) {
        return expected(r, node, what, "a number");
    }
    if (!isfinite(value)) {
        return expected(r, node, what, "finite");
    }
    *out = value;
    return ERR_OK;
}

enum err_code spec_u32(const struct spec_reader *r,
                       const struct yaml_node *node,
                       const char *what,
                       uint32_t min,
                       uint32_t max,
                       uint32_t *out)
{
    int64_t value = 0;
    char wanted[64];
    if (yaml_as_i64(node, &value) != ERR_OK || value < min || value > max) {
        int len = snprintf(wanted, sizeof wanted,
                           "an integer from %" PRIu32 " to %" PRIu32, min, max);
        ASSERT(len > 0 && (size_t)len < sizeof wanted);
        return expected(r, node, what, wanted);
    }
    *out = (uint32_t)value;
    return ERR_OK;
}

enum err_code spec_bool(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        bool *out)
{
    return yaml_as_bool(node, out) == ERR_OK ? ERR_OK
                                             : expected(r, node, what, "true or false");
}

enum err_code spec_duration(const struct spec_reader *r,
                            const struct yaml_node *node,
                            const char *what,
                            int64_t *ms_out)
{
    int64_t ms = 0;
    if (node->kind != YAML_SCALAR
        || num_parse_duration_ms(str_from_n(node->text, node->text_len), &ms) != ERR_OK
        || ms <= 0) {
        return expected(r, node, what,
                        "a duration above 0 with its unit, such as 500ms, 10s, 30m, "
                        "12h or 2d");
    }
    *ms_out = ms;
    return ERR_OK;
}

enum err_code spec_value(const struct spec_reader *r,
                         const struct yaml_node *node,
                         const char *what,
                         struct value *out)
{
    struct value value = { .kind = VALUE_NONE };
    if (node->kind != YAML_SCALAR || yaml_scalar_kind(node) == YAML_NULL) {
        return expected(r, node, what, "a number, a string, true or false");
    }
    if (node->text_len > PARAM_VALUE_BYTES_MAX) {
        return spec_fail(r, node, "'%s' is longer than %d bytes", what,
                         PARAM_VALUE_BYTES_MAX);
    }
    if (yaml_as_i64(node, &value.as.integer) == ERR_OK) {
        value.kind = VALUE_INT;
    } else if (yaml_as_bool(node, &value.as.boolean) == ERR_OK) {
        value.kind = VALUE_BOOL;
    } else if (yaml_as_f64(node, &value.as.real) == ERR_OK) {
        value.kind = VALUE_FLOAT;
    } else {
        value.kind = VALUE_STR;
        value.as.str = node->text;
    }
    if (value.kind == VALUE_FLOAT && !isfinite(value.as.real)) {
        return expected(r, node, what, "finite");
    }
    *out = value;
    return ERR_OK;
}
