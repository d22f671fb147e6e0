/* SPDX-License-Identifier: Apache-2.0 */
/* metric_line.c – finds metric points in a line of text.
 *
 * Owns: the grammar of metric lines, the choice of the step, counts and limits of
 * names. Knows: patterns and presets of a sweep file. Does not know: where lines come
 * from, where points go.
 *
 * Most lines hold no metric, so a line is first searched for '=' and ':' (memchr); only
 * what stands around one is looked at closely. When several sources find the same name
 * on one line, the first source of the file wins. */
#include "agent/metric_line.h"

#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/num.h"
#include "base/pattern.h"
#include "core/metric_presets.h"
#include "core/sweep_spec.h"

/* Distinct refused names that are told apart; more are not counted. */
#define REFUSED_NAMES_MAX 10000u

struct rule {
    enum metric_source_kind kind;
    struct pattern *pattern; /* of a pattern; or the preset's `line` */
    struct pattern *pair;    /* preset */
    double scale;
};

struct metric_rules {
    size_t len;
    struct rule rules[];
};

/* A name of an attempt; points refer to `text`. */
struct name_entry {
    uint64_t count; /* points so far */
    char text[];
};

struct metric_names {
    struct map_str entries;
    struct map_str refused;
};

/* The line being looked at. */
struct line_scan {
    struct metric_names *names;
    struct metric_points *points;
    size_t first;        /* of this line in points */
    size_t source_first; /* of the running source */
    int64_t time_ms;
    size_t step_rank; /* of the best step name found so far; STEP_NONE: none */
    int64_t step;
};

static const char *const step_names[] = { "step", "epoch", "iter", "iteration",
                                          "round" };
#define STEP_NONE ARRAY_LEN(step_names)

/* ---- names ------------------------------------------------------------------------
 */

struct metric_names *metric_names_create(void)
{
    return mem_alloc(sizeof(struct metric_names));
}

void metric_names_destroy(struct metric_names *names)
{
    if (names == NULL) {
        return;
    }
    size_t pos = 0;
    void *value = NULL;
    while (map_str_next(&names->entries, &pos, NULL, &value)) {
        mem_free(value);
    }
    map_str_fini(&names->entries);
    map_str_fini(&names->refused);
    mem_free(names);
}

uint64_t metric_names_refused(const struct metric_names *names)
{
    return map_str_len(&names->refused);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool metric_name_is_valid(struct str name)
{
    if (name.len == 0 || name.len > METRIC_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '\0' || (!is_alnum(c) && strchr("_./-@: ", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static struct name_entry *names_intern(struct metric_names *names, struct str name)
{
    struct name_entry *entry = map_str_get(&names->entries, name);
    if (entry != NULL) {
        return entry;
    }
    if (map_str_len(&names->entries) >= METRIC_NAMES_PER_ATTEMPT_MAX) {
        if (map_str_len(&names->refused) < REFUSED_NAMES_MAX) {
            map_str_set(&names->refused, name, NULL);
        }
        return NULL;
    }
    ASSERT(name.ptr != NULL);
    entry = mem_alloc(sizeof *entry + name.len + 1);
    memcpy(entry->text, name.ptr, name.len);
    map_str_set(&names->entries, name, entry);
    return entry;
}

static struct name_entry *entry_of(const struct agent_point *point)
{
    /* Points are given out read-only, but the entry is ours. */
    const char *base = point->name - offsetof(struct name_entry, text);
    struct name_entry *entry = NULL;
    memcpy(&entry, &base, sizeof(void *));
    return entry;
}

bool metric_names_point(struct metric_names *names,
                        struct str name,
                        const int64_t *step,
                        struct agent_point *point_out)
{
    struct name_entry *entry = names_intern(names, name);
    if (entry == NULL) {
        return false;
    }
    point_out->name = entry->text;
    point_out->step = step != NULL ? *step : (int64_t)entry->count;
    entry->count++;
    return true;
}

/* ---- points of a line -------------------------------------------------------------
 */

static bool eq_nocase(struct str text, const char *word)
{
    size_t i = 0;
    for (; i < text.len && word[i] != '\0'; i++) {
        char c = text.ptr[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        if (c != word[i]) {
            return false;
        }
    }
    return i == text.len && word[i] == '\0';
}

/* An earlier source of this line gave this name already. */
static bool scan_has(const struct line_scan *scan, struct str name)
{
    for (size_t i = scan->first; i < scan->source_first; i++) {
        if (str_eq_c(name, scan->points->items.ptr[i].name)) {
            return true;
        }
    }
    return false;
}

/* The step of the new point is settled at the end of its source. */
static void scan_point(struct line_scan *scan, struct str name, double value)
{
    if (!metric_name_is_valid(name) || scan_has(scan, name)) {
        return;
    }
    struct name_entry *entry = names_intern(scan->names, name);
    if (entry != NULL) {
        struct agent_point point = { .name = entry->text,
                                     .time_ms = scan->time_ms,
                                     .value = value };
        vec_push(&scan->points->items, point);
    }
}

/* A name and its number: the step, or a point. */
static void scan_pair(struct line_scan *scan, struct str name, double value)
{
    int64_t step = 0;
    for (size_t rank = 0; rank < STEP_NONE; rank++) {
        if (eq_nocase(name, step_names[rank]) && i64_from_f64(value, &step) == ERR_OK) {
            if (rank < scan->step_rank) {
                scan->step_rank = rank;
                scan->step = step;
            }
            return;
        }
    }
    scan_point(scan, name, value);
}

/* Gives the points since `from` their steps. */
static void scan_settle(struct line_scan *scan, size_t from)
{
    for (size_t i = from; i < scan->points->items.len; i++) {
        struct agent_point *point = &scan->points->items.ptr[i];
        struct name_entry *entry = entry_of(point);
        point->step = scan->step_rank < STEP_NONE ? scan->step : (int64_t)entry->count;
        entry->count++;
    }
    scan->step_rank = STEP_NONE;
}

/* ---- NAME=NUMBER and NAME: NUMBER -------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name_first(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(char c)
{
    return is_alnum(c) || c == '_' || c == '.' || c == '/' || c == '-';
}

/* The name that ends before `sep`; empty when what stands there is none. */
static struct str name_before(struct str line, size_t sep)
{
    size_t start = sep;
    while (start > 0 && is_name_char(line.ptr[start - 1])) {
        start--;
    }
    bool whole =
        start == 0 || is_blank(line.ptr[start - 1]) || line.ptr[start - 1] == ',';
    if (!whole || start == sep || !is_name_first(line.ptr[start])) {
        return (struct str){ 0 };
    }
    return str_sub(line, start, sep - start);
}

/* The number that begins at `from`; *end_out is the byte behind it. */
static bool number_at(struct str line, size_t from, double *value_out, size_t *end_out)
{
    size_t end = from;
    while (end < line.len && !is_blank(line.ptr[end]) && line.ptr[end] != ','
           && line.ptr[end] != '%') {
        end++;
        if (end - from > 64) {
            return false;
        }
    }
    *end_out = end;
    enum err_code code = num_parse_f64_ext(str_sub(line, from, end - from), value_out);
    return code == ERR_OK;
}

static size_t find_from(struct str line, char c, size_t from)
{
    if (from >= line.len) {
        return line.len;
    }
    const char *at = memchr(line.ptr + from, c, line.len - from);
    return at != NULL ? (size_t)(at - line.ptr) : line.len;
}

static void scan_tokens(struct line_scan *scan, struct str line)
{
    size_t equals = find_from(line, '=', 0);
    size_t colon = find_from(line, ':', 0);
    while (equals < line.len || colon < line.len) {
        size_t sep = equals < colon ? equals : colon;
        size_t number = sep + 1;
        bool fits = true;
        if (sep == colon) {
            while (number < line.len && is_blank(line.ptr[number])) {
                number++;
            }
            fits = number > sep + 1;
        }
        struct str name = fits ? name_before(line, sep) : (struct str){ 0 };
        size_t next = sep + 1;
        double value = 0;
        if (name.len > 0 && number_at(line, number, &value, &next)) {
            scan_pair(scan, name, value);
        } else {
            next = sep + 1;
        }
        equals = equals < next ? find_from(line, '=', next) : equals;
        colon = colon < next ? find_from(line, ':', next) : colon;
    }
}

/* ---- a JSON object on a line ------------------------------------------------------
 */

struct json_scan {
    struct str text;
    size_t at;
};

static void json_blanks(struct json_scan *json)
{
    while (json->at < json->text.len && is_blank(json->text.ptr[json->at])) {
        json->at++;
    }
}

static bool json_take(struct json_scan *json, char c)
{
    json_blanks(json);
    if (json->at < json->text.len && json->text.ptr[json->at] == c) {
        json->at++;
        return true;
    }
    return false;
}

/* A string without its quotes; one with escapes cannot be a metric's name and comes out
 * with its backslashes, which the check of names refuses. */
static bool json_string(struct json_scan *json, struct str *out)
{
    if (!json_take(json, '"')) {
        return false;
    }
    size_t start = json->at;
    while (json->at < json->text.len && json->text.ptr[json->at] != '"') {
        json->at += json->text.ptr[json->at] == '\\' ? 2 : 1;
    }
    if (json->at >= json->text.len) {
        return false;
    }
    *out = str_sub(json->text, start, json->at - start);
    json->at++;
    return true;
}

/* Passes over an array or object. */
static bool json_skip_nested(struct json_scan *json)
{
    size_t depth = 0;
    while (json->at < json->text.len) {
        char c = json->text.ptr[json->at];
        struct str ignored;
        if (c == '"') {
            if (!json_string(json, &ignored)) {
                return false;
            }
            continue;
        }
        json->at++;
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return true;
        }
    }
    return false;
}

static bool is_word_end(char c)
{
    return c == ',' || c == '}' || c == ']' || is_blank(c);
}

/* A bare word: number, NaN, Infinity, true, false, null. */
static bool json_word(struct json_scan *json, struct str *out)
{
    size_t start = json->at;
    while (json->at < json->text.len && !is_word_end(json->text.ptr[json->at])) {
        json->at++;
    }
    *out = str_sub(json->text, start, json->at - start);
    return out->len > 0;
}

/* The value of a key; *is_number_out says whether it counts. */
static bool json_value(struct json_scan *json, bool *is_number_out, double *value_out)
{
    json_blanks(json);
    *is_number_out = false;
    if (json->at >= json->text.len) {
        return false;
    }
    char c = json->text.ptr[json->at];
    struct str word;
    if (c == '"') {
        return json_string(json, &word);
    }
    if (c == '{' || c == '[') {
        return json_skip_nested(json);
    }
    if (!json_word(json, &word)) {
        return false;
    }
    *is_number_out = num_parse_f64_ext(word, value_out) == ERR_OK;
    return *is_number_out || str_eq_c(word, "true") || str_eq_c(word, "false")
           || str_eq_c(word, "null");
}

/* False when the text is no object; what was found before the fault stays. */
static bool scan_json(struct line_scan *scan, struct str line)
{
    struct json_scan json = { .text = line };
    if (!json_take(&json, '{')) {
        return false;
    }
    do {
        struct str key;
        double value = 0;
        bool is_number = false;
        if (!json_string(&json, &key) || !json_take(&json, ':')
            || !json_value(&json, &is_number, &value)) {
            return false;
        }
        if (is_number) {
            scan_pair(scan, key, value);
        }
    } while (json_take(&json, ','));
    return json_take(&json, '}');
}

static void scan_output(struct line_scan *scan, struct str line)
{
    size_t from = scan->points->items.len;
    struct str text = str_trim(line);
    if (text.len > 0 && text.ptr[0] == '{') {
        if (!scan_json(scan, text)) {
            scan->points->items.len = from;
        }
    } else {
        scan_tokens(scan, line);
    }
    scan_settle(scan, from);
}

/* ---- patterns and presets ---------------------------------------------------------
 */

/* The points of one match of a sweep's own pattern: each group is a metric, `step` the
 * step. */
static void scan_match(struct line_scan *scan,
                       const struct rule *rule,
                       const struct pattern_match *match)
{
    size_t from = scan->points->items.len;
    for (size_t i = 0; i < pattern_groups_len(rule->pattern); i++) {
        struct str name = str_from(pattern_group_name(rule->pattern, i));
        double value = 0;
        if (match->groups[i].ptr == NULL
            || num_parse_f64_ext(match->groups[i], &value) != ERR_OK) {
            continue;
        }
        int64_t step = 0;
        if (str_eq_c(name, step_names[0])) {
            if (i64_from_f64(value, &step) == ERR_OK) {
                scan->step_rank = 0;
                scan->step = step;
            }
        } else {
            scan_point(scan, name, value * rule->scale);
        }
    }
    scan_settle(scan, from);
}

static void
scan_pattern(struct line_scan *scan, const struct rule *rule, struct str line)
{
    struct pattern_match match;
    size_t from = 0;
    while (from <= line.len
           && pattern_match(rule->pattern, line, from, &match) == ERR_OK) {
        scan_match(scan, rule, &match);
        from = match.end > from ? match.end : from + 1;
    }
}

/* The group of that name, or the empty view. */
static struct str group_of(const struct pattern *pattern,
                           const struct pattern_match *match,
                           const char *name)
{
    for (size_t i = 0; i < pattern_groups_len(pattern); i++) {
        if (strcmp(pattern_group_name(pattern, i), name) == 0) {
            return match->groups[i];
        }
    }
    return (struct str){ 0 };
}

static void
scan_preset(struct line_scan *scan, const struct rule *rule, struct str line)
{
    struct pattern_match match;
    if (pattern_match(rule->pattern, line, 0, &match) != ERR_OK) {
        return;
    }
    size_t first = scan->points->items.len;
    int64_t step = 0;
    if (num_parse_i64(group_of(rule->pattern, &match, "step"), &step) == ERR_OK) {
        scan->step_rank = 0;
        scan->step = step;
    }
    size_t from = match.end;
    while (from <= line.len
           && pattern_match(rule->pair, line, from, &match) == ERR_OK) {
        double value = 0;
        if (num_parse_f64_ext(group_of(rule->pair, &match, "value"), &value)
            == ERR_OK) {
            scan_point(scan, group_of(rule->pair, &match, "name"), value);
        }
        from = match.end > from ? match.end : from + 1;
    }
    scan_settle(scan, first);
}

/* ---- public -----------------------------------------------------------------------
 */

static void
scan_line(const struct metric_rules *rules, struct line_scan *scan, struct str line)
{
    scan->first = scan->points->items.len;
    for (size_t i = 0; i < rules->len; i++) {
        const struct rule *rule = &rules->rules[i];
        scan->source_first = scan->points->items.len;
        scan->step_rank = STEP_NONE;
        switch (rule->kind) {
        case METRIC_OUTPUT:
            scan_output(scan, line);
            break;
        case METRIC_PATTERN:
            scan_pattern(scan, rule, line);
            break;
        case METRIC_PRESET:
            scan_preset(scan, rule, line);
            break;
        case METRIC_SOURCE_NR:
            UNREACHABLE();
        }
    }
}

void metric_line(const struct metric_rules *rules,
                 struct metric_names *names,
                 struct str line,
                 int64_t time_ms,
                 struct metric_points *points)
{
    struct line_scan scan = { .names = names, .points = points, .time_ms = time_ms };
    struct str rest = line;
    struct str part;
    while (str_split_next(&rest, '\r', &part)) {
        if (part.len > 0) {
            scan_line(rules, &scan, part);
        }
    }
}

static enum err_code
rule_init(struct rule *rule, const struct metric_source *source, struct err *err)
{
    rule->kind = source->kind;
    rule->scale = source->scale;
    if (source->kind == METRIC_PATTERN) {
        return pattern_create(str_from(source->text), &rule->pattern, err);
    }
    if (source->kind == METRIC_PRESET) {
        const struct metric_preset *preset = metric_preset_find(source->text);
        if (preset == NULL) {
            return err_set(err, ERR_NOTFOUND, "no metric preset '%s'", source->text);
        }
        enum err_code code =
            pattern_create(str_from(preset->line), &rule->pattern, err);
        return code != ERR_OK
                   ? code
                   : pattern_create(str_from(preset->pair), &rule->pair, err);
    }
    return ERR_OK;
}

enum err_code metric_rules_create(const struct metric_source *sources,
                                  size_t len,
                                  struct metric_rules **rules_out,
                                  struct err *err)
{
    static const struct metric_source output = { .kind = METRIC_OUTPUT };
    if (len == 0) {
        sources = &output;
        len = 1;
    }
    struct metric_rules *rules =
        mem_alloc(sizeof *rules + len * sizeof rules->rules[0]);
    for (size_t i = 0; i < len; i++) {
        rules->len = i + 1;
        enum err_code code = rule_init(&rules->rules[i], &sources[i], err);
        if (code != ERR_OK) {
            metric_rules_destroy(rules);
            return code;
        }
    }
    *rules_out = rules;
    return ERR_OK;
}

void metric_rules_destroy(struct metric_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->len; i++) {
        pattern_destroy(rules->rules[i].pattern);
        pattern_destroy(rules->rules[i].pair);
    }
    mem_free(rules);
}
