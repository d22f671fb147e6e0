/* SPDX-License-Identifier: Apache-2.0 */
/* coord.c – the coordinator's shell, simulated.
 * Owns one process's life: engine, outbox, the commit that is under way. Knows how
 * coordinator/ joins the parts. Does not know what the engine decides.
 *
 * Beside the engine runs a shadow: an engine that is given the committed records and
 * nothing else. A restarted engine must equal it, and so must the running one whenever
 * nothing waits to be committed.
 *
 * Death can come at every boundary. It is noted and carried out when the call from the
 * clock is about to return, so that no code runs on freed objects. */
#include "tests/sim/coord.h"

#include <string.h>

#include "base/mem.h"
#include "core/outbox.h"
#include "pruners/registry.h"
#include "samplers/registry.h"
#include "tests/sim/derive.h"
#include "tests/sim/digest.h"
#include "tests/sim/frames.h"
#include "tests/sim/keys.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"
#include "tests/sim/storage.h"
#include "tests/sim/workload.h"

/* Wall clock at virtual time 0, in ms. */
#define EPOCH_MS ((int64_t)1700000000000)
/* Clocks of two processes have nothing to do with each other. */
#define LIFE_OFFSET_NS (INT64_C(977) * 1000 * NS_PER_MS)

/* What a slow disk still holds back when it is well again. */
#define DISK_SLACK_NS (120 * MS_PER_S * NS_PER_MS)
/* From the end of a lease to the record of it on disk. */
#define LEASE_SLACK_MS (20 * MS_PER_S)

struct coord {
    bool up;
    uint64_t life;
    struct engine *engine, *shadow;
    struct outbox *outbox;
    struct storage *storage;
    struct rng rng;
    int64_t wall_skew_ms;
    int64_t tick_ns; /* the timer that counts; 0: none */
    struct record *const *batch;
    size_t batch_len;
    bool full_told;
    int64_t slow_until_ns;
    int64_t well_since_ns; /* up, and the disk neither full nor slow */
    int64_t heard_ns[SIM_AGENTS_MAX];
    VEC(struct fx_suggest) jobs;
    uint32_t dies_in; /* boundaries; 0: not */
    bool dying;
    bool power;  /* the machine dies with it */
    bool failed; /* a commit failed: it ends by itself */
};

static void pump(struct sim *sim);
static void on_disk(struct sim *sim, uint64_t life, uint64_t unused);

static struct engine *make_engine(const struct coord *coord)
{
    struct engine_config config = { .lease_ms = SIM_LEASE_MS,
                                    .samplers = &sampler_registry_all,
                                    .pruners = &pruner_registry_all,
                                    .home_id = SIM_HOME_ID,
                                    .next_run_key =
                                        storage_next_run_key(coord->storage) };
    return engine_create(&config);
}

struct coord *coord_create(struct sim *sim)
{
    struct coord *coord = mem_alloc(sizeof *coord);
    coord->rng = sim_stream(sim, "coord", 0);
    struct err err = { 0 };
    enum err_code code = storage_create(sim->plan.store, sim_stream(sim, "home", 0),
                                        &coord->storage, &err);
    SIM_CHECK(sim, code == ERR_OK, "home: %s", err.msg);
    coord->shadow = make_engine(coord);
    return coord;
}

void coord_destroy(struct coord *coord)
{
    engine_destroy(coord->engine);
    engine_destroy(coord->shadow);
    outbox_destroy(coord->outbox);
    storage_destroy(coord->storage);
    for (size_t i = 0; i < coord->jobs.len; i++) {
        mem_free(coord->jobs.ptr[i].open);
    }
    vec_fini(&coord->jobs);
    mem_free(coord);
}

void coord_abandon(struct coord *coord)
{
    if (coord != NULL) {
        storage_destroy(coord->storage);
    }
}

bool coord_is_up(const struct coord *coord)
{
    return coord->up;
}

const struct engine *coord_engine(const struct coord *coord)
{
    return coord->up ? coord->engine : NULL;
}

bool coord_at_rest(const struct coord *coord)
{
    return coord->up && outbox_open_len(coord->outbox) == 0
           && !outbox_in_flight(coord->outbox);
}

/* ---- death ---- */

static void boundary(struct coord *coord)
{
    if (coord->dies_in > 0 && --coord->dies_in == 0) {
        coord->dying = true;
    }
}

/* They are on disk: everybody who keeps books hears of it. */
static void make_durable(struct sim *sim, struct record *const *records, size_t len)
{
    struct coord *coord = sim->coord;
    sim->totals.commits++;
    for (size_t i = 0; i < len; i++) {
        struct err err = { 0 };
        oracle_committed(sim, records[i]);
        enum err_code code = engine_replay(coord->shadow, records[i], &err);
        SIM_CHECK(sim, code == ERR_OK, "a committed record does not fit: %s", err.msg);
    }
}

static void on_start(struct sim *sim, uint64_t life, uint64_t unused)
{
    UNUSED(unused);
    if (sim->coord->life == life && !sim->coord->up) {
        coord_start(sim);
    }
}

static void start_later(struct sim *sim)
{
    struct coord *coord = sim->coord;
    int64_t away_ms = rng_chance(&coord->rng, 0.2)
                          ? rng_between(&coord->rng, 20000, 90000)
                          : rng_between(&coord->rng, 50, 5000);
    sim_in_ms(sim, away_ms, on_start, coord->life, 0);
}

/* A commit that was under way may have reached the disk. */
static void disk_dies(struct sim *sim)
{
    struct coord *coord = sim->coord;
    struct err err = { 0 };
    struct storage_death death = { .records = coord->batch,
                                   .len = coord->batch_len,
                                   .told = coord->failed,
                                   .power = coord->power,
                                   .chance = coord->batch != NULL
                                             && rng_chance(&coord->rng, 0.5) };
    enum err_code code = storage_die(coord->storage, &death, &err);
    SIM_CHECK(sim, code == ERR_OK, "home: %s", err.msg);
}

static void die(struct sim *sim)
{
    struct coord *coord = sim->coord;
    TRACE(sim, "coordinator dies, %llu records under way, %llu open", coord->batch_len,
          outbox_open_len(coord->outbox));
    disk_dies(sim);
    coord->batch = NULL;
    coord->batch_len = 0;
    engine_destroy(coord->engine);
    coord->engine = NULL;
    outbox_destroy(coord->outbox);
    coord->outbox = NULL;
    coord->up = false;
    coord->dying = false;
    coord->failed = false;
    coord->power = false;
    coord->dies_in = 0;
    coord->tick_ns = 0;
    coord->full_told = false;
    net_coord_died(sim);
    start_later(sim);
}

static void settle(struct sim *sim)
{
    if (sim->coord->up && sim->coord->dying) {
        die(sim);
    }
}

/* ---- steps ---- */

static struct event event_now(const struct sim *sim, enum event_kind kind)
{
    const struct coord *coord = sim->coord;
    int64_t offset_ns = (int64_t)coord->life * LIFE_OFFSET_NS;
    return (
        struct event){ .kind = kind,
                       .now = { sim->now_ns + offset_ns },
                       .wall = { EPOCH_MS + sim_now_ms(sim) + coord->wall_skew_ms } };
}

static void step(struct sim *sim, const struct event *event);

static void on_tick(struct sim *sim, uint64_t life, uint64_t tick_ns)
{
    struct coord *coord = sim->coord;
    if (!coord->up || coord->life != life || coord->tick_ns != (int64_t)tick_ns) {
        return;
    }
    coord->tick_ns = 0;
    struct event event = event_now(sim, EV_TICK);
    step(sim, &event);
    settle(sim);
}

/* Timers of the real loop count whole milliseconds. */
static void arm_tick(struct sim *sim)
{
    struct coord *coord = sim->coord;
    struct mono deadline = { 0 };
    if (!engine_deadline(coord->engine, &deadline)) {
        return;
    }
    struct mono now = event_now(sim, EV_TICK).now;
    int64_t at_ns = sim->now_ns + mono_until_ms(deadline, now) * NS_PER_MS;
    if (coord->tick_ns == 0 || at_ns < coord->tick_ns) {
        coord->tick_ns = at_ns;
        sim_in_ns(sim, at_ns - sim->now_ns, on_tick, coord->life, (uint64_t)at_ns);
    }
}

static void on_suggest(struct sim *sim, uint64_t life, uint64_t job);

static void effect_run(struct sim *sim, struct effect *effect)
{
    struct coord *coord = sim->coord;
    switch (effect->kind) {
    case FX_SEND:
        oracle_sent(sim, &effect->as.message);
        net_to_agent(sim, effect->peer, &effect->as.message);
        return;
    case FX_SUGGEST:
        vec_push(&coord->jobs, effect->as.suggest);
        effect->as.suggest.open = NULL;
        sim_in_ms(sim, rng_between(&coord->rng, 0, 20), on_suggest, coord->life,
                  coord->jobs.len - 1);
        return;
    case FX_REPLY:
        workload_reply(sim, effect->as.reply.token, effect->as.reply.code,
                       effect->as.reply.text);
        return;
    case FX_SWEEP_ENDED:
        TRACE(sim, "sweep %llu rests in state %llu", effect->as.sweep_ended.sweep,
              effect->as.sweep_ended.state);
        oracle_rests(sim, effect->as.sweep_ended.sweep, effect->as.sweep_ended.state);
        return;
    case FX_DRAINED:
        coord->dying = true;
        return;
    case FX_WARN:
        return;
    case FX_PERSIST:
    case FX_KIND_NR:
        break;
    }
    UNREACHABLE();
}

static void run_effects(struct sim *sim)
{
    struct coord *coord = sim->coord;
    struct effect effect;
    while (!coord->dying && outbox_next(coord->outbox, &effect)) {
        effect_run(sim, &effect);
        effect_fini(&effect);
        boundary(coord);
    }
}

static void step(struct sim *sim, const struct event *event)
{
    struct coord *coord = sim->coord;
    if (!coord->up || coord->dying) {
        return;
    }
    struct effects effects = { 0 };
    engine_step(coord->engine, event, &effects);
    engine_check(coord->engine);
    sim->totals.steps++;
    outbox_add(coord->outbox, &effects);
    effects_fini(&effects);
    boundary(coord);
    if (!coord->dying) {
        arm_tick(sim);
        run_effects(sim);
        pump(sim);
    }
}

/* ---- suggestions ---- */

static void on_suggest(struct sim *sim, uint64_t life, uint64_t job)
{
    struct coord *coord = sim->coord;
    if (!coord->up || coord->life != life) {
        return;
    }
    const struct fx_suggest *ask = &coord->jobs.ptr[job];
    struct suggest_known known = engine_known(coord->engine, ask->sweep, ask->revision);
    struct suggest_answer answer;
    suggest_find(&known, ask, &answer);
    struct event event = event_now(sim, EV_SUGGESTED);
    event.as.suggested = suggest_answer_event(ask, &answer);
    step(sim, &event);
    suggest_answer_fini(&answer);
    /* The step may have asked for more, which moves the jobs. */
    mem_free(mem_take(&coord->jobs.ptr[job].open));
    settle(sim);
}

/* ---- commits ---- */

static void compare_shadow(struct sim *sim, const char *when)
{
    struct coord *coord = sim->coord;
    char difference[256];
    bool same =
        digest_equal(coord->engine, coord->shadow, storage_is_real(coord->storage),
                     difference, sizeof difference);
    SIM_CHECK(sim, same, "%s differs from its records: %s", when, difference);
}

/* What the disk says to the batch. */
static enum err_code commit(struct sim *sim)
{
    struct coord *coord = sim->coord;
    struct err err = { 0 };
    enum err_code code = storage_commit(coord->storage, sim->now_ns, coord->batch,
                                        coord->batch_len, &err);
    bool excused = code == ERR_FULL || code == ERR_IO;
    SIM_CHECK(sim, code == ERR_OK || (excused && storage_was_hit(coord->storage)),
              "store: %s", err.msg);
    return code;
}

/* The batch waits for space. */
static void disk_is_full(struct sim *sim)
{
    struct coord *coord = sim->coord;
    if (!coord->full_told) {
        TRACE(sim, "disk full", 0);
        coord->full_told = true;
        struct event event = event_now(sim, EV_DISK);
        event.as.disk_full = true;
        step(sim, &event);
    }
    sim_in_ms(sim, 1000, on_disk, coord->life, 0);
}

static void on_disk(struct sim *sim, uint64_t life, uint64_t unused)
{
    UNUSED(unused);
    struct coord *coord = sim->coord;
    if (!coord->up || coord->life != life) {
        return;
    }
    enum err_code code = commit(sim);
    if (code == ERR_FULL) {
        disk_is_full(sim);
        settle(sim);
        return;
    }
    if (code != ERR_OK) {
        TRACE(sim, "a commit failed", 0);
        coord->failed = true;
        coord->dying = true;
        settle(sim);
        return;
    }
    make_durable(sim, coord->batch, coord->batch_len);
    coord->batch = NULL;
    coord->batch_len = 0;
    if (coord->full_told) {
        struct event event = event_now(sim, EV_DISK);
        coord->full_told = false;
        step(sim, &event);
    }
    boundary(coord);
    if (!coord->dying) {
        outbox_committed(coord->outbox);
        run_effects(sim);
        pump(sim);
    }
    if (!coord->dying && coord_at_rest(coord) && rng_chance(&coord->rng, 0.1)) {
        compare_shadow(sim, "the running engine");
    }
    settle(sim);
}

static void pump(struct sim *sim)
{
    struct coord *coord = sim->coord;
    if (coord->dying
        || !outbox_seal(coord->outbox, sim->plan.batch_max, &coord->batch,
                        &coord->batch_len)) {
        return;
    }
    int64_t most_ms =
        coord->slow_until_ns > sim->now_ns ? 8000 : sim->plan.commit_ms_max;
    sim_in_ns(sim, rng_between(&coord->rng, 100000, most_ms * NS_PER_MS), on_disk,
              coord->life, 0);
    boundary(coord);
}

/* ---- birth ---- */

static enum err_code
replay_record(void *ctx, const struct record *record, struct err *err)
{
    return engine_replay(ctx, record, err);
}

/* Opens the store. False: that failed, and the process has ended. */
static bool open_disk(struct sim *sim)
{
    struct coord *coord = sim->coord;
    struct err err = { 0 };
    struct record *const *last = NULL;
    size_t last_len = 0;
    enum err_code code = storage_open(coord->storage, &err);
    if (code != ERR_OK) {
        SIM_CHECK(sim, storage_was_hit(coord->storage), "open: %s", err.msg);
        TRACE(sim, "its store cannot be opened", 0);
        start_later(sim);
        return false;
    }
    storage_last(coord->storage, &last, &last_len);
    if (last_len > 0) {
        TRACE(sim, "the last batch is on disk", 0);
        make_durable(sim, last, last_len);
    }
    return true;
}

void coord_start(struct sim *sim)
{
    struct coord *coord = sim->coord;
    struct err err = { 0 };
    coord->life++;
    sim->totals.restarts++;
    TRACE(sim, "coordinator starts, life %llu", coord->life);
    if (!open_disk(sim)) {
        return;
    }
    coord->engine = make_engine(coord);
    coord->outbox = outbox_create();
    enum err_code code =
        storage_replay(coord->storage, replay_record, coord->engine, &err);
    SIM_CHECK(sim, code == ERR_OK, "replay: %s", err.msg);
    storage_curves(coord->storage, coord->engine);
    compare_shadow(sim, "the restarted engine");
    coord->up = true;
    coord->well_since_ns = sim->now_ns;
    struct event event = event_now(sim, EV_START);
    step(sim, &event);
    settle(sim);
}

/* ---- messages ---- */

static struct event
event_hello(const struct sim *sim, size_t node, const struct packet *packet)
{
    const struct plan_agent *agent = &sim->plan.agents[node];
    struct event event = event_now(sim, EV_HELLO);
    event.as.hello = (struct ev_hello){ .agent_id = node_name(sim, node),
                                        .host = "node",
                                        .boot = packet->as.hello.boot,
                                        .pid = 1,
                                        .slots = agent->slots,
                                        .cpus = 64,
                                        .memory_bytes = (uint64_t)1 << 36,
                                        .gpu_mask = (UINT64_C(1) << agent->gpus) - 1,
                                        .held = packet->as.hello.held,
                                        .held_len = packet->as.hello.held_len };
    return event;
}

/* As agent/wire.c and coordinator/wire.c translate it. */
static struct ev_report report_of(const struct agent_report *from,
                                  struct rec_note *notes)
{
    for (size_t i = 0; i < from->notes_len; i++) {
        notes[i] = (struct rec_note){ .is_tag = from->notes[i].kind == AGENT_NOTE_TAG,
                                      .name = from->notes[i].name,
                                      .value = from->notes[i].value };
    }
    return (struct ev_report){
        .key = from->key,
        .first_seq = from->first_seq,
        .has_started = from->has_started,
        .started = { .time_ms = from->started.time_ms,
                     .pid = from->started.pid,
                     .resumed = from->started.resumed },
        .points = { .len = from->points_len,
                    .names = (const char *const *)from->names,
                    .names_len = from->names_len,
                    .name = from->point_name,
                    .step = from->point_step,
                    .time_ms = from->point_time_ms,
                    .value = from->point_value },
        .notes = { .notes = notes, .len = from->notes_len },
        .has_ended = from->has_ended,
        .ended = { .end = from->ended.end,
                   .exit_status = from->ended.exit_status,
                   .signal = from->ended.signal,
                   .start_ms = from->has_started ? from->started.time_ms : 0,
                   .end_ms = from->ended.time_ms,
                   .points_thinned = from->ended.points_thinned },
        .cause = from->ended.cause,
        .judged = from->judged,
        .stopped_by = { .rule = from->ended.rule,
                        .rung = (int32_t)from->ended.rung,
                        .step = from->ended.step,
                        .value = from->ended.value,
                        .threshold = from->ended.threshold },
    };
}

/* What comes out at the end of the wire, in place of what went in. */
static void through_frames(struct sim *sim,
                           size_t node,
                           const struct packet *packet,
                           struct event *event)
{
    struct agent_core_config identity = node_identity(sim, node);
    if (packet->kind == PACKET_HELLO) {
        identity.boot = packet->as.hello.boot;
    }
    frames_to_coord(sim, &identity, packet, event);
}

static void
receive_report(struct sim *sim, uint64_t link, size_t node, const struct packet *packet)
{
    const struct agent_report *report = packet->as.report->report;
    AUTO_FREE struct rec_note *notes =
        mem_alloc_array(report->notes_len, sizeof *notes);
    struct event event = event_now(sim, EV_REPORT);
    event.peer = link;
    event.as.report = report_of(report, notes);
    if (sim->frames != NULL) {
        through_frames(sim, node, packet, &event);
    }
    TRACE(sim, "report of %llx from seq %llu: %llu points, ended %llu",
          key_pack(report->key), report->first_seq, report->points_len,
          report->has_ended);
    step(sim, &event);
}

void coord_receive(struct sim *sim,
                   uint64_t link,
                   size_t node,
                   const struct packet *packet)
{
    static const uint8_t bytes[AGENT_LOG_PIECE_MAX];
    struct event event;
    sim->coord->heard_ns[node] = sim->now_ns;
    switch (packet->kind) {
    case PACKET_HELLO:
        TRACE(sim, "hello of agent %llu boot %llu over link %llu, holding %llu", node,
              packet->as.hello.boot, link, packet->as.hello.held_len);
        event = event_hello(sim, node, packet);
        break;
    case PACKET_REPORT:
        receive_report(sim, link, node, packet);
        settle(sim);
        return;
    case PACKET_LOG:
        event = event_now(sim, EV_LOG);
        event.as.log = (struct ev_log){ .key = packet->as.log.key,
                                        .offset = packet->as.log.offset,
                                        .data = bytes,
                                        .len = packet->as.log.len };
        break;
    case PACKET_HEARTBEAT:
        event = event_now(sim, EV_HEARTBEAT);
        event.as.leaving = packet->as.leaving;
        break;
    case PACKET_BYE:
        TRACE(sim, "goodbye of agent %llu", node);
        event = event_now(sim, EV_BYE);
        break;
    case PACKET_TO_AGENT:
        return;
    }
    if (sim->frames != NULL) {
        through_frames(sim, node, packet, &event);
    }
    event.peer = link;
    step(sim, &event);
    settle(sim);
}

void coord_link_down(struct sim *sim, uint64_t link)
{
    struct event event = event_now(sim, EV_PEER_LOST);
    event.peer = link;
    step(sim, &event);
    settle(sim);
}

void coord_audit(struct sim *sim)
{
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(4096);
    uint64_t points = 0;
    struct err err = { 0 };
    enum err_code code = derive_again(sim->coord->storage, &err);
    SIM_CHECK(sim, code == ERR_OK, "replay --check: %s", err.msg);
    if (!storage_is_real(sim->coord->storage)) {
        return;
    }
    code = storage_audit(sim->coord->storage, &findings, &points, &err);
    SIM_CHECK(sim, code == ERR_OK, "audit: %s", err.msg);
    SIM_CHECK(sim, findings.len == 0, "audit: %s", strbuf_cstr(&findings));
    SIM_CHECK(sim, points == sim->totals.points,
              "points: %llu are stored, %llu were committed",
              (unsigned long long)points, (unsigned long long)sim->totals.points);
}

void coord_check_leases(struct sim *sim)
{
    const struct coord *coord = sim->coord;
    int64_t most_ns = (SIM_LEASE_MS + LEASE_SLACK_MS) * NS_PER_MS;
    if (!coord->up || sim->now_ns - coord->well_since_ns < most_ns) {
        return;
    }
    for (size_t node = 0; node < sim->plan.agents_len; node++) {
        int64_t silent_ns = sim->now_ns - coord->heard_ns[node];
        if (silent_ns >= most_ns) {
            oracle_silent(sim, node, silent_ns / NS_PER_MS);
        }
    }
}

/* ---- users ---- */

void coord_submit(struct sim *sim, uint64_t token, const char *text, uint8_t id_byte)
{
    struct event event = event_now(sim, EV_SUBMIT);
    uint8_t bytes[16] = { id_byte, (uint8_t)token, (uint8_t)(token >> 8) };
    event.token = token;
    event.as.submit = (struct ev_submit){ .run_id = run_id_from_bytes(bytes),
                                          .text = text,
                                          .text_len = strlen(text),
                                          .source = "sweep.yaml",
                                          .directory = "/" };
    step(sim, &event);
    settle(sim);
}

void coord_steer(struct sim *sim, enum steer_verb verb, const char *name, bool drain)
{
    struct event event = event_now(sim, EV_STEER);
    event.as.steer = (struct ev_steer){
        .verb = verb, .sweep = name, .drain = drain, .cause = "by user"
    };
    if (verb == STEER_RETRY) {
        event.as.steer.retry.states = 1u << TRIAL_FAILED | 1u << TRIAL_CANCELLED;
        event.as.steer.retry.where = drain ? "number < 9 and end != timeout" : NULL;
    }
    step(sim, &event);
    settle(sim);
}

void coord_edit(struct sim *sim, const char *name, const char *text, bool resume)
{
    struct event event = event_now(sim, EV_STEER);
    event.as.steer = (struct ev_steer){
        .verb = STEER_EDIT,
        .sweep = name,
        .cause = "by user",
        .edit = { .text = text, .source = "sweep.yaml", .resume = resume }
    };
    step(sim, &event);
    settle(sim);
}

/* ---- faults ---- */

void coord_kill(struct sim *sim, uint32_t boundaries)
{
    struct coord *coord = sim->coord;
    if (!coord->up) {
        return;
    }
    if (boundaries == 0) {
        die(sim);
    } else {
        coord->dies_in = boundaries;
    }
}

void coord_power_loss(struct sim *sim, uint32_t boundaries)
{
    sim->coord->power = sim->coord->up;
    coord_kill(sim, boundaries);
}

static void on_stop_limit(struct sim *sim, uint64_t life, uint64_t unused)
{
    UNUSED(unused);
    if (sim->coord->up && sim->coord->life == life) {
        die(sim);
    }
}

void coord_stop(struct sim *sim)
{
    struct coord *coord = sim->coord;
    if (!coord->up) {
        return;
    }
    TRACE(sim, "coordinator is asked to end", 0);
    sim_in_ms(sim, rng_between(&coord->rng, 1000, 40000), on_stop_limit, coord->life,
              0);
    struct event event = event_now(sim, EV_SHUTDOWN);
    step(sim, &event);
    settle(sim);
}

static void on_disk_well(struct sim *sim, uint64_t a, uint64_t b)
{
    UNUSED(a);
    UNUSED(b);
    storage_mend(sim->coord->storage);
}

void coord_disk_full(struct sim *sim, int64_t ms)
{
    int64_t until_ns = sim->now_ns + ms * NS_PER_MS;
    storage_fill(sim->coord->storage, until_ns);
    sim->coord->well_since_ns = until_ns + DISK_SLACK_NS;
    sim_in_ms(sim, ms, on_disk_well, 0, 0);
}

void coord_disk_break(struct sim *sim, int64_t ms)
{
    TRACE(sim, "a call of the disk will fail", 0);
    bool at_start = storage_break(sim->coord->storage);
    sim_in_ms(sim, ms, on_disk_well, 0, 0);
    if (at_start) {
        coord_kill(sim, 0);
    }
}

void coord_disk_slow(struct sim *sim, int64_t ms)
{
    sim->coord->slow_until_ns = sim->now_ns + ms * NS_PER_MS;
    sim->coord->well_since_ns = sim->coord->slow_until_ns + DISK_SLACK_NS;
}

void coord_clock_jump(struct sim *sim, int64_t ms)
{
    sim->coord->wall_skew_ms += ms;
}

void coord_mend(struct sim *sim)
{
    struct coord *coord = sim->coord;
    coord->slow_until_ns = 0;
    coord->dies_in = 0;
    coord->power = false;
    storage_mend(coord->storage);
}
