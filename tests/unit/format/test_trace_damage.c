/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are not what they should be: cut at every byte, every byte changed, blocks taken out,
 * doubled and swapped, and others that were never traces. Whatever happened to it, a file is
 * refused in words or read as far as its whole blocks go; never a crash, a hang, or memory without
 * bound.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "format/block_header.h"
#include "format_fixture.h"

static const struct ada_field sale_fields[] = {
    {.name = "amount", .kind = ADA_KIND_SIGNED, .width = 4, .count = 1},
    {.name = "item", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
};
static const struct ada_field call_fields[] = {
    {.name = "address", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
};
static const struct schema sale = {
    .id = 8, .provider = "shop", .name = "sale", .fields = sale_fields, .field_count = 2};
static const struct schema call = {
    .id = 9, .provider = "shop", .name = "call", .fields = call_fields, .field_count = 1};

enum { BLOCKS_MAX = 64 };

/* A block of the good file. */
struct block {
    size_t begin, end;
    uint8_t kind;
    uint32_t records;
};

static struct {
    unsigned char *bytes;
    size_t size;
    struct model model;
    struct block blocks[BLOCKS_MAX];
    unsigned block_count;
    uint64_t records;
} good;

static void blocks_list(void)
{
    for (size_t at = 0; at < good.size;) {
        struct block *block = &good.blocks[good.block_count++];
        struct block_header header;

        assert_true(good.block_count < BLOCKS_MAX);
        assert_int_equal(block_header_decode(good.bytes + at, good.size - at, &header), 0);
        block->begin = at;
        block->end = at += BLOCK_HEADER_BYTES + header.frame_bytes;
        block->kind = header.kind;
        block->records = header.kind == BLOCK_DATA ? header.records : 0;
        good.records += block->records;
    }
}

static void ledger_write(struct trace_writer *w, uint32_t thread, const struct trace_stream *s)
{
    uint64_t stored = trace_stream_stored(s);
    struct trace_ledger ledger = {
        .thread = thread, .final = true, .written = stored, .dropped = 3, .stored = stored};

    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
}

/* Two threads, blocks of a few records, metadata before and between. */
static int good_make(void **state)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 7};
    const char *path = fixture_path("good.adatrace");
    struct trace_stream *streams[2];
    struct trace_writer *w;
    unsigned char payload[256];
    uint64_t random = 9;

    (void)state;
    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &sale);
    fixture_process(w, 1, 1);
    for (uint32_t i = 0; i < 2; i++) {
        fixture_thread(w, i + 1, 1, i ? "two" : "one");
        assert_int_equal(trace_stream_open(w, i + 1, &streams[i]), 0);
    }
    for (uint32_t i = 0; i < 60; i++) {
        const struct schema *type = i < 20 || i % 3 ? &sale : &call;

        if (i == 20)
            fixture_type(w, 1, &call);
        if (i == 30) {
            struct trace_gap gap = {1, TRACE_GAP_DROPPED, 1000 + 10 * i - 1, 1000 + 10 * i, 3, 64};

            model_gap(&good.model, streams[0], &gap);
        }
        model_record(&good.model, streams[i % 2], 1 + i % 2, type, 1001 + 10 * i, payload,
                     model_payload(type, &random, 12, payload));
    }
    ledger_write(w, 1, streams[0]);
    ledger_write(w, 2, streams[1]);
    assert_int_equal(trace_writer_close(w), 0);
    good.bytes = fixture_load(path, &good.size);
    blocks_list();
    return 0;
}

static int good_free(void **state)
{
    (void)state;
    free(good.bytes);
    model_free(&good.model);
    return 0;
}

/* Open, and read all that is there. Returns the records, or a negative errno of opening. */
static int64_t bytes_read_as_trace(const void *bytes, size_t size,
                                   struct trace_condition *condition)
{
    const char *path = fixture_path("bad.adatrace");
    struct trace_error error;
    struct trace *trace;
    int64_t records;
    int status;

    fixture_store(path, bytes, size);
    status = trace_open(&trace, path, &error);
    if (status != 0) {
        assert_true(strlen(error.message) > 5);
        assert_null(strchr(error.message, '\n'));
        assert_int_equal(error.code, status);
        return status;
    }
    records = (int64_t)model_compare(&good.model, trace, MATCH_SOME);
    if (condition)
        trace_condition(trace, condition);
    trace_close(trace);
    return records;
}

static void the_good_file_is_lossy_and_nothing_else(void **state)
{
    struct trace_condition condition;
    struct findings findings;

    (void)state;
    assert_int_equal(bytes_read_as_trace(good.bytes, good.size, &condition), good.records);
    assert_int_equal(good.records, 60);
    assert_int_equal(condition.damaged_blocks, 0);
    assert_int_equal(fixture_verify(fixture_path("good.adatrace"), &findings), 3);
    assert_int_equal(findings.count[1], 2); /* dropped, in both threads */
    assert_int_equal(findings.count[2], 0);
}

static void cut_at_every_byte_gives_every_whole_block(void **state)
{
    (void)state;
    for (size_t size = 0; size < good.size; size++) {
        struct trace_condition condition;
        struct findings findings;
        int64_t whole = 0, records = bytes_read_as_trace(good.bytes, size, &condition);
        int verdict = fixture_verify(fixture_path("bad.adatrace"), &findings);

        for (unsigned i = 0; i < good.block_count && good.blocks[i].end <= size; i++)
            whole += good.blocks[i].records;
        if (size < good.blocks[0].end) {
            assert_int_equal(records, -ENODATA);
            assert_int_equal(verdict, 1);
            continue;
        }
        assert_int_equal(records, whole);
        assert_false(condition.ended);
        assert_int_equal(condition.damaged_blocks, 0);
        assert_int_equal(verdict, 3);
    }
}

/* Records of the data blocks that the byte range does not touch. */
static int64_t records_outside(size_t begin, size_t end)
{
    int64_t records = 0;

    for (unsigned i = 0; i < good.block_count; i++)
        if (good.blocks[i].end <= begin || good.blocks[i].begin >= end)
            records += good.blocks[i].records;
    return records;
}

static const struct block *block_at(size_t offset)
{
    unsigned i = 0;

    while (good.blocks[i].end <= offset)
        i++;
    return &good.blocks[i];
}

static void every_byte_changed_costs_at_most_its_block(void **state)
{
    static const unsigned char changes[] = {0x01, 0x80, 0xFF};
    unsigned char *bytes = malloc(good.size);

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, good.bytes, good.size);
    for (size_t at = 0; at < good.size; at++) {
        const struct block *block = block_at(at);

        for (unsigned c = 0; c < sizeof(changes); c++) {
            int64_t records;

            bytes[at] = good.bytes[at] ^ changes[c];
            records = bytes_read_as_trace(bytes, good.size, NULL);
            assert_int_equal(fixture_verify(fixture_path("bad.adatrace"), NULL), 1);
            if (block->kind == BLOCK_META) /* what nobody describes cannot be read */
                assert_true(records >= 0 && records <= (int64_t)good.records);
            else
                assert_int_equal(records, records_outside(at, at + 1));
        }
        bytes[at] = good.bytes[at];
    }
    free(bytes);
}

static void ranges_taken_out_cost_only_what_they_touch(void **state)
{
    unsigned char *bytes = malloc(good.size);
    uint64_t random = 17;

    (void)state;
    assert_non_null(bytes);
    for (unsigned i = 0; i < 3000; i++) {
        const struct block *first_data = good.blocks;
        size_t begin, end;

        while (first_data->kind != BLOCK_DATA)
            first_data++;
        begin = first_data->begin + fixture_random(&random) % (good.size - first_data->begin);
        end = begin + 1 + fixture_random(&random) % (good.size - begin);
        memcpy(bytes, good.bytes, begin);
        memcpy(bytes + begin, good.bytes + end, good.size - end);
        assert_in_range(bytes_read_as_trace(bytes, good.size - (end - begin), NULL), 0,
                        good.records);
        /* Data of the first type is described before all data, so it is there again. */
        if (block_at(begin)->begin == block_at(end - 1)->begin &&
            block_at(begin)->kind == BLOCK_DATA)
            assert_int_equal(bytes_read_as_trace(bytes, good.size - (end - begin), NULL),
                             records_outside(begin, end));
        assert_true(fixture_verify(fixture_path("bad.adatrace"), NULL) != 0);
    }
    free(bytes);
}

static void blocks_swapped_or_doubled_are_found(void **state)
{
    unsigned char *bytes = malloc(2 * good.size);
    size_t size;

    (void)state;
    assert_non_null(bytes);
    for (unsigned i = 1; i + 1 < good.block_count; i++) {
        const struct block *a = &good.blocks[i], *b = &good.blocks[i + 1];

        memcpy(bytes, good.bytes, good.size);
        size = b->end - b->begin;
        memcpy(bytes + a->begin, good.bytes + b->begin, size);
        memcpy(bytes + a->begin + size, good.bytes + a->begin, a->end - a->begin);
        fixture_store(fixture_path("bad.adatrace"), bytes, good.size);
        assert_int_equal(fixture_verify(fixture_path("bad.adatrace"), NULL), 1);

        memcpy(bytes, good.bytes, a->end);
        memcpy(bytes + a->end, good.bytes + a->begin, good.size - a->begin);
        fixture_store(fixture_path("bad.adatrace"), bytes, good.size + (a->end - a->begin));
        assert_int_equal(fixture_verify(fixture_path("bad.adatrace"), NULL), 1);
    }
    free(bytes);
}

static void random_noise_over_the_file_is_survived(void **state)
{
    unsigned char *bytes = malloc(good.size);
    uint64_t random = 23;

    (void)state;
    assert_non_null(bytes);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned changes = 1 + (unsigned)(fixture_random(&random) % 20);

        memcpy(bytes, good.bytes, good.size);
        while (changes--)
            bytes[fixture_random(&random) % good.size] = (unsigned char)fixture_random(&random);
        assert_true(bytes_read_as_trace(bytes, good.size, NULL) <= (int64_t)good.records);
    }
    free(bytes);
}

/* ---- not traces ---- */

static void expect_refused(const void *bytes, size_t size, int code, const char *words)
{
    const char *path = fixture_path("foreign");
    struct trace_error error;
    struct trace *trace;

    fixture_store(path, bytes, size);
    assert_int_equal(trace_open(&trace, path, &error), code);
    assert_non_null(strstr(error.message, words));
    assert_null(trace);
    assert_int_equal(fixture_verify(path, NULL), 1);
}

/* What is left of a recording that was killed before its first block was whole. */
static void expect_nothing(const void *bytes, size_t size, const char *words)
{
    const char *path = fixture_path("nothing");
    struct findings findings;
    struct trace_error error;
    struct trace *trace;

    fixture_store(path, bytes, size);
    assert_int_equal(trace_open(&trace, path, &error), -ENODATA);
    assert_non_null(strstr(error.message, words));
    assert_int_equal(fixture_verify(path, &findings), 1);
    assert_int_equal(findings.count[TRACE_SEVERITY_DAMAGE], 0);
}

static void file_cut_off_in_its_first_block_holds_nothing(void **state)
{
    struct block_header first;

    (void)state;
    assert_int_equal(block_header_decode(good.bytes, good.size, &first), 0);
    for (size_t size = 1; size < BLOCK_HEADER_BYTES + first.frame_bytes; size++)
        expect_nothing(good.bytes, size, "cut off");
}

static void foreign_files_are_refused_in_words(void **state)
{
    static const char elf[200] = "\x7f"
                                 "ELF and so on";
    static const unsigned char zstd_frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0};
    struct trace_error error;
    struct trace *trace;

    (void)state;
    expect_nothing("", 0, "empty");
    expect_refused("hello\n", 6, -EBADMSG, "not an adatrace file");
    expect_refused(elf, sizeof(elf), -EBADMSG, "not an adatrace file");
    expect_refused(zstd_frame, sizeof(zstd_frame), -EBADMSG, "not an adatrace file");
    assert_int_equal(trace_open(&trace, "/nonexistent/x", &error), -ENOENT);
    assert_non_null(strstr(error.message, "/nonexistent/x"));
    assert_int_equal(trace_open(&trace, "/", &error), -EISDIR);
    assert_int_equal(trace_open(&trace, "/dev/null", &error), -ESPIPE);
}

static void newer_version_is_named(void **state)
{
    unsigned char *bytes = malloc(good.size);
    struct block_header header;

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, good.bytes, good.size);
    assert_int_equal(block_header_decode(bytes, good.size, &header), 0);
    header.version = 2;
    block_header_encode(&header, bytes);
    expect_refused(bytes, good.size, -EPROTONOSUPPORT, "version 2");
    free(bytes);
}

static void zeros_after_the_last_block_are_a_cut(void **state)
{
    size_t kept = good.blocks[6].end, size = kept + 5000;
    unsigned char *bytes = calloc(1, size);
    struct trace_condition condition;

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, good.bytes, kept);
    assert_true(bytes_read_as_trace(bytes, size, &condition) > 0);
    assert_false(condition.ended);
    assert_int_equal(condition.damaged_blocks, 0);
    assert_int_equal(condition.damage_offset, kept);
    assert_int_equal(fixture_verify(fixture_path("bad.adatrace"), NULL), 3);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_good_file_is_lossy_and_nothing_else),
        cmocka_unit_test(cut_at_every_byte_gives_every_whole_block),
        cmocka_unit_test(every_byte_changed_costs_at_most_its_block),
        cmocka_unit_test(ranges_taken_out_cost_only_what_they_touch),
        cmocka_unit_test(blocks_swapped_or_doubled_are_found),
        cmocka_unit_test(random_noise_over_the_file_is_survived),
        cmocka_unit_test(file_cut_off_in_its_first_block_holds_nothing),
        cmocka_unit_test(foreign_files_are_refused_in_words),
        cmocka_unit_test(newer_version_is_named),
        cmocka_unit_test(zeros_after_the_last_block_are_a_cut),
    };

    if (!fixture_memory_bound(256 << 20))
        return 1;
    return cmocka_run_group_tests(tests, good_make, good_free);
}
