/* SPDX-License-Identifier: Apache-2.0 */
/* trial_socket.c – the socket that `winnow log` and `winnow should-stop` talk to.
 *
 * Owns: the listener, its path, connections of one request each.
 * Knows: the client section of agent/helper/protocol.h.
 * Does not know: what becomes of a point; but when it answers `ok`, the entry is in the
 * spool.
 *
 * _GNU_SOURCE for accept4. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent_internal.h"

#include "agent/helper/protocol.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"

#define CLIENTS_MAX 256
#define SOCKET_NAME "trial.sock"

/* A request taken apart; views into the received bytes. */
struct request {
    struct str field[HELPER_FIELD_NR];
};

/* ---- requests ---------------------------------------------------------------------
 */

static bool request_split(struct str bytes, struct request *request)
{
    struct str rest = bytes;
    for (size_t i = 0; i < HELPER_FIELD_NR; i++) {
        size_t end = str_chr(rest, '\0');
        bool last = i + 1 == HELPER_FIELD_NR;
        if (last != (end == rest.len)) {
            return false;
        }
        request->field[i] = str_sub(rest, 0, end);
        rest = str_sub(rest, end + 1, rest.len);
    }
    return true;
}

/* Bytes of the UTF-8 character at `at`, 0 when it is none. */
static size_t utf8_length(struct str text, size_t at)
{
    const unsigned char *c = (const unsigned char *)text.ptr + at;
    size_t left = text.len - at;
    size_t len = c[0] < 0x80                    ? 1
                 : c[0] >= 0xc2 && c[0] <= 0xdf ? 2
                 : (c[0] & 0xf0) == 0xe0        ? 3
                 : c[0] >= 0xf0 && c[0] <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool outside = (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf4 && c[1] > 0x8f);
    return overlong || outside ? 0 : len;
}

static bool is_utf8(struct str text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = utf8_length(text, at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

static void reply_error(struct strbuf *reply, const char *what, struct str value)
{
    strbuf_addf(reply, "error: %s '%.*s'", what,
                (int)(value.len < 100 ? value.len : 100),
                value.len > 0 ? value.ptr : "");
}

static void
log_metric(struct trial *trial, const struct request *r, struct strbuf *reply)
{
    struct agent_point point = { .time_ms = clock_wall().ms };
    struct str name = r->field[HELPER_FIELD_NAME];
    struct str step_text = r->field[HELPER_FIELD_STEP];
    int64_t step = 0;
    if (!metric_name_is_valid(name)) {
        reply_error(reply, "not a metric's name:", name);
    } else if (num_parse_f64_ext(r->field[HELPER_FIELD_VALUE], &point.value)
               != ERR_OK) {
        reply_error(reply, "not a number:", r->field[HELPER_FIELD_VALUE]);
    } else if (step_text.len > 0 && num_parse_i64(step_text, &step) != ERR_OK) {
        reply_error(reply, "not a step:", step_text);
    } else if (!metric_names_point(trial->names, name, step_text.len > 0 ? &step : NULL,
                                   &point)) {
        strbuf_addf(reply, "error: more than %d metric names in one attempt",
                    METRIC_NAMES_PER_ATTEMPT_MAX);
    } else {
        struct agent_event event = { .kind = AGENT_EV_POINTS, .serial = trial->serial };
        event.as.points =
            (struct agent_ev_points){ .points = &point, .len = 1, .flush = true };
        agent_feed(trial->agent, &event);
        strbuf_adds(reply, "ok");
    }
}

static void log_note(struct trial *trial,
                     const struct request *r,
                     enum agent_note_kind kind,
                     struct strbuf *reply)
{
    struct str name = r->field[HELPER_FIELD_NAME];
    struct str value = r->field[HELPER_FIELD_VALUE];
    size_t max = kind == AGENT_NOTE_TAG ? TAG_VALUE_BYTES_MAX : PARAM_VALUE_BYTES_MAX;
    if (!metric_name_is_valid(name)) {
        reply_error(reply, "not a name:", name);
    } else if (value.len > max) {
        strbuf_addf(reply, "error: value longer than %zu bytes", max);
    } else if (!is_utf8(value)) {
        strbuf_adds(reply, "error: value is not UTF-8");
    } else {
        AUTO_FREE char *name_text = mem_strndup(name.ptr, name.len);
        AUTO_FREE char *value_text = mem_strndup(value.ptr, value.len);
        struct agent_event event = { .kind = AGENT_EV_NOTE, .serial = trial->serial };
        event.as.note = (struct agent_ev_note){ kind, name_text, value_text };
        agent_feed(trial->agent, &event);
        strbuf_adds(reply, "ok");
    }
}

static void
answer_log(struct trial *trial, const struct request *r, struct strbuf *reply)
{
    struct str kind = r->field[HELPER_FIELD_KIND];
    if (str_eq_c(kind, "metric")) {
        log_metric(trial, r, reply);
    } else if (str_eq_c(kind, "param")) {
        log_note(trial, r, AGENT_NOTE_PARAM, reply);
    } else if (str_eq_c(kind, "tag")) {
        log_note(trial, r, AGENT_NOTE_TAG, reply);
    } else if (str_eq_c(kind, "artifact")) {
        strbuf_adds(reply, "error: artifacts cannot be logged in this release");
    } else {
        reply_error(reply, "cannot log a", kind);
    }
}

static void answer(struct agent *agent, struct str bytes, struct strbuf *reply)
{
    struct request r;
    if (!request_split(bytes, &r)) {
        strbuf_adds(reply, "error: malformed request");
        return;
    }
    AUTO_FREE char *name =
        mem_printf("%.*s-%.*s", STR_ARG(r.field[HELPER_FIELD_RUN_ID]),
                   STR_ARG(r.field[HELPER_FIELD_ATTEMPT]));
    struct trial *trial = map_str_get(&agent->by_name, str_from(name));
    if (trial == NULL) {
        strbuf_adds(reply, "error: no such attempt runs here");
    } else if (str_eq_c(r.field[HELPER_FIELD_VERB], "should-stop")) {
        strbuf_adds(reply, trial->stopping ? "stop" : "go");
    } else if (str_eq_c(r.field[HELPER_FIELD_VERB], "log")) {
        answer_log(trial, &r, reply);
    } else {
        reply_error(reply, "unknown verb", r.field[HELPER_FIELD_VERB]);
    }
}

/* ---- connections ------------------------------------------------------------------
 */

static void client_close(struct socket_client *client)
{
    poller_remove(client->agent->poller, &client->source);
    list_remove(&client->agent->clients, &client->node);
    mem_free(client);
}

static void on_client(struct poll_source *source)
{
    struct socket_client *client = container_of(source, struct socket_client, source);
    struct agent *agent = client->agent;
    ssize_t n =
        recv(source->fd, agent->io_buf, HELPER_REQUEST_MAX, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        AUTO_STRBUF struct strbuf reply = STRBUF_INIT(HELPER_REPLY_MAX);
        if ((size_t)n > HELPER_REQUEST_MAX) {
            strbuf_addf(&reply, "error: request larger than %u bytes",
                        HELPER_REQUEST_MAX);
        } else {
            answer(agent, str_from_n(agent->io_buf, (size_t)n), &reply);
        }
        IGNORE_ERR(send(source->fd, strbuf_cstr(&reply), reply.len,
                        MSG_NOSIGNAL | MSG_DONTWAIT),
                   "a client that left does not wait for it");
    }
    client_close(client);
}

static void on_listener(struct poll_source *source)
{
    struct agent *agent = container_of(source, struct agent, listener);
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (agent->clients.len >= CLIENTS_MAX) {
        close(fd);
        return;
    }
    struct socket_client *client = mem_alloc(sizeof *client);
    client->agent = agent;
    client->source = (struct poll_source){ .fd = fd, .fn = on_client };
    list_add_tail(&agent->clients, &client->node);
    if (poller_add(agent->poller, &client->source, NULL) != ERR_OK) {
        client_close(client);
        return;
    }
    on_client(&client->source); /* most requests are there already */
}

/* ---- life -------------------------------------------------------------------------
 */

/* A socket's path has little room: a deep work-dir needs another folder. */
static enum err_code path_choose(struct agent *agent, struct err *err)
{
    struct sockaddr_un address;
    char *path = fsx_path_join(agent->work_dir, SOCKET_NAME);
    if (strlen(path) < sizeof address.sun_path) {
        agent->socket_path = path;
        return ERR_OK;
    }
    mem_free(path);
    const char *runtime = getenv("XDG_RUNTIME_DIR"); // NOLINT(concurrency-mt-unsafe)
    bool usable = runtime != NULL && runtime[0] == '/' && strlen(runtime) < 60
                  && fsx_is_dir(runtime);
    char *dir = mem_printf("%s/winnow-XXXXXX", usable ? runtime : "/tmp");
    if (mkdtemp(dir) == NULL) {
        enum err_code code = err_set_errno(err, errno, "cannot make folder '%s'", dir);
        mem_free(dir);
        return code;
    }
    agent->socket_dir = dir;
    agent->socket_path = fsx_path_join(dir, SOCKET_NAME);
    return ERR_OK;
}

enum err_code trial_socket_open(struct agent *agent, struct err *err)
{
    list_init(&agent->clients);
    enum err_code code = path_choose(agent, err);
    if (code != ERR_OK) {
        return code;
    }
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, agent->socket_path, strlen(agent->socket_path));
    /* The work-dir is locked, so a socket of that name is a dead one's. */
    unlink(agent->socket_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot make a socket");
    }
    agent->listener = (struct poll_source){ .fd = fd, .fn = on_listener };
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0
        || chmod(agent->socket_path, 0600) != 0 || listen(fd, 128) != 0) {
        code = err_set_errno(err, errno, "cannot listen on '%s'", agent->socket_path);
    } else {
        code = poller_add(agent->poller, &agent->listener, err);
    }
    if (code != ERR_OK) {
        close(fd);
        agent->listener.fd = -1;
    }
    return code;
}

void trial_socket_close(struct agent *agent)
{
    while (agent->clients.head.next != NULL && !list_is_empty(&agent->clients)) {
        client_close(
            container_of(list_first(&agent->clients), struct socket_client, node));
    }
    if (agent->listener.fd >= 0) {
        poller_remove(agent->poller, &agent->listener);
        unlink(agent->socket_path);
    }
    if (agent->socket_dir != NULL) {
        rmdir(agent->socket_dir);
    }
    mem_free(agent->socket_path);
    mem_free(agent->socket_dir);
    agent->socket_path = NULL;
    agent->socket_dir = NULL;
}
