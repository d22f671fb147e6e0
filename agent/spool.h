/* SPDX-License-Identifier: Apache-2.0 */
/* spool.h – reports that the coordinator has not acknowledged, in one append-only file.
 *
 * A record is a header (length, crc32, names) and the report as it goes over the wire.
 * The index is in memory; the file is read only when a report is sent again and after a
 * restart. There is no fsync: what is in the file survives the agent's death; what must
 * survive the machine's is the coordinator's business. Blocking; one thread. */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include "base/compiler.h"
#include "base/err.h"
#include "core/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/* What is known of a record without reading its report. */
struct spool_meta {
    struct attempt_key key;
    struct run_id run_id;
    uint64_t boot;
    uint64_t first_seq;
    uint64_t last_seq;
    bool has_started;
    bool has_ended;
};

typedef void (*spool_found_fn)(void *ctx,
                               uint64_t id,
                               const struct spool_meta *meta,
                               size_t bytes);

/* Opens (or makes) the file; `found` hears each intact record in order, with ids from 1
 * on. What follows the first damaged record is cut off: *torn_out receives its length
 * in bytes. */
enum err_code spool_open(const char *path,
                         spool_found_fn found,
                         void *ctx,
                         struct spool **spool_out,
                         uint64_t *torn_out,
                         struct err *err) MUST_USE;
/* NULL allowed. Unacknowledged records stay in the file. */
void spool_close(struct spool *spool);

/* Appends under an id that is not in use. On an error (disk full) the report is kept in
 * memory instead, so that nothing is lost while the agent lives; the error says why.
 * What is in memory is written before anything newer. */
enum err_code spool_append(struct spool *spool,
                           uint64_t id,
                           const struct spool_meta *meta,
                           const void *data,
                           size_t len,
                           struct err *err) MUST_USE;
/* A copy of the report, for the caller (mem_free). ERR_NOTFOUND: no such id. */
enum err_code spool_read(struct spool *spool,
                         uint64_t id,
                         uint8_t **data_out,
                         size_t *len_out,
                         struct err *err) MUST_USE;
/* The report is acknowledged. Unknown ids are ignored. */
void spool_trim(struct spool *spool, uint64_t id);

/* Bytes of the file, and how many of them are of live records. */
uint64_t spool_file_bytes(const struct spool *spool);
uint64_t spool_live_bytes(const struct spool *spool);

#endif
