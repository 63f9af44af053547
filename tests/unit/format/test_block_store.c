/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_store.h"

#include <stdlib.h>
#include <string.h>

#include "format_fixture.h"

static const uint64_t store_bytes = BLOCK_STORE_BYTES_MIN;

static uint64_t bytes_of(struct block_store *s)
{
    struct block_store_figures figures;

    block_store_figures(s, &figures);
    return figures.bytes;
}

/* A block of `records`, whose frame begins with its first ticks. */
static void put(struct block_store *s, uint32_t thread, uint64_t ticks, uint32_t records,
                uint32_t frame_bytes)
{
    const struct block_header header = {
        .kind = BLOCK_DATA,
        .thread = thread,
        .first_ticks = ticks,
        .last_ticks = ticks + 9,
        .records = records,
        .frame_bytes = frame_bytes,
    };
    unsigned char *frame = calloc(1, frame_bytes);

    assert_non_null(frame);
    memcpy(frame, &ticks, sizeof(ticks));
    const struct block_tally tally = {.ring_bytes = 16 * (uint64_t)records};

    assert_int_equal(block_store_put(s, &header, frame, &tally), 0);
    free(frame);
}

static const struct block_front *front_of(const struct block_take *take, uint32_t thread)
{
    for (size_t i = 0; i < take->front_count; i++)
        if (take->fronts[i].gap.thread == thread)
            return &take->fronts[i];
    return NULL;
}

static void store_keeps_the_newest_and_counts_what_went(void **state)
{
    enum { BLOCKS = 100, FRAME = 10000, RECORDS = 7 };
    struct block_store *s = block_store_create(store_bytes, 0);
    const struct trace_ledger ledger = {
        .thread = 1, .written = BLOCKS * RECORDS, .stored = BLOCKS * RECORDS};
    const struct block_front *front;
    struct block_take take;
    uint64_t gone;

    (void)state;
    for (uint64_t i = 0; i < BLOCKS; i++)
        put(s, 1, i * 10, RECORDS, FRAME);
    assert_int_equal(block_store_ledger(s, &ledger), 0);
    assert_int_equal(block_store_take(s, 0, &take), 0);
    /* As many as fit, the last of them the newest. */
    assert_in_range(take.count, store_bytes / FRAME - 2, store_bytes / FRAME);
    for (size_t i = 0; i < take.count; i++) {
        uint64_t ticks;

        memcpy(&ticks, take.blocks[i].frame, sizeof(ticks));
        assert_int_equal(ticks, (BLOCKS - take.count + i) * 10);
        assert_int_equal(ticks, take.blocks[i].header.first_ticks);
    }
    gone = (BLOCKS - take.count) * RECORDS;
    front = front_of(&take, 1);
    assert_int_equal(front->gap.records, gone);
    assert_int_equal(front->gap.bytes, 16 * gone);
    assert_int_equal(front->gap.kind, TRACE_GAP_OVERWRITTEN);
    assert_int_equal(front->gap.first_ticks, 0);
    assert_int_equal(front->gap.last_ticks, (BLOCKS - take.count) * 10 - 1);
    assert_int_equal(front->ledger.stored, take.count * RECORDS);
    assert_int_equal(front->ledger.overwritten, gone);
    block_store_give_back(s, &take);
    block_store_destroy(s);
}

static void blocks_that_are_lent_stay_when_the_store_lets_them_go(void **state)
{
    struct block_store *s = block_store_create(store_bytes, 0);
    struct block_store_figures figures;
    struct block_take take;
    uint64_t ticks;

    (void)state;
    put(s, 1, 4711, 1, 100000);
    assert_int_equal(block_store_take(s, 0, &take), 0);
    for (uint64_t i = 0; i < 10; i++)
        put(s, 1, 5000 + i * 10, 1, 100000);
    block_store_figures(s, &figures);
    assert_in_range(figures.lent_bytes, 100000, 101000);
    assert_true(figures.bytes <= store_bytes);
    memcpy(&ticks, take.blocks[0].frame, sizeof(ticks));
    assert_int_equal(ticks, 4711);
    block_store_give_back(s, &take);
    block_store_figures(s, &figures);
    assert_int_equal(figures.lent_bytes, 0);
    block_store_destroy(s);
}

static void age_lets_go_what_is_too_old(void **state)
{
    struct block_store *s = block_store_create(0, 100);
    struct block_store_figures figures;

    (void)state;
    for (uint64_t i = 0; i < 20; i++)
        put(s, 1, 1000 + i * 10, 1, 100);
    assert_int_equal(block_store_expire(s, 1200), 1100);
    block_store_figures(s, &figures);
    assert_int_equal(figures.blocks, 10);
    assert_int_equal(block_store_expire(s, 100000), 100000);
    assert_false(block_store_holds(s, 1));
    block_store_destroy(s);
}

static void thread_that_ended_is_forgotten_with_its_last_block(void **state)
{
    struct block_store *s = block_store_create(0, 100);
    struct block_take take;

    (void)state;
    put(s, 1, 0, 5, 100);
    put(s, 2, 0, 6, 100);
    block_store_thread_end(s, 1);
    assert_true(block_store_holds(s, 1));
    (void)block_store_expire(s, 1000);
    assert_int_equal(block_store_take(s, 0, &take), 0);
    assert_null(front_of(&take, 1));
    assert_int_equal(front_of(&take, 2)->gap.records, 6); /* it may go on */
    assert_int_equal(take.gone_threads, 1);
    assert_int_equal(take.gone_thread_records, 5);
    block_store_give_back(s, &take);
    block_store_destroy(s);
}

static void taking_from_a_time_on_leaves_earlier_blocks_out_and_counts_them(void **state)
{
    struct block_store *s = block_store_create(0, 0);
    const struct trace_ledger ledger = {.thread = 1, .written = 30, .stored = 30};
    struct block_take take;

    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        put(s, 1, i * 10, 3, 100);
    assert_int_equal(block_store_ledger(s, &ledger), 0);
    assert_int_equal(block_store_take(s, 45, &take), 0);
    assert_int_equal(take.count, 6);
    assert_int_equal(take.blocks[0].header.first_ticks, 40);
    assert_int_equal(take.fronts[0].gap.records, 12);
    assert_int_equal(take.fronts[0].gap.last_ticks, 39);
    assert_int_equal(take.fronts[0].ledger.stored + take.fronts[0].ledger.overwritten, 30);
    block_store_give_back(s, &take);
    block_store_destroy(s);
}

static void block_larger_than_all_there_is_goes_itself(void **state)
{
    struct block_store *s = block_store_create(store_bytes, 0);
    struct block_store_figures figures;

    (void)state;
    put(s, 1, 0, 5, 100);
    put(s, 1, 10, 5, (uint32_t)store_bytes);
    block_store_figures(s, &figures);
    assert_int_equal(figures.blocks, 0); /* what stays is all behind the gap */
    assert_int_equal(figures.gone_records, 10);
    assert_false(block_store_holds(s, 1));
    block_store_destroy(s);
}

/* Many threads, blocks of all sizes, takers that come and go: never more than was said, and every
 * thread's records are either kept or counted. */
static void random_schedule_never_takes_more_than_said(void **state)
{
    enum { THREADS = 50, STEPS = 20000, TAKERS = 3 };
    uint64_t random = 11, put_records[THREADS + 1] = {0}, bytes_most = 0;
    struct block_store *s = block_store_create(store_bytes, 0);
    struct block_take takes[TAKERS] = {0};

    (void)state;
    for (uint64_t i = 0; i < STEPS; i++) {
        uint32_t thread = 1 + (uint32_t)(fixture_random(&random) % THREADS);
        uint32_t records = (uint32_t)(fixture_random(&random) % 100);
        struct block_take *take = &takes[fixture_random(&random) % TAKERS];

        put(s, thread, i * 10, records, 8 + (uint32_t)(fixture_random(&random) % 9000));
        put_records[thread] += records;
        if (bytes_of(s) > bytes_most)
            bytes_most = bytes_of(s);
        if (fixture_random(&random) % 20)
            continue;
        if (take->fronts)
            block_store_give_back(s, take);
        assert_int_equal(block_store_take(s, 0, take), 0);
        for (size_t n = 0; n < take->front_count; n++)
            assert_int_equal(take->fronts[n].ledger.stored + take->fronts[n].gap.records,
                             put_records[take->fronts[n].gap.thread]);
    }
    assert_in_range(bytes_most, store_bytes * 9 / 10, store_bytes);
    for (unsigned i = 0; i < TAKERS; i++)
        if (takes[i].fronts)
            block_store_give_back(s, &takes[i]);
    block_store_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_keeps_the_newest_and_counts_what_went),
        cmocka_unit_test(blocks_that_are_lent_stay_when_the_store_lets_them_go),
        cmocka_unit_test(age_lets_go_what_is_too_old),
        cmocka_unit_test(thread_that_ended_is_forgotten_with_its_last_block),
        cmocka_unit_test(taking_from_a_time_on_leaves_earlier_blocks_out_and_counts_them),
        cmocka_unit_test(block_larger_than_all_there_is_goes_itself),
        cmocka_unit_test(random_schedule_never_takes_more_than_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
