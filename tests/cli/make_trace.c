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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace_shop.h"

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
    check(trace_stream_gaps(s, &gap, 1), "trace_stream_gaps");
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
