/* SPDX-License-Identifier: Apache-2.0 */
/* test_frames.c – how much memory a frame can make its receiver ask for: a small
 * multiple of its own size, whatever it says about itself.
 *
 * Owns malloc of this program, which counts (glibc lets a program replace it for all
 * libraries), so that protobuf-c and everything else is seen. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "coordinator/wire.h"
#include "proto/codec.h"

/* The codec's own limit is 64 KiB and 20 bytes a byte; translating adds tables. */
#define FREE_BYTES ((size_t)128 * 1024)
#define FACTOR     24
#define ROUNDS     3000
#define FRAMES_MAX 64
/* Numbers of the envelope's bodies are below. */
#define BODIES_END 17
#define FRAME_MAX  ((size_t)1024 * 1024)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* Bytes asked for since it was last set to 0; one thread counts. */
static size_t asked;

void *malloc(size_t size)
{
    asked += size;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    asked += n * size;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    asked += size;
    return __libc_realloc(p, size);
}

struct frame {
    uint8_t *data; /* owned */
    size_t len;
};

/* What both kinds of receivers do with a frame from anybody; gives the codec's answer.
 */
static enum err_code receive(const uint8_t *data, size_t len)
{
    struct codec_decoder *decoder =
        codec_decoder_create(MSG_FROM_AGENT | MSG_FROM_COORDINATOR | MSG_FROM_CLIENT);
    struct wire wire = { .lease_ms = 1, .home_id = "" };
    struct codec_message message;
    struct err err = { 0 };
    asked = 0;
    enum err_code decoded = codec_decode(decoder, data, len, &message, &err);
    enum err_code code = decoded;
    if (code == ERR_OK && msg_info(message.type)->from == MSG_FROM_AGENT) {
        struct event event = { 0 };
        code = wire_event(&wire, &message, NULL, &event, &err);
    } else if (code == ERR_OK) {
        struct wire_in in;
        bool read = wire_read(&message, &in);
        wire_in_fini(&in);
        code = read ? ERR_OK : ERR_INVALID;
    }
    size_t most = FREE_BYTES + len * FACTOR;
    if (asked > most) {
        fail_msg("a frame of %zu bytes asked for %zu, at most %zu (%s)", len, asked,
                 most, err.msg);
    }
    wire_fini(&wire);
    codec_decoder_destroy(decoder);
    return decoded;
}

static size_t corpus_load(struct frame *frames)
{
    DIR *dir = opendir(CORPUS);
    assert_non_null(dir);
    size_t len = 0;
    const struct dirent *entry = NULL;
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((entry = readdir(dir)) != NULL && len < FRAMES_MAX) {
        AUTO_FREE char *path = fsx_path_join(CORPUS, entry->d_name);
        AUTO_STRBUF struct strbuf bytes = STRBUF_INIT(FRAME_MAX);
        if (!fsx_is_dir(path) && fsx_read_file(path, &bytes, NULL) == ERR_OK) {
            frames[len].data = mem_dup(bytes.ptr, bytes.len);
            frames[len++].len = bytes.len;
        }
    }
    closedir(dir);
    return len;
}

static void test_spoilt_frames_ask_for_little(void **state)
{
    UNUSED(state);
    struct frame frames[FRAMES_MAX];
    struct rng rng = rng_stream(1, 0, str_from("frames"), RNG_ORDER);
    size_t len = corpus_load(frames);
    assert_true(len >= 5);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct frame *frame = &frames[rng_below(&rng, len)];
        AUTO_FREE uint8_t *copy = mem_dup(frame->data, frame->len);
        for (uint64_t n = rng_below(&rng, 6); n > 0 && frame->len > 0; n--) {
            /* Large lengths and counts more often than chance would have it. */
            uint8_t byte = rng_below(&rng, 2) == 0 ? 0xff : (uint8_t)rng_u32(&rng);
            copy[rng_below(&rng, frame->len)] = byte;
        }
        IGNORE_ERR(receive(copy, frame->len), "any answer will do");
    }
    for (size_t i = 0; i < len; i++) {
        mem_free(frames[i].data);
    }
}

static size_t put_varint(uint8_t *at, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        at[len++] = (uint8_t)(value | 0x80);
    }
    at[len++] = (uint8_t)value;
    return len;
}

/* An envelope of our version whose body is the given bytes. */
static size_t
put_envelope(uint8_t *at, uint32_t body_number, const uint8_t *body, size_t body_len)
{
    size_t len = 0;
    at[len++] = 1 << 3; /* version */
    len += put_varint(at + len, CODEC_VERSION);
    len += put_varint(at + len, (uint64_t)body_number << 3 | 2);
    len += put_varint(at + len, body_len);
    memcpy(at + len, body, body_len);
    return len + body_len;
}

/* As many of the smallest parts as fit: each costs two bytes on the wire. */
static void test_frames_full_of_empty_parts(void **state)
{
    UNUSED(state);
    AUTO_FREE uint8_t *body = mem_alloc(FRAME_MAX);
    AUTO_FREE uint8_t *frame = mem_alloc(FRAME_MAX + 64);
    size_t stopped = 0;
    for (uint32_t message = 2; message < BODIES_END; message++) {
        for (uint8_t field = 1; field < 16; field++) {
            for (size_t i = 0; i + 1 < FRAME_MAX / 16; i += 2) {
                body[i] = (uint8_t)(field << 3 | 2);
                body[i + 1] = 0;
            }
            size_t len = put_envelope(frame, message, body, FRAME_MAX / 16);
            stopped += receive(frame, len) == ERR_TOOBIG;
        }
    }
    assert_true(stopped > 0);
}

/* A field says that it is longer than everything. */
static void test_lengths_that_lie(void **state)
{
    UNUSED(state);
    static const uint64_t lengths[] = { 1u << 20, UINT32_MAX, INT64_MAX, UINT64_MAX };
    uint8_t body[32];
    uint8_t frame[128];
    for (uint32_t message = 2; message < BODIES_END; message++) {
        for (uint8_t field = 1; field < 16; field++) {
            for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
                body[0] = (uint8_t)(field << 3 | 2);
                size_t len = 1 + put_varint(body + 1, lengths[i]);
                len = put_envelope(frame, message, body, len);
                assert_int_not_equal(receive(frame, len), ERR_OK);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_spoilt_frames_ask_for_little),
        TEST(test_frames_full_of_empty_parts),
        TEST(test_lengths_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
