/* SPDX-License-Identifier: Apache-2.0 */
/* requests.h – what clients may ask a coordinator, as verb and JSON arguments.
 *
 *   ping     {}                     {"home_id", "agents": connected, "attempts": live}
 *   version  {}                     {"program", "protocol": "1.0"}
 *   submit   {"text": the sweep file, "source"?: its name for messages,
 *             "mlproject"?: text of the project's MLproject, "directory": absolute
 *             folder of the sweep file, "new"?: bool}
 *   pause    {"sweep": REF, "cause"?}
 *   resume   {"sweep": REF, "cause"?}
 *   stop     {"sweep": REF, "cause"?, "drain"?: bool}
 *   enqueue  {"sweep": REF, "cause"?, "points": [{NAME: VALUE, …}, …]}
 *   import   {"sweep": REF, "cause"?, "points": [{"params": {…}, "value", "state"?,
 *            "step"?}, …]}  answered with the counts imported, outside, no_value
 *   retry    {"sweep": REF, "cause"?, "trials"?: [[first, last], …],
 *             "states"?: ["failed", …], "where"?: expression, "dry_run"?: bool}
 *   edit     {"sweep": REF, "text": the whole new file, "source"?, "mlproject"?:
 * (absent: as it is), "revision"?: that the text was made from, "resume"?: bool,
 *             "dry_run"?: bool}
 *   explain  {"sweep": REF, "trial"?: number}   see coordinator/explain.h
 *   ls show revisions trials best runs metrics log progress resolve history
 *            the look-ups of store/store.h, with its arguments and answers
 *
 * submit and the steering verbs are answered after the commit with
 * {"id": run id of the sweep, "name", "status", "state"}; status is "created",
 * "resumed" or "finished" for submit, else "ok" ("dry run" for such a retry). A retry's
 * answer also has "retried", a count, and "trials", their numbers. Unknown members are
 * errors. A client has at most REQUESTS_PER_CLIENT_MAX requests open; more are answered
 * ERR_AGAIN.
 */
#ifndef COORDINATOR_REQUESTS_H
#define COORDINATOR_REQUESTS_H

#include "base/compiler.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct coordinator;
struct session;

/* Open requests of one client: a pipeline, not a flood. */
#define REQUESTS_PER_CLIENT_MAX 64
/* Look-ups waiting for a reader, of all clients together. */
#define REQUESTS_QUERIES_MAX 1024
/* Readers working at once; they share the cores with the engine and the writer. */
#define REQUESTS_READERS 2
/* One answer; a million trials as JSON would pass it and must be asked for in pages. */
#define REQUESTS_ANSWER_BYTES_MAX ((size_t)256 * 1024 * 1024)

/* One Request of a client; strings are borrowed, NULL when absent. It is answered
 * through replies.h, now or later. */
void requests_handle(struct coordinator *c,
                     struct session *session,
                     uint64_t id,
                     const char *verb,
                     const char *args);

#endif
