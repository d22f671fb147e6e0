/* SPDX-License-Identifier: Apache-2.0 */
/* qmc.c – quasi-random points: they fill the space more evenly than random ones.
 * Owns nothing. Knows that the cursor is the index of the next point of the sequence.
 * Does not know history.
 *
 * Each parameter is a dimension of its own, by its place in the file, and its
 * coordinate the share of its distribution (fresh_value), so that every value of a
 * discrete one is met equally often. Inactive parameters are pruned from the point;
 * points that are forbidden or were tried are passed over. */
#include "samplers/samplers.h"

#include "base/mem.h"
#include "samplers/fresh.h"
#include "samplers/sobol.h"

enum {
    SEQUENCE,
    SCRAMBLE,
    OPTIONS_NR
};
enum {
    SOBOL,
    HALTON
};

static const char *const sequences[] = { "sobol", "halton" };

static const struct option_def options[OPTIONS_NR] = {
    [SEQUENCE] = { .name = "sequence",
                   .kind = OPTION_WORD,
                   .preset = SOBOL,
                   .words = sequences,
                   .words_len = ARRAY_LEN(sequences),
                   .summary = "which sequence of points" },
    [SCRAMBLE] = { .name = "scramble",
                   .kind = OPTION_BOOL,
                   .preset = 1,
                   .summary = "randomise it by the seed; without, every seed gives the "
                              "same points, the first of them the lower bounds" },
};

enum {
    /* Points passed over before it is given up, or, … */
    SKIPS_MAX = 10000,
    /* … where few points can be left, searched instead. */
    TRIED_MAX = 200
};

/* The sequence of one request. */
struct sequence {
    const struct space *space;
    bool halton;
    bool scramble;
    uint64_t *keys;  /* of each dimension, owned */
    uint32_t *bases; /* of each dimension, owned; Halton only */
};

static void sequence_init(struct sequence *sequence,
                          const struct suggest_request *request)
{
    double presets[OPTIONS_NR];
    option_presets(options, OPTIONS_NR, presets);
    const double *chosen = request->options != NULL ? request->options : presets;
    const struct space *space = request->space;
    *sequence = (struct sequence){
        .space = space,
        .halton = chosen[SEQUENCE] == HALTON,
        .scramble = chosen[SCRAMBLE] != 0,
        .keys = mem_alloc_array(space->len, sizeof *sequence->keys),
        .bases = mem_alloc_array(space->len, sizeof *sequence->bases),
    };
    if (sequence->halton) {
        halton_primes(sequence->bases, (uint32_t)space->len);
    }
    for (size_t i = 0; i < space->len && sequence->scramble; i++) {
        struct rng rng =
            rng_stream(request->seed, 0, str_from(space->params[i].name), RNG_SHIFT);
        sequence->keys[i] = rng_u64(&rng);
    }
}

static void sequence_fini(struct sequence *sequence)
{
    mem_free(sequence->keys);
    mem_free(sequence->bases);
}

static void sequence_point(const struct sequence *sequence, uint32_t index, double *x)
{
    for (size_t i = 0; i < sequence->space->len; i++) {
        double u = sequence->halton ? halton_at(index, sequence->bases[i],
                                                sequence->scramble, sequence->keys[i])
                                    : sobol_at(index, (uint32_t)i, sequence->scramble,
                                               sequence->keys[i]);
        x[i] = fresh_value(sequence->space, i, u);
    }
    space_prune(sequence->space, x);
}

/* Goes on to the first point that may be suggested; false when that looks hopeless.
 * *index then is where it stopped. */
static bool find_point(const struct suggest_request *request,
                       uint64_t *index,
                       size_t *tried_out,
                       double *x_out)
{
    struct sequence sequence;
    bool found = false;
    *tried_out = 0;
    sequence_init(&sequence, request);
    for (size_t skip = 0; skip < SKIPS_MAX && *tried_out < TRIED_MAX && !found;
         skip++) {
        sequence_point(&sequence, (uint32_t)(*index)++, x_out);
        bool allowed = !space_is_forbidden(request->space, x_out);
        bool tried = allowed && suggest_is_tried(request, x_out);
        *tried_out += tried ? 1 : 0;
        found = allowed && !tried;
    }
    sequence_fini(&sequence);
    return found;
}

static enum err_code qmc_suggest(const struct suggest_request *request,
                                 double *x_out,
                                 uint64_t *cursor_out,
                                 struct err *err)
{
    uint64_t index = request->cursor;
    size_t tried = 0;
    enum err_code code = ERR_OK;
    if (!find_point(request, &index, &tried, x_out)) {
        code = fresh_point(request, RNG_SUGGEST, x_out, err);
    }
    if (code == ERR_OK) {
        *cursor_out = index;
    }
    return code;
}

const struct sampler_ops sampler_qmc = {
    .name = "qmc",
    .summary =
        "quasi-random: a scrambled Sobol or Halton sequence, more even than random",
    .learns = false,
    .immediate = true,
    .options = options,
    .options_len = OPTIONS_NR,
    .check = NULL,
    .count = NULL,
    .suggest = qmc_suggest,
};
