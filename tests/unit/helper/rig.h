/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h - plays the agent against the real winnow-trial program. */
#ifndef TESTS_UNIT_HELPER_RIG_H
#define TESTS_UNIT_HELPER_RIG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/helper/protocol.h"

/* How long anything that must happen may take before a test fails. */
#define RIG_WAIT_MS 20000

/* A running server. */
struct rig {
    pid_t pid;
    int socket; /* the agent's end */
};

/* What to start; zero means the default of each. */
struct rig_spec {
    const char *const *argv; /* required, ends with NULL */
    const char *const *env;  /* ends with NULL; default: a PATH */
    const char *cwd;         /* default: / */
    uint32_t grace_ms;
    uint32_t flags;
    uint64_t memory_bytes;
    uint64_t cpu_mask;
    int32_t nice;
};

/* One attempt, as the agent sees it. */
struct rig_attempt {
    int control;
    int out; /* read end of the trial's stdout and stderr */
};

/* Any answer. */
union rig_answer {
    struct helper_head head;
    struct helper_started started;
    struct helper_exec_failed failed;
    struct helper_ended ended;
    struct helper_rejected rejected;
};

void rig_open(struct rig *rig);
/* Closes the agent's end and asserts that the server exits 0. */
void rig_close(struct rig *rig);

/* The START message of `spec` and a memfd with its payload (the caller's). */
int rig_payload(const struct rig_spec *spec, struct helper_start *start_out);
/* Sends bytes with descriptors. */
void rig_send(int socket, const void *bytes, size_t n, const int *fds, size_t fds_n);
void rig_start(struct rig *rig,
               const struct rig_spec *spec,
               struct rig_attempt *attempt);
/* Runs `sh -c script` with that grace. */
void rig_sh(struct rig *rig,
            const char *script,
            uint32_t grace_ms,
            struct rig_attempt *a);
void rig_attempt_close(struct rig_attempt *attempt);

/* Waits for the next message; returns its type, 0 at end of file. */
int rig_receive(int socket, union rig_answer *answer);
/* Waits for STARTED and then ENDED. */
void rig_ended(struct rig_attempt *attempt, struct helper_ended *ended);
/* Waits for EXEC_FAILED and end of file; asserts its stage, returns its errno. */
int rig_failed(struct rig_attempt *attempt, enum helper_stage stage);
void rig_order(struct rig_attempt *attempt, enum helper_type type, uint32_t grace_ms);

/* Waits for one more line of output, without its newline. */
void rig_line(int out, char *line, size_t bytes);
/* Waits until nobody holds the write end; what came before is dropped. */
void rig_output_end(int out);
/* Reads all output to its end into a string. */
void rig_output(int out, char *text, size_t bytes);

#endif
