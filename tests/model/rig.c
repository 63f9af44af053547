/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <errno.h>

#include "base/atomic.h"

struct rig rig;

static struct {
    struct ring_shared ring;
    unsigned char data[RIG_CAPACITY_MAX];
} memory __attribute__((aligned(128)));
static struct ada_writer writer;

/* The slow half of adatrace/emit.h, as tracer/emit_slow.c has it. */
void ada_commit_slow(struct ada_writer *w, unsigned char *header, uint64_t end, uint64_t word,
                     bool nested)
{
    ring_commit_slow(w, header, end, word, nested);
}

void rig_open(uint64_t capacity, const struct ring_options *options)
{
    memset(&rig, 0, sizeof(rig));
    memset(&memory, 0, sizeof(memory));
    memset(&writer, 0, sizeof(writer));
    rig.ring = &memory.ring;
    rig.data = memory.data;
    rig.writer = &writer;
    rig.numbers_grow = true;
    ring_format_at(rig.ring, rig.data, capacity, options);
    model_shared(&memory.ring, sizeof(memory.ring), false);
    model_shared(memory.data, sizeof(memory.data), options->policy == RING_OVERWRITE);
    model_private(&writer, sizeof(writer));
    ring_writer_init(&writer, rig.ring, true);
    model_assert(ring_reader_init(&rig.reader, rig.ring, rig.data, capacity, options->policy) == 0);
}

void rig_stack_is_here(void)
{
    rig.writer->stack_top = (uint64_t)(uintptr_t)__builtin_frame_address(0) + 1024;
}

__attribute__((noinline)) static struct ada_record reserve_slow(uint32_t tag, uint64_t bytes)
{
    return ring_reserve_slow(rig.writer, tag, bytes, ring_caller_sp());
}

__attribute__((noinline)) bool rig_emit(uint64_t bytes)
{
    unsigned number = ++rig.attempted;
    uint32_t tag = ada_record_tag(RIG_EVENT, bytes);
    struct ada_record record;
    uint64_t *payload;

    model_assert(number < RIG_RECORDS_MAX);
    rig.fates[number] = RIG_BEGUN;
    if (!ada_reserve_fast(rig.writer, tag, bytes, &record))
        record = reserve_slow(tag, bytes);
    if (!record.payload) {
        rig.fates[number] = RIG_DROPPED;
        return false;
    }
    payload = (uint64_t *)(void *)record.payload;
    payload[0] = number;
    payload[bytes / 8 - 2] = bytes > 16 ? ~(uint64_t)number : number;
    ada_commit_record(&record);
    rig.ends[number] = record.end;
    rig.fates[number] = RIG_COMMITTED;
    return true;
}

/* ---- the consumer ---- */

static void gap_take(const struct ring_record *r)
{
    const uint64_t *payload = (const uint64_t *)(const void *)r->payload;
    struct ada_record_gap gap = {payload[0], payload[1], payload[2], payload[3]};

    rig.gaps++;
    rig.gap_records += gap.records;
    rig.gap_bytes += gap.bytes;
    model_assert(gap.first_ticks <= gap.last_ticks);
    model_assert(gap.last_ticks <= r->ticks);
    if (!rig.numbers_grow)
        return;
    /* At its place: exactly those that were dropped behind the record before, and none of them
     * later. */
    for (unsigned n = rig.last_number + 1; n <= rig.last_number + gap.records; n++)
        model_assert(n < RIG_RECORDS_MAX && rig.fates[n] == RIG_DROPPED);
    rig.last_number += (unsigned)gap.records;
}

static void record_take(const struct ring_record *r)
{
    const uint64_t *payload = (const uint64_t *)(const void *)r->payload;
    unsigned words = r->payload_bytes / 8;
    uint64_t number;

    model_assert(r->ticks >= rig.last_ticks);
    rig.last_ticks = r->ticks;
    if (r->type == ADA_RECORD_GAP) {
        gap_take(r);
        return;
    }
    model_assert(r->type == RIG_EVENT);
    number = payload[0];
    model_assert(number > 0 && number < RIG_RECORDS_MAX);
    if (words > 1 && payload[words - 1] != ~number)
        model_fail("record %u is torn: %#lx", (unsigned)number, (unsigned long)payload[words - 1]);
    if (rig.reads[number]++)
        model_fail("record %u is read twice", (unsigned)number);
    if (rig.fates[number] == RIG_NONE || rig.fates[number] == RIG_DROPPED)
        model_fail("record %u was never written", (unsigned)number);
    if (rig.numbers_grow && rig.reader.policy != RING_OVERWRITE && number != rig.last_number + 1)
        model_fail("record %u follows %u", (unsigned)number, rig.last_number);
    if (rig.numbers_grow && number <= rig.last_number)
        model_fail("record %u comes behind %u", (unsigned)number, rig.last_number);
    rig.last_number = (unsigned)number;
    rig.records++;
}

static void failed(int got)
{
    rig.overflows += got == -EOVERFLOW;
    rig.damages += got == -EBADMSG;
    model_assert(got == -EOVERFLOW || got == -EBADMSG);
    model_assert(got == -EOVERFLOW || rig.lives_on);
}

void rig_visit(unsigned most)
{
    struct ring_record record;

    while (most--) {
        int got = ring_peek(&rig.reader, &record);

        if (!got)
            break;
        if (got < 0) {
            failed(got);
            continue;
        }
        record_take(&record);
        ring_advance(&rig.reader, &record);
    }
    ring_release(&rig.reader);
}

void rig_visit_in_batches(unsigned most)
{
    struct ring_record records[8];
    int got = ring_read_batch(&rig.reader, records, most);

    if (got < 0)
        failed(got);
    for (int i = 0; i < got; i++)
        record_take(&records[i]);
    ring_release(&rig.reader);
}

void rig_visit_in_runs(void)
{
    uint64_t bytes;
    const unsigned char *at;

    (void)ring_available_to_read(&rig.reader);
    while ((at = ring_view(&rig.reader, &bytes))) {
        uint64_t word = load_relaxed((const uint64_t *)(const void *)at);
        uint64_t size = (word & 0xff) << 3;
        struct ring_record record = {.type = ada_record_type(word),
                                     .ticks = word >> ADA_RECORD_TICKS_SHIFT,
                                     .payload = at + 8,
                                     .payload_bytes = (uint32_t)size - 8,
                                     .bytes = (uint32_t)size};

        if (record.type < ADA_RECORD_FIRST_EVENT)
            break;
        record_take(&record);
        ring_take(&rig.reader, 1, size);
    }
    rig_visit_in_batches(1);
}

void rig_drain(void)
{
    uint64_t before;

    do {
        before = rig.reader.at;
        rig_visit(8);
    } while (rig.reader.at != before);
}

/* ---- afterwards ---- */

static void ledger_check(void)
{
    struct ring_stats s;

    ring_stats(rig.ring, &s);
    model_assert(s.written + s.dropped == rig.attempted);
    model_assert(s.taken == rig.records);
    model_assert(s.written == s.taken + s.overwritten);
    model_assert(s.fill_bytes == 0);
    model_assert(rig.gap_records + ring_untold(rig.ring) == s.dropped ||
                 rig.reader.policy == RING_OVERWRITE);
    model_assert(rig.gap_bytes + (rig.ring->dropped_bytes - rig.ring->told_bytes) ==
                     s.dropped_bytes ||
                 rig.reader.policy == RING_OVERWRITE);
    if (rig.ring->step_bytes != rig.ring->capacity)
        model_assert(rig.ring->skipped_taken == rig.ring->skipped_bytes);
}

void rig_all_are_read(void)
{
    uint64_t head = *(volatile uint64_t *)&rig.ring->front.head;

    for (unsigned n = 1; n <= rig.attempted; n++) {
        if (rig.fates[n] == RIG_COMMITTED && !rig.reads[n] && rig.ends[n] <= head &&
            rig.reader.policy != RING_OVERWRITE)
            model_fail("record %u is lost", n);
        if (rig.fates[n] == RIG_DROPPED && rig.reads[n])
            model_fail("record %u was dropped, and read", n);
    }
}

void rig_check(void)
{
    char text[160];

    rig_drain();
    model_assert(rig.ring->front.head == rig.writer->reserve);
    rig_all_are_read();
    ledger_check();
    if (ring_check(rig.ring, text, sizeof(text)))
        model_fail("%s", text);
}

void rig_check_dead(void)
{
    struct ring_stats s;
    unsigned begun = 0, behind = 0;

    rig_drain();
    rig_all_are_read();
    for (unsigned n = 1; n <= rig.attempted; n++) {
        begun += rig.fates[n] == RIG_BEGUN;
        behind += rig.fates[n] == RIG_COMMITTED && rig.ends[n] > rig.ring->front.head;
    }
    ring_stats(rig.ring, &s);
    /* What the drain counts as lost in a death: committed, and not published. */
    model_assert(s.taken == rig.records);
    model_assert(s.written - s.taken - s.overwritten <= begun + behind);
    model_assert(s.written + s.dropped <= rig.attempted);
    model_assert(s.written + s.dropped + begun >= rig.attempted);
    if (!begun)
        ledger_check();
}
