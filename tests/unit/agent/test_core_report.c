/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_report.c – gathering, windows, acknowledgement, sending again, logs. */
#include "tests/unit/agent/rig.h"

#include <string.h>

/* A running attempt whose start was acknowledged. */
static uint64_t running(struct rig *rig, uint32_t trial)
{
    uint64_t serial = rig_assign(rig, 1, trial);
    rig_started(rig, serial);
    rig_sleep(rig, AGENT_STARTED_LINGER_MS);
    rig_ack(rig, 1, trial, 1);
    return serial;
}

static void log_grew(struct rig *rig, uint64_t serial, uint64_t size)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_LOG_GREW,
                                        .serial = serial,
                                        .as.log_size = size });
}

static void log_ack(struct rig *rig, uint32_t trial, uint64_t offset)
{
    rig_step(rig, (struct agent_event){
                      .kind = AGENT_EV_LOG_ACK,
                      .as.log_ack = { .key = rig_key(1, trial), .offset = offset } });
}

static void test_trivial_trial_is_one_report(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    rig_started(&rig, serial);
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_APPEND), 0);
    rig_sleep(&rig, AGENT_STARTED_LINGER_MS - 1);
    rig_exit(&rig, serial, 0);
    assert_true(rig_report(&rig)->has_started && rig_report(&rig)->has_ended);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    rig_ack(&rig, 1, 0, 2);
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_TRIM), 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 1);
    rig_fini(&rig);
}

static void test_first_point_goes_at_once_later_ones_gather(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "loss", 0.5);
    assert_int_equal(rig_report(&rig)->points_len, 1);
    assert_int_equal(rig_report(&rig)->first_seq, 2);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    rig_point(&rig, serial, "loss", 0.4);
    rig_point(&rig, serial, "acc", 0.9);
    rig_point(&rig, serial, "loss", 0.3);
    assert_int_equal(rig.fx.items.len, 0);
    rig_ack(&rig, 1, 0, 2);
    const struct agent_report *report = rig_report(&rig);
    assert_int_equal(report->first_seq, 3);
    assert_int_equal(report->points_len, 3);
    assert_int_equal(report->names_len, 2);
    assert_string_equal(report->names[report->point_name[1]], "acc");
    assert_string_equal(report->names[report->point_name[2]], "loss");
    assert_near(report->point_value[2], 0.3, 0);
    assert_int_equal(report->point_step[0], 3);
    rig_fini(&rig);
}

static void test_gathered_points_reach_the_spool_within_a_second(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_point(&rig, serial, "loss", 0.5);
    assert_int_equal(rig.fx.items.len, 0);
    rig_sleep(&rig, AGENT_GATHER_MS);
    assert_int_equal(rig_report(&rig)->points_len, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 0);
    rig_fini(&rig);
}

static void test_full_report_closes(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "a", 1);
    static struct agent_point points[AGENT_REPORT_POINTS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        points[i] = (struct agent_point){ .name = "a", .step = (int64_t)i };
    }
    rig_step(&rig, (struct agent_event){
                       .kind = AGENT_EV_POINTS,
                       .serial = serial,
                       .as.points = { .points = points, .len = ARRAY_LEN(points) } });
    assert_int_equal(rig_report(&rig)->points_len, AGENT_REPORT_POINTS_MAX);
    rig_fini(&rig);
}

static void test_flush_is_in_the_spool_even_behind_others(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "a", 1);
    rig_point(&rig, serial, "a", 2);
    struct agent_point point = { .name = "a", .step = 9, .value = 3 };
    rig_step(&rig, (struct agent_event){
                       .kind = AGENT_EV_POINTS,
                       .serial = serial,
                       .as.points = { .points = &point, .len = 1, .flush = true } });
    assert_int_equal(rig_report(&rig)->points_len, 2);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_NOTE,
                                         .serial = serial,
                                         .as.note = { AGENT_NOTE_TAG, "k", "v" } });
    assert_int_equal(rig_report(&rig)->notes_len, 1);
    assert_int_equal(rig_report(&rig)->first_seq, 5);
    rig_fini(&rig);
}

static void test_resend_rewinds_once_for_many_complaints(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "a", 1);
    for (int i = 0; i < 3; i++) {
        rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_NOTE,
                                             .serial = serial,
                                             .as.note = { AGENT_NOTE_TAG, "k", "v" } });
    }
    struct agent_event resend = {
        .kind = AGENT_EV_ACK,
        .as.ack = { .key = rig_key(1, 0), .seq = 2, .resend = true }
    };
    rig_step(&rig, resend);
    assert_int_equal(rig_count(&rig, AGENT_FX_SPOOL_TRIM), 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 3);
    rig_step(&rig, resend);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 0);
    rig_sleep(&rig, 200);
    rig_step(&rig, resend);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 3);
    rig_fini(&rig);
}

static void test_silence_is_answered_by_sending_again(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "a", 1);
    rig_sleep(&rig, AGENT_RESEND_MS);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    rig_fini(&rig);
}

static void test_old_and_foreign_acknowledgements_do_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "a", 1);
    rig_ack(&rig, 1, 0, 1);
    assert_int_equal(rig.fx.items.len, 0);
    rig_ack(&rig, 1, 5, 2);
    assert_int_equal(rig.fx.items.len, 0);
    rig_ack(&rig, 1, 0, 2);
    rig_ack(&rig, 1, 0, 2);
    assert_int_equal(rig.fx.items.len, 0);
    rig_fini(&rig);
}

static void test_window_holds_reports_back_and_is_shared(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 2);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    rig_step(&rig, (struct agent_event){
                       .kind = AGENT_EV_WELCOME,
                       .as.welcome = { .home_id = "home-1", .window_bytes = 300 } });
    rig_sweep(&rig, 1, 0);
    uint64_t one = running(&rig, 0);
    uint64_t two = running(&rig, 1);
    char value[400];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct agent_event note = { .kind = AGENT_EV_NOTE,
                                .serial = one,
                                .as.note = { AGENT_NOTE_TAG, "k", value } };
    rig_step(&rig, note); /* larger than the window, but alone it must pass */
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    note.serial = two;
    rig_step(&rig, note);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 0);
    rig_ack(&rig, 1, 0, 2);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 1);
    rig_fini(&rig);
}

static void test_log_goes_in_pieces_and_gathers_while_one_is_out(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    log_grew(&rig, serial, 100);
    assert_int_equal(rig_get(&rig, AGENT_FX_LOG_SEND)->as.log_send.len, 100);
    log_grew(&rig, serial, 150);
    assert_int_equal(rig.fx.items.len, 0);
    log_ack(&rig, 0, 100);
    assert_int_equal(rig_get(&rig, AGENT_FX_LOG_SEND)->as.log_send.offset, 100);
    log_grew(&rig, serial, 150 + AGENT_LOG_PIECE_MAX + 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_LOG_SEND), 1);
    assert_int_equal(rig_get(&rig, AGENT_FX_LOG_SEND)->as.log_send.len,
                     AGENT_LOG_PIECE_MAX);
    rig_fini(&rig);
}

static void test_log_window_bounds_what_is_out(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    log_grew(&rig, serial, 100u * 1024 * 1024);
    struct agent_core_counts counts;
    agent_core_counts(rig.core, &counts);
    assert_int_equal(counts.log_inflight_bytes, AGENT_LOG_WINDOW_BYTES_DEFAULT);
    rig_fini(&rig);
}

static void test_ended_attempt_waits_for_its_log(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    log_grew(&rig, serial, 100);
    log_grew(&rig, serial, 120);
    rig_exit(&rig, serial, 0);
    assert_int_equal(rig_get(&rig, AGENT_FX_LOG_SEND)->as.log_send.offset, 100);
    rig_ack(&rig, 1, 0, 2);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 0);
    log_ack(&rig, 0, 120);
    assert_int_equal(rig_count(&rig, AGENT_FX_FORGET), 1);
    rig_fini(&rig);
}

static void test_log_is_given_up_when_never_acknowledged(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    log_grew(&rig, serial, 100);
    rig_exit(&rig, serial, 0);
    rig_ack(&rig, 1, 0, 2);
    size_t forgotten = 0;
    for (unsigned i = 0; i <= AGENT_LOG_REWINDS_MAX; i++) {
        assert_int_equal(forgotten, 0);
        rig_sleep(&rig, AGENT_RESEND_MS);
        forgotten += rig_count(&rig, AGENT_FX_FORGET);
    }
    assert_int_equal(forgotten, 1);
    rig_fini(&rig);
}

static void test_reconnect_sends_everything_unacknowledged_again(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_point(&rig, serial, "a", 1);
    log_grew(&rig, serial, 100);
    rig_point(&rig, serial, "a", 2);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    assert_int_equal(rig_get(&rig, AGENT_FX_HELLO)->as.hello.held[0].next_seq, 4);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 0);
    struct agent_verdict verdict = { rig_key(1, 0), AGENT_VERDICT_KEEP, 1, 40 };
    rig_welcome(&rig, "home-1", &verdict, 1);
    assert_int_equal(rig_count(&rig, AGENT_FX_REPORT_SEND), 2);
    assert_int_equal(rig_get(&rig, AGENT_FX_LOG_SEND)->as.log_send.offset, 40);
    assert_int_equal(rig_get(&rig, AGENT_FX_LOG_SEND)->as.log_send.len, 60);
    rig_fini(&rig);
}

static void test_full_spool_thins_points_and_counts_them(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    agent_core_limit_spool(rig.core, 4000);
    rig_ready(&rig);
    uint64_t serial = running(&rig, 0);
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
    struct agent_point point = { .name = "a", .value = 1 };
    struct agent_event event = {
        .kind = AGENT_EV_POINTS,
        .serial = serial,
        .as.points = { .points = &point, .len = 1, .flush = true },
    };
    uint64_t kept = 0;
    for (int i = 0; i < 1000; i++) {
        rig_step(&rig, event);
        kept += rig_count(&rig, AGENT_FX_SPOOL_APPEND);
    }
    struct agent_core_counts counts;
    agent_core_counts(rig.core, &counts);
    assert_true(counts.spool_bytes < 4200);
    rig_exit(&rig, serial, 0); /* the end is never left out */
    assert_int_equal(rig_report(&rig)->ended.points_thinned, 1000 - kept);
    assert_true(kept > 10 && kept < 100);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_trivial_trial_is_one_report),
        TEST(test_first_point_goes_at_once_later_ones_gather),
        TEST(test_gathered_points_reach_the_spool_within_a_second),
        TEST(test_full_report_closes),
        TEST(test_flush_is_in_the_spool_even_behind_others),
        TEST(test_resend_rewinds_once_for_many_complaints),
        TEST(test_silence_is_answered_by_sending_again),
        TEST(test_old_and_foreign_acknowledgements_do_nothing),
        TEST(test_window_holds_reports_back_and_is_shared),
        TEST(test_log_goes_in_pieces_and_gathers_while_one_is_out),
        TEST(test_log_window_bounds_what_is_out),
        TEST(test_ended_attempt_waits_for_its_log),
        TEST(test_log_is_given_up_when_never_acknowledged),
        TEST(test_reconnect_sends_everything_unacknowledged_again),
        TEST(test_full_spool_thins_points_and_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
