/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h – CURVE key files of a home: who the coordinator is and who may connect.
 *
 *   HOME/keys/coordinator.key     secret and public key of the coordinator, 0600
 *   HOME/keys/coordinator.pub     its public key
 *   HOME/keys/agents/NAME.pub     allow-list: one public key an agent or client
 *   HOME/keys/NAME.key            all that agent NAME needs (its keys and the
 *                                 coordinator's public key), 0600: the one file to copy
 *
 * Files are text: lines of `word value`, `#` comments; keys in Z85. Blocking; any
 * thread. Messages name the file and never show a secret. */
#ifndef PROTO_KEYS_H
#define PROTO_KEYS_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>

/* A key in Z85 with its NUL. */
#define KEYS_TEXT_SIZE 41

struct keys_coordinator {
    char public_key[KEYS_TEXT_SIZE];
    char secret_key[KEYS_TEXT_SIZE];
};

struct keys_agent {
    char name[NAME_BYTES_MAX + 1]; /* what the coordinator sees as user_id */
    char public_key[KEYS_TEXT_SIZE];
    char secret_key[KEYS_TEXT_SIZE];
    char coordinator_key[KEYS_TEXT_SIZE]; /* public */
};

/* ERR_INVALID unless name is [A-Za-z0-9][A-Za-z0-9._-]*, at most NAME_BYTES_MAX long
 * and not `coordinator`. */
enum err_code keys_name_check(const char *name, struct err *err) MUST_USE;

/* Makes the coordinator's pair in folder `dir` (HOME/keys; made if absent, 0700) unless
 * it is there, then, if name is not NULL, the pair of agent `name`. Never overwrites:
 * ERR_EXISTS names the file. */
enum err_code
keys_generate(const char *dir, const char *name, struct err *err) MUST_USE;

/* Whether dir holds a coordinator's key, so that `--listen` can use it. */
bool keys_have_coordinator(const char *dir);

/* Reads DIR/coordinator.key. A file that others may read is ERR_DENIED with the chmod
 * line that mends it; a malformed one is ERR_CORRUPT. *out is for keys_wipe_coordinator
 * when no longer needed. */
enum err_code keys_load_coordinator(const char *dir,
                                    struct keys_coordinator *out,
                                    struct err *err) MUST_USE;
/* Reads an agent's NAME.key at `path`, with the same checks. */
enum err_code
keys_load_agent(const char *path, struct keys_agent *out, struct err *err) MUST_USE;

/* Overwrite the secrets; NULL allowed. */
void keys_wipe_coordinator(struct keys_coordinator *keys);
void keys_wipe_agent(struct keys_agent *keys);

#endif
