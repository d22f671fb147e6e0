/* SPDX-License-Identifier: Apache-2.0 */
/* ref.c – what people call things: ids, prefixes, names, `last`, SWEEP/NUMBER.
 *
 * A trial's id is derived from its sweep's, so trials are searched by deriving the ids
 * of all of them again (a tenth of a second for a million) instead of through an index.
 * Knows the rules of DESIGN §6. Does not know how anything is shown.
 */
#include "store/reader.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define PREFIX_DIGITS_MIN 6
#define RUN_ID_DIGITS     32

void ref_fini(struct ref *ref)
{
    if (ref != NULL) {
        mem_free(ref->name);
        ref->name = NULL;
    }
}

/* The first column of the statement's only row; 0 when there is none. */
static enum err_code one_key(struct stmt *stmt, uint64_t *key_out, struct err *err)
{
    bool row = false;
    enum err_code code = stmt_row(stmt, &row, err);
    if (code == ERR_OK) {
        *key_out = row ? col_u64(stmt, 0) : 0;
    }
    if (row) {
        stmt_end(stmt);
    }
    return code;
}

static void copy_uuid(struct stmt *row, int column, struct run_id *out)
{
    size_t len = 0;
    const uint8_t *bytes = col_blob(row, column, &len);
    if (bytes != NULL && len == 16) {
        uuid_to_hex(bytes, out->hex);
    }
}

/* Everything about the run with this key. */
static enum err_code
load(struct store_reader *reader, uint64_t run, struct ref *out, struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_REF_RUN);
    bind_u64(row, run);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!found) {
        return err_set(err, ERR_CORRUPT, "run %llu is missing from the store",
                       (unsigned long long)run);
    }
    *out = (struct ref){ .run = run, .kind = (enum run_kind)col_u32(row, 1) };
    copy_uuid(row, 0, &out->run_id);
    out->number = col_u32(row, 2);
    out->parent = col_u64(row, 3);
    out->attempts = col_u32(row, 4);
    copy_uuid(row, 5, &out->parent_id);
    const char *parent = col_text(row, 6);
    const char *name = col_text(row, 7);
    out->name = out->kind == RUN_TRIAL && parent != NULL
                    ? mem_printf("%s/%u", parent, (unsigned)out->number)
                    : mem_strdup(name != NULL ? name : "");
    stmt_end(row);
    return ERR_OK;
}

static bool is_prefix(const char *text)
{
    size_t len = strlen(text);
    return len >= PREFIX_DIGITS_MIN && len <= RUN_ID_DIGITS
           && strspn(text, "0123456789abcdef") == len;
}

/* What a prefix was found to fit. */
struct hits {
    uint64_t run;    /* the only one so far, when it is not a trial */
    uint64_t sweep;  /* else its sweep's run … */
    uint32_t number; /* … and its number */
    size_t count;
};

static enum err_code find_in_index(struct store_reader *reader,
                                   const char *prefix,
                                   struct hits *hits,
                                   struct err *err)
{
    char low[RUN_ID_DIGITS];
    char high[RUN_ID_DIGITS];
    size_t len = strlen(prefix);
    for (size_t i = 0; i < RUN_ID_DIGITS; i++) {
        low[i] = '0';
        high[i] = 'f';
        if (i < len) {
            low[i] = prefix[i];
            high[i] = prefix[i];
        }
    }
    uint8_t from[16];
    uint8_t to[16];
    uuid_from_hex(low, from);
    uuid_from_hex(high, to);
    struct stmt *row = stmt_use(&reader->db, SQL_REF_UUID);
    bind_blob(row, from, sizeof from);
    bind_blob(row, to, sizeof to);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        hits->run = col_u64(row, 0);
        hits->count++;
        code = stmt_row(row, &more, err);
    }
    return code;
}

static void find_in_sweep(const char *prefix,
                          const struct run_id *sweep,
                          struct hits *hits,
                          struct stmt *row)
{
    size_t len = strlen(prefix);
    uint32_t last = col_u32(row, 2);
    for (uint32_t number = 0; number <= last && hits->count < 2; number++) {
        struct run_id id = run_id_of_trial(sweep, number);
        if (memcmp(id.hex, prefix, len) == 0) {
            hits->sweep = col_u64(row, 0);
            hits->number = number;
            hits->count++;
        }
    }
}

static enum err_code find_in_trials(struct store_reader *reader,
                                    const char *prefix,
                                    struct hits *hits,
                                    struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_REF_SWEEPS);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        struct run_id sweep = { { 0 } };
        copy_uuid(row, 1, &sweep);
        if (!col_is_null(row, 2) && run_id_is_valid(sweep.hex)) {
            find_in_sweep(prefix, &sweep, hits, row);
        }
        code = stmt_row(row, &more, err);
    }
    return code;
}

static enum err_code trial_key(struct store_reader *reader,
                               uint64_t sweep,
                               uint32_t number,
                               uint64_t *run_out,
                               struct err *err)
{
    struct stmt *stmt = stmt_use(&reader->db, SQL_REF_NUMBER);
    bind_u64(stmt, sweep);
    bind_i64(stmt, number);
    return one_key(stmt, run_out, err);
}

/* *run_out 0 when nothing fits. */
static enum err_code find_prefix(struct store_reader *reader,
                                 const char *prefix,
                                 uint64_t *run_out,
                                 struct err *err)
{
    struct hits hits = { 0 };
    *run_out = 0;
    if (!is_prefix(prefix)) {
        return ERR_OK;
    }
    enum err_code code = find_in_index(reader, prefix, &hits, err);
    if (code == ERR_OK && (hits.count == 0 || strlen(prefix) < RUN_ID_DIGITS)) {
        code = find_in_trials(reader, prefix, &hits, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (hits.count > 1) {
        return err_set(err, ERR_INVALID, "'%s' fits several runs: give more digits",
                       prefix);
    }
    if (hits.run == 0 && hits.count == 1) {
        return trial_key(reader, hits.sweep, hits.number, run_out, err);
    }
    *run_out = hits.run;
    return ERR_OK;
}

/* `last` and names of sweeps; *run_out 0 when it is none. */
static enum err_code find_sweep_name(struct store_reader *reader,
                                     const char *text,
                                     uint64_t *run_out,
                                     struct err *err)
{
    bool is_last = strcmp(text, "last") == 0;
    struct stmt *stmt = stmt_use(&reader->db, is_last ? SQL_REF_LAST : SQL_REF_NAME);
    if (!is_last) {
        bind_text(stmt, text);
    }
    return one_key(stmt, run_out, err);
}

static enum err_code
not_found(struct store_reader *reader, const char *text, struct err *err)
{
    VEC(char *) names = { 0 };
    struct stmt *row = stmt_use(&reader->db, SQL_REF_SWEEP_NAMES);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        vec_push(&names, mem_strdup(col_text(row, 0)));
        code = stmt_row(row, &more, err);
    }
    const char *near =
        str_nearest(str_from(text), (const char *const *)names.ptr, names.len);
    if (code == ERR_OK && names.len == 0) {
        code =
            err_set(err, ERR_NOTFOUND, "no sweep or run '%s': there is none yet", text);
    } else if (code == ERR_OK && near != NULL) {
        code = err_set(err, ERR_NOTFOUND, "no sweep or run '%s', did you mean '%s'?",
                       text, near);
    } else if (code == ERR_OK) {
        code = err_set(err, ERR_NOTFOUND, "no sweep or run '%s'", text);
    }
    for (size_t i = 0; i < names.len; i++) {
        mem_free(names.ptr[i]);
    }
    vec_fini(&names);
    return code;
}

/* Without a slash. */
static enum err_code find_plain(struct store_reader *reader,
                                const char *text,
                                struct ref *ref_out,
                                struct err *err)
{
    uint64_t run = 0;
    enum err_code code = find_sweep_name(reader, text, &run, err);
    if (code == ERR_OK && run == 0) {
        code = find_prefix(reader, text, &run, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    return run == 0 ? not_found(reader, text, err) : load(reader, run, ref_out, err);
}

static enum err_code find_trial(struct store_reader *reader,
                                const char *text,
                                const char *slash,
                                struct ref *ref_out,
                                struct err *err)
{
    AUTO_FREE char *sweep_text = mem_strndup(text, (size_t)(slash - text));
    uint64_t number = 0;
    if (num_parse_u64(str_from(slash + 1), &number) != ERR_OK || number > UINT32_MAX) {
        return err_set(err, ERR_INVALID,
                       "'%s': expected a trial's number behind the '/'", text);
    }
    AUTO_REF struct ref sweep = { 0 };
    enum err_code code = ref_find_sweep(reader, sweep_text, &sweep, err);
    uint64_t run = 0;
    if (code == ERR_OK) {
        code = trial_key(reader, sweep.run, (uint32_t)number, &run, err);
    }
    if (code == ERR_OK && run == 0) {
        return err_set(err, ERR_NOTFOUND, "sweep '%s' has no trial %llu", sweep.name,
                       (unsigned long long)number);
    }
    return code == ERR_OK ? load(reader, run, ref_out, err) : code;
}

enum err_code ref_find(struct store_reader *reader,
                       const char *text,
                       struct ref *ref_out,
                       struct err *err)
{
    const char *slash = strrchr(text, '/');
    return slash == NULL ? find_plain(reader, text, ref_out, err)
                         : find_trial(reader, text, slash, ref_out, err);
}

enum err_code ref_find_sweep(struct store_reader *reader,
                             const char *text,
                             struct ref *ref_out,
                             struct err *err)
{
    struct ref ref = { 0 };
    enum err_code code = find_plain(reader, text, &ref, err);
    if (code == ERR_OK && ref.kind != RUN_SWEEP) {
        code = err_set(err, ERR_INVALID, "'%s' is a %s, not a sweep", text,
                       ref.kind == RUN_TRIAL ? "trial" : "run");
        ref_fini(&ref);
    }
    if (code == ERR_OK) {
        *ref_out = ref;
    }
    return code;
}
