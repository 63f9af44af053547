/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by the hundred thousand come and go: what has ended leaves nothing in the writer but
 * the addresses that the file still has to name. */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/writer_state.h"
#include "format_fixture.h"
#include "tests/helpers/evidence.h"

enum { PROCESSES = 3000, CODE_TYPE = 1 };

static struct trace_writer *writer_begin(const struct trace_writer_options *options)
{
    struct trace_writer *w;
    int fd = options && options->flight ? -1 : fixture_create(fixture_path("images"));

    assert_int_equal(trace_writer_open(&w, fd, options, &fixture_recording), 0);
    return w;
}

/* An exec'd process with one thread and a forked child, from begin to end. */
static void process_pass(struct trace_writer *w, uint32_t number, uint64_t address)
{
    const struct schema *type = &fixture_types[CODE_TYPE];
    unsigned char payload[8192];
    struct trace_stream *stream;
    uint64_t random = number;
    size_t size;

    fixture_type(w, number, type);
    fixture_process(w, number, number);
    fixture_process(w, number + 1, number);
    fixture_thread(w, number, number, "main");
    assert_int_equal(trace_stream_open(w, number, &stream), 0);
    if (address) {
        size = model_payload(type, &random, 20, payload);
        le64_store(payload, address);
        assert_int_equal(trace_stream_record(stream, (uint16_t)type->id, number, payload, size), 0);
    }
    assert_int_equal(trace_stream_close(stream), 0);
    trace_writer_thread_end(w, number);
    for (uint32_t n = number; n <= number + 1; n++) {
        const struct trace_process_end end = {.process = n, .end_ticks = number};

        assert_int_equal(trace_writer_process_end(w, &end), 0);
        trace_writer_process_gone(w, n);
    }
}

static size_t images_there(const struct trace_writer *w)
{
    size_t count = 0;

    for (size_t i = 0; i < w->image_count; i++)
        count += w->images[i] != NULL;
    assert_int_equal(w->image_holes, w->image_count - count);
    assert_int_equal(w->image_of_number.used, count);
    return count;
}

static void process_that_has_gone_leaves_nothing(void **state)
{
    struct trace_writer *w = writer_begin(NULL);

    (void)state;
    fixture_process(w, 1, 1);
    for (uint32_t i = 0; i < PROCESSES; i++)
        process_pass(w, 2 + 2 * i, 0);
    assert_int_equal(images_there(w), 1);
    assert_in_range(w->image_count, 1, 2);
    assert_int_equal(w->image_of_process.used, 1);
    assert_int_equal(w->process_of_thread.used, 0);
    evidence_write("ended-forgotten",
                   "%u processes of %u programs: the writer knows %zu program and %zu threads",
                   2 * PROCESSES, PROCESSES, images_there(w), (size_t)w->process_of_thread.used);
    assert_int_equal(trace_writer_close(w), 0);
}

static void count_visit(void *context, uint64_t image, uint64_t address, uint64_t first_ticks,
                        uint64_t last_ticks)
{
    size_t *count = context;

    (void)first_ticks, (void)last_ticks;
    *count += image == (address & 0xffffffff);
}

/* In the order in which images came, whatever places they have got. */
static void addresses_of_the_gone_are_named_and_go_with_their_file(void **state)
{
    enum { SOME = 200 };
    struct trace_writer *w = writer_begin(NULL);
    struct trace_ending *old;
    size_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < SOME; i++) {
        uint32_t number = 1 + 2 * i;

        process_pass(w, number, i % 2 ? UINT64_C(0x100000000) + number : 0);
    }
    assert_int_equal(images_there(w), SOME / 2);
    assert_int_equal(w->process_of_thread.used + w->image_of_process.used, 0);
    trace_writer_addresses(w, count_visit, &count);
    assert_int_equal(count, SOME / 2);
    assert_int_equal(trace_writer_image_addresses(w, 3, NULL, NULL) > 0, 1);
    assert_int_equal(trace_writer_image_addresses(w, 1, NULL, NULL), 0);
    assert_int_equal(trace_writer_switch(w, fixture_create(fixture_path("images-2")), &old), 0);
    assert_int_equal(images_there(w), 0);
    assert_int_equal(trace_ending_close(old, NULL), 0);
    assert_int_equal(trace_writer_close(w), 0);
}

static void flight_recorder_forgets_addresses_of_what_it_has_let_go(void **state)
{
    const struct trace_writer_options options = {.flight = true, .flight_ticks = 10};
    struct trace_writer *w = writer_begin(&options);

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        process_pass(w, 1 + 2 * i, 77);
    assert_int_equal(images_there(w), 100);
    (void)trace_writer_expire(w, 1000);
    process_pass(w, 999, 77);
    (void)trace_writer_expire(w, 1000);
    assert_in_range(images_there(w), 0, 2);
    assert_int_equal(trace_writer_close(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_that_has_gone_leaves_nothing),
        cmocka_unit_test(addresses_of_the_gone_are_named_and_go_with_their_file),
        cmocka_unit_test(flight_recorder_forgets_addresses_of_what_it_has_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
