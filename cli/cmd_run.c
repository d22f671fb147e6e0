/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c – `winnow run FILE`.
 * Knows the sweep file and local_run. Does not know how a sweep is run. */
#include "cli/cmd.h"

#include "cli/local_run.h"
#include "cli/output.h"
#include "cli/where.h"

/* The file is read and checked before anything is made on disk. */
static enum err_code
check_file(const char *path, struct spec_file *file, struct err *err)
{
    struct sweep_spec *spec = NULL;
    enum err_code code = spec_file_read(path, file, err);
    if (code == ERR_OK) {
        code = spec_file_parse(file, &spec, err);
    }
    sweep_spec_destroy(spec);
    return code;
}

int cmd_run(const struct opts *opts)
{
    AUTO_SPEC_FILE struct spec_file file = { .text = NULL };
    struct where where;
    struct err err = { 0 };
    where_resolve_home(opts, &where);
    struct local_run_config config = {
        .home = where.home,
        .quiet = opt_given(opts, OPT_QUIET),
        .file = &file,
        .force_new = opt_given(opts, OPT_NEW),
    };
    enum err_code code = opt_u32(opts, OPT_SLOTS, 1, &config.slots, &err);
    if (code == ERR_OK) {
        code = check_file(opts->args[0], &file, &err);
    }
    return code == ERR_OK ? local_run(&config) : output_fail(&err);
}
