/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_proc.c – processes of a chaos run: starting them marked, finding the marked.
 * Owns the mark in the environment. Knows posix_spawn and /proc. Does not know what the
 * processes do. */
#include "cli/chaos.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/sys/fsx.h"
#include "base/vec.h"

#define ENVIRON_BYTES_MAX ((size_t)4 * 1024 * 1024)

extern char **environ;

/* "WINNOW_CHAOS_RECORD=FOLDER/record", owned. */
static char *mark_of(const struct chaos_config *config)
{
    return mem_printf("%s=%s/record", CHAOS_RECORD_ENV, config->folder);
}

/* Our own environment without winnow's variables: the cluster is a world of its own. */
static void clean_environ(struct strbuf *block)
{
    for (size_t i = 0; environ[i] != NULL; i++) {
        if (strncmp(environ[i], "WINNOW_", strlen("WINNOW_")) != 0) {
            strbuf_add(block, environ[i], strlen(environ[i]) + 1);
        }
    }
}

static int spawn(const char *out,
                 const char *error,
                 const char *const *argv,
                 char *const *envp,
                 pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t defaults;
    const int append = O_WRONLY | O_CREAT | O_APPEND;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
                                        | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, append | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error, append, 0600);
    /* posix_spawn does not write to its words. */
    char *const *words = NULL;
    memcpy(&words, &argv, sizeof words);
    int failed = posix_spawn(pid_out, argv[0], &actions, &attr, words, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return failed;
}

enum err_code chaos_spawn(const struct chaos_config *config,
                          const char *name,
                          const char *const *argv,
                          pid_t *pid_out,
                          struct err *err)
{
    AUTO_FREE char *out = mem_printf("%s/%s.out", config->folder, name);
    AUTO_FREE char *error = mem_printf("%s/%s.err", config->folder, name);
    AUTO_FREE char *mark = mark_of(config);
    AUTO_STRBUF struct strbuf block = STRBUF_INIT(ENVIRON_BYTES_MAX);
    AUTO_VEC VEC(char *) envp = { 0 };
    clean_environ(&block);
    strbuf_add(&block, mark, strlen(mark) + 1);
    for (size_t at = 0; at < block.len; at += strlen(block.ptr + at) + 1) {
        vec_push(&envp, block.ptr + at);
    }
    vec_push(&envp, NULL);
    int failed = spawn(out, error, argv, envp.ptr, pid_out);
    return failed == 0 ? ERR_OK
                       : err_set_errno(err, failed, "cannot start '%s'", argv[0]);
}

/* True when the environment (parts ended by NUL) holds the entry. */
static bool environ_holds(struct str rest, const char *entry)
{
    struct str part;
    while (str_split_next(&rest, '\0', &part)) {
        if (str_eq_c(part, entry)) {
            return true;
        }
    }
    return false;
}

/* Appends "pid (command)" when the process carries the mark. */
static bool is_leftover(const char *pid, const char *mark, struct strbuf *names)
{
    AUTO_STRBUF struct strbuf block = STRBUF_INIT(ENVIRON_BYTES_MAX);
    AUTO_STRBUF struct strbuf comm = STRBUF_INIT(ENVIRON_BYTES_MAX);
    AUTO_FREE char *path = mem_printf("/proc/%s/environ", pid);
    AUTO_FREE char *comm_path = mem_printf("/proc/%s/comm", pid);
    if (fsx_read_file(path, &block, NULL) != ERR_OK
        || !environ_holds(strbuf_str(&block), mark)) {
        return false;
    }
    IGNORE_ERR(fsx_read_file(comm_path, &comm, NULL), "the pid will do");
    struct str name = str_trim(strbuf_str(&comm));
    strbuf_addf(names, "%s%s (%.*s)", names->len > 0 ? ", " : "", pid, STR_ARG(name));
    return true;
}

size_t
chaos_leftovers(const struct chaos_config *config, bool end, struct strbuf *names)
{
    AUTO_FREE char *mark = mark_of(config);
    DIR *dir = opendir("/proc");
    size_t found = 0;
    while (dir != NULL) {
        /* The stream is this function's own. */
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const struct dirent *entry = readdir(dir);
        uint64_t pid = 0;
        if (entry == NULL) {
            break;
        }
        if (num_parse_u64(str_from(entry->d_name), &pid) == ERR_OK
            && is_leftover(entry->d_name, mark, names)) {
            found++;
            IGNORE_ERR(end && kill((pid_t)pid, SIGKILL) != 0, "it may have ended");
        }
    }
    if (dir != NULL) {
        IGNORE_ERR(closedir(dir), "only read");
    }
    return found;
}
