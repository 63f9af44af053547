/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a trace comes out of it: every kind and width of field, in every amount. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format_fixture.h"

static const struct ada_field code_field[] = {
    {.name = "address", .kind = ADA_KIND_CODE, .width = 8, .count = 1}};
static const struct ada_field text_field[] = {
    {.name = "text", .kind = ADA_KIND_STRING, .width = 0, .count = 1}};

static struct trace_writer *writer_open(const char *path, int level, uint32_t block_records)
{
    struct trace_writer_options options = {.level = level, .block_records = block_records};
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    return w;
}

static void random_check(unsigned threads, unsigned records, int level, uint32_t block_records,
                         size_t text_max)
{
    const char *path = fixture_path("random.adatrace");
    struct model model = {0};
    struct trace_condition condition;
    struct trace *trace;

    struct trace_writer_options options = {.level = level, .block_records = block_records};

    model_random(&model, path, &options, threads, records, text_max);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), records);
    trace_condition(trace, &condition);
    assert_true(condition.ended && condition.indexed);
    assert_int_equal(condition.damaged_blocks, 0);
    assert_int_equal(condition.records, records);
    assert_int_equal(condition.lost_records, 0);
    trace_close(trace);
    model_free(&model);
}

static void records_of_every_field_kind_come_back(void **state)
{
    (void)state;
    random_check(1, 5000, 1, 0, 40);
}

static void one_record_comes_back(void **state)
{
    (void)state;
    random_check(1, 1, 1, 0, 10);
}

static void many_threads_and_blocks_come_back_in_order(void **state)
{
    (void)state;
    random_check(16, 20000, 1, 64, 20);
}

static void every_level_and_stored_give_the_same(void **state)
{
    static const int levels[] = {-7, 0, 1, 3, 19};

    (void)state;
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        random_check(3, 3000, levels[i], 500, 30);
}

static void blocks_of_one_record_come_back(void **state)
{
    (void)state;
    random_check(2, 300, 1, 1, 30);
}

static void long_strings_end_blocks_early(void **state)
{
    (void)state;
    random_check(2, 300, 1, 0, 200 * 1024);
}

/* ---- shapes of one column: each of the encodings, and their edges ---- */

enum shape { CONSTANT, COUNTER, DOWNWARDS, FEW, MANY, ALL_DISTINCT, ONE_ODD, EXTREMES, SHAPES };

static uint64_t shape_value(enum shape shape, uint64_t i, uint64_t *random)
{
    switch (shape) {
    case CONSTANT:
        return UINT64_C(0x1122334455667788);
    case COUNTER:
        return UINT64_C(0xFFFFFFF0) + 3 * i;
    case DOWNWARDS:
        return 5 - i;
    case FEW:
        return UINT64_C(0x7F0000001000) + fixture_random(random) % 200 * 64;
    case MANY:
        return UINT64_C(0x7F0000001000) + fixture_random(random) % 2000 * 64;
    case ALL_DISTINCT:
        return fixture_random(random);
    case ONE_ODD:
        return i == 777 ? ~UINT64_C(0) : 0;
    default:
        return i % 2 ? UINT64_C(0x8000000000000000) : UINT64_C(0x7FFFFFFFFFFFFFFF);
    }
}

static void shape_check(enum shape shape, uint8_t width, uint32_t records)
{
    const struct ada_field field = {
        .name = "x", .kind = ADA_KIND_SIGNED, .width = width, .count = 1};
    const struct schema type = {
        .id = 8, .provider = "test", .name = "shape", .fields = &field, .field_count = 1};
    const char *path = fixture_path("shape.adatrace");
    struct trace_writer *w = writer_open(path, 1, 0);
    struct model model = {0};
    struct trace_stream *stream;
    struct trace *trace;
    uint64_t random = 5;

    fixture_type(w, 1, &type);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (uint32_t i = 0; i < records; i++) {
        uint64_t value = shape_value(shape, i, &random);

        model_record(&model, stream, 1, &type, i, &value, width);
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), records);
    trace_close(trace);
    model_free(&model);
}

static void every_shape_of_column_in_every_width_comes_back(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < SHAPES; shape++)
        for (uint8_t width = 1; width <= 8; width++)
            shape_check((enum shape)shape, width, 4000);
}

static void short_columns_come_back(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < SHAPES; shape++)
        for (uint32_t records = 1; records <= 20; records++)
            shape_check((enum shape)shape, 8, records);
}

/* ---- types and limits ---- */

static void three_hundred_types_take_more_than_one_block(void **state)
{
    const char *path = fixture_path("types.adatrace");
    struct trace_writer *w = writer_open(path, 1, 0);
    static char names[300][8];
    struct model model = {0};
    struct trace_stream *stream;
    struct trace_condition condition;
    struct trace *trace;

    (void)state;
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (uint16_t i = 0; i < 300; i++) {
        uint64_t value = i;
        struct schema type = {.id = (uint16_t)(8 + i),
                              .provider = "test",
                              .name = names[i],
                              .fields = code_field,
                              .field_count = 1};

        names[i][0] = 't';
        names[i][1] = (char)('a' + i / 26);
        names[i][2] = (char)('a' + i % 26);
        fixture_type(w, 1, &type);
        model_record(&model, stream, 1, &type, i, &value, sizeof(value));
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(trace_type_count(trace), 300);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 300);
    trace_condition(trace, &condition);
    assert_int_equal(condition.data_blocks, 2);
    trace_close(trace);
    model_free(&model);
}

static void widest_rows_and_longest_record_come_back(void **state)
{
    static const struct ada_field wide_array[] = {
        {.name = "page", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 8192}};
    static const struct schema page = {
        .id = 8, .provider = "test", .name = "page", .fields = wide_array, .field_count = 1};
    static const struct schema text = {
        .id = 9, .provider = "test", .name = "text", .fields = text_field, .field_count = 1};
    const char *path = fixture_path("wide.adatrace");
    struct trace_writer *w = writer_open(path, 1, 0);
    uint32_t length = (16 << 20) - 8, too_long = length + 8;
    unsigned char *payload = calloc(1, 4 + (size_t)too_long + 4);
    struct model model = {0};
    struct trace_stream *stream;
    struct trace *trace;
    uint64_t random = 3;

    (void)state;
    assert_non_null(payload);
    fixture_type(w, 1, &page);
    fixture_type(w, 1, &text);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (unsigned i = 0; i < 200; i++)
        model_record(&model, stream, 1, &page, i, payload,
                     model_payload(&page, &random, 0, payload));
    le32_store(payload, length);
    memset(payload + 4, 'x', length);
    model_record(&model, stream, 1, &text, 500, payload, 4 + (size_t)length);
    model_record(&model, stream, 1, &text, 501, payload, 4 + (size_t)length);
    le32_store(payload, too_long);
    assert_int_equal(trace_stream_record(stream, 9, 502, payload, 4 + (size_t)too_long + 4),
                     -EBADMSG);
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 202);
    trace_close(trace);
    model_free(&model);
    free(payload);
}

static void blocks_of_gaps_only_come_back(void **state)
{
    const char *path = fixture_path("gaps.adatrace");
    struct trace_writer *w = writer_open(path, 1, 10);
    struct model model = {0};
    struct trace_stream *stream;
    struct trace_condition condition;
    struct trace *trace;

    (void)state;
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (unsigned i = 0; i < 35; i++) {
        struct trace_gap gap = {1, 1 + i % 3, 10 * i, 10 * i + 5, 7, 100};

        model_gap(&model, stream, &gap);
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 0);
    trace_condition(trace, &condition);
    assert_int_equal(condition.data_blocks, 4); /* of ten at most */
    trace_close(trace);
    model_free(&model);
}

static void trace_without_records_reads_as_empty(void **state)
{
    const char *path = fixture_path("empty.adatrace");
    struct trace_writer *w = writer_open(path, 1, 0);
    struct model model = {0};
    struct trace *trace;

    (void)state;
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    assert_int_equal(model_compare(&model, trace, MATCH_ALL), 0);
    trace_close(trace);
    assert_int_equal(fixture_verify(path, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_every_field_kind_come_back),
        cmocka_unit_test(one_record_comes_back),
        cmocka_unit_test(many_threads_and_blocks_come_back_in_order),
        cmocka_unit_test(every_level_and_stored_give_the_same),
        cmocka_unit_test(blocks_of_one_record_come_back),
        cmocka_unit_test(long_strings_end_blocks_early),
        cmocka_unit_test(every_shape_of_column_in_every_width_comes_back),
        cmocka_unit_test(short_columns_come_back),
        cmocka_unit_test(three_hundred_types_take_more_than_one_block),
        cmocka_unit_test(widest_rows_and_longest_record_come_back),
        cmocka_unit_test(blocks_of_gaps_only_come_back),
        cmocka_unit_test(trace_without_records_reads_as_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
