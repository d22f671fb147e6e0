/* SPDX-License-Identifier: Apache-2.0 */
/* helper_link.h – the agent's side of agent/helper/protocol.h.
 *
 * The helper is started once, and again when it is needed after it has died; attempts
 * that run then go on, each watched by its own subreaper. */
#ifndef AGENT_HELPER_LINK_H
#define AGENT_HELPER_LINK_H

#include "agent/poller.h"
#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct helper_link;
struct helper_attempt;

enum helper_outcome {
    HELPER_OUTCOME_STARTED,
    HELPER_OUTCOME_EXEC_FAILED, /* nothing ran; stage and error say why */
    HELPER_OUTCOME_ENDED,       /* over, nothing is left */
    HELPER_OUTCOME_UNKNOWN      /* over; its watcher was killed */
};

struct helper_news {
    enum helper_outcome outcome;
    uint32_t pid;       /* STARTED */
    uint32_t stage;     /* EXEC_FAILED: enum helper_stage */
    int error;          /* EXEC_FAILED: errno */
    bool term_sent;     /* ENDED: TERM went to it while it ran */
    bool kill_sent;     /* ENDED */
    int32_t exit_code;  /* ENDED: -1 when a signal ended it */
    uint32_t signal;    /* ENDED */
    uint64_t user_ms;   /* ENDED: CPU time */
    uint64_t system_ms; /* ENDED */
    uint64_t rss_bytes; /* ENDED */
};

/* After any outcome but STARTED the attempt is closed and may be used again. */
typedef void (*helper_news_fn)(struct helper_attempt *attempt,
                               const struct helper_news *news);

/* Member of its owner. */
struct helper_attempt {
    struct poll_source control;
    struct helper_link *link;
    helper_news_fn fn;
    int payload_fd; /* -1 once the program runs */
};

struct helper_request {
    uint64_t tag;
    int64_t grace_ms;
    const char *payload; /* working directory, argv, env; see protocol.h */
    size_t payload_len;
    uint32_t argc;
    uint32_t envc;
    int stdout_fd; /* write ends, borrowed */
    int stderr_fd;
};

/* Starts the helper program at once. Its process is noted in the file `note_path`
 * (agent/predecessor.h), also when it has to be started again. */
enum err_code helper_link_create(struct poller *poller,
                                 const char *path,
                                 const char *note_path,
                                 struct helper_link **link_out,
                                 struct err *err) MUST_USE;
/* Attempts must be closed. The helper ends by itself; it is waited for (milliseconds).
 * NULL allowed. */
void helper_link_destroy(struct helper_link *link);

/* An attempt that is not open. */
void helper_attempt_init(struct helper_attempt *attempt);
/* Asks for the start; news comes from the loop. */
enum err_code helper_attempt_start(struct helper_link *link,
                                   struct helper_attempt *attempt,
                                   const struct helper_request *request,
                                   helper_news_fn fn,
                                   struct err *err) MUST_USE;
bool helper_attempt_is_open(const struct helper_attempt *attempt);
void helper_attempt_term(struct helper_attempt *attempt, int64_t grace_ms);
void helper_attempt_kill(struct helper_attempt *attempt);
/* Lets go: what still runs gets TERM, grace, KILL by itself. No news any more. */
void helper_attempt_close(struct helper_attempt *attempt);

#endif
