/* SPDX-License-Identifier: Apache-2.0 */
/* query_agents.c – which agents are set aside, and why (`winnow doctor`).
 * Knows that the newest of an agent's two kinds of events decides. Reads all events, as
 * the audit does. Changes nothing.
 */
#include "store/store.h"

#include "store/reader.h"
#include "store/store_internal.h"

enum err_code
store_agents_aside(struct store_reader *reader, struct strbuf *lines, struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_AGENTS_ASIDE);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        const char *cause = col_text(row, 1);
        strbuf_addf(lines, "%s'%s' is set aside: %s", lines->len > 0 ? "\n" : "",
                    col_text(row, 0), cause != NULL ? cause : "no cause was given");
        code = stmt_row(row, &more, err);
    }
    stmt_end(row);
    return code;
}
