/* SPDX-License-Identifier: Apache-2.0 */
/* The order of what records have of the clock: 42 bits of it, which go round every half hour, in
 * the middle of a test, too. */
#ifndef ADATRACE_TESTS_TICKS_ORDER_H
#define ADATRACE_TESTS_TICKS_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include <adatrace/record.h>

static inline bool ticks_go_back(uint64_t from, uint64_t to)
{
    return ((to - from) & ADA_RECORD_TICKS_MASK) > ADA_RECORD_TICKS_MASK / 2;
}

#endif
