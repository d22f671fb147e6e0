/* SPDX-License-Identifier: Apache-2.0 */
/* tmpdir.c – a private folder per test.
 * Owns the folder until tmpdir_fini. Knows mkdtemp. Removes by its own means (rm), so
 * that the tests of fsx_remove_tree do not depend on what they test. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void tmpdir_init(struct tmpdir *dir)
{
    const char *base = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    int n = snprintf(dir->path, sizeof dir->path, "%s/winnow-test-XXXXXX",
                     base != NULL && base[0] != '\0' ? base : "/tmp");
    ASSERT(n > 0);
    ASSERT((size_t)n < sizeof dir->path);
    char *made = mkdtemp(dir->path);
    ASSERT(made != NULL);
}

void tmpdir_fini(struct tmpdir *dir)
{
    if (dir->path[0] == '\0') {
        return;
    }
    pid_t pid = fork();
    ASSERT(pid >= 0);
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", dir->path, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    dir->path[0] = '\0';
}

const char *tmpdir_path(struct tmpdir *dir, const char *name)
{
    static char paths[64][512];
    static unsigned next;
    char *path = paths[next++ % 64];
    int n = snprintf(path, sizeof paths[0], "%s/%s", dir->path, name);
    ASSERT(n > 0);
    ASSERT((size_t)n < sizeof paths[0]);
    return path;
}

const char *tmpdir_write(struct tmpdir *dir, const char *name, const char *text)
{
    const char *path = tmpdir_path(dir, name);
    FILE *file = fopen(path, "we");
    ASSERT(file != NULL);
    size_t len = strlen(text);
    size_t written = fwrite(text, 1, len, file);
    ASSERT(written == len);
    int failed = fclose(file);
    ASSERT(failed == 0);
    return path;
}
