/* SPDX-License-Identifier: Apache-2.0 */
/* agents.c – the table of agents: the newest boot of each.
 * Knows REC_AGENT. Does not know sessions or leases.
 */
#include "store/store_internal.h"

enum err_code
agents_put(struct store *store, const struct record *record, struct err *err)
{
    const struct rec_agent *agent = &record->as.agent;
    struct stmt *stmt = stmt_use(&store->db, SQL_AGENT_PUT);
    bind_i64(stmt, agent->agent);
    bind_text(stmt, agent->id == NULL ? "" : agent->id);
    bind_text(stmt, agent->host == NULL ? "" : agent->host);
    bind_u64(stmt, agent->boot);
    bind_i64(stmt, agent->pid);
    bind_i64(stmt, agent->slots);
    bind_i64(stmt, record->time.ms);
    return stmt_run(stmt, err);
}
