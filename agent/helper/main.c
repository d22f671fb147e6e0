/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - `winnow-trial`, the small static helper of the agent.
 *
 * Owns the choice of role: called as `winnow` it answers the verbs of a trial, with
 * --serve it starts trials for the agent. Knows both roles by name only. Does not know
 * anything of the rest of winnow: libc only, so that it starts and forks quickly.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/helper/protocol.h"
#include "agent/helper/server.h"
#include "agent/helper/verbs.h"

/* More digits than any descriptor has, and no overflow. */
#define MAIN_FD_DIGITS_MAX 6

static const char help[] =
    "winnow-trial starts trials for the winnow agent, which runs it by itself; there "
    "is\n"
    "no use for it by hand.\n"
    "\n"
    "usage: winnow-trial --serve FD   take orders on a SOCK_SEQPACKET socket\n"
    "       winnow-trial --version    print the version of its protocol\n"
    "       winnow log, winnow should-stop\n"
    "                                 when called by a link named `winnow`\n";

static int fd_parse(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > MAIN_FD_DIGITS_MAX || text[digits] != '\0') {
        return -1;
    }
    int fd = 0;
    for (size_t i = 0; i < digits; i++) {
        fd = fd * 10 + (text[i] - '0');
    }
    return fd;
}

int main(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "";
    const char *slash = strrchr(name, '/');
    name = slash != NULL ? slash + 1 : name;
    if (strcmp(name, "winnow") == 0) {
        return verbs_main(argc, argv);
    }
    if (argc == 3 && strcmp(argv[1], "--serve") == 0) {
        return server_run(fd_parse(argv[2]));
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return dprintf(STDOUT_FILENO, "%s", help) >= 0 ? 0 : 2;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return dprintf(STDOUT_FILENO, "winnow-trial protocol %u\n", HELPER_VERSION) >= 0
                   ? 0
                   : 2;
    }
    dprintf(STDERR_FILENO, "%s", help);
    return 2;
}
