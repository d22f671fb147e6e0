/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h – an agent as a library: it executes attempts and reports what they said.
 *
 * Wiring, the same for a remote agent and for `winnow run`:
 *
 *     agent_create(&config, &agent, &err);
 *     transport_zmq_connect(… .cb = *agent_transport_callbacks(), .ctx = agent …, &t);
 *       or t = transport_loop_connect(server, agent_transport_callbacks(), agent);
 *     agent_start(agent, t);
 *     uv_run(…)
 *     agent_shutdown(agent, …), wait for AGENT_NOTICE_EXITED, agent_close(agent, …)
 *
 * The work-dir holds the agent's identity, the spool of reports that are not yet
 * acknowledged, the logs and scratch folders of attempts. Two agents never share one.
 *
 * Single-threaded: everything on the thread of the uv loop. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "proto/transport.h"

struct agent;
struct sampler_registry;
struct uv_loop_s;

/* What the owner is told; from the loop only, never from inside a call of this header.
 */
enum agent_notice {
    AGENT_NOTICE_READY,        /* the coordinator said welcome; text: its home id */
    AGENT_NOTICE_DISCONNECTED, /* attempts run on; the transport keeps trying */
    AGENT_NOTICE_REFUSED,      /* text says why; tried again at long intervals */
    AGENT_NOTICE_TROUBLE,      /* no connection; text says why; may repeat */
    AGENT_NOTICE_EXITED, /* a shutdown is complete: call agent_close now or later */
    AGENT_NOTICE_NR
};

typedef void (*agent_notice_fn)(void *ctx, enum agent_notice notice, const char *text);

/* All pointers are borrowed for the call of agent_create unless it says otherwise. */
struct agent_config {
    struct uv_loop_s *loop;                  /* outlives the agent */
    const struct pruner_registry *pruners;   /* as samplers */
    const struct sampler_registry *samplers; /* needed to read sweep files; outlives
                                                the agent */
    const char *work_dir;                    /* made if absent */
    const char *agent_id; /* NULL: the one kept in the work-dir, made at first start */
    const char *host;     /* NULL: the machine's name */
    const char *program;  /* "winnow 0.1.0", for people; NULL: "winnow" */
    const char *exe_path; /* the program itself (WINNOW_EXE); NULL: /proc/self/exe */
    const char *helper_path; /* NULL: `winnow-trial` beside exe_path */
    uint32_t slots;          /* attempts at once; 0: the number of CPUs */
    uint32_t cpus;           /* 0: found by affinity and cgroup quota */
    uint64_t memory_bytes;   /* 0: found by /proc/meminfo and cgroup */
    bool gpus_given;         /* gpus is meant; else NVIDIA devices are looked for */
    const uint32_t *gpus;    /* device indexes to offer, each below 64 */
    size_t gpus_len;
    uint64_t spool_bytes_max; /* 0: 1 GiB */
    int64_t shutdown_ms;      /* wait for acknowledgements at exit; 0: 5000 */
    agent_notice_fn notice;   /* may be NULL */
    void *notice_ctx;
};

/* Opens the work-dir, restores the spool, starts the helper. ERR_LOCKED: another agent
 * uses the work-dir (its pid in the message). ERR_NOTFOUND: no helper program. After an
 * error the loop must run once more to let go of what was begun. */
enum err_code agent_create(const struct agent_config *config,
                           struct agent **agent_out,
                           struct err *err) MUST_USE;

/* For making the transport; its ctx is the agent. Static memory. */
const struct transport_callbacks *agent_transport_callbacks(void);

/* Takes the transport (a client) and lets it begin. Call once. */
void agent_start(struct agent *agent, struct transport *transport);

enum agent_shutdown {
    AGENT_SHUTDOWN_DRAIN, /* what runs may end by itself, nothing new starts */
    AGENT_SHUTDOWN_NOW    /* TERM, grace, KILL; they end `preempted` */
};

/* Begins an orderly end: attempts end, their reports are given config.shutdown_ms to be
 * acknowledged, a goodbye is said, then AGENT_NOTICE_EXITED. A second call with NOW
 * hurries a drain. */
void agent_shutdown(struct agent *agent, enum agent_shutdown how);

/* Ends the agent at once, orderly or not: running attempts are taken along by the
 * helper. Call once; `closed` (may be NULL) comes from the loop when all memory is
 * gone.
 */
void agent_close(struct agent *agent, void (*closed)(void *), void *closed_ctx);

/* For status lines. */
struct agent_status {
    const char *agent_id; /* borrowed from the agent */
    uint64_t boot;
    uint32_t slots;
    uint32_t cpus;
    uint64_t memory_bytes;
    size_t gpus_len;
    size_t running; /* attempts whose program is starting or runs */
    size_t held;    /* all attempts not yet forgotten */
    bool ready;     /* the coordinator said welcome */
};
void agent_status(const struct agent *agent, struct agent_status *status_out);

#endif
