/* SPDX-License-Identifier: Apache-2.0 */
/* coordinator.h – a coordinator as a library: engine, store, sessions and sockets of
 * one home on the caller's libuv loop.
 *
 *     coordinator_create → coordinator_submit, … → uv_run
 *         → coordinator_shutdown → on_drained → coordinator_close → closed
 *
 * Everything here is called on the loop's thread, and callbacks come from there, never
 * from inside the call that caused them. Callbacks may call any function of this
 * header. Nothing is global but the log sink (base/sys/log.h). */
#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sys/log.h"
#include "core/engine.h"
#include "core/event.h"
#include "core/sampler.h"
#include "core/states.h"

struct coordinator;
struct transport;
struct uv_loop_s;

/* Lease of an agent when the configuration does not say. */
#define COORDINATOR_LEASE_MS_DEFAULT 30000

/* What the owner hears. Each may be NULL. */
struct coordinator_callbacks {
    /* A sweep came to rest: finished, stopped, failed or paused; it is on disk. */
    void (*on_sweep_ended)(void *ctx, uint32_t sweep, enum sweep_state state);
    /* After coordinator_shutdown: nothing runs any more and all of it is on disk. */
    void (*on_drained)(void *ctx);
    /* The store failed (not for lack of space). Nothing further is written or told to
     * anybody; the owner closes the coordinator and exits with 1. Comes once. */
    void (*on_fatal)(void *ctx, const struct err *err);
};

struct coordinator_config {
    struct uv_loop_s *loop; /* borrowed; must outlive the coordinator */
    const char *home;       /* folder of the store; made if absent; copied */
    const char
        *listen; /* "tcp://HOST:PORT", PORT may be *; NULL: HOME/winnow.sock only */
    const char *keys_dir;                    /* NULL: HOME/keys */
    int64_t lease_ms;                        /* 0: COORDINATOR_LEASE_MS_DEFAULT */
    const struct sampler_registry *samplers; /* NULL: all that the program knows */
    enum log_level
        log_level_max; /* less important lines are not written; `run`: WARN */
    struct coordinator_callbacks cb;
    void *ctx; /* for cb */
};

/* Opens and locks the home, replays it, starts the store thread, and listens on
 * HOME/winnow.sock (0600) and, if asked, on `listen`: with CURVE where the keys folder
 * holds a coordinator's key, else on loopback only.
 * Blocks for the replay. *out is for coordinator_close.
 *   ERR_LOCKED   another process holds the home (its pid is in the message)
 *   ERR_DENIED   `listen` leaves this machine and there are no keys
 *   ERR_VERSION, ERR_CORRUPT, ERR_FULL, ERR_IO, ERR_INVALID (malformed endpoint) */
enum err_code coordinator_create(const struct coordinator_config *config,
                                 struct coordinator **out,
                                 struct err *err) MUST_USE;

/* The server end for an agent in the same process and loop, as `run` and tests have it:
 * give it to transport_loop_connect. Made with the first call, borrowed, closed with
 * the coordinator (the agent then hears peer_down). */
struct transport *coordinator_loop_transport(struct coordinator *c);

/* Where TCP clients connect, with the real port; NULL without `listen`. Borrowed. */
const char *coordinator_endpoint(const struct coordinator *c);

/* "ipc://…/winnow.sock". Borrowed. */
const char *coordinator_ipc_endpoint(const struct coordinator *c);

/* 32 hexadecimal digits. Borrowed. */
const char *coordinator_home_id(const struct coordinator *c);

/* Answer to a request: code and the error's text, or JSON when ERR_OK; after the
 * commit. text is borrowed for the call. ERR_CLOSED when the coordinator closes before.
 */
typedef void (*coordinator_reply_fn)(void *ctx, enum err_code code, const char *text);

/* Submits a sweep (DESIGN §4 identity). submit->run_id is ignored; everything is
 * copied. reply may be NULL. The JSON is documented with `submit` in requests.h. */
void coordinator_submit(struct coordinator *c,
                        const struct ev_submit *submit,
                        coordinator_reply_fn reply,
                        void *reply_ctx);

/* Pauses, resumes or stops a sweep (does not retry); copies everything. reply may be
 * NULL. */
void coordinator_steer(struct coordinator *c,
                       const struct ev_steer *steer,
                       coordinator_reply_fn reply,
                       void *reply_ctx);

/* As engine_find_sweep and engine_summary: what the engine decided, which may be a few
 * milliseconds ahead of the disk. What the summary borrows is valid until the loop
 * runs. */
enum err_code coordinator_find_sweep(const struct coordinator *c,
                                     const char *ref,
                                     uint32_t *sweep_out,
                                     struct err *err) MUST_USE;
void coordinator_summary(const struct coordinator *c,
                         uint32_t sweep,
                         struct sweep_summary *summary_out);
/* The sweep's parsed file; borrowed for the coordinator's life. */
const struct sweep_spec *coordinator_spec(const struct coordinator *c, uint32_t sweep);
size_t coordinator_agents_connected(const struct coordinator *c);
size_t coordinator_attempts_live(const struct coordinator *c);

/* Nothing new starts. drain: running attempts go on, and on_drained comes when the last
 * has ended; otherwise it comes at once, and what runs stays with its agents. Sweeps
 * keep their state and go on with the next coordinator. May be called again with drain
 * false. */
void coordinator_shutdown(struct coordinator *c, bool drain);

/* Ends it: writes what was decided (unless the store failed or is full), closes
 * sockets, threads and store, removes winnow.sock; `closed` (may be NULL) once when the
 * memory is gone. Needs the loop to run. Nothing but `closed` and open replies is
 * called from now. */
void coordinator_close(struct coordinator *c,
                       void (*closed)(void *ctx),
                       void *closed_ctx);

/* Steers a home that no coordinator holds: opens it, replays, changes, commits, closes.
 * *json_out (may be NULL) gets the answer, owned. ERR_NOTFOUND: no store there (none is
 * made) or no such sweep. ERR_LOCKED: somebody holds it after all (ask them); otherwise
 * the errors of store_open and of the verb. Blocks; no loop. */
enum err_code coordinator_offline_steer(const char *home,
                                        const struct ev_steer *steer,
                                        char **json_out,
                                        struct err *err) MUST_USE;

/* As explain_json (coordinator/explain.h) from what a home's store holds, for when no
 * coordinator can be asked; reads only, also while the home is being written. */
enum err_code coordinator_offline_explain(const char *home,
                                          const char *sweep,
                                          const uint32_t *trial,
                                          json_t **out,
                                          struct err *err) MUST_USE;

#endif
