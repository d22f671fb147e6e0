/* SPDX-License-Identifier: Apache-2.0 */
/* fake_agent.h – an agent without processes, for tests and benchmarks: speaks the
 * protocol over any client transport and "runs" each trial at once, reporting one
 * metric.
 *
 *     fake_agent_create → transport = …_connect(…, fake_agent_callbacks(), agent)
 *         → fake_agent_attach(agent, transport) → uv_run → fake_agent_destroy
 */
#ifndef TESTS_LIB_FAKE_AGENT_H
#define TESTS_LIB_FAKE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/transport.h"

struct fake_agent;

/* An attempt as it was assigned. */
struct fake_attempt {
    uint32_t sweep, trial, attempt;
    const double *x; /* internal values; borrowed for the call of `value`, else NULL */
    size_t x_len;
};

struct fake_agent_config {
    const char *id; /* copied */
    uint64_t boot;
    uint32_t slots;
    const char *metric; /* the sweep's objective; copied */
    /* The objective at a point; NULL: the first parameter, 0 without one. */
    double (*value)(void *ctx, const struct fake_attempt *attempt);
    /* Hears of each assigned attempt, before it is run; may be NULL. */
    void (*assigned)(void *ctx, const struct fake_attempt *attempt);
    /* Hears of every acknowledged attempt end; may be NULL. */
    void (*acked)(void *ctx, const struct fake_attempt *attempt);
    void *ctx;
    bool hold; /* do not run: fake_agent_end ends attempts */
};

/* What was heard; for assertions. */
struct fake_agent_stats {
    uint64_t welcomes, refusals, hello_wanted, sweeps, assigns, assigns_repeated, stops;
    uint64_t acks;      /* Ack messages */
    uint64_t ended;     /* attempts whose end was acknowledged */
    uint64_t log_acked; /* highest offset of a LogAck */
    uint32_t lease_ms;
    uint32_t refusal_code;
    char refusal[256];
    size_t held; /* attempts assigned whose end is not acknowledged */
};

struct fake_agent *fake_agent_create(const struct fake_agent_config *config);
/* Does not close the transport: close it first. */
void fake_agent_destroy(struct fake_agent *agent);

const struct transport_callbacks *fake_agent_callbacks(void);
/* The transport that was created with fake_agent_callbacks and this agent as ctx; again
 * after a reconnection through another one. What is held is presented again. */
void fake_agent_attach(struct fake_agent *agent, struct transport *transport);

const struct fake_agent_stats *fake_agent_stats(const struct fake_agent *agent);

/* The i-th attempt held (assigned, end not acknowledged), in order of assignment. */
struct fake_attempt fake_agent_held(const struct fake_agent *agent, size_t i);

/* Reports started, one point and the end of a held attempt (hold mode). `end` as in
 * enum attempt_end. */
void fake_agent_end(struct fake_agent *agent,
                    const struct fake_attempt *attempt,
                    uint32_t end,
                    double value);

/* Sends log bytes of an attempt from offset. */
void fake_agent_log(struct fake_agent *agent,
                    const struct fake_attempt *attempt,
                    uint64_t offset,
                    const char *text);
void fake_agent_heartbeat(struct fake_agent *agent);
void fake_agent_bye(struct fake_agent *agent);
/* Sends bytes as they are. */
void fake_agent_raw(struct fake_agent *agent, const void *bytes, size_t len);

#endif
