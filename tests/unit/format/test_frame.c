/* SPDX-License-Identifier: Apache-2.0 */
#include "format/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "format_fixture.h"

static struct frame_compressor *compressor;
static struct frame_decompressor *decompressor;

static int contexts_create(void **state)
{
    (void)state;
    compressor = frame_compressor_create();
    decompressor = frame_decompressor_create();
    return compressor && decompressor ? 0 : -1;
}

static int contexts_destroy(void **state)
{
    (void)state;
    frame_compressor_destroy(compressor);
    frame_decompressor_destroy(decompressor);
    return 0;
}

static unsigned char *noise(size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    uint64_t random = 1;

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(fixture_random(&random) % 50);
    return bytes;
}

/* Sizes around which a frame's header or its number of blocks changes. */
static const size_t sizes[] = {0, 1, 64, 255, 256, 65791, 65792, 131072, 131073, 300000, 1 << 20};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void frames_of_every_level_come_back(void **state)
{
    unsigned char *content = noise(1 << 20);
    struct byte_buffer frame = {0}, back = {0};

    (void)state;
    for (int level = FRAME_LEVEL_MIN; level <= 3; level++) {
        for (unsigned i = 0; i < SIZES; i++) {
            frame.size = 0;
            assert_int_equal(frame_append(compressor, level, content, sizes[i], &frame), 0);
            assert_int_equal(frame_decode(decompressor, frame.bytes, frame.size, sizes[i], &back),
                             0);
            assert_int_equal(back.size, sizes[i]);
            assert_memory_equal(back.bytes, content, sizes[i]);
        }
    }
    byte_buffer_free(&frame);
    byte_buffer_free(&back);
    free(content);
}

static void stored_frame_has_the_size_that_was_promised(void **state)
{
    unsigned char *content = noise(1 << 20);
    struct byte_buffer frame = {0};

    (void)state;
    for (unsigned i = 0; i < SIZES; i++) {
        frame.size = 0;
        assert_int_equal(frame_append(compressor, 0, content, sizes[i], &frame), 0);
        assert_int_equal(frame.size, frame_stored_bytes(sizes[i]));
        assert_int_equal(ZSTD_findFrameCompressedSize(frame.bytes, frame.size), frame.size);
    }
    byte_buffer_free(&frame);
    free(content);
}

static void frame_with_any_bit_of_its_content_changed_is_refused(void **state)
{
    unsigned char *content = noise(100);
    struct byte_buffer frame = {0}, back = {0};

    (void)state;
    assert_int_equal(frame_append(compressor, 0, content, 100, &frame), 0);
    for (size_t bit = 8 * 9; bit < 8 * frame.size; bit++) { /* after the frame's own header */
        frame.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(frame_decode(decompressor, frame.bytes, frame.size, 100, &back), -EBADMSG);
        frame.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    byte_buffer_free(&frame);
    byte_buffer_free(&back);
    free(content);
}

static void frame_of_another_size_is_refused_before_memory_is_taken(void **state)
{
    unsigned char *content = calloc(1, 10 << 20);
    struct byte_buffer frame = {0}, back = {0};

    (void)state;
    assert_non_null(content);
    assert_int_equal(frame_append(compressor, 1, content, 10 << 20, &frame), 0);
    assert_int_equal(frame_decode(decompressor, frame.bytes, frame.size, 1000, &back), -EBADMSG);
    assert_int_equal(frame_decode(decompressor, frame.bytes, frame.size, 64 << 20, &back),
                     -EBADMSG);
    assert_int_equal(back.capacity, 0);
    byte_buffer_free(&frame);
    free(content);
}

static void frame_cut_or_followed_by_more_is_refused(void **state)
{
    unsigned char *content = noise(3000);
    struct byte_buffer frame = {0}, back = {0};

    (void)state;
    assert_int_equal(frame_append(compressor, 1, content, 3000, &frame), 0);
    for (size_t size = 0; size < frame.size; size++)
        assert_int_equal(frame_decode(decompressor, frame.bytes, size, 3000, &back), -EBADMSG);
    assert_int_equal(byte_buffer_append(&frame, "x", 1), 0);
    assert_int_equal(frame_decode(decompressor, frame.bytes, frame.size, 3000, &back), -EBADMSG);
    frame.size--; /* and a frame that holds nothing, which zstd would take for part of the whole */
    assert_int_equal(frame_append(compressor, 1, content, 0, &frame), 0);
    assert_int_equal(frame_decode(decompressor, frame.bytes, frame.size, 3000, &back), -EBADMSG);
    byte_buffer_free(&frame);
    byte_buffer_free(&back);
    free(content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_level_come_back),
        cmocka_unit_test(stored_frame_has_the_size_that_was_promised),
        cmocka_unit_test(frame_with_any_bit_of_its_content_changed_is_refused),
        cmocka_unit_test(frame_of_another_size_is_refused_before_memory_is_taken),
        cmocka_unit_test(frame_cut_or_followed_by_more_is_refused),
    };

    return cmocka_run_group_tests(tests, contexts_create, contexts_destroy);
}
