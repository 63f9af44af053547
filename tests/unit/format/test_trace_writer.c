/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's refusals, and what it keeps count of. Whole files are in test_round_trip.c. */
#include "format/trace_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_state.h"
#include "format/writer_state.h"
#include "format_fixture.h"

static const struct ada_field number_fields[] = {
    {.name = "a", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "b", .kind = ADA_KIND_UNSIGNED, .width = 4, .count = 1},
};
static const struct ada_field text_fields[] = {
    {.name = "n", .kind = ADA_KIND_UNSIGNED, .width = 2, .count = 1},
    {.name = "first", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
    {.name = "second", .kind = ADA_KIND_BYTES, .width = 0, .count = 1},
};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = number_fields, .field_count = 2};
static const struct schema text = {
    .id = 9, .provider = "test", .name = "text", .fields = text_fields, .field_count = 3};

static struct trace_writer *writer_open(const char *path)
{
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), NULL, &fixture_recording), 0);
    return w;
}

/* A writer with one image, process, thread and stream. */
static struct trace_writer *stream_open(const char *path, struct trace_stream **stream)
{
    struct trace_writer *w = writer_open(path);

    fixture_type(w, 1, &number);
    fixture_type(w, 1, &text);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    assert_int_equal(trace_stream_open(w, 1, stream), 0);
    return w;
}

static void type_declared_twice_or_malformed_is_refused(void **state)
{
    const char *path = fixture_path("types");
    struct trace_writer *w = writer_open(path);
    unsigned char bytes[1024];
    int size = schema_encode(&number, bytes, sizeof(bytes));
    struct trace *trace;

    (void)state;
    assert_int_equal(trace_writer_type(w, 1, bytes, (size_t)size), 0);
    assert_int_equal(trace_writer_type(w, 1, bytes, (size_t)size), -EEXIST);
    for (size_t cut = 0; cut < (size_t)size; cut++)
        assert_int_equal(trace_writer_type(w, 1, bytes, cut), -EBADMSG);
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(trace_type_count(trace), 1);
    trace_close(trace);
}

static void same_type_of_many_images_stands_in_the_file_once(void **state)
{
    const char *path = fixture_path("shared");
    struct trace_writer *w = writer_open(path);
    struct model model = {0};
    struct trace *trace;
    uint32_t items = 0;

    (void)state;
    for (uint32_t i = 1; i <= 20; i++) {
        struct schema type = number;
        struct trace_stream *stream;
        unsigned char payload[12] = {0};

        type.id = (uint16_t)(100 + i); /* every program counts its own way */
        fixture_type(w, 1000 + i, &type);
        fixture_process(w, i, 1000 + i);
        fixture_thread(w, i, i, "");
        assert_int_equal(trace_stream_open(w, i, &stream), 0);
        memcpy(payload, &i, sizeof(i));
        model_record(&model, stream, i, &type, i, payload, sizeof(payload));
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(trace_type_count(trace), 1);
    assert_string_equal(trace_type_at(trace, 0)->full_name, "test:number");
    for (size_t i = 0; i < trace->blocks.count; i++)
        if (trace->blocks.entries[i].kind == BLOCK_META)
            items += trace->blocks.entries[i].records;
    assert_int_equal(items, 20 + 20 + 1); /* processes, threads, and the type */
    assert_null(trace_type_at(trace, 1));
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 20);
    trace_close(trace);
    model_free(&model);
}

static void type_declared_while_records_flow_is_usable_at_once(void **state)
{
    const char *path = fixture_path("later");
    struct trace_writer *w = writer_open(path);
    struct model model = {0};
    struct trace_stream *stream;
    unsigned char payload[16] = {0};
    struct trace *trace;

    (void)state;
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    assert_int_equal(trace_stream_record(stream, 8, 1, payload, 16), -ENOENT);
    fixture_type(w, 1, &number);
    model_record(&model, stream, 1, &number, 1, payload, 12);
    for (uint16_t id = 10; id < 500; id++) {
        struct schema type = number;

        type.id = id;
        fixture_type(w, 1, &type);
        model_record(&model, stream, 1, &type, id, payload, 12);
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 491);
    trace_close(trace);
    model_free(&model);
}

static void stream_of_unknown_thread_is_refused(void **state)
{
    struct trace_writer *w = writer_open(fixture_path("unknown"));
    struct trace_thread orphan = {.thread = 2, .process = 99, .name = ""};
    struct trace_stream *stream;

    (void)state;
    assert_int_equal(trace_stream_open(w, 1, &stream), -ENOENT);
    assert_int_equal(trace_writer_thread(w, &orphan), 0);
    assert_int_equal(trace_stream_open(w, 2, &stream), -ENOENT); /* its process is not known */
    assert_int_equal(trace_writer_close(w), 0);
}

static void numbers_that_mean_none_are_refused(void **state)
{
    struct trace_writer *w = writer_open(fixture_path("none"));
    struct trace_process process = {.process = TRACE_PROCESS_NONE};
    struct trace_thread thread = {.thread = TRACE_THREAD_NONE};

    (void)state;
    assert_int_equal(trace_writer_process(w, &process), -EINVAL);
    assert_int_equal(trace_writer_thread(w, &thread), -EINVAL);
    assert_int_equal(trace_writer_set_level(w, -8), -EINVAL);
    assert_int_equal(trace_writer_set_level(w, 20), -EINVAL);
    assert_int_equal(trace_writer_set_level(w, 19), 0);
    assert_int_equal(trace_writer_close(w), 0);
}

/* The payload may be anything: a hostile program wrote it. */
static void payload_that_does_not_fit_its_type_is_refused_without_harm(void **state)
{
    const char *path = fixture_path("payload");
    struct model model = {0};
    struct trace_stream *stream;
    struct trace_writer *w = stream_open(path, &stream);
    unsigned char good[] = {1, 2, 3, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0, 0, 'd'}, bad[64] = {0};
    struct trace *trace;

    (void)state;
    model_record(&model, stream, 1, &text, 1, good, sizeof(good));
    assert_int_equal(trace_stream_record(stream, 8, 2, bad, 11), -EBADMSG); /* short */
    assert_int_equal(trace_stream_record(stream, 8, 2, bad, 0), -EBADMSG);
    assert_int_equal(trace_stream_record(stream, 8, 2, bad, 20), -EBADMSG); /* long */
    assert_int_equal(trace_stream_record(stream, 7, 2, bad, 16), -ENOENT);
    assert_int_equal(trace_stream_record(stream, 65535, 2, bad, 16), -ENOENT);
    for (size_t size = 0; size < sizeof(good); size++)
        assert_int_equal(trace_stream_record(stream, 9, 2, good, size), -EBADMSG);
    memcpy(bad, good, sizeof(good));
    bad[9] = 2; /* the second string would pass the end */
    assert_int_equal(trace_stream_record(stream, 9, 2, bad, sizeof(good)), -EBADMSG);
    memset(bad + 2, 0xFF, 4); /* the first one by far */
    assert_int_equal(trace_stream_record(stream, 9, 2, bad, sizeof(good)), -EBADMSG);
    memcpy(bad, good, sizeof(good)); /* more behind it than padding */
    assert_int_equal(trace_stream_record(stream, 9, 2, bad, sizeof(good) + 8), -EBADMSG);
    model_record(&model, stream, 1, &text, 3, good, sizeof(good));
    assert_int_equal(trace_stream_stored(stream), 2);
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 2);
    trace_close(trace);
    model_free(&model);
}

static void ticks_that_go_back_are_held(void **state)
{
    const char *path = fixture_path("back");
    struct trace_stream *stream;
    struct trace_writer *w = stream_open(path, &stream);
    unsigned char payload[16] = {0};
    static const uint64_t ticks[] = {100, 50, 120, 119};
    static const uint64_t held[] = {100, 100, 120, 120};
    const struct trace_block *block;
    struct trace_scan *scan;
    struct trace *trace;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(trace_stream_record(stream, 8, ticks[i], payload, 16), 0);
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(trace_scan_open(trace, NULL, &scan), 0);
    assert_int_equal(trace_scan_next(scan, &block), 1);
    assert_memory_equal(block->ticks, held, sizeof(held));
    trace_scan_close(scan);
    trace_close(trace);
}

static void flush_puts_everything_so_far_into_the_file(void **state)
{
    const char *path = fixture_path("flush");
    struct model model = {0};
    struct trace_stream *stream;
    struct trace_writer *w = stream_open(path, &stream);
    struct trace_writer_stats stats;
    unsigned char payload[12] = {0}, *bytes;
    struct trace_condition condition;
    struct trace *trace;
    size_t size;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        model_record(&model, stream, 1, &number, i, payload, sizeof(payload));
        if (i % 10 == 9)
            assert_int_equal(trace_writer_flush(w), 0);
    }
    assert_int_equal(trace_writer_flush(w), 0); /* nothing new: no block */
    trace_writer_stats(w, &stats);
    assert_int_equal(stats.blocks, 2 + 10);
    assert_int_equal(stats.records, 100);
    assert_int_equal(stats.raw_bytes, 100 * (8 + 16));
    trace = fixture_open(path); /* while it is being written */
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 100);
    trace_condition(trace, &condition);
    assert_false(condition.ended);
    trace_close(trace);
    bytes = fixture_load(path, &size);
    assert_int_equal(size, stats.file_bytes);
    free(bytes);
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
}

static void streams_come_and_go(void **state)
{
    const char *path = fixture_path("streams");
    struct trace_writer *w = writer_open(path);
    struct trace_stream *before = NULL;
    struct model model = {0};
    struct trace *trace;

    (void)state;
    fixture_type(w, 1, &number);
    fixture_process(w, 1, 1);
    for (uint32_t i = 1; i <= 60; i++) {
        struct trace_stream *stream;
        unsigned char payload[12] = {0};

        fixture_thread(w, i, 1, "short");
        assert_int_equal(trace_stream_open(w, i, &stream), 0);
        for (unsigned n = 0; n < i; n++)
            model_record(&model, stream, i, &number, 100 * i + n, payload, sizeof(payload));
        /* The newest goes, or one from the middle, or none. */
        if (i % 3 == 1)
            assert_int_equal(trace_stream_close(stream), 0);
        else if (i % 3 == 2)
            before = stream;
        else
            assert_int_equal(trace_stream_close(before), 0);
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 60 * 61 / 2);
    trace_close(trace);
    model_free(&model);
}

static void level_changes_from_block_to_block(void **state)
{
    const char *path = fixture_path("levels");
    struct model model = {0};
    struct trace_stream *stream;
    struct trace_writer *w = stream_open(path, &stream);
    unsigned char payload[12] = {0};
    static const int levels[] = {3, 0, -5, 1};
    struct trace_block_info info;
    struct trace *trace;
    unsigned data_blocks = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(trace_writer_set_level(w, levels[i]), 0);
        model_record(&model, stream, 1, &number, i, payload, sizeof(payload));
        assert_int_equal(trace_stream_flush(stream), 0);
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 4);
    for (size_t i = 0; trace_block_info(trace, i, &info); i++) {
        if (!info.is_data)
            continue;
        assert_int_equal(info.level, levels[data_blocks]);
        assert_int_equal(info.first_ticks, data_blocks);
        assert_int_equal(info.thread, 1);
        assert_int_equal(info.records, 1);
        assert_false(info.is_damaged);
        data_blocks++;
    }
    assert_int_equal(data_blocks, 4);
    trace_close(trace);
    model_free(&model);
}

/* ---- addresses ---- */

struct address {
    uint64_t image, address, first, last;
};
struct addresses {
    struct address seen[20000];
    size_t count;
};

static void address_keep(void *context, uint64_t image, uint64_t address, uint64_t first_ticks,
                         uint64_t last_ticks)
{
    struct addresses *all = context;

    assert_true(all->count < 20000);
    all->seen[all->count++] = (struct address){image, address, first_ticks, last_ticks};
}

static const struct address *address_of(const struct addresses *all, uint64_t image,
                                        uint64_t address)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->seen[i].image == image && all->seen[i].address == address)
            return &all->seen[i];
    return NULL;
}

static const struct ada_field code_fields[] = {
    {.name = "code", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
    {.name = "stack", .kind = ADA_KIND_CODE, .width = 6, .count = 3},
};
static const struct schema code = {
    .id = 20, .provider = "test", .name = "code", .fields = code_fields, .field_count = 2};

/* `distinct` addresses in turn, and a neighbour in the array; other records in between. */
static void addresses_check(uint64_t distinct, unsigned records, uint32_t block_records)
{
    const struct trace_writer_options options = {.level = 1, .block_records = block_records};
    static struct addresses all;
    struct trace_stream *stream;
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(fixture_path("addresses")), &options,
                                       &fixture_recording),
                     0);
    fixture_type(w, 5, &number);
    fixture_type(w, 5, &code);
    fixture_process(w, 1, 5);
    fixture_thread(w, 1, 1, "");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (uint64_t i = 0; i < records; i++) {
        unsigned char payload[32] = {0};
        uint64_t address = 0x1000 + i % distinct * 16, stack = address + 8;

        assert_int_equal(trace_stream_record(stream, 8, 10 * i, payload, 16), 0);
        memcpy(payload, &address, 8);
        memcpy(payload + 20, &stack, 6); /* the last of the array; the others are 0 */
        assert_int_equal(trace_stream_record(stream, 20, 10 * i + 1, payload, 32), 0);
    }
    all.count = 0;
    trace_writer_addresses(w, address_keep, &all);
    assert_int_equal(all.count, 2 * distinct);
    for (uint64_t n = 0; n < distinct; n++) {
        const struct address *whole = address_of(&all, 5, 0x1000 + n * 16);
        const struct address *part = address_of(&all, 5, 0x1008 + n * 16);
        uint64_t last = n + (records - 1 - n) / distinct * distinct;

        assert_non_null(whole);
        assert_non_null(part);
        assert_int_equal(whole->first, 10 * n + 1);
        assert_int_equal(whole->last, 10 * last + 1);
        assert_int_equal(part->first, whole->first);
        assert_int_equal(part->last, whole->last);
    }
    assert_int_equal(trace_writer_close(w), 0);
}

static void addresses_are_collected_with_the_time_of_their_use(void **state)
{
    (void)state;
    addresses_check(1, 50, 0);
    addresses_check(5, 300, 64);
    addresses_check(300, 5000, 0);
    addresses_check(5000, 6000, 0); /* more than a dictionary takes */
}

static void failed_open_closes_the_descriptor(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct trace_writer *w;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(trace_writer_open(&w, fd, NULL, &fixture_recording), -ENOSPC);
    assert_null(w);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_declared_twice_or_malformed_is_refused),
        cmocka_unit_test(same_type_of_many_images_stands_in_the_file_once),
        cmocka_unit_test(type_declared_while_records_flow_is_usable_at_once),
        cmocka_unit_test(stream_of_unknown_thread_is_refused),
        cmocka_unit_test(numbers_that_mean_none_are_refused),
        cmocka_unit_test(payload_that_does_not_fit_its_type_is_refused_without_harm),
        cmocka_unit_test(ticks_that_go_back_are_held),
        cmocka_unit_test(flush_puts_everything_so_far_into_the_file),
        cmocka_unit_test(streams_come_and_go),
        cmocka_unit_test(level_changes_from_block_to_block),
        cmocka_unit_test(addresses_are_collected_with_the_time_of_their_use),
        cmocka_unit_test(failed_open_closes_the_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
