/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_file.c – the sweep's file as the coordinator sent it, ready for starting
 * trials.
 *
 * Owns: parsing, the working folder, compiled metric rules; shared by reference count.
 * Knows: where a project lies. Does not know attempts.
 *
 * Until projects are packaged the agent must see the project's folder itself. */
#include "agent/agent_internal.h"

#include <string.h>

#include "base/sys/fsx.h"
#include "core/sweep_spec.h"

static const char *text_or(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

static enum err_code sweep_file_load(struct sweep_file *file,
                                     const Winnow__Sweep *message,
                                     const struct sampler_registry *samplers,
                                     const struct pruner_registry *pruners,
                                     struct err *err)
{
    const char *text = text_or(message->spec, "");
    struct sweep_spec_input input = { .text = text,
                                      .text_len = strlen(text),
                                      .source = text_or(message->name, "sweep"),
                                      .mlproject = message->mlproject,
                                      .mlproject_len =
                                          strlen(text_or(message->mlproject, "")),
                                      .mlproject_source = "MLproject",
                                      .samplers = samplers,
                                      .pruners = pruners };
    enum err_code code = sweep_spec_parse(&input, &file->spec, err);
    if (code != ERR_OK) {
        return code;
    }
    if (file->spec->command == NULL) {
        return err_set(err, ERR_INVALID, "the sweep has no command to run");
    }
    const char *path = text_or(file->spec->project.path, ".");
    file->directory = strcmp(path, ".") == 0
                          ? mem_strdup(text_or(message->directory, "/"))
                          : fsx_path_join(text_or(message->directory, "/"), path);
    if (!fsx_is_dir(file->directory)) {
        return err_set(err, ERR_NOTFOUND,
                       "project folder '%s' is not there on this agent's machine",
                       file->directory);
    }
    if (file->spec->run.checkpoint == CHECKPOINT_PATH) {
        file->checkpoint_path = fsx_path_join(text_or(message->directory, "/"),
                                              file->spec->run.checkpoint_path);
        if (!fsx_is_dir(file->checkpoint_path)) {
            return err_set(
                err, ERR_NOTFOUND,
                "checkpoint folder '%s' is not there on this agent's machine",
                file->checkpoint_path);
        }
    }
    return metric_rules_create(file->spec->metrics, file->spec->metrics_len,
                               &file->rules, err);
}

struct sweep_file *sweep_file_create(const Winnow__Sweep *message,
                                     const struct sampler_registry *samplers,
                                     const struct pruner_registry *pruners)
{
    struct sweep_file *file = mem_alloc(sizeof *file);
    file->refs = 1;
    file->sweep = message->sweep;
    file->revision = message->revision;
    file->sweep_id = mem_strdup(text_or(message->sweep_id, ""));
    struct err err = { 0 };
    if (sweep_file_load(file, message, samplers, pruners, &err) != ERR_OK) {
        file->error = mem_strdup(err.msg);
    }
    return file;
}

uint64_t sweep_file_key(uint32_t sweep, uint32_t revision)
{
    return (uint64_t)sweep << 32 | revision;
}

void sweep_file_unref(struct sweep_file *file)
{
    if (file == NULL || --file->refs > 0) {
        return;
    }
    sweep_spec_destroy(file->spec);
    metric_rules_destroy(file->rules);
    mem_free(file->sweep_id);
    mem_free(file->directory);
    mem_free(file->checkpoint_path);
    mem_free(file->error);
    mem_free(file);
}
