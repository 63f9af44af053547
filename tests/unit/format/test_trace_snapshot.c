/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: of a file that is still written, and of a flight recorder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/block_store.h"
#include "format_fixture.h"

enum { THREADS = 3, FLIGHT_BYTES = BLOCK_STORE_BYTES_MIN };

static const struct ada_field fields[] = {
    {.name = "n", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "noise", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = fields, .field_count = 2};

/* Every thread writes 0, 1, 2 ... */
struct session {
    struct trace_writer *writer;
    struct trace_stream *streams[THREADS];
    uint64_t next[THREADS], ticks, random;
};

static void session_begin(struct session *s, bool flight, unsigned threads, const char *policy)
{
    const struct trace_writer_options options = {.level = 1,
                                                 .flight = flight,
                                                 .flight_bytes = flight ? FLIGHT_BYTES : 0,
                                                 .threads = threads};
    struct trace_recording recording = fixture_recording;
    int fd = flight ? -1 : fixture_create(fixture_path("growing"));

    recording.policy = policy;
    *s = (struct session){.random = 3, .ticks = 100};
    assert_int_equal(trace_writer_open(&s->writer, fd, &options, &recording), 0);
    fixture_type(s->writer, 1, &number);
    fixture_process(s->writer, 1, 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        fixture_thread(s->writer, i + 1, 1, "worker");
        assert_int_equal(trace_stream_open(s->writer, i + 1, &s->streams[i]), 0);
    }
}

static void records_write(struct session *s, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        unsigned i = (unsigned)(fixture_random(&s->random) % THREADS);
        uint64_t payload[2] = {s->next[i]++, fixture_random(&s->random)};

        s->ticks += fixture_random(&s->random) % 50;
        assert_int_equal(trace_stream_record(s->streams[i], 8, s->ticks, payload, 16), 0);
    }
}

static const char *snapshot_take(struct session *s, uint64_t from_ticks)
{
    const char *path = fixture_path("snapshot");
    struct trace_snapshot *snapshot;
    struct trace_ending *ending;

    for (uint32_t i = 0; i < THREADS; i++) {
        const struct trace_ledger ledger = {
            .thread = i + 1, .written = s->next[i], .stored = trace_stream_stored(s->streams[i])};

        assert_int_equal(trace_writer_ledger(s->writer, &ledger), 0);
    }
    assert_int_equal(trace_writer_snapshot(s->writer, from_ticks, &snapshot), 0);
    records_write(s, 500); /* it goes on while the snapshot is written */
    assert_int_equal(trace_snapshot_write(snapshot, fixture_create(path), &ending), 0);
    assert_int_equal(trace_ending_close(ending, NULL), 0);
    return path;
}

/* Per thread: how many records are in the file, which are the last ones before `until`, without a
 * hole among them. */
static uint64_t suffix_check(const char *path, const uint64_t *until, uint64_t *in_file)
{
    uint64_t expected[THREADS], sum = 0, gaps[THREADS] = {0};
    struct trace_event event;
    struct trace_cursor *cursor;
    struct trace *trace = fixture_open(path);

    for (uint32_t i = 0; i < THREADS; i++) {
        in_file[i] = trace_ledger_of(trace, i + 1)->stored;
        expected[i] = until[i] - in_file[i];
    }
    assert_int_equal(trace_cursor_open(trace, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) > 0) {
        uint32_t i = event.thread->thread - 1;

        if (!event.type) {
            assert_int_equal(event.gap.kind, TRACE_GAP_OVERWRITTEN);
            gaps[i] += event.gap.records;
            continue;
        }
        assert_int_equal(gaps[i], until[i] - in_file[i]); /* it stands in front */
        assert_int_equal(trace_value_unsigned(&event.values[0], 0), expected[i]++);
        sum++;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        const struct trace_ledger *ledger = trace_ledger_of(trace, i + 1);

        assert_int_equal(expected[i], until[i]);
        assert_int_equal(ledger->overwritten, gaps[i]);
        assert_int_equal(ledger->written, ledger->stored + ledger->overwritten);
    }
    trace_cursor_close(cursor);
    trace_close(trace);
    return sum;
}

static void good(const char *path)
{
    struct findings findings;
    int status = fixture_verify(path, &findings);

    if (status)
        fail_msg("%s%s", findings.text[1], findings.text[2]);
}

static void snapshots_of_a_file_are_the_file_so_far(void **state)
{
    uint64_t until[THREADS], in_file[THREADS];
    struct session s;

    (void)state;
    session_begin(&s, false, 1, "drop");
    for (unsigned n = 0; n < 20; n++) {
        const char *path;

        records_write(&s, (unsigned)(fixture_random(&s.random) % 3000));
        memcpy(until, s.next, sizeof(until));
        path = snapshot_take(&s, 0);
        good(path);
        assert_int_equal(suffix_check(path, until, in_file), until[0] + until[1] + until[2]);
    }
    assert_int_equal(trace_writer_close(s.writer), 0);
}

static void flight(unsigned threads)
{
    uint64_t until[THREADS], in_file[THREADS], most = 0;
    struct session s;

    session_begin(&s, true, threads, "flight");
    for (unsigned n = 0; n < 40; n++) {
        const char *path;
        uint64_t sum;

        records_write(&s, (unsigned)(fixture_random(&s.random) % 20000));
        memcpy(until, s.next, sizeof(until));
        path = snapshot_take(&s, 0);
        good(path);
        sum = suffix_check(path, until, in_file);
        most = sum > most ? sum : most;
    }
    /* Something went, and much was kept: 8 bytes of noise in each. */
    assert_true(s.next[0] + s.next[1] + s.next[2] > 4 * most);
    assert_in_range(most, FLIGHT_BYTES / 2 / 10, FLIGHT_BYTES / 8);
    assert_int_equal(trace_writer_close(s.writer), 0);
}

static void snapshots_of_a_flight_recorder_have_the_newest_records(void **state)
{
    (void)state;
    flight(1);
}

static void flight_recorder_that_packs_with_several_threads(void **state)
{
    (void)state;
    flight(3);
}

static void snapshot_from_a_time_on_begins_about_there(void **state)
{
    uint64_t until[THREADS], in_file[THREADS], all, part;
    struct session s;

    (void)state;
    session_begin(&s, true, 1, "flight");
    records_write(&s, 60000);
    memcpy(until, s.next, sizeof(until));
    all = suffix_check(snapshot_take(&s, 0), until, in_file);
    memcpy(until, s.next, sizeof(until));
    part = suffix_check(snapshot_take(&s, s.ticks - 100), until, in_file);
    assert_true(part && part < all / 2);
    assert_int_equal(trace_writer_close(s.writer), 0);
}

/* Whoever did not ask for a flight recorder is told that records are missing. */
static void overwritten_records_are_a_loss_elsewhere(void **state)
{
    struct findings findings;
    struct session s;

    (void)state;
    session_begin(&s, true, 1, "drop");
    records_write(&s, 100000);
    assert_int_equal(fixture_verify(snapshot_take(&s, 0), &findings), 3);
    assert_non_null(strstr(findings.text[1], "overwritten"));
    assert_int_equal(trace_writer_close(s.writer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_of_a_file_are_the_file_so_far),
        cmocka_unit_test(snapshots_of_a_flight_recorder_have_the_newest_records),
        cmocka_unit_test(flight_recorder_that_packs_with_several_threads),
        cmocka_unit_test(snapshot_from_a_time_on_begins_about_there),
        cmocka_unit_test(overwritten_records_are_a_loss_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
