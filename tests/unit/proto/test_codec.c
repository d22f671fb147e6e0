/* SPDX-License-Identifier: Apache-2.0 */
/* test_codec.c – every message survives the wire; nothing malformed does. */
#include "proto/codec.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proto/codec_wire.h"
#include "tests/lib/test.h"

#include <string.h>

#define FROM_ALL (MSG_FROM_AGENT | MSG_FROM_COORDINATOR | MSG_FROM_CLIENT)
#define POINTS   7
#define WORK_MAX 64

/* ---- random messages, made from the descriptors ---- */

struct filler {
    struct arena arena;
    uint64_t seed;
    ProtobufCMessage *work[WORK_MAX]; /* messages still to fill */
    size_t work_len;
};

static uint64_t next_random(struct filler *f)
{
    f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
    return f->seed >> 17;
}

static void *filler_alloc(struct filler *f, size_t n)
{
    void *p = arena_alloc(&f->arena, n);
    assert_non_null(p);
    return p;
}

static char *random_text(struct filler *f)
{
    static const char *const TEXTS[] = {
        "", "a", "accuracy", "Größe/µ", "日本 \U0001F600", "line\nbreak \"quoted\""
    };
    const char *text = TEXTS[next_random(f) % ARRAY_LEN(TEXTS)];
    return arena_strndup(&f->arena, text, strlen(text));
}

static ProtobufCMessage *add_work(struct filler *f,
                                  const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *message = filler_alloc(f, desc->sizeof_message);
    protobuf_c_message_init(desc, message);
    assert_true(f->work_len < WORK_MAX);
    f->work[f->work_len++] = message;
    return message;
}

static size_t value_size(const ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_STRING
        || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return sizeof(void *);
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return sizeof(ProtobufCBinaryData);
    }
    bool narrow = field->type == PROTOBUF_C_TYPE_UINT32
                  || field->type == PROTOBUF_C_TYPE_SINT32
                  || field->type == PROTOBUF_C_TYPE_BOOL;
    return narrow ? 4 : 8;
}

static void
fill_value(struct filler *f, const ProtobufCFieldDescriptor *field, void *at)
{
    uint64_t bits = next_random(f) << (next_random(f) % 32);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        char *text = random_text(f);
        memcpy(at, &text, sizeof text);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage *part = add_work(f, field->descriptor);
        memcpy(at, &part, sizeof part);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData data = { .len = next_random(f) % 50 };
        data.data = filler_alloc(f, data.len);
        memset(data.data, (int)(bits & 0xff), data.len);
        memcpy(at, &data, sizeof data);
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        protobuf_c_boolean yes = bits & 1;
        memcpy(at, &yes, sizeof yes);
    } else {
        memcpy(at, &bits, value_size(field));
    }
}

static void
fill_field(struct filler *f, ProtobufCMessage *m, const ProtobufCFieldDescriptor *field)
{
    uint8_t *base = (uint8_t *)m;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        bool by_pointer = field->type == PROTOBUF_C_TYPE_STRING
                          || field->type == PROTOBUF_C_TYPE_MESSAGE;
        if (!by_pointer) {
            protobuf_c_boolean yes = 1;
            memcpy(base + field->quantifier_offset, &yes, sizeof yes);
        }
        fill_value(f, field, base + field->offset);
        return;
    }
    bool column = strncmp(field->name, "point_", 6) == 0;
    size_t n = column ? POINTS : 1 + next_random(f) % 4;
    uint8_t *values = filler_alloc(f, n * value_size(field));
    for (size_t i = 0; i < n; i++) {
        fill_value(f, field, values + i * value_size(field));
    }
    memcpy(base + field->quantifier_offset, &n, sizeof n);
    memcpy(base + field->offset, &values, sizeof values);
}

/* An envelope of that type with everything set; lives in the filler's arena. */
static Winnow__Envelope *random_envelope(struct filler *f, enum msg_type type)
{
    Winnow__Envelope *env = filler_alloc(f, sizeof *env);
    winnow__envelope__init(env);
    env->has_version = 1;
    env->version = CODEC_VERSION;
    const ProtobufCFieldDescriptor *body =
        protobuf_c_message_descriptor_get_field_by_name(&winnow__envelope__descriptor,
                                                        msg_name(type));
    assert_non_null(body);
    env->body_case = (Winnow__Envelope__BodyCase)body->id;
    fill_value(f, body, (uint8_t *)env + body->offset);
    while (f->work_len > 0) {
        ProtobufCMessage *m = f->work[--f->work_len];
        for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
            fill_field(f, m, &m->descriptor->fields[i]);
        }
    }
    if (type == MSG_REPORT) {
        for (size_t i = 0; i < env->report->n_point_name; i++) {
            env->report->point_name[i] %= (uint32_t)env->report->n_names;
        }
    }
    return env;
}

static void filler_init(struct filler *f, uint64_t seed)
{
    *f = (struct filler){ .seed = seed };
    arena_init(&f->arena, (size_t)8 * 1024 * 1024);
}

static uint8_t *pack_ok(const Winnow__Envelope *env, size_t *len)
{
    struct err err = { 0 };
    uint8_t *data = NULL;
    assert_ok(codec_pack(env, &data, len, &err), &err);
    return data;
}

/* ---- tests ---- */

static void test_round_trip(void **state)
{
    UNUSED(state);
    struct codec_decoder *decoder = codec_decoder_create(FROM_ALL);
    for (unsigned i = 0; i < (unsigned)MSG_TYPE_NR * 40; i++) {
        enum msg_type type = (enum msg_type)(i % MSG_TYPE_NR);
        struct filler f;
        filler_init(&f, i);
        size_t len = 0;
        AUTO_FREE uint8_t *data = pack_ok(random_envelope(&f, type), &len);
        struct codec_message message;
        struct err err = { 0 };
        assert_ok(codec_decode(decoder, data, len, &message, &err), &err);
        assert_int_equal(message.type, type);
        size_t again_len = 0;
        AUTO_FREE uint8_t *again = pack_ok(message.env, &again_len);
        assert_int_equal(again_len, len);
        assert_memory_equal(again, data, len);
        arena_fini(&f.arena);
    }
    codec_decoder_destroy(decoder);
}

static void test_init_helpers(void **state)
{
    UNUSED(state);
    Winnow__Envelope env;
    Winnow__HelloWanted body;
    codec_init_hello_wanted(&env, &body);
    size_t len = 0;
    AUTO_FREE uint8_t *data = pack_ok(&env, &len);
    assert_int_equal(len, codec_packed_size(&env));
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    struct codec_message message;
    struct err err = { 0 };
    assert_ok(codec_decode(decoder, data, len, &message, &err), &err);
    assert_int_equal(message.type, MSG_HELLO_WANTED);
    assert_non_null(message.env->hello_wanted);
    assert_string_equal(msg_name(MSG_LOG_ACK), "log_ack");
    assert_int_equal(msg_info(MSG_WELCOME)->session, MSG_SESSION_NEW);
    codec_decoder_destroy(decoder);
}

/* Decodes an exact heap copy, so that a sanitizer sees any read beyond it. */
static enum err_code decode_copy(struct codec_decoder *decoder,
                                 const uint8_t *data,
                                 size_t len,
                                 struct codec_message *message)
{
    AUTO_FREE uint8_t *copy = mem_dup(data, len);
    return codec_decode(decoder, copy, len, message, NULL);
}

static void test_truncations(void **state)
{
    UNUSED(state);
    struct codec_decoder *decoder = codec_decoder_create(FROM_ALL);
    for (unsigned type = 0; type < MSG_TYPE_NR; type++) {
        struct filler f;
        filler_init(&f, type + 100);
        size_t len = 0;
        AUTO_FREE uint8_t *data =
            pack_ok(random_envelope(&f, (enum msg_type)type), &len);
        for (size_t cut = 0; cut < len; cut++) {
            struct codec_message message;
            assert_code(decode_copy(decoder, data, cut, &message), ERR_CORRUPT);
        }
        arena_fini(&f.arena);
    }
    codec_decoder_destroy(decoder);
}

static void test_corruptions(void **state)
{
    UNUSED(state);
    static const uint8_t FLIPS[] = { 0x01, 0x08, 0x7f, 0x80, 0xff };
    struct codec_decoder *decoder = codec_decoder_create(FROM_ALL);
    size_t refused = 0;
    for (unsigned type = 0; type < MSG_TYPE_NR; type++) {
        struct filler f;
        filler_init(&f, type + 200);
        size_t len = 0;
        AUTO_FREE uint8_t *data =
            pack_ok(random_envelope(&f, (enum msg_type)type), &len);
        for (size_t i = 0; i < len * ARRAY_LEN(FLIPS); i++) {
            uint8_t flip = FLIPS[i % ARRAY_LEN(FLIPS)];
            struct codec_message message;
            data[i / ARRAY_LEN(FLIPS)] ^= flip;
            if (decode_copy(decoder, data, len, &message) == ERR_OK) {
                assert_true(codec_packed_size(message.env) > 0);
            } else {
                refused++;
            }
            data[i / ARRAY_LEN(FLIPS)] ^= flip;
        }
        arena_fini(&f.arena);
    }
    assert_true(refused > 100);
    codec_decoder_destroy(decoder);
}

/* Decodes bytes given as a literal; the code. */
static enum err_code decode_raw(const char *bytes, size_t len, struct err *err)
{
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_AGENT);
    struct codec_message message;
    AUTO_FREE uint8_t *copy = mem_dup(bytes, len);
    enum err_code code = codec_decode(decoder, copy, len, &message, err);
    codec_decoder_destroy(decoder);
    return code;
}
#define DECODE(literal, err) decode_raw("" literal, sizeof(literal) - 1, err)
/* version 1.0, then a heartbeat (field 5) */
#define V10       "\x08\x80\x80\x04"
#define HEARTBEAT "\x2a\x02\x08\x07"

static void test_versions(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    assert_ok(DECODE(V10 HEARTBEAT, &err), &err);
    assert_ok(DECODE("\x08\x81\x80\x04" HEARTBEAT, &err), &err);          /* 1.1 */
    assert_code(DECODE("\x08\x82\x80\x04" HEARTBEAT, &err), ERR_VERSION); /* 1.2 */
    assert_string_equal(err.msg,
                        "the peer speaks protocol version 1.2, this winnow 1.0");
    assert_code(DECODE("\x08\x80\x80\x08" HEARTBEAT, &err), ERR_VERSION); /* 2.0 */
    assert_string_equal(err.msg,
                        "the peer speaks protocol version 2.0, this winnow 1.0");
    assert_code(DECODE("\x08\x00" HEARTBEAT, &err), ERR_VERSION);
    /* The version is looked at before everything that another one may have changed. */
    assert_code(DECODE("\x08\x80\x80\x08\xa2\x06\x01\xff", &err), ERR_VERSION);
}

static void test_envelope_rules(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    assert_code(DECODE("", &err), ERR_CORRUPT);
    assert_code(DECODE(HEARTBEAT, &err), ERR_CORRUPT);
    assert_string_equal(err.msg, "malformed message: no version");
    assert_code(DECODE(V10, &err), ERR_CORRUPT);
    assert_string_equal(err.msg, "malformed message: no body");
    assert_code(DECODE(V10 V10 HEARTBEAT, &err), ERR_CORRUPT);
    assert_code(DECODE(V10 HEARTBEAT HEARTBEAT, &err), ERR_CORRUPT);
    assert_string_equal(err.msg, "malformed message: more than one body");
    /* A large body must not hide behind a small one, whatever the order. */
    assert_code(DECODE(V10 HEARTBEAT "\x12\x00", &err), ERR_CORRUPT);
    /* Field 100: a message of a later minor version. */
    assert_code(DECODE(V10 "\xa2\x06\x00", &err), ERR_UNSUPPORTED);
    assert_string_equal(err.msg, "message type 100 is not known");
    /* A body that is a number; a group. */
    assert_code(DECODE(V10 "\x28\x07", &err), ERR_CORRUPT);
    assert_code(DECODE(V10 "\x2b\x2c", &err), ERR_CORRUPT);
    /* Welcome (field 8) is the coordinator's to say. */
    assert_code(DECODE(V10 "\x42\x00", &err), ERR_INVALID);
    assert_string_equal(err.msg, "message 'welcome' came from the wrong side");
    /* Unknown fields of a body are passed over. */
    assert_ok(DECODE(V10 "\x2a\x05\x08\x07\xa0\x06\x01", &err), &err);
    /* Random bytes. */
    assert_code(DECODE("GET / HTTP/1.1\r\n\r\n", &err), ERR_CORRUPT);
}

static void test_text_rules(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    /* Bye (field 6) with cause. */
    assert_ok(DECODE(V10 "\x32\x04\x0a\x02ok", &err), &err);
    assert_code(DECODE(V10 "\x32\x05\x0a\x03o\0k", &err), ERR_CORRUPT);
    assert_string_equal(
        err.msg,
        "malformed message: field 'cause' of winnow.Bye is not valid UTF-8 text");
    assert_code(DECODE(V10 "\x32\x04\x0a\x02\xc3\x28", &err), ERR_CORRUPT);
    assert_code(DECODE(V10 "\x32\x08\x0a\x02ok\x0a\x02no", &err), ERR_CORRUPT);
    assert_string_equal(err.msg,
                        "malformed message: field 'cause' of winnow.Bye occurs twice");
    /* A number where text belongs. */
    assert_code(DECODE(V10 "\x32\x02\x08\x01", &err), ERR_CORRUPT);
}

static void test_utf8(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        bool valid;
    } CASES[] = {
        { "", true },
        { "plain", true },
        { "\xc3\xa4", true },
        { "\xe2\x82\xac", true },
        { "\xf0\x9f\x98\x80", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "\x80", false },
        { "\xc3", false },
        { "\xc0\x80", false },
        { "\xe0\x80\x80", false },
        { "\xed\xa0\x80", false },
        { "\xf4\x90\x80\x80", false },
        { "\xf8\x88\x80\x80\x80", false },
        { "\xe2\x82", false },
        { "\xff", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        size_t len = strlen(CASES[i].text);
        AUTO_FREE uint8_t *copy = mem_dup(CASES[i].text, len);
        assert_int_equal(wire_text_is_valid(copy, len), CASES[i].valid);
    }
    assert_false(wire_text_is_valid((const uint8_t *)"a\0b", 3));
}

/* A report of two points, as decode sees it. */
static enum err_code decode_report(Winnow__Report *report, Winnow__Envelope *env)
{
    env->report = report;
    size_t len = 0;
    AUTO_FREE uint8_t *data = pack_ok(env, &len);
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_AGENT);
    struct codec_message message;
    enum err_code code = codec_decode(decoder, data, len, &message, NULL);
    codec_decoder_destroy(decoder);
    return code;
}

static void test_report_columns(void **state)
{
    UNUSED(state);
    char loss[] = "loss";
    char *names[] = { loss };
    uint32_t name[] = { 0, 0 };
    int64_t step[] = { -1, 1 };
    int64_t time[] = { 0, 5 };
    double value[] = { 0.5, 0.25 };
    Winnow__Envelope env;
    Winnow__Report r;
    codec_init_report(&env, &r);
    r.names = names;
    r.n_names = 1;
    r.point_name = name;
    r.point_step = step;
    r.point_time_ms = time;
    r.point_value = value;
    r.n_point_name = r.n_point_step = r.n_point_time_ms = r.n_point_value = 2;
    assert_code(decode_report(&r, &env), ERR_OK);
    r.n_point_value = 1;
    assert_code(decode_report(&r, &env), ERR_CORRUPT);
    r.n_point_value = 2;
    r.n_point_time_ms = 0;
    assert_code(decode_report(&r, &env), ERR_CORRUPT);
    r.n_point_time_ms = 2;
    name[1] = 1;
    assert_code(decode_report(&r, &env), ERR_CORRUPT);
    name[1] = 0;
    r.n_names = 0;
    assert_code(decode_report(&r, &env), ERR_CORRUPT);
}

static void test_size_limits(void **state)
{
    UNUSED(state);
    Winnow__Envelope env;
    Winnow__Bye bye;
    codec_init_bye(&env, &bye);
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    bye.cause = text;
    struct err err = { 0 };
    uint8_t *data = NULL;
    size_t len = 0;
    assert_code(codec_pack(&env, &data, &len, &err), ERR_TOOBIG);
    assert_string_equal(err.msg, "message 'bye' has 5009 bytes, limit 4096");
    assert_null(data);
    /* The same from a peer that does not care. */
    AUTO_FREE uint8_t *big = mem_alloc(codec_packed_size(&env));
    len = winnow__envelope__pack(&env, big);
    assert_code(decode_raw((const char *)big, len, &err), ERR_TOOBIG);
    assert_string_equal(err.msg, "message 'bye' has 5009 bytes, limit 4096");
}

static void put_header(uint8_t *frame, uint8_t tag, uint32_t len)
{
    memcpy(frame, V10, 4);
    frame[4] = tag;
    for (unsigned i = 0; i < 4; i++) {
        frame[5 + i] = (uint8_t)((len >> (7 * i) & 0x7fu) | (i < 3 ? 0x80u : 0));
    }
}

/* A megabyte of empty parts would unpack into 61 MB. */
static void test_memory_limit(void **state)
{
    UNUSED(state);
    enum {
        BYTES = 1000000,
        HEAD = 9
    };
    AUTO_FREE uint8_t *frame = mem_alloc(BYTES + HEAD);
    put_header(frame, 0x12, BYTES); /* hello (field 2) */
    for (size_t i = HEAD; i < BYTES + HEAD; i += 2) {
        frame[i] = 0x42; /* held (field 8), empty */
        frame[i + 1] = 0;
    }
    struct err err = { 0 };
    assert_code(decode_raw((const char *)frame, BYTES + HEAD, &err), ERR_TOOBIG);
    assert_string_equal(err.msg, "message of 1000009 bytes needs too much memory");
}

/* The limit leaves room for the densest honest message. */
static void test_many_verdicts(void **state)
{
    UNUSED(state);
    enum {
        N = 60000
    };
    Winnow__Envelope env;
    Winnow__Welcome welcome;
    codec_init_welcome(&env, &welcome);
    AUTO_FREE Winnow__Verdict *verdicts = mem_alloc_array(N, sizeof *verdicts);
    AUTO_FREE Winnow__AttemptKey *keys = mem_alloc_array(N, sizeof *keys);
    AUTO_FREE Winnow__Verdict **list = mem_alloc_array(N, sizeof *list);
    for (size_t i = 0; i < N; i++) {
        winnow__attempt_key__init(&keys[i]);
        winnow__verdict__init(&verdicts[i]);
        keys[i].has_sweep = keys[i].has_trial = keys[i].has_attempt = 1;
        keys[i].sweep = keys[i].trial = keys[i].attempt = 1;
        verdicts[i].key = &keys[i];
        verdicts[i].has_verdict = verdicts[i].has_acked_seq = 1;
        verdicts[i].verdict = 1;
        list[i] = &verdicts[i];
    }
    welcome.verdicts = list;
    welcome.n_verdicts = N;
    size_t len = 0;
    AUTO_FREE uint8_t *data = pack_ok(&env, &len);
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    struct codec_message message;
    struct err err = { 0 };
    assert_ok(codec_decode(decoder, data, len, &message, &err), &err);
    assert_int_equal(message.env->welcome->n_verdicts, N);
    codec_decoder_destroy(decoder);
}

static void test_steady_state_allocates_nothing(void **state)
{
    UNUSED(state);
    struct filler f;
    filler_init(&f, 1);
    size_t len = 0;
    AUTO_FREE uint8_t *data = pack_ok(random_envelope(&f, MSG_REPORT), &len);
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_AGENT);
    struct codec_message message;
    mem_fail_at(0);
    uint64_t before = mem_alloc_count();
    for (int i = 0; i < 100; i++) {
        assert_code(codec_decode(decoder, data, len, &message, NULL), ERR_OK);
    }
    assert_int_equal(mem_alloc_count(), before);
    codec_decoder_destroy(decoder);
    arena_fini(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_init_helpers),
        TEST(test_truncations),
        TEST(test_corruptions),
        TEST(test_versions),
        TEST(test_envelope_rules),
        TEST(test_text_rules),
        TEST(test_utf8),
        TEST(test_report_columns),
        TEST(test_size_limits),
        TEST(test_memory_limit),
        TEST(test_many_verdicts),
        TEST(test_steady_state_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
