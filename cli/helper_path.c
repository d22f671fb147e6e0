/* SPDX-License-Identifier: Apache-2.0 */
/* helper_path.c – finds `winnow-trial` beside the running program.
 * Knows /proc. Does not know what the helper does. */
#include "cli/helper_path.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/fsx.h"

enum err_code helper_path(char **out, struct err *err)
{
    AUTO_FREE char *exe = NULL;
    enum err_code code = fsx_real_path("/proc/self/exe", &exe, err);
    if (code != ERR_OK) {
        return code;
    }
    const char *slash = strrchr(exe, '/');
    AUTO_FREE char *folder = mem_strndup(exe, (size_t)(slash - exe));
    AUTO_FREE char *path = fsx_path_join(folder, "winnow-trial");
    if (access(path, X_OK) != 0) {
        return err_set(err, ERR_NOTFOUND,
                       "the helper '%s' is missing: it belongs beside winnow", path);
    }
    *out = mem_take(&path);
    return ERR_OK;
}
