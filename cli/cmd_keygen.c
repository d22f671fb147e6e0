/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_keygen.c – `winnow keygen`: a key pair for an agent or a client.
 * Knows the keys folder of a home. Does not know what the keys are used for. */
#include "cli/cmd.h"

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "cli/output.h"
#include "cli/where.h"
#include "proto/keys.h"

int cmd_keygen(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    const char *name = opts->args[0];
    struct where where;
    struct err err = { 0 };
    where_resolve_home(opts, &where);
    AUTO_FREE char *dir = fsx_path_join(where.home, "keys");
    AUTO_FREE char *file = mem_printf("%s/%s.key", dir, name);
    enum err_code code = keys_name_check(name, &err);
    if (code == ERR_OK) {
        code = keys_generate(dir, name, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    strbuf_addf(&out, "%s\n", file);
    output_say("copy that one file to '%s' and start: winnow agent --connect "
               "tcp://HOST:PORT --key %s.key",
               name, name);
    return output_flush(&out);
}
