/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - the descendants of this process, and signals to them. */
#ifndef AGENT_HELPER_TREE_H
#define AGENT_HELPER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Processes that one walk finds; a larger tree is ended in several walks. */
#define TREE_PROCS_MAX 4096

/* One descendant. Pid and start time together name a process for all time. */
struct tree_proc {
    pid_t pid;
    char state;           /* as in /proc/PID/stat: R, S, T, Z, … */
    bool is_child;        /* ours to reap, so its pid cannot be reused */
    uint64_t start_ticks; /* since boot, as in /proc/PID/stat */
};

/* The result of the last walk; a fixed size, so that killing never needs memory. */
struct tree {
    size_t n;
    struct tree_proc procs[TREE_PROCS_MAX];
};

/* Children of this process that are not part of the tree. */
struct tree_except {
    const pid_t *pids; /* borrowed */
    size_t n;
};

/* Finds all living descendants except those below `except`. Processes that come and go
 * during the walk may be missed. */
void tree_walk(struct tree *tree, struct tree_except except);

/* SIGTERM to all descendants, each once, then SIGCONT so that stopped ones see it. */
void tree_term(struct tree *tree);

/* Stops all descendants, so that none can fork away, then kills them. Call again on
 * each SIGCHLD until no child is left. Returns how many it found. */
size_t tree_kill(struct tree *tree, struct tree_except except);

#endif
