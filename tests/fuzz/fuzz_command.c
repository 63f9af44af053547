/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole file, sealed (trace_seal.h), through the commands that read files: what they print is
 * what its format promises, and tells as many events as there are. Then through what
 * cut, merge, recover and replay write, which has to be readable whatever it was made of, and of a
 * sound file holds its events. What stands behind a second START block is another file, to be
 * merged with the first; without any, the first is merged with itself as another recording. The
 * last byte says which of the reading commands, and what is made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/option_parse.h"
#include "copy_check.h"
#include "format/block_header.h"
#include "format/trace_copy.h"
#include "fuzz_target.h"
#include "output_check.h"
#include "trace_seal.h"

enum { RECORDS_MAX = 1 << 13, WORDS_MAX = 8, KIND_AT = 18, SALT = 0x5a17 };

/* What the lines, or values, or records that a command prints are as many as. */
enum counted { COUNT_NOTHING, COUNT_ALL, COUNT_HEADED, COUNT_SOME, COUNT_SUMS };

static const struct {
    const struct command *command;
    enum output_kind kind;
    enum counted counted;
    const char *words[WORDS_MAX]; /* before the file's name */
} lines[] = {
    {&command_decode, OUTPUT_TEXT, COUNT_ALL, {"-j", "1"}},
    {&command_decode, OUTPUT_JSON_LINES, COUNT_ALL, {"-j", "1", "-F", "json"}},
    {&command_decode, OUTPUT_CSV, COUNT_HEADED, {"-j", "1", "-F", "csv"}},
    {&command_decode,
     OUTPUT_TEXT,
     COUNT_SOME,
     {"-j", "1", "-w", "price > 3 || function == 'main' && duration > 1us"}},
    {&command_report, OUTPUT_TEXT, COUNT_NOTHING, {"-j", "1"}},
    {&command_report, OUTPUT_JSON, COUNT_SUMS, {"-j", "1", "-F", "json"}},
    {&command_info, OUTPUT_TEXT, COUNT_NOTHING, {"-v"}},
    {&command_info, OUTPUT_JSON, COUNT_NOTHING, {"-F", "json"}},
    {&command_verify, OUTPUT_JSON, COUNT_NOTHING, {"-F", "json"}},
};

/* ---- the reading commands ---- */

/* Nothing, if it cannot be opened. */
static bool sum_of(const char *path, struct trace_sum *sum)
{
    struct trace_error error;
    struct trace *trace;

    if (trace_open(&trace, path, &error) != 0)
        return false;
    trace_sum_make(trace, NULL, NULL, sum);
    trace_close(trace);
    return true;
}

static int command_run(size_t n, const char *path)
{
    const struct command *command = lines[n].command;
    char *words[WORDS_MAX + 1], *own[WORDS_MAX + 1]; /* the parser puts its own in another order */
    struct option_line line = {.rows = command->options, .words = words};
    int status;

    for (; lines[n].words[line.count]; line.count++)
        own[line.count] = strdup(lines[n].words[line.count]);
    own[line.count++] = strdup(path);
    for (int i = 0; i < line.count; i++)
        FUZZ_CHECK((words[i] = own[i]));
    line.settings = calloc(1, command->settings_bytes + 1);
    FUZZ_CHECK(line.settings);
    if (command->defaults)
        memcpy(line.settings, command->defaults, command->settings_bytes);
    FUZZ_CHECK(option_line_parse(&line) == 0);
    status = command->run(line.settings, line.operand_count, line.words);
    free(line.settings);
    for (int i = 0; i < line.count; i++)
        free(own[i]);
    return status;
}

static void count_check(enum counted counted, uint64_t printed, const char *path)
{
    struct trace_sum sum;
    uint64_t all;

    if (counted == COUNT_NOTHING || printed == UINT64_MAX || !sum_of(path, &sum))
        return;
    all = sum.events + sum.gaps;
    switch (counted) {
    case COUNT_ALL:
        FUZZ_CHECK(printed == all);
        break;
    case COUNT_HEADED:
        FUZZ_CHECK(printed == all + 1);
        break;
    case COUNT_SOME:
        FUZZ_CHECK(printed <= all);
        break;
    default:
        FUZZ_CHECK(output_sum("\"event_types\": [", "\"threads\": [", "\"count\": ") == sum.events);
        FUZZ_CHECK(output_sum("\"threads\": [", "\"memory\": {", "\"events\": ") == sum.events);
        break;
    }
}

static void line_run(size_t n, const char *path)
{
    int status;

    output_clear();
    status = command_run(n, path);
    FUZZ_CHECK(status == 0 || status == 1 || status == 3);
    if (status == 0 || lines[n].command == &command_verify)
        count_check(lines[n].counted, output_check(lines[n].kind), path);
    output_clear();
}

/* ---- cut and merge ---- */

/* A copy that was made can be read to its end. Blocks that are kept are not unpacked: what is
 * malformed in one of the input's is so in the copy's, and where ledgers lie, they do. */
static void copy_read(int fd, const struct trace_verdict *at_worst, struct trace_sum *sum)
{
    struct trace_condition condition;
    struct trace_verdict verdict = {0};
    struct trace_error error;
    struct trace *trace;
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    trace_verdict_make(path, &verdict);
    FUZZ_CHECK(at_worst->damaged || (!verdict.damaged && verdict.untrue <= at_worst->untrue &&
                                     verdict.lossy <= at_worst->lossy));
    FUZZ_CHECK(trace_open(&trace, path, &error) == 0);
    trace_sum_make(trace, NULL, NULL, sum);
    trace_condition(trace, &condition);
    FUZZ_CHECK(condition.ended);
    trace_close(trace);
}

static int copy_begin(int *writing)
{
    int fd = memfd_create("copy", MFD_CLOEXEC);

    *writing = dup(fd); /* which the copier closes */
    FUZZ_CHECK(fd >= 0 && *writing >= 0);
    return fd;
}

/* Of what is sound, a slice holds just the events that were asked for, at the same times: which is
 * later where a thread goes back. */
static void cut_try(const char *path, struct trace *trace, const struct trace_cut *cut)
{
    struct trace_copy_figures figures;
    struct trace_error error;
    struct trace_verdict verdict = {0};
    struct trace_sum of, made;
    int writing, fd = copy_begin(&writing);

    if (trace_cut(trace, cut, writing, NULL, &figures, &error) == 0) {
        trace_verdict_make(path, &verdict);
        copy_read(fd, &verdict, &made);
        trace_sum_make(trace, &cut->filter, cut->process, &of);
        if (of.is_sound)
            FUZZ_CHECK(made.is_sound && made.events == of.events &&
                       (made.timed_hashes == of.timed_hashes || verdict.goes_back));
        if (of.is_sound && !cut->filter.events)
            FUZZ_CHECK(made.missing == of.missing);
    }
    close(fd);
}

static const struct trace_cut copies[] = {
    {.filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}},
    {.filter = {.from_ns = 2000, .to_ns = 30000, .events = "s*"}, .process = "shop", .origin = "x"},
    {.filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}, .origin = "x", .recovers = true},
    {.filter = {.from_ns = 150, .to_ns = 2200}, .origin = "x"},
};
enum { COPY_ALL, COPY_PART, COPY_RECOVERED, COPY_MIDDLE, COPY_MERGED, COPY_JOINED, COPIES };

static bool is_session(const struct trace *a, const struct trace *b)
{
    const char *session = trace_recording(a)->session;

    return *session && strcmp(session, trace_recording(b)->session) == 0;
}

/* What both have comes once, whatever has it twice by itself. `is_slice`: the one is part of the
 * other, or the same. */
static void session_check(const struct trace_sum *of, const struct trace_verdict *verdict,
                          const struct trace_sum *made, bool is_slice)
{
    const struct trace_sum *whole = of[0].events > of[1].events ? &of[0] : &of[1];

    FUZZ_CHECK(made->events <= of[0].events + of[1].events);
    if (verdict->goes_back)
        return;
    FUZZ_CHECK(made->events >= whole->events);
    if (is_slice)
        FUZZ_CHECK(made->events == whole->events && made->hashes == whole->hashes);
}

/* What two files of one session have comes once, of all others everything; nothing else comes. */
static void merge_check(struct trace *const *traces, const struct trace_verdict *verdict,
                        bool is_slice, int fd)
{
    struct trace_sum of[2], made;

    copy_read(fd, verdict, &made);
    trace_sum_make(traces[0], NULL, NULL, &of[0]);
    trace_sum_make(traces[1], NULL, NULL, &of[1]);
    if (!of[0].is_sound || !of[1].is_sound)
        return; /* the one may also describe what the other does not */
    if (is_session(traces[0], traces[1]))
        session_check(of, verdict, &made, is_slice);
    else
        FUZZ_CHECK(made.events == of[0].events + of[1].events &&
                   made.hashes == of[0].hashes + of[1].hashes);
    FUZZ_CHECK(made.is_sound);
}

static void merge_try(const char *path, const char *other, bool is_slice)
{
    const char *const names[] = {"a", "b"};
    struct trace_verdict verdict = {0};
    struct trace_copy_figures figures;
    struct trace *traces[2];
    struct trace_error error;
    int writing, fd;

    if (trace_open(&traces[0], path, &error) != 0)
        return;
    if (trace_open(&traces[1], other, &error) == 0) {
        fd = copy_begin(&writing);
        trace_verdict_make(path, &verdict);
        trace_verdict_make(other, &verdict);
        if (trace_merge(traces, names, 2, writing, 1, NULL, &figures, &error) == 0)
            merge_check(traces, &verdict, is_slice, fd);
        close(fd);
        trace_close(traces[1]);
    }
    trace_close(traces[0]);
}

/* With a slice of itself: the same records in other blocks. */
static void join_try(struct trace *trace, const char *path)
{
    struct trace_copy_figures figures;
    struct trace_error error;
    char slice[64];
    int writing, fd = copy_begin(&writing);

    snprintf(slice, sizeof(slice), "/proc/self/fd/%d", fd);
    if (trace_cut(trace, &copies[COPY_MIDDLE], writing, NULL, &figures, &error) == 0) {
        merge_try(path, slice, true);
        merge_try(slice, path, true);
    }
    close(fd);
}

/* As replay writes its trace: with the names of another. */
static void named_try(const char *path, struct trace *trace)
{
    struct trace_cut named = copies[COPY_ALL];
    struct trace_error error;
    struct trace *names;

    FUZZ_CHECK(trace_open(&names, path, &error) == 0);
    named.names_of = names;
    named.origin = "x";
    cut_try(path, trace, &named);
    trace_close(names);
}

static void copies_try(const char *path, const char *other, bool is_same, unsigned which)
{
    struct trace_error error;
    struct trace *trace;

    which %= COPIES;
    if (which == COPY_MERGED) {
        merge_try(path, other, is_same);
        return;
    }
    if (trace_open(&trace, path, &error) != 0)
        return;
    if (which == COPY_JOINED)
        join_try(trace, path);
    else
        cut_try(path, trace, &copies[which]);
    if (which == COPY_RECOVERED)
        named_try(path, trace);
    trace_close(trace);
}

/* ---- inputs ---- */

int LLVMFuzzerInitialize(int *count, char ***words)
{
    (void)count;
    (void)words;
    output_capture();
    return 0;
}

/* Where the second file begins; `size`: there is none. */
static size_t second_find(const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (size - at >= BLOCK_HEADER_BYTES) {
        if (at && bytes[at + KIND_AT] == BLOCK_START)
            return at;
        at += BLOCK_HEADER_BYTES;
        at += block_header_search(bytes + at, size - at);
    }
    return size;
}

static void input_run(const uint8_t *bytes, size_t size, unsigned which)
{
    size_t second = second_find(bytes, size);
    struct trace_sealed sealed, other;
    const char *path;

    trace_seal(bytes, second, 0, &sealed);
    if (second == size)
        second = 0; /* itself, as another recording */
    trace_seal(bytes + second, size - second, SALT, &other);
    if (sealed.records <= RECORDS_MAX && other.records <= RECORDS_MAX) {
        path = fuzz_file(0, sealed.file.bytes, sealed.file.size);
        line_run(which % (sizeof(lines) / sizeof(*lines)), path);
        copies_try(path, fuzz_file(1, other.file.bytes, other.file.size), second == 0, which / 16);
    }
    byte_buffer_free(&sealed.file);
    byte_buffer_free(&other.file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size)
        input_run(bytes, size - 1, bytes[size - 1]);
    return 0;
}
