/* SPDX-License-Identifier: Apache-2.0 */
/* The figure that a fuzzer leaves for its row: evidence_write(). */
#ifndef ADATRACE_TESTS_FUZZ_EVIDENCE_H
#define ADATRACE_TESTS_FUZZ_EVIDENCE_H

#include "tests/helpers/evidence.h"

#endif
