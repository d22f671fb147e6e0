/* SPDX-License-Identifier: Apache-2.0 */
/* keys_file.c – the text form of key files: `word value` lines and `#` comments.
 * Owns: nothing. Knows: the words, the form of keys, file modes. Does not know: which
 * file belongs where (keys.c). Every buffer that held a secret is wiped. */
#include "proto/keys_file.h"

#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "proto/zmq_curve.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

/* A key file has 5 short lines; comments of people still fit. */
#define KEYS_FILE_BYTES_MAX 4096

void keys_file_wipe(struct keys_file *file)
{
    sodium_memzero(file, sizeof *file);
}

static enum err_code check_mode(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_set_errno(err, errno, "cannot read key file '%s'", path);
    }
    if ((st.st_mode & 077u) != 0) {
        return err_set(err, ERR_DENIED,
                       "key file '%s' can be read by others: chmod 600 '%s'", path,
                       path);
    }
    return ERR_OK;
}

/* Where the value of a word goes; NULL for an unknown word. */
static char *word_slot(struct keys_file *file, struct str word)
{
    if (str_eq_c(word, "name")) {
        return file->name;
    }
    if (str_eq_c(word, "public")) {
        return file->public_key;
    }
    if (str_eq_c(word, "secret")) {
        return file->secret_key;
    }
    if (str_eq_c(word, "coordinator")) {
        return file->coordinator_key;
    }
    return NULL;
}

/* One line that is not empty and no comment; the problem, or NULL. */
static const char *parse_line(struct keys_file *file, struct str line)
{
    size_t space = str_chr(line, ' ');
    struct str word = str_sub(line, 0, space);
    struct str value = str_trim(str_sub(line, space, line.len));
    char *slot = word_slot(file, word);
    if (slot == NULL) {
        return "expected name, public, secret or coordinator";
    }
    if (slot[0] != '\0') {
        return "the word occurs twice";
    }
    bool is_name = slot == file->name;
    size_t max = is_name ? NAME_BYTES_MAX : KEYS_TEXT_SIZE - 1;
    if (value.len == 0 || value.len > max) {
        return "the value has a wrong length";
    }
    memcpy(slot, value.ptr, value.len);
    slot[value.len] = '\0';
    if (!is_name && !zmq_curve_text_is_key(slot)) {
        return "the value is not a key";
    }
    return NULL;
}

static enum err_code
parse_text(const char *path, struct str text, struct keys_file *file, struct err *err)
{
    struct str line;
    size_t number = 0;
    while (str_split_next(&text, '\n', &line)) {
        number++;
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        const char *problem = parse_line(file, line);
        if (problem != NULL) {
            return err_set(err, ERR_CORRUPT, "key file '%s', line %zu: %s", path,
                           number, problem);
        }
    }
    return ERR_OK;
}

enum err_code
keys_file_read(const char *path, bool secret, struct keys_file *out, struct err *err)
{
    if (secret) {
        enum err_code code = check_mode(path, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    struct strbuf text = STRBUF_INIT(KEYS_FILE_BYTES_MAX);
    struct keys_file file = { .name = "" };
    enum err_code code = fsx_read_file(path, &text, err);
    if (code == ERR_OK) {
        code = parse_text(path, str_from_n(text.ptr, text.len), &file, err);
    }
    if (code == ERR_OK) {
        *out = file;
    }
    keys_file_wipe(&file);
    if (text.ptr != NULL) {
        sodium_memzero(text.ptr, text.len);
    }
    strbuf_fini(&text);
    return code;
}

static void add_line(struct strbuf *text, const char *word, const char *value)
{
    if (value[0] != '\0') {
        strbuf_addf(text, "%s %s\n", word, value);
    }
}

enum err_code keys_file_write(const char *path,
                              const char *comment,
                              const struct keys_file *file,
                              struct err *err)
{
    /* Room for everything at once, so that no freed buffer keeps a secret. */
    char room[KEYS_FILE_BYTES_MAX];
    struct strbuf text = STRBUF_INIT(sizeof room);
    memset(room, ' ', sizeof room);
    strbuf_add(&text, room, sizeof room);
    strbuf_reset(&text);
    strbuf_addf(&text, "# %s\n", comment);
    add_line(&text, "name", file->name);
    add_line(&text, "public", file->public_key);
    add_line(&text, "secret", file->secret_key);
    add_line(&text, "coordinator", file->coordinator_key);
    mode_t mode = file->secret_key[0] != '\0' ? 0600 : 0644;
    enum err_code code = ERR_TOOBIG;
    if (!text.toobig) {
        code = fsx_write_atomic(path, text.ptr, text.len, mode, err);
    }
    sodium_memzero(text.ptr, text.len);
    strbuf_fini(&text);
    return code;
}
