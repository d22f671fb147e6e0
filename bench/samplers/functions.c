/* SPDX-License-Identifier: Apache-2.0 */
/* functions.c – the functions and their spaces.
 * Owns nothing. Knows formulae. Six are textbook functions, four of them shifted so
 * that the minimum does not lie in the middle of the box, where a sampler with a
 * centred prior would be favoured; log4 and mixcond are shaped like tuning a network.
 * tests/golden/functions.json has values to check them by. */
#include "bench/samplers/functions.h"

#include <math.h>

#define PI 3.14159265358979323846
#define E  2.71828182845904523536

static const double shift[] = { 1.3, -2.1, 0.7, 2.9, -0.4, 1.9, -1.7, 0.3, -2.6, 2.2 };

static double square(double v)
{
    return v * v;
}

static double sphere5(const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < 5; i++) {
        sum += square(x[i] - shift[i]);
    }
    return sum;
}

static double rosenbrock5(const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < 4; i++) {
        sum += 100.0 * square(x[i + 1] - x[i] * x[i]) + square(1.0 - x[i]);
    }
    return sum;
}

static double rastrigin5(const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < 5; i++) {
        double z = x[i] - shift[i];
        sum += z * z - 10.0 * cos(2 * PI * z);
    }
    return 10.0 * 5 + sum;
}

static double ackley10(const double *x)
{
    double squares = 0;
    double waves = 0;
    for (size_t i = 0; i < 10; i++) {
        double z = x[i] - 3.0 * shift[i];
        squares += z * z;
        waves += cos(2 * PI * z);
    }
    return -20.0 * exp(-0.2 * sqrt(squares / 10.0)) - exp(waves / 10.0) + 20.0 + E;
}

static double branin(const double *x)
{
    double b = 5.1 / (4 * PI * PI);
    double c = 5.0 / PI;
    double t = 1.0 / (8 * PI);
    return square(x[1] - b * x[0] * x[0] + c * x[0] - 6.0)
           + 10.0 * (1.0 - t) * cos(x[0]) + 10.0;
}

static double hartmann6(const double *x)
{
    static const double a[4][6] = { { 10, 3, 17, 3.5, 1.7, 8 },
                                    { 0.05, 10, 17, 0.1, 8, 14 },
                                    { 3, 3.5, 1.7, 10, 17, 8 },
                                    { 17, 8, 0.05, 10, 0.1, 14 } };
    static const double p[4][6] = { { 1312, 1696, 5569, 124, 8283, 5886 },
                                    { 2329, 4135, 8307, 3736, 1004, 9991 },
                                    { 2348, 1451, 3522, 2883, 3047, 6650 },
                                    { 4047, 8828, 8732, 5743, 1091, 381 } };
    static const double c[4] = { 1.0, 1.2, 3.0, 3.2 };
    double sum = 0;
    for (size_t i = 0; i < 4; i++) {
        double distance = 0;
        for (size_t j = 0; j < 6; j++) {
            distance += a[i][j] * square(x[j] - 1e-4 * p[i][j]);
        }
        sum += c[i] * exp(-distance);
    }
    return -sum;
}

static double log4(const double *x)
{
    double u = log10(x[0]) + 2.7;
    double v = log10(x[1]) + 4.3;
    double w = log10(x[2]) + 6.6;
    double t = log10(x[3]) - 3.4;
    return u * u + 0.5 * v * v + 0.6 * u * v + 0.3 * w * w + 0.4 * t * t
           + 0.3 * (1.0 - cos(2 * PI * u));
}

/* Parameters of mixcond, in the order of its space. */
enum {
    OPT,
    LR,
    LAYERS,
    UNITS,
    ACT,
    DROPOUT,
    BATCH,
    MOMENTUM,
    NESTEROV,
    OMB2,
    ALPHA,
    MIXCOND_DIMS
};

static double mixcond(const double *x)
{
    static const double base[] = { 0.10, 0.0, 0.25 };
    static const double lr_best[] = { -1.2, -2.9, -3.2 };
    static const double act[] = { 0.06, 0.20, 0.0, 0.12 };
    size_t opt = (size_t)x[OPT];
    double deep = x[LAYERS] - 4.0;
    double sum = base[opt] + 0.5 * square(log10(x[LR]) - lr_best[opt] - 0.15 * deep)
                 + 0.08 * pow(fabs(deep), 1.5)
                 + 0.15 * square(log2(x[UNITS]) - 7.6 - 0.2 * deep)
                 + act[(size_t)x[ACT]] + 2.0 * square(x[DROPOUT] - 0.25)
                 + 0.005 * square((x[BATCH] - 96.0) / 16.0);
    if (opt == 0) {
        return sum + 3.0 * square(x[MOMENTUM] - 0.9) + (x[NESTEROV] == 0 ? 0.0 : 0.05);
    }
    return opt == 1 ? sum + 0.2 * square(log10(x[OMB2]) + 2.6)
                    : sum + 5.0 * square(x[ALPHA] - 0.93);
}

#define BOX2(a, b, range) a ": {float: " range "}, " b ": {float: " range "}"
#define BOX5(range)                                                                    \
    "{" BOX2("x1", "x2", range) ", " BOX2("x3", "x4", range) ", x5: {float: " range "}}"
#define BOX6(range)                                                                    \
    "{" BOX2("x1", "x2", range) ", " BOX2("x3", "x4", range) ", " BOX2("x5", "x6",     \
                                                                       range) "}"
#define BOX10(range)                                                                   \
    "{" BOX2("x1", "x2", range) ", " BOX2("x3", "x4", range) ", " BOX2(                \
        "x5", "x6", range) ", " BOX2("x7", "x8", range) ", " BOX2("x9", "x10",         \
                                                                  range) "}"

const struct function functions[FUNCTIONS_NR] = {
    { "sphere5", BOX5("[-5, 5]"), 0, 5, sphere5 },
    { "rosenbrock5", BOX5("[-5, 10]"), 0, 5, rosenbrock5 },
    { "rastrigin5", BOX5("[-5.12, 5.12]"), 0, 5, rastrigin5 },
    { "ackley10", BOX10("[-32.768, 32.768]"), 0, 10, ackley10 },
    { "branin", "{x1: {float: [-5, 10]}, x2: {float: [0, 15]}}", 0.39788735772973816, 2,
      branin },
    { "hartmann6", BOX6("[0, 1]"), -3.322368011415514, 6, hartmann6 },
    { "log4",
      "{lr: {float: [1e-6, 1], scale: log}, wd: {float: [1e-8, 1e-1], scale: log}, "
      "eps: {float: [1e-10, 1e-2], scale: log}, scale: {float: [1, 1e5], scale: log}}",
      0, 4, log4 },
    { "mixcond",
      "{opt: [sgd, adam, rms], lr: {float: [1e-5, 1], scale: log}, "
      "layers: {int: [1, 6]}, units: {int: [8, 1024], scale: log}, "
      "act: [relu, tanh, gelu, elu], dropout: {float: [0, 0.6], step: 0.05}, "
      "batch: {int: [16, 256], step: 16}, "
      "momentum: {float: [0, 0.99], when: opt == sgd}, "
      "nesterov: {choice: [\"yes\", \"no\"], when: opt == sgd}, "
      "omb2: {float: [1e-4, 1e-1], scale: log, when: opt == adam}, "
      "alpha: {float: [0.8, 0.999], when: opt == rms}}",
      /* at units = 194, the int next to its best */
      1.1394726516901345e-09, MIXCOND_DIMS, mixcond },
};
