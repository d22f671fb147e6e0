/* SPDX-License-Identifier: Apache-2.0 */
/* num.h – checked parsing, formatting, narrowing and arithmetic of numbers. Parsers
 * read the whole view or fail; they skip no space, know no locale, and write *out only
 * on success. They give ERR_INVALID for malformed text and ERR_TOOBIG for a value that
 * does not fit. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size of the buffers of the num_format_ functions. */
#define NUM_TEXT_SIZE 32

/* Decimal with optional sign. */
enum err_code num_parse_i64(struct str text, int64_t *out) MUST_USE;
/* Decimal digits only. */
enum err_code num_parse_u64(struct str text, uint64_t *out) MUST_USE;
/* Decimal floating point ("1", "-2.5", ".5", "1e-3"); no hex, no nan, no inf. A value
 * beyond the range of double is ERR_TOOBIG; one that underflows gives the nearest. */
enum err_code num_parse_f64(struct str text, double *out) MUST_USE;
/* As above, and nan, inf, infinity in any case, the latter two with a sign. */
enum err_code num_parse_f64_ext(struct str text, double *out) MUST_USE;

/* Shortest decimal text that reads back to the same double; integers print as "5", zero
 * as "0" or "-0.0". Valid JSON and YAML, except "NaN", "Infinity", "-Infinity". Gives
 * the length. */
size_t num_format_f64(double value, char text[NUM_TEXT_SIZE]);

/* "500ms", "10s", "30m", "12h", "2d", also with a fraction ("1.5h"); a unit is
 * required. Negative durations are refused; fractions of a millisecond are rounded. */
enum err_code num_parse_duration_ms(struct str text, int64_t *ms_out) MUST_USE;
/* The largest unit that divides it: 1800000 gives "30m", 1500 gives "1500ms", 0 "0s".
 * num_parse_duration_ms reads it back. Gives the length. */
size_t num_format_duration_ms(int64_t ms, char text[NUM_TEXT_SIZE]);

/* "100B", "64KiB", "512MB", "2GiB", "1.5TB": powers of 1024 with i, of 1000 without; a
 * unit is required. */
enum err_code num_parse_size_bytes(struct str text, uint64_t *bytes_out) MUST_USE;
/* The largest binary unit that divides it: 2147483648 gives "2GiB". Gives the length.
 */
size_t num_format_size_bytes(uint64_t bytes, char text[NUM_TEXT_SIZE]);

/* Narrowing; ERR_TOOBIG when the value does not fit. */
enum err_code u32_from_size(size_t value, uint32_t *out) MUST_USE;
enum err_code u32_from_u64(uint64_t value, uint32_t *out) MUST_USE;
enum err_code u32_from_i64(int64_t value, uint32_t *out) MUST_USE;
enum err_code int_from_size(size_t value, int *out) MUST_USE;
enum err_code int_from_i64(int64_t value, int *out) MUST_USE;
enum err_code size_from_u64(uint64_t value, size_t *out) MUST_USE;
enum err_code size_from_i64(int64_t value, size_t *out) MUST_USE;
enum err_code i64_from_u64(uint64_t value, int64_t *out) MUST_USE;
enum err_code u64_from_i64(int64_t value, uint64_t *out) MUST_USE;
/* The double must be integral and in range (NaN is ERR_INVALID, a fraction too). */
enum err_code i64_from_f64(double value, int64_t *out) MUST_USE;

/* Saturating arithmetic. */
int64_t num_add_sat_i64(int64_t a, int64_t b);
int64_t num_mul_sat_i64(int64_t a, int64_t b);
uint64_t num_add_sat_u64(uint64_t a, uint64_t b);
uint64_t num_mul_sat_u64(uint64_t a, uint64_t b);

#endif
