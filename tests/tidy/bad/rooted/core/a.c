/* SPDX-License-Identifier: Apache-2.0 */
/* a.c – a file that exists to be checked. */
#include "err.h"
