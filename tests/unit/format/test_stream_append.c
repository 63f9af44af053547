/* SPDX-License-Identifier: Apache-2.0 */
/* Records in bulk make the same file as records one by one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/trace_writer.h"
#include "format_fixture.h"

enum { TYPES = 10, FIRST_ID = 8, RECORDS = 60000, WORDS_MAX = 3 };
enum { TEXT_TYPE = 3, UNKNOWN_TYPE = TYPES /* declared in no file */ };

static const struct ada_field fields[] = {
    {.name = "a", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
    {.name = "b", .kind = ADA_KIND_SIGNED, .width = 4, .count = 1},
    {.name = "c", .kind = ADA_KIND_UNSIGNED, .width = 2, .count = 5},
};
static const struct ada_field text_field = {.name = "text", .kind = ADA_KIND_STRING, .count = 1};
static const unsigned field_counts[TYPES] = {1, 1, 0, 1, 3, 3, 1, 1, 1, 1};
static const unsigned words[TYPES] = {1, 1, 0, 1, 3, 3, 1, 1, 1, 1};
static const char *const names[TYPES] = {"t0", "t1", "t2", "t3", "t4",
                                         "t5", "t6", "t7", "t8", "t9"};

static struct schema type_of(unsigned n)
{
    return (struct schema){.id = (uint16_t)(FIRST_ID + n),
                           .provider = "test",
                           .name = names[n],
                           .fields = n == TEXT_TYPE ? &text_field : fields,
                           .field_count = (uint16_t)field_counts[n]};
}

static struct {
    uint16_t ids[RECORDS];
    uint64_t ticks[RECORDS];
    uint64_t payloads[RECORDS][WORDS_MAX + 1]; /* in front of each: room for a header word */
} input;

static unsigned words_of(uint32_t record)
{
    return words[input.ids[record] - FIRST_ID];
}

/* Stretches of one type, of two in turn or in any order, and of many; now and then a string. */
static void input_make(uint64_t random)
{
    uint64_t ticks = 1000;
    uint32_t i = 0;

    while (i < RECORDS) {
        uint64_t kind = fixture_random(&random) % 5, length = fixture_random(&random) % 700;
        unsigned a = (unsigned)(fixture_random(&random) % TYPES);
        unsigned b = (unsigned)(fixture_random(&random) % TYPES);

        for (; length-- && i < RECORDS; i++) {
            uint64_t noise = fixture_random(&random);
            unsigned type = kind == 0   ? a
                            : kind == 1 ? (i & 1 ? a : b)
                            : kind == 2 ? (noise & 1 ? a : b)
                            : kind == 3 ? (noise & 1 ? 0 : 1)
                                        : (unsigned)(noise % TYPES);

            ticks += noise % 3 ? noise % 300 : 0;
            input.ids[i] = (uint16_t)(FIRST_ID + type);
            input.ticks[i] = ticks;
            for (unsigned w = 0; w < WORDS_MAX; w++)
                input.payloads[i][1 + w] = fixture_random(&random) % 1000 * 4096;
            if (type == TEXT_TYPE)
                input.payloads[i][1] = UINT64_C(0x6100000001); /* "a" */
        }
    }
}

static struct trace_writer *writer_make(const char *path, uint32_t block_records,
                                        struct trace_stream **stream)
{
    const struct trace_writer_options options = {.level = 1, .block_records = block_records};
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    for (unsigned n = 0; n < TYPES; n++) {
        struct schema schema = type_of(n);

        fixture_type(w, 1, &schema);
    }
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    assert_int_equal(trace_stream_open(w, 1, stream), 0);
    return w;
}

static void model_write(struct model *model, const char *path, uint32_t block_records)
{
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(path, block_records, &stream);

    for (uint32_t i = 0; i < RECORDS; i++) {
        struct schema schema = type_of(input.ids[i] - FIRST_ID);
        size_t size = schema.name == names[TEXT_TYPE] ? 5
                      : schema.field_count == 3       ? 22
                                                      : words_of(i) * 8;

        model_record(model, stream, 1, &schema, input.ticks[i], &input.payloads[i][1], size);
    }
    assert_int_equal(trace_writer_close(w), 0);
}

/* As the drain does: runs of one size in bulk, what they end with alone. Returns how many went in
 * bulk. */
static uint32_t bulk_write(const char *path, uint32_t block_records, uint32_t run_max)
{
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(path, block_records, &stream);
    uint32_t in_bulk = 0;

    for (uint32_t i = 0; i < RECORDS;) {
        struct trace_rows rows = {
            .ids = &input.ids[i],
            .ticks = &input.ticks[i],
            .payloads = (const unsigned char *)&input.payloads[i][1],
            .stride = sizeof(input.payloads[0]),
            .payload_bytes = (size_t)words_of(i) * 8,
        };
        uint32_t taken;

        while (rows.count < run_max && i + rows.count < RECORDS &&
               words_of(i + rows.count) == words_of(i))
            rows.count++;
        taken = trace_stream_append(stream, &rows);
        assert_true(taken <= rows.count);
        in_bulk += taken;
        i += taken;
        if (taken < rows.count) {
            assert_int_equal(trace_stream_record(stream, input.ids[i], input.ticks[i],
                                                 &input.payloads[i][1], words_of(i) * (size_t)8),
                             0);
            i++;
        }
        assert_int_equal(trace_stream_stored(stream), i);
    }
    assert_int_equal(trace_writer_close(w), 0);
    return in_bulk;
}

static off_t size_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void records_in_bulk_make_the_same_file(void **state)
{
    static const uint32_t block_records[] = {0, 1000, 33};
    const char *one = fixture_path("one"), *bulk = fixture_path("bulk");

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        struct model model = {0};
        struct trace *trace;
        uint32_t in_bulk;

        input_make(n);
        model_write(&model, one, block_records[n % 3]);
        in_bulk = bulk_write(bulk, block_records[n % 3], n < 3 ? 256 : 40);
        assert_true(in_bulk > RECORDS / (n % 3 == 2 ? 8 : 2));
        trace = fixture_open(bulk);
        assert_int_equal(model_compare(&model, trace, MATCH_ALL), RECORDS);
        assert_int_equal(size_of(bulk), size_of(one));
        trace_close(trace);
        model_free(&model);
    }
}

/* ---- where it stops ---- */

static uint32_t append(struct trace_stream *stream, uint32_t count, const uint16_t *ids,
                       const uint64_t *ticks, size_t payload_bytes)
{
    static const uint64_t payloads[64 * 4];
    const struct trace_rows rows = {.count = count,
                                    .ids = ids,
                                    .ticks = ticks,
                                    .payloads = (const unsigned char *)payloads,
                                    .stride = 8 + payload_bytes,
                                    .payload_bytes = payload_bytes};

    return trace_stream_append(stream, &rows);
}

static void bulk_stops_at_what_needs_a_closer_look(void **state)
{
    static const uint64_t ticks[] = {10, 20, 30, 40, 50, 60}, number = 0;
    static const uint16_t first[] = {8, 8, 9, 9, 8, 9}, unknown[] = {8, 9, FIRST_ID + UNKNOWN_TYPE};
    static const uint16_t text[] = {8, FIRST_ID + TEXT_TYPE};
    static const uint64_t early[] = {5, 6};
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(fixture_path("stops"), 0, &stream);

    (void)state;
    /* The first of its type in a block. */
    assert_int_equal(append(stream, 6, first, ticks, 8), 0);
    assert_int_equal(trace_stream_record(stream, 8, 1, &number, 8), 0);
    assert_int_equal(append(stream, 6, first, ticks, 8), 2);
    assert_int_equal(trace_stream_record(stream, 9, 20, &number, 8), 0);
    assert_int_equal(append(stream, 3, first + 3, ticks + 3, 8), 3);
    /* Not declared, with strings, of another size, in the past. */
    assert_int_equal(append(stream, 3, unknown, ticks + 3, 8), 0);
    assert_int_equal(append(stream, 1, unknown + 2, ticks + 5, 8), 0);
    assert_int_equal(append(stream, 1, (const uint16_t[]){UINT16_MAX}, ticks + 5, 8), 0);
    assert_int_equal(append(stream, 2, text, (const uint64_t[]){60, 60}, 8), 1);
    assert_int_equal(append(stream, 2, first, (const uint64_t[]){60, 60}, 16), 0);
    assert_int_equal(append(stream, 2, first, early, 8), 0);
    assert_int_equal(append(stream, 0, first, ticks, 8), 0);
    assert_int_equal(trace_stream_stored(stream), 8);
    assert_int_equal(trace_writer_close(w), 0);
}

static void bulk_into_a_failed_file_takes_nothing(void **state)
{
    static const uint64_t ticks[] = {10, 20}, number = 0;
    static const uint16_t ids[] = {8, 8};
    const char *path = fixture_path("full");
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(path, 2, &stream);

    (void)state;
    /* Its descriptor is another file's by now, and it cannot be opened again. */
    for (int fd = 3; fd < 64; fd++) {
        struct stat mine, file;

        if (fstat(fd, &mine) == 0 && stat(path, &file) == 0 && mine.st_ino == file.st_ino)
            assert_int_equal(dup2(STDERR_FILENO, fd), fd);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(trace_stream_record(stream, 8, 1, &number, 8), 0);
    assert_int_equal(append(stream, 2, ids, ticks, 8), 1);
    assert_int_equal(trace_stream_record(stream, 8, 20, &number, 8), -EBADF);
    assert_int_equal(append(stream, 2, ids, ticks, 8), 0);
    assert_int_equal(trace_stream_stored(stream), 0);
    assert_int_equal(trace_writer_close(w), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_in_bulk_make_the_same_file),
        cmocka_unit_test(bulk_stops_at_what_needs_a_closer_look),
        cmocka_unit_test(bulk_into_a_failed_file_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
