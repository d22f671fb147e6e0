/* SPDX-License-Identifier: Apache-2.0 */
/* query_log.c – `log`: a piece of an attempt's captured output.
 *
 * A piece never ends inside a character, so pieces can be joined. Bytes that are no
 * UTF-8, and NUL, become U+FFFD. Does not know where its bytes lie.
 */
#include "store/reader.h"

#include "base/mem.h"

/* Bytes of one answer, also when more are asked for. */
#define PIECE_BYTES_DEFAULT ((int64_t)1024 * 1024)
#define PIECE_BYTES_MAX     ((int64_t)4 * 1024 * 1024)

struct piece {
    int64_t attempt;
    int64_t offset;
    int64_t limit;
};

static enum err_code read_args(const json_t *args, struct piece *piece, struct err *err)
{
    piece->limit = PIECE_BYTES_DEFAULT;
    enum err_code code = arg_attempt(args, &piece->attempt, err);
    if (code == ERR_OK) {
        code = json_opt_i64(args, "offset", "", &piece->offset, err);
    }
    if (code == ERR_OK) {
        code = json_opt_i64(args, "limit", "", &piece->limit, err);
    }
    if (code == ERR_OK && piece->attempt < 0) {
        return err_set(err, ERR_INVALID, "attempt: a log is of one attempt");
    }
    if (code == ERR_OK && (piece->offset < 0 || piece->limit < 0)) {
        return err_set(err, ERR_INVALID, "%s: must not be negative",
                       piece->offset < 0 ? "offset" : "limit");
    }
    if (piece->limit > PIECE_BYTES_MAX) {
        piece->limit = PIECE_BYTES_MAX;
    }
    return code;
}

static enum err_code attempt_ended(struct store_reader *reader,
                                   const struct ref *ref,
                                   int64_t attempt,
                                   bool *ended_out,
                                   struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_ATTEMPT_ENDED);
    bind_u64(row, ref->run);
    bind_i64(row, attempt);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!found && attempt == 0) {
        return err_set(err, ERR_NOTFOUND, "run '%s' has not been started", ref->name);
    }
    if (!found) {
        return err_set(err, ERR_NOTFOUND, "run '%s' has no attempt %lld", ref->name,
                       (long long)attempt);
    }
    *ended_out = col_i64(row, 0) != 0;
    stmt_end(row);
    return ERR_OK;
}

/* Length without an incomplete UTF-8 sequence at the end. */
static size_t whole_characters(const char *bytes, size_t len)
{
    for (size_t back = 1; back <= 3 && back < len; back++) {
        unsigned char byte = (unsigned char)bytes[len - back];
        if ((byte & 0xc0) == 0x80) {
            continue;
        }
        size_t need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return need > back ? len - back : len;
    }
    return len;
}

void log_put_text(json_t *object, const char *name, char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\0') {
            bytes[i] = '\xff';
        }
    }
    bytes[len] = '\0';
    json_put_str(object, name, bytes);
}

enum err_code query_log(struct store_reader *reader,
                        const json_t *args,
                        json_t **result_out,
                        struct err *err)
{
    const char *text = NULL;
    AUTO_REF struct ref ref = { 0 };
    bool ended = false;
    enum err_code code = arg_ref(args, "run", &text, err);
    if (code == ERR_OK) {
        code = ref_find(reader, text, &ref, err);
    }
    struct piece piece = { .attempt = ref.attempts };
    if (code == ERR_OK) {
        code = read_args(args, &piece, err);
    }
    if (code == ERR_OK) {
        code = attempt_ended(reader, &ref, piece.attempt, &ended, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct log_ref log = { .db = &reader->db,
                           .dir = reader->logs_dir,
                           .run_id = &ref.run_id,
                           .run = ref.run,
                           .attempt = (uint32_t)piece.attempt };
    uint64_t size = 0;
    size_t len = (size_t)piece.limit;
    AUTO_FREE char *bytes = mem_alloc(len + 1);
    code = logs_size(&log, &size, err);
    if (code == ERR_OK) {
        code = logs_read(&log, (uint64_t)piece.offset, (uint8_t *)bytes, &len, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    bool at_end = ended && (uint64_t)piece.offset + len >= size;
    len = at_end ? len : whole_characters(bytes, len);
    json_t *answer = json_object();
    json_put_i64(answer, "attempt", piece.attempt);
    json_put_i64(answer, "offset", piece.offset);
    json_put_i64(answer, "next", piece.offset + (int64_t)len);
    json_put_i64(answer, "size", (int64_t)size);
    json_put_bool(answer, "ended", ended);
    log_put_text(answer, "data", bytes, len);
    *result_out = answer;
    return ERR_OK;
}
