/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_golden KIND FILE [NUMBER]: writes one of the traces that stand in golden/, so that a file
 * holds one feature of the format in all its forms.
 *
 *     fields      every kind of field in every width, arrays, labels, odd strings, all phases
 *     encodings   columns of every encoding
 *     gaps        every kind of gap in every place, blocks of gaps only
 *     processes   forks, exec, reused ids, renamed threads, modules, symbols, notes, ledgers
 *     clock       a clock that runs at three speeds, once backwards, and events around its pairs
 *     cut         a recorder that was killed: no index, no end
 *     session     what the first item was given later: machine's start and session
 *
 * Everything in them is chosen, so that they come out the same byte by byte, on any machine. NUMBER
 * (hexadecimal) is the one that a writer picks at random.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden_frame.h"

/* ---- encodings ---- */

/* What the writer makes of a column depends on how its values are spread. */
static void encodings_write(void)
{
    static const struct ada_field fields[] = {
        FIELD("constant", UNSIGNED, 8, 1), FIELD("one_byte", UNSIGNED, 8, 1),
        FIELD("noise", UNSIGNED, 8, 1),    FIELD("rising", UNSIGNED, 8, 1),
        FIELD("falling", UNSIGNED, 3, 1),  FIELD("few", UNSIGNED, 8, 1),
        FIELD("many", UNSIGNED, 8, 1),     FIELD("unlike", STRING, 0, 1),
        FIELD("word", STRING, 0, 1),       FIELD("name", STRING, 0, 1)};
    struct trace_stream *stream = frame_put();
    uint64_t rising = 0, few[7], many[340];

    simple_type_put(1, FIRST_ID, "first", fields, LENGTH(fields));
    simple_type_put(1, FIRST_ID + 1, "second", fields, LENGTH(fields));
    for (size_t i = 0; i < LENGTH(few); i++)
        few[i] = random_next();
    for (size_t i = 0; i < LENGTH(many); i++)
        many[i] = random_next();
    for (unsigned n = 0; n < 800; n++) {
        char text[32];

        rising += 1000 + random_next() % 200;
        put(UINT64_C(0x0123456789abcdef), 8);
        put(0x4200 + random_next() % 200, 8);
        put(random_next(), 8);
        put(UINT64_C(0xffffffffffff0000) + rising, 8); /* passes zero */
        put(0x300 - 3 * n, 3);
        put(few[random_next() % LENGTH(few)], 8);
        put(many[n % 2 == 0 ? 0 : n / 2 % LENGTH(many)], 8);
        put_bytes(text, (size_t)snprintf(text, sizeof(text), "%06x", (unsigned)random_next() >> 8));
        put_bytes(n % 2 == 0 ? "apple" : "pear", n % 2 == 0 ? 5 : 4);
        put_bytes(text,
                  (size_t)snprintf(text, sizeof(text), "name %u", n % 2 == 0 ? 0 : n / 2 % 340));
        emit(stream, (uint16_t)(FIRST_ID + (n % 5 == 0)), SECOND + rising);
    }
    clock_put(2 * (uint64_t)SECOND, 2 * (uint64_t)SECOND);
}

/* ---- gaps ---- */

static void gap_put(struct trace_stream *stream, uint32_t kind, uint64_t first, uint64_t last,
                    uint64_t records)
{
    const struct trace_gap gap = {.thread = 1,
                                  .kind = kind,
                                  .first_ticks = first,
                                  .last_ticks = last,
                                  .records = records,
                                  .bytes = 24 * records};

    check(trace_stream_gaps(stream, &gap, 1), "trace_stream_gaps");
}

static void gaps_write(void)
{
    struct trace_stream *stream = frame_put();
    uint64_t at = SECOND;

    simple_type_put(1, FIRST_ID, "bare", NULL, 0);
    gap_put(stream, TRACE_GAP_DROPPED, at + 1, at + 2, 10); /* before everything */
    emit(stream, FIRST_ID, at + 10);
    gap_put(stream, TRACE_GAP_DROPPED, at + 11, at + 12, 1); /* three in one place */
    gap_put(stream, TRACE_GAP_OVERWRITTEN, at + 13, at + 14, 2);
    gap_put(stream, TRACE_GAP_DAMAGED, at + 15, at + 15, 3);
    emit(stream, FIRST_ID, at + 20);
    emit(stream, FIRST_ID, at + 20); /* at one time */
    gap_put(stream, TRACE_GAP_DROPPED, at + 20, at + 20, UINT64_C(1) << 40);
    emit(stream, FIRST_ID, at + 20);
    check(trace_stream_flush(stream), "trace_stream_flush");
    gap_put(stream, TRACE_GAP_OVERWRITTEN, at + 30, at + 40, 5); /* blocks of gaps only */
    check(trace_stream_flush(stream), "trace_stream_flush");
    gap_put(stream, TRACE_GAP_DAMAGED, at + 41, at + 42, 6);
    check(trace_stream_flush(stream), "trace_stream_flush");
    emit(stream, FIRST_ID, at + 50);
    gap_put(stream, TRACE_GAP_DROPPED, at + 60, at + 70, 7); /* after everything */
    ledger_put(1, trace_stream_stored(stream), 18);
    clock_put(2 * (uint64_t)SECOND, 2 * (uint64_t)SECOND);
}

/* ---- processes ---- */

static void module_put(uint32_t number, uint32_t process, uint64_t from, uint64_t to,
                       const char *path)
{
    const struct trace_module module = {.module = number,
                                        .process = process,
                                        .base = 0x10000,
                                        .end = 0x20000,
                                        .bias = 0x8000,
                                        .from_ticks = from,
                                        .to_ticks = to,
                                        .path = path,
                                        .build_id = "0123456789abcdef"};

    check(trace_writer_module(writer, &module), "trace_writer_module");
}

static void symbol_put(uint32_t process, uint64_t address, uint64_t start, const char *name)
{
    const struct trace_symbol symbol = {.process = process,
                                        .module = process,
                                        .address = address,
                                        .start = start,
                                        .to_ticks = UINT64_MAX,
                                        .name = name,
                                        .file = "one.c",
                                        .line = 12};

    check(trace_writer_symbol(writer, &symbol), "trace_writer_symbol");
}

static void process_end_put(uint32_t number, int status)
{
    const struct trace_process_end end = {
        .process = number, .end_ticks = SECOND + 900 + number, .status = status};

    check(trace_writer_process_end(writer, &end), "trace_writer_process_end");
}

static void note_put(uint32_t kind, uint32_t process, const char *text)
{
    const struct trace_note note = {
        .kind = kind, .process = process, .ticks = SECOND + kind, .text = text};

    check(trace_writer_note(writer, &note), "trace_writer_note");
}

/* 2 is a fork of 1; 3 has the pid of 1 after exec; types of both images share one id and differ. */
static void processes_write(void)
{
    static const struct ada_field where[] = {FIELD("where", CODE, 8, 1)};
    struct trace_stream *streams[6];

    clock_put(SECOND, SECOND);
    process_put(1, TRACE_PROCESS_NONE, 4711, 1);
    process_put(2, 1, 4712, 1);
    process_put(3, TRACE_PROCESS_NONE, 4711, 2);
    module_put(1, 1, 0, SECOND + 200, "/lib/early module.so");
    module_put(2, 2, SECOND + 200, UINT64_MAX, "/lib/late.so");
    module_put(3, 3, 0, UINT64_MAX, "/bin/two");
    simple_type_put(1, FIRST_ID, "of one", where, 1);
    simple_type_put(2, FIRST_ID, "of two", where, 1);
    simple_type_put(2, FIRST_ID + 1, "bare", NULL, 0);
    for (uint32_t thread = 1; thread <= 5; thread++) {
        thread_put(thread, (thread + 1) / 2, thread == 4 ? 4712 : 4710 + thread, "before");
        streams[thread] = stream_open(thread);
    }
    for (uint64_t n = 0; n < 60; n++) {
        const uint32_t thread = (uint32_t)(n * 7 % 5 + 1);

        put(0x10000 + 0x40 * (n % 7), 8);
        emit(streams[thread], FIRST_ID, SECOND + 10 * (n / 2)); /* pairs at one time */
    }
    emit(streams[5], FIRST_ID + 1, SECOND + 900);
    thread_put(2, 1, 4712,
               "af\xff"
               "ter");
    symbol_put(1, 0x10000, 0x10000, "main");
    symbol_put(2, 0x10040, 0x10010, "void f<int>(char const*)");
    symbol_put(3, 0x10080, 0, "");
    symbol_put(3, 0x100c0, 0x10000, "main of two");
    for (uint32_t thread = 1; thread <= 4; thread++)
        ledger_put(thread, trace_stream_stored(streams[thread]), thread);
    ledger_put(1, trace_stream_stored(streams[1]), 100); /* the newest one counts */
    process_end_put(1, 3 << 8);
    process_end_put(2, 11);
    note_put(TRACE_NOTE_INFO, TRACE_PROCESS_NONE, "for your information");
    note_put(TRACE_NOTE_WARNING, 1, "two\nlines");
    note_put(TRACE_NOTE_UNTRACED, 2, "/bin/static: statically linked");
    clock_put(2 * (uint64_t)SECOND, 2 * (uint64_t)SECOND);
}

/* ---- clock ---- */

static void clock_write(void)
{
    static const struct ada_field took[] = {FIELD("took", DURATION, 8, 1)};
    struct trace_stream *stream;

    clock_put(SECOND, 5000000);
    process_put(1, TRACE_PROCESS_NONE, 4711, 1);
    thread_put(1, 1, 4711, "only");
    simple_type_put(1, FIRST_ID, "took", took, 1);
    stream = stream_open(1);
    for (uint64_t n = 0; n < 120; n++) {
        put(n < 60 ? n : random_next() >> 24, 8);
        emit(stream, FIRST_ID, SECOND - 500 + 37 * n);
    }
    clock_put(SECOND + 3000, 5001500);
    clock_put(SECOND + 1000, 5000333); /* out of order */
    clock_put(SECOND + 2000, 5000200); /* backwards: left out */
    clock_put(SECOND + 2500, 5001007);
    clock_put(SECOND + 2500, 5001008); /* no time between: left out */
}

/* ---- the command ---- */

static void cut_write(void)
{
    static const struct ada_field fields[] = {FIELD("n", UNSIGNED, 4, 1),
                                              FIELD("text", STRING, 0, 1)};
    struct trace_stream *stream = frame_put();

    simple_type_put(1, FIRST_ID, "step", fields, LENGTH(fields));
    for (uint64_t n = 0; n < 60; n++) {
        put(n, 4);
        put_bytes("so far", 6);
        emit(stream, FIRST_ID, SECOND + n);
    }
    check(trace_writer_flush(writer), "trace_writer_flush");
    _exit(0);
}

/* Every other item is among those of the other kinds. */
static void session_write(void)
{
    struct trace_stream *stream = frame_put();

    simple_type_put(1, FIRST_ID, "bare", NULL, 0);
    emit(stream, FIRST_ID, SECOND + 1);
    clock_put(2 * (uint64_t)SECOND, 2 * (uint64_t)SECOND);
}

static const struct kind {
    const char *name;
    void (*write)(void);
    struct trace_writer_options options;
} kinds[] = {
    {"fields", fields_write, {.level = 19}},
    {"encodings", encodings_write, {.level = 3}},
    {"gaps", gaps_write, {.level = 0}},
    {"processes", processes_write, {.level = 1, .block_records = 4}},
    {"clock", clock_write, {.level = -5}},
    {"cut", cut_write, {.level = 1, .block_records = 25}},
    {"session", session_write, {.level = 1}},
};

static struct trace_recording recording = {.adatrace_version = "0.1.0",
                                           .host = "golden",
                                           .kernel = "Linux 6.1.0 x86_64",
                                           .cpu = "",
                                           .command = "one --more 'than this'",
                                           .directory = "/tmp",
                                           .clock_source = "monotonic",
                                           .cpu_count = 2,
                                           .page_bytes = 4096,
                                           .ticks_per_second = SECOND,
                                           .policy = "overwrite"};

int main(int argc, char **argv)
{
    if (argc == 4)
        recording_number = (uint32_t)strtoul(argv[--argc], NULL, 16);
    if (argc == 3 && strcmp(argv[1], "session") == 0) {
        recording.boot_id = "01234567-89ab-cdef-0123-456789abcdef";
        recording.session = "0123456789abcdef";
        recording.policy = "flight, 1M";
    }
    for (size_t i = 0; argc == 3 && i < LENGTH(kinds); i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

            check(fd < 0 ? -errno : 0, argv[2]);
            check(trace_writer_open(&writer, fd, &kinds[i].options, &recording), "open");
            kinds[i].write();
            check(trace_writer_close(writer), "trace_writer_close");
            return 0;
        }
    }
    fputs("usage: make_golden fields|encodings|gaps|processes|clock|cut|session FILE [NUMBER]\n",
          stderr);
    return 2;
}
