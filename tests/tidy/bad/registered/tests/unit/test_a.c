/* SPDX-License-Identifier: Apache-2.0 */
/* test_a.c – a file that exists to be checked. */
#define X 1
