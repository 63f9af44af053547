/* SPDX-License-Identifier: Apache-2.0 */
/* What verification says about traces that are whole, lossy, or do not agree with themselves. Cut
 * and damaged ones are in test_trace_damage.c. */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "format/block_header.h"
#include "format/frame.h"
#include "format/items.h"
#include "format/trace_index.h"
#include "format_fixture.h"

static const struct ada_field number_field = {
    .name = "n", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = &number_field, .field_count = 1};

/* Forty records of thread 1 in four blocks, and this ledger. */
static const char *trace_make(const struct trace_ledger *ledger, const struct trace_gap *gap)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 10};
    const char *path = fixture_path("verify");
    struct trace_stream *stream;
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &number);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (uint64_t i = 0; i < 40; i++) {
        if (gap && i == 25)
            assert_int_equal(trace_stream_gaps(stream, gap, 1), 0);
        assert_int_equal(trace_stream_record(stream, 8, i, &i, 8), 0);
    }
    if (ledger)
        assert_int_equal(trace_writer_ledger(w, ledger), 0);
    assert_int_equal(trace_writer_close(w), 0);
    return path;
}

static const struct trace_ledger exact = {.thread = 1, .final = true, .written = 40, .stored = 40};

static void expect(const char *path, int verdict, int severity, const char *words)
{
    struct findings findings;

    assert_int_equal(fixture_verify(path, &findings), verdict);
    if (words && !strstr(findings.text[severity], words))
        fail_msg("\"%s\" where \"%s\" was expected", findings.text[severity], words);
}

static void whole_trace_is_good(void **state)
{
    struct findings findings;

    (void)state;
    assert_int_equal(fixture_verify(trace_make(&exact, NULL), &findings), 0);
    assert_int_equal(findings.count[1] + findings.count[2], 0);
    assert_int_equal(trace_verify(trace_make(&exact, NULL), NULL, NULL), 0); /* nobody listens */
}

static void thread_is_named_by_its_id_and_has_no_offset(void **state)
{
    struct trace_ledger ledger = exact;
    struct findings findings;

    (void)state;
    ledger.dropped = 1234567;
    assert_int_equal(fixture_verify(trace_make(&ledger, NULL), &findings), 3);
    assert_string_equal(findings.text[TRACE_SEVERITY_LOSS],
                        "one/2001: 1,234,567 records dropped, 0 overwritten, 0 damaged\n");
    assert_int_equal(findings.offset[TRACE_SEVERITY_LOSS], TRACE_NOWHERE);
    assert_int_equal(findings.tid, 2001);
}

static void blocks_that_can_be_read_are_counted(void **state)
{
    struct trace_judgement whole, damaged, foreign;
    size_t size;
    unsigned char *bytes = fixture_load(trace_make(&exact, NULL), &size);

    (void)state;
    trace_judge(trace_make(&exact, NULL), NULL, NULL, &whole);
    assert_true(whole.status == 0 && whole.is_readable);
    assert_int_equal(whole.blocks, 9);
    assert_int_equal(whole.blocks_read, 9);
    bytes[size / 2] ^= 1;
    fixture_store(fixture_path("judged"), bytes, size);
    trace_judge(fixture_path("judged"), NULL, NULL, &damaged);
    assert_true(damaged.status == 1 && damaged.is_readable);
    assert_int_equal(damaged.blocks, 9);
    assert_int_equal(damaged.blocks_read, 8);
    fixture_store(fixture_path("judged"), "hello", 5);
    trace_judge(fixture_path("judged"), NULL, NULL, &foreign);
    assert_true(foreign.status == 1 && !foreign.is_readable);
    free(bytes);
}

static void losses_in_the_ledger_make_it_lossy(void **state)
{
    struct trace_ledger ledger = exact;
    struct trace_gap gap = {1, TRACE_GAP_DROPPED, 24, 25, 5, 80};

    (void)state;
    ledger.dropped = 5;
    expect(trace_make(&ledger, &gap), 3, 1, "one/2001: 5 records dropped");
    ledger.dropped = 0;
    ledger.overwritten = 6;
    expect(trace_make(&ledger, NULL), 3, 1, "6 overwritten");
    ledger.overwritten = 0;
    ledger.damaged = 7;
    expect(trace_make(&ledger, NULL), 3, 1, "7 damaged");
    expect(trace_make(NULL, NULL), 3, 1, "no ledger");
}

static void record_taken_and_not_stored_makes_it_lossy(void **state)
{
    struct trace_ledger ledger = exact;

    (void)state;
    ledger.written += 5;
    expect(trace_make(&ledger, NULL), 3, 1, "5 records were taken from its ring and not stored");
    ledger.overwritten = 5;
    expect(trace_make(&ledger, NULL), 3, 1, "5 overwritten");
    ledger.overwritten = 0;
    ledger.final = false; /* the session went on in another file */
    expect(trace_make(&ledger, NULL), 3, 1, "5 records were taken from its ring and not stored");
}

static void ledger_that_disagrees_with_the_records_is_damage(void **state)
{
    struct trace_ledger ledger = exact;

    (void)state;
    ledger.stored = 41;
    expect(trace_make(&ledger, NULL), 1, 2, "speaks of 41 stored records, the file has 40");
}

/* The program counts both, in memory that it can write over: that spoils no block of the file. */
static void ledger_that_disagrees_with_gaps_is_untrue_and_its_process_is_named(void **state)
{
    struct trace_gap gap = {1, TRACE_GAP_DROPPED, 24, 25, 5, 80};
    struct trace_ledger ledger = exact;
    struct findings findings;

    (void)state;
    ledger.dropped = 4;
    assert_int_equal(fixture_verify(trace_make(&ledger, &gap), &findings), 3);
    assert_int_equal(findings.count[2], 0);
    assert_int_equal(findings.untrue, 1);
    assert_int_equal(findings.untrue_process, 1);
    assert_non_null(strstr(findings.text[1], "one/2001: gaps tell of more losses"));
}

/* The recorder saw counters that cannot be. */
static void note_about_counters_makes_its_process_untrue(void **state)
{
    const struct trace_writer_options options = {.level = 1};
    const struct trace_note note = {TRACE_NOTE_UNTRUE, 2, 5, "counted too much"};
    const char *path = fixture_path("noted");
    struct findings findings;
    struct trace_writer *w;

    (void)state;
    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_process(w, 1, 1);
    fixture_process(w, 2, 2);
    assert_int_equal(trace_writer_note(w, &note), 0);
    assert_int_equal(trace_writer_close(w), 0);
    assert_int_equal(fixture_verify(path, &findings), 3);
    assert_int_equal(findings.count[2], 0);
    assert_int_equal(findings.untrue, 1);
    assert_int_equal(findings.untrue_process, 2);
    assert_string_equal(findings.text[1], "counted too much\n");
}

/* ---- files changed with right checksums ---- */

/* Change block number `n` (its header, or its content) and make the checksums right again. */
static const char *changed(const char *path, unsigned n,
                           void (*change)(struct block_header *header, unsigned char *content))
{
    struct frame_decompressor *decompressor = frame_decompressor_create();
    struct frame_compressor *compressor = frame_compressor_create();
    struct byte_buffer content = {0}, frame = {0};
    struct block_header header;
    unsigned char *bytes, *out;
    size_t size, at = 0, rest;

    bytes = fixture_load(path, &size);
    for (;; at += BLOCK_HEADER_BYTES + header.frame_bytes) {
        assert_int_equal(block_header_decode(bytes + at, size - at, &header), 0);
        if (n-- == 0)
            break;
    }
    rest = at + BLOCK_HEADER_BYTES + header.frame_bytes;
    assert_int_equal(frame_decode(decompressor, bytes + at + BLOCK_HEADER_BYTES, header.frame_bytes,
                                  header.content_bytes, &content),
                     0);
    change(&header, content.bytes);
    assert_int_equal(frame_append(compressor, header.level, content.bytes, content.size, &frame),
                     0);
    header.frame_bytes = (uint32_t)frame.size;
    header.frame_crc = crc32c(frame.bytes, frame.size);
    out = malloc(size + frame.size);
    assert_non_null(out);
    memcpy(out, bytes, at);
    block_header_encode(&header, out + at);
    memcpy(out + at + BLOCK_HEADER_BYTES, frame.bytes, frame.size);
    memcpy(out + at + BLOCK_HEADER_BYTES + frame.size, bytes + rest, size - rest);
    path = fixture_path("changed");
    fixture_store(path, out, at + BLOCK_HEADER_BYTES + frame.size + size - rest);
    frame_decompressor_destroy(decompressor);
    frame_compressor_destroy(compressor);
    byte_buffer_free(&content);
    byte_buffer_free(&frame);
    free(bytes);
    free(out);
    return path;
}

/* Blocks: 0 START, 1 META, 2 to 5 DATA, 6 META (ledger), 7 INDEX, 8 END. */

static void sequence_change(struct block_header *header, unsigned char *content)
{
    (void)content;
    header->sequence = 17;
}
static void time_change(struct block_header *header, unsigned char *content)
{
    (void)content;
    header->first_ticks = 5; /* the data still fits, but the block before ends later */
}
static void index_change(struct block_header *header, unsigned char *content)
{
    (void)header;
    content[2 * BLOCK_INDEX_BYTES + 28]++; /* records of the third block */
}
static void end_change(struct block_header *header, unsigned char *content)
{
    (void)header;
    content[16]++; /* records */
}
static void lost_change(struct block_header *header, unsigned char *content)
{
    (void)header;
    content[24] = 9;  /* lost_records */
    content[60] = 28; /* ENOSPC */
}
static void type_change(struct block_header *header, unsigned char *content)
{
    (void)header;
    content[ITEM_HEADER_BYTES]++; /* the number of the type, in the first item */
}
static void nothing_change(struct block_header *header, unsigned char *content)
{
    (void)header;
    (void)content;
}

static void disagreement_inside_the_file_is_found(void **state)
{
    (void)state;
    expect(changed(trace_make(&exact, NULL), 3, nothing_change), 0, 0, NULL);
    expect(changed(trace_make(&exact, NULL), 3, sequence_change), 1, 2,
           "block 4 stands where block 18 should");
    expect(changed(trace_make(&exact, NULL), 3, time_change), 1, 2, "one/2001: goes back in time");
    expect(changed(trace_make(&exact, NULL), 7, index_change), 1, 2,
           "index does not agree with the blocks");
    expect(changed(trace_make(&exact, NULL), 8, end_change), 1, 2,
           "end block does not agree with the blocks");
    expect(changed(trace_make(&exact, NULL), 8, lost_change), 3, 1,
           "9 records could not be written: No space left");
    expect(changed(trace_make(&exact, NULL), 1, type_change), 1, 2,
           "event types that are not described");
}

/* It begins within the block before the last, and ends behind all: the writer keeps order. */
static void gap_does_not_reach_into_other_blocks(void **state)
{
    const struct trace_gap gap = {1, TRACE_GAP_DROPPED, 5, 45, 5, 80};
    struct trace_ledger ledger = exact;
    struct findings findings;

    (void)state;
    ledger.dropped = 5;
    assert_int_equal(fixture_verify(trace_make(&ledger, &gap), &findings), 3);
    assert_int_equal(findings.count[TRACE_SEVERITY_DAMAGE], 0);
}

static void more_after_the_end_is_damage(void **state)
{
    const char *path = trace_make(&exact, NULL);
    size_t size;
    unsigned char *bytes = fixture_load(path, &size), *twice = malloc(2 * size);

    (void)state;
    assert_non_null(twice);
    memcpy(twice, bytes, size);
    memcpy(twice + size, bytes, size);
    fixture_store(fixture_path("twice"), twice, 2 * size);
    expect(fixture_path("twice"), 1, 2, "");
    fixture_store(fixture_path("twice"), twice, size + 1);
    expect(fixture_path("twice"), 1, 2, "");
    free(bytes);
    free(twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_trace_is_good),
        cmocka_unit_test(thread_is_named_by_its_id_and_has_no_offset),
        cmocka_unit_test(blocks_that_can_be_read_are_counted),
        cmocka_unit_test(losses_in_the_ledger_make_it_lossy),
        cmocka_unit_test(record_taken_and_not_stored_makes_it_lossy),
        cmocka_unit_test(ledger_that_disagrees_with_the_records_is_damage),
        cmocka_unit_test(ledger_that_disagrees_with_gaps_is_untrue_and_its_process_is_named),
        cmocka_unit_test(note_about_counters_makes_its_process_untrue),
        cmocka_unit_test(disagreement_inside_the_file_is_found),
        cmocka_unit_test(gap_does_not_reach_into_other_blocks),
        cmocka_unit_test(more_after_the_end_is_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
