/* SPDX-License-Identifier: Apache-2.0 */
/* num.c – numbers: strict parsing, shortest formatting, narrowing, saturation.
 * Owns nothing. Knows decimal text and units. Does not know YAML or JSON: their readers
 * call this. The program never calls setlocale, so strtod and printf use the dot. */
#include "base/num.h"

#include "base/assert.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A double needs at most 767 significant digits to be told from its neighbours. */
enum {
    NUM_LEN_MAX = 1000
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits of text from `from` on; all of them must be digits and there must be one. */
static enum err_code parse_digits(struct str text, size_t from, uint64_t *out)
{
    if (from >= text.len) {
        return ERR_INVALID;
    }
    uint64_t value = 0;
    bool toobig = false;
    for (size_t i = from; i < text.len; i++) {
        if (!is_digit(text.ptr[i])) {
            return ERR_INVALID;
        }
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            toobig = true; /* but read on: a letter further on is malformed */
        } else {
            value = value * 10 + digit;
        }
    }
    if (toobig) {
        return ERR_TOOBIG;
    }
    *out = value;
    return ERR_OK;
}

enum err_code num_parse_u64(struct str text, uint64_t *out)
{
    return parse_digits(text, 0, out);
}

enum err_code num_parse_i64(struct str text, int64_t *out)
{
    bool has_sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    bool negative = has_sign && text.ptr[0] == '-';
    uint64_t magnitude = 0;
    enum err_code code = parse_digits(text, has_sign ? 1 : 0, &magnitude);
    if (code != ERR_OK) {
        return code;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return ERR_TOOBIG;
    }
    if (negative) {
        *out = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    } else {
        *out = (int64_t)magnitude;
    }
    return ERR_OK;
}

/* Length of the run of digits at `at`. */
static size_t digits_len(struct str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && is_digit(text.ptr[at + n])) {
        n++;
    }
    return n;
}

/* Length of the decimal number at the start of text, 0 if there is none. */
static size_t number_len(struct str text)
{
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
    size_t whole = digits_len(text, at);
    size_t fraction = 0;
    at += whole;
    if (at < text.len && text.ptr[at] == '.') {
        fraction = digits_len(text, at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return 0;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        size_t sign =
            at + 1 < text.len && (text.ptr[at + 1] == '-' || text.ptr[at + 1] == '+')
                ? 1
                : 0;
        size_t exponent = digits_len(text, at + 1 + sign);
        if (exponent > 0) {
            at += 1 + sign + exponent;
        }
    }
    return at;
}

enum err_code num_parse_f64(struct str text, double *out)
{
    if (text.len == 0 || number_len(text) != text.len) {
        return ERR_INVALID;
    }
    if (text.len > NUM_LEN_MAX) {
        return ERR_TOOBIG;
    }
    char copy[NUM_LEN_MAX + 1];
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *end = NULL;
    double value = strtod(copy, &end);
    ASSERT(end == copy + text.len);
    if (isinf(value)) {
        return ERR_TOOBIG;
    }
    *out = value;
    return ERR_OK;
}

static bool word_is(struct str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

enum err_code num_parse_f64_ext(struct str text, double *out)
{
    if (word_is(text, "nan")) {
        *out = (double)NAN;
        return ERR_OK;
    }
    bool has_sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    struct str word = str_sub(text, has_sign ? 1 : 0, text.len);
    if (word_is(word, "inf") || word_is(word, "infinity")) {
        *out = has_sign && text.ptr[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return ERR_OK;
    }
    return num_parse_f64(text, out);
}

/* snprintf into a NUM_TEXT_SIZE buffer that is known to be large enough. */
static size_t PRINTF_LIKE(2, 3) format(char text[NUM_TEXT_SIZE], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, NUM_TEXT_SIZE, fmt, args);
    va_end(args);
    ASSERT(n > 0);
    ASSERT(n < NUM_TEXT_SIZE);
    return (size_t)n;
}

size_t num_format_f64(double value, char text[NUM_TEXT_SIZE])
{
    if (isnan(value)) {
        return format(text, "NaN");
    }
    if (isinf(value)) {
        return format(text, value > 0 ? "Infinity" : "-Infinity");
    }
    /* Common and exact: counts, steps, seeds. */
    if (value == 0 && signbit(value)) {
        return format(text, "-0.0"); /* "-0" would be read as an integer: no sign */
    }
    if (value > -1e15 && value < 1e15 && value == floor(value)) {
        return format(text, "%" PRId64, (int64_t)value);
    }
    for (int digits = 15; digits < 17; digits++) {
        size_t len = format(text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            return len;
        }
    }
    return format(text, "%.17g", value);
}

/* ---- durations and sizes ---- */

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first, which is what formatting wants. */
static const struct unit duration_units[] = {
    { "d", UINT64_C(86400000) },
    { "h", UINT64_C(3600000) },
    { "m", 60000 },
    { "s", 1000 },
    { "ms", 1 },
};

#define KI UINT64_C(1024)
static const struct unit size_units[] = {
    { "PiB", KI *KI *KI *KI *KI },
    { "TiB", KI *KI *KI *KI },
    { "GiB", KI *KI *KI },
    { "MiB", KI *KI },
    { "KiB", KI },
    { "B", 1 },
    { "PB", UINT64_C(1000000000000000) },
    { "TB", UINT64_C(1000000000000) },
    { "GB", UINT64_C(1000000000) },
    { "MB", UINT64_C(1000000) },
    { "kB", UINT64_C(1000) },
    { "KB", UINT64_C(1000) },
};
#undef KI

/* Formatting uses only the units up to B. */
enum {
    SIZE_UNITS_BINARY = 6
};

/* Number and unit; the result must be at most `max`. */
static enum err_code parse_united(struct str text,
                                  const struct unit *units,
                                  size_t units_len,
                                  uint64_t max,
                                  uint64_t *out)
{
    size_t len = number_len(text);
    struct str number = str_sub(text, 0, len);
    struct str name = str_sub(text, len, text.len);
    const struct unit *unit = NULL;
    for (size_t i = 0; i < units_len; i++) {
        if (str_eq_c(name, units[i].name)) {
            unit = &units[i];
        }
    }
    if (unit == NULL || len == 0 || number.ptr[0] == '-') {
        return ERR_INVALID;
    }
    uint64_t whole = 0;
    enum err_code code = num_parse_u64(number, &whole);
    if (code == ERR_OK) {
        if (whole > max / unit->factor) {
            return ERR_TOOBIG;
        }
        *out = whole * unit->factor;
        return ERR_OK;
    }
    double value = 0;
    code = code == ERR_TOOBIG ? code : num_parse_f64(number, &value);
    if (code != ERR_OK) {
        return code;
    }
    double scaled = round(value * (double)unit->factor);
    /* Converting max rounds it up to a power of two, hence the strict comparison. */
    if (!(scaled < (double)max)) {
        return ERR_TOOBIG;
    }
    *out = (uint64_t)scaled;
    return ERR_OK;
}

static const struct unit *
largest_unit(uint64_t value, const struct unit *units, size_t units_len)
{
    for (size_t i = 0; i < units_len; i++) {
        if (value % units[i].factor == 0 && value >= units[i].factor) {
            return &units[i];
        }
    }
    return &units[units_len - 1];
}

enum err_code num_parse_duration_ms(struct str text, int64_t *ms_out)
{
    uint64_t ms = 0;
    enum err_code code =
        parse_united(text, duration_units, ARRAY_LEN(duration_units), INT64_MAX, &ms);
    if (code == ERR_OK) {
        *ms_out = (int64_t)ms;
    }
    return code;
}

size_t num_format_duration_ms(int64_t ms, char text[NUM_TEXT_SIZE])
{
    if (ms <= 0) {
        return ms == 0 ? format(text, "0s") : format(text, "%" PRId64 "ms", ms);
    }
    const struct unit *unit =
        largest_unit((uint64_t)ms, duration_units, ARRAY_LEN(duration_units));
    return format(text, "%" PRIu64 "%s", (uint64_t)ms / unit->factor, unit->name);
}

enum err_code num_parse_size_bytes(struct str text, uint64_t *bytes_out)
{
    return parse_united(text, size_units, ARRAY_LEN(size_units), UINT64_MAX, bytes_out);
}

size_t num_format_size_bytes(uint64_t bytes, char text[NUM_TEXT_SIZE])
{
    const struct unit *unit = largest_unit(bytes, size_units, SIZE_UNITS_BINARY);
    return format(text, "%" PRIu64 "%s", bytes / unit->factor, unit->name);
}

/* ---- narrowing ---- */

enum err_code u32_from_u64(uint64_t value, uint32_t *out)
{
    if (value > UINT32_MAX) {
        return ERR_TOOBIG;
    }
    *out = (uint32_t)value;
    return ERR_OK;
}

enum err_code u32_from_size(size_t value, uint32_t *out)
{
    return u32_from_u64(value, out);
}

enum err_code u32_from_i64(int64_t value, uint32_t *out)
{
    return value < 0 ? ERR_TOOBIG : u32_from_u64((uint64_t)value, out);
}

enum err_code int_from_size(size_t value, int *out)
{
    if (value > INT_MAX) {
        return ERR_TOOBIG;
    }
    *out = (int)value;
    return ERR_OK;
}

enum err_code int_from_i64(int64_t value, int *out)
{
    if (value > INT_MAX || value < INT_MIN) {
        return ERR_TOOBIG;
    }
    *out = (int)value;
    return ERR_OK;
}

enum err_code size_from_u64(uint64_t value, size_t *out)
{
    if (value > SIZE_MAX) {
        return ERR_TOOBIG;
    }
    *out = (size_t)value;
    return ERR_OK;
}

enum err_code size_from_i64(int64_t value, size_t *out)
{
    return value < 0 ? ERR_TOOBIG : size_from_u64((uint64_t)value, out);
}

enum err_code i64_from_u64(uint64_t value, int64_t *out)
{
    if (value > INT64_MAX) {
        return ERR_TOOBIG;
    }
    *out = (int64_t)value;
    return ERR_OK;
}

enum err_code u64_from_i64(int64_t value, uint64_t *out)
{
    if (value < 0) {
        return ERR_TOOBIG;
    }
    *out = (uint64_t)value;
    return ERR_OK;
}

enum err_code i64_from_f64(double value, int64_t *out)
{
    if (isnan(value) || value != floor(value)) {
        return ERR_INVALID;
    }
    if (!(value >= -0x1p63 && value < 0x1p63)) {
        return ERR_TOOBIG;
    }
    *out = (int64_t)value;
    return ERR_OK;
}

/* ---- saturation ---- */

int64_t num_add_sat_i64(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b) {
        return INT64_MAX;
    }
    if (b < 0 && a < INT64_MIN - b) {
        return INT64_MIN;
    }
    return a + b;
}

static uint64_t magnitude_of(int64_t a)
{
    return a < 0 ? (uint64_t)(-(a + 1)) + 1 : (uint64_t)a;
}

int64_t num_mul_sat_i64(int64_t a, int64_t b)
{
    bool negative = (a < 0) != (b < 0);
    uint64_t product = num_mul_sat_u64(magnitude_of(a), magnitude_of(b));
    if (negative) {
        return product > INT64_MAX ? INT64_MIN : -(int64_t)product;
    }
    return product > INT64_MAX ? INT64_MAX : (int64_t)product;
}

uint64_t num_add_sat_u64(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t num_mul_sat_u64(uint64_t a, uint64_t b)
{
    return a != 0 && b > UINT64_MAX / a ? UINT64_MAX : a * b;
}
