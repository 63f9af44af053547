/* SPDX-License-Identifier: Apache-2.0 */
/* Files whose checksums are right and whose contents lie, as random changes seldom make them. */
#include <string.h>

#include "base/le.h"
#include "format/frame.h"
#include "format/items.h"
#include "format/trace_state.h"
#include "format_fixture.h"
#include "reader_exercise.h"
#include "trace_pieces.h"

/* ---- lies that random changes seldom hit ---- */

/* Edit the first data block; afterwards so many records are readable, and verification sees it. */
static void data_content_edit(void (*edit)(struct piece *data), int64_t readable)
{
    const char *path = fixture_path("edited.adatrace");

    pieces_load(pieces_start_file());
    edit(piece_of_kind(BLOCK_DATA));
    pieces_store(path, 1);
    assert_int_equal(reader_records(path), readable);
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
        pieces_load(pieces_start_file());
        index_entry_load(2, &entry);
        entry.thread += lie == 0;
        entry.records += lie == 1;
        entry.last_ticks += lie == 2;
        entry.kind = lie == 3 ? BLOCK_META : entry.kind;
        index_entry_store(2, &entry);
        pieces_store(path, 1);
        assert_int_equal(reader_records(path), 60); /* the other block */
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
    pieces_load(pieces_start_file());
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

        pieces_load(pieces_start_file());
        data = piece_of_kind(BLOCK_DATA);
        if (n)
            data->header.kind = 77;
        else
            data->header.flags = 1;
        data->content.size = 5; /* whatever it holds */
        pieces_store(path, 1);
        assert_int_equal(reader_records(path), 60);
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
    pieces_load(pieces_start_file());
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
    assert_int_equal(reader_records(path), 60);
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
    pieces_load(pieces_start_file());
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
        assert_int_equal(reader_records(path), 60);
    }
    byte_buffer_free(&out);
    pieces_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_block_that_contradicts_itself_is_refused),
        cmocka_unit_test(index_that_lies_about_a_block_makes_it_damaged),
        cmocka_unit_test(index_that_leaves_a_block_out_is_not_believed),
        cmocka_unit_test(block_of_an_unknown_kind_is_passed_over),
        cmocka_unit_test(blocks_of_another_recording_are_not_taken_for_ours),
        cmocka_unit_test(next_header_is_found_wherever_the_search_window_ends),
    };

    if (!fixture_memory_bound(768 << 20))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
