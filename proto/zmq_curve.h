/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_curve.h – CURVE keys as libzmq makes and writes them. Any thread. */
#ifndef PROTO_ZMQ_CURVE_H
#define PROTO_ZMQ_CURVE_H

#include "base/compiler.h"
#include "base/err.h"
#include "proto/keys.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of a key outside its text form. */
#define ZMQ_CURVE_KEY_BYTES 32

/* A new pair. ERR_UNSUPPORTED when this libzmq has no CURVE. */
enum err_code zmq_curve_new_pair(char public_key[KEYS_TEXT_SIZE],
                                 char secret_key[KEYS_TEXT_SIZE],
                                 struct err *err) MUST_USE;
/* Whether text (NUL-terminated) is one key in Z85. */
bool zmq_curve_text_is_key(const char *text);
/* Whether the two texts are a pair. */
bool zmq_curve_is_pair(const char *public_key, const char *secret_key);
void zmq_curve_to_text(const uint8_t key[ZMQ_CURVE_KEY_BYTES],
                       char text[KEYS_TEXT_SIZE]);

#endif
