/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c – committed records in memory.
 * Owns copies of them. Knows what a store gives back after a restart. Does not know
 * time: latency, full disks and lost commits are the coordinator's model. */
#include "tests/sim/disk.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "tests/sim/keys.h"

struct disk {
    VEC(struct record *) records;
    uint64_t next_run_key;
};

/* An attempt that has not ended or that later ones may go on from, while replaying. */
struct live {
    struct attempt_key key;
    bool ended, checkpoint;
    uint64_t run_key;
    uint64_t seq;
    uint64_t log_bytes;
    uint64_t points_seq; /* points up to here were given back */
};

struct disk *disk_create(void)
{
    struct disk *disk = mem_alloc(sizeof *disk);
    disk->next_run_key = 1;
    return disk;
}

void disk_destroy(struct disk *disk)
{
    for (size_t i = 0; i < disk->records.len; i++) {
        record_destroy(disk->records.ptr[i]);
    }
    vec_fini(&disk->records);
    mem_free(disk);
}

void disk_apply(struct disk *disk, struct record *const *records, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        vec_push(&disk->records, record_clone(records[i]));
        if (records[i]->run_key >= disk->next_run_key) {
            disk->next_run_key = records[i]->run_key + 1;
        }
    }
}

void disk_points(const struct disk *disk,
                 const struct replay_ask *ask,
                 struct replay_points *out)
{
    uint64_t behind = ask->behind;
    for (size_t i = 0; i < disk->records.len; i++) {
        const struct record *record = disk->records.ptr[i];
        const struct rec_points *points = &record->as.points;
        if (record->kind != REC_POINTS || key_pack(record->key) != key_pack(ask->key)) {
            continue;
        }
        for (size_t k = 0; k < points->len; k++) {
            uint64_t seq = points->first_seq + k;
            if (seq <= behind || seq > ask->upto) {
                continue;
            }
            behind = seq;
            if (strcmp(points->names[points->name[k]], ask->metric) == 0) {
                vec_push(&out->steps, points->step[k]);
                vec_push(&out->values, points->value[k]);
            }
        }
    }
}

uint64_t disk_next_run_key(const struct disk *disk)
{
    return disk->next_run_key;
}

static bool is_event(enum record_kind kind)
{
    return kind != REC_POINTS && kind != REC_NOTES && kind != REC_LOG;
}

/* With checkpoints an attempt matters until its trial cannot go on. */
static void live_end(struct map_u64 *lives, struct live *live, enum trial_state state)
{
    struct attempt_key key = live->key;
    bool over = state == TRIAL_FINISHED || state == TRIAL_PRUNED;
    live->ended = true;
    if (live->checkpoint && !over) {
        return;
    }
    bool all = live->checkpoint;
    mem_free(map_u64_del(lives, key_pack(key)));
    while (all && --key.attempt > 0) {
        mem_free(map_u64_del(lives, key_pack(key)));
    }
}

/* Follows one record: which attempts live, and how far they came. */
static void live_follow(struct map_u64 *lives, const struct record *record)
{
    uint64_t packed = key_pack(record->key);
    if (record->kind == REC_ASSIGNED) {
        struct live *live = mem_alloc(sizeof *live);
        live->key = record->key;
        live->run_key = record->run_key;
        live->checkpoint = record->as.assigned.checkpoint;
        map_u64_set(lives, packed, live);
        return;
    }
    struct live *live = record->key.attempt != 0 ? map_u64_get(lives, packed) : NULL;
    if (live == NULL) {
        return;
    }
    if (record->kind == REC_ENDED) {
        live_end(lives, live, record->as.ended.state);
        return;
    }
    live->seq = record->seq > live->seq ? record->seq : live->seq;
    if (record->kind == REC_LOG) {
        uint64_t end = record->as.log.offset + record->as.log.len;
        live->log_bytes = end > live->log_bytes ? end : live->log_bytes;
    }
}

/* The points of a record that were not given back yet. */
static enum err_code points_give(struct live *live,
                                 struct record record,
                                 disk_replay_fn fn,
                                 void *ctx,
                                 struct err *err)
{
    struct rec_points *points = &record.as.points;
    uint64_t last = points->first_seq + points->len - 1;
    if (live->ended) { /* may have come in any order, and twice, after it was given up
                        */
        return fn(ctx, &record, err);
    }
    if (last <= live->points_seq) {
        return ERR_OK;
    }
    size_t behind = points->first_seq <= live->points_seq
                        ? (size_t)(live->points_seq + 1 - points->first_seq)
                        : 0;
    points->first_seq += behind;
    points->len -= behind;
    points->name += behind;
    points->step += behind;
    points->time_ms += behind;
    points->value += behind;
    live->points_seq = last;
    return fn(ctx, &record, err);
}

static enum err_code replay_points(const struct disk *disk,
                                   struct map_u64 *lives,
                                   disk_replay_fn fn,
                                   void *ctx,
                                   struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < disk->records.len && code == ERR_OK; i++) {
        const struct record *record = disk->records.ptr[i];
        struct live *live = record->kind == REC_POINTS
                                ? map_u64_get(lives, key_pack(record->key))
                                : NULL;
        if (live != NULL) {
            code = points_give(live, *record, fn, ctx, err);
        }
    }
    return code;
}

static enum err_code
replay_marks(struct map_u64 *lives, disk_replay_fn fn, void *ctx, struct err *err)
{
    enum err_code code = ERR_OK;
    size_t pos = 0;
    void *value = NULL;
    while (code == ERR_OK && map_u64_next(lives, &pos, NULL, &value)) {
        const struct live *live = value;
        if (live->ended) {
            continue;
        }
        struct record mark = { .kind = REC_MARK,
                               .key = live->key,
                               .run_key = live->run_key,
                               .seq = live->seq,
                               .as.mark = { .log_bytes = live->log_bytes } };
        code = fn(ctx, &mark, err);
    }
    return code;
}

enum err_code
disk_replay(const struct disk *disk, disk_replay_fn fn, void *ctx, struct err *err)
{
    struct map_u64 lives;
    map_u64_init(&lives);
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < disk->records.len && code == ERR_OK; i++) {
        const struct record *record = disk->records.ptr[i];
        live_follow(&lives, record);
        if (is_event(record->kind)) {
            code = fn(ctx, record, err);
        }
    }
    if (code == ERR_OK) {
        code = replay_points(disk, &lives, fn, ctx, err);
    }
    if (code == ERR_OK) {
        code = replay_marks(&lives, fn, ctx, err);
    }
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&lives, &pos, NULL, &value)) {
        mem_free(value);
    }
    map_u64_fini(&lives);
    return code;
}
