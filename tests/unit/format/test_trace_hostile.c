/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose checksums are right and whose contents are lies, as an enemy would make them: random
 * changes, impossible counts, and few bytes that claim to be many. Run with a bound on memory; with
 * the sanitizers for what such a bound does not see.
 */
#include <string.h>

#include "base/le.h"
#include "format/frame.h"
#include "format/items.h"
#include "format/trace_state.h"
#include "format_fixture.h"
#include "reader_exercise.h"
#include "trace_pieces.h"

/* ---- tests ---- */

static void changed_contents_with_right_checksums_are_survived(void **state)
{
    const char *path = fixture_path("hostile.adatrace");
    uint64_t random = 31;

    (void)state;
    pieces_load(pieces_start_file());
    for (unsigned i = 0; i < 4000; i++) {
        struct piece *piece = &pieces[fixture_random(&random) % piece_count];
        struct byte_buffer saved = {0};
        unsigned changes = 1 + (unsigned)(fixture_random(&random) % 3);

        assert_int_equal(byte_buffer_append(&saved, piece->content.bytes, piece->content.size), 0);
        while (changes--) {
            uint64_t kind = fixture_random(&random), value = fixture_random(&random);
            size_t at = fixture_random(&random) % piece->content.size;

            if (kind % 4 == 0)
                value = UINT64_C(0xFFFFFFFFFFFFFFFF) << value % 64;
            else if (kind % 4 == 1)
                value %= 7;
            for (size_t b = 0; b < 1 + kind / 4 % 4 && at + b < piece->content.size; b++)
                piece->content.bytes[at + b] = (unsigned char)(value >> (8 * b));
        }
        if (i % 5 == 0)
            piece->content.size -= fixture_random(&random) % piece->content.size;
        pieces_store(path, 0);
        reader_exercise(path);
        piece->content.size = 0;
        assert_int_equal(byte_buffer_append(&piece->content, saved.bytes, saved.size), 0);
        byte_buffer_free(&saved);
    }
    pieces_free();
}

static void changed_headers_with_right_checksums_are_survived(void **state)
{
    const char *path = fixture_path("hostile.adatrace");
    uint64_t random = 37;

    (void)state;
    pieces_load(pieces_start_file());
    for (unsigned i = 0; i < 3000; i++) {
        struct piece *piece = &pieces[fixture_random(&random) % piece_count];
        struct block_header saved = piece->header;
        uint64_t value = fixture_random(&random) >> fixture_random(&random) % 64;

        switch (fixture_random(&random) % 8) {
        case 0:
            piece->header.kind = (uint8_t)(value % 7);
            break;
        case 1:
            piece->header.thread = (uint32_t)value;
            break;
        case 2:
            piece->header.records = (uint32_t)(value % (BLOCK_RECORDS_MAX + 2));
            break;
        case 3:
            piece->header.gaps = (uint32_t)(value % (BLOCK_RECORDS_MAX + 2));
            break;
        case 4:
            piece->header.first_ticks = value;
            break;
        case 5:
            piece->header.last_ticks = value;
            break;
        case 6:
            piece->header.sequence = value;
            break;
        default:
            piece->header.flags = (uint8_t)value;
        }
        pieces_store(path, 1);
        reader_exercise(path);
        piece->header = saved;
    }
    pieces_free();
}

/* A data block of one run: `records` records of type `number`, then these bytes as its columns. */
static void block_make(struct piece *piece, uint32_t records, uint32_t number, const void *columns,
                       size_t size)
{
    unsigned char front[BLOCK_DATA_BYTES + BLOCK_RUN_BYTES] = {0};
    static const unsigned char ticks[9] = {0}; /* CONST 0 */

    le32_store(front, records);
    le32_store(front + 8, 1);
    le64_store(front + 12, 1200);
    le32_store(front + 20, number);
    le32_store(front + 24, records);
    le32_store(front + 28, (uint32_t)size);
    piece->content.size = 0;
    assert_int_equal(byte_buffer_append(&piece->content, front, sizeof(front)), 0);
    assert_int_equal(byte_buffer_append(&piece->content, ticks, sizeof(ticks)), 0);
    assert_int_equal(byte_buffer_append(&piece->content, columns, size), 0);
    piece->header.records = records;
    piece->header.gaps = 0;
    piece->header.first_ticks = piece->header.last_ticks = 1200;
}

/* Put a type with these fields into the file as type `number`. */
static void type_make(struct piece *meta, uint32_t number, const struct schema *schema)
{
    unsigned char bytes[4096];
    int size = schema_encode(schema, bytes, sizeof(bytes));
    struct item_type item = {number, bytes, (uint32_t)size};

    assert_true(size > 0);
    assert_int_equal(item_append(&meta->content, ITEM_TYPE, &item), 0);
    meta->header.records++;
}

static void data_block_that_unpacks_to_gigabytes_is_refused(void **state)
{
    static const struct ada_field page_field = {
        .name = "page", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 8192};
    static const struct schema page = {
        .id = 10, .provider = "test", .name = "page", .fields = &page_field, .field_count = 1};
    static const unsigned char column[9] = {0}; /* CONST 0: a million pages in nine bytes */
    const char *path = fixture_path("bomb.adatrace");

    (void)state;
    pieces_load(pieces_start_file());
    type_make(piece_of_kind(BLOCK_META), 50, &page);
    block_make(piece_of_kind(BLOCK_DATA), BLOCK_RECORDS_MAX, 50, column, sizeof(column));
    pieces_store(path, 1);
    assert_int_equal(reader_records(path), 60); /* the other data block */
    assert_int_equal(fixture_verify(path, NULL), 1);

    block_make(piece_of_kind(BLOCK_DATA), 100, 50, column, sizeof(column)); /* honest */
    pieces_store(path, 1);
    assert_int_equal(reader_records(path), 160);
    pieces_free();
}

static void strings_that_unpack_to_gigabytes_are_refused(void **state)
{
    static const struct ada_field text_field = {
        .name = "text", .kind = ADA_KIND_STRING, .width = 0, .count = 1};
    static const struct schema text = {
        .id = 10, .provider = "test", .name = "text", .fields = &text_field, .field_count = 1};
    const char *path = fixture_path("bomb.adatrace");
    struct byte_buffer column = {0};
    static const unsigned char head[] = {5, 1, 0, 0, 0, /* TEXT_DICT, one entry */
                                         0, 0, 0, 1, 0 /* CONST: 65,536 bytes */};
    static const unsigned char index[] = {0, 0}; /* CONST 0 */
    static unsigned char entry[65536];

    (void)state;
    assert_int_equal(byte_buffer_append(&column, head, sizeof(head)), 0);
    assert_int_equal(byte_buffer_append(&column, entry, sizeof(entry)), 0);
    assert_int_equal(byte_buffer_append(&column, index, sizeof(index)), 0);
    pieces_load(pieces_start_file());
    type_make(piece_of_kind(BLOCK_META), 50, &text);
    block_make(piece_of_kind(BLOCK_DATA), BLOCK_RECORDS_MAX, 50, column.bytes, column.size);
    pieces_store(path, 1);
    assert_int_equal(reader_records(path), 60);

    block_make(piece_of_kind(BLOCK_DATA), 100, 50, column.bytes, column.size); /* honest */
    pieces_store(path, 1);
    assert_int_equal(reader_records(path), 160);
    byte_buffer_free(&column);
    pieces_free();
}

static void frame_that_is_larger_than_it_says_is_refused(void **state)
{
    const char *path = fixture_path("bomb.adatrace");
    struct piece *data;
    struct byte_buffer out = {0}, zeros = {0};
    struct piece bomb;

    (void)state;
    pieces_load(pieces_start_file());
    data = piece_of_kind(BLOCK_DATA);
    bomb = *data;
    assert_int_equal(byte_buffer_reserve(&zeros, 60 << 20), 0);
    memset(zeros.bytes, 0, 60 << 20);
    zeros.size = 60 << 20;
    bomb.content = zeros;
    for (unsigned i = 0; i < piece_count; i++) {
        size_t at = out.size;
        struct block_header header;

        piece_append(&out, &pieces[i] == data ? &bomb : &pieces[i],
                     pieces[i].header.kind == BLOCK_END ? 0 : 1);
        if (&pieces[i] != data)
            continue;
        assert_int_equal(block_header_decode(out.bytes + at, out.size - at, &header), 0);
        header.content_bytes = (uint32_t)data->content.size; /* the lie */
        block_header_encode(&header, out.bytes + at);
    }
    byte_buffer_free(&zeros);
    fixture_store(path, out.bytes, out.size);
    byte_buffer_free(&out);
    assert_int_equal(reader_records(path), 60);
    pieces_free();
}

/* Ten kilobytes of zstd that unpack to gigabytes of notes. */
static void metadata_without_measure_is_refused(void **state)
{
    const char *path = fixture_path("bomb.adatrace");
    struct trace_note note = {TRACE_NOTE_INFO, 1, 1500, "hello"};
    struct byte_buffer out = {0};
    struct trace_error error;
    struct trace *t;
    struct trace_condition condition;
    struct piece *meta;

    (void)state;
    pieces_load(pieces_start_file());
    meta = piece_of_kind(BLOCK_META);
    meta->content.size = 0;
    for (meta->header.records = 0; meta->header.records < 200000; meta->header.records++)
        assert_int_equal(item_append(&meta->content, ITEM_NOTE, &note), 0);
    piece_append(&out, &pieces[0], 1);
    for (unsigned i = 0; i < 50; i++)
        piece_append(&out, meta, 19);
    fixture_store(path, out.bytes, out.size);
    byte_buffer_free(&out);
    assert_int_equal(trace_open(&t, path, &error), 0);
    trace_condition(t, &condition);
    assert_true(condition.damaged_blocks > 0);
    trace_close(t);
    pieces_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_contents_with_right_checksums_are_survived),
        cmocka_unit_test(changed_headers_with_right_checksums_are_survived),
        cmocka_unit_test(data_block_that_unpacks_to_gigabytes_is_refused),
        cmocka_unit_test(strings_that_unpack_to_gigabytes_are_refused),
        cmocka_unit_test(frame_that_is_larger_than_it_says_is_refused),
        cmocka_unit_test(metadata_without_measure_is_refused),
    };

    if (!fixture_memory_bound(768 << 20))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
