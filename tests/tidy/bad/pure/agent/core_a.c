/* SPDX-License-Identifier: Apache-2.0 */
/* core_a.c – a file that exists to be checked. */
#include <unistd.h>
