/* SPDX-License-Identifier: Apache-2.0 */
/* parzen_draw.c – points from a density.
 * Owns candidates. Knows truncated normals and choices. Does not know scores. */
#include "base/mem.h"
#include "samplers/tpe/parzen.h"

/* Candidates while one column after the other is drawn. */
struct draw {
    const struct parzen *parzen;
    double wider;
    uint32_t *picks; /* kernel of each candidate */
    double *low;     /* ends of the range, in widths from the kernel's mean; mirrored
                        when most of the mass is above them */
    double *high;
};

void candidates_init(struct candidates *candidates, size_t columns, size_t len)
{
    size_t padded = score_pad(len);
    *candidates = (struct candidates){ .len = len, .padded = padded };
    candidates->x = mem_alloc_array(columns * padded, sizeof(double));
    candidates->u = mem_alloc_array(columns * padded, sizeof(double));
}

void candidates_fini(struct candidates *candidates)
{
    mem_free(candidates->x);
    mem_free(candidates->u);
}

static uint32_t pick_kernel(const struct parzen *parzen, double share)
{
    size_t k = 0;
    while (k + 1 < parzen->len && share >= parzen->weight[k]) {
        share -= parzen->weight[k];
        k++;
    }
    return (uint32_t)k;
}

/* A kernel keeps its choice, or takes any. */
static void draw_choices(const struct draw *draw,
                         const struct column *column,
                         struct rng *rng,
                         size_t n,
                         double *x)
{
    size_t choices = column->axis->choices;
    for (size_t i = 0; i < n; i++) {
        uint32_t own = column->cell[draw->picks[i]];
        bool kept = rng_uniform(rng) < column->keep && own < choices;
        uint64_t any = rng_below(rng, choices);
        x[i] = kept ? (double)own : (double)any;
    }
}

static double clamp(double v, double low, double high)
{
    v = v < low ? low : v;
    return v > high ? high : v;
}

/* Inverts the truncated distribution function, on the side where its values are small,
 * so that both tails are exact. */
static void draw_normals(const struct draw *draw,
                         const struct column *column,
                         struct rng *rng,
                         size_t n,
                         double *u)
{
    const struct parzen *parzen = draw->parzen;
    size_t padded = score_pad(n);
    for (size_t i = 0; i < padded; i++) {
        struct kernel kernel = parzen_kernel(parzen, column, draw->picks[i]);
        double inverse = kernel.inverse / draw->wider;
        bool mirrored = kernel.mean < 0.5;
        draw->low[i] = (mirrored ? kernel.mean - 1 : -kernel.mean) * inverse;
        draw->high[i] = (mirrored ? kernel.mean : 1 - kernel.mean) * inverse;
    }
    parzen->ops->ndtr(padded, draw->low, draw->low);
    parzen->ops->ndtr(padded, draw->high, draw->high);
    for (size_t i = 0; i < n; i++) {
        struct kernel kernel = parzen_kernel(parzen, column, draw->picks[i]);
        double share = draw->low[i] + rng_uniform(rng) * (draw->high[i] - draw->low[i]);
        double t = rng_normal_quantile(clamp(share, 1e-300, 1 - 0x1p-53));
        double away = t * draw->wider / kernel.inverse;
        u[i] = clamp(kernel.mean < 0.5 ? kernel.mean - away : kernel.mean + away, 0, 1);
    }
}

void parzen_draw(const struct parzen *parzen,
                 double wider,
                 struct rng *pick,
                 struct rng *streams,
                 struct candidates *candidates)
{
    size_t n = candidates->len;
    uint32_t *AUTO_FREE picks = mem_alloc_array(candidates->padded, sizeof *picks);
    double *AUTO_FREE ends = mem_alloc_array(2 * candidates->padded, sizeof *ends);
    const struct draw draw = { parzen, wider, picks, ends, ends + candidates->padded };
    for (size_t i = 0; i < n; i++) {
        picks[i] = pick_kernel(parzen, rng_uniform(pick));
    }
    for (size_t c = 0; c < parzen->columns_len; c++) {
        const struct column *column = &parzen->columns[c];
        double *x = candidates->x + c * candidates->padded;
        double *u = candidates->u + c * candidates->padded;
        if (column->axis->kind == AXIS_CHOICE) {
            draw_choices(&draw, column, &streams[c], n, x);
            continue;
        }
        draw_normals(&draw, column, &streams[c], n, u);
        for (size_t i = 0; i < n; i++) {
            x[i] = axis_value(column->axis, u[i]);
        }
    }
}
