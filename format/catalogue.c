/* SPDX-License-Identifier: Apache-2.0 */
#include "format/catalogue.h"

#include <errno.h>
#include <stdlib.h>

#include "format/catalogue_list.h"
#include "format/number_map.h"

enum { NOTES_BYTES_MAX = 64 << 10, SYMBOLS_BYTES_MAX = 8 << 20, ENDED_MIN = 64 };

struct catalogue {
    struct byte_buffer recording;
    struct catalogue_list clocks, processes, threads, types, modules, symbols, notes;
    uint64_t next; /* numbers what has no number of its own */
    size_t ended;  /* threads and processes, since the last sweep */
    size_t unmapped;
    uint64_t from_ticks;
    bool (*keeps)(void *context, uint32_t thread);
    void *context;
};

struct catalogue *catalogue_create(void)
{
    return calloc(1, sizeof(struct catalogue));
}

void catalogue_destroy(struct catalogue *c)
{
    if (!c)
        return;
    byte_buffer_free(&c->recording);
    catalogue_list_free(&c->clocks);
    catalogue_list_free(&c->processes);
    catalogue_list_free(&c->threads);
    catalogue_list_free(&c->types);
    catalogue_list_free(&c->modules);
    catalogue_list_free(&c->symbols);
    catalogue_list_free(&c->notes);
    free(c);
}

void catalogue_keep(struct catalogue *c, bool (*keeps)(void *context, uint32_t thread),
                    void *context)
{
    c->keeps = keeps;
    c->context = context;
}

void catalogue_keep_from(struct catalogue *c, uint64_t ticks)
{
    c->from_ticks = ticks;
}

/* ---- leaving out what nobody needs ---- */

static bool thread_goes(void *context, const struct catalogue_row *row, size_t place)
{
    const struct catalogue *c = context;

    (void)place;
    return row->ended && !(c->keeps && c->keeps(c->context, (uint32_t)row->number));
}

/* What a sweep finds out first. */
struct sweep {
    struct catalogue *catalogue;
    struct number_map images; /* that somebody runs, or whose threads' records are kept */
    struct number_map needed; /* processes that must be described */
};

/* Modules and symbols hold for a whole image, which lives while any process that runs it does. */
static int images_find(struct sweep *s)
{
    const struct catalogue *c = s->catalogue;
    int status = 0;

    for (size_t i = 0; i < c->threads.count && status == 0; i++)
        status = number_map_set(&s->needed, c->threads.rows[i].process, 1);
    for (size_t i = 0; i < c->processes.count && status == 0; i++) {
        const struct catalogue_row *row = &c->processes.rows[i];

        if (!row->ended || number_map_find(&s->needed, row->number) != NUMBER_MAP_NONE)
            status = number_map_set(&s->images, row->image, 1);
    }
    return status;
}

static bool image_lives(const struct sweep *s, uint32_t process)
{
    const struct catalogue_row *row = catalogue_list_find(&s->catalogue->processes, process);

    return row && number_map_find(&s->images, row->image) != NUMBER_MAP_NONE;
}

static bool belonging_goes(void *context, const struct catalogue_row *row, size_t place)
{
    const struct sweep *s = context;

    (void)place;
    return !image_lives(s, row->process) || (row->ended && row->ticks < s->catalogue->from_ticks);
}

static int owners_find(struct sweep *s, const struct catalogue_list *list)
{
    int status = 0;

    for (size_t i = 0; i < list->count && status == 0; i++)
        status = number_map_set(&s->needed, list->rows[i].process, 1);
    return status;
}

/* Also the process that an image was first seen in stays: symbols are told under its number. */
static bool process_goes(void *context, const struct catalogue_row *row, size_t place)
{
    const struct sweep *s = context;

    (void)place;
    return row->ended && number_map_find(&s->needed, row->number) == NUMBER_MAP_NONE &&
           (row->number != row->image ||
            number_map_find(&s->images, row->image) == NUMBER_MAP_NONE);
}

/* Without memory nothing is left out this time. */
static void sweep(struct catalogue *c)
{
    struct sweep s = {.catalogue = c};

    catalogue_list_thin(&c->threads, thread_goes, c);
    if (images_find(&s) == 0) {
        catalogue_list_thin(&c->modules, belonging_goes, &s);
        catalogue_list_thin(&c->symbols, belonging_goes, &s);
        if (owners_find(&s, &c->modules) == 0 && owners_find(&s, &c->symbols) == 0)
            catalogue_list_thin(&c->processes, process_goes, &s);
    }
    number_map_free(&s.images);
    number_map_free(&s.needed);
    c->ended = c->unmapped = 0;
    for (size_t i = 0; i < c->modules.count; i++)
        c->unmapped += c->modules.rows[i].ended;
}

/* Seldom enough that it costs nothing, often enough that it does not add up. */
static void sweep_when_due(struct catalogue *c)
{
    if (++c->ended >= ENDED_MIN + (c->threads.count + c->processes.count) / 2)
        sweep(c);
}

/* ---- taking in ---- */

/* What is being thinned: clock pairs, by how far others tell of them as well. */
struct clock_thinning {
    const struct catalogue_list *list;
    uint64_t ticks, ns; /* of the pair before, which stays */
    uint64_t tolerance_ns;
    bool before_stays;
};

/* Where the line from the pair before to `next` passes a pair. */
static double clock_line_off(const struct clock_thinning *c, const struct catalogue_row *row,
                             const struct catalogue_row *next)
{
    double part = (double)(row->ticks - c->ticks) / (double)(next->ticks - c->ticks);
    double off = (double)(row->ns - c->ns) - part * (double)(next->ns - c->ns);

    return off < 0 ? -off : off;
}

/* Never two in a row, and not the first: it is time 0, the same in all files of the session. Pairs
 * where the clock bent stay: times between others would be wrong without them. */
static bool clock_goes(void *context, const struct catalogue_row *row, size_t place)
{
    struct clock_thinning *c = context;
    const struct catalogue_row *next = row + 1;
    bool goes =
        place && place < c->list->count / 2 && c->before_stays &&
        (c->tolerance_ns > INT64_MAX || (next->ticks > c->ticks && row->ticks > c->ticks &&
                                         clock_line_off(c, row, next) <= (double)c->tolerance_ns));

    c->before_stays = !goes;
    if (goes)
        return true;
    c->ticks = row->ticks;
    c->ns = row->ns;
    return false;
}

static void clocks_thin(struct catalogue *c)
{
    enum { TOLERANCE_NS = 100, WORSE = 4 };
    struct clock_thinning thinning = {.list = &c->clocks, .tolerance_ns = TOLERANCE_NS};

    /* A tenth of what an event's time may be off; more where a clock bends all the time. */
    while (c->clocks.count > CATALOGUE_CLOCKS_MAX * 15 / 16) {
        thinning.before_stays = false;
        catalogue_list_thin(&c->clocks, clock_goes, &thinning);
        thinning.tolerance_ns =
            thinning.tolerance_ns > INT64_MAX / WORSE ? UINT64_MAX : thinning.tolerance_ns * WORSE;
    }
}

static int clock_add(struct catalogue *c, const struct trace_clock_pair *pair)
{
    struct catalogue_row *row;
    int status;

    if (c->clocks.count == CATALOGUE_CLOCKS_MAX)
        clocks_thin(c);
    status = catalogue_list_put(&c->clocks, c->next++, ITEM_CLOCK, pair, &row);
    if (status != 0)
        return status;
    row->ticks = pair->ticks;
    row->ns = pair->monotonic_ns;
    return 0;
}

static int process_add(struct catalogue *c, const struct trace_process *process)
{
    struct catalogue_row *row;
    int status = catalogue_list_put(&c->processes, process->process, ITEM_PROCESS, process, &row);

    if (status != 0)
        return status;
    row->process = process->process;
    row->image = process->image;
    return 0;
}

static int process_end_add(struct catalogue *c, const struct trace_process_end *end)
{
    struct catalogue_row *row = catalogue_list_find(&c->processes, end->process);
    int status;

    if (!row)
        return 0;
    status = catalogue_row_end(&c->processes, row, end);
    if (status != 0)
        return status;
    row->ended = true;
    sweep_when_due(c);
    return 0;
}

static int thread_add(struct catalogue *c, const struct trace_thread *thread)
{
    struct catalogue_row *row;
    int status = catalogue_list_put(&c->threads, thread->thread, ITEM_THREAD, thread, &row);

    if (status == 0)
        row->process = thread->process;
    return status;
}

void catalogue_thread_end(struct catalogue *c, uint32_t thread)
{
    struct catalogue_row *row = catalogue_list_find(&c->threads, thread);

    if (!row || row->ended)
        return;
    row->ended = true;
    sweep_when_due(c);
}

static bool oldest_unmapped_goes(void *context, const struct catalogue_row *row, size_t place)
{
    size_t *left = context;

    (void)place;
    return row->ended && *left && (*left)--;
}

static int module_add(struct catalogue *c, const struct trace_module *module)
{
    struct catalogue_row *row;
    size_t half = CATALOGUE_UNMAPPED_MAX / 2;
    int status = catalogue_list_put(&c->modules, module->module, ITEM_MODULE, module, &row);

    if (status != 0)
        return status;
    row->process = module->process;
    row->ticks = module->to_ticks;
    row->ended = module->to_ticks != UINT64_MAX;
    if (!row->ended || ++c->unmapped <= CATALOGUE_UNMAPPED_MAX)
        return 0;
    sweep(c);
    if (c->unmapped > half) {
        catalogue_list_thin(&c->modules, oldest_unmapped_goes, &half);
        c->unmapped -= CATALOGUE_UNMAPPED_MAX / 2;
    }
    return 0;
}

static int symbol_add(struct catalogue *c, const struct trace_symbol *symbol)
{
    struct catalogue_row *row;
    int status;

    if (c->symbols.count == CATALOGUE_SYMBOLS_MAX || c->symbols.bytes > SYMBOLS_BYTES_MAX)
        return 0; /* whoever resolves symbols can do it again */
    status = catalogue_list_put(&c->symbols, c->next++, ITEM_SYMBOL, symbol, &row);
    if (status == 0)
        row->process = symbol->process;
    return status;
}

static bool older_half(void *context, const struct catalogue_row *row, size_t place)
{
    const size_t *count = context;

    (void)row;
    return place < *count / 2;
}

static int note_add(struct catalogue *c, const struct trace_note *note)
{
    struct catalogue_row *row;
    size_t count = c->notes.count;

    if (count == CATALOGUE_NOTES_MAX || c->notes.bytes > NOTES_BYTES_MAX)
        catalogue_list_thin(&c->notes, older_half, &count);
    return catalogue_list_put(&c->notes, c->next++, ITEM_NOTE, note, &row);
}

int catalogue_add(struct catalogue *c, enum item_kind kind, const void *record)
{
    const struct item_type *type = record;
    struct catalogue_row *row;

    switch (kind) {
    case ITEM_RECORDING:
        c->recording.size = 0;
        return item_append(&c->recording, kind, record);
    case ITEM_CLOCK:
        return clock_add(c, record);
    case ITEM_PROCESS:
        return process_add(c, record);
    case ITEM_PROCESS_END:
        return process_end_add(c, record);
    case ITEM_THREAD:
        return thread_add(c, record);
    case ITEM_TYPE:
        return catalogue_list_put(&c->types, type->type, kind, record, &row);
    case ITEM_MODULE:
        return module_add(c, record);
    case ITEM_SYMBOL:
        return symbol_add(c, record);
    case ITEM_NOTE:
        return note_add(c, record);
    case ITEM_LEDGER:
        break;
    }
    return 0;
}

/* ---- giving out ---- */

int catalogue_recording(const struct catalogue *c, struct byte_buffer *out)
{
    return byte_buffer_append(out, c->recording.bytes, c->recording.size);
}

int catalogue_items(struct catalogue *c, struct byte_buffer *out, uint32_t *items)
{
    const struct catalogue_list *lists[] = {&c->clocks,  &c->processes, &c->threads, &c->types,
                                            &c->modules, &c->symbols,   &c->notes};
    size_t size = out->size;
    uint32_t before = *items;

    sweep(c);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (catalogue_list_copy(lists[i], out, items) != 0) {
            out->size = size;
            *items = before;
            return -ENOMEM;
        }
    return 0;
}

static size_t list_bytes(const struct catalogue_list *list)
{
    return list->bytes + list->capacity * sizeof(list->rows[0]);
}

size_t catalogue_bytes(const struct catalogue *c)
{
    return sizeof(*c) + c->recording.capacity + list_bytes(&c->clocks) + list_bytes(&c->processes) +
           list_bytes(&c->threads) + list_bytes(&c->types) + list_bytes(&c->modules) +
           list_bytes(&c->symbols) + list_bytes(&c->notes);
}
