/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded session's triggers, by the struct that registry/session_host.h has for them. Under
 * the tracer's session lock.
 */
#ifndef ADATRACE_DRAIN_EMBEDDED_TRIGGER_H
#define ADATRACE_DRAIN_EMBEDDED_TRIGGER_H

#include "drain/session_triggers.h"
#include "registry/session_host.h"

/* Add one while the drain runs; *triggers is made by the first. -EINVAL: the message is filled in;
 * -ENOSPC, -ENOMEM, -ESHUTDOWN. */
int embedded_trigger_add(struct session_triggers **triggers, struct drain *drain,
                         struct session_files *files, enum clock_source clock,
                         const struct session_host_trigger *wish)
    __attribute__((warn_unused_result));

#endif
