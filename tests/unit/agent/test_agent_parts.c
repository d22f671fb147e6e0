/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent_parts.c – small parts of the shell: identity, resources, messages. */
#include "agent/identity.h"
#include "agent/resources.h"
#include "agent/wire.h"
#include "tests/lib/test.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static void test_identity_is_kept_and_boots_are_counted(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct identity first;
    struct identity second;
    struct err err = { 0 };
    assert_ok(identity_open(dir.path, NULL, "node.example", &first, &err), &err);
    assert_int_equal(strncmp(first.agent_id, "node-", 5), 0);
    assert_int_equal(first.boot, 1);
    assert_null(first.home_id);
    assert_code(identity_open(dir.path, NULL, "node", &second, &err), ERR_LOCKED);
    assert_ok(identity_set_home(dir.path, "home-9", &err), &err);
    char *id = mem_strdup(first.agent_id);
    identity_fini(&first);
    assert_ok(identity_open(dir.path, NULL, "renamed", &second, &err), &err);
    assert_string_equal(second.agent_id, id);
    assert_int_equal(second.boot, 2);
    assert_string_equal(second.home_id, "home-9");
    identity_fini(&second);
    mem_free(id);
}

static void test_identity_by_option_and_bad_ones(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct identity identity;
    struct err err = { 0 };
    assert_code(identity_open(dir.path, "no spaces", "h", &identity, &err),
                ERR_INVALID);
    assert_ok(identity_open(dir.path, "gpu-7", "h", &identity, &err), &err);
    assert_string_equal(identity.agent_id, "gpu-7");
    identity_fini(&identity);
    tmpdir_write(&dir, "identity", "garbage");
    assert_code(identity_open(dir.path, NULL, "h", &identity, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "identity' is damaged"));
}

static void test_cgroup_and_meminfo_texts(void **state)
{
    UNUSED(state);
    assert_int_equal(resources_cpu_max("max 100000\n"), 0);
    assert_int_equal(resources_cpu_max("200000 100000\n"), 2);
    assert_int_equal(resources_cpu_max("250000 100000"), 3);
    assert_int_equal(resources_cpu_max("5 0"), 0);
    assert_int_equal(resources_cpu_max(""), 0);
    assert_int_equal(resources_memory_max("max\n"), 0);
    assert_int_equal(resources_memory_max("1048576\n"), 1048576);
    assert_int_equal(resources_memory_max("9223372036854771712\n"), 0);
    assert_int_equal(resources_meminfo("MemTotal:       1024 kB\nMemFree: 5 kB\n"),
                     1048576);
    assert_int_equal(resources_meminfo("nothing"), 0);
    struct resources_found found;
    resources_find(&found);
    assert_true(found.cpus >= 1);
    assert_true(found.memory_bytes > 0);
}

/* Packs env and reads it as an agent does. */
static bool read_back(const Winnow__Envelope *env,
                      struct codec_decoder *decoder,
                      struct wire_in *in)
{
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    struct codec_message message;
    assert_ok(codec_pack(env, &data, &len, &err), &err);
    assert_ok(codec_decode(decoder, data, len, &message, &err), &err);
    mem_free(data);
    return wire_read(&message, in);
}

static void test_assignments_that_cannot_be_used(void **state)
{
    UNUSED(state);
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    Winnow__Envelope env;
    Winnow__Assign assign;
    Winnow__AttemptKey key = WINNOW__ATTEMPT_KEY__INIT;
    struct wire_in in;
    key.has_sweep = key.has_trial = key.has_attempt = 1;
    key.attempt = 1;
    codec_init_assign(&env, &assign);
    char good[] = "0123456789abcdef0123456789abcdef";
    char path[] = "../../../../etc/passwd0123456789";
    assign.run_id = good;
    assert_false(read_back(&env, decoder, &in)); /* no key */
    assign.key = &key;
    assert_true(read_back(&env, decoder, &in));
    assert_int_equal(in.event.kind, AGENT_EV_ASSIGN);
    assign.run_id = path; /* would name a folder elsewhere */
    assert_false(read_back(&env, decoder, &in));
    assign.run_id = good;
    uint32_t gpus[] = { 1, 64 };
    assign.gpus = gpus;
    assign.n_gpus = 1;
    assert_true(read_back(&env, decoder, &in));
    assert_int_equal(in.event.as.assign.gpu_mask, 2);
    assign.n_gpus = 2;
    assert_false(read_back(&env, decoder, &in));
    assign.n_gpus = 0;
    key.attempt = 0;
    assert_false(read_back(&env, decoder, &in));
    codec_decoder_destroy(decoder);
}

static void test_welcome_skips_malformed_verdicts(void **state)
{
    UNUSED(state);
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_COORDINATOR);
    Winnow__Envelope env;
    Winnow__Welcome welcome;
    Winnow__AttemptKey key = WINNOW__ATTEMPT_KEY__INIT;
    Winnow__Verdict verdicts[3];
    Winnow__Verdict *list[3];
    struct wire_in in;
    key.has_attempt = 1;
    key.attempt = 1;
    for (uint32_t i = 0; i < 3; i++) {
        winnow__verdict__init(&verdicts[i]);
        verdicts[i].key = &key;
        verdicts[i].has_verdict = 1;
        verdicts[i].verdict = i * 2; /* 0 and 4 are none */
        list[i] = &verdicts[i];
    }
    codec_init_welcome(&env, &welcome);
    welcome.verdicts = list;
    welcome.n_verdicts = 3;
    assert_false(read_back(&env, decoder, &in)); /* no home */
    wire_in_fini(&in);
    char home[] = "h";
    welcome.home_id = home;
    assert_true(read_back(&env, decoder, &in));
    assert_int_equal(in.event.as.welcome.verdicts_len, 1);
    assert_int_equal(in.verdicts[0].verdict, AGENT_VERDICT_STOP);
    wire_in_fini(&in);
    codec_decoder_destroy(decoder);
}

static void test_report_goes_over_the_wire_whole(void **state)
{
    UNUSED(state);
    char *names[] = { (char[]){ "a" }, (char[]){ "b" } };
    uint32_t name[] = { 1, 0 };
    int64_t step[] = { -3, 7 };
    int64_t time_ms[] = { 1000000, 999998 };
    double value[] = { 0.5, 2 };
    struct agent_report report = { .key = { 1, 2, 3 },
                                   .first_seq = 9,
                                   .has_started = true,
                                   .started = { 55, 66 },
                                   .names = names,
                                   .names_len = 2,
                                   .point_name = name,
                                   .point_step = step,
                                   .point_time_ms = time_ms,
                                   .point_value = value,
                                   .points_len = 2,
                                   .has_ended = true,
                                   .ended = { .end = END_FAILED, .exit_status = -1 } };
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err = { 0 };
    assert_ok(wire_report(&report, &data, &len, &err), &err);
    struct codec_decoder *decoder = codec_decoder_create(MSG_FROM_AGENT);
    struct codec_message message;
    assert_ok(codec_decode(decoder, data, len, &message, &err), &err);
    const Winnow__Report *got = message.env->report;
    assert_int_equal(got->first_seq, 9);
    assert_int_equal(got->started->pid, 66);
    assert_string_equal(got->names[got->point_name[0]], "b");
    assert_int_equal(got->point_step[0], -3);
    assert_int_equal(got->time_base_ms + got->point_time_ms[1], 999998);
    assert_int_equal(got->ended->exit_status, -1);
    assert_null(got->ended->cause);
    codec_decoder_destroy(decoder);
    mem_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_identity_is_kept_and_boots_are_counted),
        TEST(test_identity_by_option_and_bad_ones),
        TEST(test_cgroup_and_meminfo_texts),
        TEST(test_assignments_that_cannot_be_used),
        TEST(test_welcome_skips_malformed_verdicts),
        TEST(test_report_goes_over_the_wire_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
