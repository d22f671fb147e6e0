/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the long-lived helper process that forks a subreaper per attempt. */
#ifndef AGENT_HELPER_SERVER_H
#define AGENT_HELPER_SERVER_H

/*
 * Serves START messages on `socket` until its other end is closed and every attempt has
 * ended. Takes over the process: descriptors other than `socket` are closed, signals
 * blocked, a session of its own. Returns the process's exit status: 0, or 2 with a line
 * on stderr when `socket` is not a SOCK_SEQPACKET socket.
 */
int server_run(int socket);

#endif
