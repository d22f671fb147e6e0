/* SPDX-License-Identifier: Apache-2.0 */
/* a.h – a file that exists to be checked. */
#ifndef CORE_A_H
#define CORE_A_H
#include "base/err.h"
/* strcpy( in a comment and "sprintf(" in a string are text. */
#define TEXT "sprintf("
#endif
