/* SPDX-License-Identifier: Apache-2.0 */
/* spool.c – the file of unacknowledged reports.
 *
 * Owns: the file's format, its index, when it is emptied and compacted.
 * Knows: the names in a record's header.
 * Does not know: what a report says, or who acknowledged it.
 *
 * The file is emptied when nothing in it is live (not for every trial: only once it is
 * worth a system call) and rewritten when most of it is dead.
 *
 * _DEFAULT_SOURCE for pwritev. */
#define _DEFAULT_SOURCE
#include "agent/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"

#define SPOOL_MAGIC 0x50534e57u /* "WNSP" */
/* An empty spool is cut back from this size on. */
#define EMPTY_BYTES_MIN ((uint64_t)64 * 1024)
/* Dead bytes that make rewriting worth it. */
#define DEAD_BYTES_MIN ((uint64_t)16 * 1024 * 1024)

enum {
    RECORD_STARTED = 1,
    RECORD_ENDED = 2
};

/* As it lies in the file, in the byte order of the machine: a spool does not travel. */
struct header {
    uint32_t magic;
    uint32_t len; /* of the report behind the header */
    uint32_t crc; /* of everything behind this field */
    uint32_t flags;
    uint32_t sweep, trial, attempt;
    uint32_t zero;
    uint64_t boot, first_seq, last_seq;
    char run_id[32];
};
static_assert(sizeof(struct header) == 88, "no padding");
#define CRC_FROM (offsetof(struct header, crc) + sizeof(uint32_t))

struct record {
    uint64_t offset; /* of the header */
    size_t len;
    struct header header; /* with memory only */
    uint8_t *memory;      /* the report itself when it could not be written */
};

struct spool {
    int fd;
    char *path;
    uint64_t size;          /* of the file */
    uint64_t live;          /* bytes of live records in it */
    size_t in_memory;       /* records that could not be written */
    struct map_u64 records; /* id → struct record, in order of the file */
    uint32_t crc_table[256];
};

/* ---- crc32 (IEEE) -----------------------------------------------------------------
 */

static void crc_table_fill(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
        }
        table[i] = crc;
    }
}

static uint32_t
crc_add(const uint32_t table[256], uint32_t crc, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}

static uint32_t
record_crc(const struct spool *spool, const struct header *header, const void *data)
{
    const uint8_t *bytes = (const uint8_t *)header;
    uint32_t crc =
        crc_add(spool->crc_table, 0, bytes + CRC_FROM, sizeof *header - CRC_FROM);
    return crc_add(spool->crc_table, crc, data, header->len);
}

/* ---- reading at start -------------------------------------------------------------
 */

static bool read_at(int fd, void *buf, size_t len, uint64_t offset)
{
    uint8_t *at = buf;
    while (len > 0) {
        ssize_t n = pread(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

static void record_add(struct spool *spool, uint64_t id, uint64_t offset, size_t len)
{
    struct record *record = mem_alloc(sizeof *record);
    record->offset = offset;
    record->len = len;
    map_u64_set(&spool->records, id, record);
    spool->live += sizeof(struct header) + len;
}

/* Reads the record at `offset` into *data; false when it is damaged or not there. */
static bool record_load(const struct spool *spool,
                        uint64_t offset,
                        struct header *header,
                        uint8_t **data_out)
{
    if (!read_at(spool->fd, header, sizeof *header, offset)
        || header->magic != SPOOL_MAGIC || header->len > MESSAGE_BYTES_MAX) {
        return false;
    }
    uint8_t *data = mem_try_alloc(header->len);
    if (data == NULL) {
        return false;
    }
    if (!read_at(spool->fd, data, header->len, offset + sizeof *header)
        || record_crc(spool, header, data) != header->crc) {
        mem_free(data);
        return false;
    }
    *data_out = data;
    return true;
}

static struct spool_meta meta_of(const struct header *header)
{
    struct spool_meta meta = { .key = { header->sweep, header->trial, header->attempt },
                               .boot = header->boot,
                               .first_seq = header->first_seq,
                               .last_seq = header->last_seq,
                               .has_started = (header->flags & RECORD_STARTED) != 0,
                               .has_ended = (header->flags & RECORD_ENDED) != 0 };
    memcpy(meta.run_id.hex, header->run_id, sizeof header->run_id);
    return meta;
}

static void spool_scan(struct spool *spool, spool_found_fn found, void *ctx)
{
    struct header header;
    uint8_t *data = NULL;
    uint64_t id = 0;
    while (record_load(spool, spool->size, &header, &data)) {
        mem_free(data);
        struct spool_meta meta = meta_of(&header);
        record_add(spool, ++id, spool->size, header.len);
        found(ctx, id, &meta, header.len);
        spool->size += sizeof header + header.len;
    }
}

enum err_code spool_open(const char *path,
                         spool_found_fn found,
                         void *ctx,
                         struct spool **spool_out,
                         uint64_t *torn_out,
                         struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot open '%s'", path);
    }
    struct spool *spool = mem_alloc(sizeof *spool);
    spool->fd = fd;
    spool->path = mem_strdup(path);
    crc_table_fill(spool->crc_table);
    spool_scan(spool, found, ctx);
    struct stat status;
    *torn_out = 0;
    if (fstat(fd, &status) == 0 && (uint64_t)status.st_size > spool->size) {
        *torn_out = (uint64_t)status.st_size - spool->size;
        if (ftruncate(fd, (off_t)spool->size) != 0) {
            enum err_code code = err_set_errno(err, errno, "cannot cut '%s'", path);
            spool_close(spool);
            return code;
        }
    }
    *spool_out = spool;
    return ERR_OK;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    if (map_u64_len(&spool->records) == 0 && spool->size > 0) {
        IGNORE_ERR(ftruncate(spool->fd, 0), "acknowledged records do no harm");
    }
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&spool->records, &pos, NULL, &value)) {
        struct record *record = value;
        mem_free(record->memory);
        mem_free(record);
    }
    map_u64_fini(&spool->records);
    close(spool->fd);
    mem_free(spool->path);
    mem_free(spool);
}

/* ---- appending, reading, trimming -------------------------------------------------
 */

/* Writes header and report at the end of `fd`, or leaves the file as it was. */
static enum err_code record_write(int fd,
                                  uint64_t offset,
                                  const struct header *header,
                                  const void *data,
                                  struct err *err)
{
    struct iovec parts[2];
    memcpy(&parts[0].iov_base, &header, sizeof(void *));
    parts[0].iov_len = sizeof *header;
    memcpy(&parts[1].iov_base, &data, sizeof(void *));
    parts[1].iov_len = header->len;
    ssize_t want = (ssize_t)(sizeof *header + header->len);
    ssize_t n = -1;
    do {
        n = pwritev(fd, parts, 2, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    if (n == want) {
        return ERR_OK;
    }
    int why = n < 0 ? errno : ENOSPC;
    IGNORE_ERR(ftruncate(fd, (off_t)offset), "a torn tail is recognised by its crc");
    return err_set_errno(err, why, "cannot write the spool");
}

/* Writes what is in memory, oldest first, for as long as there is space: a restart may
 * find the beginning of an attempt's reports, but never a part in the middle missing.
 */
static enum err_code memory_write(struct spool *spool, struct err *err)
{
    enum err_code code = ERR_OK;
    size_t pos = 0;
    void *value = NULL;
    while (spool->in_memory > 0 && code == ERR_OK
           && map_u64_next(&spool->records, &pos, NULL, &value)) {
        struct record *record = value;
        if (record->memory == NULL) {
            continue;
        }
        code =
            record_write(spool->fd, spool->size, &record->header, record->memory, err);
        if (code == ERR_OK) {
            mem_free(mem_take(&record->memory));
            spool->in_memory--;
            record->offset = spool->size;
            spool->size += sizeof record->header + record->len;
            spool->live += sizeof record->header + record->len;
        }
    }
    return code;
}

enum err_code spool_append(struct spool *spool,
                           uint64_t id,
                           const struct spool_meta *meta,
                           const void *data,
                           size_t len,
                           struct err *err)
{
    ASSERT(!map_u64_has(&spool->records, id));
    ASSERT(len <= MESSAGE_BYTES_MAX);
    struct header header = { .magic = SPOOL_MAGIC,
                             .len = (uint32_t)len,
                             .flags = (meta->has_started ? RECORD_STARTED : 0u)
                                      | (meta->has_ended ? RECORD_ENDED : 0u),
                             .sweep = meta->key.sweep,
                             .trial = meta->key.trial,
                             .attempt = meta->key.attempt,
                             .boot = meta->boot,
                             .first_seq = meta->first_seq,
                             .last_seq = meta->last_seq };
    memcpy(header.run_id, meta->run_id.hex, sizeof header.run_id);
    header.crc = record_crc(spool, &header, data);
    enum err_code code = memory_write(spool, err);
    if (code == ERR_OK) {
        code = record_write(spool->fd, spool->size, &header, data, err);
    }
    if (code == ERR_OK) {
        record_add(spool, id, spool->size, len);
        spool->size += sizeof header + len;
        return ERR_OK;
    }
    struct record *record = mem_alloc(sizeof *record);
    record->len = len;
    record->header = header;
    record->memory = mem_dup(data, len);
    spool->in_memory++;
    map_u64_set(&spool->records, id, record);
    return code;
}

enum err_code spool_read(struct spool *spool,
                         uint64_t id,
                         uint8_t **data_out,
                         size_t *len_out,
                         struct err *err)
{
    const struct record *record = map_u64_get(&spool->records, id);
    if (record == NULL) {
        return err_set(err, ERR_NOTFOUND, "no report %llu in the spool",
                       (unsigned long long)id);
    }
    if (record->memory != NULL) {
        *data_out = mem_dup(record->memory, record->len);
        *len_out = record->len;
        return ERR_OK;
    }
    struct header header;
    if (!record_load(spool, record->offset, &header, data_out)) {
        return err_set(err, ERR_CORRUPT, "cannot read report %llu of '%s'",
                       (unsigned long long)id, spool->path);
    }
    *len_out = header.len;
    return ERR_OK;
}

/* Copies a live record to the end of another file. */
static bool record_copy(struct spool *spool, struct record *record, int to, uint64_t at)
{
    struct header header;
    uint8_t *data = NULL;
    if (!record_load(spool, record->offset, &header, &data)) {
        return false;
    }
    bool ok = record_write(to, at, &header, data, NULL) == ERR_OK;
    mem_free(data);
    return ok;
}

/* Copies the live records to `to`; new offsets are noted only by the caller's rename.
 */
static bool records_copy(struct spool *spool, int to)
{
    uint64_t at = 0;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&spool->records, &pos, NULL, &value)) {
        struct record *record = value;
        if (record->memory == NULL) {
            if (!record_copy(spool, record, to, at)) {
                return false;
            }
            at += sizeof(struct header) + record->len;
        }
    }
    return true;
}

static void offsets_renew(struct spool *spool)
{
    uint64_t at = 0;
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&spool->records, &pos, NULL, &value)) {
        struct record *record = value;
        if (record->memory == NULL) {
            record->offset = at;
            at += sizeof(struct header) + record->len;
        }
    }
    ASSERT(at == spool->live);
    spool->size = at;
}

/* Best effort: when it fails the file stays as it is. */
static void spool_compact(struct spool *spool)
{
    AUTO_FREE char *path = mem_printf("%s.new", spool->path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return;
    }
    if (!records_copy(spool, fd) || rename(path, spool->path) != 0) {
        close(fd);
        unlink(path);
        return;
    }
    close(spool->fd);
    spool->fd = fd;
    offsets_renew(spool);
}

void spool_trim(struct spool *spool, uint64_t id)
{
    struct record *record = map_u64_del(&spool->records, id);
    if (record == NULL) {
        return;
    }
    if (record->memory == NULL) {
        spool->live -= sizeof(struct header) + record->len;
    } else {
        spool->in_memory--;
    }
    mem_free(record->memory);
    mem_free(record);
    uint64_t dead = spool->size - spool->live;
    if (spool->live == 0 && spool->size >= EMPTY_BYTES_MIN) {
        if (ftruncate(spool->fd, 0) == 0) {
            spool->size = 0;
        }
    } else if (dead > DEAD_BYTES_MIN && dead > spool->live) {
        spool_compact(spool);
    }
}

uint64_t spool_file_bytes(const struct spool *spool)
{
    return spool->size;
}

uint64_t spool_live_bytes(const struct spool *spool)
{
    return spool->live;
}
