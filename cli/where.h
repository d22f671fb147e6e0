/* SPDX-License-Identifier: Apache-2.0 */
/* where.h – which home or coordinator a verb is about, and asking it.
 *
 * --connect, then WINNOW_CONNECT, then --home, WINNOW_HOME, ./.winnow. Looking reads a
 * home's store directly, also while it is being written, or asks the coordinator; both
 * give the same JSON. Steering always goes through the one process that writes. */
#ifndef CLI_WHERE_H
#define CLI_WHERE_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/opt.h"
#include "core/event.h"

#include <stdbool.h>
#include <stdint.h>

/* Cause of a pause that a person asked for; a sweep that paused itself has another. */
#define WHERE_CAUSE_PAUSED "paused from the command line"

/* Borrowed from the command line and the environment. */
struct where {
    const char *connect; /* endpoint of a coordinator; NULL: home is used */
    const char *home;    /* never NULL */
    const char *key;     /* key file; NULL: no keys */
};

void where_resolve(const struct opts *opts, struct where *out);
/* As above for verbs that only know homes: --connect and its variable are not read. */
void where_resolve_home(const struct opts *opts, struct where *out);

/* An opened place to look at; ERR_NOTFOUND when the home holds no store. */
struct look;
enum err_code
look_open(const struct where *where, struct look **out, struct err *err) MUST_USE;
/* One look-up of store_query. */
enum err_code look_query(struct look *look,
                         const char *verb,
                         const json_t *args,
                         json_t **out,
                         struct err *err) MUST_USE;
/* NULL is fine. */
void look_close(struct look *look);
void look_cleanup(struct look **look);
#define AUTO_LOOK CLEANUP(look_cleanup)

/* Sends a verb to the process that holds the place, waits for the answer. With a home
 * that nobody holds: ERR_CLOSED. */
enum err_code where_request(const struct where *where,
                            const char *verb,
                            const json_t *args,
                            json_t **out,
                            struct err *err) MUST_USE;

/* Pauses, resumes, stops or retries: through whoever holds the place, else the home
 * itself. *held_out (may be NULL) says whether some process holds it. */
enum err_code where_steer(const struct where *where,
                          const struct ev_steer *steer,
                          bool *held_out,
                          json_t **out,
                          struct err *err) MUST_USE;

/* What the engine says of a sweep, or of its trial *trial when that is not NULL (see
 * coordinator/explain.h): whoever holds the place is asked, else the home's store is
 * replayed. */
enum err_code where_explain(const struct where *where,
                            const char *sweep,
                            const uint32_t *trial,
                            json_t **out,
                            struct err *err) MUST_USE;

/* ERR_NOTFOUND with a proposal when the home holds no store. */
enum err_code where_check_home(const struct where *where, struct err *err) MUST_USE;

#endif
