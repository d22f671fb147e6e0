/* SPDX-License-Identifier: Apache-2.0 */
/* rank.c – places in an order, without sorting.
 * Owns nothing. Knows Hoare's selection (FIND, CACM 4, 1961). Does not know rules. */
#include "base/assert.h"
#include "pruners/pruners.h"

/* Parts losses[low..high], low < high, by one of its values: what stands before the
 * place given is not above it, the rest not below; both parts have values. */
static size_t part(double *losses, size_t low, size_t high)
{
    double pivot = losses[low + (high - low) / 2];
    for (;; low++, high--) {
        while (losses[low] < pivot) {
            low++;
        }
        while (losses[high] > pivot) {
            high--;
        }
        if (low >= high) {
            return high + 1;
        }
        double moved = losses[low];
        losses[low] = losses[high];
        losses[high] = moved;
    }
}

double losses_kth(double *losses, size_t len, size_t k)
{
    size_t low = 0;
    size_t high = len - 1;
    ASSERT(k < len);
    while (low < high) {
        size_t behind = part(losses, low, high);
        if (k < behind) {
            high = behind - 1;
        } else {
            low = behind;
        }
    }
    return losses[k];
}
