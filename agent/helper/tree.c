/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - the descendants of this process, and signals to them.
 *
 * Owns nothing. Knows /proc and the ways of a process to slip away: setsid, double
 * fork, forking while being killed. Does not know why a tree is ended.
 *
 * This process is a child subreaper, so whatever escapes its parent becomes our child
 * and is found at the root of the next walk. The pid of our own child cannot be reused
 * before we reap it. Any other pid could be, so it is signalled through a pidfd, after
 * its start time was found unchanged, and it enters the tree only if its parent, whose
 * identity was checked the same way, was alive before and after it was seen there.
 */
#include "agent/helper/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* Walks that tree_kill makes to see everything stopped before it kills. */
#define TREE_STOP_WALKS_MAX 16
/* Above so many processes tree_term does not look for ones its first walk missed. */
#define TREE_TERM_TWICE_MAX 512

struct proc_stat {
    char state;
    pid_t ppid;
    uint64_t start_ticks;
};

/* Reads a decimal number and moves past it; 0 where there is none. */
static uint64_t digits_take(const char **text)
{
    uint64_t value = 0;
    while (**text >= '0' && **text <= '9') {
        value = value * 10 + (uint64_t)(**text - '0');
        (*text)++;
    }
    return value;
}

/* Moves behind the next `count` spaces, or to the end. */
static const char *spaces_skip(const char *text, int count)
{
    while (*text != '\0' && count > 0) {
        count -= *text == ' ' ? 1 : 0;
        text++;
    }
    return text;
}

/* The name in parentheses may hold anything, so fields count from the last ')'. */
static bool stat_parse(const char *text, struct proc_stat *stat_out)
{
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ') {
        return false;
    }
    stat_out->state = at[2];
    at = spaces_skip(at + 2, 1);
    stat_out->ppid = (pid_t)digits_take(&at);
    at = spaces_skip(at, 18);
    stat_out->start_ticks = digits_take(&at);
    return true;
}

static bool stat_read(pid_t pid, struct proc_stat *stat_out)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    return stat_parse(text, stat_out);
}

static bool is_excepted(pid_t pid, struct tree_except except)
{
    for (size_t i = 0; i < except.n; i++) {
        if (except.pids[i] == pid) {
            return true;
        }
    }
    return false;
}

static void child_add(struct tree *tree, pid_t pid, pid_t parent)
{
    struct proc_stat stat;
    if (tree->n == TREE_PROCS_MAX || !stat_read(pid, &stat) || stat.ppid != parent
        || stat.state == 'Z' || stat.state == 'X') {
        return;
    }
    tree->procs[tree->n++] = (struct tree_proc){
        .pid = pid,
        .state = stat.state,
        .is_child = parent == getpid(),
        .start_ticks = stat.start_ticks,
    };
}

/* Adds the children that one thread of `parent` made. */
static void thread_children_add(struct tree *tree,
                                pid_t parent,
                                const char *thread,
                                struct tree_except except)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)parent,
                   thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    pid_t pid = 0;
    ssize_t n = 0;
    while ((n = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 0 && !is_excepted(pid, except)) {
                child_add(tree, pid, parent);
            }
            pid = 0;
        }
    }
    close(fd);
}

static void children_add(struct tree *tree, pid_t parent, struct tree_except except)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            thread_children_add(tree, parent, entry->d_name, except);
        }
    }
    closedir(dir);
}

static bool is_same(const struct tree_proc *proc)
{
    struct proc_stat stat;
    return stat_read(proc->pid, &stat) && stat.start_ticks == proc->start_ticks;
}

static void proc_signal(const struct tree_proc *proc, int signal)
{
    if (proc->is_child) {
        kill(proc->pid, signal);
        return;
    }
    int fd = pidfd_open(proc->pid, 0);
    bool is_usable = fd >= 0 || errno == ENOSYS || errno == EMFILE;
    if (is_usable && is_same(proc)) {
        if (fd >= 0) {
            pidfd_send_signal(fd, signal, NULL, 0);
        } else {
            kill(proc->pid, signal);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

static bool has_seen(const struct tree_proc *seen, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++) {
        if (seen[i].pid == pid) {
            return true;
        }
    }
    return false;
}

static void proc_term(const struct tree_proc *proc)
{
    proc_signal(proc, SIGTERM);
    proc_signal(proc, SIGCONT);
}

/* Stops what runs; returns how many were not stopped yet. */
static size_t tree_stop(const struct tree *tree)
{
    size_t running = 0;
    for (size_t i = 0; i < tree->n; i++) {
        if (tree->procs[i].state != 'T') {
            proc_signal(&tree->procs[i], SIGSTOP);
            running++;
        }
    }
    return running;
}

void tree_walk(struct tree *tree, struct tree_except except)
{
    tree->n = 0;
    children_add(tree, getpid(), except);
    for (size_t i = 0; i < tree->n; i++) {
        size_t before = tree->n;
        children_add(tree, tree->procs[i].pid, (struct tree_except){ NULL, 0 });
        if (tree->n > before && !is_same(&tree->procs[i])) {
            tree->n = before;
        }
    }
}

void tree_term(struct tree *tree)
{
    struct tree_except none = { NULL, 0 };
    tree_walk(tree, none);
    for (size_t i = 0; i < tree->n; i++) {
        proc_term(&tree->procs[i]);
    }
    /* A list of children can skip entries while siblings exit: look once more. */
    size_t n_first = tree->n;
    if (n_first > TREE_TERM_TWICE_MAX) {
        return;
    }
    struct tree_proc first[TREE_TERM_TWICE_MAX];
    memcpy(first, tree->procs, n_first * sizeof *first);
    tree_walk(tree, none);
    for (size_t i = 0; i < tree->n; i++) {
        if (!has_seen(first, n_first, tree->procs[i].pid)) {
            proc_term(&tree->procs[i]);
        }
    }
}

size_t tree_kill(struct tree *tree, struct tree_except except)
{
    tree_walk(tree, except);
    for (int walk = 0; walk < TREE_STOP_WALKS_MAX && tree_stop(tree) > 0; walk++) {
        tree_walk(tree, except);
    }
    for (size_t i = 0; i < tree->n; i++) {
        proc_signal(&tree->procs[i], SIGKILL);
    }
    return tree->n;
}
