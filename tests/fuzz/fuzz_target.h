/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all fuzz targets share: the entry that libFuzzer, AFL++ and fuzz_replay.c call, and the few
 * things that several targets need. A target is one file with one LLVMFuzzerTestOneInput(); it
 * keeps nothing from one input to the next, and stops the process when something is wrong.
 */
#ifndef ADATRACE_TESTS_FUZZ_TARGET_H
#define ADATRACE_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/schema.h"

/* One input. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
/* Once, before the first; optional. */
int LLVMFuzzerInitialize(int *count, char ***words);

/* This has to hold for every input: otherwise the process says what does not, and ends here. */
#define FUZZ_CHECK(condition) \
    ((condition) ? (void)0 : fuzz_check_failed(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_check_failed(const char *file, int line, const char *condition);

/* Read every byte, so that a sanitizer sees those that are not there. */
void fuzz_touch(const void *bytes, size_t size);

/* A file in memory that holds just this; the same one every time. Its path is good until the next
 * call with the same `n` (0 or 1). */
const char *fuzz_file(unsigned n, const void *bytes, size_t size);

/* What the code under test prints goes nowhere from here on; sanitizers still report. */
void fuzz_silence(void);

/* Event types with fields of every kind and width; the type of index n has the number n + 1. */
enum { FUZZ_TYPES = 6 };
const struct schema *fuzz_schema(unsigned n);

#endif
