/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer that finds no memory, at each call that asks for some: what it takes is in the file,
 * what it does not take is counted, the file says so with a reason, and nothing in it is called
 * damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "call_fails.h"
#include "format/trace_snapshot.h"
#include "format_fixture.h"

enum { THREADS = 3, ROUNDS = 40, TYPES = 3, FIRST_ID = 8 };

static const struct ada_field fields[] = {
    {.name = "at", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
    {.name = "noise", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "word", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
    {.name = "other", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
};
/* Without strings, with one, with two: a stage that is used again needs more of them. */
static const struct schema types[TYPES] = {
    {.id = 8, .provider = "test", .name = "plain", .fields = fields, .field_count = 2},
    {.id = 9, .provider = "test", .name = "word", .fields = fields, .field_count = 3},
    {.id = 200, .provider = "test", .name = "words", .fields = fields, .field_count = 4},
};

/* ---- a session ---- */

struct session {
    struct trace_writer *writer;
    struct trace_stream *streams[THREADS];
    uint64_t offered[THREADS]; /* records that streams were asked to take */
    uint64_t unknown;          /* of these: their types could not be told */
    uint64_t ticks, random;
    /* In files that were left. */
    uint64_t stored_before, lost_before, of_thread_before[THREADS], offered_before[THREADS];
    const char *path;
    bool untold; /* something could not be told to the file */
};

static void note_status(struct session *s, int status)
{
    s->untold |= status != 0;
}

static void types_tell(struct session *s)
{
    unsigned char bytes[4096];

    for (unsigned i = 0; i < TYPES; i++) {
        int size = schema_encode(&types[i], bytes, sizeof(bytes));
        int status = trace_writer_type(s->writer, 1, bytes, (size_t)size);

        note_status(s, status == -EEXIST ? 0 : status);
    }
}

static void lives_tell(struct session *s)
{
    const struct trace_process p = {
        .process = 1, .pid = 7, .image = 1, .executable = "/bin/x", .command = "x"};
    const struct trace_module m = {1, 1, 0x1000, 0x9000, 0, 0, UINT64_MAX, "/lib/x", "abcd"};

    note_status(s, trace_writer_process(s->writer, &p));
    note_status(s, trace_writer_module(s->writer, &m));
    for (uint32_t i = 0; i < THREADS; i++) {
        const struct trace_thread t = {
            .thread = i + 1, .process = 1, .tid = 70 + i, .ring_bytes = 4096, .name = "worker"};
        int status = trace_writer_thread(s->writer, &t);

        note_status(s, status);
        if (s->streams[i])
            continue;
        status = trace_stream_open(s->writer, i + 1, &s->streams[i]);
        if (status != 0)
            assert_null(s->streams[i]);
        note_status(s, status);
    }
}

static void clock_tell(struct session *s)
{
    const struct trace_clock_pair pair = {s->ticks, 5 * s->ticks, 9 * s->ticks, 10};

    note_status(s, trace_writer_clock(s->writer, &pair));
}

static size_t payload_make(struct session *s, const struct schema *type, unsigned char *out)
{
    size_t size = 16;

    memset(out, 0, 128);
    le64_store(out, 0x1000 + fixture_random(&s->random) % 4096 * 8);
    le64_store(out + 8, fixture_random(&s->random));
    for (unsigned f = 2; f < type->field_count; f++) {
        uint32_t length = (uint32_t)(fixture_random(&s->random) % 30);

        le32_store(out + size, length);
        size += 4 + length;
    }
    return (size + 7) / 8 * 8;
}

static void record_write(struct session *s, unsigned thread, const struct schema *type)
{
    unsigned char payload[128];
    size_t size = payload_make(s, type, payload);
    int status;

    s->ticks += 10;
    if (!s->streams[thread])
        return;
    s->offered[thread]++;
    status = trace_stream_record(s->streams[thread], type->id, s->ticks, payload, size);
    s->unknown += status == -ENOENT;
}

static void records_write(struct session *s)
{
    for (unsigned n = 0; n < ROUNDS; n++)
        for (unsigned thread = 0; thread < THREADS; thread++) {
            const struct trace_gap gap = {thread + 1, TRACE_GAP_DROPPED, s->ticks, s->ticks, 1, 8};

            /* Types one after the other: new ones in blocks that have begun. */
            record_write(s, thread, &types[n < 5 ? 0 : n < 10 ? n % 2 : n % TYPES]);
            if (n % 16 == 3 && s->streams[thread])
                note_status(s, trace_stream_gaps(s->streams[thread], &gap, 1));
        }
}

static uint64_t stored_of(const struct session *s)
{
    uint64_t stored = 0;

    for (unsigned i = 0; i < THREADS; i++)
        stored += s->streams[i] ? trace_stream_stored(s->streams[i]) : 0;
    return stored;
}

static uint64_t lost_of(const struct session *s)
{
    struct trace_writer_stats stats;

    trace_writer_stats(s->writer, &stats);
    return stats.lost_records;
}

/* ---- what is said of it ---- */

/* Every record offered is stored, counted as lost, or of a type that could not be told. */
static void ledger_check(const struct session *s)
{
    uint64_t offered = 0;

    for (unsigned i = 0; i < THREADS; i++)
        offered += s->offered[i];
    assert_int_equal(offered, stored_of(s) + lost_of(s) + s->unknown);
}

/* Those that a flight recorder has let go of for want of memory stand as gaps. */
static uint64_t records_of(struct trace *trace)
{
    struct trace_cursor *cursor;
    struct trace_event event;
    uint64_t records = 0;

    assert_int_equal(trace_cursor_open(trace, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) == 1)
        records += event.type ? 1 : event.gap.kind == TRACE_GAP_OVERWRITTEN ? event.gap.records : 0;
    trace_cursor_close(cursor);
    return records;
}

static void file_check(const char *path, uint64_t stored, uint64_t lost, int closed)
{
    struct findings found;
    struct trace *trace = fixture_open(path);
    int status = fixture_verify(path, &found);
    struct trace_condition condition;

    if (status != 0 && status != 3)
        fail_msg("status %d: %s%s", status, found.text[1], found.text[2]);
    for (unsigned i = 0; i < 3; i++)
        assert_null(strstr(found.text[i], "Success"));
    assert_int_equal(records_of(trace), stored);
    trace_condition(trace, &condition);
    assert_int_equal(condition.undescribed_records, 0);
    if (condition.ended)
        assert_int_equal(condition.lost_records, lost);
    for (size_t n = 0; trace_note_at(trace, n); n++)
        assert_null(strstr(trace_note_at(trace, n)->text, "Success"));
    if (lost || !condition.ended)
        assert_int_not_equal(closed, 0);
    trace_close(trace);
}

static void ledgers_tell(struct session *s)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        uint64_t stored = s->streams[i] ? trace_stream_stored(s->streams[i]) : 0;
        const struct trace_ledger ledger = {.thread = i + 1,
                                            .final = true,
                                            .written = s->offered[i] - s->offered_before[i],
                                            .dropped = 100, /* more than gaps tell of */
                                            .stored = stored - s->of_thread_before[i]};

        note_status(s, trace_writer_ledger(s->writer, &ledger));
    }
}

/* ---- one run of it ---- */

static bool session_begin(struct session *s, const struct trace_writer_options *options,
                          const char *path)
{
    int fd = options->flight ? -1 : fixture_create(path), status;

    *s = (struct session){.random = 3, .ticks = 1000, .path = path};
    status = trace_writer_open(&s->writer, fd, options, &fixture_recording);
    if (status == 0)
        return true;
    assert_int_equal(status, -ENOMEM);
    assert_null(s->writer);
    assert_true(options->flight || fcntl(fd, F_GETFD) == -1); /* it was taken over */
    return false;
}

static void session_work(struct session *s)
{
    const struct trace_symbol symbol = {1, 1, 0x1000, 0x1000, 0, UINT64_MAX, "main", "x.c", 1};
    const struct trace_note note = {TRACE_NOTE_INFO, 1, 1500, "hello"};

    types_tell(s);
    lives_tell(s);
    clock_tell(s);
    records_write(s);
    note_status(s, trace_writer_flush(s->writer));
    note_status(s, trace_writer_symbol(s->writer, &symbol));
    types_tell(s); /* whoever missed one tells it again */
    records_write(s);
    note_status(s, trace_writer_note(s->writer, &note));
    clock_tell(s);
}

/* The file is `path` from here on; what is left is `stored` and `lost` records of it. */
static void session_end(struct session *s, const char *path)
{
    uint64_t stored, lost;
    int closed;

    for (unsigned i = 0; i < THREADS; i++)
        if (s->streams[i])
            note_status(s, trace_stream_flush(s->streams[i]));
    ledger_check(s);
    ledgers_tell(s);
    stored = stored_of(s) - s->stored_before;
    lost = lost_of(s) - s->lost_before;
    closed = trace_writer_close(s->writer);
    if (calls_pass() == 0) {
        assert_false(s->untold);
        assert_int_equal(closed, 0);
        assert_int_equal(lost, 0);
    }
    if (path)
        file_check(path, stored, lost, closed);
}

static void plain_run(const struct trace_writer_options *options)
{
    const char *path = fixture_path("plain.adatrace");
    struct session s;

    if (!session_begin(&s, options, path))
        return;
    session_work(&s);
    session_end(&s, path);
}

static void file_is_left(struct session *s)
{
    s->stored_before = stored_of(s);
    s->lost_before = lost_of(s);
    for (unsigned i = 0; i < THREADS; i++) {
        s->of_thread_before[i] = s->streams[i] ? trace_stream_stored(s->streams[i]) : 0;
        s->offered_before[i] = s->offered[i];
    }
}

/* Two files, one after the other. */
static void switched_run(const struct trace_writer_options *options)
{
    char first[256];
    const char *second;
    struct trace_ending *ending;
    struct session s;
    int status, closed;

    snprintf(first, sizeof(first), "%s", fixture_path("first.adatrace"));
    if (!session_begin(&s, options, first))
        return;
    session_work(&s);
    second = fixture_path("second.adatrace");
    status = trace_writer_switch(s.writer, fixture_create(second), &ending);
    if (status == 0) {
        file_is_left(&s);
        closed = trace_ending_close(ending, NULL);
    } else {
        assert_null(ending);
        second = first;
    }
    session_work(&s);
    session_end(&s, second);
    if (status == 0)
        file_check(first, s.stored_before, s.lost_before, closed);
}

/* A file so far, or what a flight recorder keeps, as a file of its own. */
static void snapshot_run(const struct trace_writer_options *options)
{
    const char *path = options->flight ? NULL : fixture_path("growing.adatrace"), *copy;
    struct trace_snapshot *snapshot;
    struct trace_ending *ending;
    struct session s;
    uint64_t stored, lost;
    int status;

    if (!session_begin(&s, options, path))
        return;
    session_work(&s);
    for (unsigned i = 0; i < THREADS; i++)
        if (s.streams[i])
            note_status(&s, trace_stream_flush(s.streams[i]));
    ledgers_tell(&s);
    copy = fixture_path("snapshot.adatrace");
    status = trace_writer_snapshot(s.writer, 0, &snapshot);
    stored = stored_of(&s);
    lost = lost_of(&s);
    if (status == 0)
        status = trace_snapshot_write(snapshot, fixture_create(copy), &ending);
    if (status == 0)
        status = trace_ending_close(ending, NULL);
    (void)trace_writer_expire(s.writer, s.ticks);
    session_end(&s, path);
    if (status == 0)
        file_check(copy, stored, lost, lost ? -ENOMEM : 0);
}

/* ---- the sweeps ---- */

static void sweep(void (*run)(const struct trace_writer_options *options),
                  const struct trace_writer_options *options, unsigned kinds)
{
    struct call_sweep calls = {.kinds = kinds};

    while (call_sweep_next(&calls)) {
        call_sweep_arm(&calls);
        run(options);
    }
    print_message("%u runs\n", calls.runs);
    assert_true(calls.runs > 20);
}

static const struct trace_writer_options small = {.level = 1, .block_records = 32};
static const struct trace_writer_options threaded = {.level = 1, .block_records = 32, .threads = 3};
static const struct trace_writer_options flight = {
    .level = 1, .block_records = 32, .flight = true, .flight_bytes = 1 << 20};

static void file_without_memory_says_what_is_missing(void **state)
{
    (void)state;
    sweep(plain_run, &small, CALL_MEMORY);
}

static void file_of_several_threads_without_memory_says_what_is_missing(void **state)
{
    (void)state;
    sweep(plain_run, &threaded, CALL_MEMORY | CALL_THREAD);
}

static void switch_without_memory_leaves_two_good_files_or_one(void **state)
{
    (void)state;
    sweep(switched_run, &small, CALL_MEMORY);
}

static void snapshot_without_memory_is_whole_or_not_there(void **state)
{
    (void)state;
    sweep(snapshot_run, &small, CALL_MEMORY);
}

static void flight_without_memory_keeps_what_it_says(void **state)
{
    (void)state;
    sweep(snapshot_run, &flight, CALL_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_without_memory_says_what_is_missing),
        cmocka_unit_test(file_of_several_threads_without_memory_says_what_is_missing),
        cmocka_unit_test(switch_without_memory_leaves_two_good_files_or_one),
        cmocka_unit_test(snapshot_without_memory_is_whole_or_not_there),
        cmocka_unit_test(flight_without_memory_keeps_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
