/* SPDX-License-Identifier: Apache-2.0 */
/* a.c – a file that exists to be checked. */
#include <sqlite3.h>
#include <zmq.h>
#include <microhttpd.h>
#include <jansson.h>
