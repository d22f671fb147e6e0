/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_yaml.c – any bytes give a tree that equals itself, or an error with a position.
 */
#include "base/assert.h"
#include "base/yaml.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = { 0 };
    AUTO_YAML struct yaml_node *root = NULL;
    if (yaml_parse((const char *)data, size, "f", &root, &err) == ERR_OK) {
        ASSERT(yaml_equal(root, root));
    } else {
        ASSERT(root == NULL);
        ASSERT(strncmp(err.msg, "f:", 2) == 0);
    }
    return 0;
}
