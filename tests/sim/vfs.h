/* SPDX-License-Identifier: Apache-2.0 */
/* vfs.h – SQLite's files with faults: calls that fail, a disk without space, writes cut
 * short by a death, and what a loss of power leaves of them.
 *
 * It lies over the default VFS and takes its place while it exists, so store/ meets it
 * without knowing. Reads never fail here: a disk that returns garbage is the business
 * of `winnow doctor`. One thread.
 */
#ifndef TESTS_SIM_VFS_H
#define TESTS_SIM_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/rng.h"

enum vfs_op {
    VFS_WRITE,    /* nothing is written, SQLITE_IOERR_WRITE */
    VFS_SHORT,    /* a part is written, SQLITE_IOERR_WRITE */
    VFS_SYNC,     /* SQLITE_IOERR_FSYNC */
    VFS_TRUNCATE, /* SQLITE_IOERR_TRUNCATE */
    VFS_OPEN,     /* SQLITE_CANTOPEN */
    VFS_SHM,      /* SQLITE_IOERR_SHMOPEN */
    VFS_OP_NR
};

struct vfs;

/* Registered as the default. */
struct vfs *vfs_create(void);
/* Gives the place back; all connections are closed. NULL allowed. */
void vfs_destroy(struct vfs *vfs);

/* The operation fails `repeat` times (< 0: until vfs_mend) after `after` that go well.
 * One kind at a time. */
void vfs_arm(struct vfs *vfs, enum vfs_op op, int64_t after, int64_t repeat);
/* Files may grow by so many bytes more, then there is no space. */
void vfs_fill(struct vfs *vfs, int64_t bytes);
/* No call fails any more and there is space. */
void vfs_mend(struct vfs *vfs);
/* While paused calls do not fail: for looking at what is there. */
void vfs_pause(struct vfs *vfs, bool pause);
/* Calls that failed so far, for want of space or because they were to. */
uint64_t vfs_hits(const struct vfs *vfs);

/* The process that uses the files dies after it has written so many bytes more: from
 * then on nothing changes a file. */
void vfs_die_after(struct vfs *vfs, int64_t bytes);
/* The next process: files can be changed again. */
void vfs_revive(struct vfs *vfs);

/* The power fails: of what was written since the last sync of each file, every sector
 * of 512 bytes is there or is not, and so are changes of size. All files are closed. */
enum err_code
vfs_lose_power(struct vfs *vfs, struct rng *rng, struct err *err) MUST_USE;

#endif
