/* SPDX-License-Identifier: Apache-2.0 */
/* client.h – asks a running coordinator and waits for the answer. Blocking, with a loop
 * of its own; one thread per client. The verbs are those of coordinator/requests.h. */
#ifndef COORDINATOR_CLIENT_H
#define COORDINATOR_CLIENT_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"

struct client;

struct client_config {
    const char *endpoint; /* "tcp://HOST:PORT" or "ipc://PATH"; NULL: `home` is used */
    const char *home;     /* folder whose winnow.sock is asked when endpoint is NULL */
    const char *key_file; /* NAME.key made by keygen, for CURVE; NULL: none */
    int64_t timeout_ms;   /* of connecting, and of each request; 0: 10 s */
};

/* Connects.
 *   ERR_CLOSED   nobody is there (no socket, connection refused)
 *   ERR_DENIED   the key is wrong or unknown there; a bad key file
 *   ERR_INVALID  malformed endpoint, not a coordinator, or only one side uses keys
 *   ERR_TIMEOUT  no answer in time */
enum err_code client_open(const struct client_config *config,
                          struct client **out,
                          struct err *err) MUST_USE;

/* Asks. args: a JSON object (borrowed), NULL for {}. *result_out (may be NULL) gets the
 * answer, a new reference. Errors of the verb come with the coordinator's code and
 * text; ERR_CLOSED when it goes away before the answer, ERR_VERSION when it speaks
 * another protocol. After ERR_TIMEOUT or ERR_CLOSED the request may still be carried
 * out. */
enum err_code client_request(struct client *client,
                             const char *verb,
                             const json_t *args,
                             json_t **result_out,
                             struct err *err) MUST_USE;

/* NULL is fine. */
void client_close(struct client *client);

#endif
