/* SPDX-License-Identifier: Apache-2.0 */
/* speed.c – what one suggestion costs after so many trials.
 * Owns nothing. Knows how a history is made up. The time is that of study_ask, in CPU
 * time of this thread; each suggestion is told a value before the next, as in a sweep
 * with one worker. bench_suggest is a function of its own, so that callgrind can count
 * its instructions alone (--toggle-collect). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "bench/samplers/bench.h"

uint32_t bench_suggest(struct study *study);

static double cpu_us(void)
{
    struct timespec t = { 0 };
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) {
        return 0;
    }
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

__attribute__((noinline)) uint32_t bench_suggest(struct study *study)
{
    struct err err = { 0 };
    uint32_t trial = 0;
    bench_must(study_ask(study, &trial, &err), &err);
    return trial;
}

static double value_at(const double *x, size_t dims)
{
    double sum = 0;
    for (size_t i = 0; i < dims; i++) {
        sum += (x[i] - 0.3) * (x[i] - 0.3);
    }
    return sum;
}

/* Finished trials at random points. */
static void fill(const struct bench *bench, const char *space, struct study *study)
{
    struct bench random = *bench;
    random.sampler = "random";
    random.options = "";
    struct study *source = bench_study(&random, space, bench->seed_first);
    for (uint64_t i = 0; i < bench->history; i++) {
        struct err err = { 0 };
        uint32_t trial = bench_suggest(source);
        const double *x = study_point(source, trial);
        double value = value_at(x, study_params(source));
        bench_must(study_import(study, x, value, &err), &err);
        bench_must(study_tell(source, trial, value, &err), &err);
    }
    study_destroy(source);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_speed(const struct bench *bench)
{
    struct strbuf AUTO_STRBUF space = STRBUF_INIT((size_t)1024 * 1024);
    for (uint64_t i = 0; i < bench->dims; i++) {
        strbuf_addf(&space, "%sx%llu: {float: [0, 1]}", i == 0 ? "{" : ", ",
                    (unsigned long long)i + 1);
    }
    strbuf_addc(&space, '}');
    struct study *study = bench_study(bench, strbuf_cstr(&space), bench->seed_first);
    fill(bench, strbuf_cstr(&space), study);
    double *AUTO_FREE times = mem_alloc_array(bench->repeat, sizeof *times);
    for (uint64_t i = 0; i < bench->repeat; i++) {
        struct err err = { 0 };
        double begin = cpu_us();
        uint32_t trial = bench_suggest(study);
        times[i] = cpu_us() - begin;
        double value = value_at(study_point(study, trial), bench->dims);
        bench_must(study_tell(study, trial, value, &err), &err);
    }
    qsort(times, bench->repeat, sizeof *times, by_size);
    printf("{\"sampler\": \"%s\", \"dims\": %llu, \"history\": %llu, \"repeat\": %llu, "
           "\"us_median\": %.3f, \"us_least\": %.3f}\n",
           bench->sampler, (unsigned long long)bench->dims,
           (unsigned long long)bench->history, (unsigned long long)bench->repeat,
           times[bench->repeat / 2], times[0]);
    study_destroy(study);
}
