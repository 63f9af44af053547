/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast records become a trace file and come back, in one thread, with the file in memory.
 *
 *     bench_format [MILLION]       synthetic calls and payloads, so many million records each
 *     bench_format RAW-FILE        calls measured elsewhere: pairs of u64 ticks and u64 address,
 * the highest bit of the address set for an exit
 *
 * Prints one line per workload and zstd level: million records a second written, bytes a record in
 * the file, million records a second read as columns and as merged events.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/trace_reader.h"
#include "format/trace_writer.h"

struct record {
    uint64_t ticks;
    uint64_t value;
    uint16_t id;
};

enum { ENTER = 8, EXIT = 9, VALUE = 10, ROUNDS = 3 };

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- workloads ---- */

/* An interpreter's main loop, roughly: a few hundred functions, call trees that repeat with small
 * variations, 40 to 60 ticks between events as a rule, now and then an interruption. */
struct calls {
    struct record *out;
    size_t count, capacity;
    uint64_t ticks, random;
};

static void call_put(struct calls *c, uint16_t id, unsigned function)
{
    uint64_t noise = random_next(&c->random);

    if (c->count == c->capacity)
        return;
    c->ticks += 40 + 2 * (noise % 8 ? 0 : noise / 8 % 8) + (noise % 997 == 0 ? noise % 400 : 0) +
                (noise % 50021 == 0 ? noise % 100000 : 0);
    c->out[c->count++] = (struct record){c->ticks, 0x555555550000 + 48 * function, id};
}

static void call_tree(struct calls *c, unsigned function, unsigned depth)
{
    call_put(c, ENTER, function);
    for (unsigned i = 0; depth && i < 1 + function % 3; i++) {
        unsigned pick = random_next(&c->random) % 64 == 0 ? (unsigned)random_next(&c->random) : i;

        call_tree(c, (function * 7 + pick % 5 + 1) % 300, depth - 1);
    }
    call_put(c, EXIT, function);
}

static void calls_make(struct record *out, size_t count)
{
    struct calls c = {.out = out, .capacity = count, .ticks = 1000, .random = 1};

    while (c.count < count)
        call_tree(&c, (unsigned)(random_next(&c.random) % 5), 9);
}

static void noise_make(struct record *out, size_t count)
{
    uint64_t random = 2, ticks = 1000;

    for (size_t i = 0; i < count; i++) {
        ticks += 40 + random_next(&random) % 24;
        out[i] = (struct record){ticks, random_next(&random), VALUE};
    }
}

static void counter_make(struct record *out, size_t count)
{
    uint64_t random = 3, ticks = 1000;

    for (size_t i = 0; i < count; i++) {
        ticks += 40 + random_next(&random) % 24;
        out[i] = (struct record){ticks, i, VALUE};
    }
}

static size_t raw_load(const char *path, struct record **out)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    uint64_t pair[2];
    size_t count = 0;

    if (!file || fstat(fileno(file), &status) != 0)
        return 0;
    *out = malloc(((size_t)status.st_size / 16 + 1) * sizeof(**out));
    while (*out && fread(pair, sizeof(pair), 1, file) == 1)
        (*out)[count++] =
            (struct record){pair[0], pair[1] & ~(UINT64_C(1) << 63), pair[1] >> 63 ? EXIT : ENTER};
    fclose(file);
    return count;
}

/* ---- writing and reading ---- */

static int type_write(struct trace_writer *w, uint16_t id, uint8_t phase, const char *name,
                      uint8_t kind)
{
    const struct ada_field field = {.name = "value", .kind = kind, .width = 8, .count = 1};
    const struct schema schema = {.id = id,
                                  .phase = phase,
                                  .level = ADA_LEVEL_INFO,
                                  .provider = "bench",
                                  .name = name,
                                  .fields = &field,
                                  .field_count = 1};
    unsigned char bytes[256];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    return size < 0 ? size : trace_writer_type(w, 1, bytes, (size_t)size);
}

static int preamble_write(struct trace_writer *w, struct trace_stream **stream)
{
    const struct trace_process process = {.process = 1, .image = 1};
    const struct trace_thread thread = {.thread = 1, .process = 1, .name = "bench"};
    int status = type_write(w, ENTER, ADA_PHASE_FUNCTION_ENTER, "enter", ADA_KIND_CODE);

    if (status == 0)
        status = type_write(w, EXIT, ADA_PHASE_FUNCTION_EXIT, "exit", ADA_KIND_CODE);
    if (status == 0)
        status = type_write(w, VALUE, ADA_PHASE_INSTANT, "value", ADA_KIND_UNSIGNED);
    if (status == 0)
        status = trace_writer_process(w, &process);
    if (status == 0)
        status = trace_writer_thread(w, &thread);
    return status ? status : trace_stream_open(w, 1, stream);
}

/* As the drain does: many at once, and by itself what is left over. */
static int records_write(struct trace_stream *stream, const struct record *records, size_t count)
{
    enum { RUN = 256 };
    uint16_t ids[RUN];
    uint64_t ticks[RUN];
    size_t done = 0;
    int status = 0;

    while (done < count && status == 0) {
        const struct record *run = records + done;
        struct trace_rows rows = {.count = count - done < RUN ? (uint32_t)(count - done) : RUN,
                                  .ids = ids,
                                  .ticks = ticks,
                                  .payloads = (const unsigned char *)&run->value,
                                  .stride = sizeof(*run),
                                  .payload_bytes = sizeof(run->value)};
        uint32_t taken;

        for (uint32_t i = 0; i < rows.count; i++) {
            ids[i] = run[i].id;
            ticks[i] = run[i].ticks;
        }
        taken = trace_stream_append(stream, &rows);
        if (taken < rows.count) {
            status = trace_stream_record(stream, run[taken].id, run[taken].ticks, &run[taken].value,
                                         sizeof(run[taken].value));
            taken++;
        }
        done += taken;
    }
    return status;
}

/* Seconds that it takes to write all, or a negative number. */
static double trace_write(int fd, const struct record *records, size_t count, int level)
{
    const struct trace_recording recording = {.ticks_per_second = 2700000000};
    const struct trace_writer_options options = {.level = level};
    struct trace_stream *stream;
    struct trace_writer *w;
    double start = seconds_now();
    int status = trace_writer_open(&w, dup(fd), &options, &recording);

    if (status != 0)
        return -1;
    status = preamble_write(w, &stream);
    if (status == 0)
        status = records_write(stream, records, count);
    if (trace_writer_close(w) != 0 || status != 0)
        return -1;
    return seconds_now() - start;
}

static double scan_time(struct trace *t, size_t count)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    double start = seconds_now();
    size_t seen = 0;

    if (trace_scan_open(t, NULL, &scan) != 0)
        return -1;
    while (trace_scan_next(scan, &block) == 1)
        seen += block->records;
    trace_scan_close(scan);
    return seen == count ? seconds_now() - start : -1;
}

static double cursor_time(struct trace *t, size_t count)
{
    struct trace_cursor *cursor;
    struct trace_event event;
    double start = seconds_now();
    size_t seen = 0;

    if (trace_cursor_open(t, NULL, &cursor) != 0)
        return -1;
    while (trace_cursor_next(cursor, &event) == 1)
        seen++;
    trace_cursor_close(cursor);
    return seen == count ? seconds_now() - start : -1;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static int workload_measure(const char *name, const struct record *records, size_t count)
{
    static const int levels[] = {3, 1, -3, -7, 0};

    for (size_t l = 0; l < sizeof(levels) / sizeof(levels[0]); l++) {
        double write = 1e9, scan = 1e9, cursor = 1e9, million = (double)count / 1e6;
        struct stat status;
        char path[64];
        int fd = memfd_create("bench", MFD_CLOEXEC);

        if (fd < 0)
            return 1;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        for (int round = 0; round < ROUNDS; round++) {
            struct trace_error error;
            struct trace *t;

            if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
                return 1;
            write = least(write, trace_write(fd, records, count, levels[l]));
            if (write < 0 || trace_open(&t, path, &error) != 0)
                return 1;
            scan = least(scan, scan_time(t, count));
            cursor = least(cursor, cursor_time(t, count));
            trace_close(t);
        }
        if (scan < 0 || cursor < 0 || fstat(fd, &status) != 0)
            return 1;
        printf("%-10s level %2d   write %6.1f M/s   %6.3f bytes/record   columns %6.1f M/s   "
               "events %6.1f M/s\n",
               name, levels[l], million / write, (double)status.st_size / (double)count,
               million / scan, million / cursor);
        close(fd);
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) * 1000000 : 8000000;
    struct record *records = NULL;
    int status = 0;

    if (argc > 1 && count == 0) {
        count = raw_load(argv[1], &records);
        status = count ? workload_measure("file", records, count) : 1;
    } else {
        records = malloc(count * sizeof(*records));
        if (!records)
            return 1;
        calls_make(records, count);
        status = workload_measure("calls", records, count);
        noise_make(records, count);
        status |= workload_measure("noise", records, count);
        counter_make(records, count);
        status |= workload_measure("counter", records, count);
    }
    free(records);
    if (status != 0)
        fprintf(stderr, "bench_format: failed\n");
    return status;
}
