/* SPDX-License-Identifier: Apache-2.0 */
/* record.c – copying records.
 * Owns the knowledge of which members of each kind of record point elsewhere.
 * Does not know what records mean or where they are kept.
 *
 * record_clone runs the same walk twice: first to add up sizes, then to copy. So a
 * kind's pointers are listed in one place only.
 */
#include "core/record.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#define PACK_ALIGN ((size_t)8)

/* Room behind a record; base is NULL while sizes are added up. */
struct packer {
    unsigned char *base;
    size_t used;
};

/* Copies n bytes into the packer and gives where they lie now; in the counting pass
 * only counts and gives NULL. */
static void *pack_bytes(struct packer *packer, const void *bytes, size_t n)
{
    void *to = NULL;
    if (bytes == NULL) {
        return NULL;
    }
    if (packer->base != NULL) {
        to = packer->base + packer->used;
        memcpy(to, bytes, n);
    }
    packer->used += (n + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    return to;
}

static void pack_text(struct packer *packer, const char **text)
{
    const char *to =
        *text == NULL ? NULL : pack_bytes(packer, *text, strlen(*text) + 1);
    *text = to != NULL ? to : *text;
}

static void pack_notes(struct packer *packer, const struct rec_note **notes, size_t len)
{
    const struct rec_note *from = *notes;
    struct rec_note *to = pack_bytes(packer, from, len * sizeof *from);
    for (size_t i = 0; i < len; i++) {
        struct rec_note note = from[i];
        pack_text(packer, &note.name);
        pack_text(packer, &note.value);
        if (to != NULL) {
            to[i] = note;
        }
    }
    *notes = to != NULL ? to : from;
}

static void pack_params(struct packer *packer, struct rec_trial_created *created)
{
    const struct rec_param *from = created->params;
    struct rec_param *to = pack_bytes(packer, from, created->params_len * sizeof *from);
    for (size_t i = 0; i < created->params_len; i++) {
        struct rec_param param = from[i];
        pack_text(packer, &param.name);
        pack_text(packer, &param.text);
        if (to != NULL) {
            to[i] = param;
        }
    }
    created->params = to != NULL ? to : from;
}

/* A column without pointers in it. */
#define PACK_COLUMN(packer, column, n)                                                 \
    do {                                                                               \
        const void *packed_ = pack_bytes((packer), (column), (n) * sizeof *(column));  \
        (column) = packed_ != NULL ? packed_ : (column);                               \
    } while (0)

static void pack_points(struct packer *packer, struct rec_points *points)
{
    const char *const *from = points->names;
    const char **to = pack_bytes(packer, from, points->names_len * sizeof *from);
    for (size_t i = 0; i < points->names_len; i++) {
        const char *name = from[i];
        pack_text(packer, &name);
        if (to != NULL) {
            to[i] = name;
        }
    }
    points->names = to != NULL ? to : from;
    PACK_COLUMN(packer, points->name, points->len);
    PACK_COLUMN(packer, points->step, points->len);
    PACK_COLUMN(packer, points->time_ms, points->len);
    PACK_COLUMN(packer, points->value, points->len);
}

static void pack_sweep_created(struct packer *packer, struct rec_sweep_created *created)
{
    pack_text(packer, &created->name);
    pack_text(packer, &created->metric);
    pack_notes(packer, &created->tags, created->tags_len);
    pack_text(packer, &created->text);
    pack_text(packer, &created->mlproject);
    pack_text(packer, &created->directory);
}

static void pack_sweep_edited(struct packer *packer, struct rec_sweep_edited *edited)
{
    pack_text(packer, &edited->text);
    pack_text(packer, &edited->mlproject);
    pack_notes(packer, &edited->tags, edited->tags_len);
}

static void pack_record(struct packer *packer, struct record *record)
{
    pack_text(packer, &record->cause);
    switch (record->kind) {
    case REC_SWEEP_CREATED:
        pack_sweep_created(packer, &record->as.sweep_created);
        return;
    case REC_SWEEP_EDITED:
        pack_sweep_edited(packer, &record->as.sweep_edited);
        return;
    case REC_AGENT:
        pack_text(packer, &record->as.agent.id);
        pack_text(packer, &record->as.agent.host);
        return;
    case REC_TRIAL_CREATED:
        PACK_COLUMN(packer, record->as.trial_created.x, record->as.trial_created.x_len);
        pack_params(packer, &record->as.trial_created);
        return;
    case REC_PRIOR:
        PACK_COLUMN(packer, record->as.prior.x, record->as.prior.x_len);
        return;
    case REC_POINTS:
        pack_points(packer, &record->as.points);
        return;
    case REC_NOTES:
        pack_notes(packer, &record->as.notes.notes, record->as.notes.len);
        return;
    case REC_LOG:
        PACK_COLUMN(packer, record->as.log.data, record->as.log.len);
        return;
    case REC_STOP_REQUESTED:
        pack_text(packer, &record->as.stop_requested.verdict.rule);
        return;
    case REC_RUNG:
    case REC_SESSION:
    case REC_SWEEP_STATE:
    case REC_ASSIGNED:
    case REC_STARTED:
    case REC_REQUEUED:
    case REC_ADOPTED:
    case REC_ENDED:
    case REC_TRIAL_STATE:
    case REC_MARK:
    case REC_AGENT_STATE:
        return;
    case RECORD_KIND_NR:
        break;
    }
    UNREACHABLE();
}

struct record *record_clone(const struct record *record)
{
    struct packer packer = { 0 };
    struct record counted = *record;
    pack_record(&packer, &counted);
    struct record *copy = mem_alloc(sizeof *copy + packer.used);
    *copy = *record;
    size_t expected = packer.used;
    packer = (struct packer){ .base = (unsigned char *)(copy + 1) };
    pack_record(&packer, copy);
    ASSERT(packer.used == expected);
    return copy;
}

void record_destroy(struct record *record)
{
    mem_free(record);
}

#define CASE_RECORD(suffix, number)                                                    \
    case REC_##suffix:                                                                 \
        return #suffix;

const char *record_kind_name(enum record_kind kind)
{
    switch (kind) {
        RECORD_KINDS(CASE_RECORD)
    case RECORD_KIND_NR:
        break;
    }
    UNREACHABLE();
}
