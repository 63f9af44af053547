/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept4(2) that fails as it does when there are no more descriptors: for programs that are linked
 * with --wrap=accept4. For one thread that accepts, and one that sets and asks.
 */
#ifndef ADATRACE_TESTS_ACCEPT_REFUSED_H
#define ADATRACE_TESTS_ACCEPT_REFUSED_H

#include <stdint.h>

/* The next so many calls that would have accepted somebody fail with EMFILE and ENOMEM. */
void accept_refuse(unsigned calls);

/* From the first of them to the one that went well; all have to be over. */
uint64_t accept_refused_ns(void);

/* The next calls of poll(2) for two descriptors or more find no memory. Any thread. */
void poll_refuse(unsigned calls);
unsigned poll_refusals_left(void);

#endif
