/* SPDX-License-Identifier: Apache-2.0 */
/* A drain's calls to its writer, in memory: a case takes microseconds. */
#include <string.h>

#include "fake_writer.h"
#include "sight.h"

static struct sight sight;

static void record_see(uint32_t thread, uint16_t id, uint64_t ticks, const void *payload,
                       size_t size)
{
    struct sight_item *item = sight_add(&sight);

    item->thread = thread;
    item->ticks = ticks;
    sight_payload_read(item, id, payload, size);
}

static void gap_see(const struct trace_gap *gap)
{
    struct sight_item *item = sight_add(&sight);

    item->thread = gap->thread;
    item->is_gap = true;
    item->gap = *gap;
}

struct trace_writer *sight_open(void)
{
    struct trace_writer *writer = fake_writer_create();

    sight_clear(&sight);
    fake_writer_log()->see_record = record_see;
    fake_writer_log()->see_gap = gap_see;
    return writer;
}

const struct sight *sight_take(void)
{
    const struct fake_log *log = fake_writer_log();

    for (size_t i = 0; i < log->count; i++) {
        const struct fake_call *call = &log->calls[i];

        if (call->kind == FAKE_THREAD) {
            struct sight_thread *t = sight_thread(&sight, call->thread);

            memcpy(t->name, call->text, sizeof(t->name) - 1);
        } else if (call->kind == FAKE_LEDGER) {
            struct sight_thread *t = sight_thread(&sight, call->thread);

            t->has_ledger = true;
            t->ledger = call->item.ledger;
        }
    }
    return &sight;
}
