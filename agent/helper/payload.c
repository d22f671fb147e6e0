/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload.c - the variable part of START.
 *
 * Owns the memory of the strings. Knows their order and the limits of protocol.h. Does
 * not know how they are used. The bytes are copied before they are checked, so a sender
 * that changes the file afterwards changes nothing.
 */
#include "agent/helper/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct wire_failure failure(enum helper_stage stage, int error)
{
    return (struct wire_failure){ .stage = (uint32_t)stage, .error = error };
}

static bool sizes_are_sane(const struct helper_start *start)
{
    return start->payload_bytes >= 1 && start->payload_bytes <= HELPER_PAYLOAD_MAX
           && start->argc >= 1 && start->argc <= HELPER_STRINGS_MAX
           && start->envc <= HELPER_STRINGS_MAX;
}

/* Fills `bytes` from the start of the file; returns 0 or an errno. */
static int read_whole(int fd, char *buffer, size_t bytes)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)bytes) {
        return EPROTO;
    }
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pread(fd, buffer + done, bytes - done, (off_t)done);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n == 0) {
            return EPROTO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static size_t nul_count(const char *text, size_t bytes)
{
    size_t count = 0;
    const char *end = text + bytes;
    for (const char *p = text; p < end; p++) {
        p = memchr(p, '\0', (size_t)(end - p));
        if (p == NULL) {
            break;
        }
        count++;
    }
    return count;
}

/* Points `count` words at consecutive strings and returns what follows them. */
static char *words_point(char **words, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = text;
        text += strlen(text) + 1;
    }
    words[count] = NULL;
    return text;
}

struct wire_failure
payload_read(const struct helper_start *start, int fd, struct payload *payload_out)
{
    if (!sizes_are_sane(start)) {
        return failure(HELPER_STAGE_REQUEST, EPROTO);
    }
    size_t bytes = start->payload_bytes;
    size_t words = (size_t)start->argc + start->envc + 2;
    char **table = malloc(words * sizeof *table + bytes);
    if (table == NULL) {
        return failure(HELPER_STAGE_FORK, ENOMEM);
    }
    char *text = (char *)(table + words);
    int error = read_whole(fd, text, bytes);
    if (error != 0) {
        free(table);
        return failure(HELPER_STAGE_PAYLOAD, error);
    }
    size_t strings = 1 + (size_t)start->argc + start->envc;
    if (text[bytes - 1] != '\0' || nul_count(text, bytes) != strings
        || text[0] == '\0') {
        free(table);
        return failure(HELPER_STAGE_REQUEST, EPROTO);
    }
    payload_out->cwd = text;
    payload_out->argv = table;
    payload_out->env = table + start->argc + 1;
    text = words_point(payload_out->argv, start->argc, text + strlen(text) + 1);
    words_point(payload_out->env, start->envc, text);
    return failure(0, 0);
}
