/* SPDX-License-Identifier: Apache-2.0 */
/* where.c – finds the place a verb is about and asks it.
 * Owns the order of options and variables. Knows the store's reader, the client, and
 * what can be done with a home that nobody holds. Does not know what the questions
 * mean. */
#include "cli/where.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "coordinator/client.h"
#include "coordinator/coordinator.h"
#include "store/store.h"

struct look {
    struct store_reader *reader; /* of a home */
    struct client *client;       /* of a coordinator */
};

/* The option, else the variable unless it is empty, else NULL. */
static const char *choose(const struct opts *opts, enum opt_id id, const char *variable)
{
    if (opts->values[id] != NULL) {
        return opts->values[id];
    }
    /* Nothing in this program changes the environment after start. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *text = getenv(variable);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

void where_resolve_home(const struct opts *opts, struct where *out)
{
    const char *home = choose(opts, OPT_HOME, "WINNOW_HOME");
    *out = (struct where){ .home = home != NULL ? home : "./.winnow" };
}

void where_resolve(const struct opts *opts, struct where *out)
{
    where_resolve_home(opts, out);
    out->connect = choose(opts, OPT_CONNECT, "WINNOW_CONNECT");
    out->key = choose(opts, OPT_KEY, "WINNOW_KEY");
}

enum err_code where_check_home(const struct where *where, struct err *err)
{
    AUTO_FREE char *db = fsx_path_join(where->home, "store.db");
    if (fsx_exists(db)) {
        return ERR_OK;
    }
    return err_set(err, ERR_NOTFOUND,
                   "no winnow home at '%s': give --home or --connect, or start a sweep "
                   "here with winnow run",
                   where->home);
}

static enum err_code
open_client(const struct where *where, struct client **out, struct err *err)
{
    struct client_config config = {
        .endpoint = where->connect,
        .home = where->home,
        .key_file = where->connect != NULL ? where->key : NULL,
    };
    return client_open(&config, out, err);
}

enum err_code look_open(const struct where *where, struct look **out, struct err *err)
{
    struct look *look = mem_alloc(sizeof *look);
    enum err_code code = ERR_OK;
    if (where->connect != NULL) {
        code = open_client(where, &look->client, err);
    } else {
        code = where_check_home(where, err);
        if (code == ERR_OK) {
            code = store_reader_open(where->home, &look->reader, err);
        }
    }
    if (code != ERR_OK) {
        look_close(look);
        return code;
    }
    *out = look;
    return ERR_OK;
}

enum err_code look_query(struct look *look,
                         const char *verb,
                         const json_t *args,
                         json_t **out,
                         struct err *err)
{
    if (look->client != NULL) {
        return client_request(look->client, verb, args, out, err);
    }
    return store_query(look->reader, verb, args, out, err);
}

void look_close(struct look *look)
{
    if (look == NULL) {
        return;
    }
    if (look->reader != NULL) {
        store_reader_close(look->reader);
    }
    client_close(look->client);
    mem_free(look);
}

void look_cleanup(struct look **look)
{
    look_close(*look);
}

enum err_code where_request(const struct where *where,
                            const char *verb,
                            const json_t *args,
                            json_t **out,
                            struct err *err)
{
    struct client *client = NULL;
    enum err_code code = open_client(where, &client, err);
    if (code == ERR_OK) {
        code = client_request(client, verb, args, out, err);
    }
    client_close(client);
    return code;
}

static const char *steer_name(enum steer_verb verb)
{
    switch (verb) {
    case STEER_PAUSE:
        return "pause";
    case STEER_RESUME:
        return "resume";
    case STEER_STOP:
        return "stop";
    case STEER_RETRY:
        return "retry";
    case STEER_ENQUEUE:
        return "enqueue";
    case STEER_IMPORT:
        return "import";
    case STEER_EDIT:
        return "edit";
    case STEER_VERB_NR:
        break;
    }
    UNREACHABLE();
}

static void retry_args(const struct steer_retry *retry, json_t *args)
{
    json_t *states = json_array();
    json_t *trials = json_array();
    for (unsigned i = 0; i < TRIAL_STATE_NR; i++) {
        if ((retry->states >> i & 1u) != 0) {
            json_array_append_new(states,
                                  json_string(trial_state_name((enum trial_state)i)));
        }
    }
    for (size_t i = 0; i < retry->ranges_len; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_integer(retry->ranges[i].first));
        json_array_append_new(pair, json_integer(retry->ranges[i].last));
        json_array_append_new(trials, pair);
    }
    json_put(args, "states", states);
    json_put(args, "trials", trials);
    json_put_bool(args, "dry_run", retry->dry_run);
    if (retry->where != NULL) {
        json_put_str(args, "where", retry->where);
    }
}

static void edit_args(const struct steer_edit *edit, json_t *args)
{
    json_put_str(args, "text", edit->text);
    json_put_str(args, "source", edit->source);
    json_put_i64(args, "revision", edit->revision);
    json_put_bool(args, "resume", edit->resume);
    json_put_bool(args, "dry_run", edit->dry_run);
    if (edit->mlproject != NULL) {
        json_put_str(args, "mlproject", edit->mlproject);
    }
}

static json_t *steer_args(const struct ev_steer *steer)
{
    json_t *args = json_object();
    json_put_str(args, "sweep", steer->sweep);
    json_put_str(args, "cause", steer->cause);
    if (steer->verb == STEER_STOP) {
        json_put_bool(args, "drain", steer->drain);
    }
    if (steer->verb == STEER_RETRY) {
        retry_args(&steer->retry, args);
    }
    if (steer->points != NULL) {
        json_t *points = NULL;
        IGNORE_ERR(json_parse(steer->points, steer->points_len, &points, NULL),
                   "the engine says what is wrong with no points");
        json_put(args, "points", points != NULL ? points : json_array());
    }
    if (steer->verb == STEER_EDIT) {
        edit_args(&steer->edit, args);
    }
    return args;
}

static enum err_code steer_offline(const struct where *where,
                                   const struct ev_steer *steer,
                                   json_t **out,
                                   struct err *err)
{
    AUTO_FREE char *text = NULL;
    enum err_code code = coordinator_offline_steer(where->home, steer, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    struct str view = str_from(text);
    return json_parse(view.ptr, view.len, out, err);
}

enum err_code where_steer(const struct where *where,
                          const struct ev_steer *steer,
                          bool *held_out,
                          json_t **out,
                          struct err *err)
{
    AUTO_JSON json_t *args = steer_args(steer);
    bool has_home = where->connect == NULL;
    enum err_code code = has_home ? where_check_home(where, err) : ERR_OK;
    if (code != ERR_OK) {
        return code;
    }
    struct client *client = NULL;
    code = open_client(where, &client, err);
    bool held = code != ERR_CLOSED || !has_home;
    if (code == ERR_OK) {
        code = client_request(client, steer_name(steer->verb), args, out, err);
    }
    client_close(client);
    if (!held) {
        code = steer_offline(where, steer, out, err);
    }
    if (held_out != NULL) {
        *held_out = held;
    }
    return code;
}

enum err_code where_explain(const struct where *where,
                            const char *sweep,
                            const uint32_t *trial,
                            json_t **out,
                            struct err *err)
{
    AUTO_JSON json_t *args = json_object();
    json_put_str(args, "sweep", sweep);
    if (trial != NULL) {
        json_put_i64(args, "trial", *trial);
    }
    struct err held = { 0 };
    enum err_code code = where_request(where, "explain", args, out, &held);
    if (code == ERR_CLOSED && where->connect == NULL) {
        return coordinator_offline_explain(where->home, sweep, trial, out, err);
    }
    return code == ERR_OK ? code : err_set(err, code, "%s", held.msg);
}
