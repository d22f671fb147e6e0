/* SPDX-License-Identifier: Apache-2.0 */
/* agent_core.c – a file that exists to be checked. */
#include "base/sys/log.h"
