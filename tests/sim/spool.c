/* SPDX-License-Identifier: Apache-2.0 */
/* spool.c – an agent's spool, simulated.
 * Owns the records in the order of the file. Knows when agent/spool.c empties its file
 * and what the kernel writes back by itself. Does not know what a report says. */
#include "tests/sim/spool.h"

#include "base/mem.h"
#include "base/vec.h"

/* The kernel has written what is older. */
#define WRITEBACK_NS (30 * MS_PER_S * NS_PER_MS)
/* An acknowledged file is emptied from this size on; headers count in full. */
#define EMPTY_BYTES_MIN ((uint64_t)64 * 1024)
#define HEADER_BYTES    88
#define ENTRY_BYTES     24

struct spooled {
    uint64_t id;
    struct shared_report *shared; /* one reference */
    int64_t at_ns;
    bool live;   /* not acknowledged */
    bool memory; /* never written */
};

struct sim_spool {
    VEC(struct spooled) records;
    size_t live;
    uint64_t file_bytes;
};

struct sim_spool *sim_spool_create(void)
{
    return mem_alloc(sizeof(struct sim_spool));
}

static void cut(struct sim_spool *spool, size_t len)
{
    while (spool->records.len > len) {
        struct spooled *last = &spool->records.ptr[--spool->records.len];
        spool->live -= last->live;
        shared_report_unref(last->shared);
    }
}

static void remove_at(struct sim_spool *spool, size_t at)
{
    spool->live -= spool->records.ptr[at].live;
    shared_report_unref(spool->records.ptr[at].shared);
    vec_remove_at(&spool->records, at);
}

void sim_spool_destroy(struct sim_spool *spool)
{
    if (spool != NULL) {
        cut(spool, 0);
        vec_fini(&spool->records);
        mem_free(spool);
    }
}

/* Ids ascend; the newest are asked for most. */
static struct spooled *find(const struct sim_spool *spool, uint64_t id)
{
    for (size_t i = spool->records.len; i-- > 0;) {
        struct spooled *record = &spool->records.ptr[i];
        if (record->id == id) {
            return record->live ? record : NULL;
        }
    }
    return NULL;
}

/* There is space: what is in memory and still wanted goes to the file. */
static void memory_write(struct sim_spool *spool, int64_t now_ns)
{
    for (size_t i = 0; i < spool->records.len; i++) {
        struct spooled *record = &spool->records.ptr[i];
        if (!record->memory || !record->live) {
            continue;
        }
        size_t entries = 1 + record->shared->report->points_len;
        record->memory = false;
        record->at_ns = now_ns;
        spool->file_bytes += HEADER_BYTES + entries * ENTRY_BYTES;
    }
}

bool sim_spool_append(struct sim_spool *spool,
                      uint64_t id,
                      struct shared_report *shared,
                      int64_t now_ns,
                      bool full)
{
    if (find(spool, id) != NULL) {
        return false;
    }
    struct spooled record = {
        .id = id, .shared = shared, .at_ns = now_ns, .live = true, .memory = true
    };
    vec_push(&spool->records, record);
    spool->live++;
    if (!full) {
        memory_write(spool, now_ns);
    }
    return true;
}

struct shared_report *sim_spool_get(const struct sim_spool *spool, uint64_t id)
{
    const struct spooled *record = find(spool, id);
    return record != NULL ? record->shared : NULL;
}

static void empty(struct sim_spool *spool)
{
    cut(spool, 0);
    spool->file_bytes = 0;
}

bool sim_spool_trim(struct sim_spool *spool, uint64_t id)
{
    struct spooled *record = find(spool, id);
    if (record == NULL) {
        return false;
    }
    record->live = false;
    spool->live--;
    if (spool->live == 0 && spool->file_bytes >= EMPTY_BYTES_MIN) {
        empty(spool);
    }
    return true;
}

size_t sim_spool_live(const struct sim_spool *spool)
{
    return spool->live;
}

/* ---- death ---- */

static void
lose(struct sim_spool *spool, size_t at, struct sim *sim, sim_spool_lost_fn lost)
{
    lost(sim, spool->records.ptr[at].shared->report);
    remove_at(spool, at);
}

void sim_spool_die(struct sim_spool *spool,
                   struct sim *sim,
                   struct rng *rng,
                   sim_spool_lost_fn lost)
{
    for (size_t i = spool->records.len; i-- > 0;) {
        if (spool->records.ptr[i].memory) {
            lose(spool, i, sim, lost);
        }
    }
    size_t safe = spool->records.len;
    while (safe > 0
           && spool->records.ptr[safe - 1].at_ns + WRITEBACK_NS > sim->now_ns) {
        safe--;
    }
    if (rng == NULL || safe == spool->records.len) {
        return;
    }
    size_t keep = (size_t)rng_between(rng, (int64_t)safe, (int64_t)spool->records.len);
    while (spool->records.len > keep) {
        lose(spool, spool->records.len - 1, sim, lost);
    }
}

void sim_spool_close(struct sim_spool *spool)
{
    if (spool->live == 0) {
        empty(spool);
    }
}

uint64_t sim_spool_open(struct sim_spool *spool)
{
    for (size_t i = 0; i < spool->records.len; i++) {
        spool->records.ptr[i].id = i + 1;
        spool->records.ptr[i].live = true;
    }
    spool->live = spool->records.len;
    return spool->records.len;
}
