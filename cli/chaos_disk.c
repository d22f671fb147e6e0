/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_disk.c – fills the file system of a chaos run's home, and empties it again.
 * Owns the ballast, a file beside the store. Knows which file systems may be filled.
 * Does not know when. */
#include "cli/chaos.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"

#define BALLAST_NAME "chaos-ballast"
/* Written at once: some file systems take a small piece where no large one fits. */
#define PIECE_BYTES ((size_t)1024 * 1024)
/* One call's share, so that the rest of the run does not wait for a slow disk. */
#define SHARE_BYTES ((size_t)256 * 1024 * 1024)

struct chaos_ballast {
    int fd;
    char *path;
    uint8_t bytes[PIECE_BYTES]; /* noise: a file system may compress */
};

/* True when the folder lies on the same file system as `other`. */
static bool shares(const struct stat *status, const char *other)
{
    struct stat there;
    return stat(other, &there) == 0 && there.st_dev == status->st_dev;
}

enum err_code chaos_disk_check(const char *home,
                               const char *folder,
                               uint64_t bytes_max,
                               struct err *err)
{
    const char *const spared[] = { "/", "/home", "/tmp", "/var", folder };
    struct stat status;
    struct statvfs disk;
    if (stat(home, &status) != 0 || statvfs(home, &disk) != 0) {
        return err_set_errno(err, errno, "cannot look at '%s'", home);
    }
    for (size_t i = 0; i < ARRAY_LEN(spared); i++) {
        if (shares(&status, spared[i])) {
            return err_set(
                err, ERR_USAGE,
                "--full-disk: '%s' is on the file system of %s, expected one "
                "of its own that may be filled",
                home, spared[i]);
        }
    }
    uint64_t bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
    if (bytes > bytes_max) {
        return err_set(err, ERR_USAGE,
                       "--full-disk: the file system of '%s' has %" PRIu64
                       " bytes, expected at most %" PRIu64,
                       home, bytes, bytes_max);
    }
    return ERR_OK;
}

enum err_code
chaos_ballast_create(const char *home, struct chaos_ballast **out, struct err *err)
{
    struct chaos_ballast *self = mem_alloc(sizeof *self);
    self->path = fsx_path_join(home, BALLAST_NAME);
    self->fd = open(self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (self->fd < 0) {
        enum err_code code = err_set_errno(err, errno, "cannot make '%s'", self->path);
        chaos_ballast_destroy(self);
        return code;
    }
    clock_entropy(self->bytes, sizeof self->bytes);
    chaos_ballast_fill(self);
    *out = self;
    return ERR_OK;
}

void chaos_ballast_fill(struct chaos_ballast *self)
{
    size_t piece = PIECE_BYTES;
    for (size_t done = 0; piece > 0 && done < SHARE_BYTES;) {
        ssize_t n = write(self->fd, self->bytes, piece);
        done += n > 0 ? (size_t)n : 0;
        piece = n > 0 ? piece : piece / 2;
    }
}

void chaos_ballast_destroy(struct chaos_ballast *self)
{
    if (self == NULL) {
        return;
    }
    if (self->fd >= 0) {
        IGNORE_ERR(unlink(self->path), "the home goes too");
        close(self->fd);
    }
    mem_free(self->path);
    mem_free(self);
}
