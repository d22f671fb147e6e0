/* SPDX-License-Identifier: Apache-2.0 */
/* spec_file.c – reads a sweep file and the MLproject file beside its program.
 * Owns the search for MLproject. Knows files. Does not know what stands in them. */
#include "cli/spec_file.h"

#include <dirent.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "pruners/registry.h"
#include "samplers/registry.h"

static enum err_code
read_text(const char *path, char **out, size_t *len_out, struct err *err)
{
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(YAML_BYTES_MAX);
    enum err_code code = fsx_read_file(path, &buf, err);
    if (code != ERR_OK) {
        return code;
    }
    *len_out = buf.len;
    *out = strbuf_take(&buf);
    return ERR_OK;
}

/* Path of the folder's MLproject file in whatever case, owned; NULL: none. */
static char *find_mlproject(const char *folder)
{
    DIR *dir = opendir(folder);
    char *found = NULL;
    while (dir != NULL && found == NULL) {
        /* The stream is this function's own. */
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            break;
        }
        if (strcasecmp(entry->d_name, "MLproject") == 0) {
            found = fsx_path_join(folder, entry->d_name);
        }
    }
    if (dir != NULL) {
        IGNORE_ERR(closedir(dir), "only read");
    }
    return found;
}

/* Reads MLproject if the project has one. elsewhere: its folder may be on another
 * machine. */
static enum err_code
read_mlproject(struct spec_file *file, bool elsewhere, struct err *err)
{
    AUTO_FREE char *path = NULL;
    enum err_code code =
        sweep_spec_project_path(file->text, file->text_len, file->source, &path, err);
    if (code != ERR_OK) {
        return code;
    }
    AUTO_FREE char *folder = fsx_path_join(file->directory, path);
    if (!fsx_is_dir(folder)) {
        if (elsewhere) {
            return ERR_OK;
        }
        return err_set(err, ERR_NOTFOUND, "%s: project: no folder '%s'", file->source,
                       folder);
    }
    file->mlproject_source = find_mlproject(folder);
    if (file->mlproject_source == NULL) {
        return ERR_OK;
    }
    return read_text(file->mlproject_source, &file->mlproject, &file->mlproject_len,
                     err);
}

enum err_code spec_file_read(const char *path, struct spec_file *out, struct err *err)
{
    AUTO_SPEC_FILE struct spec_file file = { .source = mem_strdup(path) };
    AUTO_FREE char *real = NULL;
    enum err_code code = fsx_real_path(path, &real, err);
    if (code == ERR_OK && fsx_is_dir(real)) {
        code = err_set(err, ERR_INVALID,
                       "'%s' is a folder, expected the path of a sweep file", path);
    }
    if (code == ERR_OK) {
        code = read_text(real, &file.text, &file.text_len, err);
    }
    if (code == ERR_OK) {
        const char *slash = strrchr(real, '/');
        size_t len = slash == NULL || slash == real ? 1 : (size_t)(slash - real);
        file.directory = mem_strndup(real, len);
        code = read_mlproject(&file, false, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *out = file;
    file = (struct spec_file){ .text = NULL };
    return ERR_OK;
}

enum err_code spec_file_read_for(const char *path,
                                 const char *directory,
                                 struct spec_file *out,
                                 struct err *err)
{
    AUTO_SPEC_FILE struct spec_file file = { .source = mem_strdup(path) };
    bool standard_input = strcmp(path, "-") == 0;
    enum err_code code = read_text(standard_input ? "/dev/stdin" : path, &file.text,
                                   &file.text_len, err);
    if (code == ERR_OK) {
        file.directory = mem_strdup(directory);
        code = read_mlproject(&file, true, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *out = file;
    file = (struct spec_file){ .text = NULL };
    return ERR_OK;
}

enum err_code
spec_file_parse(const struct spec_file *file, struct sweep_spec **out, struct err *err)
{
    struct sweep_spec_input input = {
        .text = file->text,
        .text_len = file->text_len,
        .source = file->source,
        .mlproject = file->mlproject,
        .mlproject_len = file->mlproject_len,
        .mlproject_source = file->mlproject_source,
        .samplers = &sampler_registry_all,
        .pruners = &pruner_registry_all,
    };
    return sweep_spec_parse(&input, out, err);
}

struct ev_submit spec_file_submit(const struct spec_file *file, bool force_new)
{
    return (struct ev_submit){
        .text = file->text,
        .text_len = file->text_len,
        .source = file->source,
        .mlproject = file->mlproject,
        .directory = file->directory,
        .force_new = force_new,
    };
}

void spec_file_fini(struct spec_file *file)
{
    mem_free(file->text);
    mem_free(file->source);
    mem_free(file->directory);
    mem_free(file->mlproject);
    mem_free(file->mlproject_source);
}
