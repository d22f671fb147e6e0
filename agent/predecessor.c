/* SPDX-License-Identifier: Apache-2.0 */
/* predecessor.c – what an earlier process of this agent left running.
 * Owns the file that names the helper by pid and start time, so that another process
 * with the same number is not taken for it. Does not know trials.
 *
 * Linux only: /proc, pidfd_open. */
#include "agent/predecessor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "base/sys/log.h"

#define STAT_BYTES_MAX 4096u
/* Words of /proc/PID/stat behind the command: its state is the first. */
#define STAT_START_TIME 19

/* In clock ticks since the machine started; false: there is no such process. */
static bool start_time_of(pid_t pid, uint64_t *ticks_out)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(STAT_BYTES_MAX);
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)pid);
    if (fsx_read_file(path, &text, NULL) != ERR_OK) {
        return false;
    }
    const char *end = strrchr(strbuf_cstr(&text), ')'); /* the command may hold any */
    struct str rest = str_from(end != NULL ? end + 1 : "");
    struct str word = { 0 };
    rest = str_trim(rest);
    for (int i = 0; i <= STAT_START_TIME; i++) {
        if (!str_split_next(&rest, ' ', &word)) {
            return false;
        }
    }
    return num_parse_u64(word, ticks_out) == ERR_OK;
}

/* "PID START_TIME" */
static bool read_note(const char *path, pid_t *pid_out, uint64_t *ticks_out)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(STAT_BYTES_MAX);
    uint64_t pid = 0;
    struct str word = { 0 };
    if (fsx_read_file(path, &text, NULL) != ERR_OK) {
        return false;
    }
    struct str rest = str_trim(strbuf_str(&text));
    if (!str_split_next(&rest, ' ', &word) || num_parse_u64(word, &pid) != ERR_OK
        || pid == 0 || pid > INT32_MAX || num_parse_u64(rest, ticks_out) != ERR_OK) {
        return false;
    }
    *pid_out = (pid_t)pid;
    return true;
}

bool predecessor_watch(struct poller *poller,
                       struct poll_source *source,
                       const char *path)
{
    pid_t pid = 0;
    uint64_t noted = 0;
    uint64_t ticks = 0;
    source->fd = -1;
    if (!read_note(path, &pid, &noted)) {
        return false;
    }
    AUTO_FD int fd = pidfd_open(pid, 0); /* first: the number stays ours */
    if (fd < 0 || !start_time_of(pid, &ticks) || ticks != noted) {
        return false;
    }
    source->fd = fd;
    struct err err = { 0 };
    if (poller_add(poller, source, &err) != ERR_OK) {
        log_warn("predecessor.not_watched", "reason=\"%s\"", err.msg);
        source->fd = -1;
        return false;
    }
    IGNORE_ERR(fsx_fd_take(&fd) < 0, "the source owns it");
    return true;
}

void predecessor_note(const char *path, pid_t helper)
{
    uint64_t ticks = 0;
    char text[64];
    if (!start_time_of(helper, &ticks)) {
        return;
    }
    int len = snprintf(text, sizeof text, "%d %" PRIu64 "\n", (int)helper, ticks);
    struct err err = { 0 };
    /* Not synced: it means nothing once the machine has started again. */
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fsx_write_all(fd, text, (size_t)len, &err) != ERR_OK) {
        log_warn("predecessor.not_noted", "path=%s", path);
    }
}
