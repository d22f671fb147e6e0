/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h – a real agent with the real helper in a temporary work-dir, and a simple
 * coordinator on the same loop that keeps what it is told. */
#ifndef TESTS_UNIT_AGENT_CLUSTER_H
#define TESTS_UNIT_AGENT_CLUSTER_H

#include <uv.h>

#include "agent/agent.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/states.h"
#include "proto/codec.h"
#include "proto/transport.h"
#include "tests/lib/test.h"

#define CLUSTER_TRIALS 64
#define CLUSTER_POINTS 4096

struct told_point {
    char name[64];
    int64_t step;
    double value;
};

/* What the coordinator knows of attempt 1 of a trial. */
struct told {
    uint64_t seq;
    bool started;
    bool ended;
    Winnow__Ended end; /* cause is not valid; see below */
    char cause[300];
    struct told_point points[CLUSTER_POINTS];
    size_t points_len;
    char note[128]; /* "kind name=value" of the last note */
    struct strbuf log;
};

struct cluster {
    uv_loop_t loop;
    uv_timer_t timeout;
    struct tmpdir dir;
    struct transport *server;
    struct codec_decoder *decoder;
    uint64_t peer;
    bool acking; /* reports and logs are acknowledged */
    bool silent; /* Hello is not answered */
    unsigned hellos;
    size_t held; /* of the last Hello */
    uint64_t boot;
    bool exited;
    bool bye;
    struct agent *agent;
    uint32_t slots;
    struct told told[CLUSTER_TRIALS];
};

void cluster_init(struct cluster *cluster, uint32_t slots);
void cluster_fini(struct cluster *cluster);
/* A (further) agent in the work-dir of this cluster, welcomed unless `silent`. */
void cluster_agent_start(struct cluster *cluster);
void cluster_agent_close(struct cluster *cluster);
/* Sends sweep 1: `sh -c script` in the temporary folder, one float parameter x. `extra`
 * is further YAML, or "". */
void cluster_sweep(struct cluster *cluster, const char *script, const char *extra);
/* The whole file; directory is the temporary folder. */
void cluster_sweep_text(struct cluster *cluster, const char *text);
void cluster_assign(struct cluster *cluster, uint32_t trial);
void cluster_stop(struct cluster *cluster, uint32_t trial, enum stop_reason reason);

/* Runs the loop until the condition holds; fails the test after 20 s. */
typedef bool (*cluster_cond_fn)(struct cluster *cluster, uint32_t trial);
void cluster_until(struct cluster *cluster, cluster_cond_fn cond, uint32_t trial);
/* Assigns the trial and runs until it has ended and its log is there. */
struct told *cluster_run(struct cluster *cluster, uint32_t trial);

/* Conditions. */
bool cluster_ended(struct cluster *cluster, uint32_t trial);
bool cluster_started(struct cluster *cluster, uint32_t trial);
bool cluster_idle(struct cluster *cluster, uint32_t trial);

#endif
