/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h – what the engine answers to `explain`, as JSON.
 *
 * {"live": bool, "sweep": {…}, "trial"?: {…}, "agents"?: […],
 *  "reasons": [{"code", "text", "change"?}]}; docs/store.md has the members. */
#ifndef COORDINATOR_EXPLAIN_H
#define COORDINATOR_EXPLAIN_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"

struct engine;

/* Explains the sweep, or its trial number *trial when that is not NULL. *out is a new
 * reference. ERR_NOTFOUND when there is none. */
enum err_code explain_json(const struct engine *engine,
                           const char *sweep,
                           const uint32_t *trial,
                           json_t **out,
                           struct err *err) MUST_USE;

#endif
