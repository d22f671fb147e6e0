/* SPDX-License-Identifier: Apache-2.0 */
/* test_helper_verbs.c - `winnow log` and `winnow should-stop` in a trial, against a
 * socket that plays the agent. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helper/protocol.h"
#include "tests/lib/test.h"

#define WAIT_MS 20000

/* A folder with the link `winnow` and the agent's socket. */
struct place {
    struct tmpdir dir;
    char winnow[300];
    char socket_path[300];
    int listener;
};

/* How one call of `winnow` ended. */
struct outcome {
    int status;
    char out[2048]; /* stdout and stderr */
};

static int listener_open(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_in_range(n, 1, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    tmpdir_init(&place->dir);
    snprintf(place->winnow, sizeof place->winnow, "%s/winnow", place->dir.path);
    snprintf(place->socket_path, sizeof place->socket_path, "%s/s", place->dir.path);
    assert_int_equal(symlink(HELPER_PROGRAM, place->winnow), 0);
    place->listener = listener_open(place->socket_path);
    setenv("WINNOW_SOCKET", place->socket_path, 1);
    setenv("WINNOW_RUN_ID", "run7", 1);
    setenv("WINNOW_ATTEMPT", "2", 1);
    unsetenv("WINNOW_EXE");
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    close(place->listener);
    tmpdir_fini(&place->dir);
    free(place);
    return 0;
}

static pid_t winnow_start(const struct place *place, const char *const *args, int *out)
{
    int ends[2];
    char *argv[16] = { strdup("winnow") };
    for (size_t i = 0; args[i] != NULL; i++) {
        argv[i + 1] = strdup(args[i]);
    }
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execv(place->winnow, argv);
        _exit(99);
    }
    for (size_t i = 0; argv[i] != NULL; i++) {
        free(argv[i]);
    }
    close(ends[1]);
    *out = ends[0];
    return pid;
}

static void winnow_end(pid_t pid, int out, struct outcome *outcome)
{
    size_t at = 0;
    ssize_t n = 0;
    int status = 0;
    while ((n = read(out, outcome->out + at, sizeof outcome->out - 1 - at)) > 0) {
        at += (size_t)n;
    }
    outcome->out[at] = '\0';
    close(out);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    outcome->status = WEXITSTATUS(status);
}

/* Runs without an agent that answers. */
static void
winnow_run(const struct place *place, const char *const *args, struct outcome *outcome)
{
    int out = -1;
    pid_t pid = winnow_start(place, args, &out);
    winnow_end(pid, out, outcome);
}

/* Runs, gives the request with `|` for each NUL, answers `reply`. */
static void winnow_ask(const struct place *place,
                       const char *const *args,
                       const char *reply,
                       char *request,
                       struct outcome *outcome)
{
    int out = -1;
    pid_t pid = winnow_start(place, args, &out);
    struct pollfd one = { .fd = place->listener, .events = POLLIN };
    assert_int_equal(poll(&one, 1, WAIT_MS), 1);
    int fd = accept(place->listener, NULL, NULL);
    assert_true(fd >= 0);
    ssize_t n = recv(fd, request, HELPER_REQUEST_MAX, 0);
    assert_in_range(n, 1, HELPER_REQUEST_MAX - 1);
    request[n] = '\0';
    for (ssize_t i = 0; i < n; i++) {
        request[i] = request[i] == '\0' ? '|' : request[i];
    }
    assert_int_equal(send(fd, reply, strlen(reply), MSG_NOSIGNAL), strlen(reply));
    close(fd);
    winnow_end(pid, out, outcome);
}

static void log_sends_all_fields(void **state)
{
    static const struct {
        const char *args[8];
        const char *request;
    } rows[] = {
        { { "log", "metric", "acc", "0.5", "--step", "3" },
          "log|metric|run7|2|acc|0.5|3" },
        { { "log", "metric", "--step=-4", "acc", "-1e-3" },
          "log|metric|run7|2|acc|-1e-3|-4" },
        { { "log", "metric", "loss", "nan" }, "log|metric|run7|2|loss|nan|" },
        { { "log", "metric", "loss", "-inf" }, "log|metric|run7|2|loss|-inf|" },
        { { "log", "param", "depth", "three" }, "log|param|run7|2|depth|three|" },
        { { "log", "tag", "--", "--odd", "" }, "log|tag|run7|2|--odd||" },
        { { "log", "artifact", "/a/b" }, "log|artifact|run7|2|/a/b||" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[HELPER_REQUEST_MAX];
        struct outcome outcome;
        winnow_ask(*state, rows[i].args, "ok", request, &outcome);
        assert_string_equal(request, rows[i].request);
        assert_string_equal(outcome.out, "");
        assert_int_equal(outcome.status, 0);
    }
}

static void refusals_are_shown(void **state)
{
    const char *const args[] = { "log", "tag", "a", "b", NULL };
    char request[HELPER_REQUEST_MAX];
    struct outcome outcome;
    winnow_ask(*state, args, "error: no such run", request, &outcome);
    assert_string_equal(outcome.out, "winnow: log: no such run\n");
    assert_int_equal(outcome.status, 1);
    winnow_ask(*state, args, "nonsense", request, &outcome);
    assert_string_equal(outcome.out, "winnow: log: unexpected answer 'nonsense'\n");
    assert_int_equal(outcome.status, 2);
}

static void should_stop_answers_by_exit_status(void **state)
{
    const char *const args[] = { "should-stop", NULL };
    char request[HELPER_REQUEST_MAX];
    struct outcome outcome;
    winnow_ask(*state, args, "stop", request, &outcome);
    assert_string_equal(request, "should-stop||run7|2|||");
    assert_int_equal(outcome.status, 0);
    winnow_ask(*state, args, "go", request, &outcome);
    assert_int_equal(outcome.status, 1);
    assert_string_equal(outcome.out, "");
    winnow_ask(*state, args, "error: unknown attempt", request, &outcome);
    assert_int_equal(outcome.status, 2);
    assert_string_equal(outcome.out, "winnow: should-stop: unknown attempt\n");
}

static void bad_usage_gives_one_error(void **state)
{
    static const struct {
        const char *args[8];
        const char *error;
    } rows[] = {
        { { "log" }, "log: expected metric, param, tag or artifact" },
        { { "log", "metrics", "a", "1" },
          "log: unknown kind 'metrics', expected metric, param, tag or artifact" },
        { { "log", "metric", "a" }, "log metric: expected NAME VALUE" },
        { { "log", "metric", "", "1" }, "log metric: the name is empty" },
        { { "log", "metric", "a", "1", "2" }, "log: unexpected argument '2'" },
        { { "log", "metric", "a", "good" },
          "log metric: value of 'a' is 'good', expected a number" },
        { { "log", "metric", "a", "" },
          "log metric: value of 'a' is '', expected a number" },
        { { "log", "metric", "a", " 1" },
          "log metric: value of 'a' is ' 1', expected a number" },
        { { "log", "metric", "a", "0x10" },
          "log metric: value of 'a' is '0x10', expected a number" },
        { { "log", "metric", "a", "1e999" },
          "log metric: value of 'a' is '1e999', expected a number" },
        { { "log", "metric", "a", "1", "--step", "1.5" },
          "log metric: step is '1.5', expected a whole number" },
        { { "log", "metric", "a", "1", "--step", "9223372036854775808" },
          "log metric: step is '9223372036854775808', expected a whole number" },
        { { "log", "metric", "a", "1", "--step" }, "log: --step needs a number" },
        { { "log", "metric", "a", "1", "--stop=1" }, "log: unknown option '--stop=1'" },
        { { "log", "tag", "a", "b", "--step=1" },
          "log tag: --step is for metrics only" },
        { { "log", "artifact" }, "log artifact: expected PATH" },
        { { "should-stop", "now" }, "should-stop: unexpected argument 'now'" },
        { { "best" },
          "'best' needs the winnow program, and WINNOW_EXE does not name it" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome outcome;
        char expected[300];
        winnow_run(*state, rows[i].args, &outcome);
        snprintf(expected, sizeof expected, "winnow: %s\n", rows[i].error);
        assert_string_equal(outcome.out, expected);
        assert_int_equal(outcome.status, 2);
    }
}

static void outside_a_trial_is_an_error(void **state)
{
    const char *const args[] = { "should-stop", NULL };
    struct outcome outcome;
    unsetenv("WINNOW_SOCKET");
    winnow_run(*state, args, &outcome);
    assert_string_equal(
        outcome.out,
        "winnow: should-stop: not inside a trial: WINNOW_SOCKET is not set\n");
    assert_int_equal(outcome.status, 2);
    setenv("WINNOW_SOCKET", "/no/such/socket", 1);
    winnow_run(*state, args, &outcome);
    assert_string_equal(outcome.out, "winnow: should-stop: cannot reach the agent at "
                                     "'/no/such/socket': No such file or directory\n");
    assert_int_equal(outcome.status, 2);
}

static void silence_ends_at_a_deadline(void **state)
{
    const char *const args[] = { "should-stop", NULL };
    struct outcome outcome;
    winnow_run(*state, args, &outcome); /* connected by the backlog, never answered */
    assert_string_equal(outcome.out,
                        "winnow: should-stop: no answer from the agent within 5 s\n");
    assert_int_equal(outcome.status, 2);
}

static void a_long_socket_path_works(void **state)
{
    struct place *place = *state;
    const char *const args[] = { "should-stop", NULL };
    char folder[500];
    char path[600];
    char request[HELPER_REQUEST_MAX];
    struct outcome outcome;
    snprintf(folder, sizeof folder, "%s/%0150d", place->dir.path, 1);
    snprintf(path, sizeof path, "%s/s", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(rename(place->socket_path, path), 0);
    setenv("WINNOW_SOCKET", path, 1);
    winnow_ask(place, args, "go", request, &outcome);
    assert_string_equal(outcome.out, "");
    assert_int_equal(outcome.status, 1);
}

static void other_verbs_become_the_real_program(void **state)
{
    struct place *place = *state;
    const char *const args[] = { "best", "last", NULL };
    struct outcome outcome;
    const char *real =
        tmpdir_write(&place->dir, "real", "#!/bin/sh\necho \"$@\"\nexit 3\n");
    assert_int_equal(chmod(real, 0755), 0);
    setenv("WINNOW_EXE", real, 1);
    winnow_run(place, args, &outcome);
    assert_string_equal(outcome.out, "best last\n");
    assert_int_equal(outcome.status, 3);
    setenv("WINNOW_EXE", place->winnow, 1); /* leads back to the helper itself */
    winnow_run(place, args, &outcome);
    assert_int_equal(outcome.status, 2);
}

static void help_is_given(void **state)
{
    static const char *const rows[][3] = {
        { "log", "--help" },
        { "should-stop", "--help" },
        { "--help" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome outcome;
        winnow_run(*state, rows[i], &outcome);
        assert_int_equal(strncmp(outcome.out, "usage: winnow ", 14), 0);
        assert_int_equal(outcome.status, 0);
    }
}

static void called_by_hand_it_says_what_it_is(void **state)
{
    (void)state;
    static const char *const rows[][3] = { { NULL }, { "--serve" }, { "log", "x" } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = 0;
        int ends[2];
        char text[64] = { 0 };
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            dup2(ends[1], STDERR_FILENO);
            execl(HELPER_PROGRAM, "winnow-trial", rows[i][0], rows[i][1], (char *)NULL);
            _exit(99);
        }
        close(ends[1]);
        assert_true(read(ends[0], text, sizeof text - 1) > 0);
        close(ends[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 2);
        assert_int_equal(strncmp(text, "winnow-trial starts trials", 26), 0);
    }
}

#define IN_PLACE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(log_sends_all_fields),
        IN_PLACE(refusals_are_shown),
        IN_PLACE(should_stop_answers_by_exit_status),
        IN_PLACE(bad_usage_gives_one_error),
        IN_PLACE(outside_a_trial_is_an_error),
        IN_PLACE(silence_ends_at_a_deadline),
        IN_PLACE(a_long_socket_path_works),
        IN_PLACE(other_verbs_become_the_real_program),
        IN_PLACE(help_is_given),
        IN_PLACE(called_by_hand_it_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
