/* SPDX-License-Identifier: Apache-2.0 */
/* agent_internal.h – what the files of the agent's shell share. */
#ifndef AGENT_AGENT_INTERNAL_H
#define AGENT_AGENT_INTERNAL_H

#include <uv.h>

#include "agent/agent.h"
#include "agent/agent_core.h"
#include "agent/checkpoint.h"
#include "agent/helper_link.h"
#include "agent/metric_line.h"
#include "agent/poller.h"
#include "agent/resources.h"
#include "agent/scratch.h"
#include "agent/spool.h"
#include "agent/trial_env.h"
#include "agent/trial_log.h"
#include "base/list.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "proto/codec.h"

struct agent;
struct trial;

/* A sweep's file as this agent understands it; shared by its attempts. */
struct sweep_file {
    size_t refs;
    uint32_t sweep;
    uint32_t revision;
    char *sweep_id;
    char *directory;            /* where trials work: directory + project.path */
    char *checkpoint_path;      /* of run.checkpoint.path, absolute; NULL: not given */
    struct sweep_spec *spec;    /* NULL when `error` is set */
    struct metric_rules *rules; /* NULL when `error` is set */
    char *error;
};

/* One of the two output streams of an attempt. */
struct output {
    struct poll_source source;
    struct trial *trial;
    struct strbuf partial; /* the line that has not ended yet */
    bool skipping;         /* in a line that was too long; no metrics until its end */
    bool widened;          /* the pipe was made larger */
};

/* An attempt whose program is or was here; until the core forgets it. */
struct trial {
    struct agent *agent;
    uint64_t serial;
    struct attempt_key key;
    struct run_id run_id;
    struct sweep_file *sweep;
    char *name;              /* "<run id>-<attempt>": of its log, and in by_name */
    struct scratch *scratch; /* until its process has ended */
    int64_t grace_ms;
    struct trial_launch launch; /* kept until the program runs, for messages */
    uv_work_t copy;             /* of the project, while `copying` */
    struct err copy_err;
    bool copying;
    bool resumed; /* its checkpoint folder held something */
    bool waiting; /* for the programs of an earlier agent process to end */
    struct agent_fx_start start; /* … and then to be started so */
    bool stopping;               /* TERM or KILL was asked for */
    bool abandoned; /* forgotten while copying: goes when the copy is over */
    struct helper_attempt process;
    struct output outputs[2];
    struct metric_names *names;
    struct metric_points points;
    struct trial_log log;
};

/* A connection to WINNOW_SOCKET. */
struct socket_client {
    struct poll_source source;
    struct agent *agent;
    struct list_node node;
};

/* START that could not be carried out; told to the core after the running effects. */
struct start_failure {
    uint64_t serial;
    enum err_code code;
    char *cause;
};

struct agent {
    uv_loop_t *loop;
    const struct sampler_registry *samplers;
    const struct pruner_registry *pruners;
    agent_notice_fn notice;
    void *notice_ctx;

    char *work_dir;
    char *agent_id;
    char *socket_path;
    char *socket_dir; /* folder made for the socket outside work_dir, or NULL */
    int lock_fd;
    uint64_t boot;
    struct resources_found resources;
    uint32_t slots;

    struct agent_core *core;
    struct agent_effects effects;
    VEC(struct start_failure) failures;
    struct spool *spool;
    bool spool_failed; /* said once: the spool cannot be written */
    uint8_t *packed;   /* the report appended last, in case it is sent at once */
    size_t packed_len;
    uint64_t packed_id;

    struct transport *transport;
    uint64_t peer; /* 0: none */
    struct codec_decoder *decoder;

    struct poller *poller;
    struct helper_link *helper;
    struct poll_source predecessor; /* fd -1: nothing of an earlier process runs */
    struct scratch_pool *scratch;
    struct trial_env env;
    char *io_buf;           /* OUTPUT_BUF_BYTES, for reading outputs */
    struct map_u64 trials;  /* serial → struct trial */
    struct map_str by_name; /* name → struct trial, while its program runs */
    struct map_u64 sweeps;  /* sweep_file_key → struct sweep_file */

    struct poll_source listener;
    struct list clients;

    uv_timer_t timer;
    int64_t timer_at; /* ns; INT64_MAX: not running */
    bool stepping;
    bool exited;
    bool exit_told;
    uv_idle_t later; /* tells AGENT_NOTICE_EXITED from the loop */

    bool closing;
    unsigned closing_parts;
    void (*closed)(void *);
    void *closed_ctx;
};

/* ---- agent.c ---- */

/* Gives the event (times filled in here) to the core and carries out the effects. */
void agent_feed(struct agent *agent, struct agent_event *event);
/* Folder or file of an attempt under the work-dir (mem_free). */
char *
agent_path(const struct agent *agent, const char *folder, const char *name) MUST_USE;
/* "<run id>-<attempt>" (mem_free). */
char *attempt_name(const struct run_id *run_id, uint32_t attempt) MUST_USE;

/* ---- agent_effects.c ---- */

void agent_carry_out(struct agent *agent, struct agent_effect *effect);

/* ---- trial.c: one attempt ---- */

void trial_start(struct agent *agent, const struct agent_effect *effect);
/* The programs of an earlier agent process have ended. */
void trials_go_on(struct agent *agent);
/* Stops it: TERM with the grace, or KILL. */
void trial_term(struct agent *agent, uint64_t serial, int64_t grace_ms);
void trial_kill(struct agent *agent, uint64_t serial);
/* Removes its files and the trial itself. */
void trial_forget(struct agent *agent, const struct agent_effect *effect);
/* For agent_close: frees without telling anybody. False: a copy is running, which frees
 * it and calls agent_part_closed. */
bool trial_close(struct trial *trial);
void agent_part_closed(void *ctx);

/* ---- output.c ---- */

#define OUTPUT_BUF_BYTES ((size_t)64 * 1024)
/* Takes the read end of a pipe (non-blocking). */
enum err_code output_open(struct output *output,
                          struct trial *trial,
                          int fd,
                          struct err *err) MUST_USE;
/* Reads what is left, flushes the partial line and closes. */
void output_finish(struct output *output);
/* Closes without reading. */
void output_fini(struct output *output);

/* ---- sweep_file.c ---- */

/* Parses what the coordinator sent; never fails, see `error`. One reference. */
struct sweep_file *sweep_file_create(const Winnow__Sweep *message,
                                     const struct sampler_registry *samplers,
                                     const struct pruner_registry *pruners) MUST_USE;
void sweep_file_unref(struct sweep_file *file);
/* Of one revision of a sweep's file, in agent.sweeps. */
uint64_t sweep_file_key(uint32_t sweep, uint32_t revision);

/* ---- trial_socket.c ---- */

/* Listens; chooses the path. */
enum err_code trial_socket_open(struct agent *agent, struct err *err) MUST_USE;
void trial_socket_close(struct agent *agent);

#endif
