/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, asynchronous spans and flows: phases and ids, also from one thread to another. */
#include "tracer_fixture.h"

#include "format/trace_reader.h"

ADA_COUNTER(span, load)
ADA_SPAN(span, request)
ADA_FLOW(span, message)

static void expect_id(const char *name, int phase, uint64_t id)
{
    const struct trace_event *e = recording_expect(name);

    assert_int_equal(event_phase(e), phase);
    assert_string_equal(e->values[0].field->name, "id");
    assert_int_equal(field_unsigned(e, "id"), id);
}

static void counter_keeps_values_of_both_signs(void **state)
{
    const int64_t values[] = {0, -1, INT64_MAX, INT64_MIN};

    (void)state;
    recording_start(NULL);
    for (unsigned i = 0; i < 4; i++)
        ada_count_span_load(values[i]);
    recording_stop();
    for (unsigned i = 0; i < 4; i++) {
        const struct trace_event *e = recording_expect("span:load");

        assert_int_equal(event_phase(e), ADA_PHASE_COUNTER);
        assert_true(field_signed(e, "value") == values[i]);
    }
    recording_expect_end();
}

static void spans_of_one_name_overlap_by_id(void **state)
{
    (void)state;
    recording_start(NULL);
    ada_span_begin_span_request(0);
    ada_span_begin_span_request(UINT64_MAX);
    ada_span_step_span_request(0);
    ada_span_end_span_request(0);
    ada_span_end_span_request(UINT64_MAX);
    recording_stop();
    expect_id("span:request", ADA_PHASE_SPAN_BEGIN, 0);
    expect_id("span:request", ADA_PHASE_SPAN_BEGIN, UINT64_MAX);
    expect_id("span:request", ADA_PHASE_SPAN_STEP, 0);
    expect_id("span:request", ADA_PHASE_SPAN_END, 0);
    expect_id("span:request", ADA_PHASE_SPAN_END, UINT64_MAX);
    recording_expect_end();
}

static void *other_end(void *argument)
{
    ada_flow_in_span_message(77);
    ada_span_end_span_request(77);
    return argument;
}

static void what_one_thread_begins_another_may_end(void **state)
{
    const struct trace_event *received;
    uint32_t first;

    (void)state;
    recording_start(NULL);
    ada_span_begin_span_request(77);
    ada_flow_out_span_message(77);
    thread_run(other_end, NULL);
    recording_stop();
    expect_id("span:request", ADA_PHASE_SPAN_BEGIN, 77);
    expect_id("span:message", ADA_PHASE_FLOW_OUT, 77);
    first = thread_id();
    received = recording_expect("span:message");
    assert_int_equal(event_phase(received), ADA_PHASE_FLOW_IN);
    assert_int_not_equal(event_tid(received), first);
    expect_id("span:request", ADA_PHASE_SPAN_END, 77);
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_keeps_values_of_both_signs),
        cmocka_unit_test(spans_of_one_name_overlap_by_id),
        cmocka_unit_test(what_one_thread_begins_another_may_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
