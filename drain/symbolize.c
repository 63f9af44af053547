/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/symbolize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drain/symbol_apart.h"
#include "drain/symbol_file.h"

/* A code address of the trace. */
struct code {
    uint64_t image, address, first_ticks, last_ticks;
};

/* A file that modules were mapped from; images share them. */
struct known_file {
    const char *path, *build_id;
    struct symbol_file *symbols; /* NULL: not readable, or not tried */
    bool tried;
    size_t addresses; /* that lie in it */
};

struct place {
    const struct drain_module *module;
    struct known_file *file;
};

struct symbolizer {
    struct trace_writer *writer; /* the one or the other */
    struct trace_ending *ending;
    const struct symbol_sink *found; /* where names go: into the file, or to who writes it */
    struct code *codes;
    size_t code_count, code_capacity;
    struct place *places; /* sorted by image, base */
    size_t place_count;
    struct known_file *files; /* sorted by path, build id */
    size_t file_count;
    struct symbolize_figures figures;
    int error;
};

/* ---- addresses ---- */

static void code_add(void *context, uint64_t image, uint64_t address, uint64_t first_ticks,
                     uint64_t last_ticks)
{
    struct symbolizer *z = context;

    if (z->code_count == z->code_capacity) {
        size_t capacity = z->code_capacity ? z->code_capacity * 2 : 1024;
        struct code *grown = realloc(z->codes, capacity * sizeof(*grown));

        if (!grown) {
            z->error = -ENOMEM;
            return;
        }
        z->codes = grown;
        z->code_capacity = capacity;
    }
    z->codes[z->code_count++] = (struct code){image, address, first_ticks, last_ticks};
}

/* ---- modules and their files ---- */

static int file_compare(const void *a, const void *b)
{
    const struct known_file *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : strcmp(x->build_id, y->build_id);
}

static int place_compare(const void *a, const void *b)
{
    const struct drain_module *x = ((const struct place *)a)->module;
    const struct drain_module *y = ((const struct place *)b)->module;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->from_ticks < y->from_ticks ? -1 : x->from_ticks > y->from_ticks;
}

static void files_thin(struct symbolizer *z)
{
    size_t kept = 0;

    for (size_t i = 0; i < z->file_count; i++)
        if (!kept || file_compare(&z->files[kept - 1], &z->files[i]) != 0)
            z->files[kept++] = z->files[i];
    z->file_count = kept;
}

static int modules_take(struct symbolizer *z, const struct drain_module *modules)
{
    size_t count = 0;

    for (const struct drain_module *m = modules; m; m = m->next)
        count++;
    if (!count)
        return 0;
    z->places = calloc(count, sizeof(*z->places));
    z->files = calloc(count, sizeof(*z->files));
    if (!z->places || !z->files)
        return -ENOMEM;
    for (const struct drain_module *m = modules; m; m = m->next) {
        z->places[z->place_count++].module = m;
        z->files[z->file_count++] = (struct known_file){.path = m->path, .build_id = m->build_id};
    }
    qsort(z->files, z->file_count, sizeof(*z->files), file_compare);
    files_thin(z);
    for (size_t i = 0; i < z->place_count; i++) {
        const struct known_file key = {.path = z->places[i].module->path,
                                       .build_id = z->places[i].module->build_id};

        z->places[i].file = bsearch(&key, z->files, z->file_count, sizeof(*z->files), file_compare);
    }
    qsort(z->places, z->place_count, sizeof(*z->places), place_compare);
    return 0;
}

static struct symbol_file *file_symbols(struct symbolizer *z, struct known_file *file,
                                        const struct drain_module *m)
{
    char text[4200];
    struct trace_note note = {.kind = TRACE_NOTE_WARNING, .process = m->process, .text = text};
    int err;

    if (file->tried)
        return file->symbols;
    file->tried = true;
    err = symbol_file_open(&file->symbols, file->path, file->build_id, file->addresses);
    if (err == -ESTALE) {
        note.ticks = m->from_ticks;
        snprintf(text, sizeof(text),
                 "%s is another file by now than the one that was mapped: its symbols are not "
                 "known",
                 file->path);
        z->found->note(z->found->context, &note);
    }
    if (err)
        file->symbols = NULL;
    return file->symbols;
}

/* ---- one address ---- */

static void symbol_write(struct symbolizer *z, const struct code *code, const struct place *place,
                         bool alone)
{
    const struct drain_module *m = place->module;
    struct symbol_file *file = file_symbols(z, place->file, m);
    struct symbol_found found = {0};
    struct trace_symbol item = {
        .process = (uint32_t)m->image,
        .module = m->number,
        .address = code->address,
        /* What was told of the module late is true of it from the beginning. */
        .from_ticks = alone ? 0 : m->from_ticks,
        .to_ticks = alone ? UINT64_MAX : m->to_ticks,
    };

    if (file)
        found = symbol_file_find(file, code->address - m->bias);
    item.start = found.name ? found.start + m->bias : 0;
    item.name = found.name ? found.name : "";
    item.file = found.file ? found.file : "";
    item.line = found.line;
    z->found->symbol(z->found->context, &item);
}

/* The last place of the image that begins at `address` or before, +1; 0: none. */
static size_t places_up_to(const struct symbolizer *z, uint64_t image, uint64_t address)
{
    size_t low = 0, high = z->place_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct drain_module *m = z->places[middle].module;

        if (m->image < image || (m->image == image && m->base <= address))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* More than one module when addresses were used again after dlclose. */
enum { CANDIDATES_MAX = 16, MODULES_BACK_MAX = 256 };

struct candidates {
    const struct place *places[CANDIDATES_MAX];
    size_t count;
};

/* The modules that the address may have been in when it was recorded. */
static struct candidates code_candidates(const struct symbolizer *z, const struct code *code)
{
    size_t at = places_up_to(z, code->image, code->address);
    struct candidates c = {.count = 0};

    for (unsigned back = 0; at && back < MODULES_BACK_MAX && c.count < CANDIDATES_MAX; back++) {
        const struct drain_module *m = z->places[--at].module;

        if (m->image != code->image)
            break;
        if (code->address >= m->end)
            continue;
        /* While the module was there, or else before it was told. */
        if ((code->last_ticks >= m->from_ticks && code->first_ticks < m->to_ticks) ||
            (!c.count && code->last_ticks < m->from_ticks))
            c.places[c.count++] = &z->places[at];
    }
    return c;
}

static void codes_count(struct symbolizer *z)
{
    for (size_t i = 0; i < z->code_count; i++) {
        struct candidates c = code_candidates(z, &z->codes[i]);

        z->figures.addresses += c.count > 0;
        for (size_t k = 0; k < c.count; k++)
            c.places[k]->file->addresses++;
    }
}

static void codes_look_up(void *context, const struct symbol_sink *found)
{
    struct symbolizer *z = context;

    z->found = found;
    for (size_t i = 0; i < z->code_count; i++) {
        struct candidates c = code_candidates(z, &z->codes[i]);

        for (size_t k = 0; k < c.count; k++)
            symbol_write(z, &z->codes[i], c.places[k], c.count == 1);
    }
    for (size_t i = 0; i < z->file_count; i++)
        if (z->files[i].symbols)
            symbol_file_close(z->files[i].symbols);
    z->found = NULL;
}

/* ---- into the file; an output error shows at the end ---- */

static void symbol_store(void *context, const struct trace_symbol *symbol)
{
    struct symbolizer *z = context;

    z->figures.named += symbol->name[0] != 0;
    z->figures.with_lines += symbol->file[0] != 0;
    (void)(z->ending ? trace_ending_symbol(z->ending, symbol)
                     : trace_writer_symbol(z->writer, symbol));
}

static void note_store(void *context, const struct trace_note *note)
{
    struct symbolizer *z = context;

    (void)(z->ending ? trace_ending_note(z->ending, note) : trace_writer_note(z->writer, note));
}

static void codes_resolve(struct symbolizer *z)
{
    const struct symbol_sink sink = {z, symbol_store, note_store};
    int err =
        z->figures.addresses ? symbol_apart_run(codes_look_up, z, &sink, SYMBOL_SILENCE_MS) : 0;

    /* No process to be had, but memory: then here. */
    if (err == -EAGAIN)
        codes_look_up(z, &sink);
    z->figures.broke = err && err != -EAGAIN;
    if (z->figures.broke)
        note_store(z, &(struct trace_note){
                          .kind = TRACE_NOTE_WARNING,
                          .process = TRACE_PROCESS_NONE,
                          .text = "names of functions are missing: reading the symbols and debug "
                                  "information of what was traced came to a bad end",
                      });
}

static int codes_name(struct symbolizer *z, const struct drain_module *modules,
                      struct symbolize_figures *figures)
{
    int err = z->error ? z->error : modules_take(z, modules);

    if (!err) {
        codes_count(z);
        codes_resolve(z);
    }
    free(z->files);
    free(z->places);
    free(z->codes);
    *figures = z->figures;
    return err;
}

int symbolize(struct drain *drain, struct symbolize_figures *figures)
{
    struct symbolizer z = {.writer = drain_writer(drain)};

    trace_writer_addresses(z.writer, code_add, &z);
    return codes_name(&z, drain_modules(drain), figures);
}

int symbolize_ending(struct trace_ending *ending, const struct drain_module *modules,
                     struct symbolize_figures *figures)
{
    struct symbolizer z = {.ending = ending};

    trace_ending_addresses(ending, code_add, &z);
    return codes_name(&z, modules, figures);
}
