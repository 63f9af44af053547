/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/trace_reader.h"

/* The segment has room for as many as there may be threads, and valgrind looks at all of it. */
enum { RING_BYTES = 256 * 1024 };

static struct {
    pid_t owner; /* who removes the folder: no forked child */
    char folder[32], path[64];
    struct trace *trace;
    struct trace_cursor *cursor;
    struct trace_event event;
} recording;

/* ---- recording ---- */

static void folder_remove(void)
{
    if (recording.owner != getpid())
        return;
    unlink(recording.path);
    rmdir(recording.folder);
}

const char *recording_path(void)
{
    if (recording.owner)
        return recording.path;
    strcpy(recording.folder, "/tmp/test_tracer-XXXXXX");
    assert_non_null(mkdtemp(recording.folder));
    snprintf(recording.path, sizeof(recording.path), "%s/it.adatrace", recording.folder);
    recording.owner = getpid();
    assert_int_equal(atexit(folder_remove), 0);
    return recording.path;
}

static void recording_close(void)
{
    if (recording.cursor)
        trace_cursor_close(recording.cursor);
    recording.cursor = NULL;
    trace_close(recording.trace);
    recording.trace = NULL;
}

void recording_start(const struct ada_session_options *options)
{
    struct ada_session_options o = {0};
    int err;

    recording_close();
    (void)ada_session_stop(); /* of a test that has failed */
    if (options)
        o = *options;
    o.size = sizeof(o);
    o.replace = 1;
    if (!o.ring_bytes)
        o.ring_bytes = RING_BYTES;
    err = ada_session_start(recording_path(), &o);
    if (err)
        fail_msg("session start: %s", ada_error_text(err));
}

void recording_keep_room(void)
{
    struct ada_thread_stats stats;

    while (!ada_thread_stats_read(&stats) && stats.fill_bytes > stats.ring_bytes / 2)
        sched_yield();
}

static void finding_say(void *context, const struct trace_finding *finding)
{
    const int *expected = context;

    if ((int)finding->severity > *expected)
        print_error("finding at %llu: %s\n", (unsigned long long)finding->offset, finding->text);
}

/* Returns what trace_verify() says; findings above `severity` are shown. */
static int stop_and_open(int severity)
{
    const struct trace_filter all = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct trace_error error;
    int status;

    assert_int_equal(ada_session_stop(), 0);
    status = trace_verify(recording_path(), finding_say, &severity);
    if (trace_open(&recording.trace, recording_path(), &error))
        fail_msg("%s", error.message);
    assert_int_equal(trace_cursor_open(recording.trace, &all, &recording.cursor), 0);
    return status;
}

void recording_stop(void)
{
    assert_int_equal(stop_and_open(0), 0);
}

void recording_stop_lossy(void)
{
    assert_int_equal(stop_and_open(1), 3);
}

void recording_stop_either(void)
{
    int status = stop_and_open(1);

    assert_true(status == 0 || status == 3);
}

/* ---- reading ---- */

struct trace *recording_trace(void)
{
    assert_non_null(recording.trace);
    return recording.trace;
}

const struct trace_event *recording_next(void)
{
    int got;

    assert_non_null(recording.cursor);
    do {
        got = trace_cursor_next(recording.cursor, &recording.event);
        assert_in_range(got, 0, 1);
    } while (got && !recording.event.type);
    return got ? &recording.event : NULL;
}

const struct trace_event *recording_expect(const char *full_name)
{
    const struct trace_event *event = recording_next();

    if (!event)
        fail_msg("no event where %s should be", full_name);
    else
        assert_string_equal(event->type->full_name, full_name);
    return event;
}

void recording_expect_end(void)
{
    const struct trace_event *event = recording_next();

    if (event)
        fail_msg("%s where the end should be", event->type->full_name);
    recording_close();
}

uint64_t recording_count_rest(const char *full_name)
{
    const struct trace_event *event;
    uint64_t count = 0;

    while ((event = recording_next()))
        count += strcmp(event->type->full_name, full_name) == 0;
    return count;
}

const struct trace_ledger *recording_ledger(uint32_t pid, uint32_t tid)
{
    const struct trace_thread *thread;

    for (size_t n = 0; (thread = trace_thread_at(recording.trace, n)); n++)
        if (thread->tid == tid &&
            trace_process_by_number(recording.trace, thread->process)->pid == pid)
            return trace_ledger_of(recording.trace, thread->thread);
    fail_msg("thread %u of process %u is not in the file", tid, pid);
    return NULL;
}

/* ---- looking at an event ---- */

static const struct trace_value *field_find(const struct trace_event *event, const char *field)
{
    for (unsigned n = 0; n < event->value_count; n++)
        if (strcmp(event->values[n].field->name, field) == 0)
            return &event->values[n];
    fail_msg("%s has no field %s", event->type->full_name, field);
    return NULL;
}

uint64_t field_unsigned(const struct trace_event *event, const char *field)
{
    return trace_value_unsigned(field_find(event, field), 0);
}

int64_t field_signed(const struct trace_event *event, const char *field)
{
    return trace_value_signed(field_find(event, field), 0);
}

double field_float(const struct trace_event *event, const char *field)
{
    return trace_value_float(field_find(event, field), 0);
}

const char *field_label(const struct trace_event *event, const char *field)
{
    const struct trace_value *v = field_find(event, field);

    for (unsigned n = 0; n < v->field->label_count; n++)
        if (v->field->labels[n].value == trace_value_signed(v, 0))
            return v->field->labels[n].name;
    return NULL;
}

void expect_bytes(const struct trace_event *event, const char *field, const void *bytes,
                  size_t size)
{
    const struct trace_value *v = field_find(event, field);

    assert_int_equal(v->size, size);
    if (size)
        assert_memory_equal(v->bytes, bytes, size);
}

void expect_text(const struct trace_event *event, const char *field, const char *text)
{
    expect_bytes(event, field, text, strlen(text));
}

int event_phase(const struct trace_event *event)
{
    return event->type->schema.phase;
}

uint32_t event_pid(const struct trace_event *event)
{
    return trace_process_by_number(recording.trace, event->thread->process)->pid;
}

uint32_t event_tid(const struct trace_event *event)
{
    return event->thread->tid;
}

/* ---- threads ---- */

uint32_t thread_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

void thread_run(void *(*work)(void *argument), void *argument)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, work, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}
