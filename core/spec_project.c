/* SPDX-License-Identifier: Apache-2.0 */
/* spec_project.c – `project` of a sweep file.
 * Owns nothing. Knows its keys. Does not know MLproject files (mlproject.c) or folders.
 */
#include "core/spec_sections.h"

#include "base/mem.h"

static enum err_code replace_text(const struct spec_reader *r,
                                  const struct yaml_node *node,
                                  const char *what,
                                  size_t len_max,
                                  char **text)
{
    const char *given = NULL;
    if (node == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_text(r, node, what, &given);
    if (code != ERR_OK) {
        return code;
    }
    if (node->text_len == 0 || node->text_len > len_max) {
        return spec_fail(r, node, "'%s' must have 1 to %zu bytes", what, len_max);
    }
    mem_free(*text);
    *text = mem_strdup(given);
    return ERR_OK;
}

enum err_code spec_read_project(const struct spec_reader *r,
                                const struct yaml_node *node,
                                struct project *project)
{
    static const char *const keys[] = { "path", "entry",  "copy",   "git",
                                        "rev",  "subdir", "archive" };
    project->path = mem_strdup(".");
    project->entry = mem_strdup(SPEC_ENTRY_DEFAULT);
    project->copy = false;
    if (node == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_known_keys(r, node, "project", keys, ARRAY_LEN(keys));
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 3; i < ARRAY_LEN(keys); i++) {
        size_t at = yaml_find(node, keys[i]);
        if (at < node->len) {
            return spec_unsupported(r, node->keys[at],
                                    "'project.%s' is not available yet, projects from "
                                    "git and archives come with packaging; use "
                                    "'project.path'",
                                    keys[i]);
        }
    }
    code = replace_text(r, yaml_get(node, "path"), "project.path", PATH_BYTES_MAX,
                        &project->path);
    if (code == ERR_OK) {
        code = replace_text(r, yaml_get(node, "entry"), "project.entry", NAME_BYTES_MAX,
                            &project->entry);
    }
    const struct yaml_node *copy = yaml_get(node, "copy");
    if (code == ERR_OK && copy != NULL) {
        code = spec_bool(r, copy, "project.copy", &project->copy);
    }
    return code;
}
