/* SPDX-License-Identifier: Apache-2.0 */
/* derive.h – every decision of a run made again from what is stored, as `winnow replay
 * --check` does. */
#ifndef TESTS_SIM_DERIVE_H
#define TESTS_SIM_DERIVE_H

#include "base/compiler.h"
#include "base/err.h"
#include "tests/sim/storage.h"

/* ERR_CORRUPT: a decision of some sweep comes out differently; err says which. */
enum err_code derive_again(struct storage *storage, struct err *err) MUST_USE;

#endif
