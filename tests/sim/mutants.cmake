# SPDX-License-Identifier: Apache-2.0
# Deliberately broken builds: each changes one place of one file, and the simulation must
# notice within 1,000 seeds (MUTANT_SEEDS_name where it takes more). `from` must stand in the file exactly once; when the code
# there changes, adapt it here.
set(mutants "")
macro(mutant name file from to)
  list(APPEND mutants ${name})
  set(mutant_${name}_file ${file})
  set(mutant_${name}_from "${from}")
  set(mutant_${name}_to "${to}")
endmacro()

mutant(ack_before_commit core/engine_trial.c
  [==[    engine_send(effects, peer, message);
}

/* ---- recording it]==]
  [==[    engine_send(effects, peer, message);
    effects->list.ptr[effects->list.len - 1].after_commit = false;
}

/* ---- recording it]==])

mutant(tell_before_commit core/outbox.c
  [==[if (effect->after_commit) {]==]
  [==[if (effect->after_commit && effect->kind != FX_SEND) {]==])

mutant(no_dedupe core/engine_trial.c
  [==[    if (last > live->seq) {]==]
  [==[    if (last <= live->seq) {
        live->seq = report->first_seq - 1;
    }
    if (last > live->seq) {]==])

mutant(no_fencing core/engine_trial.c
  [==[return attempt != NULL && !attempt->suspect && attempt->number == key.attempt]==]
  [==[return attempt != NULL && (attempt->number == key.attempt || true)]==])

mutant(fence_not_marked core/engine_trial.c
  [==[report->key.attempt != trial->attempts),]==]
  [==[false),]==])

mutant(keep_superseded core/engine_agent.c
  [==[verdict.verdict = VERDICT_STOP; /* superseded]==]
  [==[verdict.verdict = VERDICT_KEEP; /* superseded]==])

mutant(gap_acknowledged core/engine_trial.c
  [==[        ack.seq = live->seq;
        ack.resend = true;]==]
  [==[]==])

mutant(skipped_requeue core/engine_agent.c
  [==[                                        agent->attempts.len));
    }
    requeue_all(engine, agent, effects);]==]
  [==[                                        agent->attempts.len));
    }]==])

mutant(old_boots_live_on core/engine_agent.c
  [==[if (attempt->boot < boot) {]==]
  [==[if (attempt->boot < boot && attempt->boot == 0) {]==])

mutant(double_assignment core/sched.c
  [==[    engine_send_assign(trial->live, effects);
}]==]
  [==[    engine_send_assign(trial->live, effects);
    struct attempt copy = *trial->live;
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &item)) {
        if (item != trial->live->agent && trial->number % 8 == 5) {
            copy.agent = item;
            engine_send_assign(&copy, effects);
        }
    }
}]==])

mutant(double_start agent/core_attempt.c
  [==[    if (map_u64_has(&core->by_key, packed) || map_u64_has(&core->done, packed)) {]==]
  [==[    if (map_u64_has(&core->by_key, packed)) {]==])

mutant(parallel_ignored core/sched.c
  [==[return parallel == 0 || sweep->occupying < parallel;]==]
  [==[return parallel == 0 || sweep->occupying < parallel + 1;]==])

mutant(budget_overrun core/sched.c
  [==[+ sweep->counts[TRIAL_RUNNING];
    uint64_t left]==]
  [==[;
    uint64_t left]==])

mutant(cursor_forgotten core/apply.c
  [==[sweep->cursor = created->cursor;]==]
  [==[sweep->cursor = engine->started ? created->cursor : 0;]==])

mutant(backoff_ignored core/past.c
  [==[if (base_ms == 0 || !backs_off(end)) {]==]
  [==[if (base_ms == 0 || !backs_off(end) || sweep->key == 1) {]==])

mutant(aside_ignored core/engine_aside.c
  [==[return agent->aside && !probe && others_can(engine, agent, sweep);]==]
  [==[return agent->key == 0 && !probe && others_can(engine, agent, sweep);]==])

mutant(points_not_replayed core/apply_points.c
  [==[    for (size_t n = 0; n < points->names_len; n++) {
        if (strcmp(points->names[n], objective->metric) != 0) {]==]
  [==[    for (size_t n = points->first_seq % 3 == 0; n < points->names_len; n++) {
        if (strcmp(points->names[n], objective->metric) != 0) {]==])

mutant(grace_forgotten agent/core_attempt.c
  [==[attempt->grace_ms = file->grace_ms;]==]
  [==[attempt->grace_ms = 0;]==])

mutant(slots_ignored agent/core_attempt.c
  [==[while (core->occupied < core->config.slots && !list_is_empty(&core->queue)) {]==]
  [==[while (!list_is_empty(&core->queue)) {]==])

mutant(mark_without_seq store/replay.c
  [==[record.seq = found ? col_u64(row, 0) : 0;]==]
  [==[record.seq = found && col_u64(row, 0) == 0;]==])

# With synchronous = OFF a reply leaves before the fsync: a loss of power shows it.
mutant(reply_before_fsync store/store.c
  [==[PRAGMA synchronous = FULL;]==]
  [==[PRAGMA synchronous = OFF;]==])

mutant(full_is_done store/apply.c
  [==[    return code == ERR_OK ? stmt_run(stmt_use(&store->db, SQL_COMMIT), err) : code;]==]
  [==[    if (code == ERR_OK) {
        code = stmt_run(stmt_use(&store->db, SQL_COMMIT), err);
    }
    return code == ERR_FULL ? ERR_OK : code;]==])

# In runs whose messages cross the network as bytes.
mutant(ack_read_wrongly agent/wire.c
  [==[        in->event.as.ack.resend = env->ack->resend != 0;]==]
  [==[        in->event.as.ack.resend = env->ack->resend != 0;
        in->event.as.ack.seq += in->event.as.ack.seq % 7 == 6;]==])

# Found by deriving every decision again at the end.
mutant(sampler_remembers samplers/fresh.c
  [==[        streams[i] = rng_stream(request->seed, request->trial,]==]
  [==[        static uint64_t calls;
        streams[i] = rng_stream(request->seed + calls++ / 64, request->trial,]==])

mutant(edited_space_ignored core/engine_sweep.c
  [==[    if (sweep->queue_outside > 0) { /* an edited]==]
  [==[    if (sweep->queue_outside > UINT32_MAX - 1) { /* an edited]==])

mutant(lowered_budget_ignored core/sched.c
  [==[return budget == 0 || begun < budget || trial->retried;]==]
  [==[return budget == 0 || begun < budget + 100 || trial->retried;]==])

# What the simulation found once; it must find it again.
mutant(place_kept agent/core_attempt.c
  [==[        place_close(core, attempt); /* the coordinator]==]
  [==[        /* the coordinator]==])

mutant(superseded_hands_over agent/core_attempt.c
  [==[if (!attempt->forgotten && !attempt->superseded) {]==]
  [==[if (!attempt->forgotten) {]==])

mutant(devices_ignored agent/core_attempt.c
  [==[attempt->gpu_mask == 0 || (attempt->gpu_mask & devices_busy(core)) == 0;]==]
  [==[attempt->gpu_mask == 0 || (attempt->gpu_mask & devices_busy(core)) != 1;]==])

# The history of several attempts.
mutant(joined_ignored core/engine_trial.c
  [==[return trial->joined != NULL
               ? joined_value(]==]
  [==[return trial->joined != NULL && trial->number % 2 == 9
               ? joined_value(]==])

mutant(joined_beyond_first_step core/joined.c
  [==[size_t below = walk->limited ? best_at(part, walk->limit) : part->best.len;]==]
  [==[size_t below = part->best.len;]==])

mutant(joined_over_fresh_start core/joined.c
  [==[    if (!resumed) {]==]
  [==[    if (!resumed && attempt == 0) {]==])

mutant(joined_not_replayed store/replay.c
  [==[if (!live->over || live->joined) {]==]
  [==[if (!live->over) {]==])

mutant(late_points_not_joined core/apply.c
  [==[if (record->kind == REC_POINTS && trial != NULL && trial->joined != NULL) {]==]
  [==[if (record->kind == REC_POINTS && trial != NULL && trial->joined == NULL) {]==])

mutant(fresh_not_said core/sched.c
  [==[bool fresh = holder != NULL && holder != agent;]==]
  [==[bool fresh = holder != NULL && holder == agent;]==])

mutant(checkpoint_dropped_early core/engine_trial.c
  [==[|| (trial_state_is_final(trial->state) && trial->state != TRIAL_FAILED));]==]
  [==[|| trial->state != TRIAL_FAILED);]==])

# Early stopping.
mutant(stop_ignored core/engine_stop.c
  [==[if (verdict.stop && !by_agent) {]==]
  [==[if (verdict.stop && !by_agent && trial->number % 4 != 3) {]==])

mutant(rung_not_recorded core/engine_stop.c
  [==[    for (size_t i = 0; i < verdict->reached_len; i++) {]==]
  [==[    for (size_t i = verdict->stop ? 1 : 0; i < verdict->reached_len; i++) {]==])

mutant(rung_forgotten core/engine_stop.c
  [==[    rung_table_add(&trial->sweep->stopping.rungs, rung->key, entry);]==]
  [==[    if (rung->key.number != 1) {
        rung_table_add(&trial->sweep->stopping.rungs, rung->key, entry);
    }]==])

mutant(stop_loses_to_exit core/engine_trial.c
  [==[        if (attempt->stop != STOP_PRUNED) {]==]
  [==[        if (attempt->stop != STOP_PRUNED || attempt->number == 1) {]==])

mutant(curves_not_brought_back core/engine_stop.c
  [==[        for (size_t k = 0; k < sweep->stopping.finished_trials.len; k++) {]==]
  [==[        for (size_t k = 1; k < sweep->stopping.finished_trials.len; k++) {]==])

# Rare: `parallel` must be exceeded by attempts handed on at an agent. Seed 2686 shows it.
set(MUTANT_SEEDS_superseded_hands_over 4000)
