/* SPDX-License-Identifier: Apache-2.0 */
/* calls.h – a submit or steer of this process, on its way to the engine. */
#ifndef COORDINATOR_CALLS_H
#define COORDINATOR_CALLS_H

struct call;
struct coordinator;

/* Steps the engine with it; the reply comes with the engine's effect. */
void call_run(struct coordinator *c, const struct call *call);

/* Answers it with ERR_CLOSED: it will not be run. */
void call_refuse(const struct call *call);

void call_destroy(struct call *call);

#endif
