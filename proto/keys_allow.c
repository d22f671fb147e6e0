/* SPDX-License-Identifier: Apache-2.0 */
/* keys_allow.c – the allow-list, read from HOME/keys/agents/NAME.pub.
 *
 * Owns: the table public key → name.
 * Knows: that a folder's modification time tells of new, renamed and removed files, at
 * the clock tick's resolution; so a folder changed moments before it was read is read
 * again. An absent or unreadable folder admits nobody.
 * Does not know: connections. */
#include "proto/keys_allow.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "proto/keys_file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* File systems round times to 2 s at worst. */
#define SETTLE_SECONDS 3

struct keys_allow {
    char *dir;             /* HOME/keys/agents */
    struct map_str names;  /* public key → owned name */
    struct timespec mtime; /* of dir when read */
    ino_t inode;
    bool settled; /* dir had not been changed just before it was read */
};

static void forget(struct keys_allow *allow)
{
    size_t pos = 0;
    void *name = NULL;
    while (map_str_next(&allow->names, &pos, NULL, &name)) {
        mem_free(name);
    }
    map_str_fini(&allow->names);
    map_str_init(&allow->names);
}

struct keys_allow *keys_allow_create(const char *keys_dir)
{
    struct keys_allow *allow = mem_alloc(sizeof *allow);
    allow->dir = fsx_path_join(keys_dir, "agents");
    map_str_init(&allow->names);
    return allow;
}

void keys_allow_destroy(struct keys_allow *allow)
{
    if (allow == NULL) {
        return;
    }
    forget(allow);
    map_str_fini(&allow->names);
    mem_free(allow->dir);
    mem_free(allow);
}

/* Adds the key of one folder entry; the file's name, not its content, names it. Of two
 * files with one key the first in order of names counts. */
static void add_entry(struct keys_allow *allow, const char *entry)
{
    struct str stem = str_from(entry);
    if (!str_ends(stem, STR_LIT(".pub"))) {
        return;
    }
    stem.len -= strlen(".pub");
    AUTO_FREE char *name = mem_strndup(stem.ptr, stem.len);
    AUTO_FREE char *path = fsx_path_join(allow->dir, entry);
    struct keys_file file;
    if (keys_name_check(name, NULL) != ERR_OK
        || keys_file_read(path, false, &file, NULL) != ERR_OK
        || file.public_key[0] == '\0') {
        return;
    }
    struct str key = str_from(file.public_key);
    const char *other = map_str_get(&allow->names, key);
    if (other == NULL || strcmp(name, other) < 0) {
        mem_free(map_str_set(&allow->names, key, mem_take(&name)));
    }
}

static void read_dir(struct keys_allow *allow)
{
    forget(allow);
    DIR *dir = opendir(allow->dir);
    if (dir == NULL) {
        return;
    }
    /* The stream is ours alone, so readdir is safe whatever other threads do. */
    for (;;) {
        const struct dirent *entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe) */
        if (entry == NULL) {
            break;
        }
        add_entry(allow, entry->d_name);
    }
    closedir(dir);
}

static void refresh(struct keys_allow *allow)
{
    struct stat st;
    if (stat(allow->dir, &st) != 0) {
        forget(allow);
        allow->settled = false;
        return;
    }
    bool same = st.st_mtim.tv_sec == allow->mtime.tv_sec
                && st.st_mtim.tv_nsec == allow->mtime.tv_nsec
                && st.st_ino == allow->inode;
    if (same && allow->settled) {
        return;
    }
    struct timespec now = { 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    allow->settled = now.tv_sec - st.st_mtim.tv_sec > SETTLE_SECONDS;
    allow->mtime = st.st_mtim;
    allow->inode = st.st_ino;
    read_dir(allow);
}

const char *keys_allow_find(struct keys_allow *allow, const char *public_key)
{
    refresh(allow);
    return map_str_get(&allow->names, str_from(public_key));
}
