/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_inside.c – `winnow log` and `winnow should-stop` when winnow is called by its
 * full path. Inside a trial PATH finds the helper first, which answers both verbs
 * itself; here the same helper is executed, so that there is one implementation. Knows
 * where the helper lies. Does not know the agent's socket. */
#include "cli/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "cli/helper_path.h"
#include "cli/output.h"

static int exec_helper(const char *verb, const struct opts *opts)
{
    AUTO_FREE char *path = NULL;
    struct err err = { 0 };
    if (helper_path(&path, &err) != ERR_OK) {
        return output_fail(&err);
    }
    AUTO_FREE char **words = mem_alloc_array((size_t)opts->raw_argc + 3, sizeof *words);
    AUTO_FREE char *name = mem_strdup("winnow"); /* says that it is to be the verbs */
    AUTO_FREE char *verb_word = mem_strdup(verb);
    words[0] = name;
    words[1] = verb_word;
    for (int i = 0; i < opts->raw_argc; i++) {
        words[i + 2] = opts->raw_argv[i];
    }
    execv(path, words);
    err_set_errno(&err, errno, "cannot execute '%s'", path);
    return output_fail(&err);
}

int cmd_log(const struct opts *opts)
{
    return exec_helper("log", opts);
}

int cmd_should_stop(const struct opts *opts)
{
    return exec_helper("should-stop", opts);
}
