/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judge: is a session's trace exactly what the threads attempted in it? For every thread: what was
 * emitted is there, once, whole, in order and in time; what was dropped is not; between any two
 * records stand gaps of as many records and bytes as are missing there, with their times; and the
 * ledger says the same. One thread.
 */
#ifndef ADATRACE_TESTS_JUDGE_H
#define ADATRACE_TESTS_JUDGE_H

#include "model.h"
#include "registry/ring.h"
#include "sight.h"

/* False: why[size] says what is wrong. Where a record may be damaged it judges no further, and
 * counts that in the model; else it adds what became of the attempts to the model's sums. */
bool judge(struct model *model, const struct sight *sight, enum ring_policy policy, uint32_t phase,
           char *why, size_t size);

#endif
