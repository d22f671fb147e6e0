/* SPDX-License-Identifier: Apache-2.0 */
/* opt.h – the options of all verbs, and how a verb declares which of them it takes.
 *
 * Every option has one meaning in the whole program, so there is one table of them; a
 * verb names its own as a set of bits. Help texts are made from the same tables. */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/strbuf.h"

/* X(ID, "name", letter or 0, "VALUE" or NULL for a flag, "what it does") */
#define OPT_TABLE(X)                                                                   \
    X(HOME, "home", 0, "DIR", "folder of the store (WINNOW_HOME; default ./.winnow)")  \
    X(CONNECT, "connect", 0, "ENDPOINT",                                               \
      "ask a running coordinator, tcp://HOST:PORT (WINNOW_CONNECT)")                   \
    X(KEY, "key", 0, "FILE", "key file made by `winnow keygen` (WINNOW_KEY)")          \
    X(OUTPUT, "output", 'o', "FORMAT", "table (default), json, csv or tsv")            \
    X(SLOTS, "slots", 0, "N", "attempts at once (default: the number of CPUs)")        \
    X(WORK_DIR, "work-dir", 0, "DIR",                                                  \
      "the agent's own folder: identity, spool, scratch (default ./.winnow-agent)")    \
    X(GPUS, "gpus", 0, "LIST", "GPU indexes to offer, as 0,1 (default: found)")        \
    X(NEW, "new", 0, NULL, "start a new sweep although one of that name exists")       \
    X(QUIET, "quiet", 'q', NULL, "no progress on stderr")                              \
    X(LISTEN, "listen", 0, "ENDPOINT",                                                 \
      "where agents connect (default tcp://127.0.0.1:5570; port * picks one)")         \
    X(LEASE, "lease", 0, "TIME", "silence after which an agent is gone (default 30s)") \
    X(FOLLOW, "follow", 'f', NULL, "go on until it ends")                              \
    X(DRAIN, "drain", 0, NULL, "let running attempts end by themselves")               \
    X(ATTEMPT, "attempt", 0, "N", "this attempt instead of the newest")                \
    X(TREE, "tree", 0, NULL, "show children below their parents")                      \
    X(STATE, "state", 0, "STATE", "only trials in this state")                         \
    X(WHERE, "where", 0, "EXPR", "only trials of which the expression is true")        \
    X(DRY_RUN, "dry-run", 0, NULL, "say what would be done and do nothing")            \
    X(LIMIT, "limit", 'n', "N", "at most so many rows")                                \
    X(FILE, "file", 0, "FILE", "points as JSON lines, or a .csv table; - is stdin")    \
    X(FROM, "from", 0, "SWEEP", "take the results of this sweep")                      \
    X(CHECK, "check", 0, NULL, "derive again and name the differences")                \
    X(SEED, "seed", 0, "S", "what the faults are drawn from (default: drawn)")         \
    X(AGENTS, "agents", 0, "N", "agents to start (default 3)")                         \
    X(KILLS, "kills", 0, "N", "processes to kill (default 10)")                        \
    X(PARTITIONS, "partitions", 0, "N", "connections to cut or hold (default 4)")      \
    X(FULL_DISK, "full-disk", 0, "SIZE",                                               \
      "fill the file system of --home, of at most SIZE, as 64MiB")                     \
    X(SET, "set", 0, "KEY=VALUE", "change one key, as budget.trials=500 (repeatable)") \
    X(UNSET, "unset", 0, "KEY", "remove one key (repeatable)")                         \
    X(RESUME, "resume", 0, NULL, "a paused or stopped sweep runs again")               \
    X(REVISIONS, "revisions", 0, NULL, "list the versions of its file")                \
    X(SIMULATE, "simulate", 0, "CURVES",                                               \
      "replay these recorded learning curves through early stopping")                  \
    X(RULES, "rules", 0, "RULES",                                                      \
      "rules to compare: all, or as in `stop`, as 'asha, min: 2; auto'")               \
    X(TRIALS, "trials", 0, "N", "trials drawn from the curves (default 200)")          \
    X(PARALLEL, "parallel", 0, "N", "trials at once (default 8)")                      \
    X(SEEDS, "seeds", 0, "N", "draws (default 20)")                                    \
    X(HELP, "help", 'h', NULL, "show this help")

#define OPT_ENUM(id, name, letter, value, help) OPT_##id,
enum opt_id {
    OPT_TABLE(OPT_ENUM) OPT_NR
};
#undef OPT_ENUM

#define OPT_BIT(id) ((uint64_t)1 << (OPT_##id))

/* Positional arguments that a verb can take. */
#define OPT_ARGS_MAX 65

/* Options that may be given several times, on one command line. */
#define OPT_REPEATS_MAX 64

/* A parsed command line. Borrowed from argv. */
struct opts {
    const char *values[OPT_NR]; /* NULL: not given; a flag that is given is "" */
    const char *args[OPT_ARGS_MAX];
    size_t args_len;
    /* --set and --unset in their order. */
    struct {
        enum opt_id id;
        const char *value;
    } repeats[OPT_REPEATS_MAX];
    size_t repeats_len;
    int raw_argc; /* what stands behind the verb, unparsed */
    char **raw_argv;
};

/* One row of the table in main.c. */
struct verb {
    const char *name;
    /* Carries it out; gives the process's exit status. */
    int (*fn)(const struct opts *opts);
    uint64_t options; /* OPT_BIT set; --help is added */
    const char *args; /* "FILE", "[SWEEP]" for help; NULL: none */
    size_t args_min;
    size_t args_max;
    bool hidden;         /* not told: for winnow itself */
    bool raw;            /* fn parses raw_argv itself, --help included */
    const char *summary; /* one line, no full stop */
    const char *text;    /* paragraphs for --help; NULL: none */
    const char *example; /* one command line or more */
};

/* Parses what stands behind the verb's name (argv[0] is the verb). ERR_USAGE with one
 * line that proposes the nearest spelling. */
enum err_code opt_parse(const struct verb *verb,
                        int argc,
                        char **argv,
                        struct opts *out,
                        struct err *err) MUST_USE;

bool opt_given(const struct opts *opts, enum opt_id id);

/* Value of a whole-number option between low and high, else ERR_USAGE; *out is left
 * alone when it was not given. */
enum err_code opt_u32(const struct opts *opts,
                      enum opt_id id,
                      uint32_t low,
                      uint32_t *out,
                      struct err *err) MUST_USE;

/* Value of a duration option (10s, 5m) in ms, above 0; left alone when not given. */
enum err_code opt_duration_ms(const struct opts *opts,
                              enum opt_id id,
                              int64_t *out,
                              struct err *err) MUST_USE;

/* "--name", for messages; static. */
const char *opt_name(enum opt_id id);

/* Appends the --help page of the verb. */
void opt_help(const struct verb *verb, struct strbuf *out);

#endif
