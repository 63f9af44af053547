/* SPDX-License-Identifier: Apache-2.0 */
#include "failing_traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/trace_state.h"
#include "format_fixture.h"

enum { THREADS = FAILING_THREADS, RECORDS = FAILING_RECORDS };

char whole[256], other[256], later[256], torn[256];

static void tables_write(struct trace_writer *w)
{
    const struct trace_clock_pair pairs[] = {{1, 5000, 9000, 10}, {90000, 99000, 103000, 10}};
    const struct trace_module module = {1, 1, 0x1000, 0x2000, 0x1000, 0, UINT64_MAX, "/lib/x", "a"};
    const struct trace_symbol symbol = {1, 1, 0x1000, 0x1000, 0, UINT64_MAX, "main", "x.c", 12};
    const struct trace_note note = {TRACE_NOTE_INFO, 1, 1500, "hello"};

    assert_int_equal(trace_writer_clock(w, &pairs[0]), 0);
    assert_int_equal(trace_writer_clock(w, &pairs[1]), 0);
    assert_int_equal(trace_writer_module(w, &module), 0);
    assert_int_equal(trace_writer_symbol(w, &symbol), 0);
    assert_int_equal(trace_writer_note(w, &note), 0);
}

static void trace_make(char path[256], const char *name, const char *session, uint64_t seed)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 50};
    struct trace_recording recording = fixture_recording;
    struct trace_stream *streams[THREADS];
    struct model model = {0};
    struct trace_writer *w;
    unsigned char payload[1024];

    strcpy(path, fixture_path(name));
    recording.session = session;
    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &recording), 0);
    for (unsigned i = 0; i < FIXTURE_TYPES; i++)
        fixture_type(w, 1, &fixture_types[i]);
    fixture_process(w, 1, 1);
    tables_write(w);
    for (uint32_t i = 0; i < THREADS; i++) {
        fixture_thread(w, i + 1, 1, "worker");
        assert_int_equal(trace_stream_open(w, i + 1, &streams[i]), 0);
    }
    for (uint32_t n = 0; n < RECORDS; n++) {
        const struct schema *type = &fixture_types[n % 3];
        const struct trace_gap gap = {n % THREADS + 1, TRACE_GAP_DROPPED, 50 * n, 50 * n, 2, 16};

        if (n % 37 == 5)
            model_gap(&model, streams[n % THREADS], &gap);
        model_record(&model, streams[n % THREADS], n % THREADS + 1, type, 50 * n + 1, payload,
                     model_payload(type, &seed, 12, payload));
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        const struct trace_ledger ledger = {.thread = i + 1,
                                            .final = true,
                                            .written = trace_stream_stored(streams[i]),
                                            .stored = trace_stream_stored(streams[i]),
                                            .dropped = 100};

        assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    }
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
}

int failing_traces_make(void **state)
{
    unsigned char *bytes;
    struct trace *t;
    size_t size;

    (void)state;
    trace_make(whole, "whole.adatrace", "aaaa", 4);
    trace_make(other, "other.adatrace", "bbbb", 5);
    trace_make(later, "later.adatrace", "aaaa", 6);
    /* As a file system leaves it that lost power. */
    strcpy(torn, fixture_path("torn.adatrace"));
    t = fixture_open(whole);
    bytes = fixture_load(whole, &size);
    memset(bytes + t->end.index_offset, 0, size - t->end.index_offset);
    fixture_store(torn, bytes, size);
    free(bytes);
    trace_close(t);
    return 0;
}

void failing_error_check(int status, const struct trace_error *error)
{
    assert_true(status < 0);
    assert_int_equal(error->code, status);
    assert_true(error->message[0]);
    assert_null(strstr(error->message, "Success"));
}

int failing_walk(struct trace *t, const struct trace_filter *filter, uint64_t *records)
{
    struct trace_cursor *cursor;
    struct trace_event event;
    int status = trace_cursor_open(t, filter, &cursor);

    *records = 0;
    if (status != 0) {
        assert_null(cursor);
        return status;
    }
    while ((status = trace_cursor_next(cursor, &event)) == 1)
        *records += event.type != NULL;
    trace_cursor_close(cursor);
    return status;
}
