/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks to nanoseconds: exactly as docs/FORMAT.md says, at the seams and at the ends of time. */
#include "format/trace_reader.h"

#include "format_fixture.h"

static struct trace *trace_with(const struct trace_clock_pair *pairs, unsigned count,
                                uint64_t ticks_per_second)
{
    const struct ada_field field = {.name = "n", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1};
    const struct schema number = {
        .id = 8, .provider = "test", .name = "number", .fields = &field, .field_count = 1};
    const char *path = fixture_path("time");
    struct trace_recording recording = fixture_recording;
    struct trace_stream *stream;
    struct trace_writer *w;

    recording.ticks_per_second = ticks_per_second;
    assert_int_equal(trace_writer_open(&w, fixture_create(path), NULL, &recording), 0);
    fixture_type(w, 1, &number);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    assert_int_equal(trace_stream_record(stream, 8, 5000, &ticks_per_second, 8), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(trace_writer_clock(w, &pairs[i]), 0);
    assert_int_equal(trace_writer_close(w), 0);
    return fixture_open(path);
}

static void time_between_pairs_is_interpolated_and_rounded_down(void **state)
{
    static const struct trace_clock_pair pairs[] = {
        {1000, 50000, 900000, 1}, {2000, 50500, 900500, 1}, {5000, 53500, 903500, 1}};
    struct trace *t = trace_with(pairs, 3, 1);

    (void)state;
    assert_int_equal(trace_ns(t, 1000), 0);
    assert_int_equal(trace_ns(t, 1001), 0);
    assert_int_equal(trace_ns(t, 1002), 1);
    assert_int_equal(trace_ns(t, 1999), 499);
    assert_int_equal(trace_ns(t, 2000), 500);
    assert_int_equal(trace_ns(t, 2001), 501);
    assert_int_equal(trace_ns(t, 4999), 3499);
    assert_int_equal(trace_ns(t, 5000), 3500);
    assert_int_equal(trace_ns(t, 5008), 3507); /* beyond: 3500 ns in 4000 ticks */
    assert_int_equal(trace_ns(t, 992), -7);    /* before, too */
    assert_int_equal(trace_ns(t, 999), -1);    /* rounded down, not to zero */
    assert_int_equal(trace_ns(t, 1500), 250);  /* back again, from another piece */
    assert_int_equal(trace_duration_ns(t, 4000), 3500);
    assert_int_equal(trace_start_realtime_ns(t), 900000);
    trace_close(t);
}

static void pairs_out_of_order_or_going_back_are_sorted_out(void **state)
{
    static const struct trace_clock_pair pairs[] = {{5000, 53500, 903500, 1},
                                                    {1000, 50000, 900000, 1},
                                                    {3000, 49000, 0, 1}, /* monotonic goes back */
                                                    {1000, 50001, 1, 1}, /* the same ticks again */
                                                    {2000, 50500, 900500, 1}};
    struct trace *t = trace_with(pairs, 5, 1);

    (void)state;
    assert_int_equal(trace_ns(t, 1500), 250);
    assert_int_equal(trace_ns(t, 3000), 1500);
    assert_int_equal(trace_clock_pair_at(t, 0)->ticks, 1000);
    assert_int_equal(trace_clock_pair_at(t, 2)->ticks, 5000);
    assert_null(trace_clock_pair_at(t, 3));
    trace_close(t);
}

static void single_pair_uses_the_first_estimate(void **state)
{
    static const struct trace_clock_pair pair = {1000, 50000, 900000, 1};
    struct trace *t = trace_with(&pair, 1, 3000000000);

    (void)state;
    assert_int_equal(trace_ns(t, 1000 + 3000000000), 1000000000);
    assert_int_equal(trace_ns(t, 1004), 1);
    assert_int_equal(trace_ns(t, 999), -1);
    trace_close(t);
}

static void no_pair_begins_at_the_first_record(void **state)
{
    struct trace *t = trace_with(NULL, 0, 500000000);

    (void)state;
    assert_int_equal(trace_ns(t, 5000), 0);
    assert_int_equal(trace_ns(t, 5003), 6);
    assert_int_equal(trace_start_realtime_ns(t), 0);
    trace_close(t);
    t = trace_with(NULL, 0, 0); /* not even an estimate */
    assert_int_equal(trace_ns(t, 5003), 3);
    trace_close(t);
}

/* The fast way has to be exact: compare with long division. */
static void scaling_is_exact_everywhere(void **state)
{
    static const struct trace_clock_pair pairs[] = {{UINT64_C(123456789012), 1000, 0, 1},
                                                    {UINT64_C(126156788989), 1000001029, 0, 1}};
    const uint64_t ticks = pairs[1].ticks - pairs[0].ticks;
    const uint64_t ns = pairs[1].monotonic_ns - pairs[0].monotonic_ns;
    struct trace *t = trace_with(pairs, 2, 1);
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t elapsed = fixture_random(&random) >> (1 + fixture_random(&random) % 60);
        __extension__ unsigned __int128 exact = (unsigned __int128)elapsed * ns / ticks;
        int64_t expected = exact > INT64_MAX ? INT64_MAX : (int64_t)exact;

        if (elapsed > UINT64_MAX - pairs[0].ticks)
            continue;
        if (trace_ns(t, pairs[0].ticks + elapsed) != expected)
            fail_msg("%llu ticks", (unsigned long long)elapsed);
    }
    trace_close(t);
}

static void ticks_of_a_time_are_the_first_that_reach_it(void **state)
{
    static const struct trace_clock_pair pairs[] = {
        {1000, 50000, 900000, 1}, {2000, 50500, 900500, 1}, {5000, 53500, 903500, 1}};
    struct trace *t = trace_with(pairs, 3, 1);

    (void)state;
    for (int64_t ns = -500; ns < 5000; ns++) {
        uint64_t ticks = trace_ticks(t, ns);

        assert_true(trace_ns(t, ticks) >= ns);
        assert_true(trace_ns(t, ticks - 1) < ns);
    }
    assert_int_equal(trace_ticks(t, INT64_MIN), 0);
    trace_close(t);
}

static void clock_that_jumps_to_the_end_of_time_does_not_overflow(void **state)
{
    static const struct trace_clock_pair pairs[] = {
        {1, 1, 0, 1}, {2, UINT64_MAX - 5, 0, 1}, {UINT64_MAX - 1, UINT64_MAX - 4, 0, 1}};
    struct trace *t = trace_with(pairs, 3, 1);

    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        (void)trace_ns(t, UINT64_MAX >> shift);
        (void)trace_ns(t, UINT64_C(1) << shift);
        (void)trace_duration_ns(t, UINT64_MAX >> shift);
        (void)trace_ticks(t, INT64_MAX >> shift);
    }
    trace_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_between_pairs_is_interpolated_and_rounded_down),
        cmocka_unit_test(pairs_out_of_order_or_going_back_are_sorted_out),
        cmocka_unit_test(single_pair_uses_the_first_estimate),
        cmocka_unit_test(no_pair_begins_at_the_first_record),
        cmocka_unit_test(scaling_is_exact_everywhere),
        cmocka_unit_test(ticks_of_a_time_are_the_first_that_reach_it),
        cmocka_unit_test(clock_that_jumps_to_the_end_of_time_does_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
