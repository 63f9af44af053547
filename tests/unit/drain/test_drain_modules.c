/* SPDX-License-Identifier: Apache-2.0 */
/* Which files were mapped when: what another thread gets of them, and what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

static void map_tell(struct stage *stage, enum arena_kind kind, uint64_t base, uint64_t end,
                     const char *path)
{
    const struct arena_map map = {.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC),
                                  .base = base,
                                  .end = end,
                                  .bias = base,
                                  .pid = stage->pid};

    assert_int_equal(arena_append(&stage->segment, kind, &map, sizeof(map), path, strlen(path) + 1),
                     0);
}

static unsigned count_of(const struct drain_module *modules)
{
    unsigned count = 0;

    for (; modules; modules = modules->next)
        count++;
    return count;
}

/* Two that stay, one that goes in between. Returns the ticks after that. */
static uint64_t modules_make(struct stage *stage)
{
    stage_set(stage, &(struct stage_options){0});
    map_tell(stage, ARENA_MAP, 0x10000, 0x11000, "/lib/stays.so");
    map_tell(stage, ARENA_MAP, 0x20000, 0x21000, "/lib/goes.so");
    map_tell(stage, ARENA_UNMAP, 0x20000, 0x21000, "/lib/goes.so");
    map_tell(stage, ARENA_MAP, 0x30000, 0x31000, "/lib/stays-too.so");
    drain_round(stage->drain);
    return drain_ticks(stage->drain) + 1;
}

static void copy_has_what_was_mapped_then_or_since(void **state)
{
    struct drain_module *copy;
    struct stage stage;
    uint64_t after = modules_make(&stage);

    (void)state;
    assert_int_equal(drain_modules_copy(stage.drain, 0, &copy), 0);
    assert_int_equal(count_of(copy), 3);
    drain_modules_free(copy);
    assert_int_equal(drain_modules_copy(stage.drain, after, &copy), 0);
    assert_int_equal(count_of(copy), 2);
    assert_string_equal(copy->path, "/lib/stays-too.so");
    assert_string_equal(copy->next->path, "/lib/stays.so");
    drain_modules_free(copy);
    stage_clear(&stage);
}

static void module_that_nobody_will_ask_for_is_forgotten(void **state)
{
    struct stage stage;
    uint64_t after = modules_make(&stage);

    (void)state;
    drain_forget_before(stage.drain, 1);
    assert_int_equal(count_of(drain_modules(stage.drain)), 3);
    drain_forget_before(stage.drain, after);
    assert_int_equal(count_of(drain_modules(stage.drain)), 2);
    /* Its place is free for another one, whose end is told of it alone. */
    map_tell(&stage, ARENA_MAP, 0x20000, 0x21000, "/lib/comes.so");
    map_tell(&stage, ARENA_UNMAP, 0x20000, 0x21000, "");
    drain_round(stage.drain);
    assert_int_equal(count_of(drain_modules(stage.drain)), 3);
    assert_string_equal(drain_modules(stage.drain)->path, "/lib/comes.so");
    assert_true(drain_modules(stage.drain)->to_ticks < UINT64_MAX);
    stage_clear(&stage);
}

static void what_is_no_map_maps_nothing(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    map_tell(&stage, ARENA_MAP, 0x10000, 0x10000, "/lib/empty.so");
    map_tell(&stage, ARENA_MAP, 0x10000, 0x8000, "/lib/backwards.so");
    map_tell(&stage, ARENA_UNMAP, 0x10000, 0x8000, "");
    map_tell(&stage, ARENA_UNMAP, 0x40000, 0x41000, "/lib/nobody.so");
    assert_int_equal(arena_append(&stage.segment, ARENA_MAP, "short", 5, NULL, 0), 0);
    assert_int_equal(arena_append(&stage.segment, ARENA_UNMAP, "short", 5, NULL, 0), 0);
    assert_int_equal(arena_append(&stage.segment, ARENA_PROCESS, "short", 5, NULL, 0), 0);
    map_tell(&stage, ARENA_MAP, 0x10000, 0x11000, "/lib/good.so");
    /* At the same place by another name, and the same once more. */
    map_tell(&stage, ARENA_UNMAP, 0x10000, 0x11000, "/lib/other.so");
    map_tell(&stage, ARENA_UNMAP, 0x10000, 0x12000, "/lib/good.so");
    map_tell(&stage, ARENA_MAP, 0x10000, 0x11000, "/lib/good.so");
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_MODULE, 0), 1);
    assert_int_equal(count_of(drain_modules(stage.drain)), 1);
    assert_true(drain_modules(stage.drain)->to_ticks == UINT64_MAX);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_has_what_was_mapped_then_or_since),
        cmocka_unit_test(module_that_nobody_will_ask_for_is_forgotten),
        cmocka_unit_test(what_is_no_map_maps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
