/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent_run.h"

static struct agent_collector *run_allocations(const char *globs)
{
    const struct agent_collector_options options = {.globs = globs};
    char *words[] = {run_path("allocations"), NULL};

    return run_traced(words, &options);
}

/* Events of this name with this much asked for. */
static size_t count_sized(const struct agent_collector *c, const char *name, uint64_t size)
{
    const struct seen_event *event;
    size_t at = 0, count = 0;

    while ((event = agent_collector_next(c, name, &at)))
        count += seen_number(event, "size") == size;
    return count;
}

static const struct seen_event *find_sized(const struct agent_collector *c, const char *name,
                                           uint64_t size)
{
    const struct seen_event *event;
    size_t at = 0;

    while ((event = agent_collector_next(c, name, &at)))
        if (seen_number(event, "size") == size)
            return event;
    fail_msg("no %s of %lu bytes", name, (unsigned long)size);
    return NULL;
}

static void every_call_is_told_once_with_its_size(void **state)
{
    struct agent_collector *c = run_allocations(NULL);

    (void)state;
    assert_int_equal(count_sized(c, "memory:malloc", 1001), 100);
    assert_int_equal(count_sized(c, "memory:calloc", 1000), 1);
    assert_int_equal(count_sized(c, "memory:realloc", 2002), 1);
    assert_int_equal(count_sized(c, "memory:reallocarray", 3030), 1);
    assert_int_equal(count_sized(c, "memory:realloc", 3030), 0);
    assert_int_equal(count_sized(c, "memory:aligned_alloc", 4096), 1);
    assert_int_equal(count_sized(c, "memory:posix_memalign", 5005), 1);
    assert_int_equal(count_sized(c, "memory:memalign", 6006), 1);
    assert_int_equal(count_sized(c, "memory:valloc", 7007), 1);
    assert_int_equal(count_sized(c, "memory:pvalloc", 8008), 1);
    agent_collector_free(c);
}

static void fields_say_what_was_asked_for(void **state)
{
    struct agent_collector *c = run_allocations(NULL);

    (void)state;
    assert_int_equal(seen_number(find_sized(c, "memory:calloc", 1000), "count"), 10);
    assert_int_equal(seen_number(find_sized(c, "memory:reallocarray", 3030), "count"), 30);
    assert_int_equal(seen_number(find_sized(c, "memory:aligned_alloc", 4096), "alignment"), 64);
    assert_int_equal(seen_number(find_sized(c, "memory:posix_memalign", 5005), "alignment"), 128);
    assert_int_equal(seen_number(find_sized(c, "memory:memalign", 6006), "alignment"), 256);
    assert_int_equal(seen_number(find_sized(c, "memory:realloc", 2002), "address"),
                     seen_number(find_sized(c, "memory:calloc", 1000), "result"));
    assert_int_equal(seen_number(find_sized(c, "memory:reallocarray", 3030), "address"),
                     seen_number(find_sized(c, "memory:realloc", 2002), "result"));
    agent_collector_free(c);
}

static void failure_has_no_result(void **state)
{
    const uint64_t impossible = (UINT64_C(1) << 48) - 1;
    struct agent_collector *c = run_allocations(NULL);

    (void)state;
    assert_int_equal(seen_number(find_sized(c, "memory:malloc", impossible), "result"), 0);
    assert_int_equal(seen_number(find_sized(c, "memory:calloc", impossible), "result"), 0);
    assert_int_equal(seen_number(find_sized(c, "memory:reallocarray", impossible), "result"), 0);
    assert_int_equal(count_sized(c, "memory:posix_memalign", 10), 1);
    assert_int_equal(seen_number(find_sized(c, "memory:posix_memalign", 10), "result"), 0);
    agent_collector_free(c);
}

/* Rebuild the heap: what is freed was live, what is returned was not. */
static void allocations_and_frees_pair_up(void **state)
{
    enum { LIVE_MAX = 4096 };
    static uint64_t live[LIVE_MAX];
    struct agent_collector *c = run_allocations("memory:*");
    const struct seen_event *events;
    size_t count = agent_collector_events(c, &events), n_live = 0, unknown = 0, frees = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct seen_event *e = &events[i];
        bool is_free = seen_is(e, "memory:free");
        bool moves = seen_is(e, "memory:realloc") || seen_is(e, "memory:reallocarray");
        uint64_t result = is_free ? 0 : seen_number(e, "result");
        uint64_t old = is_free || (moves && result) ? seen_number(e, "address") : 0;
        size_t at = 0;

        frees += is_free;
        assert_true(!is_free || old);
        while (old && at < n_live && live[at] != old)
            at++;
        if (old && at == n_live)
            unknown++;
        else if (old)
            live[at] = live[--n_live];
        for (at = 0; result && at < n_live; at++)
            assert_int_not_equal(live[at], result);
        assert_true(n_live < LIVE_MAX);
        if (result)
            live[n_live++] = result;
    }
    assert_int_equal(unknown, 0);
    assert_true(frees >= 105);
    agent_collector_free(c);
}

static void caller_is_the_program(void **state)
{
    struct agent_collector *c = run_allocations(NULL);
    const struct seen_event *event = find_sized(c, "memory:malloc", 1001);
    const struct seen_module *modules;
    uint64_t caller = seen_number(event, "caller");
    size_t count = agent_collector_modules(c, &modules);
    bool found = false;

    (void)state;
    for (size_t i = 0; i < count; i++)
        if (!modules[i].unmap && caller >= modules[i].map.base && caller < modules[i].map.end)
            found = strstr(modules[i].path, "programs/allocations") != NULL;
    assert_true(found);
    agent_collector_free(c);
}

static void duration_is_shorter_than_the_time_between(void **state)
{
    struct agent_collector *c = run_allocations("memory:*");
    const struct seen_event *events;
    size_t count = agent_collector_events(c, &events);

    (void)state;
    assert_true(count > 100);
    for (size_t i = 1; i < count; i++)
        assert_true(seen_number(&events[i], "duration") <= events[i].ticks - events[i - 1].ticks);
    agent_collector_free(c);
}

static void duration_is_told_by_the_kernels_clock_too(void **state)
{
    const struct agent_collector_options options = {.monotonic = true};
    char *words[] = {run_path("allocations"), NULL};
    struct agent_collector *c = run_traced(words, &options);
    const struct seen_event *event;
    size_t at = 0;

    (void)state;
    while ((event = agent_collector_next(c, "memory:malloc", &at)))
        assert_true(seen_number(event, "duration") < 1000000000);
    agent_collector_free(c);
}

static void events_that_are_off_are_not_told(void **state)
{
    struct agent_collector *c = run_allocations("*,!memory:*,memory:calloc");

    (void)state;
    assert_int_equal(count_sized(c, "memory:calloc", 1000), 1);
    assert_int_equal(agent_collector_count(c, "memory:malloc"), 0);
    assert_int_equal(agent_collector_count(c, "memory:free"), 0);
    agent_collector_free(c);
}

/* The program's own malloc is in front of ours; what it does not define is ours. */
static void program_with_its_own_allocator_is_left_alone(void **state)
{
    char *words[] = {run_path("own_allocator"), NULL};
    struct agent_collector *c = run_traced(words, NULL);

    (void)state;
    assert_int_equal(agent_collector_count(c, "memory:malloc"), 0);
    assert_int_equal(agent_collector_count(c, "process:exit"), 1);
    agent_collector_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_is_told_once_with_its_size),
        cmocka_unit_test(fields_say_what_was_asked_for),
        cmocka_unit_test(failure_has_no_result),
        cmocka_unit_test(allocations_and_frees_pair_up),
        cmocka_unit_test(caller_is_the_program),
        cmocka_unit_test(duration_is_shorter_than_the_time_between),
        cmocka_unit_test(duration_is_told_by_the_kernels_clock_too),
        cmocka_unit_test(events_that_are_off_are_not_told),
        cmocka_unit_test(program_with_its_own_allocator_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
