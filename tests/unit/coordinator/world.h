/* SPDX-License-Identifier: Apache-2.0 */
/* world.h – a home, a loop, a coordinator and its peers, for the tests of coordinator/.
 */
#ifndef TESTS_UNIT_COORDINATOR_WORLD_H
#define TESTS_UNIT_COORDINATOR_WORLD_H

#include <uv.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "coordinator/coordinator.h"
#include "proto/codec.h"
#include "proto/transport.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/test.h"

/* A sweep named `name` over one float `x` with `trials` trials; metric `y`, to be
 * maximised. */
#define WORLD_SWEEP(name, trials)                                                      \
    "sweep: 1\nname: " name "\ncommand: 'true {x}'\n"                                  \
    "objective: {metric: y, goal: max}\nspace:\n  x: {float: [0, 1]}\n"                \
    "search: {sampler: random, seed: 7}\nbudget: {trials: " trials "}\n"

struct world {
    struct tmpdir dir;
    uv_loop_t loop;
    uv_timer_t guard; /* ends a test that waits for what never comes */
    char *home;
    int64_t lease_ms;                        /* 0: the default */
    const struct sampler_registry *samplers; /* NULL: all */
    struct coordinator *c;                   /* NULL: none */
    unsigned ended;                          /* on_sweep_ended calls */
    enum sweep_state ended_state;
    unsigned drained, fatal;
    struct err fatal_err;
    bool closed;
    unsigned transports_open;
};

void world_init(struct world *world);
/* Closes what is open and checks that the loop is empty. */
void world_fini(struct world *world);

/* Starts a coordinator on the world's home. listen may be NULL. */
void world_start(struct world *world, const char *listen);
/* Closes it and waits. */
void world_stop(struct world *world);

/* Runs the loop until done(ctx); fails the test after 30 s. */
void world_until(struct world *world, bool (*done)(void *ctx), void *ctx);
/* Runs the loop until it has gone round `rounds` times without waiting: for showing
 * that something does not happen. */
void world_spin(struct world *world, unsigned rounds);

/* Submits and waits for the answer; its code. text_out (may be NULL) is owned. */
enum err_code world_submit(struct world *world, const char *text, char **text_out);
enum err_code world_steer(struct world *world,
                          enum steer_verb verb,
                          const char *sweep,
                          char **text_out);

/* The newest sweep. */
struct sweep_summary world_summary(struct world *world);
bool world_sweep_ended(void *world);

/* A fake agent that is connected in this process. */
struct world_agent {
    struct world *world;
    struct fake_agent *agent;
    struct transport *transport;
};
void world_agent_start(struct world_agent *a,
                       struct world *world,
                       const struct fake_agent_config *config);
/* Cuts the connection; the agent keeps what it holds. */
void world_agent_cut(struct world_agent *a);
/* Connects it again, to the world's coordinator of now. */
void world_agent_join(struct world_agent *a);
void world_agent_end(struct world_agent *a);

/* A peer that says what it is told to and notes what it hears. */
struct world_peer {
    struct world *world;
    struct transport *transport;
    struct codec_decoder *decoder;
    uint64_t peer;
    unsigned heard[MSG_TYPE_NR];
    uint32_t refuse_code;
    char refuse_text[256];
    uint64_t reply_id; /* of the last complete reply */
    unsigned replies, parts;
    size_t part_bytes_max;
    enum err_code code;
    struct strbuf text;
};
void world_peer_start(struct world_peer *p, struct world *world);
/* The same on a server transport that is not the coordinator's. */
void world_peer_connect(struct world_peer *p,
                        struct world *world,
                        struct transport *server);
void world_peer_send(struct world_peer *p, const Winnow__Envelope *env);
void world_peer_raw(struct world_peer *p, const void *bytes, size_t len);
void world_peer_request(struct world_peer *p,
                        uint64_t id,
                        const char *verb,
                        const char *args);
/* Sends a request and waits for its reply; the code. p->text is the answer. */
enum err_code world_peer_ask(struct world_peer *p, const char *verb, const char *args);
void world_peer_end(struct world_peer *p);

#endif
