/* SPDX-License-Identifier: Apache-2.0 */
/* logscale.h – logarithm and exponential that give the same bits everywhere.
 *
 * A suggestion must not depend on the machine's libm, which picks other code on other
 * processors. These use only operations that IEEE 754 defines exactly. The error is a
 * few units in the last place.
 */
#ifndef CORE_LOGSCALE_H
#define CORE_LOGSCALE_H

/* Natural logarithm of a positive, finite x. */
double logscale_log(double x);

/* e to the power x; 0 below about -745, infinity above about 709. */
double logscale_exp(double x);

#endif
