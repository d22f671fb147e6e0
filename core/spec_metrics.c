/* SPDX-License-Identifier: Apache-2.0 */
/* spec_metrics.c – `metrics` and `tags` of a sweep file.
 * Owns nothing. Knows the kinds of metric sources; compiles patterns to check them.
 * Does not match lines. */
#include "core/spec_sections.h"

#include "base/mem.h"
#include "base/pattern.h"
#include "base/vec.h"
#include "core/metric_presets.h"

#include <string.h>

/* ---- metrics ---- */

static enum err_code check_pattern(const struct spec_reader *r,
                                   const struct yaml_node *node)
{
    struct pattern *pattern = NULL;
    struct err problem = { 0 };
    if (pattern_create(str_from_n(node->text, node->text_len), &pattern, &problem)
        != ERR_OK) {
        return spec_fail(r, node, "the pattern is wrong: %s", problem.msg);
    }
    size_t metrics = 0;
    for (size_t i = 0; i < pattern_groups_len(pattern); i++) {
        metrics += strcmp(pattern_group_name(pattern, i), "step") != 0;
    }
    pattern_destroy(pattern);
    if (metrics == 0) {
        return spec_fail(r, node,
                         "the pattern needs a named group for a metric, such "
                         "as (?<accuracy>[0-9.]+)");
    }
    return ERR_OK;
}

static enum err_code read_pattern(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  struct metric_source *source)
{
    const struct yaml_node *pattern = yaml_get(node, "pattern");
    const char *text = NULL;
    enum err_code code = spec_text(r, pattern, "metrics.pattern", &text);
    if (code == ERR_OK) {
        code = check_pattern(r, pattern);
    }
    if (code != ERR_OK) {
        return code;
    }
    source->kind = METRIC_PATTERN;
    source->text = mem_strdup(text);
    const struct yaml_node *scale = yaml_get(node, "scale");
    if (scale != NULL) {
        code = spec_f64(r, scale, "metrics.scale", &source->scale);
        if (code == ERR_OK && source->scale == 0.0) {
            return spec_fail(r, scale, "'metrics.scale' must not be 0");
        }
    }
    return code;
}

static enum err_code read_preset(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 struct metric_source *source)
{
    const struct yaml_node *preset = yaml_get(node, "preset");
    const char *text = NULL;
    enum err_code code = spec_text(r, preset, "metrics.preset", &text);
    if (code != ERR_OK) {
        return code;
    }
    if (metric_preset_find(text) == NULL) {
        AUTO_VEC VEC(const char *) known = { 0 };
        for (size_t i = 0; i < metric_presets_len; i++) {
            vec_push(&known, metric_presets[i].name);
        }
        return spec_unknown(r, preset, "preset", known.ptr, known.len);
    }
    source->kind = METRIC_PRESET;
    source->text = mem_strdup(text);
    return ERR_OK;
}

static enum err_code read_source(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 struct metric_source *source)
{
    static const char *const words[] = { "output" };
    static const char *const pattern_keys[] = { "pattern", "scale" };
    static const char *const preset_keys[] = { "preset" };
    static const char *const keys[] = { "pattern", "preset", "scale" };
    size_t which = 0;
    *source = (struct metric_source){ .kind = METRIC_OUTPUT, .scale = 1.0 };
    if (node->kind == YAML_SCALAR) {
        return spec_word(r, node, "metrics", words, ARRAY_LEN(words), &which);
    }
    enum err_code code = spec_known_keys(r, node, "metrics", keys, ARRAY_LEN(keys));
    bool pattern = yaml_get(node, "pattern") != NULL;
    bool preset = yaml_get(node, "preset") != NULL;
    if (code == ERR_OK && pattern == preset) {
        return spec_fail(r, node,
                         "an item of 'metrics' is output, {pattern: …} or "
                         "{preset: …}");
    }
    if (code != ERR_OK) {
        return code;
    }
    code =
        pattern
            ? spec_known_keys(r, node, "metrics", pattern_keys, ARRAY_LEN(pattern_keys))
            : spec_known_keys(r, node, "metrics", preset_keys, ARRAY_LEN(preset_keys));
    if (code != ERR_OK) {
        return code;
    }
    return pattern ? read_pattern(r, node, source) : read_preset(r, node, source);
}

enum err_code spec_read_metrics(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct sweep_spec *spec)
{
    if (node == NULL) {
        spec->metrics = mem_alloc_array(1, sizeof *spec->metrics);
        spec->metrics[0] =
            (struct metric_source){ .kind = METRIC_OUTPUT, .scale = 1.0 };
        spec->metrics_len = 1;
        return ERR_OK;
    }
    enum err_code code = spec_list(r, node, "metrics", METRIC_PATTERNS_MAX);
    if (code != ERR_OK) {
        return code;
    }
    if (node->len == 0) {
        return spec_fail(r, node, "'metrics' is empty, so no trial could have a value");
    }
    spec->metrics = mem_alloc_array(node->len, sizeof *spec->metrics);
    for (size_t i = 0; i < node->len && code == ERR_OK; i++) {
        spec->metrics_len = i + 1;
        code = read_source(r, node->items[i], &spec->metrics[i]);
    }
    return code;
}

/* ---- tags ---- */

enum err_code spec_read_tags(const struct spec_reader *r,
                             const struct yaml_node *node,
                             struct sweep_spec *spec)
{
    if (node == NULL) {
        return ERR_OK;
    }
    if (node->kind != YAML_MAP) {
        return spec_fail(r, node, "'tags' must be a map of key: value");
    }
    if (node->len > TAGS_MAX) {
        return spec_fail(r, node, "more than %d tags", TAGS_MAX);
    }
    spec->tags = mem_alloc_array(node->len, sizeof *spec->tags);
    for (size_t i = 0; i < node->len; i++) {
        const struct yaml_node *key = node->keys[i];
        const char *value = NULL;
        enum err_code code = spec_text(r, node->items[i], key->text, &value);
        if (code != ERR_OK) {
            return code;
        }
        if (key->text_len == 0 || key->text_len > METRIC_NAME_BYTES_MAX
            || node->items[i]->text_len > TAG_VALUE_BYTES_MAX) {
            return spec_fail(r, key,
                             "a tag has a key of 1 to %d bytes and a value of "
                             "at most %d",
                             METRIC_NAME_BYTES_MAX, TAG_VALUE_BYTES_MAX);
        }
        spec->tags[i] = (struct tag){ mem_strdup(key->text), mem_strdup(value) };
        spec->tags_len = i + 1;
    }
    return ERR_OK;
}
