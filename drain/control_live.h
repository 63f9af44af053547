/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `subscribe`: no words; the answer carries two descriptors, the buffer and the catalogue
 * (live.h, live_message.h), and its body is "live", a blank and LIVE_VERSION. The connection is
 * kept: who hangs up does not listen any more, and the session's end hangs up on who listens. On
 * the verbs' thread.
 */
#ifndef ADATRACE_DRAIN_CONTROL_LIVE_H
#define ADATRACE_DRAIN_CONTROL_LIVE_H

#include "drain/control.h"

int control_subscribe(struct control_context *context);

#endif
