/* SPDX-License-Identifier: Apache-2.0 */
/* make_fixture.c – makes the stores of tests/fixtures/stores.
 *
 *     make_store_fixture HOME              a store of the current schema: one sweep
 * with a finished, a failed and a running trial make_store_fixture HOME newer the same,
 * with schema version 1000
 *
 * Then copy HOME/store.db to valid/vN.db or invalid/newer.db. A store of a released
 * version is never made again.
 */
#include "tests/unit/store/records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

static void fill(struct records *records)
{
    const double losses[] = { 0.9, 0.5, (double)NAN, 0.25 };
    add_session(records);
    add_agent(records, 1, "agent-a");
    add_sweep(records, 1, 1, "digits");
    add_edited(records, 1, 1, 2);
    for (uint32_t i = 0; i < 3; i++) {
        struct attempt_key key = { 1, i, 1 };
        add_trial(records, (struct attempt_key){ 1, i, 0 }, 2 + i, 0.1 + i);
        add_assigned(records, key, 2 + i, 1);
        add_started(records, key, 2 + i);
        add_points(records, key, 2 + i, "loss", 1, losses, ARRAY_LEN(losses));
    }
    add_ended(records, (struct attempt_key){ 1, 0, 1 }, 2, TRIAL_FINISHED, 0.75);
    add_ended(records, (struct attempt_key){ 1, 1, 1 }, 3, TRIAL_FAILED, (double)NAN);
    add_note(records, (struct attempt_key){ 1, 2, 1 }, 4, true, "note", "kept");
}

int main(int argc, char **argv)
{
    static struct records records;
    struct err err = { 0 };
    struct store *store = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: %s HOME [newer]\n", argv[0]);
        return 2;
    }
    bool newer = argc > 2 && strcmp(argv[2], "newer") == 0;
    records_init(&records);
    fill(&records);
    enum err_code code = store_open(argv[1], &store, &err);
    if (code == ERR_OK) {
        code = store_apply(store, records.items, records.len, &err);
    }
    if (code == ERR_OK && newer) {
        code = db_exec(&store->db, "PRAGMA user_version = 1000", &err);
    }
    store_close(store);
    records_fini(&records);
    if (code != ERR_OK) {
        fprintf(stderr, "make_store_fixture: %s\n", err.msg);
    }
    return err_exit_status(code);
}
