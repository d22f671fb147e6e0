/* SPDX-License-Identifier: Apache-2.0 */
/* main.c – measures samplers: how good, how fast; see bench/README.md.
 * Owns what the command line says. Knows its spelling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "base/num.h"
#include "bench/samplers/bench.h"

static const char usage[] =
    "usage: bench_samplers quality|speed|serve|list [--key value]...\n"
    "  quality  best values found, as JSON {problem: {label: {best: {trials: "
    "[...]}}}}\n"
    "  speed    CPU time of one suggestion\n"
    "  serve    print a problem's space, then the value of each point given on stdin\n"
    "  list     names of the problems, their spaces and known minima\n"
    "  --sampler NAME (random)    --options 'KEY: VALUE, ...' of the sampler\n"
    "  --problems A,B,... (all)   --tables DIR: also the tables described there\n"
    "  --seeds A..B (1..20)       --trials N (200)\n"
    "  --outstanding P (1)        --order fifo|random (fifo)\n"
    "  --noise 0|1 (0)            --label TEXT (the sampler's name)\n"
    "  --dims D (20)  --history N (1000)  --repeat N (51): for speed\n";

static void die(const char *what, const char *which)
{
    fprintf(stderr, "bench_samplers: %s '%s'\n%s", what, which, usage);
    exit(2);
}

void bench_must(enum err_code code, const struct err *err)
{
    if (code != ERR_OK) {
        fprintf(stderr, "bench_samplers: %s\n", err->msg);
        exit(1);
    }
}

struct study *bench_study(const struct bench *bench, const char *space, uint64_t seed)
{
    struct err err = { 0 };
    struct study *study = NULL;
    char *AUTO_FREE text =
        mem_printf("space: %s\nsearch: {sampler: %s, seed: %llu%s%s}\n", space,
                   bench->sampler, (unsigned long long)seed,
                   bench->options[0] != '\0' ? ", " : "", bench->options);
    bench_must(study_create(text, STUDY_MINIMIZE, &study, &err), &err);
    return study;
}

/* Takes a number of at least 1. */
static void take_count(const char *value, uint64_t *out)
{
    if (num_parse_u64(str_from(value), out) != ERR_OK || *out == 0) {
        die("not a count:", value);
    }
}

static void take_seeds(const char *value, struct bench *bench)
{
    struct str text = str_from(value);
    size_t dots = str_find(text, STR_LIT(".."));
    if (num_parse_u64(str_sub(text, 0, dots), &bench->seed_first) != ERR_OK
        || num_parse_u64(str_sub(text, dots + 2, SIZE_MAX), &bench->seed_last) != ERR_OK
        || bench->seed_last < bench->seed_first) {
        die("not seeds A..B:", value);
    }
}

/* "second" of two words, or not. */
static bool take_word(const char *value, const char *first, const char *second)
{
    if (strcmp(value, first) != 0 && strcmp(value, second) != 0) {
        die("no such word:", value);
    }
    return strcmp(value, second) == 0;
}

static bool take_text(const char *key, const char *value, struct bench *bench)
{
    const struct {
        const char *key;
        const char **out;
    } texts[] = { { "--sampler", &bench->sampler },
                  { "--options", &bench->options },
                  { "--problems", &bench->only },
                  { "--label", &bench->label } };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(key, texts[i].key) == 0) {
            *texts[i].out = value;
            return true;
        }
    }
    return false;
}

static bool take_number(const char *key, const char *value, struct bench *bench)
{
    const struct {
        const char *key;
        uint64_t *out;
    } counts[] = { { "--trials", &bench->trials },
                   { "--outstanding", &bench->outstanding },
                   { "--dims", &bench->dims },
                   { "--repeat", &bench->repeat } };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        if (strcmp(key, counts[i].key) == 0) {
            take_count(value, counts[i].out);
            return true;
        }
    }
    if (strcmp(key, "--history") == 0) {
        return num_parse_u64(str_from(value), &bench->history) == ERR_OK;
    }
    return false;
}

static void take(const char *key, const char *value, struct bench *bench)
{
    struct err err = { 0 };
    if (take_text(key, value, bench) || take_number(key, value, bench)) {
        return;
    }
    if (strcmp(key, "--seeds") == 0) {
        take_seeds(value, bench);
    } else if (strcmp(key, "--order") == 0) {
        bench->random_order = take_word(value, "fifo", "random");
    } else if (strcmp(key, "--noise") == 0) {
        bench->noise = take_word(value, "0", "1");
    } else if (strcmp(key, "--tables") == 0) {
        bench_must(problems_add_tables(&bench->problems, value, &err), &err);
    } else {
        die("unknown or wrong:", key);
    }
}

static void list(const struct bench *bench)
{
    for (size_t i = 0; i < bench->problems.len; i++) {
        const struct problem *problem = &bench->problems.all[i];
        printf("%s %.17g\n", problem->name, problem->least);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct bench *bench);
    } verbs[] = { { "quality", bench_quality },
                  { "speed", bench_speed },
                  { "serve", bench_serve },
                  { "list", list } };
    struct bench bench = { .sampler = "random",
                           .options = "",
                           .seed_first = 1,
                           .seed_last = 20,
                           .trials = 200,
                           .outstanding = 1,
                           .dims = 20,
                           .history = 1000,
                           .repeat = 51 };
    if (argc < 2 || argc % 2 != 0) {
        die("expected a verb and pairs of key and value, not", argc < 2 ? "" : argv[1]);
    }
    problems_add_functions(&bench.problems);
    for (int i = 2; i < argc; i += 2) {
        take(argv[i], argv[i + 1], &bench);
    }
    if (bench.label == NULL) {
        bench.label = bench.sampler;
    }
    size_t verb = 0;
    while (verb < ARRAY_LEN(verbs) && strcmp(argv[1], verbs[verb].name) != 0) {
        verb++;
    }
    if (verb == ARRAY_LEN(verbs)) {
        die("no such verb:", argv[1]);
    }
    verbs[verb].run(&bench);
    problems_fini(&bench.problems);
    return 0;
}
