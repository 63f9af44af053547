// SPDX-License-Identifier: Apache-2.0
/* The API from C++17: the same macros, and scopes that exceptions end. */
#include "tracer_fixture.h"

#include <array>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

namespace
{

enum suit { CLUBS = -2, HEARTS = 5 };
ADA_LABELS(suit, {"clubs", CLUBS}, {"hearts", HEARTS})

ADA_EVENT(cpp, numbers, (i8, a), (u64, b), (f32, c), (f64, d), (bool, e), (ptr, f))
ADA_EVENT(cpp, things, (enum, suit, a), (string, b), (bytes, c), (array, i32, 3, d))
ADA_EVENT(cpp, nothing)
ADA_COUNTER(cpp, depth)
ADA_SPAN(cpp, request)
ADA_FLOW(cpp, message)

void expect_phase(const char *name, ada_phase phase)
{
    assert_int_equal(event_phase(recording_expect(name)), phase);
}

void fields_of_every_kind_come_back(void **)
{
    const std::array<int32_t, 3> triple = {-1, 0, std::numeric_limits<int32_t>::min()};
    const std::string text = "wörter";
    const trace_event *e;

    recording_start(nullptr);
    ada_trace_cpp_numbers(-128, UINT64_MAX, 0.5f, -0.25, true, &text);
    ada_trace_cpp_things(CLUBS, text.c_str(), text.data(), 3, triple.data());
    ada_trace_cpp_nothing();
    recording_stop();
    e = recording_expect("cpp:numbers");
    assert_true(field_signed(e, "a") == -128 && field_unsigned(e, "b") == UINT64_MAX);
    assert_true(field_float(e, "c") == 0.5 && field_float(e, "d") == -0.25);
    assert_true(field_unsigned(e, "e") == 1 &&
                field_unsigned(e, "f") == reinterpret_cast<uintptr_t>(&text));
    e = recording_expect("cpp:things");
    assert_string_equal(field_label(e, "a"), "clubs");
    expect_text(e, "b", text.c_str());
    expect_bytes(e, "c", text.data(), 3);
    expect_bytes(e, "d", triple.data(), sizeof(triple));
    recording_expect("cpp:nothing");
    recording_expect_end();
}

void counters_spans_and_flows_have_their_phases(void **)
{
    recording_start(nullptr);
    ada_count_cpp_depth(-3);
    ada_span_begin_cpp_request(1);
    ada_span_step_cpp_request(1);
    ada_span_end_cpp_request(1);
    ada_flow_out_cpp_message(2);
    ada_flow_in_cpp_message(2);
    recording_stop();
    expect_phase("cpp:depth", ADA_PHASE_COUNTER);
    expect_phase("cpp:request", ADA_PHASE_SPAN_BEGIN);
    expect_phase("cpp:request", ADA_PHASE_SPAN_STEP);
    expect_phase("cpp:request", ADA_PHASE_SPAN_END);
    expect_phase("cpp:message", ADA_PHASE_FLOW_OUT);
    expect_phase("cpp:message", ADA_PHASE_FLOW_IN);
    recording_expect_end();
}

void fall(unsigned depth)
{
    ADA_SCOPE(cpp, fall);
    if (depth == 0)
        throw std::runtime_error("ground");
    fall(depth - 1);
}

void exception_ends_every_scope_on_its_way(void **)
{
    recording_start(nullptr);
    try {
        ADA_SCOPE(cpp, attempt);
        fall(4);
    } catch (const std::runtime_error &) {
        ADA_SCOPE(cpp, caught);
    }
    recording_stop();
    expect_phase("cpp:attempt", ADA_PHASE_BEGIN);
    for (int i = 0; i < 5; i++)
        expect_phase("cpp:fall", ADA_PHASE_BEGIN);
    for (int i = 0; i < 5; i++)
        expect_phase("cpp:fall", ADA_PHASE_END);
    expect_phase("cpp:attempt", ADA_PHASE_END);
    expect_phase("cpp:caught", ADA_PHASE_BEGIN);
    expect_phase("cpp:caught", ADA_PHASE_END);
    recording_expect_end();
}

template <typename T> void twice()
{
    ADA_SCOPE(cpp, instance);
}

void scopes_in_templates_and_lambdas_are_scopes(void **)
{
    const std::function<void()> lambda = [] { ADA_SCOPE(cpp, lambda); };

    recording_start(nullptr);
    twice<int>();
    twice<double>();
    std::thread(lambda).join();
    recording_stop();
    for (const char *name : {"cpp:instance", "cpp:instance", "cpp:lambda"}) {
        expect_phase(name, ADA_PHASE_BEGIN);
        expect_phase(name, ADA_PHASE_END);
    }
    recording_expect_end();
}

void printf_is_deferred(void **)
{
    const trace_event *e;

    recording_start(nullptr);
    ADA_PRINTF(cpp, said, "%d of %s", 3, "four");
    recording_stop();
    e = recording_expect("cpp:said");
    assert_int_equal(event_phase(e), ADA_PHASE_FORMAT);
    assert_int_equal(field_signed(e, "arg1"), 3);
    expect_text(e, "arg2", "four");
    recording_expect_end();
}

} // namespace

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_kind_come_back),
        cmocka_unit_test(counters_spans_and_flows_have_their_phases),
        cmocka_unit_test(exception_ends_every_scope_on_its_way),
        cmocka_unit_test(scopes_in_templates_and_lambdas_are_scopes),
        cmocka_unit_test(printf_is_deferred),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
