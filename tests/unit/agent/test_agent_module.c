/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_run.h"
#include "tests/helpers/ticks_order.h"

static const struct seen_module *find(const struct agent_collector *c, const char *part)
{
    const struct seen_module *modules;
    size_t count = agent_collector_modules(c, &modules);

    for (size_t i = 0; i < count; i++)
        if (!modules[i].unmap && strstr(modules[i].path, part))
            return &modules[i];
    fail_msg("no module %s", part);
    return NULL;
}

static void program_libraries_and_vdso_are_told(void **state)
{
    char *words[] = {run_path("calls"), "1", NULL};
    struct agent_collector *c = run_traced(words, NULL);
    static const char *const parts[] = {"programs/calls", "libc.so.6", "ld-linux", "[vdso]",
                                        "libadatrace-agent.so"};

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        const struct seen_module *m = find(c, parts[i]);

        assert_true(m->map.base < m->map.end);
        assert_int_equal(m->map.base % 4096, 0);
        assert_int_equal(m->map.pid, find(c, parts[0])->map.pid);
        if (*m->path != '[')
            assert_int_equal(*m->path, '/');
    }
    agent_collector_free(c);
}

static void build_id_is_the_files(void **state)
{
    char *words[] = {run_path("calls"), "1", NULL}, command[512], expected[128] = "",
         seen[128] = "";
    struct agent_collector *c = run_traced(words, NULL);
    const struct seen_module *m = find(c, "programs/calls");
    FILE *pipe;

    (void)state;
    snprintf(command, sizeof(command), "readelf -n %s | sed -n 's/.*Build ID: //p'", words[0]);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    if (!fgets(expected, sizeof(expected), pipe))
        *expected = 0;
    pclose(pipe);
    for (unsigned i = 0; i < m->map.build_id_bytes; i++)
        sprintf(seen + 2 * i, "%02x", m->map.build_id[i]);
    expected[strcspn(expected, "\n")] = 0;
    assert_string_equal(seen, expected);
    agent_collector_free(c);
}

/* Opened and closed five times: five MAPs, each ended before the next begins. */
static void opened_library_is_mapped_and_unmapped(void **state)
{
    char library[512];
    char *words[] = {NULL, library, NULL};
    struct agent_collector *c;
    const struct seen_module *modules;
    size_t count, maps = 0, unmaps = 0;
    uint64_t base = 0, last = 0;

    (void)state;
    strcpy(library, run_path("plugin.so"));
    words[0] = run_path("plugins");
    c = run_traced(words, NULL);
    count = agent_collector_modules(c, &modules);
    for (size_t i = 0; i < count; i++) {
        if (!modules[i].unmap && strstr(modules[i].path, "plugin.so")) {
            maps++;
            base = modules[i].map.base;
            assert_true(modules[i].map.ticks >= last);
        } else if (modules[i].unmap && modules[i].map.base == base) {
            unmaps++;
            last = modules[i].map.ticks;
        }
        assert_true(unmaps <= maps && maps <= unmaps + 1);
    }
    assert_int_equal(maps, 5);
    assert_int_equal(unmaps, 5);
    agent_collector_free(c);
}

/* A MAP that is told late still covers what the library did before. */
static void calls_of_an_opened_library_fall_into_its_time(void **state)
{
    char library[512];
    char *words[] = {NULL, library, NULL};
    struct agent_collector *c;
    const struct seen_event *event;
    size_t at = 0, inside = 0;

    (void)state;
    strcpy(library, run_path("plugin.so"));
    words[0] = run_path("plugins");
    c = run_traced(words, NULL);
    while ((event = agent_collector_next(c, "function:enter", &at))) {
        uint64_t function = seen_number(event, "function");
        const struct seen_module *modules;
        size_t count = agent_collector_modules(c, &modules);
        bool mapped = false;

        for (size_t i = 0; i < count; i++) {
            const struct arena_map *m = &modules[i].map;

            if (function < m->base || function >= m->end)
                continue;
            if (!ticks_go_back(m->ticks, event->ticks))
                mapped = !modules[i].unmap;
        }
        assert_true(mapped);
        inside++;
    }
    assert_int_equal(inside, 6);
    agent_collector_free(c);
}

/* Python opens its extensions before it starts a thread or ends. */
static void library_that_is_never_closed_is_told_at_the_end(void **state)
{
    char *words[] = {"/usr/bin/python3", "-S", "-c", "import _ctypes, _json", NULL};
    struct agent_collector *c;

    (void)state;
    if (access(words[0], X_OK))
        skip();
    c = run_traced(words, NULL);
    (void)find(c, "_ctypes");
    agent_collector_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_libraries_and_vdso_are_told),
        cmocka_unit_test(build_id_is_the_files),
        cmocka_unit_test(opened_library_is_mapped_and_unmapped),
        cmocka_unit_test(calls_of_an_opened_library_fall_into_its_time),
        cmocka_unit_test(library_that_is_never_closed_is_told_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
