/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model atomics: what the compiler includes before every file of the registry that is explored. The
 * file itself is not changed: its atomic operations, its clock, its copies and its system calls
 * become calls of the explorer, each with the place in the source where it stands. Accesses that
 * are no atomics are reported by the compiler, which is told that it builds for ThreadSanitizer;
 * explorer_plain.c is that sanitizer.
 */
#ifndef ADATRACE_TESTS_MODEL_ATOMICS_H
#define ADATRACE_TESTS_MODEL_ATOMICS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum model_kind {
    MODEL_LOAD,
    MODEL_STORE,
    MODEL_ADD,
    MODEL_OR,
    MODEL_EXCHANGE,
    MODEL_CAS,
    MODEL_FENCE
};

/* One operation as it stands in the source. All of a program's lie in one section, those that are
 * never reached, too. */
struct model_site {
    const char *file, *function;
    uint32_t line;
    uint16_t kind;
    uint16_t order; /* __ATOMIC_... as written */
    uint16_t weak;  /* as it is tried: see model_mutants.c */
    uint16_t unused;
    uint64_t reached;
} __attribute__((aligned(64))); /* an array, however the linker puts them together */
_Static_assert(sizeof(struct model_site) == 64, "one after the other");

uint64_t model_load(struct model_site *site, const volatile void *p, size_t size);
void model_store(struct model_site *site, volatile void *p, size_t size, uint64_t value);
uint64_t model_update(struct model_site *site, volatile void *p, size_t size, uint64_t value);
bool model_cas(struct model_site *site, volatile void *p, size_t size, uint64_t *expected,
               uint64_t desired);
void model_fence(struct model_site *site);

void *model_copy(void *to, const void *from, size_t bytes);
void *model_fill(void *to, int byte, size_t bytes);
uint64_t model_ticks(void);
void model_pause(void);
int model_clock(clockid_t clock, struct timespec *out);
long model_syscall(long number, ...);
int model_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *kind);
int model_mutex_trylock(pthread_mutex_t *mutex);
int model_mutex_unlock(pthread_mutex_t *mutex);
void *model_malloc(size_t bytes);
void model_free(void *memory);

#define MODEL_SITE(kind_, order_)                                              \
    static struct model_site site_                                             \
        __attribute__((section("model_sites"), used)) = {.file = __FILE__,     \
                                                         .function = __func__, \
                                                         .line = __LINE__,     \
                                                         .kind = kind_,        \
                                                         .order = order_,      \
                                                         .weak = order_}

#define __atomic_load_n(p, o)                                    \
    ({                                                           \
        MODEL_SITE(MODEL_LOAD, o);                               \
        (__typeof__(*(p)))model_load(&site_, (p), sizeof(*(p))); \
    })
#define __atomic_store_n(p, v, o)                              \
    ({                                                         \
        MODEL_SITE(MODEL_STORE, o);                            \
        model_store(&site_, (p), sizeof(*(p)), (uint64_t)(v)); \
    })
#define MODEL_UPDATE(kind, p, v, o)                                               \
    ({                                                                            \
        MODEL_SITE(kind, o);                                                      \
        (__typeof__(*(p)))model_update(&site_, (p), sizeof(*(p)), (uint64_t)(v)); \
    })
#define __atomic_fetch_add(p, v, o)  MODEL_UPDATE(MODEL_ADD, p, v, o)
#define __atomic_fetch_or(p, v, o)   MODEL_UPDATE(MODEL_OR, p, v, o)
#define __atomic_exchange_n(p, v, o) MODEL_UPDATE(MODEL_EXCHANGE, p, v, o)
#define __atomic_compare_exchange_n(p, e, v, weakly, o, on_failure)                \
    ({                                                                             \
        MODEL_SITE(MODEL_CAS, o);                                                  \
        __typeof__(e) expected_ = (e);                                             \
        uint64_t value_ = (uint64_t)*expected_;                                    \
        bool done_ = model_cas(&site_, (p), sizeof(*(p)), &value_, (uint64_t)(v)); \
        *expected_ = (__typeof__(*expected_))value_;                               \
        done_;                                                                     \
    })
#define __atomic_thread_fence(o)    \
    ({                              \
        MODEL_SITE(MODEL_FENCE, o); \
        model_fence(&site_);        \
    })
#define __atomic_signal_fence(o) __asm__ volatile("" ::: "memory")

#define memcpy(to, from, bytes)   model_copy(to, from, bytes)
#define memset(to, byte, bytes)   model_fill(to, byte, bytes)
#define __builtin_ia32_rdtsc()    model_ticks()
#define __builtin_ia32_pause()    model_pause()
#define clock_gettime(clock, out) model_clock(clock, out)
#define syscall(...)              model_syscall(__VA_ARGS__)
#define pthread_mutex_init(m, k)  model_mutex_init(m, k)
#define pthread_mutex_trylock(m)  model_mutex_trylock(m)
#define pthread_mutex_unlock(m)   model_mutex_unlock(m)
#define malloc(bytes)             model_malloc(bytes)
#define free(memory)              model_free(memory)

#endif
