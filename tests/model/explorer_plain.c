/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses that are no atomics. The compiler calls these functions before each of them, as it would
 * for ThreadSanitizer, whose library is not linked. What is written is found in memory when the
 * thread does anything else.
 */
#include "explorer_threads.h"

#undef memcpy
#undef memset
#include <string.h>

static void write_note(struct place *p)
{
    struct thread *t = model_thread;

    if (t->writes_count == PENDING_WRITES)
        model_fail("too many writes at once");
    t->writes[t->writes_count++] = p;
}

static void piece(struct place *p, bool writes)
{
    struct thread *t = model_thread;

    if (!p->by_design) {
        views_tick(&t->views, model_self());
        memory_plain(&t->views, model_self(), p, writes);
    } else if (writes) {
        const struct step step = {.kind = STEP_STORE, .place = p};

        (void)step_take(&step);
        views_tick(&t->views, model_self());
        memory_write(&t->views, model_self(), p, 0, false, NULL, step_number());
        step_done(p, true, -1);
    }
    if (writes)
        write_note(p);
}

static void touch(uintptr_t at, size_t bytes, bool writes)
{
    enum region_kind kind;
    bool by_design;

    if (!model_thread)
        return;
    thread_writes_settle();
    kind = memory_region(at, &by_design);
    if (kind != REGION_NONE)
        thread_point(writes && kind == REGION_SHARED);
    for (size_t done = 0; kind == REGION_SHARED && done < bytes;) {
        size_t left = bytes - done, size = 8;
        unsigned shift;
        struct place *p;

        while (size > left || (at + done) % size)
            size /= 2;
        p = memory_place_for_plain(at + done, size, &shift);
        piece(p, writes);
        done += p->size < size ? p->size : size;
    }
}

/* One word at a time: a handler, or death, may come between. */
void *model_copy(void *to, const void *from, size_t bytes)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    for (size_t done = 0, size; done < bytes; done += size) {
        size = bytes - done < 8 ? bytes - done : 8;
        touch((uintptr_t)f + done, size, false);
        touch((uintptr_t)t + done, size, true);
        memcpy(t + done, f + done, size);
    }
    return to;
}

void *model_fill(void *to, int byte, size_t bytes)
{
    unsigned char *t = to;

    for (size_t done = 0, size; done < bytes; done += size) {
        size = bytes - done < 8 ? bytes - done : 8;
        touch((uintptr_t)t + done, size, true);
        memset(t + done, byte, size);
    }
    return to;
}

#define ACCESSES(bytes)                     \
    void __tsan_read##bytes(void *at);      \
    void __tsan_write##bytes(void *at);     \
    void __tsan_read##bytes(void *at)       \
    {                                       \
        touch((uintptr_t)at, bytes, false); \
    }                                       \
    void __tsan_write##bytes(void *at)      \
    {                                       \
        touch((uintptr_t)at, bytes, true);  \
    }
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

#define UNALIGNED(bytes)                          \
    void __tsan_unaligned_read##bytes(void *at);  \
    void __tsan_unaligned_write##bytes(void *at); \
    void __tsan_unaligned_read##bytes(void *at)   \
    {                                             \
        touch((uintptr_t)at, bytes, false);       \
    }                                             \
    void __tsan_unaligned_write##bytes(void *at)  \
    {                                             \
        touch((uintptr_t)at, bytes, true);        \
    }
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

void __tsan_read_range(void *at, size_t bytes);
void __tsan_write_range(void *at, size_t bytes);
void __tsan_read_range(void *at, size_t bytes)
{
    touch((uintptr_t)at, bytes, false);
}
void __tsan_write_range(void *at, size_t bytes)
{
    touch((uintptr_t)at, bytes, true);
}

/* Nothing to do: who calls whom, and what base/tsan.h tells of the kernel, which would hide an edge
 * that the code does not have. */
void __tsan_init(void);
void __tsan_init(void)
{
}
void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}
void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}
void __tsan_acquire(void *at);
void __tsan_acquire(void *at)
{
    (void)at;
}
void __tsan_release(void *at);
void __tsan_release(void *at)
{
    (void)at;
}
void __tsan_mutex_pre_lock(void *mutex, unsigned flags);
void __tsan_mutex_pre_lock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}
void __tsan_mutex_post_lock(void *mutex, unsigned flags, int deep);
void __tsan_mutex_post_lock(void *mutex, unsigned flags, int deep)
{
    (void)mutex, (void)flags, (void)deep;
}
int __tsan_mutex_pre_unlock(void *mutex, unsigned flags);
int __tsan_mutex_pre_unlock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
    return 0;
}
void __tsan_mutex_post_unlock(void *mutex, unsigned flags);
void __tsan_mutex_post_unlock(void *mutex, unsigned flags)
{
    (void)mutex, (void)flags;
}
