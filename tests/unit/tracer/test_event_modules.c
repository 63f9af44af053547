/* SPDX-License-Identifier: Apache-2.0 */
/* Types of libraries that come and go, and types that two libraries share or quarrel about. */
#include "tracer_fixture.h"

#include <dlfcn.h>
#include <string.h>

#include "format/trace_reader.h"

ADA_EVENT(program, mark, (u32, n))

struct module {
    void *handle;
    void (*emit)(uint32_t number);
    uint32_t (*item_tag)(void);
};

static struct module module_open(const char *path)
{
    struct module m = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};

    if (!m.handle)
        fail_msg("%s", dlerror());
    *(void **)&m.emit = dlsym(m.handle, "module_emit");
    *(void **)&m.item_tag = dlsym(m.handle, "module_item_tag");
    assert_non_null(m.emit);
    assert_non_null(m.item_tag);
    return m;
}

static void module_close(struct module *m)
{
    assert_int_equal(dlclose(m->handle), 0);
}

static void expect_work_begin(void)
{
    assert_int_equal(event_phase(recording_expect("module:work")), ADA_PHASE_BEGIN);
}

static void expect_work_rest(uint32_t number, const char *fruit)
{
    assert_string_equal(field_label(recording_expect("module:fruit"), "kind"), fruit);
    assert_int_equal(field_unsigned(recording_expect("module:line"), "arg1"), number);
    assert_int_equal(event_phase(recording_expect("module:work")), ADA_PHASE_END);
}

static void expect_work(uint32_t number)
{
    expect_work_begin();
    assert_int_equal(field_unsigned(recording_expect("module:item"), "number"), number);
    expect_work_rest(number, number % 2 ? "apple" : "pear");
}

static unsigned count_types(const char *full_name)
{
    unsigned count = 0;

    for (size_t n = 0; n < trace_type_count(recording_trace()); n++)
        count += strcmp(trace_type_at(recording_trace(), n)->full_name, full_name) == 0;
    return count;
}

static void library_opened_before_the_session_is_recorded(void **state)
{
    struct module m = module_open(MODULE_1);

    (void)state;
    recording_start(NULL);
    m.emit(1);
    recording_stop();
    expect_work(1);
    recording_expect_end();
    module_close(&m);
}

static void library_opened_while_running_is_recorded(void **state)
{
    struct module m;

    (void)state;
    recording_start(NULL);
    m = module_open(MODULE_1);
    m.emit(1);
    module_close(&m);
    ada_trace_program_mark(1);
    recording_stop();
    expect_work(1);
    recording_expect("program:mark");
    recording_expect_end();
}

static void library_closed_and_opened_again_goes_on(void **state)
{
    (void)state;
    recording_start(NULL);
    for (uint32_t i = 0; i < 20; i++) {
        struct module m = module_open(MODULE_1);

        m.emit(i);
        module_close(&m);
        /* The library's types are gone from the list: nobody touches their memory. */
        assert_int_equal(ada_events_disable("program:mark"), 1);
        assert_int_equal(ada_events_enable("program:mark"), 1);
    }
    recording_stop();
    assert_int_equal(count_types("module:item"), 1);
    assert_int_equal(count_types("module:line"), 1);
    for (uint32_t i = 0; i < 20; i++)
        expect_work(i);
    recording_expect_end();
}

static void library_closed_when_the_session_stops_does_no_harm(void **state)
{
    struct module m;

    (void)state;
    recording_start(NULL);
    m = module_open(MODULE_1);
    m.emit(1);
    recording_stop();
    m.emit(2);
    module_close(&m);
    expect_work(1);
    recording_expect_end();
    recording_start(NULL);
    m = module_open(MODULE_1);
    m.emit(3);
    recording_stop();
    module_close(&m);
    expect_work(3);
    recording_expect_end();
}

static void library_opened_later_obeys_earlier_globs(void **state)
{
    struct module m;

    (void)state;
    recording_start(NULL);
    (void)ada_events_disable("module:*");
    (void)ada_events_enable("module:item");
    m = module_open(MODULE_1);
    m.emit(5);
    assert_int_equal(ada_events_enable("module:*"), 4); /* fruit, line, both ends of work */
    recording_stop();
    module_close(&m);
    assert_int_equal(field_unsigned(recording_expect("module:item"), "number"), 5);
    recording_expect_end();
}

static void twins_share_one_type(void **state)
{
    struct module one, two;

    (void)state;
    recording_start(NULL);
    one = module_open(MODULE_1);
    two = module_open(MODULE_2);
    assert_true(one.emit != two.emit);
    assert_int_equal(one.item_tag(), two.item_tag());
    one.emit(1);
    two.emit(2);
    module_close(&one);
    two.emit(3);
    one = module_open(MODULE_1);
    one.emit(4);
    module_close(&two);
    module_close(&one);
    recording_stop();
    assert_int_equal(count_types("module:item"), 1);
    assert_int_equal(count_types("module:fruit"), 1);
    for (uint32_t i = 1; i <= 4; i++)
        expect_work(i);
    recording_expect_end();
}

static void types_of_one_name_and_two_shapes_are_two(void **state)
{
    struct module number, text;

    (void)state;
    recording_start(NULL);
    number = module_open(MODULE_1);
    text = module_open(MODULE_3);
    assert_int_not_equal(number.item_tag(), text.item_tag());
    number.emit(7);
    text.emit(7);
    number.emit(8);
    recording_stop();
    module_close(&number);
    module_close(&text);
    assert_int_equal(count_types("module:item"), 2);
    expect_work(7);
    expect_work_begin();
    expect_text(recording_expect("module:item"), "text", "odd");
    expect_work_rest(7, "apple");
    expect_work(8);
    recording_expect_end();
}

static void types_with_other_labels_keep_their_own(void **state)
{
    struct module english, french;

    (void)state;
    recording_start(NULL);
    english = module_open(MODULE_1);
    french = module_open(MODULE_4);
    english.emit(1);
    french.emit(1);
    recording_stop();
    module_close(&english);
    module_close(&french);
    expect_work(1);
    expect_work_begin();
    assert_int_equal(field_unsigned(recording_expect("module:item"), "number"), 1);
    expect_work_rest(1, "pomme");
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(library_opened_before_the_session_is_recorded),
        cmocka_unit_test(library_opened_while_running_is_recorded),
        cmocka_unit_test(library_closed_and_opened_again_goes_on),
        cmocka_unit_test(library_closed_when_the_session_stops_does_no_harm),
        cmocka_unit_test(library_opened_later_obeys_earlier_globs),
        cmocka_unit_test(twins_share_one_type),
        cmocka_unit_test(types_of_one_name_and_two_shapes_are_two),
        cmocka_unit_test(types_with_other_labels_keep_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
