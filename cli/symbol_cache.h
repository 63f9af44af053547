/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code addresses as text, each worked out once.
 *
 * "name" for a function's first address, "name+0x1b" inside it, "libfoo.so+0x1234" when only the
 * module is known, "0x7f..." otherwise. Addresses are reused after dlclose(3), so every answer
 * carries the time it is good for. A cache belongs to one thread.
 */
#ifndef ADATRACE_CLI_SYMBOL_CACHE_H
#define ADATRACE_CLI_SYMBOL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/trace_reader.h"

struct symbol_text {
    uint64_t address;
    uint64_t from_ticks, to_ticks;     /* good for [from, to) */
    const struct trace_symbol *symbol; /* NULL: not known */
    const struct trace_module *module; /* NULL: not known */
    char *text; /* escaped as the cache was told to, TEXT_SLACK readable behind; NULL: slot free */
    uint32_t text_size;
    uint32_t process;
    uint32_t user; /* 0 at first; a number of the cache's owner */
    bool has_twin; /* false at first; symbol_twins_note() */
};

/* Asked when the trace does not know the symbol of an address: who can find it out adds it to the
 * trace. */
struct symbol_resolver {
    void (*resolve)(void *context, const struct trace_module *module, uint32_t process,
                    uint64_t address);
    void *context;
};

struct symbol_cache {
    const struct trace *trace;
    char *(*escape)(char *at, const char *text, size_t size);
    struct symbol_text *slots;
    uint32_t mask, count;
    const struct symbol_resolver *resolver; /* set by the owner, or NULL */
};

/* `escape` is one of out_text.h. */
int symbol_cache_init(struct symbol_cache *cache, const struct trace *trace,
                      char *(*escape)(char *at, const char *text, size_t size))
    __attribute__((warn_unused_result));
void symbol_cache_fini(struct symbol_cache *cache);

struct symbol_text *symbol_cache_miss(struct symbol_cache *cache, uint32_t process,
                                      uint64_t address, uint64_t ticks);

static inline uint32_t symbol_cache_hash(uint32_t process, uint64_t address)
{
    return (uint32_t)((address ^ (uint64_t)process << 48) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Valid until the next call. NULL: out of memory. */
static inline struct symbol_text *symbol_cache_find(struct symbol_cache *cache, uint32_t process,
                                                    uint64_t address, uint64_t ticks)
{
    uint32_t slot = symbol_cache_hash(process, address) & cache->mask;

    for (; cache->slots[slot].text; slot = (slot + 1) & cache->mask) {
        struct symbol_text *found = &cache->slots[slot];

        if (found->address == address && found->process == process && ticks >= found->from_ticks &&
            ticks < found->to_ticks)
            return found;
    }
    return symbol_cache_miss(cache, process, address, ticks);
}

/* Do both lie in the same function (or, when that is not known, at the same place)? For sorting by
 * function: less than, equal to or greater than 0. */
int symbol_function_compare(const struct symbol_text *a, const struct symbol_text *b);
/* The function's name; where it is not known, the text. Not escaped in the first case. */
const char *symbol_function_name(const struct symbol_text *symbol);

/* Neighbours in that order: functions of one name in different modules are twins, of which people
 * want to know the module. */
void symbol_twins_note(struct symbol_text *a, struct symbol_text *b);

/* Is it known where in the source it stands? Then symbol->file and symbol->line say it. */
static inline bool symbol_has_line(const struct symbol_text *symbol)
{
    return symbol->symbol && symbol->symbol->file[0];
}

/* The module that holds an address of a process (or of one with the same image) at a time. */
const struct trace_module *symbol_module_find(const struct trace *trace, uint32_t process,
                                              uint64_t address, uint64_t ticks);
/* The last part of a module's path. */
const char *symbol_module_name(const struct trace_module *module);

#endif
