/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_codec.c – any bytes as a frame: an error with words, or a message that can be
 * packed again; never a crash or unbounded memory. */
#include "proto/codec.h"

#include "base/assert.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_decoder *decoder =
        codec_decoder_create(MSG_FROM_AGENT | MSG_FROM_COORDINATOR | MSG_FROM_CLIENT);
    struct codec_message message;
    struct err err = { 0 };
    enum err_code code = codec_decode(decoder, data, size, &message, &err);
    ASSERT(code == ERR_OK || err.msg[0] != '\0');
    if (code == ERR_OK) {
        size_t len = codec_packed_size(message.env);
        ASSERT(len > 0);
        ASSERT((unsigned)message.type < MSG_TYPE_NR);
        /* Not `size` at most: numbers of a packed column may come back longer. */
        ASSERT(len <= size * 10 + 64);
    }
    codec_decoder_destroy(decoder);
    return 0;
}
