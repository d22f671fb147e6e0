/* SPDX-License-Identifier: Apache-2.0 */
/* storage.c – the coordinator's disk.
 * Owns the committed records, the real store if there is one, and what was under way at
 * the last death. Knows whose answer counts. Does not know what waits for a commit. */
#include "tests/sim/storage.h"

#include "base/mem.h"
#include "base/vec.h"
#include "tests/sim/home.h"

struct storage {
    struct disk *disk;
    struct home *home; /* NULL: the disk alone */
    int64_t full_until_ns;
    /* What a death found under way; the next start finds out whether it is on disk. */
    VEC(struct record *) pending;
    bool chance;
    bool last; /* pending is on disk */
};

enum err_code storage_create(bool store,
                             struct rng rng,
                             struct storage **storage_out,
                             struct err *err)
{
    struct storage *storage = mem_alloc(sizeof *storage);
    storage->disk = disk_create();
    *storage_out = storage;
    return store ? home_create(rng, &storage->home, err) : ERR_OK;
}

static void pending_forget(struct storage *storage)
{
    for (size_t i = 0; i < storage->pending.len; i++) {
        record_destroy(storage->pending.ptr[i]);
    }
    vec_reset(&storage->pending);
    storage->last = false;
}

void storage_destroy(struct storage *storage)
{
    if (storage == NULL) {
        return;
    }
    disk_destroy(storage->disk);
    home_destroy(storage->home);
    pending_forget(storage);
    vec_fini(&storage->pending);
    mem_free(storage);
}

bool storage_is_real(const struct storage *storage)
{
    return storage->home != NULL;
}

/* ---- a start ---- */

enum err_code storage_open(struct storage *storage, struct err *err)
{
    enum err_code code = storage->home != NULL ? home_open(storage->home, err) : ERR_OK;
    if (code != ERR_OK) {
        return code;
    }
    bool stored =
        storage->home != NULL ? home_has_last(storage->home) : storage->chance;
    storage->last = stored && storage->pending.len > 0;
    if (storage->last) {
        disk_apply(storage->disk, storage->pending.ptr, storage->pending.len);
    } else {
        pending_forget(storage);
    }
    return ERR_OK;
}

void storage_last(const struct storage *storage,
                  struct record *const **records_out,
                  size_t *len_out)
{
    *records_out = storage->pending.ptr;
    *len_out = storage->last ? storage->pending.len : 0;
}

static enum err_code check_next_run_key(struct storage *storage, struct err *err)
{
    uint64_t key = 0;
    uint64_t expected = disk_next_run_key(storage->disk);
    enum err_code code = store_next_run_key(home_store(storage->home), &key, err);
    if (code == ERR_OK && key != expected) {
        return err_set(err, ERR_CORRUPT, "next run key %llu instead of %llu",
                       (unsigned long long)key, (unsigned long long)expected);
    }
    return code;
}

enum err_code
storage_replay(struct storage *storage, disk_replay_fn fn, void *ctx, struct err *err)
{
    if (storage->home == NULL) {
        return disk_replay(storage->disk, fn, ctx, err);
    }
    enum err_code code = check_next_run_key(storage, err);
    return code == ERR_OK ? store_replay(home_store(storage->home), fn, ctx, err)
                          : code;
}

void storage_points(const struct storage *storage,
                    const struct replay_ask *ask,
                    struct replay_points *out)
{
    disk_points(storage->disk, ask, out);
}

struct curve_feed {
    const struct storage *storage;
    struct engine *engine;
};

static void
feed_curve(void *ctx, struct attempt_key key, uint64_t run_key, const char *metric)
{
    const struct curve_feed *feed = ctx;
    struct replay_points points = { 0 };
    struct replay_ask ask = {
        .key = key, .run_key = run_key, .metric = metric, .upto = UINT64_MAX
    };
    disk_points(feed->storage->disk, &ask, &points);
    engine_replay_curve(feed->engine, key, points.steps.ptr, points.values.ptr,
                        points.steps.len);
    vec_fini(&points.steps);
    vec_fini(&points.values);
}

void storage_curves(const struct storage *storage, struct engine *engine)
{
    struct curve_feed feed = { .storage = storage, .engine = engine };
    engine_each_curve(engine, feed_curve, &feed);
}

uint64_t storage_next_run_key(const struct storage *storage)
{
    return disk_next_run_key(storage->disk);
}

/* ---- commits ---- */

enum err_code storage_commit(struct storage *storage,
                             int64_t now_ns,
                             struct record *const *records,
                             size_t len,
                             struct err *err)
{
    enum err_code code = ERR_OK;
    if (storage->home != NULL) {
        code = home_apply(storage->home, records, len, err);
    } else if (storage->full_until_ns > now_ns) {
        code = err_set(err, ERR_FULL, "no space");
    }
    if (code == ERR_OK) {
        disk_apply(storage->disk, records, len);
    }
    return code;
}

bool storage_was_hit(const struct storage *storage)
{
    return storage->home == NULL || home_was_hit(storage->home);
}

enum err_code storage_audit(struct storage *storage,
                            struct strbuf *findings,
                            uint64_t *points_out,
                            struct err *err)
{
    return home_audit(storage->home, findings, points_out, err);
}

/* ---- faults ---- */

enum err_code
storage_die(struct storage *storage, const struct storage_death *death, struct err *err)
{
    pending_forget(storage);
    for (size_t i = 0; i < death->len; i++) {
        vec_push(&storage->pending, record_clone(death->records[i]));
    }
    storage->chance = death->chance;
    size_t len = death->told ? 0 : death->len;
    return storage->home != NULL
               ? home_die(storage->home, death->records, len, death->power, err)
               : ERR_OK;
}

void storage_fill(struct storage *storage, int64_t until_ns)
{
    storage->full_until_ns = until_ns;
    if (storage->home != NULL) {
        home_fill(storage->home);
    }
}

bool storage_break(struct storage *storage)
{
    return storage->home != NULL && home_break(storage->home);
}

void storage_mend(struct storage *storage)
{
    storage->full_until_ns = 0;
    if (storage->home != NULL) {
        home_mend(storage->home);
    }
}
