/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_cluster.h – the cluster of a chaos run, between the file that keeps it going
 * (chaos_run.c) and the one that breaks it (chaos_faults.c). */
#ifndef CLI_CHAOS_CLUSTER_H
#define CLI_CHAOS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rng.h"
#include "cli/chaos.h"
#include "cli/chaos_relay.h"

/* Index of the coordinator; the agents follow. */
#define CHAOS_COORDINATOR ((size_t)0)

struct chaos_proc {
    char name[24]; /* "coordinator", "agent-1" */
    pid_t pid;     /* 0: not running */
    bool killed;   /* by us, its end is expected */
    bool stopped;
    int64_t due_ms; /* when it starts again or goes on */
    bool parted;    /* an agent: its connection is held */
    bool reset;     /* then what was held is lost with it */
    int64_t heal_ms;
};

enum chaos_fault_kind {
    CHAOS_FAULT_KILL,
    CHAOS_FAULT_STOP,
    CHAOS_FAULT_PARTITION,
    CHAOS_FAULT_FILL,
    CHAOS_FAULT_NR
};

struct chaos_fault {
    uint64_t number;  /* in the plan */
    uint64_t at_done; /* due when so many trials have ended */
    enum chaos_fault_kind kind;
};

struct chaos_cluster {
    const struct chaos_config *config;
    struct chaos_report *report;
    struct chaos_proc *procs; /* the coordinator and the agents */
    size_t procs_len;
    struct chaos_relays *relays; /* relay i is agent i + 1's; NULL without partitions */
    struct chaos_fault *faults;
    size_t faults_len;
    size_t faults_done;
    struct rng rng;    /* of the plan, then of the fault at hand */
    char endpoint[64]; /* of the coordinator; "" until the first start */
    struct store_reader *reader;
    uint64_t done; /* trials that ended */
    int64_t progress_ms;
    int64_t fault_ms;
    int64_t start_ms;              /* a process was started last */
    struct chaos_ballast *ballast; /* NULL: the disk has space */
    int64_t space_ms;              /* when it gets space again */
};

/* Milliseconds of the monotonic clock. */
int64_t chaos_now_ms(void);

/* Draws from the seed what is done and when. */
void chaos_faults_plan(struct chaos_cluster *self);
/* Does the next fault when it is due. */
void chaos_faults_next(struct chaos_cluster *self, int64_t now);
/* Ends the partitions and thaws the processes that are due, and gives the disk its
 * space back or keeps it full. */
void chaos_faults_heal(struct chaos_cluster *self, int64_t now);
/* What still hurts is due now. */
void chaos_faults_end(struct chaos_cluster *self);

#endif
