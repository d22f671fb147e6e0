/* SPDX-License-Identifier: Apache-2.0 */
/* test_wire.c – what agents say becomes events unchanged, and nonsense becomes errors.
 */
#include "coordinator/wire.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/lib/test.h"

struct scene {
    struct wire wire;
    struct codec_decoder *decoder;
    struct event event;
    struct err err;
    Winnow__Envelope env;
    Winnow__AttemptKey key;
    Winnow__Report report;
    Winnow__Hello hello;
    char text[16384];
};

static void scene_init(struct scene *s)
{
    memset(s, 0, sizeof *s);
    s->wire.lease_ms = 30000;
    s->wire.home_id = "0123456789abcdef0123456789abcdef";
    s->decoder = codec_decoder_create(MSG_FROM_AGENT | MSG_FROM_COORDINATOR);
    winnow__attempt_key__init(&s->key);
    s->key.has_sweep = 1;
    s->key.sweep = 3;
    s->key.has_trial = 1;
    s->key.trial = 4;
    s->key.has_attempt = 1;
    s->key.attempt = 5;
}

static void scene_fini(struct scene *s)
{
    codec_decoder_destroy(s->decoder);
    wire_fini(&s->wire);
}

/* Packs, decodes and translates s->env. */
static enum err_code deliver(struct scene *s)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;
    struct codec_message msg;
    assert_ok(codec_pack(&s->env, &data, &len, &s->err), &s->err);
    assert_ok(codec_decode(s->decoder, data, len, &msg, &s->err), &s->err);
    return wire_event(&s->wire, &msg, "key-1", &s->event, &s->err);
}

static void report_init(struct scene *s)
{
    codec_init_report(&s->env, &s->report);
    s->report.key = &s->key;
    s->report.has_first_seq = 1;
    s->report.first_seq = 9;
}

static void a_report_keeps_its_columns(void **state)
{
    struct scene s;
    char *names[] = { s.text, s.text + 10 };
    uint32_t name[] = { 1, 0, 1 };
    int64_t step[] = { -2, 0, INT64_MAX };
    int64_t time[] = { 0, 5, -5 };
    double value[] = { 0.5, NAN, -INFINITY };
    Winnow__Started started = WINNOW__STARTED__INIT;
    UNUSED(state);
    scene_init(&s);
    report_init(&s);
    memcpy(s.text, "loss", 5);
    memcpy(s.text + 10, "acc", 4);
    s.report.n_names = 2;
    s.report.names = names;
    s.report.n_point_name = 3;
    s.report.point_name = name;
    s.report.n_point_step = 3;
    s.report.point_step = step;
    s.report.has_time_base_ms = 1;
    s.report.time_base_ms = 1000;
    s.report.n_point_time_ms = 3;
    s.report.point_time_ms = time;
    s.report.n_point_value = 3;
    s.report.point_value = value;
    started.has_time_ms = 1;
    started.time_ms = 77;
    s.report.started = &started;
    assert_ok(deliver(&s), &s.err);
    const struct ev_report *ev = &s.event.as.report;
    assert_int_equal(s.event.kind, EV_REPORT);
    assert_int_equal(ev->key.sweep, 3);
    assert_int_equal(ev->key.trial, 4);
    assert_int_equal(ev->key.attempt, 5);
    assert_int_equal(ev->first_seq, 9);
    assert_true(ev->has_started);
    assert_int_equal(ev->started.time_ms, 77);
    assert_false(ev->has_ended);
    assert_int_equal(ev->points.len, 3);
    assert_string_equal(ev->points.names[ev->points.name[0]], "acc");
    assert_int_equal(ev->points.time_ms[2], 995);
    assert_int_equal(ev->points.step[2], INT64_MAX);
    assert_true(isnan(ev->points.value[1]));
    assert_true(isinf(ev->points.value[2]));
    scene_fini(&s);
}

static void attempts_must_be_named(void **state)
{
    struct scene s;
    UNUSED(state);
    scene_init(&s);
    report_init(&s);
    s.report.key = NULL;
    assert_code(deliver(&s), ERR_INVALID);
    report_init(&s);
    s.key.attempt = 0;
    assert_code(deliver(&s), ERR_INVALID);
    s.key.attempt = 1;
    s.key.sweep = 0;
    assert_code(deliver(&s), ERR_INVALID);
    s.key.sweep = 1;
    assert_code(deliver(&s), ERR_OK);
    s.report.first_seq = 0;
    assert_code(deliver(&s), ERR_INVALID);
    scene_fini(&s);
}

static void ends_must_be_known(void **state)
{
    struct scene s;
    Winnow__Ended ended = WINNOW__ENDED__INIT;
    UNUSED(state);
    scene_init(&s);
    report_init(&s);
    s.report.ended = &ended;
    assert_code(deliver(&s), ERR_INVALID); /* none */
    ended.has_end = 1;
    ended.end = ATTEMPT_END_NR;
    assert_code(deliver(&s), ERR_INVALID);
    ended.end = END_OOM;
    assert_ok(deliver(&s), &s.err);
    assert_int_equal(s.event.as.report.ended.end, END_OOM);
    scene_fini(&s);
}

static void a_long_cause_is_cut_between_characters(void **state)
{
    struct scene s;
    Winnow__Ended ended = WINNOW__ENDED__INIT;
    UNUSED(state);
    scene_init(&s);
    report_init(&s);
    s.text[0] = 'x';
    for (size_t i = 0; i < CAUSE_BYTES_MAX; i++) {
        memcpy(s.text + 1 + 2 * i, "\xc3\xa9", 2);
    }
    ended.has_end = 1;
    ended.end = END_FAILED;
    ended.cause = s.text;
    s.report.ended = &ended;
    assert_ok(deliver(&s), &s.err);
    const char *cause = s.event.as.report.cause;
    assert_int_equal(strlen(cause), CAUSE_BYTES_MAX - 1);
    assert_memory_equal(cause, s.text, CAUSE_BYTES_MAX - 1);
    scene_fini(&s);
}

static void notes_are_bounded(void **state)
{
    struct scene s;
    Winnow__Note note = WINNOW__NOTE__INIT;
    Winnow__Note *notes[] = { &note };
    char name[] = "team";
    UNUSED(state);
    scene_init(&s);
    report_init(&s);
    s.report.n_notes = 1;
    s.report.notes = notes;
    note.name = name;
    note.value = s.text;
    assert_code(deliver(&s), ERR_INVALID); /* neither parameter nor tag */
    note.has_kind = 1;
    note.kind = 2;
    memset(s.text, 'v', TAG_VALUE_BYTES_MAX);
    assert_ok(deliver(&s), &s.err);
    assert_true(s.event.as.report.notes.notes[0].is_tag);
    s.text[TAG_VALUE_BYTES_MAX] = 'v';
    assert_code(deliver(&s), ERR_TOOBIG);
    note.kind = 1;
    s.text[PARAM_VALUE_BYTES_MAX + 1] = '\0';
    assert_code(deliver(&s), ERR_TOOBIG);
    note.name = NULL;
    assert_code(deliver(&s), ERR_INVALID);
    scene_fini(&s);
}

static void metric_names_are_bounded(void **state)
{
    struct scene s;
    char *names[] = { s.text };
    UNUSED(state);
    scene_init(&s);
    report_init(&s);
    s.report.n_names = 1;
    s.report.names = names;
    assert_code(deliver(&s), ERR_INVALID); /* empty */
    memset(s.text, 'm', METRIC_NAME_BYTES_MAX + 1);
    assert_code(deliver(&s), ERR_INVALID);
    s.text[METRIC_NAME_BYTES_MAX] = '\0';
    assert_code(deliver(&s), ERR_OK);
    scene_fini(&s);
}

static void a_hello_is_checked(void **state)
{
    struct scene s;
    uint32_t gpus[] = { 0, 5 };
    UNUSED(state);
    scene_init(&s);
    codec_init_hello(&s.env, &s.hello);
    assert_code(deliver(&s), ERR_INVALID); /* no id */
    memcpy(s.text, "node-7", 7);
    s.hello.agent_id = s.text;
    assert_code(deliver(&s), ERR_INVALID); /* no slots */
    s.hello.has_slots = 1;
    s.hello.slots = SLOTS_PER_AGENT_MAX + 1;
    assert_code(deliver(&s), ERR_INVALID);
    s.hello.slots = 8;
    s.hello.n_gpus = 2;
    s.hello.gpus = gpus;
    assert_ok(deliver(&s), &s.err);
    assert_int_equal(s.event.as.hello.gpu_mask, 1u | 1u << 5);
    assert_string_equal(s.event.as.hello.user, "key-1");
    gpus[1] = GPUS_PER_AGENT_MAX;
    assert_code(deliver(&s), ERR_INVALID);
    s.hello.n_gpus = 0;
    s.hello.home_id = s.text;
    assert_code(deliver(&s), ERR_INVALID);
    scene_fini(&s);
}

static const Winnow__Envelope *
round_trip(struct scene *s, const struct message *message, struct codec_message *msg)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;
    assert_ok(wire_pack(&s->wire, message, &data, &len, &s->err), &s->err);
    assert_ok(codec_decode(s->decoder, data, len, msg, &s->err), &s->err);
    return msg->env;
}

static void messages_to_agents_arrive(void **state)
{
    struct scene s;
    struct codec_message msg;
    double x[] = { 1.5, NAN };
    struct attempt_key key = { 1, 2, 3 };
    struct verdict verdicts[2] = {
        { .key = key, .verdict = VERDICT_KEEP, .acked_seq = 4, .log_acked = 5 },
        { .key = key, .verdict = VERDICT_FORGET },
    };
    UNUSED(state);
    scene_init(&s);
    struct message assign = {
        .kind = TO_AGENT_ASSIGN,
        .as.assign = { .key = key,
                       .run_id = { "0123456789abcdef0123456789abcdef" },
                       .x = x,
                       .x_len = 2,
                       .gpu_mask = UINT64_C(1) << 63 | 1,
                       .revision = 6 },
    };
    const Winnow__Envelope *env = round_trip(&s, &assign, &msg);
    assert_int_equal(msg.type, MSG_ASSIGN);
    assert_int_equal(env->assign->key->attempt, 3);
    assert_int_equal(env->assign->n_params, 2);
    assert_true(isnan(env->assign->params[1]));
    assert_int_equal(env->assign->n_gpus, 2);
    assert_int_equal(env->assign->gpus[1], 63);
    struct message welcome = { .kind = TO_AGENT_WELCOME,
                               .as.welcome = { verdicts, 2 } };
    env = round_trip(&s, &welcome, &msg);
    assert_int_equal(env->welcome->lease_ms, 30000);
    assert_int_equal(env->welcome->n_verdicts, 2);
    assert_int_equal(env->welcome->verdicts[0]->acked_seq, 4);
    assert_int_equal(env->welcome->verdicts[1]->verdict, VERDICT_FORGET);
    struct message ack = { .kind = TO_AGENT_ACK,
                           .as.ack = { .key = key, .seq = 7, .resend = true } };
    env = round_trip(&s, &ack, &msg);
    assert_int_equal(env->ack->seq, 7);
    assert_true(env->ack->resend);
    struct message log_ack = { .kind = TO_AGENT_LOG_ACK,
                               .as.log_ack = { .key = key, .offset = 8 } };
    assert_int_equal(round_trip(&s, &log_ack, &msg)->log_ack->offset, 8);
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_report_keeps_its_columns), TEST(attempts_must_be_named),
        TEST(ends_must_be_known),         TEST(a_long_cause_is_cut_between_characters),
        TEST(notes_are_bounded),          TEST(metric_names_are_bounded),
        TEST(a_hello_is_checked),         TEST(messages_to_agents_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
