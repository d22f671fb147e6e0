/* SPDX-License-Identifier: Apache-2.0 */
/* engine_rig.c – the engine on a bench; see engine_rig.h.
 * Owns virtual time and the kept records. Does not know store, wire or processes.
 */
#include "tests/lib/engine_rig.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "tests/lib/test.h"

static enum err_code counting_suggest(const struct suggest_request *request,
                                      double *x_out,
                                      uint64_t *cursor_out,
                                      struct err *err)
{
    UNUSED(err);
    for (size_t i = 0; i < request->space->len; i++) {
        x_out[i] = space_snap(request->space, i, (double)request->trial);
    }
    *cursor_out = request->cursor + 1;
    return ERR_OK;
}

static const struct sampler_ops counting = {
    .name = "random",
    .summary = "counts",
    .immediate = true,
    .suggest = counting_suggest,
};

/* What it knew is its answer: 1000 * rows of the history + 10 * open trials + offset,
 * less what stands in the way of finding a point twice. */
static enum err_code learning_suggest(const struct suggest_request *request,
                                      double *x_out,
                                      uint64_t *cursor_out,
                                      struct err *err)
{
    double known = 1000 * (double)request->history_len + 10 * (double)request->open_len;
    UNUSED(err);
    for (size_t i = 0; i < request->space->len; i++) {
        x_out[i] = space_snap(request->space, i, known + request->options[0]);
    }
    *cursor_out = request->cursor;
    const struct param *first = &request->space->params[0];
    double left = first->high - first->low;
    while (suggest_is_tried(request, x_out)) {
        if (left-- == 0) {
            return ERR_NOTFOUND;
        }
        x_out[0] = x_out[0] == first->high ? first->low : x_out[0] + 1;
    }
    return ERR_OK;
}

static const char *const moods[] = { "calm", "wild" };
static const struct option_def learning_options[] = {
    { .name = "offset", .kind = OPTION_INT, .low = 0, .high = 9 },
    { .name = "share", .kind = OPTION_FLOAT, .preset = 0.25, .low = 0, .high = 1 },
    { .name = "eager", .kind = OPTION_BOOL, .preset = 1 },
    { .name = "mood", .kind = OPTION_WORD, .words = moods, .words_len = 2 },
};

static const struct sampler_ops learning = {
    .name = "learning",
    .summary = "says what it knows",
    .learns = true,
    .options = learning_options,
    .options_len = ARRAY_LEN(learning_options),
    .suggest = learning_suggest,
};

static const struct sampler_ops *const rig_list[] = { &counting, &learning };
const struct sampler_registry rig_samplers = { rig_list, ARRAY_LEN(rig_list) };

static struct engine *make_engine(const struct rig *rig)
{
    struct engine_config config = { .lease_ms = RIG_LEASE_MS,
                                    .samplers = &rig_samplers,
                                    .pruners = rig->pruners,
                                    .home_id = "00000000000000000000000000000001",
                                    .next_run_key = 1 };
    return engine_create(&config);
}

void rig_init(struct rig *rig)
{
    rig_init_with(rig, NULL);
}

void rig_init_with(struct rig *rig, const struct pruner_registry *pruners)
{
    *rig = (struct rig){ .now_ms = 1000000, .auto_suggest = true, .pruners = pruners };
    rig->engine = make_engine(rig);
    rig_step(rig, (struct event){ .kind = EV_START });
}

static void forget_suggests(struct rig *rig)
{
    for (size_t i = 0; i < rig->suggests.len; i++) {
        mem_free(rig->suggests.ptr[i].open);
    }
    vec_reset(&rig->suggests);
}

static void forget_sent(struct rig *rig)
{
    for (size_t i = 0; i < rig->sent.len; i++) {
        struct message *message = &rig->sent.ptr[i].message;
        if (message->kind == TO_AGENT_LIMITS) {
            mem_free(mem_take(&message->as.limits.items));
        }
    }
    vec_reset(&rig->sent);
}

void rig_clear(struct rig *rig)
{
    forget_sent(rig);
    vec_reset(&rig->ended);
    forget_suggests(rig);
    rig->reply_code = ERR_OK;
    rig->reply[0] = '\0';
}

void rig_fini(struct rig *rig)
{
    engine_destroy(rig->engine);
    for (size_t i = 0; i < rig->records.len; i++) {
        record_destroy(rig->records.ptr[i]);
    }
    vec_fini(&rig->records);
    forget_sent(rig);
    vec_fini(&rig->sent);
    vec_fini(&rig->ended);
    forget_suggests(rig);
    vec_fini(&rig->suggests);
}

static void answer_learning(struct rig *rig, const struct fx_suggest *ask)
{
    struct suggest_known known = engine_known(rig->engine, ask->sweep, ask->revision);
    struct suggest_answer answer;
    suggest_find(&known, ask, &answer);
    rig_step(rig, (struct event){ .kind = EV_SUGGESTED,
                                  .as.suggested = suggest_answer_event(ask, &answer) });
    suggest_answer_fini(&answer);
}

static void answer(struct rig *rig, struct fx_suggest ask)
{
    if (engine_spec(rig->engine, ask.sweep)->sampler == &learning) {
        answer_learning(rig, &ask);
        return;
    }
    const struct sweep_spec *spec = engine_spec(rig->engine, ask.sweep);
    size_t stride = spec->space->len;
    double *x = mem_alloc_array(ask.count * stride, sizeof *x);
    uint64_t *cursor = mem_alloc_array(ask.count, sizeof *cursor);
    uint64_t at = ask.cursor;
    size_t len = 0;
    for (; len < ask.count && (rig->points == 0 || at < rig->points); len++) {
        struct suggest_request request = { .space = spec->space,
                                           .trial = ask.first + (uint32_t)len,
                                           .cursor = at };
        assert_int_equal(
            counting_suggest(&request, x + len * stride, &cursor[len], NULL), ERR_OK);
        at = cursor[len];
    }
    rig_step(rig, (struct event){ .kind = EV_SUGGESTED,
                                  .as.suggested = { .sweep = ask.sweep,
                                                    .first = ask.first,
                                                    .history = ask.history_len,
                                                    .len = len,
                                                    .x = x,
                                                    .cursor = cursor,
                                                    .exhausted = len < ask.count } });
    mem_free(x);
    mem_free(cursor);
}

static void take_effect(struct rig *rig, struct effect *effect)
{
    switch (effect->kind) {
    case FX_PERSIST:
        vec_push(&rig->records, effect->as.record);
        effect->as.record = NULL;
        return;
    case FX_SEND:
        if (effect->as.message.kind == TO_AGENT_WELCOME
            && effect->as.message.as.welcome.verdicts_len > 0) {
            rig->verdict = effect->as.message.as.welcome.verdicts[0];
        }
        vec_push(&rig->sent, ((struct rig_sent){ effect->peer, effect->as.message }));
        if (effect->as.message.kind == TO_AGENT_LIMITS) {
            effect->as.message.as.limits.items = NULL; /* ours now */
        }
        return;
    case FX_SUGGEST:
        vec_push(&rig->suggests, effect->as.suggest);
        effect->as.suggest.open = NULL;
        return;
    case FX_REPLY:
        rig->reply_code = effect->as.reply.code;
        snprintf(rig->reply, sizeof rig->reply, "%s", effect->as.reply.text);
        return;
    case FX_SWEEP_ENDED:
        vec_push(&rig->ended, effect->as.sweep_ended);
        return;
    case FX_DRAINED:
        rig->drained = true;
        return;
    case FX_WARN:
        return;
    case FX_KIND_NR:
        break;
    }
    fail();
}

void rig_step(struct rig *rig, struct event event)
{
    struct effects effects = { 0 };
    size_t asked = rig->suggests.len;
    event.now = mono_from_ms(rig->now_ms);
    event.wall = (struct wall){ rig->now_ms };
    engine_step(rig->engine, &event, &effects);
    engine_check(rig->engine);
    for (size_t i = 0; i < effects.list.len; i++) {
        take_effect(rig, &effects.list.ptr[i]);
    }
    effects_fini(&effects);
    for (; rig->auto_suggest && asked < rig->suggests.len; asked++) {
        answer(rig, rig->suggests.ptr[asked]);
    }
}

void rig_advance(struct rig *rig, int64_t ms)
{
    rig->now_ms += ms;
    rig_step(rig, (struct event){ .kind = EV_TICK });
}

void rig_restart(struct rig *rig)
{
    engine_destroy(rig->engine);
    rig->engine = make_engine(rig);
    for (size_t i = 0; i < rig->records.len; i++) {
        struct err err = { 0 };
        enum err_code code = engine_replay(rig->engine, rig->records.ptr[i], &err);
        if (code != ERR_OK) {
            fail_msg("replay: %s", err.msg);
        }
    }
    rig_clear(rig);
    rig->drained = false;
    rig_step(rig, (struct event){ .kind = EV_START });
}

void rig_submit(struct rig *rig, const char *text)
{
    static unsigned char serial; /* only to make run ids differ */
    uint8_t bytes[16] = { ++serial, 7 };
    rig_step(rig, (struct event){ .kind = EV_SUBMIT,
                                  .token = 1,
                                  .as.submit = { .run_id = run_id_from_bytes(bytes),
                                                 .text = text,
                                                 .text_len = strlen(text),
                                                 .source = "sweep.yaml",
                                                 .directory = "/" } });
}

void rig_steer(struct rig *rig, enum steer_verb verb, const char *sweep)
{
    rig_step(rig,
             (struct event){
                 .kind = EV_STEER,
                 .token = 1,
                 .as.steer = { .verb = verb, .sweep = sweep, .cause = "by user" } });
}

void rig_hello_held(struct rig *rig,
                    uint64_t peer,
                    const char *id,
                    uint64_t boot,
                    uint32_t slots,
                    const struct held_attempt *held,
                    size_t held_len)
{
    rig_step(rig, (struct event){ .kind = EV_HELLO,
                                  .peer = peer,
                                  .as.hello = { .agent_id = id,
                                                .host = "node",
                                                .boot = boot,
                                                .slots = slots,
                                                .cpus = slots,
                                                .memory_bytes = (uint64_t)1 << 34,
                                                .gpu_mask = 3,
                                                .held = held,
                                                .held_len = held_len } });
}

void rig_hello(
    struct rig *rig, uint64_t peer, const char *id, uint64_t boot, uint32_t slots)
{
    rig_hello_held(rig, peer, id, boot, slots, NULL, 0);
}

static void report(struct rig *rig, uint64_t peer, struct ev_report report)
{
    rig_step(rig,
             (struct event){ .kind = EV_REPORT, .peer = peer, .as.report = report });
}

void rig_started(struct rig *rig, uint64_t peer, struct attempt_key key, uint64_t seq)
{
    report(rig, peer,
           (struct ev_report){ .key = key,
                               .first_seq = seq,
                               .has_started = true,
                               .started = { .time_ms = rig->now_ms, .pid = 42 } });
}

/* Columns of one point at step `step`. */
struct one_point {
    const char *names[1];
    uint32_t name[1];
    int64_t step[1];
    int64_t time_ms[1];
    double value[1];
};

static struct rec_points
one_point(struct one_point *columns, const char *name, int64_t step, double value)
{
    *columns =
        (struct one_point){ .names = { name }, .step = { step }, .value = { value } };
    return (struct rec_points){ .len = 1,
                                .names = columns->names,
                                .names_len = 1,
                                .name = columns->name,
                                .step = columns->step,
                                .time_ms = columns->time_ms,
                                .value = columns->value };
}

void rig_point(struct rig *rig,
               uint64_t peer,
               struct attempt_key key,
               uint64_t seq,
               const char *name,
               double value)
{
    struct one_point columns;
    report(
        rig, peer,
        (struct ev_report){ .key = key,
                            .first_seq = seq,
                            .points = one_point(&columns, name, (int64_t)seq, value) });
}

void rig_ended(struct rig *rig,
               uint64_t peer,
               struct attempt_key key,
               uint64_t seq,
               enum attempt_end end)
{
    report(rig, peer,
           (struct ev_report){ .key = key,
                               .first_seq = seq,
                               .has_ended = true,
                               .ended = { .end = end, .end_ms = rig->now_ms } });
}

void rig_whole(struct rig *rig,
               uint64_t peer,
               struct attempt_key key,
               const char *metric,
               double value)
{
    struct one_point columns;
    report(rig, peer,
           (struct ev_report){ .key = key,
                               .first_seq = 1,
                               .has_started = true,
                               .started = { .time_ms = rig->now_ms, .pid = 42 },
                               .points = one_point(&columns, metric, 0, value),
                               .has_ended = true,
                               .ended = { .end = END_EXITED, .end_ms = rig->now_ms } });
}

const struct message *
rig_message(const struct rig *rig, enum message_kind kind, size_t n)
{
    for (size_t i = 0; i < rig->sent.len; i++) {
        if (rig->sent.ptr[i].message.kind == kind && n-- == 0) {
            return &rig->sent.ptr[i].message;
        }
    }
    return NULL;
}

size_t rig_count(const struct rig *rig, enum message_kind kind)
{
    size_t n = 0;
    while (rig_message(rig, kind, n) != NULL) {
        n++;
    }
    return n;
}

size_t rig_records(const struct rig *rig, enum record_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->records.len; i++) {
        n += rig->records.ptr[i]->kind == kind ? 1u : 0u;
    }
    return n;
}

struct sweep_summary rig_summary(const struct rig *rig, const char *ref)
{
    uint32_t key = 0;
    struct err err = { 0 };
    assert_int_equal(engine_find_sweep(rig->engine, ref, &key, &err), ERR_OK);
    struct sweep_summary summary;
    engine_summary(rig->engine, key, &summary);
    return summary;
}
