/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the agent library is that recorded programs are preloaded with. Main thread.
 */
#ifndef ADATRACE_CLI_RECORD_AGENT_H
#define ADATRACE_CLI_RECORD_AGENT_H

#include <stddef.h>

/* $ADATRACE_AGENT, else as installed or built beside this command. 0, or a negative errno after
 * saying why on stderr. */
int record_agent_find(char *path, size_t size) __attribute__((warn_unused_result));

#endif
