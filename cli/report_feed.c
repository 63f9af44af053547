/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the columns of a block to calls: the inner loop of `report`.
 */
#include "cli/report.h"

#include <string.h>

#include "cli/value.h"

/* One run of the block, taken apart once, and how far we are in it. */
struct feed_run {
    enum report_role role;
    uint32_t name;
    const unsigned char *address, *frame; /* of the next record; frame NULL: there is none */
    unsigned address_width, frame_width;
};

static bool is_scalar(const struct trace_column *column)
{
    return column->field->width && column->field->count == 1;
}

static void run_prepare(struct feed_run *prepared, const struct trace_run *run,
                        const struct report_type *type)
{
    *prepared = (struct feed_run){.role = type->role, .name = type->name};
    if (type->role != REPORT_FUNCTION_ENTER && type->role != REPORT_FUNCTION_EXIT)
        return;
    prepared->address = run->columns[0].bytes;
    prepared->address_width = run->columns[0].field->width;
    if (type->role == REPORT_FUNCTION_ENTER && run->type->schema.field_count > 1 &&
        is_scalar(&run->columns[1])) {
        prepared->frame = run->columns[1].bytes;
        prepared->frame_width = run->columns[1].field->width;
    }
}

/* The number of a function; the symbol cache keeps it. UINT32_MAX without memory. */
static inline uint32_t function_id(struct report *report, uint32_t process, uint64_t address,
                                   uint64_t ticks)
{
    struct symbol_text *symbol = symbol_cache_find(&report->symbols, process, address, ticks);

    if (!symbol)
        return UINT32_MAX;
    if (__builtin_expect(!symbol->user, 0)) {
        uint32_t id = calls_id_make(&report->functions);

        if (id == UINT32_MAX)
            return id;
        symbol->user = id + 1;
    }
    return symbol->user - 1;
}

static inline void function_enter(struct report *report, struct calls_thread *thread,
                                  struct feed_run *run, uint32_t process, uint64_t ticks)
{
    uint64_t address = value_load_slack(run->address, run->address_width);
    uint32_t id = function_id(report, process, address, ticks);
    uint16_t frame = run->frame ? (uint16_t)value_load_slack(run->frame, run->frame_width) : 0;

    run->address += run->address_width;
    if (run->frame)
        run->frame += run->frame_width;
    if (id == UINT32_MAX)
        report->functions.failed = true;
    else
        calls_enter(&report->functions, thread, address, id, frame, run->frame ? 0 : CALL_UNTAGGED,
                    ticks);
}

static inline void function_exit(struct report *report, struct calls_thread *thread,
                                 struct feed_run *run, uint64_t ticks)
{
    uint64_t address = value_load_slack(run->address, run->address_width);

    run->address += run->address_width;
    calls_exit(&report->functions, thread, address, ticks);
}

void report_calls_feed(struct report *report, const struct trace_block *block, uint32_t thread)
{
    struct calls_thread *functions = &report->functions.threads[thread];
    struct calls_thread *scopes = &report->scopes.threads[thread];
    uint32_t process = block->thread->process;
    struct feed_run runs[UINT8_MAX + 1];

    for (uint32_t r = 0; r < block->run_count && r <= UINT8_MAX; r++)
        run_prepare(&runs[r], &block->runs[r], &report->types[block->runs[r].type->index]);
    for (uint32_t i = 0; i < block->records; i++) {
        struct feed_run *run = &runs[block->run_of[i]];

        switch (run->role) {
        case REPORT_FUNCTION_ENTER:
            function_enter(report, functions, run, process, block->ticks[i]);
            break;
        case REPORT_FUNCTION_EXIT:
            function_exit(report, functions, run, block->ticks[i]);
            break;
        case REPORT_SCOPE_BEGIN:
            calls_enter(&report->scopes, scopes, run->name, run->name, 0, CALL_UNTAGGED,
                        block->ticks[i]);
            break;
        case REPORT_SCOPE_END:
            calls_exit(&report->scopes, scopes, run->name, block->ticks[i]);
            break;
        default:
            break;
        }
    }
    calls_settle(&report->functions, functions);
    calls_settle(&report->scopes, scopes);
}
