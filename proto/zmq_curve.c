/* SPDX-License-Identifier: Apache-2.0 */
/* zmq_curve.c – CURVE keys as libzmq makes and writes them.
 * Owns: nothing. Knows: libzmq's key functions. Does not know: files. */
#include "proto/zmq_curve.h"

#include "base/assert.h"

#include <sodium.h>
#include <string.h>
#include <zmq.h>

enum err_code zmq_curve_new_pair(char public_key[KEYS_TEXT_SIZE],
                                 char secret_key[KEYS_TEXT_SIZE],
                                 struct err *err)
{
    if (zmq_curve_keypair(public_key, secret_key) != 0) {
        return err_set(err, ERR_UNSUPPORTED, "this libzmq was built without CURVE");
    }
    return ERR_OK;
}

bool zmq_curve_text_is_key(const char *text)
{
    uint8_t key[ZMQ_CURVE_KEY_BYTES];
    bool is_key =
        strlen(text) == KEYS_TEXT_SIZE - 1 && zmq_z85_decode(key, text) != NULL;
    sodium_memzero(key, sizeof key);
    return is_key;
}

bool zmq_curve_is_pair(const char *public_key, const char *secret_key)
{
    char derived[KEYS_TEXT_SIZE];
    return zmq_curve_public(derived, secret_key) == 0
           && strcmp(derived, public_key) == 0;
}

void zmq_curve_to_text(const uint8_t key[ZMQ_CURVE_KEY_BYTES],
                       char text[KEYS_TEXT_SIZE])
{
    char *end = zmq_z85_encode(text, key, ZMQ_CURVE_KEY_BYTES);
    ASSERT(end != NULL);
}
