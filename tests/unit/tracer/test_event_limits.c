/* SPDX-License-Identifier: Apache-2.0 */
/* Event types where something is short: ids, switches, room to say what they mean, the list itself.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "registry/arena.h"
#include "tracer/event_list.h"

ADA_EVENT(limits, event, (u32, n))

static const struct segment_geometry small = {.slots = 4,
                                              .ring_bytes = 4096,
                                              .arena_bytes = 65536,
                                              .policy = RING_DROP,
                                              .clock = SEGMENT_CLOCK_COUNTER};
static struct segment segment;

static int attach(void **state)
{
    (void)state;
    return segment_create(&segment, &small, NULL) || tracer_attach_segment(&segment);
}

static int segment_drop(void **state)
{
    (void)state;
    segment_destroy(&segment);
    return 0;
}

static const struct ada_label labels[] = {{"a", 1}, {"b", 2}}, others[] = {{"a", 1}, {"c", 2}},
                              values[] = {{"a", 1}, {"b", 3}};
static const struct ada_field shapes[][2] = {
    {{"x", labels, 2, 1, ADA_KIND_ENUM, 4}, {"y", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}},
    {{"x", labels, 1, 1, ADA_KIND_ENUM, 4}, {"y", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}},
    {{"x", others, 2, 1, ADA_KIND_ENUM, 4}, {"y", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}},
    {{"x", values, 2, 1, ADA_KIND_ENUM, 4}, {"y", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}},
    {{"x", labels, 2, 1, ADA_KIND_ENUM, 8}, {"y", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}},
    {{"x", labels, 2, 1, ADA_KIND_ENUM, 4}, {"y", NULL, 0, 1, ADA_KIND_SIGNED, 4}},
    {{"x", labels, 2, 1, ADA_KIND_ENUM, 4}, {"y", NULL, 0, 2, ADA_KIND_UNSIGNED, 4}},
    {{"x", labels, 2, 1, ADA_KIND_ENUM, 4}, {"z", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}},
};
enum { SHAPES = sizeof(shapes) / sizeof(*shapes) };

static struct ada_event type_of(const struct ada_field *fields, uint16_t count)
{
    return (struct ada_event){.on = ADA_EVENT_OFF,
                              .level = ADA_LEVEL_INFO,
                              .provider = "limits",
                              .name = "twin",
                              .fields = fields,
                              .field_count = count};
}

static void types_share_an_id_when_all_of_them_is_equal(void **state)
{
    static struct ada_event types[SHAPES + 5];

    (void)state;
    for (unsigned i = 0; i < SHAPES + 5; i++)
        types[i] = type_of(shapes[i < SHAPES ? i : 0], 2);
    types[SHAPES].field_count = 1;
    types[SHAPES + 1].level = ADA_LEVEL_DEBUG;
    types[SHAPES + 2].phase = ADA_PHASE_BEGIN;
    types[SHAPES + 3].provider = "others";
    for (unsigned i = 0; i < SHAPES + 5; i++)
        assert_int_equal(ada_event_register(&types[i]), 0);
    assert_int_equal(ada_event_register(&types[0]), 0); /* again: nothing */
    assert_int_equal(types[SHAPES + 4].tag, types[0].tag);
    assert_int_equal(types[SHAPES + 4].place, types[0].place);
    for (unsigned i = 1; i < SHAPES + 4; i++)
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(types[i].tag, types[j].tag);
    for (unsigned i = 0; i < SHAPES + 5; i++)
        ada_event_unregister(&types[i]);
}

static void *register_one(void *started)
{
    static struct ada_event type;

    type = type_of(shapes[0], 2);
    store_release((uint32_t *)started, 1);
    return (void *)(intptr_t)ada_event_register(&type);
}

/* A handler that interrupts the list's holder is told so; another thread waits. */
static void list_that_somebody_has_is_left_alone(void **state)
{
    static struct ada_event type;
    uint32_t started = 0;
    pthread_t thread;
    void *got;

    (void)state;
    type = type_of(shapes[1], 2);
    assert_true(events_lock());
    assert_int_equal(ada_event_register(&type), -EAGAIN);
    assert_int_equal(ada_events_enable("*"), -EAGAIN);
    assert_int_equal(ada_events_enable(NULL), -EINVAL);
    ada_event_unregister(&ada_event_limits_event);
    event_switches_put_out();
    event_switches_refresh();
    assert_true(ada_event_is_on(&ada_event_limits_event));
    assert_int_equal(pthread_create(&thread, NULL, register_one, &started), 0);
    while (!load_acquire(&started))
        sched_yield();
    for (int i = 0; i < 20; i++)
        sched_yield();
    events_unlock();
    assert_int_equal(pthread_join(thread, &got), 0);
    assert_int_equal((intptr_t)got, 0);
}

static void type_that_nobody_has_declared_is_off(void **state)
{
    static struct ada_event type;

    (void)state;
    assert_int_equal(ada_emit(&type, NULL, 0), 0);
    type.provider = type.name = "";
    assert_int_equal(ada_event_register(&type), -EINVAL);
    assert_false(ada_event_is_on(&type));
}

/* No switch is left: a type stays as it is decided when it is declared. */
static void types_beyond_the_last_switch_are_on_or_off_for_good(void **state)
{
    struct switches_shared *h = segment.switches;
    static struct ada_event on, off, deep;
    uint32_t taken = load_relaxed(&h->taken);

    (void)state;
    on = off = deep = type_of(shapes[2], 1);
    on.name = "stays-on";
    off.name = "stays-off";
    deep.name = "deep";
    deep.level = ADA_LEVEL_DEBUG;
    assert_int_equal(ada_events_disable("limits:stays-off"), 0);
    store_relaxed(&h->taken, SEGMENT_SWITCHES);
    assert_int_equal(ada_event_register(&on), 0);
    assert_int_equal(ada_event_register(&off), 0);
    switches_gate_set(&segment, switch_gate(ADA_LEVEL_INFO));
    assert_int_equal(ada_event_register(&deep), 0);
    switches_gate_set(&segment, SWITCH_GATE_OPEN);
    assert_false(ada_event_is_on(&deep));
    ada_event_unregister(&deep);
    assert_true(ada_event_is_on(&on));
    assert_false(ada_event_is_on(&off));
    assert_int_equal(ada_events_enable("limits:stays-off"), 1); /* its program's word counts */
    assert_true(ada_event_is_on(&off));
    store_relaxed(&h->taken, taken);
    ada_event_unregister(&on);
    ada_event_unregister(&off);
}

/* A child that finds no switch of its own leaves its parent's alone. */
static void child_without_a_switch_decides_for_itself(void **state)
{
    struct switches_shared *h = segment.switches;
    uint32_t taken = load_relaxed(&h->taken);
    pid_t child;
    int status;

    (void)state;
    assert_true(ada_event_is_on(&ada_event_limits_event));
    child = fork();
    if (!child) {
        store_relaxed(&h->taken, SEGMENT_SWITCHES);
        if (ada_events_disable("limits:event") != 1)
            _exit(1);
        _exit(ada_event_is_on(&ada_event_limits_event) ? 2 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    store_relaxed(&h->taken, taken);
    assert_int_equal(status, 0);
    assert_true(ada_event_is_on(&ada_event_limits_event));
}

static void types_without_an_id_are_off_and_say_so(void **state)
{
    struct segment_shared *h = segment.shared;
    struct arena_shared *arena = segment.arena;
    static struct ada_event type, next;
    uint32_t ids = load_relaxed(&h->next_type);
    uint64_t reserved = load_relaxed(&arena->reserved);

    (void)state;
    type = next = type_of(shapes[3], 1);
    type.name = "no-id";
    next.name = "no-room";
    store_relaxed(&h->next_type, ADA_RECORD_TYPES);
    assert_int_equal(ada_event_register(&type), -ENOSPC);
    assert_false(ada_event_is_on(&type));
    store_relaxed(&h->next_type, ids);
    store_relaxed(&arena->reserved, small.arena_bytes);
    assert_int_equal(ada_event_register(&next), -ENOSPC);
    assert_false(ada_event_is_on(&next));
    assert_int_equal(load_relaxed(&arena->lost), 1);
    store_relaxed(&arena->reserved, reserved);
    assert_int_equal(ada_event_register(&type), 0); /* there is one again */
    assert_true(ada_event_is_on(&type));
    ada_event_unregister(&type);
    ada_event_unregister(&next);
}

/* A type that has its fields from its format has them when it is declared again. */
static void format_is_read_once(void **state)
{
    struct ada_field fields[ADA_PRINTF_ARGUMENTS_MAX];
    struct ada_event type = type_of(fields, 0);

    (void)state;
    type.phase = ADA_PHASE_FORMAT;
    type.format = "%d of %s";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ada_event_register(&type), 0);
        assert_int_equal(type.field_count, 2);
        assert_int_equal(fields[1].kind, ADA_KIND_STRING);
        ada_event_unregister(&type);
    }
    ada_printf_event(&type, "%d of %s", 1, "nobody's ring"); /* no slot is ready */
    assert_int_equal(load_relaxed(&segment.shared->unringed), 1);
}

static void formats_that_cannot_be_stored_make_no_type(void **state)
{
    static const struct {
        const char *format;
        uint16_t fields;
    } rows[] = {{"%.99999999s", 1},
                {"%d%%%x", 2},
                {"%5", UINT16_MAX},
                {"%q", UINT16_MAX},
                {"%Lf", UINT16_MAX},
                {"%lf %le", 2},
                {"%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%*.*d", UINT16_MAX},
                {"%*.*d%*.*d%*.*d%*.*d%*.*d", 15},
                {"%*.*d%*.*d%*.*d%*.*d%*.*d%*.*d", UINT16_MAX},
                {"%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%*d", UINT16_MAX},
                {NULL, UINT16_MAX}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ada_field fields[ADA_PRINTF_ARGUMENTS_MAX];
        struct ada_event type = type_of(fields, 0);

        type.format = rows[i].format;
        format_fields(&type);
        if (type.field_count != rows[i].fields)
            fail_msg("%s has %u fields", rows[i].format, type.field_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_share_an_id_when_all_of_them_is_equal),
        cmocka_unit_test(list_that_somebody_has_is_left_alone),
        cmocka_unit_test(type_that_nobody_has_declared_is_off),
        cmocka_unit_test(types_beyond_the_last_switch_are_on_or_off_for_good),
        cmocka_unit_test(child_without_a_switch_decides_for_itself),
        cmocka_unit_test(types_without_an_id_are_off_and_say_so),
        cmocka_unit_test(format_is_read_once),
        cmocka_unit_test(formats_that_cannot_be_stored_make_no_type),
    };

    return cmocka_run_group_tests(tests, attach, segment_drop);
}
