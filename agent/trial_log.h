/* SPDX-License-Identifier: Apache-2.0 */
/* trial_log.h – an attempt's log on its agent: in memory while it is short and the
 * coordinator listens, else in a file. */
#ifndef AGENT_TRIAL_LOG_H
#define AGENT_TRIAL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"

/* Zeroed plus trial_log_init is an empty log. Fields but `size` are private. */
struct trial_log {
    char *path;         /* of its file, which need not be there */
    struct strbuf head; /* the whole log while fd < 0 */
    int fd;             /* -1: no file yet */
    uint64_t size;      /* bytes appended so far */
    bool failed;        /* said once: it cannot be written */
};

/* Takes path. */
void trial_log_init(struct trial_log *log, char *path);

/* Appends; `keep` says that the bytes must outlive this process, so they go to the
 * file. What cannot be written is left out and said once. */
void trial_log_append(struct trial_log *log, const char *bytes, size_t n, bool keep);

/* Everything so far goes to the file; the log goes on there. */
void trial_log_spill(struct trial_log *log);

/* Reads up to n bytes at offset; what was read, or -1. */
ssize_t
trial_log_read(const struct trial_log *log, uint64_t offset, void *bytes, size_t n);

/* Forgets the log and removes its file. */
void trial_log_remove(struct trial_log *log);

/* Closes; what is in memory only goes to the file first. Zeroed logs are fine. */
void trial_log_fini(struct trial_log *log);

#endif
