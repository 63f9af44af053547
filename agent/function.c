/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function family: entry and exit of functions that were built with -finstrument-functions.
 *
 * The hottest hooks of all. The usual way through them is straight code that calls nothing and
 * saves no register; docs/PERFORMANCE.md has the listing. Everything else is in cold functions.
 */
#include <string.h>

#include "agent/agent.h"

static const struct ada_field enter_fields[] = {AGENT_FIELD("function", CODE, 6),
                                                AGENT_FIELD("frame", UNSIGNED, 2)};
static const struct ada_field exit_fields[] = {AGENT_FIELD("function", CODE, 6)};

AGENT_EVENT(enter_event, "function", "enter", FUNCTION_ENTER, DEBUG, enter_fields);
AGENT_EVENT(exit_event, "function", "exit", FUNCTION_EXIT, DEBUG, exit_fields);

enum { RECORD_BYTES = 16 };

/* A library of the program's own that hooks functions, too; NULL: only libc's empty ones. */
static void (*next_enter)(void *function, void *call_site);
static void (*next_exit)(void *function, void *call_site);

/*
 * The frame tells which entries a longjmp or an exception has left without an exit: the stack
 * pointer in units of its alignment, low 16 bits. Hooks are called from the frame of the function
 * that they tell of, so the hook's own stack pointer stands for it.
 */
ADA_INLINE uint64_t enter_payload(const void *function, uint64_t sp)
{
    return agent_address(function) | sp >> 4 << 48;
}

__attribute__((noinline, cold)) static void emit_slow(uint32_t tag, uint64_t payload, uint64_t sp)
{
    struct ada_record record = tracer_reserve_slow(tag | RECORD_BYTES >> 3, RECORD_BYTES, sp);

    if (!record.payload)
        return;
    memcpy(record.payload, &payload, sizeof(payload));
    ada_commit_record(&record);
}

ADA_INLINE void emit(uint32_t tag, uint64_t payload)
{
    struct ada_record record;

    if (ADA_UNLIKELY(!ada_reserve_fast(ada_self, tag | RECORD_BYTES >> 3, RECORD_BYTES, &record))) {
        emit_slow(tag, payload, ada_stack_pointer());
        return;
    }
    memcpy(record.payload, &payload, sizeof(payload));
    ada_commit_record(&record);
}

__attribute__((noinline, cold)) static void enter_and_forward(void *function, void *call_site,
                                                              uint64_t payload)
{
    if (ada__event_is_on(&enter_event))
        emit(enter_event.tag, payload);
    next_enter(function, call_site);
}

__attribute__((noinline, cold)) static void exit_and_forward(void *function, void *call_site)
{
    if (ada__event_is_on(&exit_event))
        emit(exit_event.tag, agent_address(function));
    next_exit(function, call_site);
}

AGENT_HOOK void __cyg_profile_func_enter(void *function, void *call_site)
{
    uint64_t payload = enter_payload(function, ada_stack_pointer());

    if (ADA_UNLIKELY(next_enter != NULL))
        enter_and_forward(function, call_site, payload);
    else if (ada__event_is_on(&enter_event))
        emit(enter_event.tag, payload);
}

AGENT_HOOK void __cyg_profile_func_exit(void *function, void *call_site)
{
    if (ADA_UNLIKELY(next_exit != NULL))
        exit_and_forward(function, call_site);
    else if (ada__event_is_on(&exit_event))
        emit(exit_event.tag, agent_address(function));
}

static void function_prepare(void)
{
    const void *enter, *leave;

    memcpy(&enter, &real.__cyg_profile_func_enter, sizeof(enter));
    memcpy(&leave, &real.__cyg_profile_func_exit, sizeof(leave));
    if (!real_is_libc(enter))
        next_enter = real.__cyg_profile_func_enter;
    if (!real_is_libc(leave))
        next_exit = real.__cyg_profile_func_exit;
}

static void function_start(void)
{
    agent_event_add(&enter_event);
    agent_event_add(&exit_event);
}

const struct agent_family function_family = {"function", function_prepare, function_start};
