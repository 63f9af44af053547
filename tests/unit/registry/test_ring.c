/* SPDX-License-Identifier: Apache-2.0 */
/* The ring with one thread that is producer and consumer by turns: layout, sizes, wrap, loss. */
#include "ring_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/helpers/ticks_order.h"

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
    struct ring_shared *volatile kept; /* or a compiler that sees all of it allocates nothing */
    struct ring_shared *ring;
    unsigned before = allocations;

    (void)state;
    assert_int_equal(ring_create(4096, NULL, &ring), 0);
    kept = ring;
    assert_non_null(kept);
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

static void record_of_every_size_comes_back(void **state)
{
    struct ring_fixture f;
    uint64_t seed = 1, max;

    (void)state;
    fixture_open(&f, 65536, RING_DROP, 0);
    max = ring_record_max(f.ring) - 16;
    for (uint64_t bytes = 16; bytes <= max; bytes += bytes < 4096 ? 1 : 509) {
        assert_true(fixture_emit(f.writer, bytes, ++seed));
        fixture_read_one(&f, bytes, seed);
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
    last_ticks = before = f.ring->untold_first_ticks;
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
    assert_false(ticks_go_back(last_ticks, gap.first_ticks));
    assert_true(gap.first_ticks < gap.last_ticks && gap.last_ticks < after);
    assert_false(ticks_go_back(gap.last_ticks, record.ticks));
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
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
