/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_header.h"

#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "format_fixture.h"

static const struct block_header sample = {
    .version = FORMAT_VERSION,
    .kind = BLOCK_DATA,
    .flags = 0,
    .thread = 0x01020304,
    .sequence = UINT64_C(0x1112131415161718),
    .first_ticks = UINT64_C(0x2122232425262728),
    .last_ticks = UINT64_C(0x3132333435363738),
    .records = 1000,
    .gaps = 2,
    .content_bytes = 70000,
    .frame_bytes = 4321,
    .frame_crc = 0xCAFEBABE,
    .level = -5,
    .recording = 0xDEADBEEF,
};

static void header_comes_back_as_it_went(void **state)
{
    unsigned char bytes[BLOCK_HEADER_BYTES];
    struct block_header back;

    (void)state;
    block_header_encode(&sample, bytes);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), 0);
    assert_int_equal(back.version, sample.version);
    assert_int_equal(back.kind, sample.kind);
    assert_int_equal(back.thread, sample.thread);
    assert_int_equal(back.sequence, sample.sequence);
    assert_int_equal(back.first_ticks, sample.first_ticks);
    assert_int_equal(back.last_ticks, sample.last_ticks);
    assert_int_equal(back.records, sample.records);
    assert_int_equal(back.gaps, sample.gaps);
    assert_int_equal(back.content_bytes, sample.content_bytes);
    assert_int_equal(back.frame_bytes, sample.frame_bytes);
    assert_int_equal(back.frame_crc, sample.frame_crc);
    assert_int_equal(back.level, sample.level);
    assert_int_equal(back.recording, sample.recording);
}

static void header_with_any_bit_changed_is_refused(void **state)
{
    unsigned char bytes[BLOCK_HEADER_BYTES];
    struct block_header back;

    (void)state;
    block_header_encode(&sample, bytes);
    for (unsigned bit = 0; bit < 8 * BLOCK_HEADER_BYTES; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EBADMSG);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void header_cut_short_is_refused(void **state)
{
    unsigned char bytes[BLOCK_HEADER_BYTES];
    struct block_header back;

    (void)state;
    block_header_encode(&sample, bytes);
    for (size_t size = 0; size < sizeof(bytes); size++)
        assert_int_equal(block_header_decode(bytes, size, &back), -EBADMSG);
}

static void header_beyond_a_limit_is_refused(void **state)
{
    unsigned char bytes[BLOCK_HEADER_BYTES];
    struct block_header bad, back;

    (void)state;
    bad = sample;
    bad.records = BLOCK_RECORDS_MAX + 1;
    block_header_encode(&bad, bytes);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EBADMSG);
    bad = sample;
    bad.gaps = BLOCK_RECORDS_MAX + 1;
    block_header_encode(&bad, bytes);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EBADMSG);
    bad = sample;
    bad.content_bytes = BLOCK_CONTENT_BYTES_MAX + 1;
    block_header_encode(&bad, bytes);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EBADMSG);
    bad = sample;
    bad.last_ticks = bad.first_ticks - 1;
    block_header_encode(&bad, bytes);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EBADMSG);
}

/* A later version may have a longer header; it still says who it is. */
static void header_of_another_version_is_told_from_damage(void **state)
{
    unsigned char bytes[BLOCK_HEADER_BYTES + 16] = {0};
    struct block_header back, newer = sample;

    (void)state;
    newer.version = 7;
    block_header_encode(&newer, bytes);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EPROTONOSUPPORT);
    assert_int_equal(back.version, 7);

    le32_store(bytes + 4, sizeof(bytes) - 8);
    le32_store(bytes + sizeof(bytes) - 4, crc32c(bytes, sizeof(bytes) - 4));
    assert_int_equal(block_header_decode(bytes, sizeof(bytes), &back), -EPROTONOSUPPORT);
    assert_int_equal(back.version, 7);
    assert_int_equal(block_header_decode(bytes, sizeof(bytes) - 1, &back), -EBADMSG);
}

static void search_finds_a_header_and_the_beginning_of_one(void **state)
{
    unsigned char bytes[300];

    (void)state;
    memset(bytes, 0x5A, sizeof(bytes)); /* the first byte of a header, everywhere */
    assert_int_equal(block_header_search(bytes, 200), 199);
    block_header_encode(&sample, bytes + 123);
    assert_int_equal(block_header_search(bytes, sizeof(bytes)), 123);
    for (size_t size = 124; size < 139; size++) /* only a part of it is there */
        assert_int_equal(block_header_search(bytes, size), 123);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(block_header_search(bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(block_header_search(bytes, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_comes_back_as_it_went),
        cmocka_unit_test(header_with_any_bit_changed_is_refused),
        cmocka_unit_test(header_cut_short_is_refused),
        cmocka_unit_test(header_beyond_a_limit_is_refused),
        cmocka_unit_test(header_of_another_version_is_told_from_damage),
        cmocka_unit_test(search_finds_a_header_and_the_beginning_of_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
