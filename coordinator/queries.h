/* SPDX-License-Identifier: Apache-2.0 */
/* queries.h – look-ups in the store on the uv pool, a few at a time. */
#ifndef COORDINATOR_QUERIES_H
#define COORDINATOR_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "coordinator/requests.h"

struct store_reader;
struct uv_loop_s;

/* Gets the answer; takes text (JSON, or the error's words). */
typedef void (*queries_done_fn)(
    void *ctx, uint64_t peer, uint64_t id, enum err_code code, char *text, size_t len);

struct queries {
    struct uv_loop_s *loop;
    const char *home; /* borrowed */
    queries_done_fn done;
    void *ctx;
    struct list waiting;
    size_t running;
    struct store_reader *idle[REQUESTS_READERS]; /* opened when first needed */
    size_t idle_len;
};

void queries_init(struct queries *queries,
                  struct uv_loop_s *loop,
                  const char *home,
                  queries_done_fn done,
                  void *ctx);

/* Asks `verb` of store_query with args (JSON text); both are copied. done is called
 * later with peer and id. ERR_AGAIN: too many are waiting; done is not called. */
enum err_code queries_add(struct queries *queries,
                          uint64_t peer,
                          uint64_t id,
                          const char *verb,
                          const char *args) MUST_USE;

/* Drops what waits; running ones still call done. */
void queries_cancel(struct queries *queries);

/* Closes the readers; none may be running. */
void queries_fini(struct queries *queries);

#endif
