/* SPDX-License-Identifier: Apache-2.0 */
/* main.c – the program `winnow`: one table of verbs.
 * Owns the table, the overview and the choice of the verb. Does not know what any of
 * them does. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "cli/cmd.h"
#include "cli/output.h"

#define PLACE (OPT_BIT(HOME) | OPT_BIT(CONNECT) | OPT_BIT(KEY))
#define LOOK  (PLACE | OPT_BIT(OUTPUT))

#define REF_TEXT                                                                       \
    "SWEEP is an id, a unique prefix of 6 or more digits, a name (the newest sweep "   \
    "of\n"                                                                             \
    "it) or `last`. A run is an id, such a prefix, or SWEEP/NUMBER, as last/17.\n"

/* clang-format off */
static const struct verb verbs[] = {
    { .name = "run", .fn = cmd_run, .args = "FILE", .args_min = 1, .args_max = 1,
      .options = OPT_BIT(HOME) | OPT_BIT(SLOTS) | OPT_BIT(NEW) | OPT_BIT(QUIET),
      .summary = "sweep here and now; running it again resumes",
      .text = "Starts a coordinator and an agent in one process, shows progress, and prints the\n"
              "best trial at the end. A sweep of that name that is unfinished goes on; one that\n"
              "is finished is shown. The first Ctrl-C lets running trials end, a second stops\n"
              "them; the sweep can be resumed either way.\n"
              "\n"
              "Exit status: 0 finished, 1 failed, stopped or paused itself, 2 wrong file,\n"
              "130 interrupted.\n",
      .example = "  winnow run examples/xgboost-digits/sweep.yaml --slots 2\n" },
    { .name = "plan", .fn = cmd_plan, .args = "FILE", .args_min = 1, .args_max = 1,
      .options = LOOK | OPT_BIT(SIMULATE) | OPT_BIT(RULES) | OPT_BIT(TRIALS)
                 | OPT_BIT(PARALLEL) | OPT_BIT(SEEDS) | OPT_BIT(FROM),
      .summary = "check a sweep file; print it with defaults, size and first commands",
      .text = "With --simulate it prints instead what early stopping would have saved and lost\n"
              "on trainings that were recorded whole: the file's `stop` and, if asked for, other\n"
              "rules. CURVES is a CSV with the columns config, step, value and perhaps seconds\n"
              "(since the start), or JSON lines of such points or of whole curves, as\n"
              "{\"id\": 1, \"steps\": [1, 2], \"values\": [0.5, 0.6]}. Of them N trials are drawn,\n"
              "so many run at once, and the best of those that ran to their end is compared with\n"
              "the best of all: `median gap %` and `worst gap %` over the seeds. With --from the\n"
              "curves are those of an earlier sweep's finished trials.\n",
      .example = "  winnow plan examples/xgboost-digits/sweep.yaml\n"
                 "  winnow plan sweep.yaml --simulate curves.csv --rules 'all; asha, min: 5'\n" },
    { .name = "coordinator", .fn = cmd_coordinator,
      .options = OPT_BIT(HOME) | OPT_BIT(LISTEN) | OPT_BIT(LEASE),
      .summary = "serve a home: suggest trials, hand them to agents, keep the results",
      .text = "Prints one line on stdout when it is ready. Off loopback it listens only with\n"
              "keys, see `winnow keygen`. SIGTERM and SIGINT end it; agents keep running their\n"
              "trials and reconnect when it is back.\n",
      .example = "  winnow coordinator --home lab --listen tcp://127.0.0.1:5570\n" },
    { .name = "agent", .fn = cmd_agent,
      .options = OPT_BIT(CONNECT) | OPT_BIT(KEY) | OPT_BIT(SLOTS) | OPT_BIT(WORK_DIR)
               | OPT_BIT(GPUS),
      .summary = "work: run the trials of a coordinator on this machine",
      .text = "Keeps trying when the coordinator cannot be reached. SIGTERM or SIGINT ends its\n"
              "trials (TERM, grace, KILL), reports them, and says goodbye, so that they start\n"
              "again elsewhere at once.\n",
      .example = "  winnow agent --connect tcp://10.0.0.5:5570 --slots 4 --key node7.key\n" },
    { .name = "submit", .fn = cmd_submit, .args = "FILE", .args_min = 1, .args_max = 1,
      .options = PLACE | OPT_BIT(FOLLOW) | OPT_BIT(NEW) | OPT_BIT(QUIET),
      .summary = "give a sweep to a running coordinator and print its id",
      .text = "Submitting the same file again is safe: it gives the same sweep. With --follow it\n"
              "shows progress and returns as `winnow run` does.\n",
      .example = "  winnow submit sweep.yaml --connect tcp://127.0.0.1:5570 --follow\n" },
    { .name = "ask-tell", .fn = cmd_ask_tell, .args = "FILE", .args_min = 1,
      .args_max = 1, .options = OPT_BIT(HOME) | OPT_BIT(NEW),
      .summary = "suggest trials to a program of yours, by lines of JSON",
      .text = "No agents: you evaluate the trials. One JSON object a line on stdin, one answer a\n"
              "line on stdout, in order; many requests may be sent at once. Command, project and\n"
              "budget are optional in the file. Without --home the study lives in memory; with it\n"
              "every answer is on disk when you see it, and the study goes on when started again.\n"
              "\n"
              "  {\"ask\":true}                           {\"trial\":0,\"params\":{\"x\":0.5}}, or\n"
              "                                         {\"wait\":\"outstanding\"}, {\"done\":\"budget\"}\n"
              "  {\"report\":0,\"step\":1,\"value\":0.5}    {\"trial\":0,\"stop\":false}\n"
              "  {\"tell\":0,\"value\":0.93}              {\"ok\":true}\n"
              "  {\"tell\":0,\"state\":\"failed\"}         {\"ok\":true}\n"
              "\n"
              "Anything else is answered with {\"error\":…}. After a restart trials that were not\n"
              "told are handed out first, as a further attempt. The end of the input ends it.\n",
      .example = "  winnow ask-tell sweep.yaml --home lab\n" },
    { .name = "pause", .fn = cmd_pause, .args = "SWEEP", .args_min = 1, .args_max = 1,
      .options = LOOK, .summary = "start nothing new; running attempts go on",
      .text = REF_TEXT, .example = "  winnow pause last\n" },
    { .name = "resume", .fn = cmd_resume, .args = "SWEEP", .args_min = 1, .args_max = 1,
      .options = LOOK | OPT_BIT(SLOTS) | OPT_BIT(QUIET),
      .summary = "go on with a paused or interrupted sweep",
      .text = "With a home that no process holds, the sweep continues here as with `winnow run`.\n"
              "\n" REF_TEXT,
      .example = "  winnow resume last\n" },
    { .name = "stop", .fn = cmd_stop, .args = "SWEEP", .args_min = 1, .args_max = 1,
      .options = LOOK | OPT_BIT(DRAIN),
      .summary = "end a sweep: cancel what is queued, end what runs",
      .text = "Running attempts get TERM, the file's grace, KILL; with --drain they end by\n"
              "themselves.\n\n" REF_TEXT,
      .example = "  winnow stop last --drain\n" },
    { .name = "retry", .fn = cmd_retry, .args = "SWEEP [TRIAL...]", .args_min = 1,
      .args_max = 1 + RETRY_RANGES_MAX,
      .options = LOOK | OPT_BIT(STATE) | OPT_BIT(WHERE) | OPT_BIT(DRY_RUN),
      .summary = "run failed or cancelled trials again",
      .text = "The same trials, with the same numbers and parameters, run as new attempts; their\n"
              "limits of run.retry begin anew. Without more, these are all failed trials. TRIAL\n"
              "is a number or a range, as 7 or 3-9, and may be cancelled too. --state is failed,\n"
              "cancelled or failed,cancelled. A sweep that had ended runs again until they are\n"
              "done; a used-up budget does not stop them, and nothing else is begun. A paused\n"
              "sweep stays paused. With a home that no process holds they wait for `resume`.\n"
              "\n"
              "EXPR is as `when` in the sweep file, over the parameters and three words: `state`,\n"
              "`number`, and `end`, which says how the newest attempt ended: exited (status 0\n"
              "without the objective), failed, cancelled, lost, preempted, timeout or oom.\n"
              "\n" REF_TEXT,
      .example = "  winnow retry last\n"
                 "  winnow retry last 3 7-9\n"
                 "  winnow retry svm --where 'end in [lost, oom] and C > 10' --dry-run\n" },
    { .name = "edit", .fn = cmd_edit, .args = "SWEEP [FILE]", .args_min = 1, .args_max = 2,
      .options = LOOK | OPT_BIT(SET) | OPT_BIT(UNSET) | OPT_BIT(RESUME) | OPT_BIT(DRY_RUN),
      .summary = "change the file of a sweep: budget, space, run options, …",
      .text = "Takes a whole new sweep file (- is standard input), or changes single keys, named\n"
              "as in the file, with values in YAML: --set 'space.C={float: [0.1, 10]}'. With\n"
              "neither, $VISUAL or $EDITOR opens the present file. The sweep keeps all versions\n"
              "of its file (`winnow show SWEEP --revisions`) and all trials.\n"
              "\n"
              "Running attempts go on with the file they began with. Queued trials whose points\n"
              "the new space does not allow are cancelled. A finished sweep runs again when its\n"
              "budget is no longer used up; a paused one stays paused without --resume, and one\n"
              "that was stopped or has failed is edited only with it. The name, the objective\n"
              "and the space of a grid cannot be edited. --dry-run says what would change.\n"
              "\n" REF_TEXT,
      .example = "  winnow edit last --set budget.trials=500 --set run.parallel=4\n"
                 "  winnow edit svm --set 'space.C={float: [1e-4, 1e4], scale: log}' --dry-run\n"
                 "  winnow edit svm sweep.yaml\n" },
    { .name = "enqueue", .fn = cmd_enqueue, .args = "SWEEP [NAME=VALUE …]",
      .args_min = 1, .args_max = OPT_ARGS_MAX, .options = LOOK | OPT_BIT(FILE),
      .summary = "try a point of your own next",
      .text = "Gives every active parameter a value, or takes many points from a file (JSON lines\n"
              "of parameters, or CSV). All of them are taken or, if one does not fit, none.\n"
              "They run before the sampler's points and beyond the budget; an ended sweep goes\n"
              "on for them. Prints the trials.\n\n" REF_TEXT,
      .example = "  winnow enqueue last lr=0.1 kernel=rbf\n"
                 "  winnow enqueue last --file points.jsonl\n" },
    { .name = "import", .fn = cmd_import, .args = "SWEEP [FILE]", .args_min = 1,
      .args_max = 2, .options = LOOK | OPT_BIT(FROM),
      .summary = "let the sampler learn from results of before",
      .text = "Takes results from another sweep, or from a file: JSON lines of {\"params\": {…},\n"
              "\"value\": 0.9}, or a CSV with a column for each parameter (NAME or params.NAME)\n"
              "and `value`; what `winnow trials -o csv` or `-o json` prints fits. Optional:\n"
              "`state` (finished or pruned) and `step`. Points outside the sweep's space are\n"
              "counted and left out. Imported results are no trials and count in no budget.\n\n"
              REF_TEXT,
      .example = "  winnow import last old-results.csv\n"
                 "  winnow import wide --from narrow\n" },
    { .name = "ls", .fn = cmd_ls, .options = LOOK,
      .summary = "list sweeps, newest first", .example = "  winnow ls -o json\n" },
    { .name = "show", .fn = cmd_show, .args = "[REF]", .args_max = 1,
      .options = LOOK | OPT_BIT(REVISIONS),
      .summary = "show a sweep, or a trial with its attempts",
      .text = "REF is a sweep or a run; without it the last sweep.\n\n" REF_TEXT,
      .example = "  winnow show last/17\n" },
    { .name = "trials", .fn = cmd_trials, .args = "[SWEEP]", .args_max = 1,
      .options = LOOK | OPT_BIT(STATE) | OPT_BIT(LIMIT),
      .summary = "list the trials of a sweep (default: the last)", .text = REF_TEXT,
      .example = "  winnow trials last --state failed\n"
                 "  winnow trials -o csv >trials.csv\n" },
    { .name = "best", .fn = cmd_best, .args = "[SWEEP]", .args_max = 1, .options = LOOK,
      .summary = "show the best trial of a sweep (default: the last)", .text = REF_TEXT,
      .example = "  winnow best last -o json\n" },
    { .name = "runs", .fn = cmd_runs, .args = "[SWEEP]", .args_max = 1,
      .options = LOOK | OPT_BIT(TREE) | OPT_BIT(LIMIT),
      .summary = "list runs with params and metrics; --tree shows parents and children",
      .text = REF_TEXT, .example = "  winnow runs --tree last\n" },
    { .name = "metrics", .fn = cmd_metrics, .args = "RUN [KEY]", .args_min = 1,
      .args_max = 2, .options = LOOK | OPT_BIT(ATTEMPT),
      .summary = "show a run's metrics: the latest of each, or the history of one",
      .text = "A trial that went on from a checkpoint has the points of several attempts.\n"
              "--attempt N shows those of one, --attempt all what every attempt said.\n\n"
              REF_TEXT,
      .example = "  winnow metrics last/17 val-mlogloss -o csv\n" },
    { .name = "logs", .fn = cmd_logs, .args = "RUN", .args_min = 1, .args_max = 1,
      .options = PLACE | OPT_BIT(FOLLOW) | OPT_BIT(ATTEMPT),
      .summary = "print what a trial wrote to stdout and stderr",
      .text = REF_TEXT, .example = "  winnow logs last/17 -f\n" },
    { .name = "explain", .fn = cmd_explain, .args = "[REF]", .args_max = 1,
      .options = LOOK,
      .summary = "say why a sweep or trial is as it is, and what would change it",
      .text = "REF is a sweep or a trial; without it the last sweep. Tells since when it is in its\n"
              "state and why, what it waits for and the command that would change that, then what\n"
              "happened to it, each attempt with its agent and its end, and the last lines of an\n"
              "attempt that failed. Asks the process that holds the home; without one it reads\n"
              "the home and says so. Times are local.\n"
              "\n" REF_TEXT,
      .example = "  winnow explain last\n"
                 "  winnow explain last/17\n" },
    { .name = "replay", .fn = cmd_replay, .args = "[SWEEP]", .args_max = 1,
      .options = OPT_BIT(HOME) | OPT_BIT(OUTPUT) | OPT_BIT(CHECK),
      .summary = "list what happened to a sweep; --check derives its decisions again",
      .text = "--check makes every suggestion, and every stop by a rule of early stopping, again\n"
              "from what was stored before it, bit for bit, and gives all events to a fresh\n"
              "engine. It reads the home, also while that is being written. Exit status: 0 no\n"
              "difference, 1 some, each named.\n"
              "\n" REF_TEXT,
      .example = "  winnow replay last --check\n" },
    { .name = "log", .fn = cmd_log, .raw = true,
      .summary = "inside a trial: report a metric, param, tag or artifact" },
    { .name = "should-stop", .fn = cmd_should_stop, .raw = true,
      .summary = "inside a trial: ask whether to end early" },
    { .name = "keygen", .fn = cmd_keygen, .args = "NAME", .args_min = 1, .args_max = 1,
      .options = OPT_BIT(HOME),
      .summary = "make a key pair for an agent or a client",
      .text = "Makes the coordinator's own pair too if the home has none. From then on every\n"
              "connection over TCP needs a key. Prints the path of the one file to copy.\n",
      .example = "  winnow keygen node7 --home lab\n" },
    { .name = "doctor", .fn = cmd_doctor, .options = OPT_BIT(HOME) | OPT_BIT(OUTPUT),
      .summary = "check the home, its store, this machine and its limits",
      .text = "Exit status: 0 nothing failed, 1 something did.\n",
      .example = "  winnow doctor --home lab\n" },
    { .name = "chaos", .fn = cmd_chaos, .args = "FILE", .args_min = 1, .args_max = 1,
      .options = OPT_BIT(SEED) | OPT_BIT(AGENTS) | OPT_BIT(SLOTS) | OPT_BIT(KILLS)
               | OPT_BIT(PARTITIONS) | OPT_BIT(FULL_DISK) | OPT_BIT(LEASE) | OPT_BIT(HOME) | OPT_BIT(QUIET) | OPT_BIT(OUTPUT),
      .summary = "run a sweep while killing and stopping everything, then audit it",
      .text = "Starts a coordinator and agents as processes of their own, runs the sweep on them,\n"
              "and meanwhile kills (SIGKILL), stops (SIGSTOP, for longer than the lease) and\n"
              "restarts all of them at random, and cuts or holds the connections between them.\n"
              "Then it compares the store with a record that the trials wrote beside it: every\n"
              "trial ended once, every point printed is stored once, nothing else is, no process\n"
              "is left.\n"
              "\n"
              "With --full-disk it also fills the disk now and then. For that the home must be on\n"
              "a file system of its own, as a tmpfs.\n"
              "\n"
              "Defaults: 2 slots an agent, --lease 2s, and a home in a temporary folder that is\n"
              "removed when all is well and kept when not. A home that is given must be new, and\n"
              "is kept. The seed decides what is hurt, for how long and how far into the sweep;\n"
              "the machine decides what a process was doing at that moment.\n"
              "\n"
              "Exit status: 0 clean, 1 something was violated, 2 wrong file, 130 interrupted.\n",
      .example = "  winnow chaos examples/liblinear-digits/sweep.yaml --seed 7\n" },
    { .name = "chaos-trial", .fn = cmd_chaos_trial, .hidden = true, .raw = true,
      .summary = "inside a trial of chaos: run a command and record what it does" },
    { .name = "version", .fn = cmd_version, .options = OPT_BIT(OUTPUT),
      .summary = "print the versions of program, protocol, store and libraries",
      .example = "  winnow version -o json\n" },
};
/* clang-format on */

static const char overview_head[] =
    "winnow runs hyperparameter sweeps: it suggests trials, runs them here or on "
    "agents,\n"
    "reads their metrics and keeps everything in one store.\n"
    "\n"
    "usage: winnow VERB [OPTIONS] [ARGUMENTS]\n"
    "\n";

static const char overview_tail[] =
    "\n"
    "winnow VERB --help says more. Verbs look at ./.winnow unless --home, --connect,\n"
    "WINNOW_HOME or WINNOW_CONNECT says otherwise.\n";

static int overview(void)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    strbuf_adds(&out, overview_head);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!verbs[i].hidden) {
            strbuf_addf(&out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
        }
    }
    strbuf_adds(&out, overview_tail);
    return output_flush(&out);
}

static int unknown_verb(const char *name)
{
    const char *names[ARRAY_LEN(verbs)];
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!verbs[i].hidden) {
            names[len++] = verbs[i].name;
        }
    }
    const char *nearest = str_nearest(str_from(name), names, len);
    if (nearest != NULL) {
        output_say("unknown verb '%s', did you mean '%s'?", name, nearest);
    } else {
        output_say("unknown verb '%s', see winnow --help", name);
    }
    return err_exit_status(ERR_USAGE);
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int verb_help(const struct verb *verb)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    opt_help(verb, &out);
    return output_flush(&out);
}

static int verb_run(const struct verb *verb, int argc, char **argv)
{
    struct opts opts = { .raw_argc = argc - 1, .raw_argv = argv + 1 };
    struct err err = { 0 };
    if (!verb->raw && opt_parse(verb, argc, argv, &opts, &err) != ERR_OK) {
        return output_fail(&err);
    }
    return opt_given(&opts, OPT_HELP) ? verb_help(verb) : verb->fn(&opts);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    if (strcmp(name, "help") == 0 && argc > 2) {
        const struct verb *about = verb_find(argv[2]);
        return about == NULL ? unknown_verb(argv[2]) : verb_help(about);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0
        || strcmp(name, "help") == 0) {
        return overview();
    }
    const struct verb *verb = verb_find(name);
    return verb == NULL ? unknown_verb(name) : verb_run(verb, argc - 1, argv + 1);
}
