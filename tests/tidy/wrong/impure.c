/* SPDX-License-Identifier: Apache-2.0 */
/* impure.c – what pure_symbols.sh must find: a clock read in a pure library. */
#include <stdint.h>
#include <time.h>

int64_t impure_now(void);

int64_t impure_now(void)
{
    return (int64_t)time(NULL);
}
