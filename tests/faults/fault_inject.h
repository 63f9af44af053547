/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection: a library to be preloaded that makes single calls of libc functions fail, as the
 * plan says (fault_plan.h). For tests only; never installed. fault_calls.c has the functions that
 * it stands in front of, this header what decides.
 *
 * Safe wherever the functions are called: in signal handlers, before constructors, between fork and
 * exec. Allocates nothing, takes no lock, keeps errno unless a call is to fail.
 */
#ifndef ADATRACE_TESTS_FAULT_INJECT_H
#define ADATRACE_TESTS_FAULT_INJECT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Count a call of `name` that returns to `caller`. True: it has to fail, and errno says how. A slow
 * call has waited when this returns.
 */
bool fault_due(const char *name, const void *caller);

/* The same for calls that move `*size` bytes: halves it when the call is to be short. */
bool fault_due_bytes(const char *name, const void *caller, size_t *size);

#endif
