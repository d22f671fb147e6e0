/* SPDX-License-Identifier: Apache-2.0 */
/* folder.c – checkpoint folders, simulated.
 * Owns what is in them. Does not know who may write when. */
#include "tests/sim/folder.h"

#include "base/mem.h"

static size_t find(const struct folders *folders, struct attempt_key key)
{
    size_t i = 0;
    while (i < folders->list.len
           && (folders->list.ptr[i].sweep != key.sweep
               || folders->list.ptr[i].trial != key.trial)) {
        i++;
    }
    return i;
}

uint32_t folder_steps(const struct folders *folders, struct attempt_key key)
{
    size_t at = find(folders, key);
    return at < folders->list.len ? folders->list.ptr[at].steps : 0;
}

void folder_write(struct folders *folders, struct attempt_key key, uint32_t steps)
{
    size_t at = find(folders, key);
    if (at == folders->list.len) {
        struct folder folder = { .sweep = key.sweep, .trial = key.trial };
        vec_push(&folders->list, folder);
    }
    folders->list.ptr[at].steps = steps;
}

void folder_remove(struct folders *folders, struct attempt_key key)
{
    size_t at = find(folders, key);
    if (at < folders->list.len) {
        vec_remove_at(&folders->list, at);
    }
}

void folders_fini(struct folders *folders)
{
    vec_fini(&folders->list);
}
