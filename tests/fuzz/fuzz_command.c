/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole file, sealed (trace_seal.h), through the commands that read files, with what they print
 * thrown away; and through what cut, merge, recover and replay write, which has to be readable
 * whatever it was made of. The last byte says which of the reading commands, and which of those.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/option_parse.h"
#include "format/trace_copy.h"
#include "fuzz_target.h"
#include "trace_seal.h"

enum { RECORDS_MAX = 1 << 13, WORDS_MAX = 8 };

static const struct {
    const struct command *command;
    const char *words[WORDS_MAX]; /* before the file's name */
} lines[] = {
    {&command_decode, {"-j", "1"}},
    {&command_decode, {"-j", "1", "-F", "json"}},
    {&command_decode, {"-j", "1", "-F", "csv"}},
    {&command_decode, {"-j", "1", "-w", "price > 3 || function == 'main' && duration > 1us"}},
    {&command_report, {"-j", "1"}},
    {&command_report, {"-j", "1", "-F", "json"}},
    {&command_info, {"-v"}},
    {&command_info, {"-F", "json"}},
    {&command_verify, {"-F", "json"}},
};

static void line_run(size_t n, const char *path)
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
    FUZZ_CHECK(status == 0 || status == 1 || status == 3);
    free(line.settings);
    for (int i = 0; i < line.count; i++)
        free(own[i]);
}

/* ---- cut and merge ---- */

/* A copy that was made can be read to its end. Blocks that are kept are not unpacked: what is
 * malformed in one of the input's is so in the copy's, and where ledgers lie, they do. */
static void copy_check(int status, int fd)
{
    struct trace_condition condition;
    struct trace_cursor *cursor;
    struct trace_event event;
    struct trace_error error;
    struct trace *trace;
    char path[64];
    int got;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (status == 0) {
        FUZZ_CHECK(trace_open(&trace, path, &error) == 0);
        FUZZ_CHECK(trace_cursor_open(trace, NULL, &cursor) == 0);
        while ((got = trace_cursor_next(cursor, &event)) == 1)
            ;
        trace_condition(trace, &condition);
        FUZZ_CHECK(got == 0 && condition.ended);
        trace_cursor_close(cursor);
        trace_close(trace);
    }
    close(fd);
}

static int copy_begin(int *writing)
{
    int fd = memfd_create("copy", MFD_CLOEXEC);

    *writing = dup(fd); /* which the copier closes */
    FUZZ_CHECK(fd >= 0 && *writing >= 0);
    return fd;
}

static void cut_try(struct trace *trace, const struct trace_cut *cut)
{
    struct trace_copy_figures figures;
    struct trace_error error;
    int writing, fd = copy_begin(&writing);

    copy_check(trace_cut(trace, cut, writing, NULL, &figures, &error), fd);
}

static const struct trace_cut copies[] = {
    {.filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}},
    {.filter = {.from_ns = 2000, .to_ns = 30000, .events = "s*"}, .process = "shop", .origin = "x"},
    {.filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}, .origin = "x", .recovers = true},
    {.filter = {.from_ns = 150, .to_ns = 2200}, .origin = "x"},
};
enum { COPY_ALL, COPY_PART, COPY_RECOVERED, COPY_MIDDLE, COPY_MERGED, COPY_JOINED, COPIES };

static void merge_try(const char *path, const char *other)
{
    const char *const names[] = {"a", "b"};
    struct trace_copy_figures figures;
    struct trace *traces[2];
    struct trace_error error;
    int writing, fd;

    if (trace_open(&traces[0], path, &error) != 0)
        return;
    FUZZ_CHECK(trace_open(&traces[1], other, &error) == 0);
    fd = copy_begin(&writing);
    copy_check(trace_merge(traces, names, 2, writing, 1, NULL, &figures, &error), fd);
    trace_close(traces[0]);
    trace_close(traces[1]);
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
        merge_try(path, slice);
        merge_try(slice, path);
    }
    close(fd);
}

static void copies_try(const char *path, unsigned which)
{
    struct trace_error error;
    struct trace_cut named;
    struct trace *trace, *names;

    which %= COPIES;
    if (which == COPY_MERGED) {
        merge_try(path, path);
        return;
    }
    if (trace_open(&trace, path, &error) != 0)
        return;
    if (which == COPY_JOINED)
        join_try(trace, path);
    else
        cut_try(trace, &copies[which]);
    if (which == COPY_RECOVERED) {
        named = copies[COPY_ALL];
        FUZZ_CHECK(trace_open(&names, path, &error) == 0);
        named.names_of = names;
        named.origin = "x";
        cut_try(trace, &named);
        trace_close(names);
    }
    trace_close(trace);
}

/* ---- inputs ---- */

int LLVMFuzzerInitialize(int *count, char ***words)
{
    (void)count;
    (void)words;
    fuzz_silence();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct trace_sealed sealed;
    unsigned which = size ? bytes[size - 1] : 0;

    if (!size)
        return 0;
    trace_seal(bytes, size - 1, &sealed);
    if (sealed.records <= RECORDS_MAX) {
        const char *path = fuzz_file(0, sealed.file.bytes, sealed.file.size);

        line_run(which % (sizeof(lines) / sizeof(*lines)), path);
        copies_try(path, which / 16);
    }
    byte_buffer_free(&sealed.file);
    return 0;
}
