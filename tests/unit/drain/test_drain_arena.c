/* SPDX-License-Identifier: Apache-2.0 */
/* What processes tell besides records, true or not: types, notes, who executes what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/le.h"
#include "base/schema.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

enum { TYPE_SPAWN = 10, TYPE_FAR = 5000 };

static const struct ada_field exec_fields[] = {
    {.name = "flags", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "pid", .kind = ADA_KIND_UNSIGNED, .width = 4, .count = 1},
    {.name = "why", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
    {.name = "path", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
};

static void exec_type_tell(struct stage *stage, uint16_t id, const char *name)
{
    const struct schema schema = {
        .id = id, .provider = "process", .name = name, .fields = exec_fields, .field_count = 4};
    unsigned char bytes[1024];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(arena_append(&stage->segment, ARENA_TYPE, bytes, (size_t)size, NULL, 0), 0);
}

/* Lengths as they are told, which need not be those of the texts. */
static void exec_emit(struct producer *p, uint16_t id, uint32_t pid, uint32_t why, uint32_t path)
{
    static const char text[] = "/bin/strange";
    unsigned char payload[64] = {0};

    le32_store(payload + 8, pid);
    le32_store(payload + 12, why);
    if (why == 0)
        le32_store(payload + 16, path);
    memcpy(payload + 20, text, sizeof(text) - 1);
    assert_true(ring_write(&p->writer, id, payload, 20 + sizeof(text) - 1));
}

static unsigned asked;

static const char *always_strange(void *context, uint32_t pid, const char *path)
{
    (void)context, (void)pid;
    asked++;
    assert_string_equal(path, "/bin/strange");
    return "it is strange";
}

static void program_told_by_a_child_in_between_or_a_spawn_is_not_the_process_s(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    asked = 0;
    stage_set(&stage, &(struct stage_options){.untraceable = always_strange});
    exec_type_tell(&stage, TYPE_EXEC, "exec");
    exec_type_tell(&stage, TYPE_SPAWN, "spawn");
    exec_type_tell(&stage, TYPE_SPAWN + 1, "other");
    producer_claim(&p, &stage, 0, false);
    exec_emit(&p, TYPE_EXEC, 1, 0, 12);
    exec_emit(&p, TYPE_SPAWN, (uint32_t)getpid(), 0, 12);
    exec_emit(&p, TYPE_SPAWN + 1, 1, 0, 12); /* of no interest */
    drain_round(stage.drain);
    assert_int_equal(asked, 2);
    assert_true(fake_has_note("/bin/strange, executed by process"));
    assert_int_equal(fake_count(FAKE_NOTE, 0), 1); /* one of a program is enough */
    drain_finish(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 3);
    stage_clear(&stage);
}

/* The file's writer refuses them, too; before it does, nothing is read that is not there. */
static void lengths_that_lie_name_no_program(void **state)
{
    const uint32_t lies[] = {13, 1000, UINT32_MAX, UINT32_MAX - 3};
    struct stage stage;
    struct producer p;

    (void)state;
    asked = 0;
    stage_set(&stage, &(struct stage_options){.untraceable = always_strange});
    exec_type_tell(&stage, TYPE_EXEC, "exec");
    producer_claim(&p, &stage, 0, false);
    for (unsigned i = 0; i < 4; i++) {
        exec_emit(&p, TYPE_EXEC, 1, 0, lies[i]);
        exec_emit(&p, TYPE_EXEC, 1, lies[i], 12);
    }
    drain_finish(stage.drain);
    assert_int_equal(asked, 0);
    stage_clear(&stage);
}

static void type_that_is_none_is_noted_and_costs_no_other(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.untold = true});
    assert_int_equal(arena_append(&stage.segment, ARENA_TYPE, "garbage", 7, NULL, 0), 0);
    stage_tell_type(&stage, TYPE_FAR, "test", "far");
    stage_tell_type(&stage, TYPE_NUMBER, "test", "number");
    stage_tell_type(&stage, TYPE_NUMBER, "test", "number"); /* twice is no harm */
    producer_claim(&p, &stage, 0, false);
    producer_write(&p, 1);
    drain_round(stage.drain);
    assert_true(fake_has_note("declared an event type that is not valid"));
    assert_int_equal(fake_count(FAKE_RECORD, 0), 1);
    drain_finish(stage.drain);
    assert_int_equal(drain_close(stage.drain), 0);
    stage_clear(&stage);
}

static void note_of_a_process_stands_under_its_name(void **state)
{
    const struct arena_note head = {.pid = (uint32_t)getpid(), .warning = 1};
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    assert_int_equal(arena_append(&stage.segment, ARENA_NOTE, &head, sizeof(head), "beware", 7), 0);
    assert_int_equal(arena_append(&stage.segment, ARENA_NOTE, "short", 5, NULL, 0), 0);
    assert_int_equal(arena_append(&stage.segment, ARENA_PROCESS, "short", 5, NULL, 0), 0);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 1);
    assert_string_equal(fake_find(FAKE_NOTE, 0, 0)->text, "beware");
    assert_int_equal(fake_find(FAKE_NOTE, 0, 0)->item.note.kind, TRACE_NOTE_WARNING);
    assert_int_equal(fake_find(FAKE_NOTE, 0, 0)->process, 1);
    stage_clear(&stage);
}

static void told_more_than_there_is_room_for_is_noted_once_a_second(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    drain_round(stage.drain);
    add_relaxed(&stage.segment.arena->lost, 3); /* relaxed: one thread */
    drain_tick(stage.drain);
    drain_tick(stage.drain);
    assert_true(fake_has_note("there is room for: 3 are missing"));
    assert_int_equal(fake_count(FAKE_NOTE, 0), 1);
    stage_clear(&stage);
}

static void process_that_writes_over_what_it_told_is_heard_no_more(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    memset(stage.segment.arena + 1, 0xFF, 4096);
    drain_round(stage.drain);
    drain_round(stage.drain);
    assert_true(fake_has_note("wrote over what it told about itself"));
    assert_int_equal(fake_count(FAKE_NOTE, 0), 1);
    producer_write(&p, 1); /* what was told before counts */
    drain_finish(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 1);
    stage_clear(&stage);
}

static char news[8][128];
static unsigned news_count;

static void news_keep(void *context, const char *text)
{
    (void)context;
    snprintf(news[news_count++ % 8], sizeof(news[0]), "%s", text);
}

/* Whatever a process calls itself, on its way to a terminal. */
static void news_have_no_control_characters(void **state)
{
    const struct arena_note head = {.pid = (uint32_t)getpid()};
    struct stage stage;
    bool found = false;

    (void)state;
    news_count = 0;
    stage_set(&stage, &(struct stage_options){0});
    stage.drain->options.news = news_keep;
    assert_int_equal(
        arena_append(&stage.segment, ARENA_NOTE, &head, sizeof(head), "a\033[2Jb\177c", 9), 0);
    drain_round(stage.drain);
    assert_true(news_count > 0 && news_count <= 8);
    for (unsigned i = 0; i < news_count; i++)
        found |= strcmp(news[i], "a?[2Jb?c") == 0;
    assert_true(found);
    stage.drain->options.news = NULL;
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_told_by_a_child_in_between_or_a_spawn_is_not_the_process_s),
        cmocka_unit_test(lengths_that_lie_name_no_program),
        cmocka_unit_test(type_that_is_none_is_noted_and_costs_no_other),
        cmocka_unit_test(note_of_a_process_stands_under_its_name),
        cmocka_unit_test(told_more_than_there_is_room_for_is_noted_once_a_second),
        cmocka_unit_test(process_that_writes_over_what_it_told_is_heard_no_more),
        cmocka_unit_test(news_have_no_control_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
