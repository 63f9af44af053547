/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutants: every ordering that the ring, the slots and the bell ask for is weakened by itself, and
 * some case has to fail. Nothing in the source is changed: the operation says where it stands, and
 * the explorer gives it another order.
 */
#ifndef ADATRACE_TESTS_MODEL_MUTANTS_H
#define ADATRACE_TESTS_MODEL_MUTANTS_H

#include "explorer.h"

/* As many as there are. Fewer: the list of places has been lost, or a part of it, and nothing that
 * is not tried survives. Who adds an order raises it. */
enum { MUTANTS_KNOWN = 40 };

struct mutants_result {
    unsigned tried, failed; /* in a case, as they should */
    unsigned excused;       /* no case fails, and unneeded.h says why */
    unsigned survived;
    unsigned strays; /* orders in files that nobody weakens, without a reason */
};

/* Tries all, with so many executions of each case at most (0: no limit); prints a line for each. */
struct mutants_result mutants_try(const struct model_case *const cases[], unsigned count,
                                  uint64_t executions);

/* Only that in this file and line, and the case that fails with its steps. */
void mutants_try_one(const struct model_case *const cases[], unsigned count, const char *file,
                     unsigned line);

#endif
