#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes samplers/sobol_table.c: for each dimension of the Sobol sequence its primitive
polynomial over GF(2) and a seed that its first direction numbers are drawn from.

usage: sobol-table.py > samplers/sobol_table.c        (about a minute)

Dimension 0 is van der Corput's sequence, dimension 1 has the polynomial x + 1; together
they are a (0,2)-sequence. For each later dimension the seed is the one, of several,
whose two-dimensional projections with earlier dimensions have the least sum of 4^t,
where t is the quality parameter of the projection's first 2^m points as a (t,m,2)-net
(0 is best), over the sizes in SIZES.
"""
import sys

DIMS = 1000           # PARAMS_MAX of base/limits.h
SIZES = (4, 7, 10)    # m
FULL = 48             # so many first dimensions are compared with all earlier ones …
FULL_SEEDS = 200      # … trying so many seeds
NEAR, FIRST, SEEDS = 40, 20, 16 # the others with the last and the first so many
BITS = max(SIZES)
MASK = (1 << 64) - 1


def mix(z):
    """As in samplers/sobol.c."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def is_primitive(poly, degree):
    """x generates the multiplicative group: its order is 2^degree - 1."""
    order, x = 1, 2
    if degree == 1:
        return poly == 3
    while x != 1:
        x <<= 1
        if x >> degree:
            x ^= poly
        order += 1
        if order >= 1 << degree:
            return False
    return order == (1 << degree) - 1


def polynomials():
    degree = 1
    while True:
        for poly in range((1 << degree) + 1, 2 << degree, 2):
            if is_primitive(poly, degree):
                yield poly, degree
        degree += 1


def direction_numbers(dim, poly, degree, seed):
    """m_k of v_k = m_k / 2^k, k from 1."""
    m = []
    for k in range(1, BITS + 1):
        if k <= degree:
            drawn = mix((dim << 32) | (seed << 8) | k)
            m.append((drawn % (1 << (k - 1))) * 2 + 1)
            continue
        value = m[k - 1 - degree] ^ (m[k - 1 - degree] << degree)
        for i in range(1, degree):
            if poly >> (degree - i) & 1:
                value ^= m[k - 1 - i] << i
        m.append(value)
    return m


def rows_of(m):
    """Rows of the generator matrix, bit k for column k."""
    return [sum(((m[k] << (BITS - k - 1)) >> (BITS - 1 - r) & 1) << k
                for k in range(BITS)) for r in range(BITS)]


def reduce(basis, row):
    for pivot, other in basis:
        if row & pivot:
            row ^= other
    return row


def quality(a, b, size):
    """t of the first 2^size points of the projection on two dimensions."""
    mask = (1 << size) - 1
    least = size
    basis = []
    for first in range(size + 1):
        if first > 0:
            row = reduce(basis, a[first - 1] & mask)
            basis.append((row & -row, row))
        both, second = list(basis), 0
        while first + second < least:
            row = reduce(both, b[second] & mask)
            if row == 0:
                break
            both.append((row & -row, row))
            second += 1
        least = min(least, first + second)
    return size - least


def badness(rows, others, best):
    total = 0
    for other in others:
        for size in SIZES:
            total += 4 ** quality(other, rows, size)
        if total >= best:
            break
    return total


def main():
    found = polynomials()
    table, matrices = [(0, 0)], [rows_of([1] * BITS)]
    for dim in range(1, DIMS):
        poly, degree = next(found)
        full = dim < FULL
        others = matrices if full else matrices[-NEAR:] + matrices[:FIRST]
        best = None
        for seed in range(1 if dim == 1 else FULL_SEEDS if full else SEEDS):
            rows = rows_of(direction_numbers(dim, poly, degree, seed))
            bad = badness(rows, others, best[0] if best else float("inf"))
            if best is None or bad < best[0]:
                best = (bad, seed, rows)
        table.append((poly, best[1]))
        matrices.append(best[2])
        print("\r%d" % dim, end="", file=sys.stderr)
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* sobol_table.c – one line for each dimension of the Sobol sequence; made by\n"
          " * scripts/sobol-table.py, which says how, and not edited. Owns nothing. */")
    print('#include "samplers/sobol.h"\n\n/* clang-format off */')
    print("const struct sobol_dimension sobol_table[SOBOL_DIMS] = {")
    for i in range(0, DIMS, 5):
        print("    " + " ".join("{ %d, %d }," % row for row in table[i:i + 5]))
    print("};\n/* clang-format on */")


main()
