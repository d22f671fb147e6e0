/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h – the verbs. Each carries out one parsed command line and gives the exit status
 * of the process: 0 done, 1 failed, 2 wrong usage or file, 130 interrupted. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "cli/opt.h"

int cmd_run(const struct opts *opts);
int cmd_plan(const struct opts *opts);
int cmd_coordinator(const struct opts *opts);
int cmd_agent(const struct opts *opts);
int cmd_submit(const struct opts *opts);
int cmd_ask_tell(const struct opts *opts);
int cmd_enqueue(const struct opts *opts);
int cmd_import(const struct opts *opts);
int cmd_pause(const struct opts *opts);
int cmd_resume(const struct opts *opts);
int cmd_retry(const struct opts *opts);
int cmd_edit(const struct opts *opts);
int cmd_stop(const struct opts *opts);
int cmd_ls(const struct opts *opts);
int cmd_show(const struct opts *opts);
int cmd_trials(const struct opts *opts);
int cmd_best(const struct opts *opts);
int cmd_runs(const struct opts *opts);
int cmd_metrics(const struct opts *opts);
int cmd_explain(const struct opts *opts);
int cmd_replay(const struct opts *opts);
int cmd_logs(const struct opts *opts);
int cmd_log(const struct opts *opts);
int cmd_should_stop(const struct opts *opts);
int cmd_keygen(const struct opts *opts);
int cmd_doctor(const struct opts *opts);
int cmd_chaos(const struct opts *opts);
int cmd_chaos_trial(const struct opts *opts);
int cmd_version(const struct opts *opts);

#endif
