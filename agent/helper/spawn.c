/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - the child's side of starting a trial: from fork to exec.
 *
 * Owns the order in which a process becomes a trial: session, descriptors, limits,
 * affinity, nice, working directory, signals, program. Knows how a program is searched.
 * Does not know who watches the process.
 */
#include "agent/helper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where programs are searched when the trial's environment has no PATH. */
#define SPAWN_PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

static struct wire_failure failed(enum helper_stage stage)
{
    return (struct wire_failure){ .stage = (uint32_t)stage, .error = errno };
}

static int limits_set(const struct helper_start *start)
{
    struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) != 0) {
        return -1;
    }
    if (start->open_files != 0) {
        struct rlimit files;
        if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
            return -1;
        }
        files.rlim_cur = start->open_files;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            return -1;
        }
    }
    if (start->memory_bytes != 0) {
        struct rlimit memory = { start->memory_bytes, start->memory_bytes };
        return setrlimit(RLIMIT_AS, &memory);
    }
    return 0;
}

static int affinity_set(const struct helper_start *start)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (size_t cpu = 0; cpu < HELPER_CPUS_MAX; cpu++) {
        if ((start->cpus[cpu / 64] >> (cpu % 64)) & 1u) {
            CPU_SET(cpu, &cpus);
        }
    }
    return sched_setaffinity(0, sizeof cpus, &cpus);
}

/* A program that is there and still gives ENOENT lacks its interpreter. */
static struct wire_failure exec_failed(const char *path, int error)
{
    bool is_there = error == ENOENT && access(path, F_OK) == 0;
    return (struct wire_failure){
        .stage = is_there ? HELPER_STAGE_INTERPRETER : HELPER_STAGE_EXEC,
        .error = error,
    };
}

static const char *env_get(char *const *env, const char *name)
{
    size_t bytes = strlen(name);
    for (; *env != NULL; env++) {
        if (strncmp(*env, name, bytes) == 0 && (*env)[bytes] == '=') {
            return *env + bytes + 1;
        }
    }
    return NULL;
}

/* Joins a folder of PATH and a name; false if that is too long for any file. */
static bool path_join(char *path, const char *dir, size_t dir_bytes, const char *name)
{
    size_t name_bytes = strlen(name);
    if (dir_bytes + name_bytes + 2 > PATH_MAX) {
        return false;
    }
    memcpy(path, dir, dir_bytes);
    size_t at = dir_bytes;
    if (dir_bytes > 0) {
        path[at++] = '/';
    }
    memcpy(path + at, name, name_bytes + 1);
    return true;
}

/* Like execvpe(3), but on the PATH of the new environment and without a shell. */
static struct wire_failure exec_searched(const struct payload *payload)
{
    const char *name = payload->argv[0];
    const char *dir = env_get(payload->env, "PATH");
    dir = dir != NULL ? dir : SPAWN_PATH_DEFAULT;
    struct wire_failure result = { HELPER_STAGE_EXEC, ENOENT };
    char path[PATH_MAX];
    while (dir != NULL && name[0] != '\0') {
        const char *colon = strchr(dir, ':');
        size_t dir_bytes = colon != NULL ? (size_t)(colon - dir) : strlen(dir);
        if (path_join(path, dir, dir_bytes, name)) {
            execve(path, payload->argv, payload->env);
            struct wire_failure one = exec_failed(path, errno);
            if (one.error == ENOENT || one.error == ENOTDIR || one.error == EACCES) {
                /* Remember the most telling one and look further. */
                bool says_more =
                    one.stage == HELPER_STAGE_INTERPRETER || one.error == EACCES;
                result = says_more ? one : result;
            } else {
                return one;
            }
        }
        dir = colon != NULL ? colon + 1 : NULL;
    }
    return result;
}

static struct wire_failure exec_program(const struct payload *payload)
{
    const char *name = payload->argv[0];
    if (strchr(name, '/') == NULL) {
        return exec_searched(payload);
    }
    execve(name, payload->argv, payload->env);
    return exec_failed(name, errno);
}

struct wire_failure spawn_become(const struct spawn_plan *plan)
{
    const struct helper_start *start = plan->start;
    /* The last resort against a killed subreaper; the server's sweep is the first. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setsid() < 0) {
        return failed(HELPER_STAGE_FORK);
    }
    if (dup2(plan->stdout_fd, STDOUT_FILENO) < 0
        || dup2(plan->stderr_fd, STDERR_FILENO) < 0) {
        return failed(HELPER_STAGE_STDIO);
    }
    if (limits_set(start) != 0) {
        return failed(HELPER_STAGE_LIMITS);
    }
    if ((start->flags & HELPER_START_CPUS) != 0 && affinity_set(start) != 0) {
        return failed(HELPER_STAGE_AFFINITY);
    }
    if ((start->flags & HELPER_START_NICE) != 0
        && setpriority(PRIO_PROCESS, 0, start->nice) != 0) {
        return failed(HELPER_STAGE_NICE);
    }
    if (chdir(plan->payload->cwd) != 0) {
        return failed(HELPER_STAGE_CHDIR);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return exec_program(plan->payload);
}
