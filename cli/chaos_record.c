/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_record.c – reads what the trials themselves wrote down.
 * Owns the executions. Knows the format of chaos_trial.c and the rules by which lines
 * become points. Does not know the store. */
#include "cli/chaos.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sys/fsx.h"

/* One execution's output; more is not what a chaos run is for. */
#define RECORD_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define ATTEMPT_BITS     16

struct chaos_record {
    struct metric_rules *rules;
    struct map_u64 executions; /* of struct chaos_execution */
};

static uint64_t key_of(uint64_t trial, uint64_t attempt)
{
    return trial << ATTEMPT_BITS | attempt;
}

static void execution_destroy(struct chaos_execution *execution)
{
    vec_fini(&execution->points.items);
    metric_names_destroy(execution->names);
    json_decref(execution->params);
    mem_free(execution);
}

void chaos_record_destroy(struct chaos_record *record)
{
    size_t pos = 0;
    void *value = NULL;
    if (record == NULL) {
        return;
    }
    while (map_u64_next(&record->executions, &pos, NULL, &value)) {
        execution_destroy(value);
    }
    map_u64_fini(&record->executions);
    metric_rules_destroy(record->rules);
    mem_free(record);
}

static struct chaos_execution *
execution_get(struct chaos_record *record, uint64_t trial, uint64_t attempt)
{
    struct chaos_execution *found =
        map_u64_get(&record->executions, key_of(trial, attempt));
    if (found == NULL) {
        found = mem_alloc(sizeof *found);
        found->trial = trial;
        found->attempt = attempt;
        found->names = metric_names_create();
        map_u64_set(&record->executions, key_of(trial, attempt), found);
    }
    return found;
}

static void take_line(struct chaos_record *record,
                      struct chaos_execution *execution,
                      struct str line)
{
    struct str rest = str_sub(line, 2, SIZE_MAX);
    uint64_t status = 0;
    switch (line.len > 0 ? line.ptr[0] : ' ') {
    case 'S':
        execution->starts++;
        break;
    case 'P':
        json_decref(execution->params);
        execution->params = NULL;
        IGNORE_ERR(json_parse(rest.ptr, rest.len, &execution->params, NULL),
                   "then they are not compared");
        break;
    case 'O':
        metric_line(record->rules, execution->names, rest, 0, &execution->points);
        break;
    case 'E':
        execution->ends++;
        IGNORE_ERR(num_parse_u64(rest, &status), "we wrote it");
        execution->status = (int)status;
        break;
    default:
        break;
    }
}

/* "TRIAL.ATTEMPT.PID" */
static bool parse_name(const char *name, uint64_t *trial, uint64_t *attempt)
{
    struct str rest = str_from(name);
    struct str part;
    return str_split_next(&rest, '.', &part) && num_parse_u64(part, trial) == ERR_OK
           && str_split_next(&rest, '.', &part)
           && num_parse_u64(part, attempt) == ERR_OK;
}

static enum err_code read_one(struct chaos_record *record,
                              const char *folder,
                              const char *name,
                              struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_BYTES_MAX);
    AUTO_FREE char *path = fsx_path_join(folder, name);
    uint64_t trial = 0;
    uint64_t attempt = 0;
    if (!parse_name(name, &trial, &attempt)) {
        return ERR_OK;
    }
    enum err_code code = fsx_read_file(path, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    struct chaos_execution *execution = execution_get(record, trial, attempt);
    struct str rest = strbuf_str(&text);
    struct str line;
    while (str_split_next(&rest, '\n', &line)) {
        take_line(record, execution, line);
    }
    return ERR_OK;
}

enum err_code chaos_record_read(const struct chaos_config *config,
                                struct chaos_record **out,
                                struct err *err)
{
    AUTO_FREE char *folder = fsx_path_join(config->folder, "record");
    struct chaos_record *record = mem_alloc(sizeof *record);
    enum err_code code = metric_rules_create(
        config->spec->metrics, config->spec->metrics_len, &record->rules, err);
    DIR *dir = code == ERR_OK ? opendir(folder) : NULL;
    if (code == ERR_OK && dir == NULL) {
        code = err_set_errno(err, errno, "cannot read '%s'", folder);
    }
    while (code == ERR_OK && dir != NULL) {
        /* The stream is this function's own. */
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            break;
        }
        code = read_one(record, folder, entry->d_name, err);
    }
    if (dir != NULL) {
        IGNORE_ERR(closedir(dir), "only read");
    }
    if (code != ERR_OK) {
        chaos_record_destroy(record);
        return code;
    }
    *out = record;
    return ERR_OK;
}

const struct chaos_execution *
chaos_record_find(const struct chaos_record *record, uint64_t trial, uint64_t attempt)
{
    return map_u64_get(&record->executions, key_of(trial, attempt));
}

const struct chaos_execution *chaos_record_next(const struct chaos_record *record,
                                                size_t *pos)
{
    void *value = NULL;
    return map_u64_next(&record->executions, pos, NULL, &value) ? value : NULL;
}
