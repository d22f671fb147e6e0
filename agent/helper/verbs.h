/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.h - `winnow` inside a trial: log, should-stop, and the way to the real one. */
#ifndef AGENT_HELPER_VERBS_H
#define AGENT_HELPER_VERBS_H

/* Runs the command line and returns the exit status: 0 done (should-stop: stop), 1 the
 * agent refused (should-stop: go on), 2 bad usage, no trial or no answer. A verb that
 * is not answered here becomes the real program and does not return. */
int verbs_main(int argc, char **argv);

#endif
