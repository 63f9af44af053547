/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a trace: what was said about processes, threads, modules, symbols comes back. */
#include "format/trace_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/block_header.h"
#include "format_fixture.h"

static struct trace_writer *writer_open(const char *path)
{
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), NULL, &fixture_recording), 0);
    return w;
}

static struct trace *close_and_open(struct trace_writer *w, const char *path)
{
    assert_int_equal(trace_writer_close(w), 0);
    return fixture_open(path);
}

static void recording_comes_back(void **state)
{
    const char *path = fixture_path("recording");
    struct trace *t = close_and_open(writer_open(path), path);
    const struct trace_recording *r = trace_recording(t);

    (void)state;
    assert_string_equal(r->adatrace_version, fixture_recording.adatrace_version);
    assert_string_equal(r->host, fixture_recording.host);
    assert_string_equal(r->kernel, fixture_recording.kernel);
    assert_string_equal(r->cpu, fixture_recording.cpu);
    assert_string_equal(r->command, fixture_recording.command);
    assert_string_equal(r->directory, fixture_recording.directory);
    assert_string_equal(r->clock_source, fixture_recording.clock_source);
    assert_string_equal(r->policy, fixture_recording.policy);
    assert_int_equal(r->cpu_count, fixture_recording.cpu_count);
    assert_int_equal(r->page_bytes, fixture_recording.page_bytes);
    assert_int_equal(r->ticks_per_second, fixture_recording.ticks_per_second);
    trace_close(t);
}

static void processes_and_their_ends_come_back(void **state)
{
    const char *path = fixture_path("processes");
    struct trace_writer *w = writer_open(path);
    struct trace_process p = {.process = 9,
                              .parent = 3,
                              .pid = 4711,
                              .start_ticks = 5,
                              .start_time = 6,
                              .image = UINT64_C(1) << 60,
                              .executable = "/bin/x",
                              .command = "x 'y z'"};
    struct trace_process_end end = {.process = 9, .end_ticks = 77, .status = 9};
    const struct trace_process *back;
    struct trace *t;

    (void)state;
    fixture_process(w, 3, 1);
    assert_int_equal(trace_writer_process(w, &p), 0);
    assert_int_equal(trace_writer_process_end(w, &end), 0);
    t = close_and_open(w, path);
    assert_int_equal(trace_process_at(t, 0)->process, 3);
    back = trace_process_at(t, 1);
    assert_ptr_equal(back, trace_process_by_number(t, 9));
    assert_int_equal(back->parent, 3);
    assert_int_equal(back->pid, 4711);
    assert_int_equal(back->start_ticks, 5);
    assert_int_equal(back->start_time, 6);
    assert_true(back->image == p.image);
    assert_string_equal(back->executable, p.executable);
    assert_string_equal(back->command, p.command);
    assert_null(trace_process_at(t, 2));
    assert_null(trace_process_by_number(t, 4));
    assert_null(trace_process_end_of(t, 3));
    assert_null(trace_process_end_of(t, 4));
    assert_int_equal(trace_process_end_of(t, 9)->status, 9);
    assert_int_equal(trace_process_end_of(t, 9)->end_ticks, 77);
    trace_close(t);
}

static void last_name_and_newest_ledger_of_a_thread_count(void **state)
{
    const char *path = fixture_path("threads");
    struct trace_writer *w = writer_open(path);
    struct trace_ledger ledger = {.thread = 7, .written = 1};
    const struct trace_ledger *back;
    struct trace *t;

    (void)state;
    fixture_process(w, 1, 1);
    fixture_thread(w, 7, 1, "before");
    fixture_thread(w, 8, 1, "other");
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    fixture_thread(w, 7, 1, "after");
    ledger = (struct trace_ledger){7, true, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    t = close_and_open(w, path);
    assert_int_equal(trace_thread_at(t, 0)->thread, 7);
    assert_string_equal(trace_thread_at(t, 0)->name, "after");
    assert_int_equal(trace_thread_by_number(t, 8)->tid, 2008);
    assert_int_equal(trace_thread_by_number(t, 8)->ring_bytes, 4096);
    assert_null(trace_thread_at(t, 2));
    assert_null(trace_thread_by_number(t, 1));
    assert_null(trace_ledger_of(t, 8));
    back = trace_ledger_of(t, 7);
    assert_true(back->final);
    assert_int_equal(back->written, 10);
    assert_int_equal(back->written_bytes, 11);
    assert_int_equal(back->dropped, 12);
    assert_int_equal(back->dropped_bytes, 13);
    assert_int_equal(back->overwritten, 14);
    assert_int_equal(back->overwritten_bytes, 15);
    assert_int_equal(back->damaged, 16);
    assert_int_equal(back->nested, 17);
    assert_int_equal(back->high_water_bytes, 18);
    assert_int_equal(back->stored, 19);
    trace_close(t);
}

static void module_that_is_unmapped_stands_once(void **state)
{
    const char *path = fixture_path("unmapped");
    struct trace_writer *w = writer_open(path);
    struct trace_module m = {1, 1, 0x1000, 0x5000, 0x800, 3, UINT64_MAX, "/lib/x.so", "00ff"};
    struct trace_module other = {2, 1, 0x6000, 0x7000, 0, 4, UINT64_MAX, "/lib/y.so", ""};
    struct trace *t;

    (void)state;
    fixture_process(w, 1, 1);
    assert_int_equal(trace_writer_module(w, &m), 0);
    assert_int_equal(trace_writer_module(w, &other), 0);
    m.to_ticks = 77;
    assert_int_equal(trace_writer_module(w, &m), 0);
    m.to_ticks = UINT64_MAX; /* as another file of the session has it */
    assert_int_equal(trace_writer_module(w, &m), 0);
    t = close_and_open(w, path);
    assert_int_equal(trace_module_at(t, 0)->module, 1);
    assert_int_equal(trace_module_at(t, 0)->to_ticks, 77);
    assert_int_equal(trace_module_at(t, 1)->module, 2);
    assert_null(trace_module_at(t, 2));
    trace_close(t);
}

static void modules_and_notes_come_back(void **state)
{
    const char *path = fixture_path("modules");
    struct trace_writer *w = writer_open(path);
    struct trace_module m = {1, 1, 0x1000, 0x5000, 0x800, 3, UINT64_MAX, "/lib/x.so", "00ff"};
    struct trace_note note = {TRACE_NOTE_UNTRACED, 1, 99, "/bin/static is linked statically"};
    struct trace *t;

    (void)state;
    fixture_process(w, 1, 1);
    assert_int_equal(trace_writer_module(w, &m), 0);
    assert_int_equal(trace_writer_note(w, &note), 0);
    t = close_and_open(w, path);
    assert_int_equal(trace_module_at(t, 0)->base, 0x1000);
    assert_int_equal(trace_module_at(t, 0)->end, 0x5000);
    assert_int_equal(trace_module_at(t, 0)->bias, 0x800);
    assert_int_equal(trace_module_at(t, 0)->from_ticks, 3);
    assert_true(trace_module_at(t, 0)->to_ticks == UINT64_MAX);
    assert_string_equal(trace_module_at(t, 0)->path, m.path);
    assert_string_equal(trace_module_at(t, 0)->build_id, m.build_id);
    assert_null(trace_module_at(t, 1));
    assert_int_equal(trace_note_at(t, 0)->kind, TRACE_NOTE_UNTRACED);
    assert_string_equal(trace_note_at(t, 0)->text, note.text);
    assert_null(trace_note_at(t, 1));
    trace_close(t);
}

/* ---- symbols ---- */

static void symbol_write(struct trace_writer *w, uint32_t process, uint64_t address, uint64_t from,
                         uint64_t to, const char *name)
{
    struct trace_symbol s = {.process = process,
                             .address = address,
                             .start = address,
                             .from_ticks = from,
                             .to_ticks = to,
                             .name = name,
                             .file = "x.c",
                             .line = 3};

    assert_int_equal(trace_writer_symbol(w, &s), 0);
}

static void symbol_expect(const struct trace *t, uint32_t process, uint64_t address, uint64_t ticks,
                          const char *name)
{
    const struct trace_symbol *s = trace_symbol_find(t, process, address, ticks);

    if (!name) {
        assert_null(s);
        return;
    }
    assert_non_null(s);
    assert_string_equal(s->name, name);
}

static void symbols_hold_for_their_image_and_their_time(void **state)
{
    const char *path = fixture_path("symbols");
    struct trace_writer *w = writer_open(path);
    struct trace *t;

    (void)state;
    fixture_process(w, 1, 100);
    fixture_process(w, 2, 100); /* a fork */
    fixture_process(w, 3, 300); /* another program */
    symbol_write(w, 1, 0x1000, 50, UINT64_MAX, "loaded_later");
    symbol_write(w, 1, 0x1000, 10, 40, "unloaded");
    symbol_write(w, 1, 0x2000, 0, UINT64_MAX, "main");
    symbol_write(w, 3, 0x2000, 0, UINT64_MAX, "other_main");
    symbol_write(w, 9, 0x2000, 0, UINT64_MAX, "of nobody");
    t = close_and_open(w, path);
    symbol_expect(t, 1, 0x2000, 0, "main");
    symbol_expect(t, 2, 0x2000, UINT64_MAX, "main");
    symbol_expect(t, 3, 0x2000, 5, "other_main");
    symbol_expect(t, 1, 0x1000, 9, NULL);
    symbol_expect(t, 1, 0x1000, 10, "unloaded");
    symbol_expect(t, 2, 0x1000, 39, "unloaded");
    symbol_expect(t, 1, 0x1000, 40, NULL);
    symbol_expect(t, 1, 0x1000, 50, "loaded_later");
    symbol_expect(t, 1, 0x1001, 50, NULL);
    symbol_expect(t, 3, 0x1000, 50, NULL);
    symbol_expect(t, 4, 0x2000, 5, NULL);
    trace_close(t);
}

static void many_symbols_are_all_found(void **state)
{
    const char *path = fixture_path("many");
    struct trace_writer *w = writer_open(path);
    char name[32];
    struct trace *t;

    (void)state;
    fixture_process(w, 1, 100);
    for (uint64_t i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "f%u", (unsigned)i);
        symbol_write(w, 1, 0x1000 + 16 * (i * 7919 % 20000), 0, UINT64_MAX, name);
    }
    t = close_and_open(w, path);
    for (uint64_t i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "f%u", (unsigned)i);
        symbol_expect(t, 1, 0x1000 + 16 * (i * 7919 % 20000), 5, name);
    }
    trace_close(t);
}

/* ---- the index ---- */

static void events_are_the_same_with_and_without_the_index(void **state)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 50};
    const char *path = fixture_path("indexed"), *without = fixture_path("without");
    struct block_header header;
    struct model model = {0};
    struct trace_condition condition;
    unsigned char *bytes;
    struct trace *t;
    size_t size, at = 0;

    (void)state;
    model_random(&model, path, &options, 5, 4000, 20);
    bytes = fixture_load(path, &size);
    for (;;) { /* up to the index */
        assert_int_equal(block_header_decode(bytes + at, size - at, &header), 0);
        if (header.kind == BLOCK_INDEX)
            break;
        at += BLOCK_HEADER_BYTES + header.frame_bytes;
    }
    fixture_store(without, bytes, at);
    t = fixture_open(path);
    trace_condition(t, &condition);
    assert_true(condition.indexed);
    assert_int_equal(model_compare(&model, t, MATCH_ALL), 4000);
    trace_close(t);
    t = fixture_open(without);
    trace_condition(t, &condition);
    assert_false(condition.indexed || condition.ended);
    assert_int_equal(condition.records, 4000);
    assert_int_equal(condition.file_bytes, at);
    assert_int_equal(model_compare(&model, t, MATCH_ALL), 4000);
    trace_close(t);
    free(bytes);
    model_free(&model);
}

static void values_read_with_sign_and_as_floats(void **state)
{
    static const unsigned char bytes[] = {0xFF, 0xFF, 0xFE, 0x01, 0x00, 0x80};
    const struct ada_field field = {.kind = ADA_KIND_SIGNED, .width = 3, .count = 2};
    const struct ada_field wide = {.kind = ADA_KIND_FLOAT, .width = 8, .count = 1};
    const struct ada_field narrow = {.kind = ADA_KIND_FLOAT, .width = 4, .count = 1};
    double d = -1.5;
    float f = 0.25F;
    struct trace_value v = {&field, bytes, sizeof(bytes)};

    (void)state;
    assert_int_equal(trace_value_unsigned(&v, 0), 0xFEFFFF);
    assert_int_equal(trace_value_signed(&v, 0), -65537);
    assert_int_equal(trace_value_signed(&v, 1), -8388607);
    v = (struct trace_value){&wide, (const unsigned char *)&d, 8};
    assert_true(trace_value_float(&v, 0) == -1.5);
    v = (struct trace_value){&narrow, (const unsigned char *)&f, 4};
    assert_true(trace_value_float(&v, 0) == 0.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recording_comes_back),
        cmocka_unit_test(processes_and_their_ends_come_back),
        cmocka_unit_test(last_name_and_newest_ledger_of_a_thread_count),
        cmocka_unit_test(module_that_is_unmapped_stands_once),
        cmocka_unit_test(modules_and_notes_come_back),
        cmocka_unit_test(symbols_hold_for_their_image_and_their_time),
        cmocka_unit_test(many_symbols_are_all_found),
        cmocka_unit_test(events_are_the_same_with_and_without_the_index),
        cmocka_unit_test(values_read_with_sign_and_as_floats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
