/* SPDX-License-Identifier: Apache-2.0 */
/* embed.c – a program that tunes a function of its own with winnow's samplers.
 *
 * usage: embed [SAMPLER]      (random, qmc, tpe, …)
 *
 * Four trials are open at a time, as if four machines worked on them; some are stopped
 * early. Only samplers/sampler.h is needed. */
#include "samplers/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIALS = 200,
    OPEN = 4
};

static const char space[] = "space:\n"
                            "  lr: {float: [1e-5, 1], scale: log}\n"
                            "  layers: {int: [1, 6]}\n"
                            "  opt: [sgd, adam]\n"
                            "  momentum: {float: [0, 0.99], when: opt == sgd}\n"
                            "search: {sampler: %s, seed: 7}\n";

static void must(enum err_code code, const struct err *err)
{
    if (code != ERR_OK) {
        fprintf(stderr, "embed: %s\n", err->msg);
        exit(1);
    }
}

static double loss_of(const struct study *study, uint32_t trial)
{
    int is_sgd = strcmp(study_string(study, trial, "opt"), "sgd") == 0;
    double lr = log10(study_number(study, trial, "lr"));
    double layers = (double)study_int(study, trial, "layers", 0);
    double momentum = is_sgd ? study_number(study, trial, "momentum") : 0.9;
    return pow(lr + (is_sgd ? 1.5 : 3.0), 2) + 0.1 * fabs(layers - 4)
           + pow(momentum - 0.9, 2) + (is_sgd ? 0.1 : 0.0);
}

int main(int argc, char **argv)
{
    struct err err = { 0 };
    struct study *study = NULL;
    uint32_t trial = 0;
    double best = 0;
    char text[sizeof space + 64];
    snprintf(text, sizeof text, space, argc > 1 ? argv[1] : "qmc");
    must(study_create(text, STUDY_MINIMIZE, &study, &err), &err);
    for (uint32_t told = 0; told < TRIALS; told++) {
        while (study_trials(study) < told + OPEN && study_trials(study) < TRIALS) {
            must(study_ask(study, &trial, &err), &err);
        }
        double loss = loss_of(study, told);
        if (loss > 10) {
            must(study_tell_pruned(study, told, loss, 1, &err), &err);
        } else {
            must(study_tell(study, told, loss, &err), &err);
        }
    }
    if (study_best(study, &trial, &best)) {
        char *json = study_json(study, trial);
        printf("%.6f %s\n", best, json);
        free(json);
    }
    study_destroy(study);
    return 0;
}
