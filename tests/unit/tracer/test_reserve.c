/* SPDX-License-Identifier: Apache-2.0 */
/* Writing in place: reserve, then commit or roll back, whatever else the thread emits meanwhile. */
#include "tracer_fixture.h"

#include <string.h>
#include <unistd.h>

#include "format/trace_reader.h"

ADA_EVENT(place, held, (u32, n), (string, text))
ADA_EVENT(place, other, (u32, n))

/* As base/schema.h lays it out: fixed width first, then length and bytes. */
static struct ada_record hold(uint32_t n, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    struct ada_record record = ada_reserve(&ada_event_place_held, 8 + length);

    assert_non_null(record.payload);
    memcpy(record.payload, &n, 4);
    memcpy(record.payload + 4, &length, 4);
    memcpy(record.payload + 8, text, length);
    return record;
}

static void expect_held(uint32_t n, const char *text)
{
    const struct trace_event *e = recording_expect("place:held");

    assert_int_equal(field_unsigned(e, "n"), n);
    expect_text(e, "text", text);
}

static void expect_other(uint32_t n)
{
    assert_int_equal(field_unsigned(recording_expect("place:other"), "n"), n);
}

static void expect_ledger(uint64_t written)
{
    const struct trace_ledger *ledger = recording_ledger((uint32_t)getpid(), thread_id());

    assert_int_equal(ledger->written, written);
    assert_int_equal(ledger->stored, written);
    assert_int_equal(ledger->dropped, 0);
}

static void committed_record_is_what_was_written_in_place(void **state)
{
    struct ada_record record;

    (void)state;
    recording_start(NULL);
    record = hold(1, "in place");
    ada_commit(&record);
    recording_stop();
    expect_held(1, "in place");
    expect_ledger(1);
    recording_expect_end();
}

static void rolled_back_record_never_was(void **state)
{
    struct ada_record record;

    (void)state;
    recording_start(NULL);
    ada_trace_place_other(1);
    record = hold(2, "never mind");
    ada_rollback(&record);
    ada_trace_place_other(3);
    recording_stop();
    expect_other(1);
    expect_other(3);
    expect_ledger(2);
    recording_expect_end();
}

static void events_behind_a_held_record_come_out_in_order(void **state)
{
    struct ada_record record;

    (void)state;
    recording_start(NULL);
    record = hold(1, "held");
    for (uint32_t n = 0; n < 5000; n++)
        ada_trace_place_other(n);
    ada_commit(&record);
    recording_stop();
    expect_held(1, "held");
    for (uint32_t n = 0; n < 5000; n++)
        expect_other(n);
    expect_ledger(5001);
    recording_expect_end();
}

static void events_behind_a_rolled_back_record_stay(void **state)
{
    struct ada_record record;

    (void)state;
    recording_start(NULL);
    record = hold(1, "held");
    ada_trace_place_other(1);
    ada_trace_place_other(2);
    ada_rollback(&record);
    ada_trace_place_other(3);
    recording_stop();
    for (uint32_t n = 1; n <= 3; n++)
        expect_other(n);
    expect_ledger(3);
    recording_expect_end();
}

static void several_held_records_end_in_any_order(void **state)
{
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (unsigned o = 0; o < 6; o++) {
        struct ada_record records[3];

        recording_start(NULL);
        for (uint32_t i = 0; i < 3; i++) {
            records[i] = hold(i, "one of three");
            ada_trace_place_other(i);
        }
        for (unsigned i = 0; i < 3; i++) {
            unsigned which = orders[o][i];

            if (which == 1)
                ada_rollback(&records[which]);
            else
                ada_commit(&records[which]);
            ada_trace_place_other(10 + i);
        }
        recording_stop();
        expect_held(0, "one of three");
        expect_other(0);
        expect_other(1);
        expect_held(2, "one of three");
        expect_other(2);
        for (uint32_t i = 0; i < 3; i++)
            expect_other(10 + i);
        expect_ledger(8);
        recording_expect_end();
    }
}

static void record_held_at_the_stop_is_not_in_the_file(void **state)
{
    struct ada_record record;

    (void)state;
    recording_start(NULL);
    ada_trace_place_other(1);
    record = hold(1, "too late");
    recording_stop();
    expect_other(1);
    recording_expect_end();
    ada_commit(&record);
    recording_start(NULL);
    ada_trace_place_other(2);
    recording_stop();
    expect_other(2);
    recording_expect_end();
}

static void reservation_of_an_event_that_is_off_is_none(void **state)
{
    const struct ada_session_options options = {.events = "!place:held"};

    (void)state;
    recording_start(&options);
    assert_null(ada_reserve(&ada_event_place_held, 8).payload);
    ada_trace_place_other(1);
    recording_stop();
    expect_other(1);
    expect_ledger(1);
    recording_expect_end();
}

static void empty_payload_can_be_reserved(void **state)
{
    static struct ada_event bare = {.provider = "place", .name = "bare"};
    struct ada_record record;

    (void)state;
    assert_int_equal(ada_event_register(&bare), 0);
    recording_start(NULL);
    record = ada_reserve(&bare, 0);
    assert_non_null(record.payload);
    ada_commit(&record);
    recording_stop();
    recording_expect("place:bare");
    recording_expect_end();
    ada_event_unregister(&bare);
}

static void type_that_nobody_registered_is_at_its_first_use(void **state)
{
    static struct ada_event fresh[] = {
        {.on = ADA_EVENT_NEW, .provider = "place", .name = "reserved"},
        {.on = ADA_EVENT_NEW, .provider = "place", .name = "emitted"},
        {.on = ADA_EVENT_NEW, .provider = "place", .name = "in_batch"},
        {.on = ADA_EVENT_NEW, .provider = "place", .name = "unwanted"},
    };
    const struct ada_session_options options = {.events = "!place:unwanted"};
    const struct ada_batch_item items[] = {{&fresh[2], NULL, 0}, {&fresh[3], NULL, 0}};
    struct ada_record record;

    (void)state;
    recording_start(&options);
    record = ada_reserve(&fresh[0], 0);
    assert_non_null(record.payload);
    ada_commit(&record);
    assert_int_equal(ada_emit(&fresh[1], NULL, 0), 1);
    assert_int_equal(ada_emit_batch(items, 2), 1);
    assert_null(ada_reserve(&fresh[3], 0).payload);
    recording_stop();
    recording_expect("place:reserved");
    recording_expect("place:emitted");
    recording_expect("place:in_batch");
    recording_expect_end();
    for (unsigned i = 0; i < 4; i++)
        ada_event_unregister(&fresh[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_record_is_what_was_written_in_place),
        cmocka_unit_test(rolled_back_record_never_was),
        cmocka_unit_test(events_behind_a_held_record_come_out_in_order),
        cmocka_unit_test(events_behind_a_rolled_back_record_stay),
        cmocka_unit_test(several_held_records_end_in_any_order),
        cmocka_unit_test(record_held_at_the_stop_is_not_in_the_file),
        cmocka_unit_test(reservation_of_an_event_that_is_off_is_none),
        cmocka_unit_test(empty_payload_can_be_reserved),
        cmocka_unit_test(type_that_nobody_registered_is_at_its_first_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
