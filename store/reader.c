/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c – opening a home for reading, and dispatching queries.
 *
 * Owns the read-only connection, the table of verbs with their arguments, and the
 * snapshot: each query sees one state of the store. Does not know what a verb answers.
 */
#include "store/reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "store/store.h"

#define ARGS_MAX 4

struct verb {
    const char *name;
    query_fn fn;
    const char *args[ARGS_MAX]; /* NULL-padded */
};

static const struct verb verbs[] = {
    { "ls", query_ls, { NULL } },
    { "show", query_show, { "ref" } },
    { "revisions", query_revisions, { "sweep" } },
    { "trials", query_trials, { "sweep", "state", "limit", "offset" } },
    { "best", query_best, { "sweep" } },
    { "runs", query_runs, { "sweep", "parent", "limit", "offset" } },
    { "metrics", query_metrics, { "run", "key", "attempt" } },
    { "log", query_log, { "run", "attempt", "offset", "limit" } },
    { "progress", query_progress, { "sweep" } },
    { "resolve", query_resolve, { "ref" } },
    { "history", query_history, { "ref" } },
};

static const char reader_pragmas[] = "PRAGMA query_only = 1;"
                                     "PRAGMA temp_store = MEMORY;"
                                     "PRAGMA mmap_size = 268435456;"
                                     "PRAGMA trusted_schema = OFF;";

static enum err_code
open_reader(struct store_reader *reader, const char *home, struct err *err)
{
    AUTO_FREE char *path = fsx_path_join(home, "store.db");
    if (access(path, F_OK) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? err_set(err, ERR_NOTFOUND, "no store in '%s'", home)
                   : err_set_errno(err, errno, "cannot open '%s'", path);
    }
    enum err_code code = db_open(&reader->db, path, true, err);
    if (code == ERR_OK) {
        code = db_exec(&reader->db, reader_pragmas, err);
    }
    return code == ERR_OK ? migrate_check(&reader->db, err) : code;
}

enum err_code
store_reader_open(const char *home, struct store_reader **out, struct err *err)
{
    struct store_reader *reader = mem_alloc(sizeof *reader);
    reader->logs_dir = fsx_path_join(home, "logs");
    reader->lock_path = fsx_path_join(home, "lock");
    enum err_code code = open_reader(reader, home, err);
    if (code != ERR_OK) {
        store_reader_close(reader);
        return code;
    }
    *out = reader;
    return ERR_OK;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader != NULL) {
        db_close(&reader->db);
        mem_free(reader->logs_dir);
        mem_free(reader->lock_path);
        mem_free(reader);
    }
}

static size_t args_len(const struct verb *verb)
{
    size_t len = 0;
    while (len < ARGS_MAX && verb->args[len] != NULL) {
        len++;
    }
    return len;
}

static bool knows_arg(const struct verb *verb, const char *name)
{
    for (size_t i = 0; i < args_len(verb); i++) {
        if (strcmp(verb->args[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code
check_args(const struct verb *verb, const json_t *args, struct err *err)
{
    if (!json_is_object(args)) {
        return err_set(err, ERR_USAGE, "%s: expected an object of arguments",
                       verb->name);
    }
    /* Iteration takes a mutable object but does not change it. */
    json_t *object = map_number((uintptr_t)args);
    for (void *at = json_object_iter(object); at != NULL;
         at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        if (knows_arg(verb, name)) {
            continue;
        }
        const char *near = str_nearest(str_from(name), verb->args, args_len(verb));
        return err_set(err, ERR_USAGE, "%s: unknown argument '%s'%s%s%s", verb->name,
                       name, near != NULL ? ", did you mean '" : "",
                       near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    return ERR_OK;
}

static enum err_code run_verb(struct store_reader *reader,
                              const struct verb *verb,
                              const json_t *args,
                              json_t **result_out,
                              struct err *err)
{
    json_t *result = NULL;
    enum err_code code = stmt_run(stmt_use(&reader->db, SQL_READ_BEGIN), err);
    if (code != ERR_OK) {
        return code;
    }
    code = verb->fn(reader, args, &result, err);
    db_reset(&reader->db);
    enum err_code end = stmt_run(stmt_use(&reader->db, SQL_READ_END), NULL);
    if (code == ERR_OK && end != ERR_OK) {
        json_decref(result);
        return err_set(err, end, "cannot end reading '%s'", reader->db.path);
    }
    if (code == ERR_OK) {
        *result_out = result;
    }
    return code;
}

enum err_code store_query(struct store_reader *reader,
                          const char *verb,
                          const json_t *args,
                          json_t **result_out,
                          struct err *err)
{
    AUTO_JSON json_t *none = json_object();
    const json_t *given = args != NULL ? args : none;
    const char *names[ARRAY_LEN(verbs)];
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(verbs[i].name, verb) == 0) {
            enum err_code code = check_args(&verbs[i], given, err);
            return code == ERR_OK ? run_verb(reader, &verbs[i], given, result_out, err)
                                  : code;
        }
    }
    const char *near = str_nearest(str_from(verb), names, ARRAY_LEN(names));
    return err_set(err, ERR_USAGE, "unknown query '%s'%s%s%s", verb,
                   near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                   near != NULL ? "'?" : "");
}
