/* SPDX-License-Identifier: Apache-2.0 */
/* editor.h – lets the user change a text in their editor. */
#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

#include "base/compiler.h"
#include "base/err.h"

/* Writes the text to a new file, runs $VISUAL, $EDITOR or vi on it (words split at
 * blanks, no shell), and reads it back. *path_out names the file, which stays until the
 * caller removes it; both are owned by the caller, and *path_out may be set on an error
 * too. ERR_IO when the editor failed. */
MUST_USE
enum err_code
editor_run(const char *text, char **path_out, char **text_out, struct err *err);

#endif
