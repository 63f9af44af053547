/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs that steer a session. Their answers are pairs of name and value, each ended by a NUL;
 * what they refuse they refuse before anything has changed. Rows of control_verbs.c; the control's
 * thread.
 *
 *     enable GLOB...    disable GLOB...     matching, changed: numbers of event types
 *     pause             resume              changed: 1, or 0: it was so already
 *     stop                                  error: 0, or what writing the file met; the file is
 *                                           complete
 *     set KEY=VALUE...                      each key with the value in force
 */
#ifndef ADATRACE_DRAIN_CONTROL_STEER_H
#define ADATRACE_DRAIN_CONTROL_STEER_H

#include <stddef.h>

struct control_context;

enum { STEER_WHO_BYTES = 64 };
/* Who asks, as a clause for notes. */
void control_steer_who(const struct control_context *context, char *who, size_t size);

int control_enable(struct control_context *context);
int control_disable(struct control_context *context);
int control_pause(struct control_context *context);
int control_resume(struct control_context *context);
int control_stop(struct control_context *context);
int control_set(struct control_context *context);

#endif
