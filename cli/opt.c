/* SPDX-License-Identifier: Apache-2.0 */
/* opt.c – command lines: parsing with getopt_long, errors with a proposal, help.
 * Owns the table of options. Knows what a verb declares. Does not know what any verb
 * does. */
#include "cli/opt.h"

#include <getopt.h>
#include <string.h>

#include "base/assert.h"
#include "base/num.h"
#include "base/str.h"

struct opt_row {
    const char *name;  /* with the two dashes */
    const char *value; /* NULL: a flag */
    const char *help;
};

static const char opt_letters[OPT_NR] = {
#define OPT_LETTER(id, name, letter, value, help) letter,
    OPT_TABLE(OPT_LETTER)
#undef OPT_LETTER
};

static const struct opt_row opt_rows[OPT_NR] = {
#define OPT_ROW(id, name, letter, value, help) { "--" name, value, help },
    OPT_TABLE(OPT_ROW)
#undef OPT_ROW
};

/* getopt's value of an option: above every letter. */
#define OPT_CODE_BASE 256

static uint64_t options_of(const struct verb *verb)
{
    return verb->options | OPT_BIT(HELP);
}

static bool has_option(const struct verb *verb, size_t id)
{
    return (options_of(verb) >> id & 1U) != 0;
}

/* ":o:h" and the long options; the arrays have room for all. */
static void getopt_tables(const struct verb *verb,
                          char letters[2 * OPT_NR + 2],
                          struct option longs[OPT_NR + 1])
{
    size_t at = 0;
    size_t n = 0;
    letters[at++] = ':';
    for (size_t id = 0; id < OPT_NR; id++) {
        if (!has_option(verb, id)) {
            continue;
        }
        bool takes = opt_rows[id].value != NULL;
        longs[n++] = (struct option){
            .name = opt_rows[id].name + 2,
            .has_arg = takes ? required_argument : no_argument,
            .val = OPT_CODE_BASE + (int)id,
        };
        if (opt_letters[id] != 0) {
            letters[at++] = opt_letters[id];
            if (takes) {
                letters[at++] = ':';
            }
        }
    }
    letters[at] = '\0';
    longs[n] = (struct option){ .name = NULL };
}

/* The option that getopt's code stands for; OPT_NR if none. */
static size_t id_of_code(int code)
{
    if (code >= OPT_CODE_BASE) {
        return (size_t)(code - OPT_CODE_BASE);
    }
    for (size_t id = 0; id < OPT_NR; id++) {
        if (opt_letters[id] != 0 && opt_letters[id] == code) {
            return id;
        }
    }
    return OPT_NR;
}

static enum err_code
unknown_option(const struct verb *verb, const char *word, struct err *err)
{
    const char *names[OPT_NR];
    size_t n = 0;
    for (size_t id = 0; id < OPT_NR; id++) {
        if (has_option(verb, id)) {
            names[n++] = opt_rows[id].name;
        }
    }
    struct str given = str_from(word);
    given.len = str_chr(given, '=');
    const char *nearest = str_nearest(given, names, n);
    if (nearest != NULL && !str_eq_c(given, nearest)) {
        return err_set(err, ERR_USAGE, "%s: unknown option '%.*s', did you mean '%s'?",
                       verb->name, STR_ARG(given), nearest);
    }
    return err_set(err, ERR_USAGE, "%s: unknown option '%.*s', see winnow %s --help",
                   verb->name, STR_ARG(given), verb->name);
}

/* What getopt could not take: ':' a value is missing, '?' anything else. */
static enum err_code
parse_failed(const struct verb *verb, int code, const char *word, struct err *err)
{
    size_t id = code == ':' ? id_of_code(optopt) : OPT_NR;
    if (id < OPT_NR) {
        return err_set(err, ERR_USAGE, "%s: option '%s' needs a value: %s %s",
                       verb->name, opt_rows[id].name, opt_rows[id].name,
                       opt_rows[id].value);
    }
    if (optopt >= OPT_CODE_BASE) {
        return err_set(err, ERR_USAGE, "%s: option '%s' takes no value", verb->name,
                       opt_rows[optopt - OPT_CODE_BASE].name);
    }
    if (strncmp(word, "--", 2) != 0 && optopt != 0) {
        return err_set(err, ERR_USAGE, "%s: unknown option '-%c', see winnow %s --help",
                       verb->name, (char)optopt, verb->name);
    }
    return unknown_option(verb, word, err);
}

static enum err_code take_args(
    const struct verb *verb, int argc, char **argv, struct opts *opts, struct err *err)
{
    for (int i = optind; i < argc; i++) {
        if (opts->args_len == verb->args_max) {
            return err_set(err, ERR_USAGE,
                           "%s: unexpected argument '%s', see winnow %s "
                           "--help",
                           verb->name, argv[i], verb->name);
        }
        opts->args[opts->args_len++] = argv[i];
    }
    if (opts->args_len < verb->args_min && opts->values[OPT_HELP] == NULL) {
        return err_set(err, ERR_USAGE, "%s: expected %s, see winnow %s --help",
                       verb->name, verb->args, verb->name);
    }
    return ERR_OK;
}

/* False when there are too many. */
static bool take_repeat(struct opts *opts, size_t id)
{
    if (opts->repeats_len == OPT_REPEATS_MAX) {
        return false;
    }
    opts->repeats[opts->repeats_len].id = (enum opt_id)id;
    opts->repeats[opts->repeats_len++].value = opts->values[id];
    return true;
}

enum err_code opt_parse(
    const struct verb *verb, int argc, char **argv, struct opts *out, struct err *err)
{
    ASSERT(verb->args_max <= OPT_ARGS_MAX);
    char letters[2 * OPT_NR + 2];
    struct option longs[OPT_NR + 1];
    struct opts opts = { .raw_argc = argc - 1, .raw_argv = argv + 1 };
    getopt_tables(verb, letters, longs);
    optind = 1;
    opterr = 0;
    for (;;) {
        /* The only caller, before any thread exists. */
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        int code = getopt_long(argc, argv, letters, longs, NULL);
        if (code == -1) {
            break;
        }
        if (code == '?' || code == ':') {
            return parse_failed(verb, code, argv[optind - 1], err);
        }
        size_t id = id_of_code(code);
        ASSERT(id < OPT_NR);
        opts.values[id] = optarg != NULL ? optarg : "";
        if ((id == OPT_SET || id == OPT_UNSET) && !take_repeat(&opts, id)) {
            return err_set(err, ERR_USAGE, "%s: more than %d changes", verb->name,
                           OPT_REPEATS_MAX);
        }
    }
    enum err_code code = take_args(verb, argc, argv, &opts, err);
    if (code == ERR_OK) {
        *out = opts;
    }
    return code;
}

bool opt_given(const struct opts *opts, enum opt_id id)
{
    return opts->values[id] != NULL;
}

const char *opt_name(enum opt_id id)
{
    return opt_rows[id].name;
}

enum err_code opt_u32(const struct opts *opts,
                      enum opt_id id,
                      uint32_t low,
                      uint32_t *out,
                      struct err *err)
{
    const char *text = opts->values[id];
    uint64_t wide = 0;
    uint32_t value = 0;
    if (text == NULL) {
        return ERR_OK;
    }
    if (num_parse_u64(str_from(text), &wide) != ERR_OK
        || u32_from_u64(wide, &value) != ERR_OK || value < low) {
        return err_set(err, ERR_USAGE, "%s is '%s', expected a whole number from %u on",
                       opt_name(id), text, (unsigned)low);
    }
    *out = value;
    return ERR_OK;
}

enum err_code
opt_duration_ms(const struct opts *opts, enum opt_id id, int64_t *out, struct err *err)
{
    const char *text = opts->values[id];
    int64_t value = 0;
    if (text == NULL) {
        return ERR_OK;
    }
    if (num_parse_duration_ms(str_from(text), &value) != ERR_OK || value <= 0) {
        return err_set(err, ERR_USAGE,
                       "%s is '%s', expected a time with its unit, as 500ms or 30s",
                       opt_name(id), text);
    }
    *out = value;
    return ERR_OK;
}

static void help_option(size_t id, struct strbuf *out)
{
    struct strbuf left = STRBUF_INIT(128);
    if (opt_letters[id] != 0) {
        strbuf_addf(&left, "-%c, ", opt_letters[id]);
    }
    strbuf_adds(&left, opt_rows[id].name);
    if (opt_rows[id].value != NULL) {
        strbuf_addf(&left, " %s", opt_rows[id].value);
    }
    strbuf_addf(out, "  %-22s %s\n", strbuf_cstr(&left), opt_rows[id].help);
    strbuf_fini(&left);
}

void opt_help(const struct verb *verb, struct strbuf *out)
{
    strbuf_addf(out, "usage: winnow %s%s%s%s\n\n%s.\n", verb->name,
                verb->options != 0 ? " [OPTIONS]" : "", verb->args != NULL ? " " : "",
                verb->args != NULL ? verb->args : "", verb->summary);
    if (verb->text != NULL) {
        strbuf_addf(out, "\n%s", verb->text);
    }
    strbuf_adds(out, "\noptions:\n");
    for (size_t id = 0; id < OPT_NR; id++) {
        if (has_option(verb, id)) {
            help_option(id, out);
        }
    }
    if (verb->example != NULL) {
        strbuf_addf(out, "\nexample:\n%s", verb->example);
    }
}
