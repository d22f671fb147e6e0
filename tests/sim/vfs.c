/* SPDX-License-Identifier: Apache-2.0 */
/* vfs.c – SQLite's files with faults.
 * Owns what is not yet synced of each file: the bytes that lay there before. Knows the
 * calls of a VFS. Does not know what is in the files, or when something is to fail.
 *
 * What is unsynced is kept by path, not by open file: two connections write one
 * database, and it outlives the process that wrote it, as the page cache does. Names of
 * files are durable at once, and so is the shared memory beside the WAL, which a start
 * makes anew. Bytes beside those that are written stay as they are, which SQLite relies
 * on (SQLITE_IOCAP_POWERSAFE_OVERWRITE).
 *
 * Methods of the default VFS that are not replaced here do not look at the VFS they are
 * called with. */
#include "tests/sim/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "base/vec.h"

#define SECTOR_BYTES 512
#define FOR_EVER     INT64_MAX

/* Whole sectors as they were before something was written there. */
struct before {
    int64_t offset;
    int64_t len;
    uint8_t *bytes; /* owned; behind the file's end: zeros */
};

/* What is not yet synced of a file. */
struct unsynced {
    VEC(struct before) before; /* in the order of writing */
    int64_t size;              /* of the file at its last sync */
};

struct vfs {
    sqlite3_vfs own;
    sqlite3_vfs *real;
    struct map_str files; /* path → struct unsynced */
    enum vfs_op op;       /* is to fail; VFS_OP_NR: none */
    int64_t after, repeat;
    int64_t space_bytes;
    int64_t life_bytes; /* may still be written */
    int last_errno;
    bool paused;
    uint64_t hits;
};

struct vfs_file {
    sqlite3_file base;
    struct vfs *vfs;
    struct unsynced *unsynced; /* NULL: a file that need not last */
};

static struct vfs *vfs_of(sqlite3_vfs *own)
{
    return own->pAppData;
}

static struct vfs_file *file_of(sqlite3_file *base)
{
    return container_of(base, struct vfs_file, base);
}

/* The real file lies behind ours. */
static sqlite3_file *real_of(sqlite3_file *base)
{
    return (sqlite3_file *)(void *)(file_of(base) + 1);
}

/* ---- what is to fail ---- */

static int fail(struct vfs *vfs, int rc, int why)
{
    vfs->hits++;
    vfs->last_errno = why;
    return rc;
}

static bool hit(struct vfs *vfs, enum vfs_op op)
{
    if (vfs->op != op || vfs->paused) {
        return false;
    }
    if (vfs->after > 0) {
        vfs->after--;
        return false;
    }
    if (vfs->repeat > 0) {
        vfs->repeat--;
    }
    if (vfs->repeat == 0) {
        vfs->op = VFS_OP_NR;
    }
    return true;
}

static bool is_dead(const struct vfs *vfs)
{
    return vfs->life_bytes == 0;
}

/* ---- what was there before ---- */

static void before_add(struct vfs_file *file, int64_t from, int64_t end)
{
    if (file->unsynced == NULL || end <= from) {
        return;
    }
    struct before before = { .offset = from - from % SECTOR_BYTES };
    before.len = (end - before.offset + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
    before.bytes = mem_alloc((size_t)before.len);
    /* A read behind the end leaves zeros. */
    int rc = real_of(&file->base)
                 ->pMethods->xRead(real_of(&file->base), before.bytes, (int)before.len,
                                   before.offset);
    ASSERT(rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ);
    vec_push(&file->unsynced->before, before);
}

static int64_t size_of(sqlite3_file *base)
{
    sqlite3_int64 size = 0;
    int rc = real_of(base)->pMethods->xFileSize(real_of(base), &size);
    ASSERT(rc == SQLITE_OK);
    return size;
}

static void unsynced_clear(struct unsynced *unsynced)
{
    for (size_t i = 0; i < unsynced->before.len; i++) {
        mem_free(unsynced->before.ptr[i].bytes);
    }
    vec_reset(&unsynced->before);
}

/* ---- methods of files ---- */

static int file_close(sqlite3_file *base)
{
    return real_of(base)->pMethods->xClose(real_of(base));
}

static int file_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset)
{
    return real_of(base)->pMethods->xRead(real_of(base), bytes, len, offset);
}

static int
write_real(sqlite3_file *base, const void *bytes, int64_t len, int64_t offset)
{
    struct vfs *vfs = file_of(base)->vfs;
    bool dies = len >= vfs->life_bytes;
    int64_t most = dies ? vfs->life_bytes : len;
    int rc = SQLITE_OK;
    if (most > 0) {
        before_add(file_of(base), offset, offset + most);
        rc = real_of(base)->pMethods->xWrite(real_of(base), bytes, (int)most, offset);
    }
    vfs->life_bytes -= vfs->life_bytes == FOR_EVER ? 0 : most;
    return dies ? fail(vfs, SQLITE_IOERR_WRITE, EIO) : rc;
}

static int
file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
    struct vfs *vfs = file_of(base)->vfs;
    if (is_dead(vfs) || hit(vfs, VFS_WRITE)) {
        return fail(vfs, SQLITE_IOERR_WRITE, EIO);
    }
    if (hit(vfs, VFS_SHORT)) {
        IGNORE_ERR(write_real(base, bytes, len / 2, offset), "it fails anyhow");
        return fail(vfs, SQLITE_IOERR_WRITE, EIO);
    }
    if (vfs->space_bytes == FOR_EVER) {
        return write_real(base, bytes, len, offset);
    }
    int64_t grows = offset + len - size_of(base);
    if (grows > vfs->space_bytes) {
        int64_t fits = len - (grows - vfs->space_bytes);
        IGNORE_ERR(write_real(base, bytes, fits > 0 ? fits : 0, offset), "as above");
        vfs->space_bytes = fits > 0 ? 0 : vfs->space_bytes;
        return fail(vfs, SQLITE_FULL, ENOSPC);
    }
    vfs->space_bytes -= grows > 0 ? grows : 0;
    return write_real(base, bytes, len, offset);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct vfs *vfs = file_of(base)->vfs;
    if (is_dead(vfs) || hit(vfs, VFS_TRUNCATE)) {
        return fail(vfs, SQLITE_IOERR_TRUNCATE, EIO);
    }
    before_add(file_of(base), size, size_of(base));
    return real_of(base)->pMethods->xTruncate(real_of(base), size);
}

/* Of a failed sync nobody knows what it did: here nothing. */
static int file_sync(sqlite3_file *base, int flags)
{
    struct vfs *vfs = file_of(base)->vfs;
    if (is_dead(vfs) || hit(vfs, VFS_SYNC)) {
        return fail(vfs, SQLITE_IOERR_FSYNC, EIO);
    }
    /* Space for what was written may only now be looked for. */
    if (vfs->space_bytes == 0) {
        return fail(vfs, SQLITE_IOERR_FSYNC, ENOSPC);
    }
    if (file_of(base)->unsynced != NULL) {
        unsynced_clear(file_of(base)->unsynced);
        file_of(base)->unsynced->size = size_of(base);
        return SQLITE_OK;
    }
    return real_of(base)->pMethods->xSync(real_of(base), flags);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    return real_of(base)->pMethods->xFileSize(real_of(base), size);
}

static int file_lock(sqlite3_file *base, int level)
{
    return real_of(base)->pMethods->xLock(real_of(base), level);
}

static int file_unlock(sqlite3_file *base, int level)
{
    return real_of(base)->pMethods->xUnlock(real_of(base), level);
}

static int file_check_lock(sqlite3_file *base, int *result)
{
    return real_of(base)->pMethods->xCheckReservedLock(real_of(base), result);
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    return real_of(base)->pMethods->xFileControl(real_of(base), op, arg);
}

static int file_sector_size(sqlite3_file *base)
{
    return real_of(base)->pMethods->xSectorSize(real_of(base));
}

static int file_characteristics(sqlite3_file *base)
{
    return real_of(base)->pMethods->xDeviceCharacteristics(real_of(base));
}

static int shm_map(
    sqlite3_file *base, int region, int bytes, int extend, void volatile **address_out)
{
    struct vfs *vfs = file_of(base)->vfs;
    if (hit(vfs, VFS_SHM)) {
        return fail(vfs, SQLITE_IOERR_SHMOPEN, EIO);
    }
    return real_of(base)->pMethods->xShmMap(real_of(base), region, bytes, extend,
                                            address_out);
}

static int shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    return real_of(base)->pMethods->xShmLock(real_of(base), offset, n, flags);
}

static void shm_barrier(sqlite3_file *base)
{
    real_of(base)->pMethods->xShmBarrier(real_of(base));
}

static int shm_unmap(sqlite3_file *base, int remove)
{
    bool dead = is_dead(file_of(base)->vfs);
    return real_of(base)->pMethods->xShmUnmap(real_of(base), dead ? 0 : remove);
}

/* Without xFetch: a database mapped into memory would change behind our back. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- methods of the VFS ---- */

static struct unsynced *unsynced_find(struct vfs *vfs, const char *path)
{
    struct unsynced *unsynced = map_str_get(&vfs->files, str_from(path));
    if (unsynced == NULL) {
        unsynced = mem_alloc(sizeof *unsynced);
        map_str_set(&vfs->files, str_from(path), unsynced);
    }
    return unsynced;
}

static int
vfs_open(sqlite3_vfs *own, const char *path, sqlite3_file *base, int flags, int *out)
{
    struct vfs *vfs = vfs_of(own);
    struct vfs_file *file = file_of(base);
    bool lasts = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;
    base->pMethods = NULL;
    if (lasts && hit(vfs, VFS_OPEN)) {
        return fail(vfs, SQLITE_CANTOPEN, EIO);
    }
    file->vfs = vfs;
    file->unsynced = NULL;
    int rc = vfs->real->xOpen(vfs->real, path, real_of(base), flags, out);
    if (rc != SQLITE_OK) {
        return rc;
    }
    base->pMethods = &methods;
    bool known = lasts && map_str_has(&vfs->files, str_from(path));
    file->unsynced = lasts ? unsynced_find(vfs, path) : NULL;
    if (lasts && !known) {
        file->unsynced->size = size_of(base);
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *own, const char *path, int sync)
{
    struct vfs *vfs = vfs_of(own);
    if (is_dead(vfs)) {
        return fail(vfs, SQLITE_IOERR_DELETE, EIO);
    }
    struct unsynced *unsynced = map_str_get(&vfs->files, str_from(path));
    if (unsynced != NULL) {
        unsynced_clear(unsynced);
        unsynced->size = 0;
    }
    return vfs->real->xDelete(vfs->real, path, sync);
}

static int vfs_last_error(sqlite3_vfs *own, int size, char *text)
{
    UNUSED(size);
    UNUSED(text);
    return vfs_of(own)->last_errno;
}

/* Nobody else is there to wait for. */
static int vfs_sleep(sqlite3_vfs *own, int microseconds)
{
    UNUSED(own);
    return microseconds;
}

struct vfs *vfs_create(void)
{
    struct vfs *vfs = mem_alloc(sizeof *vfs);
    vfs->real = sqlite3_vfs_find(NULL);
    ASSERT(vfs->real != NULL);
    vfs->own = *vfs->real;
    vfs->own.pNext = NULL;
    vfs->own.zName = "winnow-sim";
    vfs->own.szOsFile = (int)sizeof(struct vfs_file) + vfs->real->szOsFile;
    vfs->own.pAppData = vfs;
    vfs->own.xOpen = vfs_open;
    vfs->own.xDelete = vfs_delete;
    vfs->own.xGetLastError = vfs_last_error;
    vfs->own.xSleep = vfs_sleep;
    map_str_init(&vfs->files);
    vfs->life_bytes = FOR_EVER;
    vfs_mend(vfs);
    int rc = sqlite3_vfs_register(&vfs->own, 1);
    ASSERT(rc == SQLITE_OK);
    return vfs;
}

void vfs_destroy(struct vfs *vfs)
{
    if (vfs == NULL) {
        return;
    }
    int rc = sqlite3_vfs_unregister(&vfs->own);
    ASSERT(rc == SQLITE_OK);
    size_t pos = 0;
    void *value = NULL;
    while (map_str_next(&vfs->files, &pos, NULL, &value)) {
        struct unsynced *unsynced = value;
        unsynced_clear(unsynced);
        vec_fini(&unsynced->before);
        mem_free(unsynced);
    }
    map_str_fini(&vfs->files);
    mem_free(vfs);
}

/* ---- faults ---- */

void vfs_arm(struct vfs *vfs, enum vfs_op op, int64_t after, int64_t repeat)
{
    ASSERT(repeat != 0);
    vfs->op = op;
    vfs->after = after;
    vfs->repeat = repeat;
}

void vfs_fill(struct vfs *vfs, int64_t bytes)
{
    vfs->space_bytes = bytes;
}

void vfs_mend(struct vfs *vfs)
{
    vfs->op = VFS_OP_NR;
    vfs->space_bytes = FOR_EVER;
}

void vfs_pause(struct vfs *vfs, bool pause)
{
    vfs->paused = pause;
}

uint64_t vfs_hits(const struct vfs *vfs)
{
    return vfs->hits;
}

void vfs_die_after(struct vfs *vfs, int64_t bytes)
{
    vfs->life_bytes = bytes;
}

void vfs_revive(struct vfs *vfs)
{
    vfs->life_bytes = FOR_EVER;
}

/* ---- loss of power ---- */

/* The same answer for a sector however often it was written. */
static bool is_lost(uint64_t salt, int64_t sector, uint64_t percent)
{
    struct rng rng = rng_stream(salt, (uint64_t)sector, str_from("sector"), RNG_ORDER);
    return rng_below(&rng, 100) < percent;
}

static bool
put_back(int fd, const struct before *before, uint64_t salt, uint64_t percent)
{
    bool good = true;
    for (int64_t at = 0; at < before->len && good; at += SECTOR_BYTES) {
        int64_t offset = before->offset + at;
        if (is_lost(salt, offset / SECTOR_BYTES, percent)) {
            good = pwrite(fd, before->bytes + at, SECTOR_BYTES, (off_t)offset)
                   == SECTOR_BYTES;
        }
    }
    return good;
}

static enum err_code
lose(const char *path, struct unsynced *unsynced, struct rng *rng, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? ERR_OK : err_set_errno(err, errno, "'%s'", path);
    }
    off_t now = lseek(fd, 0, SEEK_END);
    uint64_t salt = rng_u64(rng);
    uint64_t percent = rng_below(rng, 3) * 50;
    bool good = now >= 0;
    for (size_t i = unsynced->before.len; i-- > 0 && good;) {
        good = put_back(fd, &unsynced->before.ptr[i], salt, percent);
    }
    off_t size = rng_below(rng, 2) == 0 ? (off_t)unsynced->size : now;
    good = good && ftruncate(fd, size) == 0;
    unsynced_clear(unsynced);
    unsynced->size = size;
    return good ? ERR_OK : err_set_errno(err, errno, "cannot change '%s'", path);
}

enum err_code vfs_lose_power(struct vfs *vfs, struct rng *rng, struct err *err)
{
    enum err_code code = ERR_OK;
    const char *path = NULL;
    size_t pos = 0;
    void *value = NULL;
    while (code == ERR_OK && map_str_next(&vfs->files, &pos, &path, &value)) {
        code = lose(path, value, rng, err);
    }
    return code;
}
