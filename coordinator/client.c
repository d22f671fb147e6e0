/* SPDX-License-Identifier: Apache-2.0 */
/* client.c – one request at a time to a coordinator.
 *
 * Owns: a loop, a connection and the answer being received. Knows: that "nobody is
 * there", "wrong key" and "no answer" are different news for a person. Does not know:
 * verbs, and how answers are shown.
 *
 * The loop runs only inside the functions below. A ping at opening proves that the
 * other side listens, accepts our key and speaks our protocol. */
#include "coordinator/client.h"

#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "proto/codec.h"
#include "proto/keys.h"
#include "proto/transport.h"
#include "proto/transport_zmq.h"

#define TIMEOUT_MS_DEFAULT 10000
/* An answer in parts; equal to what a coordinator sends at most. */
#define ANSWER_BYTES_MAX ((size_t)256 * 1024 * 1024)
/* Time that closing may take to get the last request out. */
#define LINGER_MS 500

struct client {
    uv_loop_t loop;
    uv_timer_t timer;
    struct zmq_hub *hub;
    struct transport *transport;
    struct codec_decoder *decoder;
    char *endpoint;
    int64_t timeout_ms;
    uint64_t peer;  /* 0: not connected */
    uint64_t id;    /* of the open request; 0: none */
    uint8_t *frame; /* request that waits for the connection; owned */
    size_t frame_len;
    bool waiting;       /* inside client_wait */
    enum err_code code; /* how the wait ended */
    struct err err;
    struct strbuf text; /* answer so far */
};

/* ---- what the loop reports ---- */

static void finish(struct client *client, enum err_code code, const char *text)
{
    if (client->waiting) {
        client->waiting = false;
        client->code = code;
        err_set(&client->err, code, "%s", text);
        uv_stop(&client->loop);
    }
}

static void on_reply(struct client *client, const Winnow__Reply *reply)
{
    if (reply->id != client->id || !client->waiting) {
        return; /* of a request that was given up */
    }
    strbuf_add(&client->text, reply->data.data, reply->data.len);
    if (client->text.toobig) {
        finish(client, ERR_TOOBIG, "the answer is too long");
    } else if (!reply->more) {
        bool known = reply->code < ERR_NR;
        finish(client, known ? (enum err_code)reply->code : ERR_INTERNAL,
               reply->code == ERR_OK ? "" : strbuf_cstr(&client->text));
    }
}

static void
on_recv(void *ctx, uint64_t peer, const uint8_t *data, size_t len, const char *user_id)
{
    struct client *client = ctx;
    struct codec_message msg;
    struct err err = { 0 };
    UNUSED(peer);
    UNUSED(user_id);
    enum err_code code = codec_decode(client->decoder, data, len, &msg, &err);
    if (code != ERR_OK) {
        finish(client, code, err.msg);
    } else if (msg.type == MSG_REPLY) {
        on_reply(client, msg.env->reply);
    } else if (msg.type == MSG_REFUSE) {
        const Winnow__Refuse *refuse = msg.env->refuse;
        bool known = refuse->code != ERR_OK && refuse->code < ERR_NR;
        finish(client, known ? (enum err_code)refuse->code : ERR_INTERNAL,
               refuse->text != NULL ? refuse->text : "refused by the coordinator");
    }
}

static void frame_send(struct client *client)
{
    uint8_t *frame = mem_take(&client->frame);
    enum err_code code =
        transport_send(client->transport, client->peer, frame, client->frame_len);
    if (code != ERR_OK) {
        finish(client, ERR_CLOSED, "the connection to the coordinator is gone");
    }
}

static void on_peer_up(void *ctx, uint64_t peer)
{
    struct client *client = ctx;
    client->peer = peer;
    if (client->frame != NULL) {
        frame_send(client);
    }
}

static void on_peer_down(void *ctx, uint64_t peer)
{
    struct client *client = ctx;
    UNUSED(peer);
    client->peer = 0;
    finish(client, ERR_CLOSED, "the coordinator went away before it answered");
}

static void on_trouble(void *ctx, enum err_code code, const char *text)
{
    finish(ctx, code, text);
}

static void on_timeout(uv_timer_t *timer)
{
    struct client *client = timer->data;
    char text[128];
    int len =
        snprintf(text, sizeof text, "no answer from the coordinator within %lld ms",
                 (long long)client->timeout_ms);
    ASSERT(len > 0);
    finish(client, ERR_TIMEOUT, text);
}

static const struct transport_callbacks CALLBACKS = { .recv = on_recv,
                                                      .peer_up = on_peer_up,
                                                      .peer_down = on_peer_down,
                                                      .trouble = on_trouble };

/* ---- asking ---- */

static enum err_code
request_pack(struct client *client, const char *verb, const char *args, struct err *err)
{
    Winnow__Envelope env;
    Winnow__Request request;
    codec_init_request(&env, &request);
    AUTO_FREE char *verb_copy = mem_strdup(verb);
    AUTO_FREE char *args_copy = mem_strdup(args);
    request.has_id = 1;
    request.id = ++client->id;
    request.verb = verb_copy;
    request.args = args_copy;
    mem_free(mem_take(&client->frame));
    return codec_pack(&env, &client->frame, &client->frame_len, err);
}

/* Runs the loop until the answer is there or cannot come. */
static enum err_code client_wait(struct client *client, struct err *err)
{
    client->waiting = true;
    client->err = (struct err){ 0 };
    strbuf_reset(&client->text);
    uv_update_time(&client->loop);
    uv_timer_start(&client->timer, on_timeout, (uint64_t)client->timeout_ms, 0);
    if (client->peer != 0) {
        frame_send(client);
    }
    while (client->waiting) {
        uv_run(&client->loop, UV_RUN_DEFAULT);
    }
    uv_timer_stop(&client->timer);
    if (client->code != ERR_OK) {
        return err_set(err, client->code, "%s", client->err.msg);
    }
    return ERR_OK;
}

static enum err_code client_ask(struct client *client,
                                const char *verb,
                                const char *args,
                                json_t **result_out,
                                struct err *err)
{
    enum err_code code = request_pack(client, verb, args, err);
    if (code == ERR_OK) {
        code = client_wait(client, err);
    }
    if (code != ERR_OK || result_out == NULL) {
        return code;
    }
    /* Not json_parse: an answer in parts may be longer than a document from outside. */
    json_error_t error;
    json_t *result = json_loadb(client->text.ptr, client->text.len,
                                JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (result == NULL) {
        return err_set(err, ERR_CORRUPT, "answer of the coordinator: %s", error.text);
    }
    *result_out = result;
    return ERR_OK;
}

enum err_code client_request(struct client *client,
                             const char *verb,
                             const json_t *args,
                             json_t **result_out,
                             struct err *err)
{
    AUTO_FREE char *text = args != NULL ? json_dump_line(args) : mem_strdup("{}");
    return client_ask(client, verb, text, result_out, err);
}

/* ---- life ---- */

static void on_transport_closed(void *ctx)
{
    UNUSED(ctx);
}

void client_close(struct client *client)
{
    if (client == NULL) {
        return;
    }
    client->waiting = false;
    if (client->transport != NULL) {
        transport_close(client->transport, on_transport_closed, NULL);
    }
    zmq_hub_unref(client->hub);
    uv_close((uv_handle_t *)&client->timer, NULL);
    /* uv_stop of the last wait may still be noted: it would end the first run early. */
    while (uv_run(&client->loop, UV_RUN_DEFAULT) != 0) {
    }
    int rc = uv_loop_close(&client->loop);
    ASSERT(rc == 0);
    codec_decoder_destroy(client->decoder);
    strbuf_fini(&client->text);
    mem_free(client->frame);
    mem_free(client->endpoint);
    mem_free(client);
}

static enum err_code endpoint_find(struct client *client,
                                   const struct client_config *config,
                                   struct err *err)
{
    if (config->endpoint != NULL) {
        client->endpoint = mem_strdup(config->endpoint);
        return ERR_OK;
    }
    ASSERT(config->home != NULL);
    AUTO_FREE char *home = NULL;
    if (fsx_real_path(config->home, &home, NULL) != ERR_OK) {
        return err_set(err, ERR_CLOSED, "no coordinator holds '%s'", config->home);
    }
    AUTO_FREE char *path = fsx_path_join(home, "winnow.sock");
    if (!fsx_exists(path)) {
        return err_set(err, ERR_CLOSED, "no coordinator holds '%s'", config->home);
    }
    client->endpoint = mem_printf("ipc://%s", path);
    return ERR_OK;
}

static enum err_code client_connect(struct client *client,
                                    const struct client_config *config,
                                    struct err *err)
{
    struct keys_agent keys;
    struct transport_zmq_config zmq = { .endpoint = client->endpoint,
                                        .cb = CALLBACKS,
                                        .ctx = client,
                                        .linger_ms = LINGER_MS };
    enum err_code code = zmq_hub_create(&client->loop, &client->hub, err);
    if (code != ERR_OK) {
        return code;
    }
    zmq.hub = client->hub;
    if (config->key_file != NULL) {
        code = keys_load_agent(config->key_file, &keys, err);
        if (code != ERR_OK) {
            return code;
        }
        zmq.client_keys = &keys;
    }
    code = transport_zmq_connect(&zmq, &client->transport, err);
    if (config->key_file != NULL) {
        keys_wipe_agent(&keys);
    }
    return code;
}

enum err_code
client_open(const struct client_config *config, struct client **out, struct err *err)
{
    struct client *client = mem_alloc(sizeof *client);
    client->timeout_ms =
        config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS_DEFAULT;
    client->text = STRBUF_INIT(ANSWER_BYTES_MAX);
    client->decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    int rc = uv_loop_init(&client->loop);
    ASSERT(rc == 0);
    rc = uv_timer_init(&client->loop, &client->timer);
    ASSERT(rc == 0);
    client->timer.data = client;
    enum err_code code = endpoint_find(client, config, err);
    if (code == ERR_OK) {
        code = client_connect(client, config, err);
    }
    if (code == ERR_OK) {
        code = client_ask(client, "ping", "{}", NULL, err);
        if (code != ERR_OK) {
            err_wrap(err, "cannot reach the coordinator at '%s'", client->endpoint);
        }
    }
    if (code != ERR_OK) {
        client_close(client);
        return code;
    }
    *out = client;
    return ERR_OK;
}
