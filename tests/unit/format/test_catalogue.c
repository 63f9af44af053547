/* SPDX-License-Identifier: Apache-2.0 */
#include "format/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_fixture.h"

/* ---- helpers ---- */

static struct catalogue *catalogue_new(void)
{
    struct catalogue *c = catalogue_create();

    assert_non_null(c);
    return c;
}

static void process_add(struct catalogue *c, uint32_t number, uint64_t image)
{
    const struct trace_process process = {
        .process = number, .image = image, .executable = "/bin/x", .command = "x"};

    assert_int_equal(catalogue_add(c, ITEM_PROCESS, &process), 0);
}

static void process_end(struct catalogue *c, uint32_t number)
{
    const struct trace_process_end end = {.process = number, .end_ticks = 9};

    assert_int_equal(catalogue_add(c, ITEM_PROCESS_END, &end), 0);
}

static void thread_add(struct catalogue *c, uint32_t number, uint32_t process, const char *name)
{
    const struct trace_thread thread = {.thread = number, .process = process, .name = name};

    assert_int_equal(catalogue_add(c, ITEM_THREAD, &thread), 0);
}

static void module_add(struct catalogue *c, uint32_t number, uint32_t process, uint64_t to_ticks)
{
    const struct trace_module module = {
        .module = number, .process = process, .to_ticks = to_ticks, .path = "/lib/y.so"};

    assert_int_equal(catalogue_add(c, ITEM_MODULE, &module), 0);
}

static void clock_add(struct catalogue *c, uint64_t ticks)
{
    const struct trace_clock_pair pair = {.ticks = ticks, .monotonic_ns = ticks};

    assert_int_equal(catalogue_add(c, ITEM_CLOCK, &pair), 0);
}

/* What it gives out, counted: of each kind, and the last thread's name. */
struct content {
    unsigned of_kind[ITEM_KIND_LAST + 1];
    uint64_t processes, threads, modules; /* bit n: number n is there */
    uint64_t first_clock, last_clock;
    char name[32];
};

static void item_count(struct content *content, const struct item_view *view)
{
    union {
        struct trace_process process;
        struct trace_thread thread;
        struct trace_module module;
        struct trace_clock_pair clock;
    } item;
    struct string_arena arena = {0};

    assert_in_range(view->kind, ITEM_RECORDING, ITEM_KIND_LAST);
    content->of_kind[view->kind]++;
    if (view->kind == ITEM_PROCESS || view->kind == ITEM_THREAD || view->kind == ITEM_MODULE ||
        view->kind == ITEM_CLOCK)
        assert_int_equal(item_decode(view, &item, &arena), 0);
    if (view->kind == ITEM_PROCESS && item.process.process < 64)
        content->processes |= UINT64_C(1) << item.process.process;
    if (view->kind == ITEM_THREAD && item.thread.thread < 64) {
        /* What it refers to stands before it. */
        assert_true(content->processes & UINT64_C(1) << item.thread.process);
        content->threads |= UINT64_C(1) << item.thread.thread;
        snprintf(content->name, sizeof(content->name), "%s", item.thread.name);
    }
    if (view->kind == ITEM_MODULE && item.module.module < 64)
        content->modules |= UINT64_C(1) << item.module.module;
    if (view->kind == ITEM_CLOCK) {
        if (content->of_kind[ITEM_CLOCK] == 1)
            content->first_clock = item.clock.ticks;
        else
            assert_true(item.clock.ticks > content->last_clock);
        content->last_clock = item.clock.ticks;
    }
    string_arena_free(&arena);
}

static struct content content_of(struct catalogue *c)
{
    struct content content = {0};
    struct byte_buffer out = {0};
    struct item_view view;
    uint32_t items = 0, seen = 0;

    assert_int_equal(catalogue_items(c, &out, &items), 0);
    for (size_t at = 0; at < out.size; seen++) {
        int64_t size = item_next(out.bytes + at, out.size - at, &view);

        assert_true(size > 0);
        item_count(&content, &view);
        at += (size_t)size;
    }
    assert_int_equal(seen, items);
    byte_buffer_free(&out);
    return content;
}

/* ---- what is in it ---- */

static void catalogue_gives_back_every_item_but_ledgers(void **state)
{
    struct catalogue *c = catalogue_new();
    const struct trace_recording recording = {.command = "x y"};
    const struct item_type type = {.type = 1, .schema = "abc", .schema_bytes = 3};
    const struct trace_symbol symbol = {.process = 1, .address = 1, .name = "f"};
    const struct trace_note note = {.kind = TRACE_NOTE_INFO, .text = "so"};
    const struct trace_ledger ledger = {.thread = 1};
    struct byte_buffer start = {0};
    struct content content;

    (void)state;
    assert_int_equal(catalogue_add(c, ITEM_RECORDING, &recording), 0);
    clock_add(c, 5);
    process_add(c, 1, 1);
    thread_add(c, 1, 1, "main");
    module_add(c, 1, 1, UINT64_MAX);
    assert_int_equal(catalogue_add(c, ITEM_TYPE, &type), 0);
    assert_int_equal(catalogue_add(c, ITEM_SYMBOL, &symbol), 0);
    assert_int_equal(catalogue_add(c, ITEM_NOTE, &note), 0);
    assert_int_equal(catalogue_add(c, ITEM_LEDGER, &ledger), 0);
    content = content_of(c);
    for (unsigned kind = ITEM_CLOCK; kind <= ITEM_KIND_LAST; kind++)
        assert_int_equal(content.of_kind[kind],
                         kind == ITEM_PROCESS_END || kind == ITEM_LEDGER ? 0 : 1);
    assert_int_equal(catalogue_recording(c, &start), 0);
    assert_true(start.size > ITEM_HEADER_BYTES);
    assert_int_equal(start.bytes[0], ITEM_RECORDING);
    byte_buffer_free(&start);
    catalogue_destroy(c);
}

static void catalogue_keeps_the_latest_name_of_a_thread(void **state)
{
    struct catalogue *c = catalogue_new();
    struct content content;

    (void)state;
    process_add(c, 1, 1);
    thread_add(c, 1, 1, "first");
    thread_add(c, 1, 1, "a longer second one");
    content = content_of(c);
    assert_int_equal(content.of_kind[ITEM_THREAD], 1);
    assert_string_equal(content.name, "a longer second one");
    catalogue_destroy(c);
}

/* ---- what is left out ---- */

static void catalogue_leaves_out_who_has_ended(void **state)
{
    struct catalogue *c = catalogue_new();
    struct content content;

    (void)state;
    process_add(c, 1, 1);
    process_add(c, 2, 2);
    thread_add(c, 1, 1, "a");
    thread_add(c, 2, 2, "b");
    module_add(c, 1, 1, UINT64_MAX);
    module_add(c, 2, 2, UINT64_MAX);
    catalogue_thread_end(c, 2);
    process_end(c, 2);
    content = content_of(c);
    assert_int_equal(content.processes, 1 << 1);
    assert_int_equal(content.threads, 1 << 1);
    assert_int_equal(content.modules, 1 << 1);
    catalogue_destroy(c);
}

static void catalogue_keeps_an_image_while_a_fork_of_it_lives(void **state)
{
    struct catalogue *c = catalogue_new();
    struct content content;

    (void)state;
    process_add(c, 1, 1);
    process_add(c, 2, 1); /* forks */
    process_add(c, 3, 1);
    process_add(c, 4, 1);
    module_add(c, 1, 1, UINT64_MAX);
    module_add(c, 2, 3, UINT64_MAX); /* mapped by one that has ended since */
    process_end(c, 1);
    process_end(c, 3);
    process_end(c, 4);
    content = content_of(c);
    assert_int_equal(content.processes, 1 << 1 | 1 << 2 | 1 << 3);
    assert_int_equal(content.of_kind[ITEM_PROCESS_END], 2);
    assert_int_equal(content.modules, 1 << 1 | 1 << 2);
    process_end(c, 2);
    content = content_of(c);
    assert_int_equal(content.processes | content.modules, 0);
    catalogue_destroy(c);
}

static bool keeps_the_second(void *context, uint32_t thread)
{
    return thread == 2 && *(const bool *)context;
}

static void catalogue_keeps_threads_whose_records_are_kept(void **state)
{
    struct catalogue *c = catalogue_new();
    struct content content;
    bool keeps = true;

    (void)state;
    catalogue_keep(c, keeps_the_second, &keeps);
    process_add(c, 1, 1);
    thread_add(c, 1, 1, "a");
    thread_add(c, 2, 1, "b");
    module_add(c, 1, 1, UINT64_MAX);
    catalogue_thread_end(c, 1);
    catalogue_thread_end(c, 2);
    process_end(c, 1);
    content = content_of(c);
    assert_int_equal(content.threads, 1 << 2);
    assert_int_equal(content.processes, 1 << 1);
    assert_int_equal(content.modules, 1 << 1);
    keeps = false;
    content = content_of(c);
    assert_int_equal(content.threads | content.processes | content.modules, 0);
    catalogue_destroy(c);
}

static void catalogue_forgets_what_was_unmapped_before_all_that_is_kept(void **state)
{
    struct catalogue *c = catalogue_new();

    (void)state;
    process_add(c, 1, 1);
    module_add(c, 1, 1, 100);
    module_add(c, 2, 1, 200);
    module_add(c, 3, 1, UINT64_MAX);
    assert_int_equal(content_of(c).modules, 1 << 1 | 1 << 2 | 1 << 3);
    catalogue_keep_from(c, 150);
    assert_int_equal(content_of(c).modules, 1 << 2 | 1 << 3);
    catalogue_destroy(c);
}

/* ---- its size ---- */

static void catalogue_grows_with_what_lives_not_with_time(void **state)
{
    enum { ROUNDS = 20000 };
    struct catalogue *c = catalogue_new();
    struct content content;

    (void)state;
    process_add(c, 1, 1);
    for (uint32_t n = 1; n <= ROUNDS; n++) {
        const struct trace_note note = {.kind = TRACE_NOTE_WARNING, .text = "again and again"};

        process_add(c, n + 1, n + 1); /* one that is executed, and ends */
        thread_add(c, n, n + 1, "short");
        module_add(c, 2 * n, n + 1, UINT64_MAX);
        module_add(c, 2 * n + 1, 1, n); /* dlclose in the one that stays */
        catalogue_thread_end(c, n);
        process_end(c, n + 1);
        clock_add(c, n);
        assert_int_equal(catalogue_add(c, ITEM_NOTE, &note), 0);
        assert_true(catalogue_bytes(c) < 2 << 20);
    }
    content = content_of(c);
    assert_int_equal(content.of_kind[ITEM_PROCESS], 1);
    assert_int_equal(content.of_kind[ITEM_THREAD], 0);
    assert_in_range(content.of_kind[ITEM_MODULE], 1, CATALOGUE_UNMAPPED_MAX);
    assert_in_range(content.of_kind[ITEM_NOTE], CATALOGUE_NOTES_MAX / 4, CATALOGUE_NOTES_MAX);
    catalogue_destroy(c);
}

static void catalogue_thins_clock_pairs_out_towards_the_past(void **state)
{
    enum { PAIRS = 100000 };
    struct catalogue *c = catalogue_new();
    struct content content;

    (void)state;
    for (uint64_t n = 1; n <= PAIRS; n++)
        clock_add(c, n * 10);
    content = content_of(c);
    assert_in_range(content.of_kind[ITEM_CLOCK], CATALOGUE_CLOCKS_MAX / 2, CATALOGUE_CLOCKS_MAX);
    assert_int_equal(content.first_clock, 10);
    assert_int_equal(content.last_clock, PAIRS * 10);
    catalogue_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue_gives_back_every_item_but_ledgers),
        cmocka_unit_test(catalogue_keeps_the_latest_name_of_a_thread),
        cmocka_unit_test(catalogue_leaves_out_who_has_ended),
        cmocka_unit_test(catalogue_keeps_an_image_while_a_fork_of_it_lives),
        cmocka_unit_test(catalogue_keeps_threads_whose_records_are_kept),
        cmocka_unit_test(catalogue_forgets_what_was_unmapped_before_all_that_is_kept),
        cmocka_unit_test(catalogue_grows_with_what_lives_not_with_time),
        cmocka_unit_test(catalogue_thins_clock_pairs_out_towards_the_past),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
