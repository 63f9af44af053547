/* SPDX-License-Identifier: Apache-2.0 */
#include "format/string_arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/byte_buffer.h"
#include "format_fixture.h"

static void strings_stay_where_they_are_while_others_come(void **state)
{
    enum { STRINGS = 20000 };
    static char *copies[STRINGS];
    struct string_arena arena = {0};
    char text[64];

    (void)state;
    for (unsigned i = 0; i < STRINGS; i++) {
        int length = snprintf(text, sizeof(text), "string number %u", i);

        copies[i] = string_arena_copy(&arena, text, (size_t)length);
        assert_non_null(copies[i]);
    }
    for (unsigned i = 0; i < STRINGS; i++) {
        snprintf(text, sizeof(text), "string number %u", i);
        assert_string_equal(copies[i], text);
    }
    string_arena_free(&arena);
}

static void string_larger_than_a_chunk_and_empty_one_are_kept(void **state)
{
    struct string_arena arena = {0};
    char *text = malloc(300000), *large, *empty;

    (void)state;
    assert_non_null(text);
    memset(text, 'y', 300000);
    large = string_arena_copy(&arena, text, 300000);
    empty = string_arena_copy(&arena, NULL, 0);
    assert_int_equal(strlen(large), 300000);
    assert_string_equal(empty, "");
    free(text);
    string_arena_free(&arena);
}

static void buffer_grows_and_keeps_its_bytes(void **state)
{
    struct byte_buffer buffer = {0};

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        unsigned char byte = (unsigned char)(i * 7);

        assert_int_equal(byte_buffer_append(&buffer, &byte, 1), 0);
    }
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buffer.bytes[i], (unsigned char)(i * 7));
    assert_true(byte_buffer_reserve(&buffer, SIZE_MAX / 2) != 0); /* refused, not wrapped around */
    assert_int_equal(buffer.size, 100000);
    byte_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_stay_where_they_are_while_others_come),
        cmocka_unit_test(string_larger_than_a_chunk_and_empty_one_are_kept),
        cmocka_unit_test(buffer_grows_and_keeps_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
