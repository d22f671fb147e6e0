/* SPDX-License-Identifier: Apache-2.0 */
/* test_model.c – random lives of trials, in batches of random size with resends and
 * restarts, against a model in memory: replay, states, points and latest agree. */
#include "tests/unit/store/records.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_internal.h"

#define TRIALS       40
#define STEPS        600
#define SEEDS        12
#define POINTS_MAX   4
#define ATTEMPTS_CAP 8

struct model_trial {
    enum trial_state state;
    uint32_t attempt; /* newest */
    bool live;
    bool suspect;
    uint64_t seq; /* of the newest attempt */
    double last, min, max;
    uint64_t points; /* of the newest attempt */
    uint64_t all_points;
};

struct model {
    uint64_t rng;
    uint32_t created;
    struct model_trial trials[TRIALS];
    struct records records;
    size_t applied; /* records before this one are in the store */
};

static uint32_t draw(struct model *model, uint32_t below)
{
    model->rng ^= model->rng << 13;
    model->rng ^= model->rng >> 7;
    model->rng ^= model->rng << 17;
    return (uint32_t)(model->rng >> 33) % below;
}

static struct attempt_key key_of(const struct model *model, uint32_t number)
{
    return (struct attempt_key){ 1, number, model->trials[number].attempt };
}

static void do_points(struct model *model, uint32_t number)
{
    struct model_trial *trial = &model->trials[number];
    double values[POINTS_MAX];
    size_t len = 1 + draw(model, POINTS_MAX);
    for (size_t i = 0; i < len; i++) {
        values[i] = (double)draw(model, 1000) / 8 - 60;
    }
    struct record *record = add_points(&model->records, key_of(model, number),
                                       2 + number, "loss", trial->seq + 1, values, len);
    for (size_t i = 0; i < len; i++) {
        bool first = trial->points == 0;
        trial->min = first || values[i] < trial->min ? values[i] : trial->min;
        trial->max = first || values[i] > trial->max ? values[i] : trial->max;
        trial->last = values[i];
        trial->points++;
        trial->all_points++;
    }
    trial->seq += len;
    if (draw(model, 3) == 0) { /* the answer was lost; sent again */
        model->records.items[model->records.len++] = record_clone(record);
    }
}

static void do_end(struct model *model, uint32_t number)
{
    struct model_trial *trial = &model->trials[number];
    enum trial_state to = draw(model, 3) == 0 && trial->attempt < ATTEMPTS_CAP
                              ? TRIAL_QUEUED
                          : draw(model, 2) == 0 ? TRIAL_FINISHED
                                                : TRIAL_FAILED;
    double value = to == TRIAL_FINISHED ? (double)number : (double)NAN;
    struct record *record =
        add_ended(&model->records, key_of(model, number), 2 + number, to, value);
    record->seq = trial->seq;
    trial->state = to;
    trial->live = false;
    trial->suspect = false;
}

static void do_assign(struct model *model, uint32_t number)
{
    struct model_trial *trial = &model->trials[number];
    if (trial->live) { /* the suspect attempt is given up */
        add_ended(&model->records, key_of(model, number), 2 + number, TRIAL_QUEUED,
                  (double)NAN)
            ->as.ended.end = END_LOST;
        model->records.items[model->records.len - 1]->seq = trial->seq;
    }
    trial->attempt++;
    trial->state = TRIAL_RUNNING;
    trial->live = true;
    trial->suspect = false;
    trial->seq = 0;
    trial->points = 0;
    add_assigned(&model->records, key_of(model, number), 2 + number, 1);
    if (draw(model, 2) == 0) {
        add_started(&model->records, key_of(model, number), 2 + number);
    }
}

static void do_lease(struct model *model, uint32_t number)
{
    struct model_trial *trial = &model->trials[number];
    trial->suspect = !trial->suspect;
    trial->state = trial->suspect ? TRIAL_QUEUED : TRIAL_RUNNING;
    add_plain(&model->records, trial->suspect ? REC_REQUEUED : REC_ADOPTED,
              key_of(model, number), 2 + number);
}

static void do_step(struct model *model)
{
    if (model->created < TRIALS && draw(model, 4) == 0) {
        uint32_t number = model->created++;
        add_trial(&model->records, (struct attempt_key){ 1, number, 0 }, 2 + number,
                  number);
        return;
    }
    if (model->created == 0) {
        return;
    }
    uint32_t number = draw(model, model->created);
    struct model_trial *trial = &model->trials[number];
    uint32_t what = draw(model, 10);
    if (trial->state == TRIAL_QUEUED && trial->attempt < ATTEMPTS_CAP && what < 3) {
        do_assign(model, number);
    } else if (trial->state == TRIAL_QUEUED && !trial->live && what == 9) {
        trial->state = TRIAL_CANCELLED;
        add_plain(&model->records, REC_TRIAL_STATE,
                  (struct attempt_key){ 1, number, 0 }, 2 + number)
            ->as.trial_state.state = TRIAL_CANCELLED;
    } else if (trial->live && what < 7 && !trial->suspect) {
        do_points(model, number);
    } else if (trial->live && what == 7) {
        do_lease(model, number);
    } else if (trial->live && what == 8 && !trial->suspect) {
        do_end(model, number);
    }
}

/* ---- checks ---- */

struct check {
    const struct model *model;
    size_t at; /* next record of the model to meet */
    uint64_t points[TRIALS];
    bool marked[TRIALS];
};

static bool is_kept(enum record_kind kind)
{
    return kind != REC_POINTS && kind != REC_NOTES && kind != REC_LOG;
}

static enum err_code meet(void *ctx, const struct record *record, struct err *err)
{
    UNUSED(err);
    struct check *check = ctx;
    const struct records *records = &check->model->records;
    uint32_t number = record->key.trial;
    if (record->kind == REC_POINTS) {
        assert_int_equal(record->key.attempt, check->model->trials[number].attempt);
        assert_int_equal(record->as.points.first_seq, check->points[number] + 1);
        check->points[number] += record->as.points.len;
        return ERR_OK;
    }
    if (record->kind == REC_MARK) {
        const struct model_trial *trial = &check->model->trials[number];
        assert_true(trial->live);
        assert_int_equal(record->key.attempt, trial->attempt);
        assert_int_equal(record->seq, trial->seq);
        assert_int_equal(check->points[number], trial->points);
        check->marked[number] = true;
        return ERR_OK;
    }
    while (check->at < records->len && !is_kept(records->items[check->at]->kind)) {
        check->at++;
    }
    assert_true(check->at < records->len);
    assert_record_eq(record, records->items[check->at++]);
    return ERR_OK;
}

static void check_replay(struct store *store, const struct model *model)
{
    struct err err = { 0 };
    struct check check = { .model = model };
    assert_ok(store_replay(store, meet, &check, &err), &err);
    while (check.at < model->records.len
           && !is_kept(model->records.items[check.at]->kind)) {
        check.at++;
    }
    assert_int_equal(check.at, model->records.len);
    for (uint32_t i = 0; i < model->created; i++) {
        assert_int_equal(check.marked[i], model->trials[i].live);
    }
}

static void check_trial(struct store_reader *reader,
                        const struct model_trial *want,
                        const json_t *trial,
                        uint32_t number)
{
    struct err err = { 0 };
    assert_int_equal(json_integer_value(json_object_get(trial, "number")), number);
    assert_string_equal(json_string_value(json_object_get(trial, "state")),
                        trial_state_name(want->state));
    assert_int_equal(json_integer_value(json_object_get(trial, "attempts")),
                     want->attempt);
    assert_int_equal(json_object_get(trial, "value") != NULL,
                     want->state == TRIAL_FINISHED);
    AUTO_FREE char *ref = mem_printf("last/%u", (unsigned)number);
    AUTO_JSON json_t *args = json_pack("{s:s}", "run", ref);
    AUTO_JSON json_t *metrics = NULL;
    assert_ok(store_query(reader, "metrics", args, &metrics, &err), &err);
    const json_t *loss = json_array_get(metrics, 0);
    assert_int_equal(json_array_size(metrics), want->points == 0 ? 0 : 1);
    if (loss != NULL) {
        assert_int_equal(json_integer_value(json_object_get(loss, "count")),
                         want->points);
        assert_true(json_number_value(json_object_get(loss, "value")) == want->last);
        assert_true(json_number_value(json_object_get(loss, "min")) == want->min);
        assert_true(json_number_value(json_object_get(loss, "max")) == want->max);
    }
    json_object_set_new(args, "key", json_string("loss"));
    json_object_set_new(args, "attempt", json_string("all"));
    AUTO_JSON json_t *points = NULL;
    enum err_code code = store_query(reader, "metrics", args, &points, &err);
    assert_int_equal(code, want->all_points == 0 ? ERR_NOTFOUND : ERR_OK);
    assert_int_equal(json_array_size(points), want->all_points);
}

static void check_queries(const char *home, const struct model *model)
{
    struct err err = { 0 };
    struct store_reader *reader = NULL;
    assert_ok(store_reader_open(home, &reader, &err), &err);
    AUTO_JSON json_t *args = json_pack("{s:s}", "sweep", "last");
    AUTO_JSON json_t *trials = NULL;
    assert_ok(store_query(reader, "trials", args, &trials, &err), &err);
    assert_int_equal(json_array_size(trials), model->created);
    for (uint32_t i = 0; i < model->created; i++) {
        check_trial(reader, &model->trials[i], json_array_get(trials, i), i);
    }
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(10000);
    assert_ok(store_audit(reader, &findings, &err), &err);
    assert_string_equal(strbuf_cstr(&findings), "");
    store_reader_close(reader);
}

static void run_seed(uint64_t seed)
{
    AUTO_TMPDIR struct tmpdir dir;
    tmpdir_init(&dir);
    struct err err = { 0 };
    struct store *store = NULL;
    AUTO_FREE char *home = mem_strdup(tmpdir_path(&dir, "home"));
    struct model *model = mem_alloc(sizeof *model);
    model->rng = seed * 0x9e3779b97f4a7c15u + 1;
    records_init(&model->records);
    add_session(&model->records);
    add_agent(&model->records, 1, "a");
    add_sweep(&model->records, 1, 1, "digits");
    assert_ok(store_open(home, &store, &err), &err);
    for (int step = 0; step < STEPS; step++) {
        do_step(model);
        bool last = step == STEPS - 1;
        if (last || draw(model, 12) == 0) {
            apply_from(store, &model->records, model->applied);
            model->applied = model->records.len;
        }
        if (last || draw(model, 150) == 0) {
            apply_from(store, &model->records, model->applied);
            model->applied = model->records.len;
            store_close(store);
            assert_ok(store_open(home, &store, &err), &err);
            check_replay(store, model);
        }
    }
    check_queries(home, model);
    store_close(store);
    records_fini(&model->records);
    mem_free(model);
}

static void test_store_agrees_with_the_model(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %d\n", (int)seed);
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_store_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
