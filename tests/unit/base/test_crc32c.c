/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void crc32c_of_known_texts_is_known(void **state)
{
    unsigned char bytes[32];

    (void)state;
    assert_int_equal(crc32c("", 0), 0);
    assert_int_equal(crc32c("123456789", 9), 0xE3069283);
    memset(bytes, 0, sizeof(bytes)); /* the vectors of RFC 3720 */
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x62A8AB43);
    for (unsigned char i = 0; i < sizeof(bytes); i++)
        bytes[i] = i;
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x46DD794E);
}

static void crc32c_by_instruction_and_by_table_agree(void **state)
{
    unsigned char bytes[300];
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)((random = random * 1664525 + 1013904223) >> 24);
    for (size_t start = 0; start < 9; start++)
        for (size_t size = 0; size + start <= sizeof(bytes); size++)
            assert_int_equal(crc32c(bytes + start, size), crc32c_portable(bytes + start, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_of_known_texts_is_known),
        cmocka_unit_test(crc32c_by_instruction_and_by_table_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
