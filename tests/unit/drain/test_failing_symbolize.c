/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of a recording get their names at its end: from the right file, from none when it is
 * another one by now, and while every call fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <adatrace/field.h>

#include "base/clock.h"
#include "base/schema.h"
#include "call_fails.h"
#include "drain/module_names.h"
#include "drain/symbolize.h"
#include "format/trace_reader.h"
#include "own_entries.h"
#include "producer.h"

enum { TYPE_CALL = 20, RUNS_MAX = 500 };

/* Where the recorded program had this one. */
#define BIAS UINT64_C(0x7000000000)
#define SIZE UINT64_C(0x10000000)

static char trace[32];

int function_to_name(int x);
__attribute__((noinline)) int function_to_name(int x)
{
    return x * 5 + 2;
}

extern const char __executable_start[];

/* In the file's own numbering: this program is mapped from its first byte on. */
static uint64_t own_address(void)
{
    int (*function)(int) = function_to_name;
    uint64_t address;

    memcpy(&address, &function, sizeof(address));
    return address - (uint64_t)(uintptr_t)__executable_start;
}

/* ---- a recording ---- */

static void call_type_tell(struct stage *stage)
{
    const struct ada_field field = {
        .name = "address", .count = 1, .kind = ADA_KIND_CODE, .width = 8};
    const struct schema schema = {.id = TYPE_CALL,
                                  .level = ADA_LEVEL_INFO,
                                  .field_count = 1,
                                  .provider = "test",
                                  .name = "call",
                                  .fields = &field};
    unsigned char bytes[512];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(arena_append(&stage->segment, ARENA_TYPE, bytes, (size_t)size, NULL, 0), 0);
}

static void module_tell(struct stage *stage, enum arena_kind kind, const char *path, uint32_t id)
{
    const struct arena_map map = {.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC),
                                  .base = BIAS,
                                  .end = BIAS + SIZE,
                                  .bias = BIAS,
                                  .pid = stage->pid,
                                  .build_id_bytes = id ? 2 : 0,
                                  .build_id = {(uint8_t)id, 1}};

    assert_int_equal(arena_append(&stage->segment, kind, &map, sizeof(map), path, strlen(path) + 1),
                     0);
}

static void call_record(struct producer *p, uint64_t address)
{
    assert_true(ring_write(&p->writer, TYPE_CALL, &address, sizeof(address)));
}

/* One call in a module of this path and build-id (0: it has none), one in no module. */
static void recording_make(struct stage *stage, const char *path, uint32_t id)
{
    static const struct trace_recording recording = {.command = "program"};
    const struct drain_options options = {.clock = CLOCK_SOURCE_MONOTONIC, .level = 1};
    int fd = open(trace, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct trace_writer *writer;
    struct drain *drain;
    struct producer p;

    assert_int_equal(trace_writer_open(&writer, fd, NULL, &recording), 0);
    assert_int_equal(drain_create(&drain, writer, &options), 0);
    stage_add(stage, drain, &(struct stage_options){0});
    call_type_tell(stage);
    module_tell(stage, ARENA_MAP, path, id);
    producer_claim(&p, stage, 0, false);
    call_record(&p, BIAS + own_address());
    call_record(&p, 0x1000);
    producer_retire(&p);
    drain_round(stage->drain);
    drain_finish(stage->drain);
}

/* What the address is called in the file; "": nothing. The file is removed. */
static void recording_end(struct stage *stage, char *name, size_t size)
{
    const struct trace_symbol *symbol;
    struct trace_error error;
    struct trace *opened;
    int closed = drain_close(stage->drain);

    stage_clear(stage);
    *name = 0;
    if (closed == 0) {
        assert_int_equal(trace_verify(trace, NULL, NULL), 0);
        assert_int_equal(trace_open(&opened, trace, &error), 0);
        symbol = trace_symbol_find(opened, 1, BIAS + own_address(), 1);
        snprintf(name, size, "%s", symbol ? symbol->name : "");
        trace_close(opened);
    }
    unlink(trace);
}

/* ---- tests ---- */

static void address_is_named_by_the_file_that_was_mapped(void **state)
{
    struct symbolize_figures figures;
    struct stage stage;
    char name[64];

    (void)state;
    recording_make(&stage, "/proc/self/exe", 0);
    assert_int_equal(symbolize(stage.drain, &figures), 0);
    assert_int_equal(figures.addresses, 1);
    assert_int_equal(figures.named, 1);
    assert_false(figures.broke);
    recording_end(&stage, name, sizeof(name));
    assert_string_equal(name, "function_to_name");
}

/* Names of another file would be wrong ones. */
static void address_in_a_file_that_is_another_by_now_has_no_name(void **state)
{
    static const char *const paths[] = {"/proc/self/exe", "/nowhere/x", "/dev/null",
                                        "/proc/version"};

    for (unsigned n = 0; n < sizeof(paths) / sizeof(paths[0]); n++) {
        struct symbolize_figures figures;
        struct stage stage;
        char name[64];

        recording_make(&stage, paths[n], 0xab);
        assert_int_equal(symbolize(stage.drain, &figures), 0);
        assert_int_equal(figures.addresses, 1);
        assert_int_equal(figures.named, 0);
        assert_false(figures.broke);
        recording_end(&stage, name, sizeof(name));
        assert_string_equal(name, "");
    }
    (void)state;
}

struct outcome {
    unsigned failed; /* in this process; another one reads the files */
    bool named;
};

static struct outcome symbolize_once(unsigned kinds, unsigned first, unsigned last, int error)
{
    struct symbolize_figures figures;
    struct outcome outcome;
    struct stage stage;
    char name[64];
    int err;

    recording_make(&stage, "/proc/self/exe", 0);
    calls_fail(kinds, first, last, error);
    err = symbolize(stage.drain, &figures);
    outcome.failed = calls_pass();
    assert_true(err == 0 || err == -ENOMEM);
    recording_end(&stage, name, sizeof(name));
    outcome.named = name[0] != 0;
    if (outcome.named)
        assert_string_equal(name, "function_to_name"); /* or none, never another one */
    return outcome;
}

/* Until there is no such call in either process. */
static void symbolize_sweep(unsigned kinds, int error)
{
    unsigned descriptors = own_entries(OWN_DESCRIPTORS), runs = 0, first = 0;
    struct outcome outcome;

    for (unsigned for_ever = 0; for_ever < 2; for_ever++, first = 0)
        do {
            first++;
            runs++;
            outcome = symbolize_once(kinds, first, for_ever ? UINT_MAX : first, error);
            assert_int_equal(own_entries(OWN_DESCRIPTORS), descriptors);
        } while (first < RUNS_MAX && (outcome.failed || !outcome.named));
    print_message("%u runs\n", runs);
    assert_true(outcome.named);
}

static void symbols_without_memory_are_missing_not_wrong(void **state)
{
    (void)state;
    symbolize_sweep(CALL_MEMORY, 0);
}

static void symbols_without_descriptors_are_missing_not_wrong(void **state)
{
    (void)state;
    symbolize_sweep(CALL_OPEN, EMFILE);
}

/* Asked while recording: of files that are not readable only once. */
static void module_names_are_found_or_not_known(void **state)
{
    struct call_sweep calls = {.kinds = CALL_MEMORY};
    const struct drain_module *module;
    struct stage stage;
    char name[64];

    (void)state;
    recording_make(&stage, "/proc/self/exe", 0);
    module = drain_modules(stage.drain);
    while (call_sweep_next(&calls)) {
        struct module_names *names;
        const char *first = NULL, *again = NULL;

        call_sweep_arm(&calls);
        names = module_names_create();
        if (names) {
            first = module_names_find(names, module, own_address());
            again = module_names_find(names, module, own_address());
        }
        if (calls_pass() == 0) {
            assert_string_equal(first, "function_to_name");
            assert_string_equal(again, "function_to_name");
        }
        assert_true(!first || strcmp(first, "function_to_name") == 0);
        module_names_destroy(names);
    }
    assert_true(calls.runs > 4);
    recording_end(&stage, name, sizeof(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_named_by_the_file_that_was_mapped),
        cmocka_unit_test(address_in_a_file_that_is_another_by_now_has_no_name),
        cmocka_unit_test(symbols_without_memory_are_missing_not_wrong),
        cmocka_unit_test(symbols_without_descriptors_are_missing_not_wrong),
        cmocka_unit_test(module_names_are_found_or_not_known),
    };
    int fd;

    strcpy(trace, "/tmp/symbolize-XXXXXX");
    fd = mkstemp(trace);
    if (fd < 0 || close(fd))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
