/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h – what the coordinator has on disk: committed records, nothing else.
 *
 * It keeps the contract of store/store.h (what a replay gives back, and in what order)
 * without SQL, so that thousands of restarts cost little.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "base/compiler.h"
#include "base/err.h"
#include "core/record.h"
#include "core/replay_check.h"

struct disk;

struct disk *disk_create(void);
void disk_destroy(struct disk *disk);

/* Keeps copies of the records: they are durable now. */
void disk_apply(struct disk *disk, struct record *const *records, size_t len);

/* As store_replay: all events in order, then the points and the mark of each attempt
 * that has not ended. */
typedef enum err_code (*disk_replay_fn)(void *ctx,
                                        const struct record *record,
                                        struct err *err);
enum err_code disk_replay(const struct disk *disk,
                          disk_replay_fn fn,
                          void *ctx,
                          struct err *err) MUST_USE;

/* Appends the points that are asked for in the order of their numbers, each once. */
void disk_points(const struct disk *disk,
                 const struct replay_ask *ask,
                 struct replay_points *out);

/* The least run key not in use. */
uint64_t disk_next_run_key(const struct disk *disk);

#endif
