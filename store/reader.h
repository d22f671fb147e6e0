/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h – what the files that answer queries share. Not for other folders. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "store/stmt.h"
#include "store/store_internal.h"

struct store_reader {
    struct db db;
    char *logs_dir;  /* HOME/logs */
    char *lock_path; /* HOME/lock */
};

/* What a reference turned out to name. */
struct ref {
    uint64_t run; /* key */
    enum run_kind kind;
    struct run_id run_id;
    uint32_t number;         /* trials only */
    uint32_t attempts;       /* newest attempt, 0: none */
    uint64_t parent;         /* 0: none */
    struct run_id parent_id; /* empty: none */
    char *name;              /* owned: "digits" or "digits/17"; "" when it has none */
};

void ref_fini(struct ref *ref);
#define AUTO_REF CLEANUP(ref_fini)

/* Finds what `text` names. ERR_NOTFOUND, or ERR_INVALID when a prefix fits several. */
enum err_code ref_find(struct store_reader *reader,
                       const char *text,
                       struct ref *ref_out,
                       struct err *err) MUST_USE;
/* As ref_find; ERR_INVALID when it is not a sweep. */
enum err_code ref_find_sweep(struct store_reader *reader,
                             const char *text,
                             struct ref *ref_out,
                             struct err *err) MUST_USE;

/* A query verb: fills *result_out with a new reference. */
typedef enum err_code (*query_fn)(struct store_reader *reader,
                                  const json_t *args,
                                  json_t **result_out,
                                  struct err *err);

enum err_code query_ls(struct store_reader *reader,
                       const json_t *args,
                       json_t **result_out,
                       struct err *err) MUST_USE;
enum err_code query_progress(struct store_reader *reader,
                             const json_t *args,
                             json_t **result_out,
                             struct err *err) MUST_USE;
enum err_code query_show(struct store_reader *reader,
                         const json_t *args,
                         json_t **result_out,
                         struct err *err) MUST_USE;
enum err_code query_revisions(struct store_reader *reader,
                              const json_t *args,
                              json_t **result_out,
                              struct err *err) MUST_USE;
enum err_code query_resolve(struct store_reader *reader,
                            const json_t *args,
                            json_t **result_out,
                            struct err *err) MUST_USE;
enum err_code query_trials(struct store_reader *reader,
                           const json_t *args,
                           json_t **result_out,
                           struct err *err) MUST_USE;
enum err_code query_best(struct store_reader *reader,
                         const json_t *args,
                         json_t **result_out,
                         struct err *err) MUST_USE;
enum err_code query_runs(struct store_reader *reader,
                         const json_t *args,
                         json_t **result_out,
                         struct err *err) MUST_USE;
enum err_code query_metrics(struct store_reader *reader,
                            const json_t *args,
                            json_t **result_out,
                            struct err *err) MUST_USE;
enum err_code query_log(struct store_reader *reader,
                        const json_t *args,
                        json_t **result_out,
                        struct err *err) MUST_USE;

enum err_code query_history(struct store_reader *reader,
                            const json_t *args,
                            json_t **result_out,
                            struct err *err) MUST_USE;

/* ---- pieces of answers ---- */

/* A required string argument. */
enum err_code arg_ref(const json_t *args,
                      const char *name,
                      const char **text_out,
                      struct err *err) MUST_USE;
/* `limit` (default: all) and `offset` (default 0); neither may be negative. */
enum err_code arg_page(const json_t *args,
                       int64_t *limit_out,
                       int64_t *offset_out,
                       struct err *err) MUST_USE;
/* `attempt`: N, or "all" as -1; untouched when absent. */
enum err_code
arg_attempt(const json_t *args, int64_t *attempt, struct err *err) MUST_USE;

/* Members that are left out when the column is NULL. */
void put_col_text(json_t *object, const char *name, struct stmt *row, int column);
void put_col_i64(json_t *object, const char *name, struct stmt *row, int column);
void put_col_uuid(json_t *object, const char *name, struct stmt *row, int column);
/* A number, also NaN for NULL. */
void put_col_f64(json_t *object, const char *name, struct stmt *row, int column);
/* As json_put, for names that come from programs: one that is not UTF-8 is left out. */
void put_named(json_t *object, const char *name, json_t *value);

/* Members `params`, `tags` and `metrics` (latest values) of a run. */
enum err_code put_params(struct store_reader *reader,
                         json_t *object,
                         uint64_t run,
                         struct err *err) MUST_USE;
/* `rungs` and `saved` of a sweep with pruned trials; query_stop.c. */
struct stopped_of {
    uint32_t sweep; /* key */
    uint64_t run;
    const char *metric; /* the objective's */
};
enum err_code put_stopping(struct store_reader *reader,
                           json_t *sweep,
                           const struct stopped_of *of,
                           struct err *err) MUST_USE;
enum err_code put_tags(struct store_reader *reader,
                       json_t *object,
                       uint64_t run,
                       struct err *err) MUST_USE;
enum err_code put_metrics(struct store_reader *reader,
                          json_t *object,
                          uint64_t run,
                          struct err *err) MUST_USE;

/* Sets a member to captured output: NUL and what is no UTF-8 become U+FFFD. bytes has
 * room for one more than len and is changed. */
void log_put_text(json_t *object, const char *name, char *bytes, size_t len);

/* Appends the trials of a statement with SQL_TRIAL_COLUMNS, bound already. */
enum err_code trials_push(struct store_reader *reader,
                          struct stmt *stmt,
                          json_t *array,
                          struct err *err) MUST_USE;
/* The trial with all that `show` gives. */
enum err_code trial_show(struct store_reader *reader,
                         const struct ref *ref,
                         json_t **result_out,
                         struct err *err) MUST_USE;
/* One run as `runs` gives it. */
enum err_code run_show(struct store_reader *reader,
                       const struct ref *ref,
                       json_t **result_out,
                       struct err *err) MUST_USE;

#endif
