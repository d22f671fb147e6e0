/* SPDX-License-Identifier: Apache-2.0 */
/* parzen_score.c – the density at candidates.
 * Owns nothing. Knows how columns of each kind enter. Does not know how a candidate was
 * made or what the density is for.
 *
 * Candidates whose active parameters are the same are taken together. ln of every
 * kernel at every candidate is summed column by column in a matrix, one row a
 * candidate, and each row ends in a log-sum-exp. */
#include <math.h>

#include "base/mem.h"
#include "core/logscale.h"
#include "samplers/tpe/parzen.h"

/* Candidates with the same active parameters. */
struct batch {
    const struct parzen *parzen;
    const struct candidates *candidates;
    uint32_t *who; /* indexes of candidates */
    size_t len;
    double *matrix; /* len rows of parzen->padded */
    double *work;   /* 3 * parzen->padded */
};

static double value_at(const struct batch *batch, size_t column, size_t i)
{
    return batch->candidates->x[column * batch->candidates->padded + batch->who[i]];
}

static bool is_active(const struct batch *batch, size_t column)
{
    return !isnan(value_at(batch, column, 0));
}

static bool is_real(const struct batch *batch, size_t column)
{
    return batch->parzen->columns[column].axis->kind == AXIS_REAL
           && is_active(batch, column);
}

/* Numbers without steps: they start the matrix. */
static void score_reals(const struct batch *batch)
{
    const struct parzen *parzen = batch->parzen;
    double *base = batch->work;
    uint32_t *AUTO_FREE active = mem_alloc_array(parzen->reals, sizeof *active);
    double *AUTO_FREE points =
        mem_alloc_array(batch->len * parzen->reals, sizeof(double));
    size_t active_len = 0;
    for (size_t c = 0; c < parzen->columns_len; c++) {
        active_len += is_real(batch, c);
    }
    for (size_t k = 0; k < parzen->padded; k++) {
        base[k] = parzen->log_weight[k];
    }
    size_t at = 0;
    for (size_t c = 0; c < parzen->columns_len; c++) {
        const struct column *column = &parzen->columns[c];
        const double *u = batch->candidates->u + c * batch->candidates->padded;
        if (!is_real(batch, c)) {
            continue;
        }
        for (size_t k = 0; k < parzen->padded; k++) {
            base[k] += column->factor[k];
        }
        for (size_t i = 0; i < batch->len; i++) {
            points[i * active_len + at] = u[batch->who[i]];
        }
        active[at++] = (uint32_t)column->place;
    }
    const struct score_kernels kernels = { .len = parzen->padded,
                                           .dims = parzen->reals,
                                           .blocks = parzen->blocks,
                                           .active = active,
                                           .active_len = active_len,
                                           .base = base };
    parzen->ops->gauss(&kernels, batch->len, points, batch->matrix);
}

/* ln of the mass of every distinct kernel between two coordinates. */
static const double *step_masses(const struct batch *batch,
                                 const struct column *column,
                                 double low,
                                 double high)
{
    size_t padded = score_pad(column->distinct);
    double *from = batch->work;
    double *to = from + padded;
    double *mass = to + padded;
    for (size_t j = 0; j < padded; j++) {
        from[j] = (low - column->mean[j]) * column->inverse[j];
        to[j] = (high - column->mean[j]) * column->inverse[j];
    }
    batch->parzen->ops->log_mass(padded, from, to, mass);
    for (size_t j = 0; j < padded; j++) {
        mass[j] += column->factor[j];
    }
    return mass;
}

/* Adds the masses of one step to the rows, from i on, of the candidates that lie on it.
 */
static void
add_masses(const struct batch *batch, size_t c, size_t i, const double *mass)
{
    const struct parzen *parzen = batch->parzen;
    const uint32_t *cell = parzen->columns[c].cell;
    for (size_t j = i; j < batch->len; j++) {
        double *row = batch->matrix + j * parzen->padded;
        if (value_at(batch, c, j) != value_at(batch, c, i)) {
            continue;
        }
        for (size_t k = 0; k < parzen->len; k++) {
            row[k] += mass[cell[k]];
        }
    }
}

static void score_steps(const struct batch *batch, size_t c)
{
    const struct column *column = &batch->parzen->columns[c];
    size_t padded = score_pad(batch->len);
    double *AUTO_FREE ends = mem_alloc_array(3 * padded, sizeof *ends);
    double *low = ends + padded;
    double *high = low + padded;
    for (size_t i = 0; i < padded; i++) {
        ends[i] = value_at(batch, c, i < batch->len ? i : 0);
    }
    axis_edges(column->axis, batch->parzen->ops, padded, ends, low, high);
    for (size_t i = 0; i < batch->len; i++) {
        size_t first = 0;
        while (ends[first] != ends[i]) {
            first++;
        }
        if (first == i) {
            add_masses(batch, c, i, step_masses(batch, column, low[i], high[i]));
        }
    }
}

static void score_choices(const struct batch *batch, size_t c)
{
    const struct parzen *parzen = batch->parzen;
    const struct column *column = &parzen->columns[c];
    uint32_t choices = (uint32_t)column->axis->choices;
    double alike = -logscale_log((double)choices);
    for (size_t i = 0; i < batch->len; i++) {
        double *row = batch->matrix + i * parzen->padded;
        uint32_t choice = (uint32_t)value_at(batch, c, i);
        for (size_t k = 0; k < parzen->len; k++) {
            uint32_t cell = column->cell[k];
            double other = cell == choices ? alike : column->miss;
            row[k] += cell == choice ? column->hit : other;
        }
    }
}

static void score_batch(const struct batch *batch, double *out)
{
    const struct parzen *parzen = batch->parzen;
    score_reals(batch);
    for (size_t c = 0; c < parzen->columns_len; c++) {
        enum axis_kind kind = parzen->columns[c].axis->kind;
        if (kind == AXIS_STEPPED && is_active(batch, c)) {
            score_steps(batch, c);
        } else if (kind == AXIS_CHOICE && is_active(batch, c)) {
            score_choices(batch, c);
        }
    }
    for (size_t i = 0; i < batch->len; i++) {
        double *row = batch->matrix + i * parzen->padded;
        out[batch->who[i]] = parzen->ops->log_sum_exp(parzen->padded, row);
    }
}

static bool same_activity(const struct batch *batch, size_t i, size_t j)
{
    const struct candidates *candidates = batch->candidates;
    for (size_t c = 0; c < batch->parzen->columns_len; c++) {
        const double *x = candidates->x + c * candidates->padded;
        if (isnan(x[i]) != isnan(x[j])) {
            return false;
        }
    }
    return true;
}

size_t parzen_score_bytes(size_t observations, size_t candidates)
{
    return (candidates + 3) * score_pad(observations + 1) * sizeof(double);
}

void parzen_score(const struct parzen *parzen,
                  const struct candidates *candidates,
                  void *work,
                  double *out)
{
    double *matrix = work;
    size_t n = candidates->len;
    uint32_t *AUTO_FREE who = mem_alloc_array(n, sizeof *who);
    bool *AUTO_FREE done = mem_alloc_array(n, sizeof *done);
    struct batch batch = { .parzen = parzen,
                           .candidates = candidates,
                           .who = who,
                           .matrix = matrix,
                           .work = matrix + n * parzen->padded };
    for (size_t i = 0; i < n; i++) {
        batch.len = 0;
        for (size_t j = i; j < n && !done[i]; j++) {
            if (!done[j] && same_activity(&batch, i, j)) {
                who[batch.len++] = (uint32_t)j;
                done[j] = j != i;
            }
        }
        if (batch.len > 0) {
            score_batch(&batch, out);
        }
    }
}
