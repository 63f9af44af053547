/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open calls of one thread, and which of them must have ended although no exit tells so.
 *
 * longjmp(3) never runs exits, exceptions not with every compiler, and records may be missing. An
 * enter carries a frame tag: 16 bits of the stack pointer in 16-byte granules. The stack grows
 * down, so an open call whose frame lies at or below that of a new call has ended ... nearly
 * always: code inlined into its caller enters with the caller's own frame, and a handler on an
 * alternate stack with a foreign one. So such a call is only *presumed* ended, and keeps its place:
 * if its exit comes after all, it was alive; if a call below it exits, it had ended when its
 * successor entered. Tags compare modulo 16 bits.
 *
 * The functions are inline because reports spend their time here. One stack belongs to one thread
 * of the reader at a time.
 */
#ifndef ADATRACE_CLI_CALL_STACK_H
#define ADATRACE_CLI_CALL_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call_presumption {
    CALL_ALIVE = 0,
    CALL_MAYBE_ENDED = 1, /* same frame, another function: inlined code, most likely */
    CALL_ENDED = 2,       /* a call above it, or the same again */
};

enum {
    CALL_PRESUMED_MAX = 64, /* presumptions kept open; then they are taken for true */
    CALL_UNTAGGED = 1,      /* flags: the call has no frame of its own */
};

struct call {
    uint64_t key; /* what is called: the caller's choice */
    uint64_t start_ticks;
    uint64_t child_ticks; /* in calls made from here, as far as they have ended */
    /* Set when it is first presumed ended: when its successor entered, and what was true then. */
    uint64_t successor_ticks;
    uint64_t child_ticks_before;
    uint64_t saved; /* the caller's, from call_presumed() */
    uint32_t id;    /* the caller's */
    uint16_t tag;
    uint8_t presumption;
    uint8_t flags;
};

struct call_stack {
    struct call *calls;
    size_t count, capacity;
    unsigned presumed; /* calls that are not CALL_ALIVE */
};

/* What the owner of the stacks wants to know. Pass a constant struct of functions that can be
 * inlined. */
struct call_observer {
    /* The call ended at end_ticks; it is still on the stack, `parent` (may be NULL) below it. */
    void (*ended)(void *context, const struct call *call, struct call *parent, uint64_t end_ticks,
                  uint64_t child_ticks, bool by_exit);
    /* It became CALL_ENDED; may use call->saved. */
    void (*presumed)(void *context, struct call *call);
    /* Its exit came although it was CALL_ENDED. */
    void (*revived)(void *context, struct call *call);
};

/* Room for one more call. 0 or -ENOMEM. */
int call_stack_grow(struct call_stack *stack) __attribute__((warn_unused_result));
void call_stack_fini(struct call_stack *stack);

#define CALL_INLINE static inline __attribute__((always_inline))

CALL_INLINE struct call *call_stack_top(const struct call_stack *stack)
{
    return stack->count ? &stack->calls[stack->count - 1] : NULL;
}

/* End the topmost call by force: at its successor's entry if there was one, else now. */
CALL_INLINE void call_stack_drop(struct call_stack *stack, uint64_t ticks,
                                 const struct call_observer *observer, void *context)
{
    struct call *call = &stack->calls[stack->count - 1];
    struct call *parent = stack->count > 1 ? call - 1 : NULL;

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a count has calls */
    if (call->presumption == CALL_ALIVE) {
        observer->ended(context, call, parent, ticks, call->child_ticks, false);
    } else {
        uint64_t end_ticks = call->successor_ticks;

        /* What ran on top of it since then was its parent's child, not its own; it itself ended
         * within its parent's time, even if that had ended by then, too. */
        if (parent)
            parent->child_ticks += call->child_ticks - call->child_ticks_before;
        if (parent && parent->presumption != CALL_ALIVE && end_ticks <= parent->successor_ticks)
            parent->child_ticks_before += end_ticks - call->start_ticks;
        observer->ended(context, call, parent, end_ticks, call->child_ticks_before, false);
        stack->presumed--;
    }
    stack->count--;
}

/* Presume ended whatever lies at or below the frame of a call that enters. */
CALL_INLINE void call_stack_presume(struct call_stack *stack, uint64_t key, uint16_t tag,
                                    uint64_t ticks, const struct call_observer *observer,
                                    void *context)
{
    size_t first = stack->count;

    while (first) {
        struct call *call = &stack->calls[first - 1];
        int16_t above = (int16_t)(uint16_t)(tag - call->tag);
        uint8_t presumption = above > 0 || call->key == key ? CALL_ENDED : CALL_MAYBE_ENDED;

        if (above < 0 || call->flags & CALL_UNTAGGED)
            break;
        if (call->presumption == CALL_ALIVE) {
            call->successor_ticks = ticks;
            call->child_ticks_before = call->child_ticks;
            stack->presumed++;
        }
        if (presumption > call->presumption) {
            /* What lived in the frame after an inlined call shows that it went on until now. */
            if (above > 0) {
                call->successor_ticks = ticks;
                call->child_ticks_before = call->child_ticks;
            }
            call->presumption = presumption;
            if (presumption == CALL_ENDED)
                observer->presumed(context, call);
        }
        first--;
    }
    if (stack->presumed > CALL_PRESUMED_MAX)
        while (stack->count > first)
            call_stack_drop(stack, ticks, observer, context);
}

/* The new call, or NULL without memory. flags: CALL_UNTAGGED or 0. */
CALL_INLINE struct call *call_stack_enter(struct call_stack *stack, uint64_t key, uint32_t id,
                                          uint16_t tag, unsigned flags, uint64_t ticks,
                                          const struct call_observer *observer, void *context)
{
    struct call *call;

    if (!(flags & CALL_UNTAGGED))
        call_stack_presume(stack, key, tag, ticks, observer, context);
    if (__builtin_expect(stack->count == stack->capacity, 0) && call_stack_grow(stack))
        return NULL;
    call = &stack->calls[stack->count++];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a capacity has calls */
    *call = (struct call){
        .key = key, .start_ticks = ticks, .id = id, .tag = tag, .flags = (uint8_t)flags};
    return call;
}

/* Where the innermost open call of this key is; stack->count: there is none. */
CALL_INLINE size_t call_stack_find(const struct call_stack *stack, uint64_t key)
{
    for (size_t n = stack->count; n; n--)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a count has calls */
        if (stack->calls[n - 1].key == key)
            return n - 1;
    return stack->count;
}

/* False: no such call is open (it entered before the recording, or the record is missing). */
CALL_INLINE bool call_stack_exit(struct call_stack *stack, uint64_t key, uint64_t ticks,
                                 const struct call_observer *observer, void *context)
{
    struct call *call = call_stack_top(stack);

    if (__builtin_expect(!call || call->key != key, 0)) {
        size_t found = call_stack_find(stack, key);

        if (found == stack->count)
            return false;
        while (stack->count > found + 1)
            call_stack_drop(stack, ticks, observer, context);
        call = call_stack_top(stack);
        if (!call) /* it was found */
            __builtin_unreachable();
    }
    if (__builtin_expect(call->presumption != CALL_ALIVE, 0)) {
        stack->presumed--;
        if (call->presumption == CALL_ENDED)
            observer->revived(context, call);
    }
    observer->ended(context, call, stack->count > 1 ? call - 1 : NULL, ticks, call->child_ticks,
                    true);
    stack->count--;
    return true;
}

/* The thread ended, or the trace: nothing is open any more. */
CALL_INLINE void call_stack_clear(struct call_stack *stack, uint64_t ticks,
                                  const struct call_observer *observer, void *context)
{
    while (stack->count)
        call_stack_drop(stack, ticks, observer, context);
}

#endif
