/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules: what is mapped where, told to the drain, so that code addresses become symbols.
 *
 * dlopen() is not hooked: it looks at its caller. So new modules are found by looking, at the
 * moments when somebody could miss them later.
 */
#ifndef ADATRACE_AGENT_MODULE_H
#define ADATRACE_AGENT_MODULE_H

#include <stdbool.h>

/*
 * Tell what came and went since the last look. Cheap when nothing did. Takes the loader's lock for
 * a moment, so not from signal handlers; does nothing where that could wait for ever (a child
 * forked while other threads ran). Leaves errno alone.
 */
void modules_look(void);

/* The same, where a signal handler may be the caller. */
void modules_look_if_calm(void);

/* In a forked child that the tracer knows of: had the parent more than one thread? */
void modules_fork_child(bool parent_had_threads);

#endif
