/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbol_cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"

int symbol_cache_init(struct symbol_cache *cache, const struct trace *trace,
                      char *(*escape)(char *at, const char *text, size_t size))
{
    enum { SLOTS_FIRST = 1024 };

    *cache = (struct symbol_cache){.trace = trace, .escape = escape, .mask = SLOTS_FIRST - 1};
    cache->slots = calloc(SLOTS_FIRST, sizeof(*cache->slots));
    return cache->slots ? 0 : -ENOMEM;
}

void symbol_cache_fini(struct symbol_cache *cache)
{
    for (uint32_t i = 0; cache->slots && i <= cache->mask; i++)
        free(cache->slots[i].text);
    free(cache->slots);
    *cache = (struct symbol_cache){0};
}

/* ---- modules ---- */

static bool same_image(const struct trace *trace, uint32_t a, uint32_t b)
{
    const struct trace_process *left = trace_process_by_number(trace, a);
    const struct trace_process *right = trace_process_by_number(trace, b);

    return a == b || (left && right && left->image == right->image);
}

/* Module of the address at `ticks`; [*from, *to) shrinks to the time in which that stays so. */
static const struct trace_module *module_find(const struct trace *trace, uint32_t process,
                                              uint64_t address, uint64_t ticks, uint64_t *from,
                                              uint64_t *to)
{
    const struct trace_module *module, *found = NULL;

    for (size_t n = 0; (module = trace_module_at(trace, n)); n++) {
        uint64_t bounds[] = {module->from_ticks, module->to_ticks};

        if (address < module->base || address >= module->end ||
            !same_image(trace, module->process, process))
            continue;
        for (int i = 0; i < 2; i++) {
            if (bounds[i] <= ticks && bounds[i] > *from)
                *from = bounds[i];
            if (bounds[i] > ticks && bounds[i] < *to)
                *to = bounds[i];
        }
        if (ticks >= module->from_ticks && ticks < module->to_ticks)
            found = module;
    }
    return found;
}

const struct trace_module *symbol_module_find(const struct trace *trace, uint32_t process,
                                              uint64_t address, uint64_t ticks)
{
    uint64_t from = 0, to = UINT64_MAX;

    return module_find(trace, process, address, ticks, &from, &to);
}

const char *symbol_module_name(const struct trace_module *module)
{
    const char *slash = strrchr(module->path, '/');

    return slash && slash[1] ? slash + 1 : module->path;
}

/* ---- functions ---- */

const char *symbol_function_name(const struct symbol_text *symbol)
{
    return symbol->symbol ? symbol->symbol->name : symbol->text;
}

int symbol_function_compare(const struct symbol_text *a, const struct symbol_text *b)
{
    const char *a_path = a->module ? a->module->path : "",
               *b_path = b->module ? b->module->path : "";
    int order = strcmp(symbol_function_name(a), symbol_function_name(b));

    return order ? order : strcmp(a_path, b_path);
}

void symbol_twins_note(struct symbol_text *a, struct symbol_text *b)
{
    if (strcmp(symbol_function_name(a), symbol_function_name(b)) == 0)
        a->has_twin = b->has_twin = true;
}

/* ---- text ---- */

/* `name`, escaped, and +0xoffset unless that is zero. NULL without memory. */
static char *text_make(const struct symbol_cache *cache, const char *name, uint64_t offset,
                       uint32_t *size)
{
    size_t length = strnlen(name, 64 * 1024);
    char *text = malloc(TEXT_ESCAPED_MAX * length + TEXT_HEX_MAX + 2 + TEXT_SLACK), *at, *smaller;

    if (!text)
        return NULL;
    at = cache->escape(text, name, length);
    if (offset) {
        *at++ = '+';
        at = text_hex(at, offset);
    }
    *size = (uint32_t)(at - text);
    *at = 0;
    smaller = realloc(text, *size + 1 + (size_t)TEXT_SLACK);
    if (smaller)
        text = smaller;
    return text;
}

static void entry_describe(const struct symbol_cache *cache, struct symbol_text *entry,
                           uint64_t ticks)
{
    const struct trace_symbol *symbol =
        trace_symbol_find(cache->trace, entry->process, entry->address, ticks);

    entry->from_ticks = 0;
    entry->to_ticks = UINT64_MAX;
    entry->module = module_find(cache->trace, entry->process, entry->address, ticks,
                                &entry->from_ticks, &entry->to_ticks);
    if (!symbol && entry->module && cache->resolver) {
        cache->resolver->resolve(cache->resolver->context, entry->module, entry->process,
                                 entry->address);
        symbol = trace_symbol_find(cache->trace, entry->process, entry->address, ticks);
    }
    if (symbol && symbol->name[0]) {
        bool inside = symbol->start && symbol->start <= entry->address;

        entry->symbol = symbol;
        if (symbol->from_ticks > entry->from_ticks && symbol->from_ticks <= ticks)
            entry->from_ticks = symbol->from_ticks;
        if (symbol->to_ticks < entry->to_ticks && symbol->to_ticks > ticks)
            entry->to_ticks = symbol->to_ticks;
        entry->text = text_make(cache, symbol->name, inside ? entry->address - symbol->start : 0,
                                &entry->text_size);
    } else if (entry->module) {
        entry->text = text_make(cache, symbol_module_name(entry->module),
                                entry->address - entry->module->bias, &entry->text_size);
    } else if ((entry->text = malloc(TEXT_HEX_MAX + 1 + TEXT_SLACK))) {
        entry->text_size = (uint32_t)(text_hex(entry->text, entry->address) - entry->text);
        entry->text[entry->text_size] = 0;
    }
}

static struct symbol_text *slot_free(struct symbol_text *slots, uint32_t mask, uint32_t process,
                                     uint64_t address)
{
    uint32_t slot = symbol_cache_hash(process, address) & mask;

    while (slots[slot].text)
        slot = (slot + 1) & mask;
    return &slots[slot];
}

static bool slots_double(struct symbol_cache *cache)
{
    uint32_t mask = 2 * cache->mask + 1;
    struct symbol_text *slots = calloc((size_t)mask + 1, sizeof(*slots));

    if (!slots)
        return false;
    for (uint32_t i = 0; i <= cache->mask; i++)
        if (cache->slots[i].text)
            *slot_free(slots, mask, cache->slots[i].process, cache->slots[i].address) =
                cache->slots[i];
    free(cache->slots);
    cache->slots = slots;
    cache->mask = mask;
    return true;
}

struct symbol_text *symbol_cache_miss(struct symbol_cache *cache, uint32_t process,
                                      uint64_t address, uint64_t ticks)
{
    struct symbol_text entry = {.address = address, .process = process}, *slot;

    if (2 * cache->count > cache->mask && !slots_double(cache))
        return NULL;
    entry_describe(cache, &entry, ticks);
    if (!entry.text)
        return NULL;
    slot = slot_free(cache->slots, cache->mask, process, address);
    *slot = entry;
    cache->count++;
    return slot;
}
