/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output whose descriptor is lost: the application that we are in closes it, before a write or
 * between our look and our write, and its number stays free or becomes another file's. Linked with
 * --wrap, so that write(2) and pread(2) are ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_output.h"
#include "format/trace_snapshot.h"
#include "format_fixture.h"

enum { BLOCK = 1000, BLOCKS = 20 };
enum thief { THIEF_NONE, THIEF_CLOSES, THIEF_TAKES };

/* What happens to a descriptor a moment before it is written to, or read from. */
static struct {
    enum thief writing, reading;
    unsigned countdown; /* calls until then; 0: now */
    bool stays;         /* and before each that follows */
    int other;          /* the file that the number becomes */
} thief;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __real_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset);

static void thief_strike(int fd, enum thief *what)
{
    if (*what == THIEF_NONE || thief.countdown-- > 0)
        return;
    thief.countdown = 0;
    if (*what == THIEF_CLOSES)
        close(fd);
    else
        (void)!dup2(thief.other, fd);
    if (!thief.stays)
        *what = THIEF_NONE;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    thief_strike(fd, &thief.writing);
    return __real_write(fd, bytes, size);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset)
{
    thief_strike(fd, &thief.reading);
    return __real_pread(fd, bytes, size, offset);
}

static int thief_reset(void **state)
{
    (void)state;
    memset(&thief, 0, sizeof(thief));
    return 0;
}

static int blocks_write(struct trace_output *output, unsigned from, unsigned to)
{
    unsigned char block[BLOCK];
    int status = 0;

    for (unsigned n = from; n < to && status == 0; n++) {
        memset(block, (int)('a' + n), sizeof(block));
        status = trace_output_write(output, block, sizeof(block), n + 1 == BLOCKS);
    }
    return status;
}

static void blocks_check(const char *path)
{
    size_t size;
    unsigned char *bytes = fixture_load(path, &size);

    assert_int_equal(size, BLOCK * BLOCKS);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], 'a' + i / BLOCK);
    free(bytes);
}

/* ---- writing ---- */

static void descriptor_opened_anew_under_its_old_number_goes_on_at_the_end(void **state)
{
    const char *path = fixture_path("anew");
    struct trace_output output;
    int fd;

    (void)state;
    trace_output_open(&output, fixture_create(path), 0);
    fd = output.fd;
    assert_int_equal(blocks_write(&output, 0, 5), 0);
    close(fd);
    assert_int_equal(blocks_write(&output, 5, BLOCKS), 0);
    assert_int_equal(output.fd, fd); /* or this says nothing */
    assert_int_equal(trace_output_close(&output), 0);
    blocks_check(path);
}

static void descriptor_lost_before_any_write_costs_nothing(void **state)
{
    const char *path = fixture_path("lost");

    (void)state;
    for (unsigned n = 0; n < 2 * BLOCKS; n++) {
        struct trace_output output;
        int fd = fixture_create(path);

        thief.other = open("/dev/null", O_WRONLY | O_CLOEXEC);
        thief.writing = n % 2 ? THIEF_CLOSES : THIEF_TAKES;
        thief.countdown = n / 2;
        trace_output_open(&output, fd, 0);
        assert_int_equal(blocks_write(&output, 0, BLOCKS), 0);
        assert_int_equal(thief.writing, THIEF_NONE);
        assert_int_equal(trace_output_close(&output), 0);
        blocks_check(path);
        close(thief.other);
        if (n % 2 == 0) /* it is the other's since */
            close(fd);
    }
}

static void descriptor_lost_every_time_is_an_error_as_long_as_it_is(void **state)
{
    const char *path = fixture_path("every_time");
    struct trace_output output;

    (void)state;
    trace_output_open(&output, fixture_create(path), 0);
    assert_int_equal(blocks_write(&output, 0, 7), 0);
    thief.writing = THIEF_CLOSES;
    thief.stays = true;
    assert_int_equal(blocks_write(&output, 7, 8), -EBADF);
    thief.writing = THIEF_NONE;
    assert_int_equal(blocks_write(&output, 7, BLOCKS), 0);
    assert_int_equal(trace_output_close(&output), 0);
    blocks_check(path);
}

static void descriptor_lost_with_its_file_is_an_error_for_good(void **state)
{
    const char *path = fixture_path("gone");
    struct trace_output output;
    int fd = fixture_create(path);

    (void)state;
    trace_output_open(&output, fd, 0);
    assert_int_equal(unlink(path), 0);
    thief.other = open("/dev/null", O_WRONLY | O_CLOEXEC);
    thief.writing = THIEF_TAKES;
    assert_int_equal(blocks_write(&output, 0, 1), -EBADF);
    assert_int_equal(blocks_write(&output, 0, 1), -EIO);
    assert_int_equal(output.written, 0);
    assert_int_equal(trace_output_close(&output), -EBADF);
    assert_int_equal(close(fd), 0); /* the other's was not closed */
    close(thief.other);
}

/* ---- a snapshot, which reads what was written ---- */

static struct trace_writer *file_begin(const char *path)
{
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), NULL, &fixture_recording), 0);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    return w;
}

static void snapshot_whose_source_is_lost_is_of_the_same_file(void **state)
{
    const char *path = fixture_path("source"), *copy = fixture_path("copy");
    const char *other = fixture_path("other");

    (void)state;
    fixture_store(other, "somebody else's", 15);
    for (enum thief what = THIEF_CLOSES; what <= THIEF_TAKES; what++) {
        struct trace_writer *w = file_begin(path);
        struct trace_snapshot *snapshot;
        struct trace_ending *ending;
        struct findings findings;

        thief.other = open(other, O_RDONLY | O_CLOEXEC);
        assert_true(thief.other >= 0);
        assert_int_equal(trace_writer_snapshot(w, 0, &snapshot), 0);
        thief.reading = what;
        assert_int_equal(trace_snapshot_write(snapshot, fixture_create(copy), &ending), 0);
        assert_int_equal(thief.reading, THIEF_NONE);
        assert_int_equal(trace_ending_close(ending, NULL), 0);
        assert_int_equal(trace_writer_close(w), 0);
        assert_int_equal(fixture_verify(copy, &findings), 0);
        assert_int_equal(fixture_verify(path, &findings), 0);
        close(thief.other);
    }
}

static void snapshot_of_a_file_whose_number_is_free_leaves_the_writer_its_own(void **state)
{
    const char *path = fixture_path("numbers"), *copy = fixture_path("numbers_copy");
    struct trace_writer *w = file_begin(path);
    struct trace_snapshot *snapshot;
    struct trace_ending *ending;
    struct findings findings;
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    /* The writer's is the number below what is free now. */
    assert_true(first > 0);
    close(first);
    close(first - 1);
    assert_int_equal(trace_writer_snapshot(w, 0, &snapshot), 0);
    assert_int_equal(trace_snapshot_write(snapshot, fixture_create(copy), &ending), 0);
    assert_int_equal(trace_ending_close(ending, NULL), 0);
    assert_int_equal(trace_writer_close(w), 0);
    assert_int_equal(fixture_verify(copy, &findings), 0);
    assert_int_equal(fixture_verify(path, &findings), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(descriptor_opened_anew_under_its_old_number_goes_on_at_the_end,
                               thief_reset),
        cmocka_unit_test_setup(descriptor_lost_before_any_write_costs_nothing, thief_reset),
        cmocka_unit_test_setup(descriptor_lost_every_time_is_an_error_as_long_as_it_is,
                               thief_reset),
        cmocka_unit_test_setup(descriptor_lost_with_its_file_is_an_error_for_good, thief_reset),
        cmocka_unit_test_setup(snapshot_whose_source_is_lost_is_of_the_same_file, thief_reset),
        cmocka_unit_test_setup(snapshot_of_a_file_whose_number_is_free_leaves_the_writer_its_own,
                               thief_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
