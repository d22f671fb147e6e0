/* SPDX-License-Identifier: Apache-2.0 */
/* ask_tell.h – a sweep whose trials somebody else evaluates: one JSON object in, one
 * out (DESIGN §6).
 *
 * To the engine the one who asks is an agent that works on demand: an ask is an
 * attempt wanted, a report its points, a tell its end. So budgets, samplers, early
 * stopping, retries and resuming are those of any other sweep.
 */
#ifndef CLI_ASK_TELL_H
#define CLI_ASK_TELL_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "core/event.h"

struct ask_tell;

/* Opens the study: submits the file to the store of `home`, or to memory when home is
 * NULL; a study of that name goes on. Errors of the file, of the identity rule
 * (ERR_EXISTS) and of store_open. `submit` is not needed afterwards. */
enum err_code ask_tell_open(const char *home,
                            const struct ev_submit *submit,
                            struct ask_tell **out,
                            struct err *err) MUST_USE;

/* Takes one request and appends its answer as one line. What the answer rests on may
 * not be on disk before ask_tell_commit. */
void ask_tell_request(struct ask_tell *study,
                      const char *line,
                      size_t len,
                      struct strbuf *answers);

/* Brings everything answered so far to disk; waits while the disk is full. Nothing to
 * do without a home. Other errors are fatal: answers not yet given must not be given.
 */
enum err_code ask_tell_commit(struct ask_tell *study, struct err *err) MUST_USE;

/* Open trials stay open: the next process hands them out again. NULL is fine. */
void ask_tell_close(struct ask_tell *study);

#endif
