/* SPDX-License-Identifier: Apache-2.0 */
/* How processes ended, as `adatrace info` tells it. */
#include "cli/info.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/trace_writer.h"

struct life {
    uint32_t pid;
    uint64_t from_ticks, to_ticks; /* 0: no end is in the file */
    int status;
    uint64_t start_time;
    const char *executable, *command;
};

static void life_write(struct trace_writer *w, uint32_t number, const struct life *life)
{
    const struct trace_process process = {
        .process = number,
        .pid = life->pid,
        .start_ticks = life->from_ticks,
        .start_time = life->start_time,
        .image = number,
        .executable = life->executable ? life->executable : "",
        .command = life->command ? life->command : "",
    };
    const struct trace_process_end end = {
        .process = number, .end_ticks = life->to_ticks, .status = life->status};

    assert_int_equal(trace_writer_process(w, &process), 0);
    if (life->to_ticks)
        assert_int_equal(trace_writer_process_end(w, &end), 0);
}

static struct trace *trace_of(const struct life *lives, size_t count)
{
    static const struct trace_recording recording = {.clock_source = "monotonic",
                                                     .ticks_per_second = 1000000000};
    const struct trace_writer_options options = {.level = 1};
    char path[] = "/tmp/adatrace-test-info-XXXXXX";
    struct trace_writer *w;
    struct trace_error error;
    struct trace *trace;

    assert_int_equal(trace_writer_open(&w, mkostemp(path, O_CLOEXEC), &options, &recording), 0);
    for (size_t n = 0; n < count; n++)
        life_write(w, (uint32_t)n + 1, &lives[n]);
    assert_int_equal(trace_writer_close(w), 0);
    assert_int_equal(trace_open(&trace, path, &error), 0);
    assert_int_equal(unlink(path), 0);
    return trace;
}

static void assert_ends(const struct life *lives, const char *const *ends, size_t count)
{
    struct trace *trace = trace_of(lives, count);
    char text[INFO_END_MAX];
    struct info info;

    assert_int_equal(info_open(&info, trace, "x"), 0);
    for (size_t n = 0; n < count; n++)
        assert_string_equal(info_end_text(&info, n, text), ends[n]);
    info_close(&info);
    trace_close(trace);
}

static void end_is_what_waitpid_tells(void **state)
{
    static const struct life lives[] = {
        {.pid = 1, .from_ticks = 1, .to_ticks = 9, .status = 3 << 8},
        {.pid = 2, .from_ticks = 1, .to_ticks = 9, .status = 9},
        {.pid = 3, .from_ticks = 1, .to_ticks = 9, .status = -1},
        {.pid = 4, .from_ticks = 1}};
    static const char *const ends[] = {"exit 3", "signal 9", "not known", "not seen"};

    (void)state;
    assert_ends(lives, ends, 4);
}

static void exec_names_what_came_next(void **state)
{
    static const struct life lives[] = {
        {.pid = 7, .from_ticks = 1, .to_ticks = 5, .status = -1, .start_time = 4},
        {.pid = 7, .from_ticks = 5, .to_ticks = 6, .status = -1, .executable = "/bin/env"},
        {.pid = 8, .from_ticks = 6, .to_ticks = 7, .status = -1},
        {.pid = 7, .from_ticks = 6, .to_ticks = 9, .start_time = 4, .command = "two words"}};
    static const char *const ends[] = {"exec /bin/env", "exec two words", "not known", "exit 0"};

    (void)state;
    assert_ends(lives, ends, 4);
}

static void what_only_has_the_same_pid_is_no_exec(void **state)
{
    static const struct life lives[] = {
        /* A static libadatrace beside the agent. */
        {.pid = 7, .from_ticks = 1, .to_ticks = 9, .status = -1, .start_time = 4},
        {.pid = 7, .from_ticks = 2, .to_ticks = 9, .status = -1, .start_time = 4},
        /* A pid that came round. */
        {.pid = 8, .from_ticks = 1, .to_ticks = 5, .status = -1, .start_time = 4},
        {.pid = 8, .from_ticks = 5, .to_ticks = 9, .status = -1, .start_time = 5},
        /* One that was killed, and nothing but itself. */
        {.pid = 9, .from_ticks = 1, .to_ticks = 5, .status = 9},
        {.pid = 9, .from_ticks = 5, .to_ticks = 5, .status = -1}};
    static const char *const ends[] = {"not known", "not known", "not known",
                                       "not known", "signal 9",  "not known"};

    (void)state;
    assert_ends(lives, ends, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_is_what_waitpid_tells),
        cmocka_unit_test(exec_names_what_came_next),
        cmocka_unit_test(what_only_has_the_same_pid_is_no_exec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
