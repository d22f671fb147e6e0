/* SPDX-License-Identifier: Apache-2.0 */
/* editor.c – lets the user change a text in their editor.
 * Owns the file while it is made. Knows processes. Does not know what the text is. */
#include "cli/editor.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"

#define WORDS_MAX 32u

extern char **environ;

/* Not empty, or NULL. */
static const char *variable(const char *name)
{
    /* Nothing in this program changes the environment after start. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum err_code write_file(const char *text, char **path_out, struct err *err)
{
    const char *folder = variable("TMPDIR");
    AUTO_FREE char *path =
        mem_printf("%s/winnow-edit-XXXXXX", folder != NULL ? folder : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot make '%s'", path);
    }
    enum err_code code = fsx_write_all(fd, text, strlen(text), err);
    IGNORE_ERR(close(fd), "it is read back");
    *path_out = mem_take(&path);
    return code;
}

/* Words of the command, the path behind them; argv has WORDS_MAX + 2 places. */
static void split(char *command, char *path, char **argv)
{
    size_t len = 0;
    char *rest = command;
    while (len < WORDS_MAX) {
        rest += strspn(rest, " \t");
        if (*rest == '\0') {
            break;
        }
        argv[len++] = rest;
        rest += strcspn(rest, " \t");
        if (*rest != '\0') {
            *rest++ = '\0';
        }
    }
    argv[len] = path;
    argv[len + 1] = NULL;
}

static enum err_code run(char *path, struct err *err)
{
    const char *chosen = variable("VISUAL");
    chosen = chosen != NULL ? chosen : variable("EDITOR");
    AUTO_FREE char *command = mem_strdup(chosen != NULL ? chosen : "vi");
    char *argv[WORDS_MAX + 2];
    split(command, path, argv);
    pid_t pid = 0;
    int status = 0;
    int rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (rc != 0) {
        return err_set_errno(err, rc, "cannot run the editor '%s'", argv[0]);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return err_set_errno(err, errno, "cannot wait for the editor");
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_IO, "the editor '%s' failed", argv[0]);
    }
    return ERR_OK;
}

enum err_code
editor_run(const char *text, char **path_out, char **text_out, struct err *err)
{
    struct strbuf AUTO_STRBUF edited = STRBUF_INIT(YAML_BYTES_MAX);
    enum err_code code = write_file(text, path_out, err);
    if (code == ERR_OK) {
        code = run(*path_out, err);
    }
    if (code == ERR_OK) {
        code = fsx_read_file(*path_out, &edited, err);
    }
    if (code == ERR_OK) {
        *text_out = mem_strdup(strbuf_cstr(&edited));
    }
    return code;
}
