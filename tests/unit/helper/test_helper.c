/* SPDX-License-Identifier: Apache-2.0 */
/* test_helper.c - starting trials: what they get, how their end and failures are told,
 * and that wrong messages hurt nobody. Drives the real program through rig.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/helper/rig.h"

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_open(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_close(*state);
    free(*state);
    return 0;
}

static void exit_status_and_usage_are_reported(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 7", 0,
           &attempt);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, 7);
    assert_int_equal(ended.signal, 0);
    assert_int_equal(ended.flags, 0);
    assert_int_equal(ended.leftovers, 0);
    assert_true(ended.wall_ns > 0);
    assert_true(ended.user_us + ended.system_us > 0);
    assert_true(ended.user_us * 1000 <= ended.wall_ns + 50 * 1000000);
    assert_in_range(ended.rss_max_bytes, 100 * 1024, 1024 * 1024 * 1024);
    rig_attempt_close(&attempt);
}

static void signal_end_is_reported(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, "kill -SEGV $$", 0, &attempt);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, -1);
    assert_int_equal(ended.signal, SIGSEGV);
    assert_int_equal(ended.flags, 0);
    rig_attempt_close(&attempt);
}

static void output_cwd_env_and_stdin_are_as_asked(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    char text[256];
    const char *const argv[] = { "sh", "-c", "cat; pwd; echo $A; echo err >&2", NULL };
    const char *const env[] = { "PATH=/usr/bin:/bin", "A=b c", NULL };
    rig_start(*state, &(struct rig_spec){ .argv = argv, .env = env, .cwd = "/usr" },
              &attempt);
    rig_output(attempt.out, text, sizeof text);
    assert_string_equal(text, "/usr\nb c\nerr\n");
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, 0);
    rig_attempt_close(&attempt);
}

static void nothing_of_the_agent_leaks_into_a_trial(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    char text[1024];
    rig_sh(*state,
           "ls /proc/self/fd | tr '\\n' ' '; grep -E '^Sig(Blk|Ign)' /proc/self/status;"
           "ulimit -c; env | grep -v -E '^(PATH|PWD|_|SHLVL|OLDPWD)='",
           0, &attempt);
    rig_output(attempt.out, text, sizeof text);
    /* Descriptor 3 is the folder that ls reads. */
    assert_string_equal(text, "0 1 2 3 SigBlk:\t0000000000000000\n"
                              "SigIgn:\t0000000000000000\n0\n");
    rig_ended(&attempt, &ended);
    rig_attempt_close(&attempt);
}

static void limits_affinity_and_nice_are_set(void **state)
{
    cpu_set_t own;
    assert_int_equal(sched_getaffinity(0, sizeof own, &own), 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &own)) {
        cpu++;
    }
    struct rig_attempt attempt;
    struct helper_ended ended;
    char text[256];
    char expected[64];
    const char *const argv[] = {
        "sh", "-c", "ulimit -v; nice; grep Cpus_allowed_list /proc/self/status", NULL
    };
    rig_start(*state,
              &(struct rig_spec){ .argv = argv,
                                  .flags = HELPER_START_CPUS | HELPER_START_NICE,
                                  .memory_bytes = 1024ull * 1024 * 1024,
                                  .cpu_mask = 1ull << cpu,
                                  .nice = 19 },
              &attempt);
    rig_output(attempt.out, text, sizeof text);
    snprintf(expected, sizeof expected, "1048576\n19\nCpus_allowed_list:\t%zu\n", cpu);
    assert_string_equal(text, expected);
    rig_ended(&attempt, &ended);
    rig_attempt_close(&attempt);
}

static void start_failure(struct rig *rig,
                          const struct rig_spec *spec,
                          enum helper_stage stage,
                          int error)
{
    struct rig_attempt attempt;
    rig_start(rig, spec, &attempt);
    assert_int_equal(rig_failed(&attempt, stage), error);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void each_start_failure_names_stage_and_errno(void **state)
{
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    const char *lost = tmpdir_write(&dir, "lost", "#!/no/such/interpreter\n");
    const char *text = tmpdir_write(&dir, "text", "echo this is no program\n");
    const char *plain = tmpdir_write(&dir, "plain", "#!/bin/sh\n");
    assert_int_equal(chmod(lost, 0755), 0);
    assert_int_equal(chmod(text, 0755), 0);
    assert_int_equal(chmod(plain, 0644), 0);
    const char *const none[] = { "no-such-program", NULL };
    const char *const none_path[] = { "/no/such", NULL };
    const char *const a_lost[] = { lost, NULL };
    const char *const a_text[] = { text, NULL };
    const char *const a_plain[] = { plain, NULL };
    const char *const a_true[] = { "true", NULL };
    start_failure(*state, &(struct rig_spec){ .argv = none }, HELPER_STAGE_EXEC,
                  ENOENT);
    start_failure(*state, &(struct rig_spec){ .argv = none_path }, HELPER_STAGE_EXEC,
                  ENOENT);
    start_failure(*state, &(struct rig_spec){ .argv = a_text }, HELPER_STAGE_EXEC,
                  ENOEXEC);
    start_failure(*state, &(struct rig_spec){ .argv = a_plain }, HELPER_STAGE_EXEC,
                  EACCES);
    start_failure(*state, &(struct rig_spec){ .argv = a_lost },
                  HELPER_STAGE_INTERPRETER, ENOENT);
    start_failure(*state, &(struct rig_spec){ a_true, .cwd = "/no/such" },
                  HELPER_STAGE_CHDIR, ENOENT);
    start_failure(*state, &(struct rig_spec){ a_true, .flags = HELPER_START_CPUS },
                  HELPER_STAGE_AFFINITY, EINVAL);
}

static void program_is_searched_on_the_trials_path(void **state)
{
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    char env_path[300];
    char text[64];
    struct rig_attempt attempt;
    struct helper_ended ended;
    assert_int_equal(chmod(tmpdir_write(&dir, "mine", "#!/bin/sh\necho found\n"), 0755),
                     0);
    snprintf(env_path, sizeof env_path, "PATH=/no/such:%s", dir.path);
    const char *const argv[] = { "mine", NULL };
    const char *const env[] = { env_path, NULL };
    rig_start(*state, &(struct rig_spec){ .argv = argv, .env = env }, &attempt);
    rig_output(attempt.out, text, sizeof text);
    assert_string_equal(text, "found\n");
    rig_ended(&attempt, &ended);
    rig_attempt_close(&attempt);
}

static void a_megabyte_of_words_arrives(void **state)
{
    enum {
        WORDS = 10,
        BYTES = 100000
    };
    char *word = malloc(BYTES + 1);
    assert_non_null(word);
    memset(word, 'x', BYTES);
    word[0] = 'V';
    word[1] = '=';
    word[BYTES] = '\0';
    const char *argv[WORDS + 5] = { "sh", "-c", "echo $# ${#1} ${#V}", "sh" };
    for (size_t i = 0; i < WORDS; i++) {
        argv[4 + i] = word;
    }
    const char *const env[] = { "PATH=/bin", word, NULL };
    struct rig_attempt attempt;
    struct helper_ended ended;
    char text[64];
    rig_start(*state, &(struct rig_spec){ .argv = argv, .env = env }, &attempt);
    rig_output(attempt.out, text, sizeof text);
    assert_string_equal(text, "10 100000 99998\n");
    rig_ended(&attempt, &ended);
    rig_attempt_close(&attempt);
    free(word);
}

static void a_reader_that_goes_away_early_blocks_nothing(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, "yes", 1000, &attempt);
    close(attempt.out);
    rig_ended(&attempt, &ended);
    assert_true(ended.signal == SIGPIPE || ended.exit_code > 0);
    close(attempt.control);
}

static void many_attempts_run_at_once(void **state)
{
    enum {
        N = 40
    };
    struct rig_attempt attempts[N];
    for (size_t i = 0; i < N; i++) {
        rig_sh(*state, "echo ready; cat /proc/$$/stat >/dev/null; exit 3", 0,
               &attempts[i]);
    }
    for (size_t i = 0; i < N; i++) {
        struct helper_ended ended;
        rig_ended(&attempts[i], &ended);
        assert_int_equal(ended.exit_code, 3);
        rig_attempt_close(&attempts[i]);
    }
}

static void garbage_is_rejected_and_hurts_nobody(void **state)
{
    struct rig *rig = *state;
    union rig_answer answer;
    const char *const argv[] = { "true", NULL };
    struct helper_start start;
    int payload = rig_payload(&(struct rig_spec){ .argv = argv }, &start);
    char *large = calloc(1, 100000);
    assert_non_null(large);
    const int no_socket[HELPER_FD_NR] = { payload, payload, payload, payload };
    const int surplus[7] = { payload, payload, payload, payload,
                             payload, payload, payload };
    rig_send(rig->socket, "x", 1, NULL, 0);
    rig_send(rig->socket, large, 100000, NULL, 0);
    rig_send(rig->socket, &start, sizeof start, NULL, 0);
    rig_send(rig->socket, &start, sizeof start, no_socket, HELPER_FD_NR);
    rig_send(rig->socket, &start, sizeof start, surplus, 7);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(rig_receive(rig->socket, &answer), HELPER_REJECTED);
        assert_int_equal(answer.rejected.error, EPROTO);
        assert_int_equal(answer.rejected.tag, i < 2 ? 0 : 42);
    }
    start.head.version++;
    rig_send(rig->socket, &start, sizeof start, NULL, 0);
    assert_int_equal(rig_receive(rig->socket, &answer), HELPER_REJECTED);
    assert_int_equal(answer.rejected.error, EBADMSG);
    free(large);
    close(payload);
    exit_status_and_usage_are_reported(state);
}

/* Sends `start` with a control socket and `payload`; returns what failed. */
static int request_errno(struct rig *rig,
                         const struct helper_start *start,
                         int payload,
                         enum helper_stage stage)
{
    int control[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    const int fds[HELPER_FD_NR] = { payload, payload, control[1], payload };
    rig_send(rig->socket, start, sizeof *start, fds, HELPER_FD_NR);
    close(control[1]);
    struct rig_attempt attempt = { .control = control[0] };
    int error = rig_failed(&attempt, stage);
    close(control[0]);
    return error;
}

static void malformed_requests_fail_on_their_control_socket(void **state)
{
    struct rig *rig = *state;
    const char *const argv[] = { "true", "x", NULL };
    struct helper_start good;
    int payload = rig_payload(&(struct rig_spec){ .argv = argv }, &good);
    struct helper_start bad = good;
    bad.head.version++;
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_REQUEST), EBADMSG);
    bad = good;
    bad.flags = ~0u;
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_REQUEST), EPROTO);
    bad = good;
    bad.grace_ms = HELPER_GRACE_MS_MAX + 1;
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_REQUEST), EPROTO);
    bad = good;
    bad.argc = HELPER_STRINGS_MAX + 1;
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_REQUEST), EPROTO);
    bad = good;
    bad.argc--;
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_REQUEST), EPROTO);
    bad = good;
    bad.payload_bytes--; /* the last string has no end now */
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_REQUEST), EPROTO);
    bad = good;
    bad.payload_bytes = HELPER_PAYLOAD_MAX; /* more than the file holds */
    assert_int_equal(request_errno(rig, &bad, payload, HELPER_STAGE_PAYLOAD), EPROTO);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(request_errno(rig, &good, ends[0], HELPER_STAGE_PAYLOAD), EPROTO);
    close(ends[0]);
    close(ends[1]);
    close(payload);
}

static void garbage_on_the_control_socket_is_ignored(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    char line[16];
    rig_sh(*state, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done", 5000,
           &attempt);
    rig_line(attempt.out, line, sizeof line);
    assert_int_equal(send(attempt.control, "", 0, MSG_NOSIGNAL), 0);
    assert_int_equal(send(attempt.control, "garbage", 7, MSG_NOSIGNAL), 7);
    char large[512] = { 0 };
    assert_int_equal(send(attempt.control, large, sizeof large, MSG_NOSIGNAL), 512);
    rig_order(&attempt, HELPER_TERM, HELPER_GRACE_DEFAULT);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, 5);
    rig_attempt_close(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exit_status_and_usage_are_reported),
        TEST(signal_end_is_reported),
        TEST(output_cwd_env_and_stdin_are_as_asked),
        TEST(nothing_of_the_agent_leaks_into_a_trial),
        TEST(limits_affinity_and_nice_are_set),
        TEST(each_start_failure_names_stage_and_errno),
        TEST(program_is_searched_on_the_trials_path),
        TEST(a_megabyte_of_words_arrives),
        TEST(a_reader_that_goes_away_early_blocks_nothing),
        TEST(many_attempts_run_at_once),
        TEST(garbage_is_rejected_and_hurts_nobody),
        TEST(malformed_requests_fail_on_their_control_socket),
        TEST(garbage_on_the_control_socket_is_ignored),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
