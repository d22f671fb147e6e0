/* SPDX-License-Identifier: Apache-2.0 */
/* keys_file.h – the text form of key files. Internal to proto. Blocking; any thread. */
#ifndef PROTO_KEYS_FILE_H
#define PROTO_KEYS_FILE_H

#include "base/compiler.h"
#include "base/err.h"
#include "proto/keys.h"

#include <stdbool.h>

/* What a key file may hold; "" when absent. */
struct keys_file {
    char name[NAME_BYTES_MAX + 1];
    char public_key[KEYS_TEXT_SIZE];
    char secret_key[KEYS_TEXT_SIZE];
    char coordinator_key[KEYS_TEXT_SIZE];
};

/* Reads and checks every line. `secret`: the file must be readable by its owner only,
 * else ERR_DENIED with the chmod line. ERR_CORRUPT names file and line. *out is for
 * keys_file_wipe. */
enum err_code keys_file_read(const char *path,
                             bool secret,
                             struct keys_file *out,
                             struct err *err) MUST_USE;
/* Writes what is not "", under a comment line, atomically; mode 0600 if it holds a
 * secret, else 0644. */
enum err_code keys_file_write(const char *path,
                              const char *comment,
                              const struct keys_file *file,
                              struct err *err) MUST_USE;
void keys_file_wipe(struct keys_file *file);

#endif
