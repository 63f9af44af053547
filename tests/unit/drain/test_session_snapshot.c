/* SPDX-License-Identifier: Apache-2.0 */
/* From which moment on a snapshot of a flight recorder has what there was: that of the question,
 * not the one when all rings have been emptied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "drain/session_files.h"
#include "drain/session_triggers.h"
#include "drain/session_writer.h"
#include "format/trace_reader.h"
#include "producer.h"
#include "tests/helpers/evidence.h"

enum { MARGIN_NS = 20 * 1000 * 1000, TRIES = 50 };

static char folder[32], path[64];

/* ---- a flight recorder whose rounds are made by hand ---- */

struct flight {
    struct stage stage;
    struct session_files *files;
    struct producer producer;
    struct snapshot_result result;
    uint64_t told_ns; /* when it was asked for at the latest: the drain is at work on it */
};

/* Of a process or thread that the drain meets: while it empties the rings, and for longer than the
 * span that was asked for leaves room. */
static void news_take_long(void *context, const char *text)
{
    struct flight *f = context;

    if (f->told_ns || !strstr(text, " begins"))
        return;
    f->told_ns = clock_monotonic_ns();
    while (clock_monotonic_ns() < f->told_ns + 2 * MARGIN_NS)
        ;
}

static void flight_begin(struct flight *f)
{
    const struct session_writer_options writer_options = {
        .clock = CLOCK_SOURCE_MONOTONIC, .level = 1, .flight = true};
    const struct drain_options options = {
        .clock = CLOCK_SOURCE_MONOTONIC, .level = 1, .context = f, .news = news_take_long};
    const struct session_files_options files = {.path = path};
    struct trace_writer *writer;
    struct drain *drain;

    *f = (struct flight){.told_ns = 0};
    assert_int_equal(session_files_create(&f->files, &files), 0);
    assert_int_equal(session_writer_open(&writer, -1, &writer_options), 0);
    assert_int_equal(drain_create(&drain, writer, &options), 0);
    stage_add(&f->stage, drain, &(struct stage_options){0});
    producer_claim(&f->producer, &f->stage, 0, false);
}

static void flight_end(struct flight *f)
{
    producer_retire(&f->producer);
    drain_finish(f->stage.drain);
    session_files_finish(f->files, f->stage.drain);
    stage_clear(&f->stage);
    session_files_destroy(f->files);
}

/* Does the file have an event with this number? */
static bool has_number(const char *name, uint64_t number)
{
    struct trace_cursor *cursor;
    struct trace_error error;
    struct trace_event event;
    struct trace *trace;
    bool found = false;

    assert_int_equal(trace_open(&trace, name, &error), 0);
    assert_int_equal(trace_cursor_open(trace, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) > 0)
        found |= event.type && trace_value_unsigned(&event.values[0], 0) == number;
    trace_cursor_close(cursor);
    trace_close(trace);
    return found;
}

/* ---- tests ---- */

static void told_keep(void *context, const char *text)
{
    const char *at = strstr(text, "; wrote ");

    assert_non_null(at);
    snprintf(context, 128, "%s", at + strlen("; wrote "));
}

/* Nothing but the event itself was asked for: it is there, however long a look at all rings and the
 * note about it take. */
static void triggered_snapshot_has_the_event_that_met_the_trigger(void **state)
{
    char snapshot[128] = "";
    struct session_triggers_options options = {.clock = CLOCK_SOURCE_MONOTONIC,
                                               .timing = {.before_ns = 1},
                                               .context = snapshot,
                                               .tell = told_keep};
    struct session_triggers *triggers;
    struct expression_error error;
    struct flight f;

    (void)state;
    flight_begin(&f);
    options.files = f.files;
    assert_int_equal(session_triggers_create(&triggers, &options), 0);
    assert_int_equal(
        session_triggers_add(triggers, f.stage.drain, "test:number.number == 7", NULL, &error), 0);
    for (uint64_t number = 0; number <= 7; number++)
        assert_true(producer_write(&f.producer, number));
    drain_round(f.stage.drain);
    session_files_finish(f.files, f.stage.drain);
    assert_string_not_equal(snapshot, "");
    assert_true(has_number(snapshot, 7));
    assert_int_equal(unlink(snapshot), 0);
    flight_end(&f);
    session_triggers_destroy(triggers);
}

static void result_keep(void *context, const struct snapshot_result *result)
{
    *(struct snapshot_result *)context = *result;
}

/* True: it was asked for in time, so that the answer counts. */
static bool is_asked_in_time(void)
{
    struct flight f;
    struct snapshot_wish wish = {.path = path, .replace = true, .done = result_keep};
    uint64_t emitted_ns, asked_ns;
    bool in_time;

    flight_begin(&f);
    wish.context = &f.result;
    emitted_ns = clock_monotonic_ns();
    assert_true(producer_write(&f.producer, 4711));
    asked_ns = clock_monotonic_ns();
    wish.before_ns = asked_ns - emitted_ns + MARGIN_NS;
    assert_int_equal(session_files_snapshot_here(f.files, f.stage.drain, &wish), 0);
    session_files_finish(f.files, f.stage.drain);
    assert_int_equal(f.result.status, 0);
    assert_int_not_equal(f.told_ns, 0);
    in_time = f.told_ns - asked_ns < MARGIN_NS;
    if (in_time)
        assert_true(has_number(path, 4711));
    assert_int_equal(unlink(path), 0);
    flight_end(&f);
    return in_time;
}

static void span_that_is_asked_for_ends_with_the_question(void **state)
{
    bool in_time = false;

    (void)state;
    for (int tries = 0; tries < TRIES && !in_time; tries++)
        in_time = is_asked_in_time();
    assert_true(in_time);
    evidence_write("snapshot-span",
                   "a span of some %d ms is there after a look at the rings of %d ms",
                   MARGIN_NS / 1000000, 2 * MARGIN_NS / 1000000);
}

static int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/adatrace-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/x.adatrace", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triggered_snapshot_has_the_event_that_met_the_trigger),
        cmocka_unit_test(span_that_is_asked_for_ends_with_the_question),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
