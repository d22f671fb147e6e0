/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h – tables with a header as JSON rows (RFC 4180: quoted cells, CR LF or LF). */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include "base/err.h"
#include "base/json.h"

/* Parses text into *rows_out, an array of objects by the header's names: a cell that is
 * a JSON number, true or false is one, any other is text; empty cells are left out.
 * ERR_INVALID with the line: a quote without its end, too many cells, a name twice. */
enum err_code csv_parse(struct str text, json_t **rows_out, struct err *err) MUST_USE;

#endif
