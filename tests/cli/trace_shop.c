/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace_shop.h"

void check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "make_trace: %s: %s\n", what, strerror(-status));
    exit(1);
}

/* ---- event types ---- */

#define FIELD(field, k, w)                                              \
    {                                                                   \
        .name = (field), .kind = ADA_KIND_##k, .width = (w), .count = 1 \
    }
#define MEMORY_FIELDS                                                                  \
    FIELD("size", UNSIGNED, 6), FIELD("result", POINTER, 6), FIELD("caller", CODE, 6), \
        FIELD("duration", DURATION, 6)

static const struct ada_label colours[] = {{"red", -1}, {"gr\"een", 2}};

static const struct ada_field enter_fields[] = {FIELD("function", CODE, 6),
                                                FIELD("frame", UNSIGNED, 2)};
static const struct ada_field exit_fields[] = {FIELD("function", CODE, 6)};
static const struct ada_field malloc_fields[] = {MEMORY_FIELDS};
static const struct ada_field calloc_fields[] = {MEMORY_FIELDS, FIELD("count", UNSIGNED, 6)};
static const struct ada_field realloc_fields[] = {MEMORY_FIELDS, FIELD("address", POINTER, 6)};
static const struct ada_field free_fields[] = {
    FIELD("address", POINTER, 6), FIELD("caller", CODE, 6), FIELD("duration", DURATION, 6)};
static const struct ada_field id_fields[] = {FIELD("id", UNSIGNED, 8)};
static const struct ada_field value_fields[] = {FIELD("value", SIGNED, 8)};
static const struct ada_field text_fields[] = {FIELD("text", STRING, 0), FIELD("data", BYTES, 0)};
static const struct ada_field format_fields[] = {FIELD("a1", SIGNED, 4), FIELD("a2", FLOAT, 8),
                                                 FIELD("a3", STRING, 0)};
static const struct ada_field kind_fields[] = {
    FIELD("u8", UNSIGNED, 1),
    FIELD("u64", UNSIGNED, 8),
    FIELD("i24", SIGNED, 3),
    FIELD("i64", SIGNED, 8),
    FIELD("yes", BOOL, 1),
    FIELD("where", POINTER, 8),
    {.name = "colour",
     .kind = ADA_KIND_ENUM,
     .width = 4,
     .count = 1,
     .labels = colours,
     .label_count = 2},
    FIELD("f32", FLOAT, 4),
    FIELD("f64", FLOAT, 8),
    {.name = "grid", .kind = ADA_KIND_SIGNED, .width = 2, .count = 3},
};

#define TYPE(number, p, n, ph, f)                                                          \
    {                                                                                      \
        .id = (number), .phase = ADA_PHASE_##ph, .level = ADA_LEVEL_INFO, .provider = (p), \
        .name = (n), .fields = (f), .field_count = (uint16_t)(sizeof(f) / sizeof(*(f)))    \
    }

static const struct schema types[] = {
    TYPE(ENTER, "function", "enter", FUNCTION_ENTER, enter_fields),
    TYPE(EXIT, "function", "exit", FUNCTION_EXIT, exit_fields),
    TYPE(MALLOC, "memory", "malloc", INSTANT, malloc_fields),
    TYPE(FREE, "memory", "free", INSTANT, free_fields),
    TYPE(REALLOC, "memory", "realloc", INSTANT, realloc_fields),
    TYPE(CALLOC, "memory", "calloc", INSTANT, calloc_fields),
    {.id = SCOPE_BEGIN, .phase = ADA_PHASE_BEGIN, .provider = "shop", .name = "checkout"},
    {.id = SCOPE_END, .phase = ADA_PHASE_END, .provider = "shop", .name = "checkout"},
    TYPE(SPAN_BEGIN, "net", "request", SPAN_BEGIN, id_fields),
    TYPE(SPAN_STEP, "net", "request", SPAN_STEP, id_fields),
    TYPE(SPAN_END, "net", "request", SPAN_END, id_fields),
    TYPE(KINDS, "test", "kinds", INSTANT, kind_fields),
    TYPE(TEXT, "test", "text", INSTANT, text_fields),
    {.id = FORMAT,
     .phase = ADA_PHASE_FORMAT,
     .provider = "app",
     .name = "log",
     .format = "order %d: %5.1f %% of '%s'",
     .fields = format_fields,
     .field_count = 3},
    TYPE(COUNTER, "shop", "queue", COUNTER, value_fields),
    {.id = BARE, .phase = ADA_PHASE_INSTANT, .provider = "test", .name = "bare"},
};

void types_declare(struct trace_writer *w, uint64_t image)
{
    const size_t count = sizeof(types) / sizeof(*types);
    bool last_first = getenv("TRACE_LAST");
    unsigned char bytes[4096];

    for (size_t i = 0; i < count; i++) {
        const struct schema *type = &types[last_first ? count - 1 - i : i];
        int size = schema_encode(type, bytes, sizeof(bytes));

        check(size, "schema_encode");
        check(trace_writer_type(w, image, bytes, (size_t)size), "trace_writer_type");
    }
}

/* ---- records ---- */

static unsigned char payload[4096];
static size_t payload_size;

void put(uint64_t value, unsigned width)
{
    memcpy(payload + payload_size, &value, width);
    payload_size += width;
}

void put_bytes(const char *bytes, size_t size)
{
    put(size, 4);
    memcpy(payload + payload_size, bytes, size);
    payload_size += size;
}

void put_double(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put(bits, 8);
}

void put_float(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put(bits, 4);
}

void emit(struct trace_stream *s, uint16_t id, uint64_t ticks)
{
    check(trace_stream_record(s, id, ticks, payload, payload_size), "trace_stream_record");
    payload_size = 0;
}

/* `depth`: how far below main's, in 16-byte steps, the function's frame lies. */
void enter(struct trace_stream *s, uint64_t ticks, uint64_t function, int depth)
{
    put(function, 6);
    put((uint64_t)(0x100 - depth) & 0xffff, 2);
    emit(s, ENTER, ticks);
}

void leave(struct trace_stream *s, uint64_t ticks, uint64_t function)
{
    put(function, 6);
    emit(s, EXIT, ticks);
}

void put_allocation(uint64_t size, uint64_t result, uint64_t caller, uint64_t duration)
{
    put(size, 6);
    put(result, 6);
    put(caller, 6);
    put(duration, 6);
}

void allocate(struct trace_stream *s, uint64_t ticks, uint64_t size, uint64_t result,
              uint64_t caller)
{
    put_allocation(size, result, caller, 50);
    emit(s, MALLOC, ticks);
}

void release(struct trace_stream *s, uint64_t ticks, uint64_t address, uint64_t caller)
{
    put(address, 6);
    put(caller, 6);
    put(30, 6);
    emit(s, FREE, ticks);
}

void resize(struct trace_stream *s, uint64_t ticks, uint64_t size, uint64_t old, uint64_t result,
            uint64_t caller)
{
    put_allocation(size, result, caller, 400);
    put(old, 6);
    emit(s, REALLOC, ticks);
}

void span(struct trace_stream *s, uint16_t id, uint64_t ticks, uint64_t number)
{
    put(number, 8);
    emit(s, id, ticks);
}

/* ---- the recording ---- */

static const char *word_of(const char *name, const char *otherwise)
{
    const char *word = getenv(name);

    return word ? word : otherwise;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *word = getenv(name);

    return word ? strtoull(word, NULL, 10) : otherwise;
}

struct trace_writer *writer_open(const char *path)
{
    const struct trace_recording recording = {
        .adatrace_version = "0.0.0",
        .host = word_of("TRACE_HOST", "somewhere"),
        .kernel = "Linux 6.1.0 x86_64",
        .cpu = "A Processor",
        .command = "./shop --orders 3",
        .directory = "/srv/shop",
        .clock_source = word_of("TRACE_CLOCK", "tsc"),
        .cpu_count = 2,
        .page_bytes = 4096,
        .ticks_per_second = UINT64_C(1000000000000) / number_of("TRACE_RATE", 1000),
        .policy = "drop",
        .boot_id = word_of("TRACE_BOOT", ""),
        .session = word_of("TRACE_SESSION", ""),
    };
    const struct trace_writer_options options = {.level = 1};
    struct trace_writer *w;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    check(fd < 0 ? -errno : 0, path);
    check(trace_writer_open(&w, fd, &options, &recording), "trace_writer_open");
    return w;
}

void clock_put(struct trace_writer *w, uint64_t ticks)
{
    uint64_t ns = START + (ticks - START) * number_of("TRACE_RATE", 1000) / 1000 +
                  number_of("TRACE_LATER", 0);
    const struct trace_clock_pair pair = {.ticks = ticks,
                                          .monotonic_ns = ns,
                                          .realtime_ns = REALTIME_NS + (ns - START),
                                          .uncertainty_ns = 40};

    check(trace_writer_clock(w, &pair), "trace_writer_clock");
}

void process_put(struct trace_writer *w, uint32_t number, uint32_t parent, uint32_t pid,
                 uint64_t start)
{
    const struct trace_process process = {.process = number,
                                          .parent = parent,
                                          .pid = pid,
                                          .start_ticks = start,
                                          .start_time = 100 + number,
                                          .image = IMAGE,
                                          .executable = "/srv/shop/shop",
                                          .command = "./shop --orders 3"};

    check(trace_writer_process(w, &process), "trace_writer_process");
}

void process_end(struct trace_writer *w, uint32_t number, uint64_t ticks, int status)
{
    const struct trace_process_end end = {.process = number, .end_ticks = ticks, .status = status};

    check(trace_writer_process_end(w, &end), "trace_writer_process_end");
}

struct trace_stream *thread_open(struct trace_writer *w, uint32_t number, uint32_t process,
                                 uint32_t tid, uint64_t start, const char *name)
{
    const struct trace_thread thread = {.thread = number,
                                        .process = process,
                                        .tid = tid,
                                        .start_ticks = start,
                                        .ring_bytes = 65536,
                                        .name = name};
    struct trace_stream *stream;

    check(trace_writer_thread(w, &thread), "trace_writer_thread");
    check(trace_stream_open(w, number, &stream), "trace_stream_open");
    return stream;
}

/* Flush, and say what the thread says of itself. */
void thread_close(struct trace_writer *w, struct trace_stream *stream, uint32_t number,
                  uint64_t dropped)
{
    uint64_t stored = trace_stream_stored(stream);
    const struct trace_ledger ledger = {.thread = number,
                                        .final = true,
                                        .written = stored,
                                        .written_bytes = stored * 32,
                                        .dropped = dropped,
                                        .dropped_bytes = dropped * 24,
                                        .high_water_bytes = dropped ? 65536 : 1024,
                                        .stored = stored};

    check(trace_stream_close(stream), "trace_stream_close");
    check(trace_writer_ledger(w, &ledger), "trace_writer_ledger");
}

static void symbol_put(struct trace_writer *w, uint64_t address, uint64_t start, const char *name,
                       uint32_t line)
{
    const struct trace_symbol symbol = {.process = 1,
                                        .module = 1,
                                        .address = address,
                                        .start = start,
                                        .from_ticks = 0,
                                        .to_ticks = UINT64_MAX,
                                        .name = name,
                                        .file = line ? "shop.c" : "",
                                        .line = line};

    check(trace_writer_symbol(w, &symbol), "trace_writer_symbol");
}

void symbols_put(struct trace_writer *w)
{
    const struct trace_module module = {.module = 1,
                                        .process = 1,
                                        .base = CODE(0),
                                        .end = CODE(0x10000),
                                        .bias = CODE(0),
                                        .to_ticks = UINT64_MAX,
                                        .path = "/srv/shop/shop",
                                        .build_id = "00112233445566778899aabbccddeeff00112233"};

    check(trace_writer_module(w, &module), "trace_writer_module");
    symbol_put(w, CODE(MAIN), CODE(MAIN), "main", 10);
    symbol_put(w, CODE(SERVE), CODE(SERVE), "serve", 20);
    symbol_put(w, CODE(SERVE + 0x1b), CODE(SERVE), "serve", 22);
    symbol_put(w, CODE(PARSE), CODE(PARSE), "std::map<int, \"x\">::parse(char const*)", 0);
    symbol_put(w, CODE(FIB), CODE(FIB), "fib", 40);
}

void note_put(struct trace_writer *w, uint32_t kind, uint64_t ticks, const char *text)
{
    const struct trace_note note = {.kind = kind, .process = 1, .ticks = ticks, .text = text};

    check(trace_writer_note(w, &note), "trace_writer_note");
}
