/* SPDX-License-Identifier: Apache-2.0 */
/* chaos.h – the parts of `winnow chaos`: breaking a cluster of real processes, the
 * trials' own record, and the audit that compares the two. Internal to cli/chaos_*.c
 * and cmd_chaos.c.
 *
 * A chaos home is a home with one more folder, HOME/chaos:
 *
 *   sweep.yaml         the sweep as it is submitted
 *   record/T.A.PID     what one execution of trial T, attempt A did, by itself
 *   agents/N           work-dir of agent N
 *   NAME.out, .err     output of each process
 *
 * When the disk of the home is filled, all of it but agents/ is in a temporary folder:
 * what is known of the run must not be lost with it.
 *
 * Everything below the cluster carries CHAOS_RECORD_ENV in its environment, by which
 * processes that were left behind are found. */
#ifndef CLI_CHAOS_H
#define CLI_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/metric_line.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "core/sweep_spec.h"

/* Folder of the record; its presence marks the processes of one chaos run. */
#define CHAOS_RECORD_ENV "WINNOW_CHAOS_RECORD"
/* The hidden verb that the sweep's command is put behind. */
#define CHAOS_TRIAL_VERB "chaos-trial"
/* One violation, and how many are told. */
#define CHAOS_VIOLATION_BYTES_MAX ((size_t)4096)
#define CHAOS_VIOLATIONS_MAX      ((size_t)100)

/* What is wanted, and where; borrowed for the run. */
struct chaos_config {
    const char *exe;           /* this program */
    const char *home;          /* absolute */
    const char *folder;        /* HOME/chaos or temporary, made */
    const char *agents_folder; /* HOME/chaos/agents, made */
    const struct sweep_spec *spec;
    uint32_t agents;
    uint32_t slots;      /* of each agent */
    uint32_t kills;      /* SIGKILLs wanted */
    uint32_t partitions; /* wanted; 0: agents connect without relays */
    bool full_disk;      /* the file system of the home may be filled */
    uint64_t seed;
    int64_t lease_ms;
    bool quiet;
};

/* What happened. Zeroed by the caller; chaos_report_fini frees. */
struct chaos_report {
    json_t *violations;             /* array of texts */
    uint32_t kills;                 /* SIGKILLs that hit a running process */
    uint32_t stops;                 /* SIGSTOPs, each longer than the lease */
    uint32_t partitions;            /* connections cut or held */
    uint32_t fills;                 /* times the disk was full */
    uint64_t trials;                /* in the store */
    uint64_t attempts;              /* executions in the record */
    uint64_t points;                /* stored points that were compared */
    int64_t elapsed_ms;             /* from the submission to the end of the sweep */
    bool interrupted;               /* by a signal: nothing was audited */
    char sweep[NAME_BYTES_MAX + 1]; /* id of the sweep; "" when not submitted */
};

void chaos_report_init(struct chaos_report *report);
void chaos_report_fini(struct chaos_report *report);
/* Adds one line; those beyond CHAOS_VIOLATIONS_MAX are dropped. */
void chaos_violation(struct chaos_report *report, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

/* Starts the cluster, submits FOLDER/sweep.yaml, breaks things until the sweep has
 * ended, lets everything come to rest and ends it in order. Errors are about starting;
 * what goes wrong later is a violation. Blocks SIGINT and SIGTERM while it runs. */
enum err_code chaos_break(const struct chaos_config *config,
                          struct chaos_report *report,
                          struct err *err) MUST_USE;

/* Compares store and record; findings become violations. Nothing may run any more. */
void chaos_audit(const struct chaos_config *config, struct chaos_report *report);

/* ---- processes of the cluster (chaos_proc.c) ---- */

/* Starts `argv` (NULL at its end) with stdout in FOLDER/NAME.out (made anew) and stderr
 * appended to FOLDER/NAME.err, in a process group of its own. */
enum err_code chaos_spawn(const struct chaos_config *config,
                          const char *name,
                          const char *const *argv,
                          pid_t *pid_out,
                          struct err *err) MUST_USE;
/* How many processes carry this run's mark; appends what they are, and kills them if
 * `end`. */
size_t
chaos_leftovers(const struct chaos_config *config, bool end, struct strbuf *names);

/* ---- the disk (chaos_disk.c) ---- */

struct chaos_ballast;
/* ERR_USAGE unless the home is on a file system of at most so many bytes that neither
 * the system nor `folder` is on. */
enum err_code chaos_disk_check(const char *home,
                               const char *folder,
                               uint64_t bytes_max,
                               struct err *err) MUST_USE;
/* Fills the file system of the home. */
enum err_code chaos_ballast_create(const char *home,
                                   struct chaos_ballast **out,
                                   struct err *err) MUST_USE;
/* Takes what has become free since. */
void chaos_ballast_fill(struct chaos_ballast *self);
/* Gives the space back. NULL is fine. */
void chaos_ballast_destroy(struct chaos_ballast *self);

/* ---- the record (chaos_record.c) ---- */

/* One attempt as its own processes wrote it down. */
struct chaos_execution {
    uint64_t trial;
    uint64_t attempt;
    uint32_t starts; /* more than one: the attempt was executed twice */
    uint32_t ends;
    int status;     /* of the last end; exit status, 128 + signal */
    json_t *params; /* as the trial was given them; NULL: not known */
    struct metric_names *names;
    struct metric_points points; /* what the lines it printed say, in order */
};

struct chaos_record;
enum err_code chaos_record_read(const struct chaos_config *config,
                                struct chaos_record **out,
                                struct err *err) MUST_USE;
/* NULL is fine. */
void chaos_record_destroy(struct chaos_record *record);
/* NULL: never executed. */
const struct chaos_execution *
chaos_record_find(const struct chaos_record *record, uint64_t trial, uint64_t attempt);
/* All, in no order of meaning; *pos starts at 0. NULL at the end. */
const struct chaos_execution *chaos_record_next(const struct chaos_record *record,
                                                size_t *pos);

#endif
