/* SPDX-License-Identifier: Apache-2.0 */
/* explain_text.h – the answer of `winnow explain` in words. */
#ifndef CLI_EXPLAIN_TEXT_H
#define CLI_EXPLAIN_TEXT_H

#include "base/json.h"
#include "base/strbuf.h"
#include "base/times.h"

/* Appends the text. found: the `history` look-up with the engine's answer as member
 * `now` (docs/store.md). wall: the present, for "3m05s ago". */
void explain_print(const json_t *found, struct wall wall, struct strbuf *out);

#endif
