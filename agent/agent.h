/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agent: what the families of hooks share.
 *
 * A family is one file: its event types, its hooks, and a struct agent_family that agent.c lists.
 * To add one (files, sockets, locks): rows in real.h, a file beside memory.c, a line in agent.c and
 * the hooks' names in agent.map.
 *
 * What every hook keeps to:
 *   - It does what the real function does, with its arguments, its result and its errno.
 *   - It calls neither allocator nor loader, takes no lock, and holds nothing over the real call:
 *     that may never return (exec, siglongjmp, cancellation) or return twice.
 *   - Off means two loads, one predicted branch and a jump to the real function.
 */
#ifndef ADATRACE_AGENT_AGENT_H
#define ADATRACE_AGENT_AGENT_H

#include <adatrace/adatrace.h>

#include "agent/real.h"
#include "tracer/tracer.h"

/* A function that replaces libc's for the whole process; agent.map exports it. */
#define AGENT_HOOK __attribute__((visibility("default")))

#define AGENT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define AGENT_FIELD(name_, kind_, width_)                                        \
    {                                                                            \
        .name = (name_), .count = 1, .kind = ADA_KIND_##kind_, .width = (width_) \
    }

/* An event type of the agent; the fields are an array. */
#define AGENT_EVENT(variable, provider_, name_, phase_, level_, fields_) \
    static struct ada_event variable = {                                 \
        .on = ADA_EVENT_OFF,                                             \
        .provider = (provider_),                                         \
        .name = (name_),                                                 \
        .file = "",                                                      \
        .fields = (fields_),                                             \
        .field_count = AGENT_COUNT(fields_),                             \
        .phase = ADA_PHASE_##phase_,                                     \
        .level = ADA_LEVEL_##level_,                                     \
    }

/*
 * One family. Both calls come once, from the constructor: `prepare` (may be NULL) in every process,
 * `start` when this one is going to be traced; before it, every event is off. It registers what can
 * happen here.
 */
struct agent_family {
    const char *name;
    void (*prepare)(void);
    void (*start)(void);
};

extern const struct agent_family module_family, process_family, exec_family, thread_family,
    function_family, memory_family;

/* Make an event type known to the session. */
void agent_event_add(struct ada_event *event);

/* Emit `fixed`, all of an event's fixed-width fields, and its one string. */
void agent_emit_text(const struct ada_event *event, const void *fixed, uint32_t fixed_bytes,
                     const char *text);

/* The session's clock is the CPU's counter, and all threads may read it; else the tracer has to be
 * asked. */
extern bool agent_clock_is_counter __attribute__((visibility("hidden")));

/* When something that takes time begins. */
ADA_INLINE uint64_t agent_ticks(void)
{
    return ADA_LIKELY(agent_clock_is_counter) ? ada_ticks() : tracer_ticks();
}

/* How long it took until `record`, which tells of its end, was reserved: one clock reading serves
 * as time and duration. */
ADA_INLINE uint64_t agent_duration(const struct ada_record *record, uint64_t start_ticks)
{
    return ((record->word >> ADA_RECORD_TICKS_SHIFT) - start_ticks) & ADA_RECORD_TICKS_MASK;
}

/* Addresses and sizes travel in 6 bytes: no user address is longer. What is (an impossible size)
 * becomes all ones. */
#define AGENT_ADDRESS_MASK ((UINT64_C(1) << 48) - 1)

ADA_INLINE uint64_t agent_address(const void *address)
{
    return (uint64_t)(uintptr_t)address & AGENT_ADDRESS_MASK;
}

ADA_INLINE uint64_t agent_size(size_t size)
{
    return ADA_LIKELY(size <= AGENT_ADDRESS_MASK) ? size : AGENT_ADDRESS_MASK;
}

#endif
