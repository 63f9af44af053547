/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Death: a process that dies after any given instruction of a piece of code. A debugger's single
 * steps bring it there, SIGKILL ends it; so all moments of dying are tried, and not those that
 * chance brings.
 */
#ifndef ADATRACE_TESTS_DEATH_H
#define ADATRACE_TESTS_DEATH_H

#include <stdbool.h>

/*
 * About how many instructions act(context) has; 0: most would be a sanitizer's or valgrind's, or
 * this machine allows no single steps. To be linked with all symbols bound (-z now), or the first
 * call of a function is a long walk through the loader.
 */
unsigned death_moments(void (*act)(void *context), void *context);
/* From one moment to try to the next: with so many instructions not all can be tried. */
unsigned death_stride(unsigned moments);

/* Run act(context) in another process and kill it after `steps` instructions. False: it came to its
 * end before; how long it takes depends a little on what it finds. */
bool death_after(void (*act)(void *context), void *context, unsigned steps);

#endif
