/* SPDX-License-Identifier: Apache-2.0 */
#include "format/xxh64.h"

#include <zstd.h>

#include "base/le.h"
#include "format_fixture.h"

static void xxh64_of_known_texts_is_known(void **state)
{
    (void)state;
    assert_true(xxh64("", 0) == UINT64_C(0xEF46DB3751D8E999));
    assert_true(xxh64("abc", 3) == UINT64_C(0x44BC2CF5AD770999));
}

/* zstd ends a frame with the low half of the checksum. */
static void xxh64_agrees_with_zstd_at_every_length(void **state)
{
    unsigned char bytes[200], frame[512];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    uint64_t random = 1;

    (void)state;
    assert_non_null(context);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        size_t used;

        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)fixture_random(&random);
        used = ZSTD_compress2(context, frame, sizeof(frame), bytes, size);
        assert_false(ZSTD_isError(used));
        assert_int_equal(le32_load(frame + used - 4), (uint32_t)xxh64(bytes, size));
    }
    ZSTD_freeCCtx(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xxh64_of_known_texts_is_known),
        cmocka_unit_test(xxh64_agrees_with_zstd_at_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
