/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever can fail fails, once, at each of its calls: for unit tests that are linked by
 * ada_faulty(), which wraps the functions of faulty.c where our own objects call them.
 *
 * Only calls of the thread that armed them fail. What is held (descriptors, mappings, allocations)
 * is counted for the whole program.
 */
#ifndef ADATRACE_TESTS_FAULTY_H
#define ADATRACE_TESTS_FAULTY_H

#include <stdbool.h>

/* The nth wrapped call from now on fails; 0: none does. Armed again, it forgets what was. */
void faulty_arm(unsigned nth);

/* Nothing fails any more, to the end of the scene. */
void faulty_rest(void);

/* The next calls of this function fail with this error, so many times over (UINT_MAX: always);
 * NULL: of none. FAULTY_SHORT: they move half of the bytes. */
enum { FAULTY_SHORT = -1 };
void faulty_next(const char *name, int error, unsigned times);

/* The function whose call failed since faulty_arm(); NULL: none did. */
const char *faulty_name(void);

/*
 * Run `scene` again and again, its first wrapped call failing, its second, and so on until none of
 * them fails any more. A scene returns 0, having given back all that it took, or an error of ours,
 * holding nothing. The test fails if it says another error than the one that was injected (or one
 * of `also`, ended by 0; NULL: none), or does not give back everything. Functions in `harmless`
 * (ended by NULL) may fail without an error. Returns the number of failures.
 */
unsigned faulty_sweep(int (*scene)(void *context), void *context, const char *const *harmless,
                      const int *also);

#endif
