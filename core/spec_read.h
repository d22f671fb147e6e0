/* SPDX-License-Identifier: Apache-2.0 */
/* spec_read.h – typed reading of YAML nodes with errors that say where, what was found
 * and what was expected; for the readers of sweep files and MLproject files.
 *
 * `what` is the dotted name of the thing read, for messages. All functions fail with
 * ERR_INVALID and write their result only on success.
 */
#ifndef CORE_SPEC_READ_H
#define CORE_SPEC_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/yaml.h"
#include "core/value.h"

struct spec_reader {
    const char *source; /* the file's name, for messages */
    struct str text;    /* its bytes, to find columns inside a scalar; may be empty */
    struct err *err;
};

#define spec_fail(r, node, ...) yaml_err((r)->err, (r)->source, (node), __VA_ARGS__)

/* As spec_fail, with ERR_UNSUPPORTED. */
#define spec_unsupported(r, node, ...)                                                 \
    spec_as_unsupported(r, spec_fail(r, node, __VA_ARGS__))
enum err_code spec_as_unsupported(const struct spec_reader *r, enum err_code code);

/* Fails with msg at byte `offset` of the scalar's text, as far as that can be found in
 * the file; else at the scalar. */
enum err_code spec_fail_at(const struct spec_reader *r,
                           const struct yaml_node *node,
                           size_t offset,
                           const char *msg);

/* "'abc'", "a list", "a map" or "nothing", cut to fit. Gives buf. */
#define SPEC_DESCRIBE_SIZE 64
const char *spec_describe(const struct yaml_node *node, char buf[SPEC_DESCRIBE_SIZE]);

/* The node is a map and has no other keys than these; names the nearest known one. what
 * NULL stands for the whole file. */
MUST_USE
enum err_code spec_known_keys(const struct spec_reader *r,
                              const struct yaml_node *node,
                              const char *what,
                              const char *const *keys,
                              size_t keys_len);

MUST_USE
enum err_code spec_list(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        size_t len_max);

/* Text of a scalar that is not null; borrowed from the node. */
MUST_USE
enum err_code spec_text(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        const char **out);

/* A finite number. */
MUST_USE
enum err_code spec_f64(const struct spec_reader *r,
                       const struct yaml_node *node,
                       const char *what,
                       double *out);

MUST_USE
enum err_code spec_u32(const struct spec_reader *r,
                       const struct yaml_node *node,
                       const char *what,
                       uint32_t min,
                       uint32_t max,
                       uint32_t *out);

MUST_USE
enum err_code spec_bool(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        bool *out);

/* One word of a list of words; gives its index. */
MUST_USE
enum err_code spec_word(const struct spec_reader *r,
                        const struct yaml_node *node,
                        const char *what,
                        const char *const *words,
                        size_t words_len,
                        size_t *out);

/* A duration with a unit, above 0. */
MUST_USE
enum err_code spec_duration(const struct spec_reader *r,
                            const struct yaml_node *node,
                            const char *what,
                            int64_t *ms_out);

/* A typed scalar: boolean, integer, finite float or string (borrowed from the node). */
MUST_USE
enum err_code spec_value(const struct spec_reader *r,
                         const struct yaml_node *node,
                         const char *what,
                         struct value *out);

/* Fails at node: unknown `kind` 'name', with the nearest candidate or all of them. */
enum err_code spec_unknown(const struct spec_reader *r,
                           const struct yaml_node *node,
                           const char *kind,
                           const char *const *candidates,
                           size_t candidates_len);

#endif
