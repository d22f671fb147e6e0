/* SPDX-License-Identifier: Apache-2.0 */
/* nothing.c – `true` as a trial: does nothing, but prints an objective when its
 * argument is 0. A sweep whose first trial prints none pauses itself; this one goes on,
 * and its other trials are as cheap as `true` (they count as failed, which changes
 * nothing in the work of running them).
 *
 * usage: bench_nothing NUMBER
 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc > 1 && strtol(argv[1], NULL, 10) < 64) {
        puts("acc=1");
    }
    return 0;
}
