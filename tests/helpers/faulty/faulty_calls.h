/* SPDX-License-Identifier: Apache-2.0 */
/* Between faulty.c and the wrapped functions of faulty_calls.c. */
#ifndef ADATRACE_TESTS_FAULTY_CALLS_H
#define ADATRACE_TESTS_FAULTY_CALLS_H

#include <stdbool.h>
#include <stdint.h>

struct faulty_held {
    int64_t allocations, mapped_bytes, descriptors;
};

/* The error that this call has to fail with, or FAULTY_SHORT; 0: it has not. */
int faulty_due(const char *name, int error);

/* So many more are held. */
void faulty_hold(int64_t allocations, int64_t mapped_bytes);

#endif
