/* SPDX-License-Identifier: Apache-2.0 */
/* The cases that there are. */
#ifndef ADATRACE_TESTS_MODEL_CASES_H
#define ADATRACE_TESTS_MODEL_CASES_H

#include "explorer.h"

#define MODEL_CASES(name)                          \
    extern const struct model_case name##_cases[]; \
    extern const unsigned name##_cases_count

MODEL_CASES(litmus);
MODEL_CASES(ring);
MODEL_CASES(handler);
MODEL_CASES(overwrite);
MODEL_CASES(elastic);
MODEL_CASES(block);
MODEL_CASES(registry);

#endif
