/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec: what other families have to know of processes that are about to become another program.
 */
#ifndef ADATRACE_AGENT_EXEC_H
#define ADATRACE_AGENT_EXEC_H

#include <stdbool.h>

/*
 * Is the caller a vfork child whose exec failed? It runs in its parent's memory, so what it does
 * next, _exit(), must not be told as the parent's. The answer is given once. Async-signal-safe; no
 * system call unless an exec has failed in a vfork child of this thread.
 */
bool exec_take_failed_child(void);

#endif
