/* SPDX-License-Identifier: Apache-2.0 */
/* links.h – the server transports of a coordinator. */
#ifndef COORDINATOR_LINKS_H
#define COORDINATOR_LINKS_H

#include "base/compiler.h"
#include "base/err.h"

struct coordinator;

/* Listens on HOME/winnow.sock and, unless it is NULL, on `listen`. keys_dir NULL:
 * HOME/keys. The errors are those of coordinator_create. */
enum err_code links_open(struct coordinator *c,
                         const char *listen,
                         const char *keys_dir,
                         struct err *err) MUST_USE;

/* Closes all; coordinator.links_open counts those that are not gone yet. */
void links_close(struct coordinator *c);

/* As links_close for a coordinator that is freed at once. */
void links_abandon(struct coordinator *c);

#endif
