/* SPDX-License-Identifier: Apache-2.0 */
/* tpe_rig.h – small studies with TPE in tests: ask, keep some trials open, tell. */
#ifndef TESTS_UNIT_SAMPLERS_TPE_RIG_H
#define TESTS_UNIT_SAMPLERS_TPE_RIG_H

#include "core/sampler.h"
#include "core/sweep_spec.h"

enum {
    RIG_OPEN_MAX = 16
};

struct tpe_rig {
    struct sweep_spec *spec;
    struct history history;
    struct tried tried;
    bool avoid;   /* points are not asked for twice */
    double *open; /* rows of the space's length, by number */
    uint32_t numbers[RIG_OPEN_MAX];
    size_t open_len;
    uint32_t asked;
};

/* space and more as in spec_rig_space; options as in a sweep file, e.g. "group: false".
 */
void tpe_rig_init(struct tpe_rig *rig, const char *space, const char *options);
void tpe_rig_fini(struct tpe_rig *rig);

/* The request for the next trial. */
struct suggest_request tpe_rig_request(const struct tpe_rig *rig);

/* Asks for the next trial and opens it; fails the test on anything but success. Returns
 * its point, valid until the next call. */
const double *tpe_rig_ask(struct tpe_rig *rig);

/* Ends the oldest open trial. */
void tpe_rig_tell(struct tpe_rig *rig, enum trial_state state, double loss);

/* `trials` trials with `outstanding` open; the least loss. */
double tpe_rig_run(struct tpe_rig *rig,
                   size_t trials,
                   size_t outstanding,
                   double (*loss)(const double *x));

#endif
