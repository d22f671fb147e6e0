/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h – scratch folders of attempts (WINNOW_TMP), with the file of parameters.
 *
 * Making and removing a folder and a file costs a millisecond on a busy journalling
 * file system, more than a trivial trial itself. So a folder that a trial left as it
 * found it is used again, and costs nothing but the new text of its file. */
#ifndef AGENT_SCRATCH_H
#define AGENT_SCRATCH_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct scratch_pool;

/* A folder with a file. Paths are owned by it. */
struct scratch {
    char *dir;
    char *params_path;
    size_t params_len; /* bytes of the file as we left it */
};

/* `parent` exists and is empty of folders with a number as name. */
struct scratch_pool *scratch_pool_create(struct uv_loop_s *loop,
                                         const char *parent) MUST_USE;
/* Removes the folders kept. NULL allowed. */
void scratch_pool_destroy(struct scratch_pool *pool);

/* A folder that holds nothing but its file, with `params` in it. */
enum err_code scratch_take(struct scratch_pool *pool,
                           struct str params,
                           struct scratch **scratch_out,
                           struct err *err) MUST_USE;
/* The attempt is over: keeps the folder or has it removed on the thread pool. */
void scratch_release(struct scratch_pool *pool, struct scratch *scratch);

/* Removes a folder that may hold anything on the thread pool. Takes the path. */
void tree_remove_later(struct uv_loop_s *loop, char *dir_taken);

#endif
