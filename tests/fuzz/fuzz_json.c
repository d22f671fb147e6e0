/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c – what parses is emitted as text that parses to the same value. */
#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = { 0 };
    AUTO_JSON json_t *value = NULL;
    if (json_parse((const char *)data, size, &value, &err) != ERR_OK) {
        ASSERT(err.msg[0] != '\0');
        return 0;
    }
    AUTO_FREE char *text = json_dump_line(value);
    AUTO_JSON json_t *back = NULL;
    enum err_code code = json_parse(text, strlen(text), &back, &err);
    ASSERT(code == ERR_OK);
    /* Whole reals print without a point and come back as integers, so texts are
     * compared, not types. */
    AUTO_FREE char *again = json_dump_line(back);
    ASSERT(strcmp(text, again) == 0);
    return 0;
}
