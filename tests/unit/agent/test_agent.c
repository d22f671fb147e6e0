/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent.c – the whole agent with real processes: what a trial finds, what it says,
 * how it ends, and what outlives a restart. */
#define _DEFAULT_SOURCE /* usleep */
#include "tests/unit/agent/cluster.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys/fsx.h"
#include "core/states.h"

static void test_trivial_trial(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "exit 0", "");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->end.end, END_EXITED);
    assert_true(told->started);
    assert_int_equal(told->log.len, 0);
    assert_int_equal(told->seq, 2);
    /* Nothing of it is left. */
    cluster_agent_close(cluster);
    assert_int_equal(rmdir(tmpdir_path(&cluster->dir, "work/attempts")), 0);
    assert_int_equal(rmdir(tmpdir_path(&cluster->dir, "work/logs")), 0);
}

static void test_scratch_folder_is_never_handed_on_used(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster,
                  "ls -A $WINNOW_TMP; cat $WINNOW_PARAMS; cd $WINNOW_TMP; "
                  "case $WINNOW_TRIAL in 0) touch left;; 1) echo x >> params.json;; "
                  "2) rm params.json;; 3) ln params.json other;; esac",
                  "");
    for (uint32_t i = 0; i < 6; i++) {
        const struct told *told = cluster_run(cluster, i);
        assert_int_equal(told->log.len, cluster->told[0].log.len);
        assert_memory_equal(told->log.ptr, cluster->told[0].log.ptr, told->log.len);
        assert_memory_equal(told->log.ptr, "params.json\n{", 13);
    }
}

static void test_environment_and_folders(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(
        cluster,
        "cat $WINNOW_PARAMS; echo $WINNOW_PARAM_X $WINNOW_TRIAL "
        "$WINNOW_ATTEMPT $WINNOW_RUN_ID $WINNOW_SWEEP arg=$0 $PYTHONUNBUFFERED;"
        " pwd; cd $WINNOW_TMP && touch scratch; command -v winnow",
        "");
    const struct told *told = cluster_run(cluster, 3);
    char want[1024];
    snprintf(want, sizeof want,
             "{\"x\":0.25}\n"
             "0.25 3 1 00000000000000000000000000000003 "
             "00000000000000000000000000000001 arg=0.25 1\n"
             "%s\n"
             "%s/work/bin/winnow\n",
             cluster->dir.path, cluster->dir.path);
    char *log = mem_strndup(told->log.ptr, told->log.len);
    /* Blanks in the JSON are not ours to fix. */
    char *colon = strstr(log, ": ");
    if (colon != NULL) {
        memmove(colon + 1, colon + 2, strlen(colon + 2) + 1);
    }
    assert_string_equal(log, want);
    mem_free(log);
}

static void test_metrics_from_both_streams(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster,
                  "echo loss=0.5; echo 'epoch: 7 acc: 0.75' >&2; printf last=1", "");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->points_len, 3);
    double sum = 0;
    for (size_t i = 0; i < 3; i++) {
        sum += told->points[i].value;
        if (strcmp(told->points[i].name, "acc") == 0) {
            assert_int_equal(told->points[i].step, 7);
        }
    }
    assert_near(sum, 2.25, 1e-12);
    assert_int_equal(told->log.len, strlen("loss=0.5\nepoch: 7 acc: 0.75\nlast=1"));
}

static void test_long_line_and_garbage(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster,
                  "head -c 1048576 /dev/zero | tr '\\0' a; echo; echo x=1; "
                  "head -c 300000 /dev/urandom; echo; echo y=2",
                  "");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->end.end, END_EXITED);
    assert_int_equal(told->log.len, 1048576 + 1 + 4 + 300000 + 1 + 4);
    assert_int_equal(memcmp(told->log.ptr + 1048576, "\nx=1\n", 5), 0);
    bool x = false;
    bool y = false;
    for (size_t i = 0; i < told->points_len; i++) {
        x = x || strcmp(told->points[i].name, "x") == 0;
        y = y || strcmp(told->points[i].name, "y") == 0;
    }
    assert_true(x && y);
}

static void test_much_output_is_kept_whole(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "seq 1 200000", "");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->log.len, 1288895);
    assert_int_equal(memcmp(told->log.ptr + told->log.len - 7, "200000\n", 7), 0);
}

static void test_closed_stdout(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "exec >&-; sleep 0.05; echo late=1 >&2; exit 4", "");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->end.end, END_FAILED);
    assert_string_equal(told->cause, "exit status 4");
    assert_int_equal(told->end.exit_status, 4);
    assert_int_equal(told->points_len, 1);
}

static void test_logging_verbs_inside_a_trial(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster,
                  "winnow log metric loss 0.5 && winnow log metric loss 0.25 && "
                  "winnow log metric loss 1 --step 10 && winnow log tag note 'a b' && "
                  "winnow should-stop; test $? = 1 || exit 9; "
                  "winnow log metric loss abc && exit 8; exit 0",
                  "");
    const struct told *told = cluster_run(cluster, 0);
    assert_string_equal(told->cause, "");
    assert_int_equal(told->end.end, END_EXITED);
    assert_int_equal(told->points_len, 3);
    assert_int_equal(told->points[1].step, 1);
    assert_int_equal(told->points[2].step, 10);
    assert_string_equal(told->note, "2 note=a b");
}

static void test_command_that_is_not_there(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep_text(cluster, "sweep: 1\nname: t\ncommand: no-such-program {x}\n"
                                "objective: {metric: loss, goal: min}\n"
                                "space: {x: {float: [0, 1]}}\n"
                                "budget: {trials: 10}\n");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->end.end, END_FAILED);
    assert_false(told->started);
    assert_string_equal(told->cause,
                        "cannot execute 'no-such-program': No such file or directory");
}

static void test_folder_that_is_not_there(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "exit 0", "project: {path: nowhere}\n");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->end.end, END_FAILED);
    assert_non_null(strstr(told->cause, "/nowhere' is not there on this agent's"));
}

static void test_stop_ends_the_tree(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "trap 'echo bye; exit 0' TERM; sleep 100 & wait", "");
    cluster_assign(cluster, 0);
    cluster_until(cluster, cluster_started, 0);
    cluster_stop(cluster, 0, STOP_PRUNED);
    cluster_until(cluster, cluster_idle, 0);
    assert_int_equal(cluster->told[0].end.end, END_PRUNED);
}

static void test_stubborn_program_is_killed_after_the_grace(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "trap '' TERM; echo x=1; sleep 100",
                  "run: {grace: 100ms}\n");
    cluster_assign(cluster, 0);
    cluster_until(cluster, cluster_started, 0);
    cluster_stop(cluster, 0, STOP_CANCELLED);
    cluster_until(cluster, cluster_idle, 0);
    assert_int_equal(cluster->told[0].end.end, END_CANCELLED);
}

static void test_time_limit(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "sleep 100", "run: {time_limit: 50ms}\n");
    const struct told *told = cluster_run(cluster, 0);
    assert_int_equal(told->end.end, END_TIMEOUT);
    assert_string_equal(told->cause, "time limit of 50ms exceeded");
}

static void test_project_copy(void **state)
{
    struct cluster *cluster = *state;
    tmpdir_write(&cluster->dir, "data.txt", "original\n");
    cluster_sweep(cluster, "cat data.txt; echo changed > data.txt; ls -d work",
                  "project: {path: ., copy: true}\n");
    /* The work-dir lies in the project here; that is nobody's layout, but must end. */
    const struct told *told = cluster_run(cluster, 0);
    assert_int_not_equal(told->end.end, END_NONE);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(100);
    assert_code(fsx_read_file(tmpdir_path(&cluster->dir, "data.txt"), &text, NULL),
                ERR_OK);
    assert_string_equal(strbuf_cstr(&text), "original\n");
}

static void test_many_at_once(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "echo loss=$WINNOW_TRIAL", "");
    for (uint32_t i = 0; i < CLUSTER_TRIALS; i++) {
        cluster_assign(cluster, i);
    }
    for (uint32_t i = 0; i < CLUSTER_TRIALS; i++) {
        cluster_until(cluster, cluster_ended, i);
        assert_int_equal(cluster->told[i].points_len, 1);
        assert_near(cluster->told[i].points[0].value, i, 0);
    }
    cluster_until(cluster, cluster_idle, 0);
}

static bool exited(struct cluster *cluster, uint32_t trial)
{
    UNUSED(trial);
    return cluster->exited;
}

static void test_orderly_shutdown(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "echo x=1; sleep 100", "");
    cluster_assign(cluster, 0);
    cluster_until(cluster, cluster_started, 0);
    agent_shutdown(cluster->agent, AGENT_SHUTDOWN_NOW);
    cluster_until(cluster, exited, 0);
    assert_int_equal(cluster->told[0].end.end, END_PREEMPTED);
    uv_run(&cluster->loop, UV_RUN_NOWAIT);
    uv_run(&cluster->loop, UV_RUN_NOWAIT);
    assert_true(cluster->bye);
}

static bool spooled(struct cluster *cluster, uint32_t trial)
{
    UNUSED(trial);
    struct agent_status status;
    agent_status(cluster->agent, &status);
    return status.running == 0 && status.held > 0;
}

static void test_restart_delivers_what_was_not_acknowledged(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "echo loss=0.5; echo text", "");
    cluster->acking = false;
    cluster_assign(cluster, 0);
    uv_run(&cluster->loop, UV_RUN_ONCE);
    uint64_t boot = cluster->boot;
    cluster_until(cluster, spooled, 0);
    cluster_agent_close(cluster);
    cluster->acking = true;
    cluster_agent_start(cluster);
    assert_int_equal(cluster->boot, boot + 1);
    assert_int_equal(cluster->held, 1);
    cluster_until(cluster, cluster_idle, 0);
    assert_int_equal(cluster->told[0].end.end, END_EXITED);
    assert_int_equal(cluster->told[0].points_len, 1);
    assert_int_equal(cluster->told[0].log.len, strlen("loss=0.5\ntext\n"));
}

static void test_restart_reports_what_was_cut_short_as_lost(void **state)
{
    struct cluster *cluster = *state;
    cluster_sweep(cluster, "winnow log metric loss 0.5; touch there; sleep 100", "");
    cluster->acking = false;
    cluster_assign(cluster, 0);
    for (int i = 0; i < 20000 && !fsx_exists(tmpdir_path(&cluster->dir, "there"));
         i++) {
        uv_run(&cluster->loop, UV_RUN_NOWAIT);
        usleep(500);
    }
    cluster_agent_close(cluster);
    cluster->acking = true;
    cluster_agent_start(cluster);
    cluster_until(cluster, cluster_idle, 0);
    assert_int_equal(cluster->told[0].end.end, END_LOST);
    assert_int_equal(cluster->told[0].points_len, 1);
}

static void test_second_agent_on_a_work_dir_is_refused(void **state)
{
    struct cluster *cluster = *state;
    struct agent_config config = { .loop = &cluster->loop,
                                   .work_dir = tmpdir_path(&cluster->dir, "work"),
                                   .helper_path = WINNOW_TRIAL_PATH };
    struct agent *second = NULL;
    struct err err = { 0 };
    assert_code(agent_create(&config, &second, &err), ERR_LOCKED);
    char pid[32];
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(err.msg, pid));
    uv_run(&cluster->loop, UV_RUN_NOWAIT);
}

static void test_missing_helper_is_said(void **state)
{
    struct cluster *cluster = *state;
    struct agent_config config = { .loop = &cluster->loop,
                                   .work_dir = tmpdir_path(&cluster->dir, "other"),
                                   .helper_path = "/nonexistent/winnow-trial" };
    struct agent *second = NULL;
    struct err err = { 0 };
    assert_code(agent_create(&config, &second, &err), ERR_NOTFOUND);
    uv_run(&cluster->loop, UV_RUN_NOWAIT);
}

static int setup(void **state)
{
    struct cluster *cluster = mem_alloc(sizeof *cluster);
    cluster_init(cluster, 8);
    *state = cluster;
    return 0;
}

static int teardown(void **state)
{
    cluster_fini(*state);
    mem_free(*state);
    return 0;
}

#define AGENT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_TEST(test_trivial_trial),
        AGENT_TEST(test_scratch_folder_is_never_handed_on_used),
        AGENT_TEST(test_environment_and_folders),
        AGENT_TEST(test_metrics_from_both_streams),
        AGENT_TEST(test_long_line_and_garbage),
        AGENT_TEST(test_much_output_is_kept_whole),
        AGENT_TEST(test_closed_stdout),
        AGENT_TEST(test_logging_verbs_inside_a_trial),
        AGENT_TEST(test_command_that_is_not_there),
        AGENT_TEST(test_folder_that_is_not_there),
        AGENT_TEST(test_stop_ends_the_tree),
        AGENT_TEST(test_stubborn_program_is_killed_after_the_grace),
        AGENT_TEST(test_time_limit),
        AGENT_TEST(test_project_copy),
        AGENT_TEST(test_many_at_once),
        AGENT_TEST(test_orderly_shutdown),
        AGENT_TEST(test_restart_delivers_what_was_not_acknowledged),
        AGENT_TEST(test_restart_reports_what_was_cut_short_as_lost),
        AGENT_TEST(test_second_agent_on_a_work_dir_is_refused),
        AGENT_TEST(test_missing_helper_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
