/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c – which key file lies where, who makes it and what it must hold.
 * Owns: nothing. Knows: the folder's layout and the rule that nothing is overwritten.
 * Does not know: the files' text form (keys_file.c), libzmq (zmq_curve.c).
 *
 * keygen writes NAME.key before agents/NAME.pub: after a crash between the two there is
 * a key that nobody admits, never an admitted key that nobody has. */
#include "proto/keys.h"

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "proto/keys_file.h"
#include "proto/zmq_curve.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define COORDINATOR "coordinator"

void keys_wipe_coordinator(struct keys_coordinator *keys)
{
    if (keys != NULL) {
        sodium_memzero(keys, sizeof *keys);
    }
}

void keys_wipe_agent(struct keys_agent *keys)
{
    if (keys != NULL) {
        sodium_memzero(keys, sizeof *keys);
    }
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum err_code keys_name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);
    bool ok = len > 0 && len <= NAME_BYTES_MAX && is_alnum(name[0]);
    for (size_t i = 1; ok && i < len; i++) {
        ok = is_alnum(name[i]) || strchr("._-", name[i]) != NULL;
    }
    if (!ok) {
        return err_set(err, ERR_INVALID,
                       "'%.40s' cannot name a key: expected up to %d letters, digits, "
                       "'.', '_' or '-', the first a letter or digit",
                       name, NAME_BYTES_MAX);
    }
    if (strcmp(name, COORDINATOR) == 0) {
        return err_set(err, ERR_INVALID, "'coordinator' is the coordinator's own key");
    }
    return ERR_OK;
}

/* DIR/NAME.SUFFIX, owned. */
static char *key_path(const char *dir, const char *name, const char *suffix)
{
    AUTO_FREE char *file = mem_printf("%s.%s", name, suffix);
    return fsx_path_join(dir, file);
}

static char *agents_dir(const char *dir)
{
    return fsx_path_join(dir, "agents");
}

bool keys_have_coordinator(const char *dir)
{
    AUTO_FREE char *path = key_path(dir, COORDINATOR, "key");
    return fsx_exists(path);
}

static enum err_code corrupt(struct err *err, const char *path, const char *problem)
{
    return err_set(err, ERR_CORRUPT, "key file '%s' %s", path, problem);
}

enum err_code
keys_load_coordinator(const char *dir, struct keys_coordinator *out, struct err *err)
{
    AUTO_FREE char *path = key_path(dir, COORDINATOR, "key");
    struct keys_file file;
    enum err_code code = keys_file_read(path, true, &file, err);
    if (code != ERR_OK) {
        return code;
    }
    if (file.name[0] != '\0' || file.coordinator_key[0] != '\0') {
        code = corrupt(err, path, "is an agent's key, not the coordinator's");
    } else if (file.secret_key[0] == '\0'
               || !zmq_curve_is_pair(file.public_key, file.secret_key)) {
        code = corrupt(err, path, "does not hold a pair of keys");
    } else {
        memcpy(out->public_key, file.public_key, sizeof out->public_key);
        memcpy(out->secret_key, file.secret_key, sizeof out->secret_key);
    }
    keys_file_wipe(&file);
    return code;
}

enum err_code keys_load_agent(const char *path, struct keys_agent *out, struct err *err)
{
    struct keys_file file;
    enum err_code code = keys_file_read(path, true, &file, err);
    if (code != ERR_OK) {
        return code;
    }
    if (file.name[0] == '\0' || file.coordinator_key[0] == '\0') {
        code = corrupt(err, path, "is not an agent's key (NAME.key made by keygen)");
    } else if (file.secret_key[0] == '\0'
               || !zmq_curve_is_pair(file.public_key, file.secret_key)) {
        code = corrupt(err, path, "does not hold a pair of keys");
    } else {
        code = keys_name_check(file.name, err);
    }
    if (code == ERR_OK) {
        memcpy(out->name, file.name, sizeof out->name);
        memcpy(out->public_key, file.public_key, sizeof out->public_key);
        memcpy(out->secret_key, file.secret_key, sizeof out->secret_key);
        memcpy(out->coordinator_key, file.coordinator_key, sizeof out->coordinator_key);
    }
    keys_file_wipe(&file);
    return code;
}

static enum err_code refuse_overwrite(const char *path, struct err *err)
{
    if (fsx_exists(path)) {
        return err_set(err, ERR_EXISTS, "'%s' exists; remove it to make a new key",
                       path);
    }
    return ERR_OK;
}

/* Writes the public half of `file`. */
static enum err_code write_public(const char *path,
                                  const char *comment,
                                  const struct keys_file *file,
                                  struct err *err)
{
    struct keys_file public = { .name = "" };
    memcpy(public.name, file->name, sizeof public.name);
    memcpy(public.public_key, file->public_key, sizeof public.public_key);
    return keys_file_write(path, comment, &public, err);
}

/* The coordinator's key files are there afterwards. */
static enum err_code ensure_coordinator(const char *dir, struct err *err)
{
    AUTO_FREE char *key = key_path(dir, COORDINATOR, "key");
    AUTO_FREE char *pub = key_path(dir, COORDINATOR, "pub");
    struct keys_file file = { .name = "" };
    enum err_code code = ERR_OK;
    if (fsx_exists(key)) {
        struct keys_coordinator keys;
        code = keys_load_coordinator(dir, &keys, err);
        if (code != ERR_OK) {
            return code;
        }
        memcpy(file.public_key, keys.public_key, sizeof file.public_key);
        keys_wipe_coordinator(&keys);
    } else {
        code = zmq_curve_new_pair(file.public_key, file.secret_key, err);
        if (code == ERR_OK) {
            code = keys_file_write(
                key, "secret key of a winnow coordinator; never copy it", &file, err);
        }
    }
    if (code == ERR_OK && !fsx_exists(pub)) {
        code = write_public(pub, "public key of a winnow coordinator", &file, err);
    }
    keys_file_wipe(&file);
    return code;
}

static enum err_code make_agent(const char *key_path_,
                                const char *pub_path,
                                const char *name,
                                const struct keys_coordinator *coordinator,
                                struct err *err)
{
    struct keys_file file = { .name = "" };
    memcpy(file.name, name, strlen(name) + 1);
    memcpy(file.coordinator_key, coordinator->public_key, sizeof file.coordinator_key);
    enum err_code code = zmq_curve_new_pair(file.public_key, file.secret_key, err);
    if (code == ERR_OK) {
        code = keys_file_write(key_path_,
                               "secret key of a winnow agent or client; copy this file "
                               "to its machine, mode 600",
                               &file, err);
    }
    if (code == ERR_OK) {
        code = write_public(pub_path,
                            "this file lets the key's holder connect; remove it to "
                            "turn the holder away",
                            &file, err);
    }
    /* Neither was there before: no half of a pair stays, not even one that was written
     * and could not be made durable. */
    if (code != ERR_OK) {
        IGNORE_ERR(remove(key_path_), "the first error is the one to tell");
        IGNORE_ERR(remove(pub_path), "as above");
    }
    keys_file_wipe(&file);
    return code;
}

static enum err_code ensure_agent(const char *dir, const char *name, struct err *err)
{
    AUTO_FREE char *agents = agents_dir(dir);
    AUTO_FREE char *key = key_path(dir, name, "key");
    AUTO_FREE char *pub = key_path(agents, name, "pub");
    struct keys_coordinator coordinator;
    enum err_code code = refuse_overwrite(key, err);
    if (code == ERR_OK) {
        code = refuse_overwrite(pub, err);
    }
    if (code == ERR_OK) {
        code = keys_load_coordinator(dir, &coordinator, err);
    }
    if (code == ERR_OK) {
        code = make_agent(key, pub, name, &coordinator, err);
        keys_wipe_coordinator(&coordinator);
    }
    return code;
}

enum err_code keys_generate(const char *dir, const char *name, struct err *err)
{
    AUTO_FREE char *agents = agents_dir(dir);
    enum err_code code = name == NULL ? ERR_OK : keys_name_check(name, err);
    if (code == ERR_OK) {
        code = fsx_mkdirs(dir, 0700, err);
    }
    if (code == ERR_OK) {
        code = fsx_mkdirs(agents, 0700, err);
    }
    if (code == ERR_OK) {
        code = ensure_coordinator(dir, err);
    }
    if (code == ERR_OK && name != NULL) {
        code = ensure_agent(dir, name, err);
    }
    return code;
}
