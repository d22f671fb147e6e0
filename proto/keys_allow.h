/* SPDX-License-Identifier: Apache-2.0 */
/* keys_allow.h – the allow-list: whose key is this? Internal to proto. Blocking (small
 * files of one folder); loop thread. */
#ifndef PROTO_KEYS_ALLOW_H
#define PROTO_KEYS_ALLOW_H

#include "base/compiler.h"

struct keys_allow;

/* keys_dir (HOME/keys) is copied; its agents/ folder is read when first asked. */
struct keys_allow *keys_allow_create(const char *keys_dir) MUST_USE;
/* NULL allowed. */
void keys_allow_destroy(struct keys_allow *allow);

/* Name of the holder of a public key in Z85, or NULL when it is not admitted. Looks at
 * the folder again when it has changed, so new files and removed ones count at once.
 * Malformed files admit nobody. Borrowed until the next call. */
const char *keys_allow_find(struct keys_allow *allow, const char *public_key);

#endif
