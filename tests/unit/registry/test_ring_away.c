/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that stay unfinished while handlers of their thread write: what they have written comes
 * behind, and where they gave a record up to get on at all, it is counted, once. A handler comes at
 * a place that is always the same: the payload that is copied lies in a page that is not there.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/ring_producer.h"
#include "ring_fixture.h"
#include "tests/helpers/deep_frame.h"

enum { CAPACITY = 4096, PAYLOAD = 56 };

static struct ring_fixture fixture;
static struct ledger ledger;
static uint64_t seed;      /* of the newest record */
static uint64_t attempted; /* emits of all kinds */

static void set_up(enum ring_policy policy)
{
    memset(&ledger, 0, sizeof(ledger));
    seed = attempted = 0;
    fixture_open(&fixture, CAPACITY, policy, 0);
}

static bool emit(void)
{
    attempted++;
    return fixture_emit(fixture.writer, PAYLOAD, ++seed);
}

/* All that can be read now, and all that was said adds up. */
static void take_down(void)
{
    ledger_drain(&ledger, &fixture.reader);
    assert_int_equal(ledger.damages + ledger.torn + ledger.disorder, 0);
    assert_balanced(&fixture, &ledger, attempted);
    fixture_close(&fixture);
}

/* ---- a handler in the middle of a copy ---- */

static unsigned char *page; /* the payload */
static size_t page_bytes;
static unsigned handler_emits;

static void on_fault(int number)
{
    (void)number;
    (void)mprotect(page, page_bytes, PROT_READ | PROT_WRITE);
    pattern_payload(page, PAYLOAD, ++seed);
    for (unsigned i = 0; i < handler_emits; i++)
        (void)emit();
}

static int page_make(void **state)
{
    (void)state;
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    page = mmap(NULL, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED;
}

static int page_remove(void **state)
{
    (void)state;
    return munmap(page, page_bytes);
}

/* cmocka has a handler of its own while a test runs. */
static struct sigaction fault_await(unsigned emits)
{
    struct sigaction action = {.sa_handler = on_fault}, before;

    handler_emits = emits;
    assert_int_equal(mprotect(page, page_bytes, PROT_NONE), 0);
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    return before;
}

static bool write_interrupted(unsigned emits)
{
    struct sigaction before = fault_await(emits);
    bool written = ring_write(fixture.writer, FIXTURE_EVENT, page, PAYLOAD);

    attempted++;
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    return written;
}

static bool batch_interrupted(unsigned emits)
{
    const struct ring_item items[] = {{FIXTURE_EVENT, PAYLOAD, page}, {FIXTURE_EVENT, 0, NULL}};
    struct sigaction before = fault_await(emits);
    bool written = ring_write_batch(fixture.writer, items, 2);

    attempted += 2;
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    return written;
}

static void handler_in_the_middle_of_a_write_comes_behind_it(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        set_up(RING_DROP);
        assert_true(emit());
        fixture.writer->limit = slow ? 0 : fixture.writer->limit;
        assert_true(write_interrupted(3));
        assert_int_equal(fixture.ring->nested, 3);
        assert_true(emit());
        take_down();
        assert_int_equal(ledger.records, 6);
    }
}

static void handler_that_fills_the_ring_gives_up_the_write(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        set_up(RING_DROP);
        assert_true(emit());
        fixture.writer->limit = slow ? 0 : fixture.writer->limit;
        assert_false(write_interrupted(CAPACITY / PAYLOAD + 10));
        ledger_drain(&ledger, &fixture.reader);
        assert_true(emit());
        take_down();
    }
}

/* An empty record behind what a page was not there for: its payload is none of the pattern's. */
static void batch_drain(uint64_t records)
{
    struct ring_record record;
    uint64_t read = 0;

    while (ring_peek(&fixture.reader, &record) == 1) {
        read += record.type == FIXTURE_EVENT;
        ring_advance(&fixture.reader, &record);
        ring_release(&fixture.reader);
    }
    assert_int_equal(read, records);
    assert_int_equal(ring_written(fixture.ring), records);
    assert_int_equal(records + fixture.ring->dropped, attempted);
}

static void handler_in_the_middle_of_a_batch_comes_behind_it(void **state)
{
    (void)state;
    set_up(RING_DROP);
    assert_true(batch_interrupted(3));
    batch_drain(5);
    fixture_close(&fixture);
}

static void handler_that_fills_the_ring_gives_up_all_of_the_batch(void **state)
{
    (void)state;
    set_up(RING_DROP);
    assert_false(batch_interrupted(CAPACITY / PAYLOAD + 10));
    batch_drain(attempted - fixture.ring->dropped);
    fixture_close(&fixture);
}

/* ---- several of them ---- */

/* Of its caller's frame: inlined, of the frame above that one. */
__attribute__((noinline)) static struct ada_record record_begin(void)
{
    uint64_t bytes = ada_record_bytes(PAYLOAD);
    struct ada_record record = ring_reserve_slow(
        fixture.writer, ada_record_tag(FIXTURE_EVENT, bytes), bytes, ring_caller_sp());

    attempted++;
    assert_non_null(record.payload);
    pattern_payload(record.payload, PAYLOAD, ++seed);
    return record;
}

/* False: it was given up meanwhile. */
static bool record_end(struct ada_record *record)
{
    ada_commit_record(record);
    return !ring_is_given_up(fixture.writer, record->end);
}

static void writers_that_are_away_are_given_up_one_after_the_other(void **state)
{
    struct ada_record away[4];

    (void)state;
    for (unsigned count = 1; count <= 4; count++) {
        set_up(RING_DROP);
        fixture.writer->stack_top = 0; /* nobody can see that a frame has been left */
        for (unsigned i = 0; i < count; i++)
            away[i] = record_begin();
        /* The last resort is taken when there is no room: once for each. */
        while (fixture.ring->dropped < 2 * count)
            (void)emit();
        ledger_drain(&ledger, &fixture.reader);
        assert_true(emit());
        ledger_drain(&ledger, &fixture.reader);
        assert_int_equal(ledger.last_seed, seed);
        for (unsigned i = count; i-- > 0;)
            assert_false(record_end(&away[i]));
        assert_true(emit());
        take_down();
    }
}

/* The reader looks when a writer that came back has written its word, and not taken it back yet; up
 * to as many of them as are remembered. */
static void word_of_a_writer_that_comes_back_is_not_read(void **state)
{
    struct ada_record away[RING_AWAY];

    (void)state;
    for (unsigned policy = RING_DROP; policy <= RING_OVERWRITE; policy++)
        for (unsigned count = 1; count <= RING_AWAY; count++) {
            set_up((enum ring_policy)policy);
            fixture.writer->stack_top = 0;
            for (unsigned i = 0; i < count; i++) {
                away[i] = record_begin();
                away[i].nested = false; /* as the fast path's, which has no word until it commits */
            }
            while (fixture.ring->dropped < 2 * count)
                (void)emit();
            for (unsigned i = 0; i < count; i++)
                memcpy(away[i].header, &away[i].word, 8);
            ledger_drain(&ledger, &fixture.reader);
            assert_true(ledger.first_seed > count);
            assert_int_equal(ledger.records + fixture.ring->dropped, attempted);
            for (unsigned i = count; i-- > 0;)
                assert_false(record_end(&away[i]));
            assert_true(emit());
            take_down();
        }
}

/* More of them than the reader is told of: it has to come by before the others are given up. */
static void more_writers_than_are_remembered_wait_for_the_reader(void **state)
{
    enum { WRITERS = RING_AWAY + 3 };
    struct ada_record away[WRITERS];

    (void)state;
    set_up(RING_DROP);
    fixture.writer->stack_top = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        away[i] = record_begin();
        away[i].nested = false; /* as above */
    }
    while (fixture.ring->dropped < 2 * WRITERS)
        (void)emit();
    assert_int_equal(fixture.ring->away_count, RING_AWAY);
    for (unsigned i = 0; i < RING_AWAY; i++)
        memcpy(away[i].header, &away[i].word, 8);
    ledger_drain(&ledger, &fixture.reader);
    assert_int_equal(ledger.records, 0);
    for (uint64_t dropped = fixture.ring->dropped; fixture.ring->dropped < dropped + 2 * WRITERS;)
        (void)emit();
    assert_int_equal(fixture.ring->away_count, WRITERS);
    ledger_drain(&ledger, &fixture.reader);
    for (unsigned i = WRITERS; i-- > 0;)
        assert_false(record_end(&away[i]));
    assert_true(emit());
    take_down();
}

static void writer_that_comes_back_laps_later_hurts_nobody(void **state)
{
    struct ada_record away;

    (void)state;
    set_up(RING_DROP);
    fixture.writer->stack_top = 0;
    away = record_begin();
    while (!fixture.ring->dropped)
        (void)emit();
    for (unsigned i = 0; i < 3 * CAPACITY / PAYLOAD; i++) {
        ledger_drain(&ledger, &fixture.reader);
        (void)emit();
    }
    ledger_drain(&ledger, &fixture.reader);
    assert_false(record_end(&away));
    assert_true(emit());
    take_down();
}

/* What was left behind one that is held goes when that one ends. */
static void record_left_behind_a_held_one_is_given_up_by_its_commit(void **state)
{
    struct ada_record held;
    uint64_t left;

    (void)state;
    for (unsigned policy = RING_DROP; policy <= RING_OVERWRITE; policy++) {
        set_up((enum ring_policy)policy);
        attempted++;
        held = fixture_reserve(&fixture, PAYLOAD, ++seed);
        (void)record_begin();
        left = fixture.ring->dropped;
        assert_true(emit());
        ring_commit(&held);
        assert_int_equal(fixture.ring->dropped, left + 1);
        assert_true(emit());
        ledger_drain(&ledger, &fixture.reader);
        assert_int_equal(ledger.last_seed, seed);
        take_down();
    }
}

/* Somebody scribbles on what stands behind a held record: the walk over it ends, and the reader
 * says that there is damage. */
static void scribbled_word_behind_a_held_record_ends_the_walk(void **state)
{
    struct ring_record record;
    struct ada_record held;
    uint64_t nothing = 0;

    (void)state;
    for (unsigned policy = RING_DROP; policy <= RING_OVERWRITE; policy++) {
        set_up((enum ring_policy)policy);
        held = fixture_reserve(&fixture, PAYLOAD, ++seed);
        assert_true(emit());
        memcpy(held.header + PAYLOAD + 8, &nothing, 8);
        ring_commit(&held);
        assert_int_equal(fixture.ring->front.head, fixture.writer->reserve);
        fixture_read_one(&fixture, PAYLOAD, 1);
        assert_int_equal(ring_peek(&fixture.reader, &record), -EBADMSG);
        assert_true(emit());
        fixture_read_one(&fixture, PAYLOAD, seed);
        fixture_close(&fixture);
    }
}

/* From a frame below those that emit later. */
__attribute__((noinline)) static struct ada_record record_leave(void)
{
    unsigned char deep[4096];
    struct ada_record record;

    record = record_begin();
    DEEP_FRAME_KEEP(deep);
    return record;
}

static void record_that_was_left_is_given_up_by_the_next(void **state)
{
    (void)state;
    set_up(RING_DROP);
    (void)record_leave();
    assert_true(emit());
    assert_int_equal(fixture.ring->dropped, 1);
    take_down();
}

/* Nothing can be given up where no record stands any more: it is damage. */
static void record_that_was_left_and_scribbled_on_is_damage(void **state)
{
    struct ring_record record;
    struct ada_record left;
    uint64_t nothing = 0;

    (void)state;
    set_up(RING_DROP);
    left = record_leave();
    memcpy(left.header, &nothing, 8);
    assert_true(emit());
    assert_int_equal(ring_peek(&fixture.reader, &record), -EBADMSG);
    assert_true(emit());
    fixture_read_one(&fixture, PAYLOAD, seed);
    assert_int_equal(fixture.ring->dropped, 0);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handler_in_the_middle_of_a_write_comes_behind_it),
        cmocka_unit_test(handler_that_fills_the_ring_gives_up_the_write),
        cmocka_unit_test(handler_in_the_middle_of_a_batch_comes_behind_it),
        cmocka_unit_test(handler_that_fills_the_ring_gives_up_all_of_the_batch),
        cmocka_unit_test(writers_that_are_away_are_given_up_one_after_the_other),
        cmocka_unit_test(word_of_a_writer_that_comes_back_is_not_read),
        cmocka_unit_test(more_writers_than_are_remembered_wait_for_the_reader),
        cmocka_unit_test(writer_that_comes_back_laps_later_hurts_nobody),
        cmocka_unit_test(record_left_behind_a_held_one_is_given_up_by_its_commit),
        cmocka_unit_test(scribbled_word_behind_a_held_record_ends_the_walk),
        cmocka_unit_test(record_that_was_left_is_given_up_by_the_next),
        cmocka_unit_test(record_that_was_left_and_scribbled_on_is_damage),
    };

    return cmocka_run_group_tests(tests, page_make, page_remove);
}
