/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory family: what is allocated and freed, by whom, how long it took. C++'s operator new and
 * delete come through here by way of malloc and free.
 *
 * One event a call, written when the call has returned; its time less its duration is when the call
 * began. Who pairs allocations with frees over threads takes an allocation at its end and a free at
 * its beginning: only between these is the address nobody else's. free(NULL) frees nothing and
 * leaves no event. `result` 0 means that the call failed, or that realloc() to size 0 freed.
 */
#include <errno.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/bootstrap_heap.h"

#define SIZE      AGENT_FIELD("size", UNSIGNED, 6)
#define COUNT     AGENT_FIELD("count", UNSIGNED, 6)
#define ALIGNMENT AGENT_FIELD("alignment", UNSIGNED, 6)
#define ADDRESS   AGENT_FIELD("address", POINTER, 6)
#define RESULT    AGENT_FIELD("result", POINTER, 6)
#define CALLER    AGENT_FIELD("caller", CODE, 6)
#define DURATION  AGENT_FIELD("duration", DURATION, 6)

static const struct ada_field plain_fields[] = {SIZE, RESULT, CALLER, DURATION};
static const struct ada_field calloc_fields[] = {SIZE, RESULT, CALLER, DURATION, COUNT};
static const struct ada_field aligned_fields[] = {SIZE, RESULT, CALLER, DURATION, ALIGNMENT};
static const struct ada_field realloc_fields[] = {SIZE, RESULT, CALLER, DURATION, ADDRESS};
static const struct ada_field reallocarray_fields[] = {SIZE,     RESULT,  CALLER,
                                                       DURATION, ADDRESS, COUNT};
static const struct ada_field free_fields[] = {ADDRESS, CALLER, DURATION};

/* `size` is always all that was asked for: calloc's and reallocarray's count times element size. */
AGENT_EVENT(malloc_event, "memory", "malloc", INSTANT, DEBUG, plain_fields);
AGENT_EVENT(calloc_event, "memory", "calloc", INSTANT, DEBUG, calloc_fields);
AGENT_EVENT(realloc_event, "memory", "realloc", INSTANT, DEBUG, realloc_fields);
AGENT_EVENT(reallocarray_event, "memory", "reallocarray", INSTANT, DEBUG, reallocarray_fields);
AGENT_EVENT(aligned_alloc_event, "memory", "aligned_alloc", INSTANT, DEBUG, aligned_fields);
AGENT_EVENT(posix_memalign_event, "memory", "posix_memalign", INSTANT, DEBUG, aligned_fields);
AGENT_EVENT(memalign_event, "memory", "memalign", INSTANT, DEBUG, aligned_fields);
AGENT_EVENT(valloc_event, "memory", "valloc", INSTANT, DEBUG, plain_fields);
AGENT_EVENT(pvalloc_event, "memory", "pvalloc", INSTANT, DEBUG, plain_fields);
AGENT_EVENT(free_event, "memory", "free", INSTANT, DEBUG, free_fields);

/* ---- events ---- */

/* What an allocation's event says besides result and time. */
struct request {
    struct ada_event *event;
    size_t size;
    const void *caller;
    unsigned more; /* further fields: 0 to 2 */
    uint64_t first, second;
};

ADA_INLINE void put_word(unsigned char *at, uint64_t word)
{
    memcpy(at, &word, sizeof(word));
}

/* Fields of 6 bytes, packed into words. */
ADA_INLINE void put_allocation(const struct ada_record *record, const struct request *r,
                               const void *result, uint64_t start)
{
    uint64_t address = agent_address(result), caller = agent_address(r->caller);
    unsigned char *at = record->payload;

    put_word(at, agent_size(r->size) | address << 48);
    put_word(at + 8, address >> 16 | caller << 32);
    put_word(at + 16, caller >> 32 | agent_duration(record, start) << 16);
    if (r->more > 0)
        put_word(at + 24, r->first | r->second << 48);
    if (r->more > 1)
        put_word(at + 32, r->second >> 16);
}

ADA_INLINE uint64_t allocation_bytes(const struct request *r)
{
    return ada_record_bytes(24u + 6u * r->more);
}

__attribute__((noinline, cold)) static void emit_allocation_slow(const struct request *r,
                                                                 const void *result, uint64_t start,
                                                                 uint64_t sp)
{
    uint64_t bytes = allocation_bytes(r);
    struct ada_record record =
        tracer_reserve_slow(r->event->tag | ada_record_tag(0, bytes), bytes, sp);

    if (!record.payload)
        return;
    put_allocation(&record, r, result, start);
    ada_commit_record(&record);
}

ADA_INLINE void emit_allocation(const struct request *r, const void *result, uint64_t start)
{
    uint64_t bytes = allocation_bytes(r);
    struct ada_record record;

    if (ADA_UNLIKELY(!ada_reserve_fast(ada_self, r->event->tag | ada_record_tag(0, bytes), bytes,
                                       &record))) {
        struct request copy = *r; /* so that `r` itself stays in registers */

        emit_allocation_slow(&copy, result, start, ada_stack_pointer());
        return;
    }
    put_allocation(&record, r, result, start);
    ada_commit_record(&record);
}

enum { FREE_BYTES = 32 };

ADA_INLINE void put_free(const struct ada_record *record, const void *memory, const void *caller,
                         uint64_t start)
{
    uint64_t from = agent_address(caller), duration = agent_duration(record, start);

    put_word(record->payload, agent_address(memory) | from << 48);
    put_word(record->payload + 8, from >> 16 | duration << 32);
    put_word(record->payload + 16, duration >> 32);
}

__attribute__((noinline, cold)) static void emit_free_slow(const void *memory, const void *caller,
                                                           uint64_t start, uint64_t sp)
{
    struct ada_record record =
        tracer_reserve_slow(free_event.tag | ada_record_tag(0, FREE_BYTES), FREE_BYTES, sp);

    if (!record.payload)
        return;
    put_free(&record, memory, caller, start);
    ada_commit_record(&record);
}

ADA_INLINE void emit_free(const void *memory, const void *caller, uint64_t start)
{
    struct ada_record record;

    if (ADA_UNLIKELY(!ada_reserve_fast(ada_self, free_event.tag | ada_record_tag(0, FREE_BYTES),
                                       FREE_BYTES, &record))) {
        emit_free_slow(memory, caller, start, ada_stack_pointer());
        return;
    }
    put_free(&record, memory, caller, start);
    ada_commit_record(&record);
}

/* ---- before the real allocator is known ---- */

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

__attribute__((noinline, cold)) static void *early_allocate(size_t size, size_t alignment)
{
    void *memory = bootstrap_allocate(size, alignment);

    return memory ? memory : no_memory();
}

__attribute__((noinline, cold)) static void *early_malloc(size_t size)
{
    real_resolve();
    return real.malloc ? real.malloc(size) : early_allocate(size, 1);
}

__attribute__((noinline, cold)) static void *early_calloc(size_t count, size_t size)
{
    size_t bytes;

    real_resolve();
    if (real.calloc)
        return real.calloc(count, size);
    return __builtin_mul_overflow(count, size, &bytes) ? no_memory() : early_allocate(bytes, 1);
}

/* Memory out of the bootstrap heap moves to the real one, or nothing is known yet. */
__attribute__((noinline, cold)) static void *early_realloc(void *memory, size_t size)
{
    bool owned = bootstrap_owns(memory);
    void *moved;

    real_resolve();
    if (!owned && real.realloc)
        return real.realloc(memory, size);
    if (!owned && memory)
        return no_memory();
    moved = real.malloc ? real.malloc(size) : early_allocate(size, 1);
    if (moved && memory)
        memcpy(moved, memory, bootstrap_size(memory) < size ? bootstrap_size(memory) : size);
    return moved;
}

/*
 * ---- the hooks ----
 *
 * Each in two: the hook itself, which passes on when the event is off and then needs no frame, and
 * what it jumps to when the event is on.
 */

#define TRACED __attribute__((noinline)) static

TRACED void *malloc_traced(size_t size, const void *caller)
{
    const struct request r = {.event = &malloc_event, .size = size, .caller = caller};
    uint64_t start = agent_ticks();
    void *result = real.malloc(size);

    emit_allocation(&r, result, start);
    return result;
}

AGENT_HOOK void *malloc(size_t size)
{
    if (ada__event_is_on(&malloc_event))
        return malloc_traced(size, __builtin_return_address(0));
    return ADA_LIKELY(real.malloc != NULL) ? real.malloc(size) : early_malloc(size);
}

TRACED void *calloc_traced(size_t count, size_t size, const void *caller)
{
    struct request r = {
        .event = &calloc_event, .caller = caller, .more = 1, .first = agent_size(count)};
    uint64_t start = agent_ticks();
    void *result = real.calloc(count, size);

    if (__builtin_mul_overflow(count, size, &r.size))
        r.size = SIZE_MAX;
    emit_allocation(&r, result, start);
    return result;
}

AGENT_HOOK void *calloc(size_t count, size_t size)
{
    if (ada__event_is_on(&calloc_event))
        return calloc_traced(count, size, __builtin_return_address(0));
    return ADA_LIKELY(real.calloc != NULL) ? real.calloc(count, size) : early_calloc(count, size);
}

ADA_INLINE void *realloc_untraced(void *memory, size_t size)
{
    if (ADA_UNLIKELY(!real.realloc || bootstrap_owns(memory)))
        return early_realloc(memory, size);
    return real.realloc(memory, size);
}

TRACED void *realloc_traced(void *memory, size_t size, const void *caller)
{
    const struct request r = {.event = &realloc_event,
                              .size = size,
                              .caller = caller,
                              .more = 1,
                              .first = agent_address(memory)};
    uint64_t start = agent_ticks();
    void *result = realloc_untraced(memory, size);

    emit_allocation(&r, result, start);
    return result;
}

AGENT_HOOK void *realloc(void *memory, size_t size)
{
    if (ada__event_is_on(&realloc_event))
        return realloc_traced(memory, size, __builtin_return_address(0));
    return realloc_untraced(memory, size);
}

/* Not by the real one: that comes back through our realloc and would be told twice. */
static void *reallocarray_untraced(void *memory, size_t count, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(count, size, &bytes) ? no_memory()
                                                       : realloc_untraced(memory, bytes);
}

TRACED void *reallocarray_traced(void *memory, size_t count, size_t size, const void *caller)
{
    struct request r = {.event = &reallocarray_event,
                        .caller = caller,
                        .more = 2,
                        .first = agent_address(memory),
                        .second = agent_size(count)};
    uint64_t start = agent_ticks();
    void *result = reallocarray_untraced(memory, count, size);

    if (__builtin_mul_overflow(count, size, &r.size))
        r.size = SIZE_MAX;
    emit_allocation(&r, result, start);
    return result;
}

AGENT_HOOK void *reallocarray(void *memory, size_t count, size_t size)
{
    if (ada__event_is_on(&reallocarray_event))
        return reallocarray_traced(memory, count, size, __builtin_return_address(0));
    return reallocarray_untraced(memory, count, size);
}

TRACED void free_traced(void *memory, const void *caller)
{
    uint64_t start = agent_ticks();

    real.free(memory);
    emit_free(memory, caller, start);
}

/* Nothing is done for a block that never goes back, nor (before all begins) where nobody can. */
ADA_INLINE bool free_is_void(const void *memory)
{
    return ADA_UNLIKELY(bootstrap_owns(memory)) || ADA_UNLIKELY(!real.free);
}

AGENT_HOOK void free(void *memory)
{
    if (free_is_void(memory))
        return;
    if (ada__event_is_on(&free_event) && memory)
        free_traced(memory, __builtin_return_address(0));
    else
        real.free(memory);
}

/* Sized frees are told as frees: what differs is a hint to the allocator. */
AGENT_HOOK void free_sized(void *memory, size_t size)
{
    bool on = memory && ada__event_is_on(&free_event);
    uint64_t start = on ? agent_ticks() : 0;

    if (free_is_void(memory))
        return;
    if (real.free_sized)
        real.free_sized(memory, size);
    else
        real.free(memory);
    if (on)
        emit_free(memory, __builtin_return_address(0), start);
}

AGENT_HOOK void free_aligned_sized(void *memory, size_t alignment, size_t size)
{
    bool on = memory && ada__event_is_on(&free_event);
    uint64_t start = on ? agent_ticks() : 0;

    if (free_is_void(memory))
        return;
    if (real.free_aligned_sized)
        real.free_aligned_sized(memory, alignment, size);
    else
        real.free(memory);
    if (on)
        emit_free(memory, __builtin_return_address(0), start);
}

/* ---- aligned allocation ---- */

/* The events of these, by pointer: they are rare, and one function serves them all. */
__attribute__((noinline)) static void emit_aligned(struct ada_event *event, size_t alignment,
                                                   size_t size, const void *result,
                                                   const void *caller, uint64_t start)
{
    const struct request r = {.event = event,
                              .size = size,
                              .caller = caller,
                              .more = alignment != 0,
                              .first = agent_size(alignment)};

    if (start)
        emit_allocation(&r, result, start);
}

/* 0: the event is off. */
ADA_INLINE uint64_t start_of(const struct ada_event *event)
{
    return ada__event_is_on(event) ? agent_ticks() : 0;
}

static bool is_power_of_two(size_t n)
{
    return n && !(n & (n - 1));
}

__attribute__((noinline, cold)) static void *early_aligned(size_t alignment, size_t size)
{
    return is_power_of_two(alignment) ? early_allocate(size, alignment) : no_memory();
}

AGENT_HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    uint64_t start = start_of(&aligned_alloc_event);
    void *result =
        REAL(aligned_alloc) ? real.aligned_alloc(alignment, size) : early_aligned(alignment, size);

    emit_aligned(&aligned_alloc_event, alignment, size, result, __builtin_return_address(0), start);
    return result;
}

AGENT_HOOK void *memalign(size_t alignment, size_t size)
{
    uint64_t start = start_of(&memalign_event);
    void *result = REAL(memalign) ? real.memalign(alignment, size) : early_aligned(alignment, size);

    emit_aligned(&memalign_event, alignment, size, result, __builtin_return_address(0), start);
    return result;
}

__attribute__((noinline, cold)) static int early_posix_memalign(void **out, size_t alignment,
                                                                size_t size)
{
    void *memory;

    if (!is_power_of_two(alignment) || alignment % sizeof(void *))
        return EINVAL;
    memory = bootstrap_allocate(size, alignment);
    if (!memory)
        return ENOMEM;
    *out = memory;
    return 0;
}

AGENT_HOOK int posix_memalign(void **out, size_t alignment, size_t size)
{
    uint64_t start = start_of(&posix_memalign_event);
    int err = REAL(posix_memalign) ? real.posix_memalign(out, alignment, size)
                                   : early_posix_memalign(out, alignment, size);

    emit_aligned(&posix_memalign_event, alignment, size, err ? NULL : *out,
                 __builtin_return_address(0), start);
    return err;
}

AGENT_HOOK void *valloc(size_t size)
{
    uint64_t start = start_of(&valloc_event);
    void *result =
        REAL(valloc) ? real.valloc(size) : early_aligned((size_t)sysconf(_SC_PAGESIZE), size);

    emit_aligned(&valloc_event, 0, size, result, __builtin_return_address(0), start);
    return result;
}

AGENT_HOOK void *pvalloc(size_t size)
{
    uint64_t start = start_of(&pvalloc_event);
    void *result = REAL(pvalloc) ? real.pvalloc(size) : no_memory();

    emit_aligned(&pvalloc_event, 0, size, result, __builtin_return_address(0), start);
    return result;
}

/* No event: nothing happens. But a bootstrap block is unknown to the real one. */
AGENT_HOOK size_t malloc_usable_size(void *memory)
{
    if (ADA_UNLIKELY(bootstrap_owns(memory)))
        return bootstrap_size(memory);
    return REAL(malloc_usable_size) ? real.malloc_usable_size(memory) : 0;
}

/* ---- the family ---- */

static void memory_start(void)
{
    if (!real.malloc || !real.calloc || !real.realloc || !real.free)
        return; /* an allocator of parts: better silent than half told */
    agent_event_add(&malloc_event);
    agent_event_add(&calloc_event);
    agent_event_add(&realloc_event);
    agent_event_add(&reallocarray_event);
    agent_event_add(&free_event);
    agent_event_add(&aligned_alloc_event);
    agent_event_add(&posix_memalign_event);
    agent_event_add(&memalign_event);
    agent_event_add(&valloc_event);
    agent_event_add(&pvalloc_event);
}

const struct agent_family memory_family = {.name = "memory", .start = memory_start};
