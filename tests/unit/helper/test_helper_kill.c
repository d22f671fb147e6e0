/* SPDX-License-Identifier: Apache-2.0 */
/* test_helper_kill.c - ending trials: nobody is left behind, whatever they do. That all
 * are gone shows in the output pipe: each process of a trial holds its write end. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/helper/rig.h"

/* A child, a setsid child and a double-forked daemon, all deaf to TERM; each says so.
 */
#define FAMILY                                                                         \
    "sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' &"                     \
    "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' &"              \
    "(setsid sh -c '(trap \"\" TERM; echo up; while :; do sleep 1; done) & exit' &) ;"

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

static void lines_wait(int out, int n)
{
    char line[64];
    for (int i = 0; i < n; i++) {
        rig_line(out, line, sizeof line);
        assert_string_equal(line, "up");
    }
}

static void term_is_honoured(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done", 60000,
           &attempt);
    lines_wait(attempt.out, 1);
    rig_order(&attempt, HELPER_TERM, HELPER_GRACE_DEFAULT);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, 5);
    assert_int_equal(ended.flags, HELPER_ENDED_TERM_SENT);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void term_reaches_stopped_and_nested_processes(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    char text[256];
    rig_sh(
        *state,
        "sh -c 'sh -c \"trap \\\"echo bye; exit\\\" TERM; echo up; kill -STOP \\$\\$;"
        " while :; do sleep 0.01; done\"; exit 4'; exit 6",
        60000, &attempt);
    lines_wait(attempt.out, 1);
    rig_order(&attempt, HELPER_TERM, HELPER_GRACE_DEFAULT);
    rig_output(attempt.out, text, sizeof text);
    assert_string_equal(text, "bye\n");
    rig_ended(&attempt, &ended);
    assert_true((ended.flags & HELPER_ENDED_KILL_SENT) == 0);
    rig_attempt_close(&attempt);
}

static void who_ignores_term_is_killed_after_the_grace(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, "trap '' TERM; echo up; while :; do sleep 1; done", 60000, &attempt);
    lines_wait(attempt.out, 1);
    rig_order(&attempt, HELPER_TERM, 150);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, -1);
    assert_int_equal(ended.signal, SIGKILL);
    assert_int_equal(ended.flags, HELPER_ENDED_TERM_SENT | HELPER_ENDED_KILL_SENT);
    assert_true(ended.wall_ns >= 150 * 1000000);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void kill_ends_the_whole_family_at_once(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, "trap '' TERM;" FAMILY "while :; do sleep 1; done", 60000, &attempt);
    lines_wait(attempt.out, 3);
    rig_order(&attempt, HELPER_KILL, 0);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.signal, SIGKILL);
    assert_int_equal(ended.flags, HELPER_ENDED_KILL_SENT);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void what_outlives_the_leader_is_swept(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    union rig_answer answer;
    rig_sh(*state, "trap 'exit 0' USR1;" FAMILY "while :; do sleep 0.01; done", 100,
           &attempt);
    assert_int_equal(rig_receive(attempt.control, &answer), HELPER_STARTED);
    lines_wait(attempt.out, 3);
    assert_int_equal(kill(answer.started.pid, SIGUSR1), 0);
    assert_int_equal(rig_receive(attempt.control, &answer), HELPER_ENDED);
    ended = answer.ended;
    assert_int_equal(ended.exit_code, 0);
    assert_int_equal(ended.flags, 0);
    assert_true(ended.leftovers >= 3);
    assert_true(ended.sweep_ns >= 100 * 1000000);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void an_agent_that_hangs_up_takes_its_trials_along(void **state)
{
    struct rig_attempt attempt;
    rig_sh(*state, FAMILY "wait", 100, &attempt);
    lines_wait(attempt.out, 3);
    close(attempt.control);
    rig_output_end(attempt.out);
    close(attempt.out);
}

/* The fake agent: starts one attempt whose output goes to `out`, and waits for ever. */
static void agent_run(int out_fd, int pid_fd)
{
    struct rig rig;
    rig_open(&rig);
    const char *const argv[] = { "sh", "-c", FAMILY "wait", NULL };
    struct helper_start start;
    int payload =
        rig_payload(&(struct rig_spec){ .argv = argv, .grace_ms = 100 }, &start);
    int control[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0) {
        const int fds[HELPER_FD_NR] = { out_fd, out_fd, control[1], payload };
        rig_send(rig.socket, &start, sizeof start, fds, HELPER_FD_NR);
        close(control[1]);
    }
    close(out_fd);
    if (write(pid_fd, &rig.pid, sizeof rig.pid) == (ssize_t)sizeof rig.pid) {
        pause();
    }
    _exit(1);
}

static void a_killed_agent_leaves_nobody(void **state)
{
    (void)state;
    int out[2];
    int pids[2];
    pid_t server = 0;
    int status = 0;
    /* So that the orphaned server becomes ours and its end can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
    pid_t agent = fork();
    assert_true(agent >= 0);
    if (agent == 0) {
        agent_run(out[1], pids[1]);
    }
    close(out[1]);
    close(pids[1]);
    assert_int_equal(read(pids[0], &server, sizeof server), sizeof server);
    lines_wait(out[0], 3);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, &status, 0), agent);
    rig_output_end(out[0]);
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_int_equal(status, 0);
    close(out[0]);
    close(pids[0]);
}

static void a_killed_subreaper_leaves_nobody(void **state)
{
    struct rig_attempt attempt;
    union rig_answer answer;
    rig_sh(*state, FAMILY "wait", 100, &attempt);
    assert_int_equal(rig_receive(attempt.control, &answer), HELPER_STARTED);
    lines_wait(attempt.out, 3);
    assert_int_equal(kill(answer.started.subreaper_pid, SIGKILL), 0);
    assert_int_equal(rig_receive(attempt.control, &answer), 0);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void other_signals_do_not_end_helper_or_subreaper(void **state)
{
    struct rig *rig = *state;
    struct rig_attempt attempt;
    union rig_answer answer;
    rig_sh(rig, "echo up; read x < /proc/version; while :; do sleep 1; done", 100,
           &attempt);
    assert_int_equal(rig_receive(attempt.control, &answer), HELPER_STARTED);
    lines_wait(attempt.out, 1);
    assert_int_equal(kill(rig->pid, SIGTERM), 0);
    assert_int_equal(kill(rig->pid, SIGINT), 0);
    assert_int_equal(kill(answer.started.subreaper_pid, SIGTERM), 0);
    rig_order(&attempt, HELPER_KILL, 0);
    assert_int_equal(rig_receive(attempt.control, &answer), HELPER_ENDED);
    assert_int_equal(answer.ended.signal, SIGKILL);
    rig_attempt_close(&attempt);
}

static void processes_that_fork_while_they_are_killed_lose(void **state)
{
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state,
           "trap '' TERM; w() { i=0; while [ $i -lt 3000 ]; do (:) & i=$((i+1)); wait;"
           " done; }; n=0; while [ $n -lt 50 ]; do w & n=$((n+1)); done; echo up; wait",
           100, &attempt);
    lines_wait(attempt.out, 1);
    rig_order(&attempt, HELPER_TERM, HELPER_GRACE_DEFAULT);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.signal, SIGKILL);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

/* Each process of a relay starts the next one in a new session and exits at once. */
static void relays_of_short_lived_daemons_lose(void **state)
{
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    const char *relay =
        tmpdir_write(&dir, "relay",
                     "#!/bin/sh\ntrap '' TERM\n[ $1 = 0 ] && echo up\n"
                     "[ $1 -ge 20000 ] && exit\nsetsid \"$0\" $(($1 + 1)) &\nexit 0\n");
    assert_int_equal(chmod(relay, 0755), 0);
    char script[600];
    snprintf(script, sizeof script, "%s 0; %s 0; %s 0; exit 0", relay, relay, relay);
    struct rig_attempt attempt;
    struct helper_ended ended;
    rig_sh(*state, script, 50, &attempt);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, 0);
    assert_true(ended.leftovers >= 3);
    rig_output_end(attempt.out);
    rig_attempt_close(&attempt);
}

static void the_server_waits_for_its_attempts(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_attempt attempt;
    struct helper_ended ended;
    char line[16];
    rig_open(&rig);
    rig_sh(&rig, "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done", 9000,
           &attempt);
    rig_line(attempt.out, line, sizeof line);
    rig_order(&attempt, HELPER_TERM, HELPER_GRACE_DEFAULT);
    rig_close(&rig);
    rig_ended(&attempt, &ended);
    assert_int_equal(ended.exit_code, 9);
    rig_attempt_close(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(term_is_honoured),
        TEST(term_reaches_stopped_and_nested_processes),
        TEST(who_ignores_term_is_killed_after_the_grace),
        TEST(kill_ends_the_whole_family_at_once),
        TEST(what_outlives_the_leader_is_swept),
        TEST(an_agent_that_hangs_up_takes_its_trials_along),
        TEST(a_killed_agent_leaves_nobody),
        TEST(a_killed_subreaper_leaves_nobody),
        TEST(other_signals_do_not_end_helper_or_subreaper),
        TEST(processes_that_fork_while_they_are_killed_lose),
        TEST(relays_of_short_lived_daemons_lose),
        TEST(the_server_waits_for_its_attempts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
