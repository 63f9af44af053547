/* SPDX-License-Identifier: Apache-2.0 */
/* A writer that gets no memory, at each of its calls for some, once or from there on: the file has
 * nothing that it does not describe, and what is missing is counted. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "format_fixture.h"

enum { THREADS = 3, RECORDS = 40, UNREADABLE = 1 };

/* ---- memory ---- */

static unsigned calls_until_refused, refusals; /* 0: none is refused */

static bool is_refused(void)
{
    if (calls_until_refused > 1) {
        calls_until_refused--;
        return false;
    }
    if (!calls_until_refused || !refusals)
        return false;
    refusals--;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *bytes, size_t size)
{
    return is_refused() ? NULL : __real_realloc(bytes, size);
}

/* ---- a recording, as the drain makes it: it goes on whatever is refused ---- */

struct outcome {
    uint64_t taken, refused; /* records of threads without a stream, of types nobody knows */
    bool failed;             /* somebody was told */
};

static int note(struct outcome *o, int status)
{
    o->failed |= status < 0;
    return status;
}

static void describe(struct trace_writer *w, struct outcome *o)
{
    for (unsigned i = 0; i < FIXTURE_TYPES; i++) {
        unsigned char bytes[1024];
        int size = schema_encode(&fixture_types[i], bytes, sizeof(bytes));

        assert_true(size > 0);
        (void)note(o, trace_writer_type(w, 1, bytes, (size_t)size));
    }
    (void)note(o, trace_writer_process(
                      w, &(struct trace_process){.process = 1, .image = 1, .command = "c"}));
    for (uint32_t i = 1; i <= THREADS; i++)
        (void)note(o, trace_writer_thread(
                          w, &(struct trace_thread){.thread = i, .process = 1, .name = "t"}));
}

static void thread_record(struct trace_writer *w, uint32_t thread, struct outcome *o)
{
    struct trace_ledger ledger = {.thread = thread, .final = true, .written = RECORDS};
    struct trace_stream *stream = NULL;
    uint64_t random = thread;

    for (uint64_t n = 0; n < RECORDS; n++) {
        const struct schema *type = &fixture_types[n % FIXTURE_TYPES];
        _Alignas(8) unsigned char payload[8192] = {0};
        size_t size = (model_payload(type, &random, 20, payload) + 7) & ~(size_t)7;

        o->taken++;
        if ((!stream && note(o, trace_stream_open(w, thread, &stream))) ||
            note(o, trace_stream_record(stream, type->id, 100 + n, payload, size)))
            o->refused++;
    }
    if (stream) {
        (void)note(o, trace_stream_flush(stream));
        ledger.stored = trace_stream_stored(stream);
        (void)note(o, trace_stream_close(stream));
    }
    (void)note(o, trace_writer_ledger(w, &ledger));
}

/* Status of trace_verify(); negative: there was not even a writer. */
static int record(unsigned nth, unsigned times, struct outcome *o, uint64_t *stored)
{
    const struct trace_writer_options options = {.level = 1};
    const char *path = fixture_path("memory");
    struct findings findings;
    struct trace_writer *w;
    int status, fd = fixture_create(path);

    *o = (struct outcome){0};
    calls_until_refused = nth;
    refusals = times;
    status = trace_writer_open(&w, fd, &options, &fixture_recording);
    if (!status) {
        describe(w, o);
        for (uint32_t i = 1; i <= THREADS; i++)
            thread_record(w, i, o);
        (void)note(o, trace_writer_close(w));
    }
    calls_until_refused = 0;
    if (status)
        return status;
    status = fixture_verify(path, &findings);
    if (status == UNREADABLE) {
        print_message("call %u, %u times: %s\n", nth, times, findings.text[2]);
    } else {
        struct trace *t = fixture_open(path);

        *stored = 0;
        for (uint32_t i = 1; i <= THREADS; i++)
            *stored += trace_ledger_of(t, i) ? trace_ledger_of(t, i)->stored : 0;
        trace_close(t);
    }
    return status;
}

static void every_call(unsigned times)
{
    unsigned nth = 0;

    do {
        struct outcome o;
        uint64_t stored = 0;
        int status = record(++nth, times, &o, &stored);

        if (status < 0) {
            assert_int_equal(status, -ENOMEM);
            continue;
        }
        assert_int_not_equal(status, UNREADABLE);
        if (!o.failed)
            assert_int_equal(stored, THREADS * RECORDS);
    } while (refusals != times);
    assert_true(nth > 30);
}

static void memory_refused_once_leaves_nothing_undescribed(void **state)
{
    (void)state;
    every_call(1);
}

static void memory_that_stays_short_leaves_nothing_undescribed(void **state)
{
    (void)state;
    every_call(UINT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_refused_once_leaves_nothing_undescribed),
        cmocka_unit_test(memory_that_stays_short_leaves_nothing_undescribed),
    };

    return cmocka_run_group_tests_name("writer without memory", tests, NULL, NULL);
}
