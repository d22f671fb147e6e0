/* SPDX-License-Identifier: Apache-2.0 */
/* points_file.h – points and results that the user has in a file. */
#ifndef CLI_POINTS_FILE_H
#define CLI_POINTS_FILE_H

#include "base/err.h"
#include "base/json.h"

/* Reads a file of JSON lines or a JSON array, or a CSV table if its name ends in .csv;
 * "-" is standard input. *rows_out is an array of objects. */
enum err_code
points_file_read(const char *path, json_t **rows_out, struct err *err) MUST_USE;

#endif
