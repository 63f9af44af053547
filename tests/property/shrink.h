/* SPDX-License-Identifier: Apache-2.0 */
/* Shrink: the smallest program near one that fails that fails, too. One thread. */
#ifndef ADATRACE_TESTS_SHRINK_H
#define ADATRACE_TESTS_SHRINK_H

#include <stddef.h>

#include "program.h"

/* why[size]: what is wrong with what is left. Tries some thousands of programs. */
void shrink(struct program *program, char *why, size_t size);

#endif
