/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions out of bytes: each byte chooses what stands next, so that nearly every input is an
 * expression that parses, and what a fuzzer changes in it is a word, an operator or a bracket.
 * Names are those of fuzz_schema(), and some that mean nothing.
 */
#ifndef ADATRACE_TESTS_FUZZ_GRAMMAR_H
#define ADATRACE_TESTS_FUZZ_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

enum { GRAMMAR_TEXT_MAX = 1024 };

/* NUL-terminated. Where the choices end, the shortest is taken; what has no room is left out. */
void fuzz_condition(const uint8_t *choices, size_t count, char out[GRAMMAR_TEXT_MAX]);

#endif
