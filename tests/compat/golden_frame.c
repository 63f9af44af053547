/* SPDX-License-Identifier: Apache-2.0 */
#include "golden_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/le.h"

struct trace_writer *writer;
static unsigned char payload[4096];
static size_t payload_bytes;

uint32_t recording_number;

/* The writer asks for the number that tells its file from others. */
ssize_t __wrap_getrandom(void *out, size_t bytes, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t bytes, unsigned flags)
{
    (void)flags;
    memset(out, 0, bytes);
    memcpy(out, &recording_number, bytes < 4 ? bytes : 4);
    return (ssize_t)bytes;
}

void check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "make_golden: %s: %s\n", what, strerror(-status));
    exit(1);
}

uint64_t random_next(void)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state ^ state >> 29;
}

void type_put(uint64_t image, const struct schema *schema)
{
    unsigned char bytes[4096];
    int size = schema_encode(schema, bytes, sizeof(bytes));

    check(size, "schema_encode");
    check(trace_writer_type(writer, image, bytes, (size_t)size), "trace_writer_type");
}

void simple_type_put(uint64_t image, uint16_t id, const char *name, const struct ada_field *fields,
                     size_t count)
{
    const struct schema schema = {.id = id,
                                  .level = ADA_LEVEL_INFO,
                                  .provider = "golden",
                                  .name = name,
                                  .fields = fields,
                                  .field_count = (uint16_t)count};

    type_put(image, &schema);
}

void put(uint64_t value, unsigned width)
{
    le_store(payload + payload_bytes, value, width);
    payload_bytes += width;
}

void put_bytes(const char *bytes, size_t size)
{
    put(size, 4);
    memcpy(payload + payload_bytes, bytes, size);
    payload_bytes += size;
}

void emit(struct trace_stream *stream, uint16_t id, uint64_t ticks)
{
    check(trace_stream_record(stream, id, ticks, payload, payload_bytes), "trace_stream_record");
    payload_bytes = 0;
}

void clock_put(uint64_t ticks, uint64_t monotonic_ns)
{
    const struct trace_clock_pair pair = {
        .ticks = ticks, .monotonic_ns = monotonic_ns, .realtime_ns = 17 * monotonic_ns};

    check(trace_writer_clock(writer, &pair), "trace_writer_clock");
}

void process_put(uint32_t number, uint32_t parent, uint32_t pid, uint64_t image)
{
    const struct trace_process process = {.process = number,
                                          .parent = parent,
                                          .pid = pid,
                                          .start_ticks = SECOND,
                                          .start_time = 100 + number,
                                          .image = image,
                                          .executable = image == 1 ? "/bin/one" : "/bin/two",
                                          .command = "one --more 'than this'"};

    check(trace_writer_process(writer, &process), "trace_writer_process");
}

void thread_put(uint32_t number, uint32_t process, uint32_t tid, const char *name)
{
    const struct trace_thread thread = {.thread = number,
                                        .process = process,
                                        .tid = tid,
                                        .start_ticks = SECOND + number,
                                        .ring_bytes = 65536,
                                        .name = name};

    check(trace_writer_thread(writer, &thread), "trace_writer_thread");
}

struct trace_stream *stream_open(uint32_t thread)
{
    struct trace_stream *stream;

    check(trace_stream_open(writer, thread, &stream), "trace_stream_open");
    return stream;
}

void ledger_put(uint32_t thread, uint64_t stored, uint64_t dropped)
{
    const struct trace_ledger ledger = {.thread = thread,
                                        .final = thread != 2,
                                        .written = stored + 3,
                                        .written_bytes = 32 * stored,
                                        .dropped = dropped,
                                        .dropped_bytes = 24 * dropped,
                                        .overwritten = 2,
                                        .overwritten_bytes = 48,
                                        .damaged = 1,
                                        .nested = stored / 2,
                                        .high_water_bytes = 4096,
                                        .stored = stored};

    check(trace_writer_ledger(writer, &ledger), "trace_writer_ledger");
}

struct trace_stream *frame_put(void)
{
    clock_put(SECOND, SECOND);
    process_put(1, TRACE_PROCESS_NONE, 4711, 1);
    thread_put(1, 1, 4711, "only");
    return stream_open(1);
}
