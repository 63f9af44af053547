/* SPDX-License-Identifier: Apache-2.0 */
/* The ring with one thread that is producer and consumer by turns: layout, sizes, wrap, loss. */
#include "ring_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* ---- allocations are counted: the linker sends them here ---- */

static unsigned allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __real_aligned_alloc(alignment, size);
}

/* ---- making and finding ---- */

static void capacity_requested_is_rounded_up_to_a_power_of_two(void **state)
{
    (void)state;
    assert_int_equal(ring_capacity_for(4096), 4096);
    assert_int_equal(ring_capacity_for(4097), 8192);
    assert_int_equal(ring_capacity_for(1000000), 1 << 20);
    assert_int_equal(ring_capacity_for((1 << 20) + 1), 2 << 20);
    assert_int_equal(ring_capacity_for((1 << 30) - 1), 1 << 30);
    assert_int_equal(ring_capacity_for(1 << 30), 1 << 30);
}

static void capacity_out_of_range_is_refused(void **state)
{
    struct ring_shared *ring;

    (void)state;
    assert_int_equal(ring_capacity_for(0), -ERANGE);
    assert_int_equal(ring_capacity_for(4095), -ERANGE);
    assert_int_equal(ring_capacity_for((1 << 30) + 1), -ERANGE);
    assert_int_equal(ring_capacity_for(UINT64_MAX), -ERANGE);
    assert_int_equal(ring_create(4095, NULL, &ring), -ERANGE);
}

static void ring_formatted_in_a_static_buffer_works_without_allocation(void **state)
{
    static _Alignas(128) unsigned char memory[sizeof(struct ring_shared) + 9000];
    static _Alignas(128) struct ada_writer writer;
    struct ring_reader reader;
    struct ring_record record;
    struct ring_shared *ring;
    unsigned before = allocations;

    (void)state;
    assert_int_equal(ring_format(memory, sizeof(memory), NULL, &ring), 0);
    assert_ptr_equal(ring, memory);
    assert_int_equal(ring->capacity, 8192); /* the largest that fits */
    ring_writer_init(&writer, ring, true);
    assert_int_equal(ring_reader_init(&reader, ring, ring_data(ring), 8192, RING_DROP), 0);
    for (int i = 0; i < 10000; i++) {
        assert_true(ring_write(&writer, FIXTURE_EVENT, "payload", 8));
        assert_int_equal(ring_peek(&reader, &record), 1);
        assert_memory_equal(record.payload, "payload", 8);
        ring_advance(&reader, &record);
        ring_release(&reader);
    }
    ring_reader_fini(&reader);
    assert_int_equal(allocations, before);
}

static void ring_created_counts_an_allocation(void **state)
{
    struct ring_shared *ring;
    unsigned before = allocations;

    (void)state;
    assert_int_equal(ring_create(4096, NULL, &ring), 0);
    ring_destroy(ring);
    assert_true(allocations > before); /* or the case above proves nothing */
}

static void ring_format_of_unfit_memory_is_refused(void **state)
{
    static _Alignas(128) unsigned char memory[sizeof(struct ring_shared) + 4096 + 128];
    struct ring_shared *ring;

    (void)state;
    assert_int_equal(ring_format(memory + 8, sizeof(memory) - 128, NULL, &ring), -EINVAL);
    assert_int_equal(ring_format(memory, sizeof(struct ring_shared) + 4095, NULL, &ring), -ERANGE);
    assert_int_equal(ring_format(memory, 0, NULL, &ring), -ERANGE);
    assert_int_equal(ring_format(memory, sizeof(struct ring_shared) + 4096, NULL, &ring), 0);
}

static void ring_attach_finds_what_was_formatted(void **state)
{
    size_t bytes = ring_memory_bytes(65536);
    struct ring_shared *made, *found;

    (void)state;
    assert_int_equal(ring_create(65536, NULL, &made), 0);
    assert_int_equal(ring_attach(made, bytes, &found), 0);
    assert_ptr_equal(found, made);
    ring_destroy(made);
}

static void ring_attach_to_something_else_is_refused(void **state)
{
    size_t bytes = ring_memory_bytes(65536);
    struct ring_shared *made, *found = NULL, good;

    (void)state;
    assert_int_equal(ring_create(65536, NULL, &made), 0);
    good = *made;
#define REFUSED(change, error)                                     \
    do {                                                           \
        change;                                                    \
        assert_int_equal(ring_attach(made, bytes, &found), error); \
        *made = good;                                              \
    } while (0)
    REFUSED(made->magic++, -EBADMSG);
    REFUSED(made->version++, -EPROTONOSUPPORT);
    REFUSED(made->capacity = 0, -EBADMSG);
    REFUSED(made->capacity = 2048, -EBADMSG);
    REFUSED(made->capacity = 65536 + 8, -EBADMSG);
    REFUSED(made->capacity = UINT64_C(1) << 31, -EBADMSG);
    REFUSED(made->capacity = made->block_bytes = 131072, -EBADMSG); /* beyond the memory */
    REFUSED(made->block_bytes = 4096, -EBADMSG);
    REFUSED(made->policy = 3, -EBADMSG);
    REFUSED(made->policy = RING_OVERWRITE, -EBADMSG); /* its blocks are smaller */
    REFUSED(made->data_offset = 0, -EBADMSG);
    REFUSED(made->data_offset = UINT64_MAX, -EBADMSG);
    REFUSED(made->data_offset += 128, -EBADMSG);
#undef REFUSED
    assert_int_equal(ring_attach(made, bytes - 1, &found), -EBADMSG);
    assert_int_equal(ring_attach(made, sizeof(*made) - 1, &found), -EBADMSG);
    assert_int_equal(ring_attach((unsigned char *)made + 8, bytes - 8, &found), -EBADMSG);
    made->data_offset = sizeof(*made) + 4; /* no place for words */
    made->capacity = made->block_bytes = 32768;
    assert_int_equal(ring_attach(made, bytes, &found), -EBADMSG);
    assert_null(found);
    ring_destroy(made);
}

/* ---- sizes ---- */

static void read_one(struct ring_fixture *f, uint64_t payload_bytes, uint64_t seed)
{
    struct ring_record record;

    assert_int_equal(ring_peek(&f->reader, &record), 1);
    assert_int_equal(record.type, FIXTURE_EVENT);
    assert_int_equal(record.payload_bytes, (payload_bytes + 7) & ~UINT64_C(7));
    assert_int_equal(record.bytes, ada_record_bytes(payload_bytes));
    assert_int_equal(pattern_seed(&record), seed);
    ring_advance(&f->reader, &record);
    ring_release(&f->reader);
}

static void record_of_every_size_comes_back(void **state)
{
    struct ring_fixture f;
    uint64_t seed = 1, max;

    (void)state;
    fixture_open(&f, 65536, RING_DROP, 0);
    max = ring_record_max(f.ring) - 16;
    for (uint64_t bytes = 16; bytes <= max; bytes += bytes < 4096 ? 1 : 509) {
        assert_true(fixture_emit(f.writer, bytes, ++seed));
        read_one(&f, bytes, seed);
    }
    fixture_close(&f);
}

static void record_without_payload_comes_back(void **state)
{
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (int i = 0; i < 2000; i++) {
        assert_true(ring_write(f.writer, FIXTURE_EVENT + 1, NULL, 0));
        assert_int_equal(ring_peek(&f.reader, &record), 1);
        assert_int_equal(record.type, FIXTURE_EVENT + 1);
        assert_int_equal(record.payload_bytes, 0);
        assert_int_equal(record.bytes, 8);
        ring_advance(&f.reader, &record);
        ring_release(&f.reader);
    }
    fixture_close(&f);
}

static void record_around_the_small_limit_has_the_right_head(void **state)
{
    (void)state;
    /* 254 words with the header word are the last small record. */
    assert_int_equal(ada_record_bytes(245 * 8), 246 * 8);
    assert_int_equal(ada_record_bytes(253 * 8), 254 * 8);
    assert_int_equal(ada_record_tag(8, 254 * 8) & 0xff, 254);
    assert_int_equal(ada_record_bytes(253 * 8 + 1), 256 * 8); /* large: one word more */
    assert_int_equal(ada_record_tag(8, 256 * 8) & 0xff, ADA_RECORD_LARGE);
    assert_int_equal(ada_record_bytes(254 * 8), 256 * 8);
}

static void record_of_every_class_wraps_at_every_offset(void **state)
{
    static const uint64_t classes[] = {16,      17,      40,          120,     245 * 8,
                                       246 * 8, 253 * 8, 253 * 8 + 1, 254 * 8, 3000};

    (void)state;
    for (size_t c = 0; c < sizeof(classes) / sizeof(*classes); c++) {
        uint64_t seed = 1;

        /* Before the record under test, advance the ring by every multiple of 8 once. */
        for (uint64_t offset = 0; offset < 16384; offset += 8) {
            struct ring_fixture f;
            struct ledger l = {0};

            if (offset < 16384 - 4096 && offset % 1024)
                continue; /* far from the end nothing can happen */
            fixture_open(&f, 16384, RING_DROP, 0);
            for (uint64_t at = 0; at < offset; at += 8) {
                struct ring_record record;

                assert_true(ring_write(f.writer, FIXTURE_EVENT, NULL, 0));
                assert_int_equal(ring_peek(&f.reader, &record), 1);
                ring_advance(&f.reader, &record);
            }
            ring_release(&f.reader);
            for (int i = 0; i < 3; i++)
                assert_true(fixture_emit(f.writer, classes[c], ++seed));
            assert_int_equal(ledger_drain(&l, &f.reader), 3);
            assert_int_equal(l.torn + l.disorder + l.damages, 0);
            fixture_close(&f);
        }
    }
}

static void oversize_record_is_dropped_and_counted(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    uint64_t max;
    void *payload = calloc(1, 1 << 20);

    (void)state;
    assert_non_null(payload);
    fixture_open(&f, 65536, RING_DROP, 0);
    max = ring_record_max(f.ring);
    assert_true(ring_write(f.writer, FIXTURE_EVENT, payload, max - 16));
    assert_false(ring_write(f.writer, FIXTURE_EVENT, payload, max - 8));
    assert_false(ring_write(f.writer, FIXTURE_EVENT, payload, 1 << 20));
    assert_int_equal(f.ring->dropped, 2);
    assert_int_equal(f.ring->dropped_bytes, ada_record_bytes(max - 8) + ada_record_bytes(1 << 20));
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.records, 1);
    fixture_close(&f);
    free(payload);
}

/* ---- full ---- */

static void full_ring_drops_and_counts_exactly(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    uint64_t attempted = 0, written = 0;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (; attempted < 1000; attempted++)
        written += fixture_emit(f.writer, 24, attempted + 1);
    assert_int_equal(written, 4096 / 32);
    assert_int_equal(f.ring->dropped, attempted - written);
    assert_int_equal(f.ring->dropped_bytes, (attempted - written) * 32);
    assert_int_equal(ring_untold(f.ring), attempted - written);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.gaps, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void gap_record_stands_before_the_next_record_that_fits(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    struct ada_record_gap gap;
    struct ledger l = {0};
    uint64_t before, after, last_ticks;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    while (fixture_emit(f.writer, 24, 1))
        ;
    before = f.ring->untold_first_ticks;
    for (int i = 0; i < 6; i++)
        assert_false(fixture_emit(f.writer, 48, 1));
    after = ada_ticks();
    while (ring_peek(&f.reader, &record) == 1) {
        last_ticks = record.ticks;
        ring_advance(&f.reader, &record);
    }
    ring_release(&f.reader);
    assert_true(fixture_emit(f.writer, 24, 7));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_int_equal(record.type, ADA_RECORD_GAP);
    assert_int_equal(record.payload_bytes, sizeof(gap));
    memcpy(&gap, record.payload, sizeof(gap));
    assert_int_equal(gap.records, 7);
    assert_int_equal(gap.bytes, 32 + 6 * 56);
    assert_int_equal(gap.first_ticks, before);
    assert_true(last_ticks <= (gap.first_ticks & ADA_RECORD_TICKS_MASK));
    assert_true(gap.first_ticks < gap.last_ticks && gap.last_ticks < after);
    assert_true((gap.last_ticks & ADA_RECORD_TICKS_MASK) < record.ticks);
    ring_advance(&f.reader, &record);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.records, 1);
    assert_int_equal(l.last_seed, 7);
    assert_int_equal(ring_untold(f.ring), 0);
    /* And the fast path is back: nothing but the record. */
    assert_true(fixture_emit(f.writer, 24, 8));
    assert_int_equal(ring_available_to_read(&f.reader), 32);
    fixture_close(&f);
}

static void gap_record_needs_room_too(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    uint64_t dropped;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    while (fixture_emit(f.writer, 24, 1))
        ;
    dropped = f.ring->dropped;
    /* Room for the record, but not for the gap before it. */
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    assert_int_equal(ring_available_to_write(f.writer), 0);
    assert_false(fixture_emit(f.writer, 24, 2));
    assert_int_equal(f.ring->dropped, dropped + 1);
    fixture_close(&f);
}

/* ---- reserve, commit, rollback ---- */

static struct ada_record reserve(struct ring_fixture *f, uint64_t payload_bytes, uint64_t seed)
{
    struct ada_record record;

    assert_true(ring_reserve(f->writer, FIXTURE_EVENT, payload_bytes, &record));
    pattern_payload(record.payload, payload_bytes, seed);
    return record;
}

static void reservation_is_invisible_until_it_is_committed(void **state)
{
    struct ring_fixture f;
    struct ring_record seen;
    struct ada_record record;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    record = reserve(&f, 100, 5);
    assert_int_equal(ring_peek(&f.reader, &seen), 0);
    assert_int_equal(f.ring->front.written, 0);
    ring_commit(&record);
    assert_int_equal(f.ring->front.written, 1);
    read_one(&f, 100, 5);
    fixture_close(&f);
}

static void reservation_of_a_large_record_comes_back(void **state)
{
    struct ada_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 65536, RING_DROP, 0);
    record = reserve(&f, 8000, 5);
    ring_commit(&record);
    read_one(&f, 8000, 5);
    fixture_close(&f);
}

static void reservation_rolled_back_leaves_no_trace(void **state)
{
    struct ring_fixture f;
    struct ring_stats stats;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 500; i++) {
        struct ada_record record = reserve(&f, 16 + i % 300, i);

        if (i % 3)
            ring_commit(&record);
        else
            ring_rollback(&record);
        ledger_drain(&l, &f.reader);
    }
    ring_stats(f.ring, &stats);
    assert_int_equal(l.records, 500 - 500 / 3);
    assert_int_equal(stats.written, l.records);
    assert_balanced(&f, &l, l.records);
    fixture_close(&f);
}

static void reservation_held_hides_what_is_written_behind_it(void **state)
{
    struct ring_record seen;
    struct ring_fixture f;
    struct ada_record record;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    record = reserve(&f, 32, 1);
    for (uint64_t i = 2; i < 30; i++)
        assert_true(fixture_emit(f.writer, 16 + i, i));
    assert_int_equal(ring_peek(&f.reader, &seen), 0);
    ring_commit(&record);
    assert_int_equal(ledger_drain(&l, &f.reader), 29);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, 29);
    /* The fast path is back. */
    assert_true(fixture_emit(f.writer, 24, 30));
    assert_int_equal(ring_available_to_read(&f.reader), 32);
    fixture_close(&f);
}

static void reservation_held_is_not_taken_for_abandoned(void **state)
{
    struct ring_fixture f;
    struct ada_record record;
    struct ledger l = {0};
    uint64_t attempted = 1;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    record = reserve(&f, 32, 1);
    /* Far more than half the ring behind it: the rest is dropped, the reservation is not. */
    for (; attempted < 500; attempted++)
        (void)fixture_emit(f.writer, 24, attempted + 1);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    ring_commit(&record);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.first_seed, 1);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void reservations_nested_commit_in_reverse(void **state)
{
    struct ring_fixture f;
    struct ada_record held[5];
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 0; i < 5; i++)
        held[i] = reserve(&f, 32, i + 1);
    for (int i = 4; i >= 0; i--) {
        assert_int_equal(ring_available_to_read(&f.reader), 0);
        ring_commit(&held[i]);
    }
    assert_int_equal(ledger_drain(&l, &f.reader), 5);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, 5);
    fixture_close(&f);
}

static void reservations_commit_in_the_order_they_were_made(void **state)
{
    struct ring_fixture f;
    struct ada_record held[5];
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 0; i < 5; i++)
        held[i] = reserve(&f, 32, i + 1);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(f.ring->dropped, 0);
        ring_commit(&held[i]);
        assert_int_equal(ledger_drain(&l, &f.reader), 1);
        assert_int_equal(l.last_seed, i + 1);
    }
    assert_balanced(&f, &l, 5);
    fixture_close(&f);
}

/* Any order, with other records and rollbacks in between, over many laps. */
static void reservations_held_in_random_order_keep_everything(void **state)
{
    uint64_t random = random_seed("held"), seed = 0, attempted = 0;
    struct ada_record held[8] = {{0}};
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 8192, RING_DROP, 0);
    for (int i = 0; i < 200000; i++) {
        unsigned n = (unsigned)random_next(&random) % 8, what = (unsigned)random_next(&random) % 8;

        if (what < 3) {
            attempted++;
            (void)fixture_emit(f.writer, 16 + random_next(&random) % 200, ++seed);
        } else if (!held[n].payload) {
            uint64_t bytes = 16 + random_next(&random) % 200;

            attempted++;
            seed++;
            if (ring_reserve(f.writer, FIXTURE_EVENT, bytes, &held[n]))
                pattern_payload(held[n].payload, bytes, seed);
        } else if (what < 4) {
            ring_rollback(&held[n]);
            attempted--;
            held[n].payload = NULL;
        } else {
            ring_commit(&held[n]);
            held[n].payload = NULL;
        }
        if (random_next(&random) % 16 == 0)
            ledger_drain(&l, &f.reader);
    }
    for (int n = 0; n < 8; n++)
        if (held[n].payload)
            ring_commit(&held[n]);
    ledger_drain(&l, &f.reader);
    assert_int_equal(l.disorder, 0);
    assert_balanced(&f, &l, attempted);
    fixture_close(&f);
}

static void rollback_of_a_held_reservation_publishes_what_is_behind(void **state)
{
    struct ring_fixture f;
    struct ada_record first, second;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    first = reserve(&f, 32, 1);
    second = reserve(&f, 40, 2);
    assert_true(fixture_emit(f.writer, 24, 3));
    ring_rollback(&first);
    assert_int_equal(ledger_drain(&l, &f.reader), 0);
    ring_rollback(&second);
    assert_int_equal(ledger_drain(&l, &f.reader), 1);
    assert_int_equal(l.last_seed, 3);
    assert_balanced(&f, &l, 1);
    fixture_close(&f);
}

static void reservation_behind_a_gap_and_a_wrap_publishes(void **state)
{
    (void)state;
    for (uint64_t filler = 16; filler < 400; filler += 8) {
        struct ring_fixture f;
        struct ada_record first, second;
        struct ledger l = {0};
        uint64_t attempted = 0, lost;

        fixture_open(&f, 4096, RING_DROP, 0);
        do {
            attempted++;
        } while (fixture_emit(f.writer, filler, attempted));
        ledger_drain(&l, &f.reader);
        first = reserve(&f, 300, 1000);
        lost = f.ring->dropped;
        assert_false(fixture_emit(f.writer, 60000, 1));
        second = reserve(&f, 300, 1001);
        assert_true(fixture_emit(f.writer, 24, 1002));
        ring_commit(&first);
        assert_int_equal(ledger_drain(&l, &f.reader), 1);
        ring_commit(&second);
        assert_int_equal(ledger_drain(&l, &f.reader), 2);
        assert_int_equal(l.gap_records, lost + 1);
        assert_balanced(&f, &l, attempted + 4);
        fixture_close(&f);
    }
}

/* ---- batches ---- */

static void batch_is_written_whole_with_one_time(void **state)
{
    unsigned char payloads[20][300];
    struct ring_item items[20];
    struct ring_record records[20];
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 65536, RING_DROP, 0);
    for (int lap = 0; lap < 100; lap++) {
        for (uint32_t i = 0; i < 20; i++) {
            items[i] = (struct ring_item){FIXTURE_EVENT, 16 + i * 13, payloads[i]};
            pattern_payload(payloads[i], items[i].payload_bytes, i + 1);
        }
        assert_true(ring_write_batch(f.writer, items, 20));
        assert_int_equal(ring_read_batch(&f.reader, records, 20), 20);
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(pattern_seed(&records[i]), i + 1);
            assert_int_equal(records[i].ticks, records[0].ticks);
        }
        ring_release(&f.reader);
        assert_int_equal(ring_read_batch(&f.reader, records, 20), 0);
    }
    assert_int_equal(f.ring->front.written, 2000);
    assert_int_equal(f.ring->taken, 2000);
    fixture_close(&f);
}

static void batch_with_large_and_empty_records_comes_back(void **state)
{
    static unsigned char large[5000];
    const struct ring_item items[] = {
        {FIXTURE_EVENT + 1, 0, NULL}, {FIXTURE_EVENT, 5000, large}, {FIXTURE_EVENT + 1, 0, NULL}};
    struct ring_record records[4];
    struct ring_fixture f;

    (void)state;
    pattern_payload(large, sizeof(large), 9);
    fixture_open(&f, 65536, RING_DROP, 0);
    assert_true(ring_write_batch(f.writer, items, 3));
    assert_int_equal(ring_read_batch(&f.reader, records, 4), 3);
    assert_int_equal(records[0].payload_bytes, 0);
    assert_int_equal(pattern_seed(&records[1]), 9);
    assert_int_equal(records[2].type, FIXTURE_EVENT + 1);
    fixture_close(&f);
}

static void batch_that_does_not_fit_is_dropped_whole_and_counted(void **state)
{
    unsigned char payload[200] = {0};
    struct ring_item items[10];
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (int i = 0; i < 10; i++)
        items[i] = (struct ring_item){FIXTURE_EVENT, 192, payload};
    assert_false(ring_write_batch(f.writer, items, 10)); /* more than a record may be */
    assert_int_equal(f.ring->dropped, 10);
    assert_int_equal(f.ring->dropped_bytes, 2000);
    assert_int_equal(f.ring->front.written, 0);
    assert_true(ring_write_batch(f.writer, items, 5));
    assert_true(ring_write_batch(f.writer, items, 0));
    assert_int_equal(f.ring->front.written, 5);
    fixture_close(&f);
}

static void batch_behind_a_held_reservation_comes_after_it(void **state)
{
    unsigned char payload[32];
    const struct ring_item items[] = {{FIXTURE_EVENT, 32, payload}, {FIXTURE_EVENT, 32, payload}};
    struct ring_fixture f;
    struct ada_record held;
    struct ledger l = {0};

    (void)state;
    pattern_payload(payload, 32, 2);
    fixture_open(&f, 4096, RING_DROP, 0);
    held = reserve(&f, 16, 1);
    assert_true(ring_write_batch(f.writer, items, 2));
    assert_int_equal(f.ring->nested, 2);
    ring_commit(&held);
    assert_int_equal(ledger_drain(&l, &f.reader), 3);
    assert_int_equal(l.first_seed, 1);
    assert_balanced(&f, &l, 3);
    fixture_close(&f);
}

static void read_copies_out_or_says_that_there_is_no_room(void **state)
{
    unsigned char out[128];
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_read(&f.reader, out, sizeof(out), &record), 0);
    assert_true(fixture_emit(f.writer, 100, 3));
    assert_int_equal(ring_read(&f.reader, out, 103, &record), -ENOBUFS);
    assert_int_equal(ring_read(&f.reader, out, 104, &record), 1); /* it was not taken */
    assert_ptr_equal(record.payload, out);
    assert_int_equal(pattern_seed(&record), 3);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    assert_int_equal(f.ring->tail, f.ring->front.head);
    fixture_close(&f);
}

static void read_batch_stops_at_its_maximum(void **state)
{
    struct ring_record records[8];
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    assert_int_equal(ring_read_batch(&f.reader, records, 8), 8);
    assert_int_equal(pattern_seed(&records[7]), 8);
    assert_int_equal(f.ring->tail, 0); /* nothing is given back before ring_release() */
    ring_release(&f.reader);
    assert_int_equal(f.ring->tail, 8 * 32);
    assert_int_equal(ring_read_batch(&f.reader, records, 8), 8);
    assert_int_equal(ring_read_batch(&f.reader, records, 8), 4);
    fixture_close(&f);
}

/* ---- looking ---- */

static void available_to_write_is_what_a_record_may_take(void **state)
{
    uint64_t random = random_seed("available");
    static unsigned char payload[4096];
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_available_to_write(f.writer), ring_record_max(f.ring));
    for (int i = 0; i < 20000; i++) {
        uint64_t room = ring_available_to_write(f.writer), dropped = f.ring->dropped;
        uint64_t bytes = room + 8 * (random_next(&random) % 3) - 8;

        if (room == 0 || random_next(&random) % 4 == 0) {
            struct ring_record record;

            for (uint64_t n = random_next(&random) % 9; n && ring_peek(&f.reader, &record) == 1;
                 n--)
                ring_advance(&f.reader, &record);
            ring_release(&f.reader);
            continue;
        }
        if (random_next(&random) % 4)
            bytes = 16 + random_next(&random) % 96 / 8 * 8;
        if (bytes < 8 || bytes > ring_record_max(f.ring))
            continue;
        assert_int_equal(ring_write(f.writer, FIXTURE_EVENT, payload, bytes - 8), bytes <= room);
        assert_int_equal(f.ring->dropped, dropped + (bytes > room));
    }
    ledger_drain(&l, &f.reader);
    fixture_close(&f);
}

static void available_to_read_is_what_is_published(void **state)
{
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    assert_true(fixture_emit(f.writer, 40, 2));
    assert_int_equal(ring_available_to_read(&f.reader), 32 + 48);
    fixture_close(&f);
}

static void reset_forgets_everything_and_counts_it_as_taken(void **state)
{
    struct ring_fixture f;
    struct ring_stats s;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    ring_reset(&f.reader);
    ring_stats(f.ring, &s);
    assert_int_equal(s.taken, 20);
    assert_int_equal(s.fill_bytes, 0);
    assert_int_equal(ring_available_to_read(&f.reader), 0);
    assert_true(fixture_emit(f.writer, 24, 21));
    read_one(&f, 24, 21);
    fixture_close(&f);
}

static void stats_say_what_happened(void **state)
{
    struct ada_record record;
    struct ring_fixture f;
    struct ledger l = {0};
    struct ring_stats s;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (int i = 0; i < 3; i++)
        assert_true(fixture_emit(f.writer, 24, (uint64_t)i + 1));
    record = reserve(&f, 56, 9);
    ring_rollback(&record);
    ring_stats(f.ring, &s);
    assert_int_equal(s.capacity, 4096);
    assert_int_equal(s.fill_bytes, 3 * 32 + 64);
    assert_int_equal(s.high_water_bytes, 3 * 32 + 64);
    assert_int_equal(s.written, 3);
    assert_int_equal(s.written_bytes, 3 * 32);
    assert_int_equal(s.padding_bytes, 64);
    assert_int_equal(s.taken, 0);
    ledger_drain(&l, &f.reader);
    ring_stats(f.ring, &s);
    assert_int_equal(s.taken, 3);
    assert_int_equal(s.fill_bytes, 0);
    assert_int_equal(s.high_water_bytes, 3 * 32 + 64);
    fixture_close(&f);
}

static void reader_after_a_reader_goes_on_counting(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    struct ring_stats s;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 3; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    ring_reader_fini(&f.reader);
    assert_int_equal(
        ring_reader_init(&f.reader, f.ring, ring_data(f.ring), f.ring->capacity, RING_DROP), 0);
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_int_equal(pattern_seed(&record), 2);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    ring_stats(f.ring, &s);
    assert_int_equal(s.taken, 2);
    assert_int_equal(s.high_water_bytes, 96);
    fixture_close(&f);
}

static void check_finds_a_sound_ring_sound(void **state)
{
    char text[200] = "untouched";
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f.writer, 24 + i, i));
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), 0);
    assert_int_equal(f.ring->tail, 0); /* it only looked */
    assert_int_equal(ring_available_to_read(&f.reader), f.ring->front.head);
    fixture_close(&f);
}

static void check_says_what_is_wrong(void **state)
{
    char text[200] = "";
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    for (uint64_t i = 1; i <= 5; i++)
        assert_true(fixture_emit(f.writer, 24, i));
    ring_data(f.ring)[64] = 0; /* a record of no words */
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), -EBADMSG);
    assert_string_equal(text, "96 bytes before index 160 are no records");
    f.ring->front.head = 8200;
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), -EBADMSG);
    assert_string_equal(text, "head 8200 and tail 0 do not fit capacity 4096");
    f.ring->magic = 0;
    assert_int_equal(ring_check(f.ring, text, sizeof(text)), -EBADMSG);
    assert_non_null(strstr(text, "no ring of version"));
    fixture_close(&f);
}

static void dump_shows_the_state_in_words(void **state)
{
    static const char expected[] =
        "ring         version 1, policy drop\n"
        "capacity     4096 bytes, blocks of 4096\n"
        "head         64\n"
        "tail         32\n"
        "fill         32 bytes, high water 64\n"
        "written      2 records, 64 bytes, 0 nested\n"
        "taken        1 records\n"
        "dropped      1 records, 60008 bytes, 1 since the last gap record\n"
        "overwritten  0 records, 0 bytes\n"
        "padding      0 bytes\n";
    char text[1000], little[10];
    struct ring_record record;
    struct ring_fixture f;
    int length;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    assert_true(fixture_emit(f.writer, 24, 2));
    assert_false(ring_write(f.writer, FIXTURE_EVENT, NULL, 59992));
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    length = ring_dump(f.ring, text, sizeof(text));
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(text));
    assert_int_equal(ring_dump(f.ring, little, sizeof(little)), length);
    assert_string_equal(little, "ring     ");
    fixture_close(&f);
}

static void writer_that_starts_anew_goes_on_at_the_head(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(fixture_emit(f.writer, 24, 1));
    ring_writer_init(f.writer, f.ring, true);
    assert_true(fixture_emit(f.writer, 24, 2));
    assert_int_equal(ledger_drain(&l, &f.reader), 2);
    assert_int_equal(l.disorder, 0);
    fixture_close(&f);
}

static void writer_without_a_counter_stamps_with_the_kernels_clock(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    struct ring_record record;
    uint64_t ns;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    ring_writer_init(f.writer, f.ring, false);
    assert_true(fixture_emit(f.writer, 24, 1));
    ns = clock_monotonic_ns();
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    assert_in_range((ns - record.ticks) & ADA_RECORD_TICKS_MASK, 0, 60u * 1000000000u);
    for (uint64_t i = 2; i < 1000; i++) {
        assert_true(fixture_emit(f.writer, 24 + i % 50, i));
        ledger_drain(&l, &f.reader);
    }
    assert_balanced(&f, &l, 999);
    fixture_close(&f);
}

/* A child whose writer was wiped while its parent held a reservation. */
static void commit_through_a_wiped_writer_does_nothing(void **state)
{
    struct ring_fixture f;
    struct ada_record held, fast = {0};
    struct ring_shared before;

    (void)state;
    fixture_open(&f, 4096, RING_DROP, 0);
    assert_true(ada_reserve_fast(f.writer, ada_record_tag(FIXTURE_EVENT, 32), 32, &fast) ||
                fixture_emit(f.writer, 24, 1));
    assert_true(ada_reserve_fast(f.writer, ada_record_tag(FIXTURE_EVENT, 32), 32, &fast));
    held = reserve(&f, 24, 2);
    before = *f.ring;
    memset(f.writer, 0, sizeof(*f.writer));
    ring_commit(&held);
    ring_rollback(&held);
    ada_commit_record(&fast);
    assert_memory_equal(f.ring, &before, sizeof(before));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_requested_is_rounded_up_to_a_power_of_two),
        cmocka_unit_test(capacity_out_of_range_is_refused),
        cmocka_unit_test(ring_formatted_in_a_static_buffer_works_without_allocation),
        cmocka_unit_test(ring_created_counts_an_allocation),
        cmocka_unit_test(ring_format_of_unfit_memory_is_refused),
        cmocka_unit_test(ring_attach_finds_what_was_formatted),
        cmocka_unit_test(ring_attach_to_something_else_is_refused),
        cmocka_unit_test(record_of_every_size_comes_back),
        cmocka_unit_test(record_without_payload_comes_back),
        cmocka_unit_test(record_around_the_small_limit_has_the_right_head),
        cmocka_unit_test(record_of_every_class_wraps_at_every_offset),
        cmocka_unit_test(oversize_record_is_dropped_and_counted),
        cmocka_unit_test(full_ring_drops_and_counts_exactly),
        cmocka_unit_test(gap_record_stands_before_the_next_record_that_fits),
        cmocka_unit_test(gap_record_needs_room_too),
        cmocka_unit_test(reservation_is_invisible_until_it_is_committed),
        cmocka_unit_test(reservation_of_a_large_record_comes_back),
        cmocka_unit_test(reservation_rolled_back_leaves_no_trace),
        cmocka_unit_test(reservation_held_hides_what_is_written_behind_it),
        cmocka_unit_test(reservation_held_is_not_taken_for_abandoned),
        cmocka_unit_test(reservations_nested_commit_in_reverse),
        cmocka_unit_test(reservations_commit_in_the_order_they_were_made),
        cmocka_unit_test(reservations_held_in_random_order_keep_everything),
        cmocka_unit_test(rollback_of_a_held_reservation_publishes_what_is_behind),
        cmocka_unit_test(reservation_behind_a_gap_and_a_wrap_publishes),
        cmocka_unit_test(batch_is_written_whole_with_one_time),
        cmocka_unit_test(batch_with_large_and_empty_records_comes_back),
        cmocka_unit_test(batch_that_does_not_fit_is_dropped_whole_and_counted),
        cmocka_unit_test(batch_behind_a_held_reservation_comes_after_it),
        cmocka_unit_test(read_copies_out_or_says_that_there_is_no_room),
        cmocka_unit_test(read_batch_stops_at_its_maximum),
        cmocka_unit_test(available_to_write_is_what_a_record_may_take),
        cmocka_unit_test(available_to_read_is_what_is_published),
        cmocka_unit_test(reset_forgets_everything_and_counts_it_as_taken),
        cmocka_unit_test(stats_say_what_happened),
        cmocka_unit_test(reader_after_a_reader_goes_on_counting),
        cmocka_unit_test(check_finds_a_sound_ring_sound),
        cmocka_unit_test(check_says_what_is_wrong),
        cmocka_unit_test(dump_shows_the_state_in_words),
        cmocka_unit_test(writer_that_starts_anew_goes_on_at_the_head),
        cmocka_unit_test(writer_without_a_counter_stamps_with_the_kernels_clock),
        cmocka_unit_test(commit_through_a_wiped_writer_does_nothing),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
