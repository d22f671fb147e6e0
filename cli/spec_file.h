/* SPDX-License-Identifier: Apache-2.0 */
/* spec_file.h – a sweep file and the MLproject file of its project, read from disk. */
#ifndef CLI_SPEC_FILE_H
#define CLI_SPEC_FILE_H

#include "base/compiler.h"
#include "base/err.h"
#include "core/event.h"
#include "core/sweep_spec.h"

#include <stddef.h>

/* All owned; the last three are NULL when the project has no MLproject file. */
struct spec_file {
    char *text;
    size_t text_len;
    char *source;    /* the path as the user wrote it, for messages */
    char *directory; /* absolute folder of the file */
    char *mlproject;
    size_t mlproject_len;
    char *mlproject_source;
};

/* Reads both files. ERR_INVALID when the sweep file's own project path cannot be made
 * out, with its position. */
enum err_code
spec_file_read(const char *path, struct spec_file *out, struct err *err) MUST_USE;
/* A new file for a sweep that lives in `directory`: "-" is standard input, and
 * MLproject is looked for where the sweep's project is. A folder that is not there has
 * none. */
enum err_code spec_file_read_for(const char *path,
                                 const char *directory,
                                 struct spec_file *out,
                                 struct err *err) MUST_USE;
/* Parses and checks with the samplers of this program. */
enum err_code spec_file_parse(const struct spec_file *file,
                              struct sweep_spec **out,
                              struct err *err) MUST_USE;
/* What coordinator_submit wants; borrowed from the file. */
struct ev_submit spec_file_submit(const struct spec_file *file, bool force_new);
void spec_file_fini(struct spec_file *file);
#define AUTO_SPEC_FILE CLEANUP(spec_file_fini)

#endif
