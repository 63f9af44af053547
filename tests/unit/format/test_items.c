/* SPDX-License-Identifier: Apache-2.0 */
#include "format/items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format_fixture.h"

static const struct trace_symbol symbol = {
    .process = 3,
    .module = 4,
    .address = UINT64_C(0x1112131415161718),
    .start = 0x2122,
    .from_ticks = 5,
    .to_ticks = UINT64_MAX,
    .name = "main",
    .file = "a/b.c",
    .line = 17,
};

static void item_has_the_bytes_that_the_page_says(void **state)
{
    static const unsigned char expected[] = {
        4,    0,    0,    0,    16,   0,    0,    0,    /* PROCESS_END, 16 bytes */
        7,    0,    0,    0,    0xFF, 0xFF, 0xFF, 0xFF, /* process 7, status -1 */
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11  /* end_ticks */
    };
    const struct trace_process_end end = {7, UINT64_C(0x1122334455667788), -1};
    struct byte_buffer out = {0};

    (void)state;
    assert_int_equal(item_append(&out, ITEM_PROCESS_END, &end), 0);
    assert_int_equal(out.size, sizeof(expected));
    assert_memory_equal(out.bytes, expected, sizeof(expected));
    byte_buffer_free(&out);
}

static void item_with_strings_comes_back(void **state)
{
    struct byte_buffer out = {0};
    struct string_arena arena = {0};
    struct trace_symbol back = {0};
    struct item_view view;

    (void)state;
    assert_int_equal(item_append(&out, ITEM_SYMBOL, &symbol), 0);
    assert_int_equal(item_next(out.bytes, out.size, &view), (int64_t)out.size);
    assert_int_equal(view.kind, ITEM_SYMBOL);
    assert_int_equal(item_decode(&view, &back, &arena), 0);
    assert_int_equal(back.process, symbol.process);
    assert_int_equal(back.module, symbol.module);
    assert_int_equal(back.line, symbol.line);
    assert_int_equal(back.address, symbol.address);
    assert_int_equal(back.start, symbol.start);
    assert_int_equal(back.from_ticks, symbol.from_ticks);
    assert_true(back.to_ticks == symbol.to_ticks);
    assert_string_equal(back.name, symbol.name);
    assert_string_equal(back.file, symbol.file);
    string_arena_free(&arena);
    byte_buffer_free(&out);
}

static void item_cut_anywhere_is_refused(void **state)
{
    struct byte_buffer out = {0};
    struct string_arena arena = {0};
    struct trace_symbol back;
    struct item_view view;

    (void)state;
    assert_int_equal(item_append(&out, ITEM_SYMBOL, &symbol), 0);
    for (size_t size = 0; size < out.size; size++)
        assert_int_equal(item_next(out.bytes, size, &view), -EBADMSG);
    /* A body that is shorter than its fields, with an honest length. */
    for (uint32_t body = 0; body < out.size - ITEM_HEADER_BYTES; body++) {
        le32_store(out.bytes + 4, body);
        assert_int_equal(item_next(out.bytes, out.size, &view), body + ITEM_HEADER_BYTES);
        assert_int_equal(item_decode(&view, &back, &arena), -EBADMSG);
    }
    string_arena_free(&arena);
    byte_buffer_free(&out);
}

static void item_of_a_later_version_is_read_as_far_as_known(void **state)
{
    const struct trace_clock_pair pair = {1, 2, 3, 4};
    struct byte_buffer out = {0};
    struct trace_clock_pair back;
    struct item_view view;

    (void)state;
    assert_int_equal(item_append(&out, ITEM_CLOCK, &pair), 0);
    assert_int_equal(byte_buffer_append(&out, "appended", 8), 0);
    le32_store(out.bytes + 4, (uint32_t)(out.size - ITEM_HEADER_BYTES));
    assert_int_equal(item_next(out.bytes, out.size, &view), (int64_t)out.size);
    assert_int_equal(item_decode(&view, &back, NULL), 0);
    assert_memory_equal(&back, &pair, sizeof(pair));
    le16_store(out.bytes, ITEM_KIND_LAST + 1);
    assert_int_equal(item_next(out.bytes, out.size, &view), (int64_t)out.size);
    assert_int_equal(item_decode(&view, &back, NULL), -ENOENT);
    byte_buffer_free(&out);
}

static void what_came_later_is_left_out_while_it_is_empty(void **state)
{
    struct trace_recording recording = {.host = "box"}, back;
    struct byte_buffer before = {0}, now = {0};
    struct string_arena arena = {0};
    struct item_view view;

    (void)state;
    assert_int_equal(item_append(&before, ITEM_RECORDING, &recording), 0);
    recording.session = "0123456789abcdef";
    assert_int_equal(item_append(&now, ITEM_RECORDING, &recording), 0);
    assert_int_equal(now.size, before.size + 4 + 4 + 16);

    assert_true(item_next(before.bytes, before.size, &view) > 0);
    assert_int_equal(item_decode(&view, &back, &arena), 0);
    assert_string_equal(back.host, "box");
    assert_string_equal(back.boot_id, "");
    assert_string_equal(back.session, "");
    assert_true(item_next(now.bytes, now.size, &view) > 0);
    assert_int_equal(item_decode(&view, &back, &arena), 0);
    assert_string_equal(back.boot_id, "");
    assert_string_equal(back.session, "0123456789abcdef");
    /* Cut short, it is as if it were not there; all before it counts. */
    le32_store(now.bytes + 4, (uint32_t)(now.size - ITEM_HEADER_BYTES - 1));
    assert_true(item_next(now.bytes, now.size, &view) > 0);
    assert_int_equal(item_decode(&view, &back, &arena), 0);
    assert_string_equal(back.host, "box");
    assert_string_equal(back.session, "");
    string_arena_free(&arena);
    byte_buffer_free(&before);
    byte_buffer_free(&now);
}

static void null_string_is_empty_and_endless_one_is_cut(void **state)
{
    enum { LONG = (1 << 20) + 5000 };
    struct trace_note note = {.kind = TRACE_NOTE_INFO, .text = NULL}, back;
    struct byte_buffer out = {0};
    struct string_arena arena = {0};
    char *text = malloc(LONG + 1);
    struct item_view view;

    (void)state;
    assert_non_null(text);
    assert_int_equal(item_append(&out, ITEM_NOTE, &note), 0);
    assert_true(item_next(out.bytes, out.size, &view) > 0);
    assert_int_equal(item_decode(&view, &back, &arena), 0);
    assert_string_equal(back.text, "");

    memset(text, 'x', LONG);
    text[LONG] = 0;
    note.text = text;
    out.size = 0;
    assert_int_equal(item_append(&out, ITEM_NOTE, &note), 0);
    assert_true(item_next(out.bytes, out.size, &view) > 0);
    assert_int_equal(item_decode(&view, &back, &arena), 0);
    assert_int_equal(strlen(back.text), 1 << 20);
    free(text);
    string_arena_free(&arena);
    byte_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_has_the_bytes_that_the_page_says),
        cmocka_unit_test(item_with_strings_comes_back),
        cmocka_unit_test(item_cut_anywhere_is_refused),
        cmocka_unit_test(item_of_a_later_version_is_read_as_far_as_known),
        cmocka_unit_test(what_came_later_is_left_out_while_it_is_empty),
        cmocka_unit_test(null_string_is_empty_and_endless_one_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
