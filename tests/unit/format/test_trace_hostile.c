/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose checksums are right and whose contents are lies, as an enemy would make them: random
 * changes, impossible counts, and few bytes that claim to be many. Run with a bound on memory; with
 * the sanitizers for what such a bound does not see.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "format/block_header.h"
#include "format/frame.h"
#include "format/items.h"
#include "format/le.h"
#include "format/trace_state.h"
#include "format_fixture.h"

/* ---- a file in pieces, put together with right checksums ---- */

enum { PIECES_MAX = 64 };

struct piece {
    struct block_header header;
    struct byte_buffer content;
};

static struct piece pieces[PIECES_MAX];
static unsigned piece_count;

static void pieces_load(const char *path)
{
    struct frame_decompressor *decompressor = frame_decompressor_create();
    size_t size;
    unsigned char *bytes = fixture_load(path, &size);

    assert_non_null(decompressor);
    piece_count = 0;
    for (size_t at = 0; at < size;) {
        struct piece *piece = &pieces[piece_count++];

        assert_true(piece_count < PIECES_MAX);
        assert_int_equal(block_header_decode(bytes + at, size - at, &piece->header), 0);
        assert_int_equal(frame_decode(decompressor, bytes + at + BLOCK_HEADER_BYTES,
                                      piece->header.frame_bytes, piece->header.content_bytes,
                                      &piece->content),
                         0);
        at += BLOCK_HEADER_BYTES + piece->header.frame_bytes;
    }
    frame_decompressor_destroy(decompressor);
    free(bytes);
}

static void piece_append(struct byte_buffer *out, const struct piece *piece, int level)
{
    struct frame_compressor *compressor = frame_compressor_create();
    struct block_header header = piece->header;
    size_t start = out->size;

    assert_non_null(compressor);
    assert_int_equal(byte_buffer_reserve(out, BLOCK_HEADER_BYTES), 0);
    out->size += BLOCK_HEADER_BYTES;
    assert_int_equal(
        frame_append(compressor, level, piece->content.bytes, piece->content.size, out), 0);
    header.content_bytes = (uint32_t)piece->content.size;
    header.frame_bytes = (uint32_t)(out->size - start - BLOCK_HEADER_BYTES);
    header.frame_crc = crc32c(out->bytes + start + BLOCK_HEADER_BYTES, header.frame_bytes);
    block_header_encode(&header, out->bytes + start);
    frame_compressor_destroy(compressor);
}

static void pieces_store(const char *path, int level)
{
    struct byte_buffer out = {0};

    for (unsigned i = 0; i < piece_count; i++)
        piece_append(&out, &pieces[i], pieces[i].header.kind == BLOCK_END ? 0 : level);
    fixture_store(path, out.bytes, out.size);
    byte_buffer_free(&out);
}

static void pieces_free(void)
{
    for (unsigned i = 0; i < PIECES_MAX; i++)
        byte_buffer_free(&pieces[i].content);
    memset(pieces, 0, sizeof(pieces));
}

static struct piece *piece_of_kind(uint8_t kind)
{
    unsigned i = 0;

    while (pieces[i].header.kind != kind)
        i++;
    return &pieces[i];
}

/* ---- everything that a reader does with a file ---- */

static uint64_t touch(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += at[i];
    return sum;
}

static uint64_t column_touch(const struct trace_column *column, uint32_t records)
{
    if (column->offsets)
        return touch(column->bytes + column->offsets[0],
                     column->offsets[records] - column->offsets[0]);
    return touch(column->bytes, (size_t)records * column->field->count * column->field->width);
}

static uint64_t scan_all(struct trace *t, const struct trace_filter *filter)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    uint64_t sum = 0;
    int status;

    assert_int_equal(trace_scan_open(t, filter, &scan), 0);
    while ((status = trace_scan_next(scan, &block)) == 1) {
        uint32_t records = 0;

        assert_non_null(trace_process_by_number(t, block->thread->process));
        for (uint32_t r = 0; r < block->run_count; r++) {
            const struct trace_run *run = &block->runs[r];

            records += run->records;
            for (unsigned f = 0; f < run->type->schema.field_count; f++)
                sum += column_touch(&run->columns[f], run->records);
            for (uint32_t i = 0; i < run->records; i++)
                assert_true(block->run_of[run->position[i]] == r);
        }
        assert_int_equal(records, block->records);
        for (uint32_t g = 0; g < block->gap_count; g++)
            assert_true(block->gap_position[g] <= block->records);
        sum += touch(block->ticks, block->records * sizeof(uint64_t));
    }
    assert_true(status == 0 || status == -ENOMEM);
    trace_scan_close(scan);
    return sum;
}

static uint64_t walk_all(struct trace *t, const struct trace_filter *filter)
{
    struct trace_event *event = malloc(sizeof(*event));
    struct trace_cursor *cursor;
    uint64_t sum = 0;
    int status;

    assert_non_null(event);
    assert_int_equal(trace_cursor_open(t, filter, &cursor), 0);
    while ((status = trace_cursor_next(cursor, event)) == 1)
        for (unsigned i = 0; i < event->value_count; i++)
            sum += touch(event->values[i].bytes, event->values[i].size);
    assert_true(status == 0 || status == -ENOMEM);
    trace_cursor_close(cursor);
    free(event);
    return sum;
}

static void tables_touch(const struct trace *t)
{
    for (size_t i = 0; trace_process_at(t, i); i++)
        assert_non_null(trace_process_at(t, i)->executable);
    for (size_t i = 0; trace_thread_at(t, i); i++)
        assert_non_null(trace_thread_at(t, i)->name);
    for (size_t i = 0; trace_module_at(t, i); i++)
        assert_non_null(trace_module_at(t, i)->path);
    for (size_t i = 0; trace_note_at(t, i); i++)
        assert_non_null(trace_note_at(t, i)->text);
    assert_non_null(trace_recording(t)->host);
    (void)trace_symbol_find(t, 1, 0x1000, 5);
    (void)trace_ns(t, UINT64_MAX);
    (void)trace_ticks(t, 1000);
}

/* As many blocks at once as there ever are. */
static void read_by_threads(const char *path)
{
    struct trace *t = fixture_open(path);

    trace_jobs_set(t, 3);
    t->ahead_records_min = 0;
    (void)scan_all(t, NULL);
    (void)walk_all(t, NULL);
    trace_close(t);
}

static void read_everything(const char *path)
{
    static unsigned files;
    const struct trace_filter slice = {
        .from_ns = 20, .to_ns = 300, .events = "*:call", .thread = "o*"};
    struct trace_error error;
    struct trace *t;
    int verdict;

    if (trace_open(&t, path, &error) == 0) {
        tables_touch(t);
        (void)scan_all(t, NULL);
        (void)scan_all(t, &slice);
        (void)walk_all(t, NULL);
        (void)walk_all(t, &slice);
        trace_close(t);
        if (files++ % 4 == 0)
            read_by_threads(path);
    }
    verdict = fixture_verify(path, NULL);
    assert_true(verdict == 0 || verdict == 1 || verdict == 3);
}

/* ---- the file to start from ---- */

static const struct ada_field mixed_fields[] = {
    {.name = "address", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
    {.name = "text", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
    {.name = "array", .kind = ADA_KIND_SIGNED, .width = 3, .count = 4},
    {.name = "noise", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "few", .kind = ADA_KIND_POINTER, .width = 6, .count = 1},
};
static const struct schema mixed = {
    .id = 8, .provider = "test", .name = "mixed", .fields = mixed_fields, .field_count = 5};
static const struct schema call = {
    .id = 9, .provider = "test", .name = "call", .fields = mixed_fields, .field_count = 1};

static void tables_write(struct trace_writer *w)
{
    struct trace_clock_pair clock[2] = {{1000, 5000, 9000, 10}, {9000, 9000, 13000, 10}};
    struct trace_module module = {1, 1, 0x1000, 0x2000, 0x1000, 0, UINT64_MAX, "/lib/x", "abcd"};
    struct trace_symbol symbol = {1, 1, 0x1000, 0x1000, 0, UINT64_MAX, "main", "main.c", 12};
    struct trace_note note = {TRACE_NOTE_INFO, 1, 1500, "hello"};
    struct trace_process_end end = {1, 9000, 0};
    struct trace_ledger ledger = {.thread = 1, .stored = 60, .written = 60, .dropped = 4};

    assert_int_equal(trace_writer_clock(w, &clock[0]), 0);
    assert_int_equal(trace_writer_clock(w, &clock[1]), 0);
    assert_int_equal(trace_writer_module(w, &module), 0);
    assert_int_equal(trace_writer_symbol(w, &symbol), 0);
    assert_int_equal(trace_writer_note(w, &note), 0);
    assert_int_equal(trace_writer_process_end(w, &end), 0);
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
}

static const char *start_file(void)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 60};
    const char *path = fixture_path("start.adatrace");
    struct model model = {0};
    struct trace_gap gap = {1, TRACE_GAP_DROPPED, 1100, 1101, 4, 99};
    struct trace_stream *stream;
    struct trace_writer *w;
    unsigned char payload[512];
    uint64_t random = 4;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &mixed);
    fixture_type(w, 1, &call);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    tables_write(w);
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    model_gap(&model, stream, &gap);
    for (uint32_t i = 0; i < 120; i++) {
        const struct schema *type = i % 3 ? &mixed : &call;

        model_record(&model, stream, 1, type, 1200 + 10 * i, payload,
                     model_payload(type, &random, 12, payload));
    }
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
    return path;
}

/* ---- tests ---- */

static void changed_contents_with_right_checksums_are_survived(void **state)
{
    const char *path = fixture_path("hostile.adatrace");
    uint64_t random = 31;

    (void)state;
    pieces_load(start_file());
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
        read_everything(path);
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
    pieces_load(start_file());
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
        read_everything(path);
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

static int64_t records_readable(const char *path)
{
    struct trace_error error;
    struct trace *t;
    struct trace_condition condition;

    assert_int_equal(trace_open(&t, path, &error), 0);
    (void)scan_all(t, NULL);
    (void)walk_all(t, NULL);
    trace_condition(t, &condition);
    trace_close(t);
    return (int64_t)condition.records;
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
    pieces_load(start_file());
    type_make(piece_of_kind(BLOCK_META), 50, &page);
    block_make(piece_of_kind(BLOCK_DATA), BLOCK_RECORDS_MAX, 50, column, sizeof(column));
    pieces_store(path, 1);
    assert_int_equal(records_readable(path), 60); /* the other data block */
    assert_int_equal(fixture_verify(path, NULL), 1);

    block_make(piece_of_kind(BLOCK_DATA), 100, 50, column, sizeof(column)); /* honest */
    pieces_store(path, 1);
    assert_int_equal(records_readable(path), 160);
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
    pieces_load(start_file());
    type_make(piece_of_kind(BLOCK_META), 50, &text);
    block_make(piece_of_kind(BLOCK_DATA), BLOCK_RECORDS_MAX, 50, column.bytes, column.size);
    pieces_store(path, 1);
    assert_int_equal(records_readable(path), 60);

    block_make(piece_of_kind(BLOCK_DATA), 100, 50, column.bytes, column.size); /* honest */
    pieces_store(path, 1);
    assert_int_equal(records_readable(path), 160);
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
    pieces_load(start_file());
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
    assert_int_equal(records_readable(path), 60);
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
    pieces_load(start_file());
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

/* ---- lies that random changes seldom hit ---- */

/* Edit the first data block; afterwards so many records are readable, and verification sees it. */
static void data_content_edit(void (*edit)(struct piece *data), int64_t readable)
{
    const char *path = fixture_path("edited.adatrace");

    pieces_load(start_file());
    edit(piece_of_kind(BLOCK_DATA));
    pieces_store(path, 1);
    assert_int_equal(records_readable(path), readable);
    assert_int_equal(fixture_verify(path, NULL), 1);
    pieces_free();
}

static void content_lengthen(struct piece *data)
{
    assert_int_equal(byte_buffer_append(&data->content, "", 1), 0);
}
static void last_ticks_lessen(struct piece *data)
{
    data->header.last_ticks--; /* the last record now passes it */
}
static void base_ticks_raise(struct piece *data)
{
    le64_store(data->content.bytes + 12, le64_load(data->content.bytes + 12) + 1);
}
static void base_ticks_lessen(struct piece *data)
{
    le64_store(data->content.bytes + 12, data->header.first_ticks - 1);
}
static void column_bytes_lessen(struct piece *data)
{
    unsigned char *bytes = data->content.bytes + BLOCK_DATA_BYTES + 8;

    le32_store(bytes, le32_load(bytes) - 1);
}
static void gap_move(struct piece *data)
{
    le32_store(data->content.bytes + BLOCK_DATA_BYTES + 2 * BLOCK_RUN_BYTES, 61);
}
static void run_records_move(struct piece *data)
{
    unsigned char *first = data->content.bytes + BLOCK_DATA_BYTES + 4;

    le32_store(first, le32_load(first) + 1);
    le32_store(first + BLOCK_RUN_BYTES, le32_load(first + BLOCK_RUN_BYTES) - 1);
}

static void data_block_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    data_content_edit(content_lengthen, 60); /* the other block stays */
    data_content_edit(last_ticks_lessen, 60);
    data_content_edit(base_ticks_raise, 60);
    data_content_edit(base_ticks_lessen, 60);
    data_content_edit(column_bytes_lessen, 60);
    data_content_edit(gap_move, 60);
    data_content_edit(run_records_move, 60);
}

static void index_entry_load(unsigned n, struct index_entry *entry)
{
    index_entry_decode(piece_of_kind(BLOCK_INDEX)->content.bytes + n * BLOCK_INDEX_BYTES, entry);
}

static void index_entry_store(unsigned n, const struct index_entry *entry)
{
    index_entry_encode(entry, piece_of_kind(BLOCK_INDEX)->content.bytes + n * BLOCK_INDEX_BYTES);
}

/* Blocks of the start file: START, META, DATA, DATA, INDEX, END. */
static void index_that_lies_about_a_block_makes_it_damaged(void **state)
{
    const char *path = fixture_path("index.adatrace");
    struct index_entry entry;

    (void)state;
    for (unsigned lie = 0; lie < 4; lie++) {
        pieces_load(start_file());
        index_entry_load(2, &entry);
        entry.thread += lie == 0;
        entry.records += lie == 1;
        entry.last_ticks += lie == 2;
        entry.kind = lie == 3 ? BLOCK_META : entry.kind;
        index_entry_store(2, &entry);
        pieces_store(path, 1);
        assert_int_equal(records_readable(path), 60); /* the other block */
        assert_int_equal(fixture_verify(path, NULL), 1);
        pieces_free();
    }
}

static void index_that_leaves_a_block_out_is_not_believed(void **state)
{
    const char *path = fixture_path("index.adatrace");
    struct trace_condition condition;
    struct trace_error error;
    struct piece *index;
    struct trace *t;

    (void)state;
    pieces_load(start_file());
    index = piece_of_kind(BLOCK_INDEX);
    index->content.size -= BLOCK_INDEX_BYTES; /* the last data block */
    index->header.records--;
    pieces_store(path, 1); /* as before: every block stays where it was */
    assert_int_equal(trace_open(&t, path, &error), 0);
    trace_condition(t, &condition);
    assert_false(condition.indexed);
    assert_int_equal(condition.records, 120);
    trace_close(t);
    pieces_free();
}

static void block_of_an_unknown_kind_is_passed_over(void **state)
{
    const char *path = fixture_path("unknown.adatrace");

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct piece *data;

        pieces_load(start_file());
        data = piece_of_kind(BLOCK_DATA);
        if (n)
            data->header.kind = 77;
        else
            data->header.flags = 1;
        data->content.size = 5; /* whatever it holds */
        pieces_store(path, 1);
        assert_int_equal(records_readable(path), 60);
        pieces_free();
    }
}

/* A trace of a program that writes a trace: after damage the search must not take the inner one's
 * blocks for ours. */
static void blocks_of_another_recording_are_not_taken_for_ours(void **state)
{
    const char *path = fixture_path("nested.adatrace");
    struct byte_buffer out = {0};
    size_t data_begin = 0;

    (void)state;
    pieces_load(start_file());
    for (unsigned i = 0; i < piece_count; i++) {
        if (i == 2)
            data_begin = out.size;
        if (i == 3) { /* between the data blocks: one that is whole, and somebody else's */
            pieces[2].header.recording ^= 1;
            piece_append(&out, &pieces[2], 1);
        }
        piece_append(&out, &pieces[i], pieces[i].header.kind == BLOCK_END ? 0 : 1);
    }
    out.bytes[data_begin]++; /* damage: the first data block is lost */
    fixture_store(path, out.bytes, out.size);
    byte_buffer_free(&out);
    assert_int_equal(records_readable(path), 60);
    pieces_free();
}

/* The search for the next header reads a window at a time: a header across the seam of two must be
 * found, too. */
static void next_header_is_found_wherever_the_search_window_ends(void **state)
{
    enum { WINDOW = 256 * 1024 };
    const char *path = fixture_path("seam.adatrace");
    size_t meta_offset, junk, fixed;
    struct byte_buffer out = {0};

    (void)state;
    pieces_load(start_file());
    piece_append(&out, &pieces[0], 1);
    meta_offset = out.size; /* the last good header: the search begins a byte behind it */
    piece_append(&out, &pieces[1], 1);
    fixed = out.size + BLOCK_HEADER_BYTES - (meta_offset + 1);
    for (junk = 0; frame_stored_bytes(junk) + fixed < WINDOW - 90; junk++)
        ;
    for (unsigned i = 0; i < 100; i++, junk++) {
        struct piece large = pieces[2];
        size_t damage = 0;

        out.size = 0;
        memset(&large.content, 0, sizeof(large.content));
        assert_int_equal(byte_buffer_reserve(&large.content, junk), 0);
        memset(large.content.bytes, 0x5A, junk); /* the first byte of a header, everywhere */
        large.content.size = junk;
        for (unsigned n = 0; n < piece_count; n++) {
            if (n == 2)
                damage = out.size;
            piece_append(&out, n == 2 ? &large : &pieces[n],
                         n == 2 || n == piece_count - 1 ? 0 : 1);
        }
        out.bytes[damage + 40] ^= 1;
        byte_buffer_free(&large.content);
        fixture_store(path, out.bytes, out.size);
        assert_int_equal(records_readable(path), 60);
    }
    byte_buffer_free(&out);
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
        cmocka_unit_test(data_block_that_contradicts_itself_is_refused),
        cmocka_unit_test(index_that_lies_about_a_block_makes_it_damaged),
        cmocka_unit_test(index_that_leaves_a_block_out_is_not_believed),
        cmocka_unit_test(block_of_an_unknown_kind_is_passed_over),
        cmocka_unit_test(next_header_is_found_wherever_the_search_window_ends),
        cmocka_unit_test(blocks_of_another_recording_are_not_taken_for_ours),
    };

    if (!fixture_memory_bound(768 << 20))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
