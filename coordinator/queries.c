/* SPDX-License-Identifier: Apache-2.0 */
/* queries.c – a pool of readers.
 *
 * Owns: the readers and the queries until they are done. Knows: that a reader belongs
 * to one query at a time. Does not know: verbs and JSON shapes.
 *
 * Parsing, looking up and printing all happen on the pool's thread; the loop only moves
 * pointers. */
#include "coordinator/queries.h"

#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "store/store.h"

struct query {
    struct list_node node;
    uv_work_t work;
    struct queries *owner;
    struct store_reader *reader; /* NULL until opened */
    uint64_t peer, id;
    char *verb, *args;
    enum err_code code;
    struct err err;
    struct strbuf text;
};

static enum err_code query_answer(struct query *query, struct err *err)
{
    enum err_code code = ERR_OK;
    if (query->reader == NULL) {
        code = store_reader_open(query->owner->home, &query->reader, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    AUTO_JSON json_t *args = NULL;
    code = json_parse(query->args, strlen(query->args), &args, err);
    if (code != ERR_OK) {
        return code;
    }
    AUTO_JSON json_t *result = NULL;
    code = store_query(query->reader, query->verb, args, &result, err);
    if (code != ERR_OK) {
        return code;
    }
    json_emit(result, &query->text, false);
    if (query->text.toobig) {
        return err_set(err, ERR_TOOBIG,
                       "the answer has more than %zu bytes: ask for less at a time",
                       query->text.max);
    }
    return ERR_OK;
}

static void query_run(uv_work_t *work)
{
    struct query *query = container_of(work, struct query, work);
    query->code = query_answer(query, &query->err);
    if (query->code != ERR_OK) {
        strbuf_fini(&query->text);
        query->text = STRBUF_INIT(ERR_MSG_SIZE);
        strbuf_adds(&query->text, query->err.msg);
    }
}

static void query_destroy(struct query *query)
{
    strbuf_fini(&query->text);
    mem_free(query->verb);
    mem_free(query->args);
    mem_free(query);
}

static void query_done(uv_work_t *work, int status);

static void queries_start(struct queries *queries)
{
    while (queries->running < REQUESTS_READERS && !list_is_empty(&queries->waiting)) {
        struct query *query =
            container_of(list_pop_head(&queries->waiting), struct query, node);
        if (queries->idle_len > 0) {
            query->reader = queries->idle[--queries->idle_len];
        }
        int rc = uv_queue_work(queries->loop, &query->work, query_run, query_done);
        ASSERT(rc == 0);
        queries->running++;
    }
}

static void query_done(uv_work_t *work, int status)
{
    struct query *query = container_of(work, struct query, work);
    struct queries *queries = query->owner;
    UNUSED(status);
    queries->running--;
    if (query->reader != NULL) {
        ASSERT(queries->idle_len < REQUESTS_READERS);
        queries->idle[queries->idle_len++] = query->reader;
    }
    size_t len = query->text.len;
    queries->done(queries->ctx, query->peer, query->id, query->code,
                  strbuf_take(&query->text), len);
    query_destroy(query);
    queries_start(queries);
}

void queries_init(struct queries *queries,
                  struct uv_loop_s *loop,
                  const char *home,
                  queries_done_fn done,
                  void *ctx)
{
    *queries = (struct queries){ .loop = loop, .home = home, .done = done, .ctx = ctx };
    list_init(&queries->waiting);
}

enum err_code queries_add(struct queries *queries,
                          uint64_t peer,
                          uint64_t id,
                          const char *verb,
                          const char *args)
{
    if (queries->waiting.len >= REQUESTS_QUERIES_MAX) {
        return ERR_AGAIN;
    }
    struct query *query = mem_alloc(sizeof *query);
    query->owner = queries;
    query->peer = peer;
    query->id = id;
    query->verb = mem_strdup(verb);
    query->args = mem_strdup(args);
    query->text = STRBUF_INIT(REQUESTS_ANSWER_BYTES_MAX);
    list_add_tail(&queries->waiting, &query->node);
    queries_start(queries);
    return ERR_OK;
}

void queries_cancel(struct queries *queries)
{
    for (;;) {
        struct list_node *node = list_pop_head(&queries->waiting);
        if (node == NULL) {
            return;
        }
        query_destroy(container_of(node, struct query, node));
    }
}

void queries_fini(struct queries *queries)
{
    ASSERT(queries->running == 0);
    while (queries->idle_len > 0) {
        store_reader_close(queries->idle[--queries->idle_len]);
    }
}
