/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/out_text.h"

/* Reads a pipe to its end and keeps what came. */
struct reader {
    pthread_t thread;
    int fd;
    char *bytes;
    size_t size, capacity;
};

static void *read_all(void *context)
{
    struct reader *reader = context;
    char piece[1000];
    ssize_t size;

    while ((size = read(reader->fd, piece, sizeof(piece))) > 0) {
        if (reader->size + (size_t)size > reader->capacity) {
            reader->capacity = 2 * reader->capacity + sizeof(piece);
            reader->bytes = realloc(reader->bytes, reader->capacity);
        }
        memcpy(reader->bytes + reader->size, piece, (size_t)size);
        reader->size += (size_t)size;
    }
    return NULL;
}

static int reader_start(struct reader *reader)
{
    int ends[2];

    *reader = (struct reader){0};
    assert_int_equal(pipe(ends), 0);
    reader->fd = ends[0];
    assert_int_equal(pthread_create(&reader->thread, NULL, read_all, reader), 0);
    return ends[1];
}

static void reader_end(struct reader *reader, int fd)
{
    close(fd);
    pthread_join(reader->thread, NULL);
    close(reader->fd);
}

static void large_output_arrives_whole(void **state)
{
    enum { SIZE = 3 * OUT_BUFFER_BYTES + 17 };
    char *bytes = malloc(SIZE);
    struct reader reader;
    struct out_buffer out;
    int fd = reader_start(&reader);

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 >> 3);
    assert_int_equal(out_open(&out, fd), 0);
    out_put(&out, bytes, SIZE);
    out_put_char(&out, '!');
    assert_int_equal(out_close(&out), 0);
    reader_end(&reader, fd);
    assert_int_equal(reader.size, SIZE + 1);
    assert_memory_equal(reader.bytes, bytes, SIZE);
    assert_int_equal(reader.bytes[SIZE], '!');
    free(reader.bytes);
    free(bytes);
}

/* Printed into memory that has to grow, moved, and printed into again. */
static void output_by_way_of_memory_is_the_same(void **state)
{
    struct out_buffer out, memory;
    struct reader reader;
    int fd = reader_start(&reader);
    size_t expected = 0;

    (void)state;
    assert_int_equal(out_open(&out, fd), 0);
    assert_int_equal(out_open_memory(&memory), 0);
    for (unsigned round = 0; round < 4; round++) {
        out_put_text(&out, "first ");
        for (unsigned i = 0; i < round * 300000; i++)
            out_put_text(&memory, "second");
        out_move(&out, &memory);
        expected += 6 + 6 * (size_t)(round * 300000);
    }
    out_put_text(&out, "last");
    out_close_memory(&memory);
    assert_int_equal(out_close(&out), 0);
    reader_end(&reader, fd);
    assert_int_equal(reader.size, expected + 4);
    assert_memory_equal(reader.bytes, "first first secondsecond", 24);
    assert_memory_equal(reader.bytes + expected - 12, "secondsecondlast", 16);
    free(reader.bytes);
}

static void nonblocking_pipe_loses_nothing(void **state)
{
    struct reader reader;
    struct out_buffer out;
    int fd = reader_start(&reader);

    (void)state;
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(out_open(&out, fd), 0);
    for (unsigned i = 0; i < 1000000; i++)
        out_put(&out, "12345678\n", 9);
    assert_int_equal(out_close(&out), 0);
    reader_end(&reader, fd);
    assert_int_equal(reader.size, 9000000);
    free(reader.bytes);
}

static void escaped_text_is_not_cut_inside_a_character(void **state)
{
    enum { COUNT = 100000 };
    char *source = malloc(3 * COUNT);
    struct reader reader;
    struct out_buffer out;
    int fd = reader_start(&reader);

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        memcpy(source + 3 * i, "\xe2\x82\xac", 3);
    assert_int_equal(out_open(&out, fd), 0);
    out_put_escaped(&out, text_json, source, 3 * COUNT);
    assert_int_equal(out_close(&out), 0);
    reader_end(&reader, fd);
    assert_int_equal(reader.size, 3 * COUNT);
    assert_memory_equal(reader.bytes, source, 3 * COUNT);
    free(reader.bytes);
    free(source);
}

static void closed_pipe_is_no_error_at_the_end(void **state)
{
    struct out_buffer out;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(out_open(&out, ends[1]), 0);
    for (unsigned i = 0; i < OUT_BUFFER_BYTES; i++)
        out_put(&out, "12345678\n", 9);
    assert_int_equal(out.error, -EPIPE);
    assert_int_equal(out_close(&out), 0);
    close(ends[1]);
}

static void full_disk_is_reported(void **state)
{
    struct out_buffer out;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    if (fd < 0)
        skip();
    assert_int_equal(out_open(&out, fd), 0);
    out_put_text(&out, "something");
    assert_int_equal(out_close(&out), -ENOSPC);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_output_arrives_whole),
        cmocka_unit_test(output_by_way_of_memory_is_the_same),
        cmocka_unit_test(nonblocking_pipe_loses_nothing),
        cmocka_unit_test(escaped_text_is_not_cut_inside_a_character),
        cmocka_unit_test(closed_pipe_is_no_error_at_the_end),
        cmocka_unit_test(full_disk_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
