/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h - what the agent and the `winnow-trial` helper say to each other.
 *
 * Both run on one host from one build, so structs travel as they lie in memory; the
 * sizes are asserted below and there is no padding. All sockets are AF_UNIX
 * SOCK_SEQPACKET: one message is one struct, always starting with struct helper_head.
 *
 * Start:   the agent makes a socketpair, starts `winnow-trial --serve FD` with one end
 *          as FD, closes that end and keeps the other, CLOEXEC. When the kept end is
 *          closed the helper takes nothing more, waits for its attempts to end (each
 *          notices by its own control socket) and exits 0.
 * Attempt: the agent makes another socketpair, the attempt's control socket, and sends
 *          HELPER_START on the server socket with HELPER_FD_NR descriptors in ONE
 *          SCM_RIGHTS message. It then closes its copies of what it sent. There is no
 *          answer on the server socket, except HELPER_REJECTED when the message was so
 *          wrong that no control socket could be found in it.
 * Answers on the control socket, in this order, then end of file:
 *          HELPER_EXEC_FAILED                    nothing was executed, or
 *          HELPER_STARTED, later HELPER_ENDED    executed and over, nobody left behind.
 *          End of file without ENDED or EXEC_FAILED: the attempt's subreaper was killed
 *          from outside; the server kills what it left. The way it ended is unknown.
 * Orders on the control socket: HELPER_TERM, HELPER_KILL, any number, at any time after
 *          START was sent. Closing the control socket is HELPER_TERM with the grace of
 *          START: that is how a dead agent takes its trials along.
 *
 * The trial gets stdin from /dev/null, descriptors 1 and 2 as sent, no other
 * descriptor, an empty signal mask, default signal dispositions, a session of its own,
 * core limit 0. A program name without '/' is searched in the PATH of the trial's own
 * environment. A file that is neither a binary nor a script with an interpreter line is
 * not handed to a shell: it fails with ENOEXEC.
 */
#ifndef AGENT_HELPER_PROTOCOL_H
#define AGENT_HELPER_PROTOCOL_H

#include <assert.h>
#include <stdint.h>

/* "WNTR" read as a little-endian number. */
#define HELPER_MAGIC 0x52544e57u
/* Grows with any change below; helper and agent must have the same. */
#define HELPER_VERSION 1u

/* Most bytes of a START payload: twice what Linux lets argv and env have by default. */
#define HELPER_PAYLOAD_MAX (4u * 1024u * 1024u)
/* Most words in argv, and most variables in env. */
#define HELPER_STRINGS_MAX 65536u
/* Longest grace: one day. A longer one in START is refused. */
#define HELPER_GRACE_MS_MAX (24u * 60u * 60u * 1000u)
/* Longest time leftovers of an ended trial get between TERM and KILL. */
#define HELPER_LEFTOVER_MS_MAX 2000u
/* CPUs that an affinity mask can name. */
#define HELPER_CPUS_MAX 1024u
/* Attempts a server runs at once; one more fails with STAGE_FORK and EAGAIN. */
#define HELPER_ATTEMPTS_MAX 4096u
/* In helper_term.grace_ms: use the grace of START. */
#define HELPER_GRACE_DEFAULT UINT32_MAX

/* Descriptors of START, in this order in SCM_RIGHTS. */
enum helper_fd {
    HELPER_FD_STDOUT,  /* becomes the trial's descriptor 1; write end of a pipe */
    HELPER_FD_STDERR,  /* becomes descriptor 2; may be the same pipe */
    HELPER_FD_CONTROL, /* the helper's end of the attempt's control socketpair */
    HELPER_FD_PAYLOAD, /* regular file or memfd that holds the payload at offset 0 */
    HELPER_FD_NR
};

enum helper_type {
    HELPER_START = 1,       /* agent to server: struct helper_start + descriptors */
    HELPER_REJECTED = 2,    /* server to agent: struct helper_rejected */
    HELPER_STARTED = 3,     /* control, to agent: struct helper_started */
    HELPER_EXEC_FAILED = 4, /* control, to agent: struct helper_exec_failed */
    HELPER_ENDED = 5,       /* control, to agent: struct helper_ended */
    HELPER_TERM = 6,        /* control, to helper: struct helper_term */
    HELPER_KILL = 7         /* control, to helper: struct helper_head alone */
};

/* Starts every message. */
struct helper_head {
    uint32_t magic;   /* HELPER_MAGIC */
    uint16_t version; /* HELPER_VERSION */
    uint16_t type;    /* enum helper_type */
    uint32_t size;    /* bytes of the whole message, this head included */
    uint32_t zero;    /* 0 */
};
static_assert(sizeof(struct helper_head) == 16, "no padding");

enum helper_start_flags {
    HELPER_START_CPUS = 1u << 0, /* cpus[] holds the trial's affinity */
    HELPER_START_NICE = 1u << 1, /* nice holds the trial's nice value */
    HELPER_START_FLAGS_ALL = (1u << 2) - 1u
};

/*
 * Start an attempt. The payload is `payload_bytes` long and is exactly
 * 1 + argc + envc strings, each ended by a NUL: working directory (not empty), argv,
 * then env as NAME=VALUE.
 */
struct helper_start {
    struct helper_head head;
    uint64_t tag;           /* chosen by the agent, repeated in every answer */
    uint64_t memory_bytes;  /* RLIMIT_AS, soft and hard; 0: as the helper's */
    uint64_t open_files;    /* RLIMIT_NOFILE, soft; 0: as the helper's */
    uint32_t flags;         /* enum helper_start_flags */
    int32_t nice;           /* -20 .. 19, with HELPER_START_NICE */
    uint32_t grace_ms;      /* between TERM and KILL, <= HELPER_GRACE_MS_MAX */
    uint32_t payload_bytes; /* 1 .. HELPER_PAYLOAD_MAX */
    uint32_t argc;          /* 1 .. HELPER_STRINGS_MAX */
    uint32_t envc;          /* 0 .. HELPER_STRINGS_MAX */
    uint64_t cpus[HELPER_CPUS_MAX / 64]; /* bit c % 64 of cpus[c / 64] is CPU c */
};
static_assert(sizeof(struct helper_start) == 64 + HELPER_CPUS_MAX / 8, "no padding");

/* A message on the server socket was not understood and did nothing. */
struct helper_rejected {
    struct helper_head head;
    uint64_t tag;  /* of START if it was long enough to hold one, else 0 */
    int32_t error; /* EPROTO: head, size or descriptors are wrong; EBADMSG:
                      the version differs */
    uint32_t zero; /* 0 */
};
static_assert(sizeof(struct helper_rejected) == 32, "no padding");

/* The program was executed. */
struct helper_started {
    struct helper_head head;
    uint64_t tag; /* of START */
    int64_t
        start_mono_ns; /* CLOCK_MONOTONIC just before the trial's process was made */
    int32_t pid;       /* the leader: process, group and session id */
    int32_t subreaper_pid; /* the helper process that watches the attempt */
};
static_assert(sizeof(struct helper_started) == 40, "no padding");

/* What was being done when the start of an attempt failed. */
enum helper_stage {
    HELPER_STAGE_REQUEST = 1, /* START or its payload is malformed; errno EPROTO, or
                                 EBADMSG when the version differs */
    HELPER_STAGE_PAYLOAD,     /* reading the payload's descriptor */
    HELPER_STAGE_FORK,        /* making a process, a pipe or memory for it */
    HELPER_STAGE_STDIO,       /* placing descriptors 0, 1, 2 */
    HELPER_STAGE_LIMITS,      /* memory_bytes, open_files or core limit */
    HELPER_STAGE_AFFINITY,    /* cpus; EINVAL: none of them is usable here */
    HELPER_STAGE_NICE,        /* nice */
    HELPER_STAGE_CHDIR,       /* the working directory */
    HELPER_STAGE_EXEC,        /* the program; errno as execve(2) */
    HELPER_STAGE_INTERPRETER, /* the program is there, but the interpreter its first
                                 line (or its ELF header) names is not */
    HELPER_STAGE_NR
};

/* The attempt never ran. Nothing follows but end of file. */
struct helper_exec_failed {
    struct helper_head head;
    uint64_t tag;   /* of START */
    uint32_t stage; /* enum helper_stage */
    int32_t error;  /* errno of that stage */
};
static_assert(sizeof(struct helper_exec_failed) == 32, "no padding");

enum helper_ended_flags {
    HELPER_ENDED_CORE = 1u << 0,      /* the kernel says a core was dumped */
    HELPER_ENDED_TERM_SENT = 1u << 1, /* TERM went to the tree while the leader ran */
    HELPER_ENDED_KILL_SENT = 1u << 2  /* KILL went to the tree while the leader ran */
};

/*
 * The leader ended and no process of the attempt is left. A leader that ended by
 * SIGKILL without HELPER_ENDED_KILL_SENT was killed by somebody else: most likely the
 * kernel, out of memory.
 */
struct helper_ended {
    struct helper_head head;
    uint64_t tag;          /* of START */
    int32_t exit_code;     /* 0 .. 255, or -1 when a signal ended the leader */
    int32_t signal;        /* that signal, else 0 */
    uint32_t flags;        /* enum helper_ended_flags */
    uint32_t leftovers;    /* processes that outlived the leader and were ended by us */
    int64_t wall_ns;       /* start_mono_ns to the end of the leader */
    int64_t sweep_ns;      /* end of the leader to the end of the last process */
    int64_t user_us;       /* CPU time of the tree in user mode, microseconds */
    int64_t system_us;     /* CPU time of the tree in the kernel, microseconds */
    int64_t rss_max_bytes; /* largest resident size of any one process of the tree */
    int64_t blocks_in;     /* file system reads, 512-byte blocks */
    int64_t blocks_out;    /* file system writes, 512-byte blocks */
    int64_t switches_voluntary;   /* context switches while waiting */
    int64_t switches_involuntary; /* context switches by preemption */
};
static_assert(sizeof(struct helper_ended) == 112, "no padding");

/* SIGTERM to the whole tree, SIGKILL to what is left after the grace. A second TERM
 * signals again but can only shorten the grace. */
struct helper_term {
    struct helper_head head;
    uint32_t grace_ms; /* <= HELPER_GRACE_MS_MAX, or HELPER_GRACE_DEFAULT */
    uint32_t zero;     /* 0 */
};
static_assert(sizeof(struct helper_term) == 24, "no padding");

/* --- inside a trial: `winnow log …` and `winnow should-stop` ---------------------- */

/* The agent puts first on the trial's PATH a folder with a link `winnow` to the helper,
 * and these variables into its environment. */
#define HELPER_ENV_SOCKET  "WINNOW_SOCKET"  /* path of the agent's listening socket */
#define HELPER_ENV_RUN_ID  "WINNOW_RUN_ID"  /* repeated in every request */
#define HELPER_ENV_ATTEMPT "WINNOW_ATTEMPT" /* repeated in every request */
#define HELPER_ENV_EXE     "WINNOW_EXE"     /* the real program, for all other verbs */

/*
 * A request is one SOCK_SEQPACKET message of HELPER_FIELD_NR fields with a NUL between
 * two fields (none after the last). Unused fields are empty. The reply is one message
 * without NUL: `ok` to a log, `stop` or `go` to should-stop, or `error: ` and a
 * sentence, which is shown to the user as it is. One request per connection.
 */
enum helper_field {
    HELPER_FIELD_VERB,    /* `log` or `should-stop` */
    HELPER_FIELD_KIND,    /* of log: `metric`, `param`, `tag`, `artifact` */
    HELPER_FIELD_RUN_ID,  /* WINNOW_RUN_ID */
    HELPER_FIELD_ATTEMPT, /* WINNOW_ATTEMPT */
    HELPER_FIELD_NAME,    /* metric, param, tag: its name; artifact: absolute path */
    HELPER_FIELD_VALUE,   /* metric: a decimal number, nan or inf; param, tag: text */
    HELPER_FIELD_STEP,    /* metric: a decimal int64, or empty: the agent counts */
    HELPER_FIELD_NR
};
/* Most bytes of a request, and of a reply. */
#define HELPER_REQUEST_MAX 65536u
#define HELPER_REPLY_MAX   1024u
/* Longest that a client waits for the agent, connecting included. */
#define HELPER_REPLY_MS_MAX 5000u

#endif
