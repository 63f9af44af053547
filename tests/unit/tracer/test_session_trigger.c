/* SPDX-License-Identifier: Apache-2.0 */
/* ada_trigger(): snapshots that the application's own session takes by itself. */
#include "tracer_fixture.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_reader.h"

ADA_EVENT(shop, order, (u32, id), (u32, latency_us))

static void snapshots_find(glob_t *found)
{
    char pattern[PATH_MAX];

    snprintf(pattern, sizeof(pattern), "%s", recording_path());
    assert_non_null(strrchr(pattern, '/'));
    strcpy(strrchr(pattern, '/') + 1, "*-snapshot-*");
    if (glob(pattern, 0, NULL, found))
        found->gl_pathc = 0;
}

/* How many there are, and what the newest trigger's note in the last one says. They are removed. */
static size_t snapshots_take(char *text, size_t size)
{
    const struct trace_note *note;
    struct trace_error error;
    struct trace *trace;
    glob_t found;
    size_t count;

    snapshots_find(&found);
    *text = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        assert_int_equal(trace_open(&trace, found.gl_pathv[i], &error), 0);
        for (size_t n = 0; (note = trace_note_at(trace, n)); n++)
            if (strncmp(note->text, "trigger ", 8) == 0)
                snprintf(text, size, "%s", note->text);
        trace_close(trace);
        unlink(found.gl_pathv[i]);
    }
    count = found.gl_pathc;
    globfree(&found);
    return count;
}

static void orders_emit(void)
{
    for (uint32_t id = 0; id < 1000; id++)
        ada_trace_shop_order(id, id == 700 ? 61000 : 20);
}

static void event_that_fits_leaves_a_snapshot(void **state)
{
    char text[1024];

    (void)state;
    recording_start(&(struct ada_session_options){.size = sizeof(struct ada_session_options),
                                                  .ring_bytes = 1 << 20});
    assert_int_equal(ada_trigger("shop:order.latency_us > 50ms", NULL), 0);
    orders_emit();
    recording_stop();
    assert_int_equal(snapshots_take(text, sizeof(text)), 1);
    assert_non_null(strstr(text, "trigger shop:order.latency_us > 50ms: shop:order of thread "));
    assert_non_null(strstr(text, ": id 700, latency_us 61000"));
}

static void triggers_go_with_their_session(void **state)
{
    char text[1024];

    (void)state;
    recording_start(NULL);
    orders_emit();
    recording_stop_either();
    assert_int_equal(snapshots_take(text, sizeof(text)), 0);
}

static void event_that_fits_nothing_leaves_none(void **state)
{
    char text[1024];

    (void)state;
    recording_start(NULL);
    assert_int_equal(ada_trigger("shop:order.latency_us > 1s", NULL), 0);
    assert_int_equal(ada_trigger("shop:order.id > 1000 || slow(checkout) > 1s", NULL), 0);
    orders_emit();
    recording_stop_either();
    assert_int_equal(snapshots_take(text, sizeof(text)), 0);
}

static void mistake_is_refused_with_its_place(void **state)
{
    char message[256] = "";
    const struct ada_trigger_options options = {
        .size = sizeof(options), .message = message, .message_bytes = sizeof(message)};

    (void)state;
    assert_int_equal(ada_trigger("shop:order", NULL), -ESRCH);
    recording_start(NULL);
    assert_int_equal(ada_trigger(NULL, NULL), -EINVAL);
    assert_int_equal(ada_trigger("shop:order.id = 5", NULL), -EINVAL);
    assert_int_equal(ada_trigger("shop:order.id = 5", &options), -EINVAL);
    assert_string_equal(message, "write == to compare\n  shop:order.id = 5\n                ^\n");
    recording_stop();
}

static void there_is_room_for_sixteen(void **state)
{
    char text[1024];

    (void)state;
    recording_start(NULL);
    for (int i = 0; i < 16; i++)
        assert_int_equal(ada_trigger("shop:order.id > 5000", NULL), 0);
    assert_int_equal(ada_trigger("shop:order.id > 5000", NULL), -ENOSPC);
    recording_stop();
    assert_int_equal(snapshots_take(text, sizeof(text)), 0);
}

static void wrong_field_is_noted_in_the_trace(void **state)
{
    const struct trace_note *note;
    bool found = false;

    (void)state;
    recording_start(NULL);
    assert_int_equal(ada_trigger("shop:order.latency > 5", NULL), 0);
    recording_stop();
    for (size_t n = 0; (note = trace_note_at(recording_trace(), n)); n++)
        found |= strstr(note->text, "shop:order has no field `latency`; did you mean") != NULL;
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_that_fits_leaves_a_snapshot),
        cmocka_unit_test(triggers_go_with_their_session),
        cmocka_unit_test(event_that_fits_nothing_leaves_none),
        cmocka_unit_test(mistake_is_refused_with_its_place),
        cmocka_unit_test(there_is_room_for_sixteen),
        cmocka_unit_test(wrong_field_is_noted_in_the_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
