/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_trace KIND FILE [RECORDS]: writes a trace in which every tick is chosen, so that what the
 * command prints about it is known to the letter.
 *
 *     mix     two processes, three threads and one of everything
 *     whole   one thread, a few events, nothing lost
 *     empty   no process ever attached
 *     calls   RECORDS function events in one thread, for measuring
 *     heap    RECORDS memory events in two threads, for measuring
 *     cut     like mix, but the recording never ends
 *
 * Where it was recorded can be said in the environment: TRACE_HOST, TRACE_BOOT, TRACE_SESSION,
 * TRACE_CLOCK (the source); TRACE_RATE is how many picoseconds a tick takes, TRACE_LATER how many
 * nanoseconds later, by both clocks, it all was; TRACE_LAST declares the event types in another
 * order, so that the file numbers them otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_writer.h"

/* One tick is one nanosecond, and the recording starts at START. */
#define START         UINT64_C(1000000000)
#define AT_US(us)     (START + (uint64_t)(us)*1000)
#define REALTIME_NS   UINT64_C(1700000000000000000)
#define IMAGE         UINT64_C(1)
#define CODE(address) (UINT64_C(0x555500000000) + (address))
#define HEAP(address) (UINT64_C(0x7f0000000000) + (address))

static void check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "make_trace: %s: %s\n", what, strerror(-status));
    exit(1);
}

/* ---- event types ---- */

enum {
    ENTER = 8,
    EXIT,
    MALLOC,
    FREE,
    REALLOC,
    CALLOC,
    SCOPE_BEGIN,
    SCOPE_END,
    SPAN_BEGIN,
    SPAN_STEP,
    SPAN_END,
    KINDS,
    TEXT,
    FORMAT,
    COUNTER,
    BARE,
};

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

static void types_declare(struct trace_writer *w, uint64_t image)
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

static void put(uint64_t value, unsigned width)
{
    memcpy(payload + payload_size, &value, width);
    payload_size += width;
}

static void put_bytes(const char *bytes, size_t size)
{
    put(size, 4);
    memcpy(payload + payload_size, bytes, size);
    payload_size += size;
}

static void put_double(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put(bits, 8);
}

static void put_float(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put(bits, 4);
}

static void emit(struct trace_stream *s, uint16_t id, uint64_t ticks)
{
    check(trace_stream_record(s, id, ticks, payload, payload_size), "trace_stream_record");
    payload_size = 0;
}

/* `depth`: how far below main's, in 16-byte steps, the function's frame lies. */
static void enter(struct trace_stream *s, uint64_t ticks, uint64_t function, int depth)
{
    put(function, 6);
    put((uint64_t)(0x100 - depth) & 0xffff, 2);
    emit(s, ENTER, ticks);
}

static void leave(struct trace_stream *s, uint64_t ticks, uint64_t function)
{
    put(function, 6);
    emit(s, EXIT, ticks);
}

static void put_allocation(uint64_t size, uint64_t result, uint64_t caller, uint64_t duration)
{
    put(size, 6);
    put(result, 6);
    put(caller, 6);
    put(duration, 6);
}

static void allocate(struct trace_stream *s, uint64_t ticks, uint64_t size, uint64_t result,
                     uint64_t caller)
{
    put_allocation(size, result, caller, 50);
    emit(s, MALLOC, ticks);
}

static void release(struct trace_stream *s, uint64_t ticks, uint64_t address, uint64_t caller)
{
    put(address, 6);
    put(caller, 6);
    put(30, 6);
    emit(s, FREE, ticks);
}

static void resize(struct trace_stream *s, uint64_t ticks, uint64_t size, uint64_t old,
                   uint64_t result, uint64_t caller)
{
    put_allocation(size, result, caller, 400);
    put(old, 6);
    emit(s, REALLOC, ticks);
}

static void span(struct trace_stream *s, uint16_t id, uint64_t ticks, uint64_t number)
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

static struct trace_writer *writer_open(const char *path)
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

static void clock_put(struct trace_writer *w, uint64_t ticks)
{
    uint64_t ns = START + (ticks - START) * number_of("TRACE_RATE", 1000) / 1000 +
                  number_of("TRACE_LATER", 0);
    const struct trace_clock_pair pair = {.ticks = ticks,
                                          .monotonic_ns = ns,
                                          .realtime_ns = REALTIME_NS + (ns - START),
                                          .uncertainty_ns = 40};

    check(trace_writer_clock(w, &pair), "trace_writer_clock");
}

static void process_put(struct trace_writer *w, uint32_t number, uint32_t parent, uint32_t pid,
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

static void process_end(struct trace_writer *w, uint32_t number, uint64_t ticks, int status)
{
    const struct trace_process_end end = {.process = number, .end_ticks = ticks, .status = status};

    check(trace_writer_process_end(w, &end), "trace_writer_process_end");
}

static struct trace_stream *thread_open(struct trace_writer *w, uint32_t number, uint32_t process,
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
static void thread_close(struct trace_writer *w, struct trace_stream *stream, uint32_t number,
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

enum { MAIN = 0x1000, SERVE = 0x1100, PARSE = 0x1200, FIB = 0x1300, UNNAMED = 0x1400 };

static void symbols_put(struct trace_writer *w)
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

static void note_put(struct trace_writer *w, uint32_t kind, uint64_t ticks, const char *text)
{
    const struct trace_note note = {.kind = kind, .process = 1, .ticks = ticks, .text = text};

    check(trace_writer_note(w, &note), "trace_writer_note");
}

/* ---- kinds of traces ---- */

/* Calls with recursion, an inlined one, one left by longjmp, and all that happens in between. */
static void main_thread_fill(struct trace_stream *s)
{
    enter(s, AT_US(10), CODE(MAIN), 0);
    allocate(s, AT_US(20), 100, HEAP(0x10), CODE(SERVE + 0x1b));
    enter(s, AT_US(30), CODE(SERVE), 4);
    emit(s, SCOPE_BEGIN, AT_US(40));
    enter(s, AT_US(50), CODE(FIB), 8);
    enter(s, AT_US(60), CODE(FIB), 12);
    leave(s, AT_US(70), CODE(FIB));
    leave(s, AT_US(80), CODE(FIB));
    span(s, SPAN_BEGIN, AT_US(85), 7);
    emit(s, SCOPE_END, AT_US(90));
    enter(s, AT_US(100), CODE(UNNAMED), 4); /* inlined into serve */
    leave(s, AT_US(110), CODE(UNNAMED));
    enter(s, AT_US(120), CODE(PARSE), 9); /* left by longjmp into main, as is serve */
    enter(s, AT_US(140), CODE(FIB), 2);
    leave(s, AT_US(150), CODE(FIB));
    resize(s, AT_US(200), 300, HEAP(0x10), HEAP(0x200), CODE(SERVE + 0x1b));
    leave(s, AT_US(900), CODE(MAIN));
}

static void kinds_put(struct trace_stream *s, uint64_t ticks, int colour, double real)
{
    put(255, 1);
    put(UINT64_MAX, 8);
    put(0xfffffe, 3);
    put((uint64_t)INT64_MIN, 8);
    put(1, 1);
    put(HEAP(0xbeef), 8);
    put((uint64_t)colour, 4);
    put_float(0.1f);
    put_double(real);
    put(1, 2);
    put((uint64_t)-2, 2);
    put(3, 2);
    emit(s, KINDS, ticks);
}

static void worker_fill(struct trace_stream *s)
{
    static const char odd[] = "tab\t\"quote\" \xff\xc3\xa9 \x1b[31m, end";
    const struct trace_gap gap = {.thread = 2,
                                  .kind = TRACE_GAP_DROPPED,
                                  .first_ticks = AT_US(410),
                                  .last_ticks = AT_US(490),
                                  .records = 12,
                                  .bytes = 288};

    kinds_put(s, AT_US(300), -1, 1.5);
    kinds_put(s, AT_US(310), 2, __builtin_nan(""));
    kinds_put(s, AT_US(320), 3, -__builtin_inf());
    put_bytes(odd, sizeof(odd) - 1);
    put_bytes("\x00\x01\xfe", 3);
    emit(s, TEXT, AT_US(330));
    put(42, 4);
    put_double(33.25);
    put_bytes("tea", 3);
    emit(s, FORMAT, AT_US(340));
    put((uint64_t)-5, 8);
    emit(s, COUNTER, AT_US(350));
    span(s, SPAN_STEP, AT_US(360), 7);
    put_allocation(4096, HEAP(0x1000), CODE(UNNAMED), 80);
    put(8, 6);
    emit(s, CALLOC, AT_US(370));
    put_allocation(UINT64_C(1) << 40, 0, CODE(UNNAMED), 20);
    emit(s, MALLOC, AT_US(380));
    allocate(s, AT_US(400), 64, HEAP(0x300), 0);
    check(trace_stream_gap(s, &gap), "trace_stream_gap");
    release(s, AT_US(500), HEAP(0x200), CODE(UNNAMED)); /* of the other thread */
    release(s, AT_US(510), HEAP(0xdead), CODE(UNNAMED));
    span(s, SPAN_END, AT_US(520), 7);
    span(s, SPAN_END, AT_US(530), 8);
}

static void child_fill(struct trace_stream *s)
{
    emit(s, BARE, AT_US(600));
    enter(s, AT_US(610), CODE(FIB), 0);
    leave(s, AT_US(640), CODE(FIB));
    allocate(s, AT_US(650), 10, HEAP(0x10), CODE(SERVE + 0x1b));
}

static struct trace_writer *mix_write(const char *path)
{
    struct trace_writer *w = writer_open(path);
    struct trace_stream *main_thread, *worker, *child;

    clock_put(w, START);
    process_put(w, 1, TRACE_PROCESS_NONE, 4242, START);
    types_declare(w, IMAGE);
    symbols_put(w);
    main_thread = thread_open(w, 1, 1, 4242, START, "shop");
    main_thread_fill(main_thread);
    worker = thread_open(w, 2, 1, 4243, AT_US(250), "wor\033ker \"1\"");
    worker_fill(worker);
    process_put(w, 2, 1, 4300, AT_US(590));
    child = thread_open(w, 3, 2, 4300, AT_US(590), "shop");
    child_fill(child);
    thread_close(w, main_thread, 1, 0);
    thread_close(w, worker, 2, 12);
    thread_close(w, child, 3, 0);
    note_put(w, TRACE_NOTE_UNTRACED, AT_US(700), "/bin/static: statically linked");
    return w;
}

static struct trace_writer *mix_finish(struct trace_writer *w)
{
    process_end(w, 2, AT_US(700), 9);
    process_end(w, 1, AT_US(1000), 3 << 8);
    clock_put(w, AT_US(1000));
    return w;
}

static struct trace_writer *whole_write(const char *path)
{
    struct trace_writer *w = writer_open(path);
    struct trace_stream *s;

    clock_put(w, START);
    process_put(w, 1, TRACE_PROCESS_NONE, 4242, START);
    types_declare(w, IMAGE);
    symbols_put(w);
    s = thread_open(w, 1, 1, 4242, START, "shop");
    main_thread_fill(s);
    thread_close(w, s, 1, 0);
    process_end(w, 1, AT_US(1000), 0);
    clock_put(w, AT_US(1000));
    return w;
}

static struct trace_writer *empty_write(const char *path)
{
    struct trace_writer *w = writer_open(path);

    clock_put(w, START);
    clock_put(w, AT_US(1000));
    return w;
}

/* A tree of calls as fib makes it, with a function of three in turn at every level. */
static struct trace_writer *calls_write(const char *path, uint64_t records)
{
    struct trace_writer *w = writer_open(path);
    uint64_t ticks = START, random = 1;
    struct trace_stream *s;
    int depth = 0;

    clock_put(w, START);
    process_put(w, 1, TRACE_PROCESS_NONE, 4242, START);
    types_declare(w, IMAGE);
    symbols_put(w);
    s = thread_open(w, 1, 1, 4242, START, "shop");
    for (uint64_t n = 0; n < records; n++) {
        static uint64_t open[64];
        uint64_t function;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ticks += 10 + (random >> 60);
        if (depth < 2 || (depth < 60 && random >> 63)) {
            function = CODE(MAIN + 0x100 * (random >> 33 & 3));
            open[depth++] = function;
            enter(s, ticks, function, 3 * depth);
        } else {
            leave(s, ticks, open[--depth]);
        }
    }
    thread_close(w, s, 1, 0);
    process_end(w, 1, ticks, 0);
    clock_put(w, ticks + 1);
    return w;
}

/* Two threads allocate; each frees what the other has allocated. */
static struct trace_writer *heap_write(const char *path, uint64_t records)
{
    struct trace_writer *w = writer_open(path);
    struct trace_stream *s[2];
    uint64_t ticks = START;

    clock_put(w, START);
    process_put(w, 1, TRACE_PROCESS_NONE, 4242, START);
    types_declare(w, IMAGE);
    symbols_put(w);
    s[0] = thread_open(w, 1, 1, 4242, START, "even");
    s[1] = thread_open(w, 2, 1, 4243, START, "odd");
    for (uint64_t n = 0; n < records; n++) {
        uint64_t pair = n / 2, address = HEAP(0x10 * (pair % 100000));

        ticks += 100;
        if (n % 2 == 0)
            allocate(s[pair % 2], ticks, 16 + pair % 512, address, CODE(SERVE + 0x1b));
        else
            release(s[(pair + 1) % 2], ticks, address, CODE(MAIN));
    }
    thread_close(w, s[0], 1, 0);
    thread_close(w, s[1], 2, 0);
    process_end(w, 1, ticks, 0);
    clock_put(w, ticks + 1);
    return w;
}

int main(int argc, char **argv)
{
    const char *kind = argc > 2 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
    uint64_t records = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
    struct trace_writer *w;

    if (strcmp(kind, "mix") == 0) {
        w = mix_finish(mix_write(path));
    } else if (strcmp(kind, "whole") == 0) {
        w = whole_write(path);
    } else if (strcmp(kind, "empty") == 0) {
        w = empty_write(path);
    } else if (strcmp(kind, "calls") == 0) {
        w = calls_write(path, records);
    } else if (strcmp(kind, "heap") == 0) {
        w = heap_write(path, records);
    } else if (strcmp(kind, "cut") == 0) {
        w = mix_write(path);
        check(trace_writer_flush(w), "trace_writer_flush");
        _exit(0);
    } else {
        fputs("usage: make_trace mix|whole|empty|cut|calls|heap FILE [RECORDS]\n", stderr);
        return 2;
    }
    check(trace_writer_close(w), "trace_writer_close");
    return 0;
}
