/* SPDX-License-Identifier: Apache-2.0 */
/* fsx.h – files and folders. Blocking; any thread. Messages name the path. */
#ifndef BASE_SYS_FSX_H
#define BASE_SYS_FSX_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Scoped file descriptor: `AUTO_FD int fd = -1;`. */
#define AUTO_FD CLEANUP(fsx_fd_cleanup)
void fsx_fd_cleanup(int *fd);
/* Moves the descriptor out of the variable, which becomes -1. */
int fsx_fd_take(int *fd) MUST_USE;

/* "dir/name" (owned); one slash between them; an absolute name stands alone. */
char *fsx_path_join(const char *dir, const char *name) MUST_USE;
/* Owned absolute path without symlinks; the path must exist. */
enum err_code fsx_real_path(const char *path, char **out, struct err *err) MUST_USE;
bool fsx_exists(const char *path);
bool fsx_is_dir(const char *path);

/* Makes the folder and its missing parents with `mode`. */
enum err_code fsx_mkdirs(const char *path, mode_t mode, struct err *err) MUST_USE;

/* All or nothing, also across a crash: temporary file, fsync, rename, fsync of the
 * folder. */
enum err_code fsx_write_atomic(const char *path,
                               const void *bytes,
                               size_t n,
                               mode_t mode,
                               struct err *err) MUST_USE;
/* Appends the file to buf; ERR_TOOBIG beyond buf->max, with the path and the limit. */
enum err_code
fsx_read_file(const char *path, struct strbuf *buf, struct err *err) MUST_USE;
/* Writes all n bytes, going on after EINTR and short writes. */
enum err_code
fsx_write_all(int fd, const void *bytes, size_t n, struct err *err) MUST_USE;

/* Removes a file or a folder with everything below; symlinks are removed, not followed.
 * Absent is ERR_OK. */
enum err_code fsx_remove_tree(const char *path, struct err *err) MUST_USE;
/* Copies a folder: files, folders, symlinks (as links, unchanged), permission bits.
 * `skip` names entries left out at the top level. `to` must not exist; it is removed
 * again on failure. Other kinds of files are ERR_UNSUPPORTED. */
enum err_code fsx_copy_tree(const char *from,
                            const char *to,
                            const char *const *skip,
                            size_t skip_len,
                            struct err *err) MUST_USE;

/* Length of a note in a lock. */
#define FSX_NOTE_BYTES_MAX ((size_t)64)

/* Exclusive lock on a file (made if absent, our pid written inside), held until *fd_out
 * is closed. Held by another: ERR_LOCKED, its pid in *holder_pid_out (0 unknown; the
 * pointer may be NULL) and in the message. */
enum err_code fsx_lock(const char *path,
                       int *fd_out,
                       pid_t *holder_pid_out,
                       struct err *err) MUST_USE;
/* Leaves a line for those who look at the lock without taking it; "" removes it. Takes
 * no new space on the disk. At most FSX_NOTE_BYTES_MAX bytes. */
enum err_code fsx_lock_note(int fd, const char *note, struct err *err) MUST_USE;
/* True when the process whose pid is in the lock lives and left this note. */
bool fsx_lock_is_noted(const char *path, const char *note);

/* Bytes an ordinary user may still write on the file system of path. */
enum err_code
fsx_free_bytes(const char *path, uint64_t *bytes_out, struct err *err) MUST_USE;

#endif
