/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_symbols.h"

#include <stdlib.h>
#include <string.h>

#include "drain/symbol_file.h"
#include "format/trace_live.h"

struct live_symbol_file {
    struct live_symbol_file *next;
    struct symbol_file *symbols; /* NULL: cannot be read */
    const char *path, *build_id; /* the trace's */
};

void live_symbols_fini(struct live_symbols *symbols)
{
    while (symbols->files) {
        struct live_symbol_file *file = symbols->files;

        symbols->files = file->next;
        if (file->symbols)
            symbol_file_close(file->symbols);
        free(file);
    }
}

static struct symbol_file *file_find(struct live_symbols *symbols,
                                     const struct trace_module *module)
{
    struct live_symbol_file *file;

    for (file = symbols->files; file; file = file->next)
        if (strcmp(file->path, module->path) == 0 && strcmp(file->build_id, module->build_id) == 0)
            return file->symbols;
    file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    /* Names only: lines would take longer than anybody who watches wants to wait. */
    if ((symbols->is_strict && !module->build_id[0]) ||
        symbol_file_open(&file->symbols, module->path, module->build_id, 1) != 0)
        file->symbols = NULL;
    file->path = module->path;
    file->build_id = module->build_id;
    file->next = symbols->files;
    symbols->files = file;
    return file->symbols;
}

static void resolve(void *context, const struct trace_module *module, uint32_t process,
                    uint64_t address)
{
    struct live_symbols *symbols = context;
    struct symbol_file *file = file_find(symbols, module);
    struct symbol_found found = {0};
    struct trace_symbol symbol = {
        .process = process,
        .module = module->module,
        .address = address,
        .from_ticks = module->from_ticks,
        .to_ticks = module->to_ticks,
        .file = "",
    };

    if (file)
        found = symbol_file_find(file, address - module->bias);
    if (!found.name)
        return;
    symbol.name = found.name;
    symbol.start = found.start + module->bias;
    /* Without memory it stays an address. */
    (void)!trace_live_symbol_add(symbols->trace, &symbol);
}

void live_symbols_init(struct live_symbols *symbols, struct trace *trace)
{
    *symbols = (struct live_symbols){.resolver = {resolve, symbols}, .trace = trace};
}

static bool has_code(const struct schema *schema)
{
    for (unsigned f = 0; f < schema->field_count; f++)
        if (schema->fields[f].kind == ADA_KIND_CODE)
            return true;
    return false;
}

bool live_symbols_init_late(struct live_symbols *symbols, struct trace *trace)
{
    bool asks = false;

    for (size_t n = 0; n < trace_type_count(trace) && !asks; n++)
        asks = has_code(&trace_type_at(trace, n)->schema);
    if (!asks || !trace_module_at(trace, 0) || trace_live_symbols_open(trace) != 0)
        return false;
    live_symbols_init(symbols, trace);
    symbols->is_strict = true;
    return true;
}
