/* SPDX-License-Identifier: Apache-2.0 */
/* helper_path.h – where this program and its helper lie. */
#ifndef CLI_HELPER_PATH_H
#define CLI_HELPER_PATH_H

#include "base/compiler.h"
#include "base/err.h"

/* Owned path of `winnow-trial` beside this program. ERR_NOTFOUND when it is not there
 * or may not be executed; the message says where it was looked for. */
enum err_code helper_path(char **out, struct err *err) MUST_USE;

#endif
