/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h – the work-dir: whose it is, and what is kept in it between starts. */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include "base/compiler.h"
#include "base/err.h"

#include <stdint.h>

struct identity {
    char *agent_id;
    char *home_id; /* home that spooled reports belong to; NULL: none yet */
    uint64_t boot; /* one more than at the last start */
    int lock_fd;   /* held while the agent lives */
};

/* Makes the folder and those below it, locks it, counts the boot. agent_id NULL: the
 * kept one, or a new one made of `host` and random digits. ERR_LOCKED: another agent
 * uses it. ERR_INVALID: agent_id or the kept file is malformed. */
enum err_code identity_open(const char *work_dir,
                            const char *agent_id,
                            const char *host,
                            struct identity *identity,
                            struct err *err) MUST_USE;
/* Frees the strings; the lock goes with its descriptor. */
void identity_fini(struct identity *identity);
/* Remembers the home. */
enum err_code
identity_set_home(const char *work_dir, const char *home_id, struct err *err) MUST_USE;

/* True for 1 to 128 bytes of [A-Za-z0-9._-], not beginning with '.'. */
int agent_id_is_valid(const char *agent_id);

#endif
