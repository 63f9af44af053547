/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own events: what expressions can ask about although no program emits it. They have types like
 * others, whose payloads are made by whoever meets them: the drain as it happens, the reading
 * commands where they find it in a trace. Constant data.
 */
#ifndef ADATRACE_BASE_OWN_EVENT_H
#define ADATRACE_BASE_OWN_EVENT_H

#include "base/schema.h"

enum own_event {
    OWN_EXIT,   /* adatrace:exit: a process has ended; struct own_exit */
    OWN_GAP,    /* adatrace:gap: records are missing; struct own_gap */
    OWN_SIGNAL, /* adatrace:signal: somebody asks; nothing */
    OWN_EVENTS
};

extern const struct schema own_event_types[OWN_EVENTS];

/* The payloads, packed as payloads are. */
struct own_exit {
    int32_t status; /* that it ended with; 0 when it was ended by a signal */
    int32_t signal; /* that ended it, or 0 */
};
struct own_gap {
    uint64_t records, bytes;
    int32_t kind; /* 1 dropped, 2 overwritten, 3 damaged */
};

#endif
