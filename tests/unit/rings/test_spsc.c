/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread can see of a ring: every call, full, empty, at the wrap, in every memory. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <adatrace/ring.h>

enum { CAPACITY = 4096 };

static struct ada_ring *ring;

/* What malloc() has given out; 0 where the C library does not say. */
static size_t heap_bytes(void)
{
#if defined(__GLIBC__)
    struct mallinfo2 heap = mallinfo2();

    return heap.uordblks + heap.hblkhd;
#else
    return 0;
#endif
}

static int setup(void **state)
{
    (void)state;
    return ada_ring_create(CAPACITY, &ring);
}

static int teardown(void **state)
{
    (void)state;
    ada_ring_destroy(ring);
    ring = NULL;
    return 0;
}

static void write_text(const char *text)
{
    assert_int_equal(ada_ring_try_write(ring, text, strlen(text)), 0);
}

static void expect_text(const char *text)
{
    char buffer[256];
    int64_t got = ada_ring_try_read(ring, buffer, sizeof(buffer));

    assert_int_equal(got, strlen(text));
    assert_memory_equal(buffer, text, strlen(text));
}

static struct ada_ring_snapshot snapshot(void)
{
    struct ada_ring_snapshot s;

    ada_ring_snapshot(ring, &s);
    return s;
}

static void expect_sound(void)
{
    char why[128];

    if (ada_ring_check(ring, why, sizeof(why)))
        fail_msg("%s", why);
}

/* ---- making ---- */

static void create_rounds_up_and_names_what_it_cannot(void **state)
{
    struct ada_ring *r;

    (void)state;
    assert_int_equal(ada_ring_create(0, &r), -ERANGE);
    assert_int_equal(ada_ring_create(ADA_RING_CAPACITY_MAX + 1, &r), -ERANGE);
    assert_int_equal(ada_ring_create(1, &r), 0);
    assert_int_equal(ada_ring_capacity(r), ADA_RING_CAPACITY_MIN);
    ada_ring_destroy(r);
    assert_int_equal(ada_ring_create(5000, &r), 0);
    assert_int_equal(ada_ring_capacity(r), 8192);
    assert_int_equal(ada_ring_record_max(r), 8192 / 2 - 8);
    ada_ring_destroy(r);
    ada_ring_destroy(NULL);
}

static void create_in_callers_memory_allocates_nothing(void **state)
{
    static unsigned char memory[CAPACITY + ADA_RING_OVERHEAD] __attribute__((aligned(128)));
    size_t before = heap_bytes();
    struct ada_ring *r;

    (void)state;
    assert_int_equal(ada_ring_memory_bytes(CAPACITY), sizeof(memory));
    assert_int_equal(ada_ring_create_in(memory + 8, sizeof(memory) - 8, &r), -EINVAL);
    assert_int_equal(ada_ring_create_in(memory, 1000, &r), -ERANGE);
    assert_int_equal(ada_ring_create_in(memory, sizeof(memory) - 1, &r), 0);
    assert_int_equal(ada_ring_capacity(r), CAPACITY / 2);
    assert_int_equal(ada_ring_create_in(memory, sizeof(memory), &r), 0);
    assert_int_equal(ada_ring_capacity(r), CAPACITY);
    for (int i = 0; i < 10000; i++) {
        char byte;

        assert_int_equal(ada_ring_try_write(r, "x", 1), 0);
        assert_int_equal(ada_ring_try_read(r, &byte, 1), 1);
    }
    ada_ring_destroy(r);
    assert_int_equal(heap_bytes(), before);
}

static void create_named_is_exclusive_and_attached_by_name(void **state)
{
    struct ada_ring *writer, *reader;
    char name[64], byte;

    (void)state;
    snprintf(name, sizeof(name), "adatrace-test-%d", (int)getpid());
    assert_int_equal(ada_ring_attach_named(name, &reader), -ENOENT);
    assert_int_equal(ada_ring_create_named(name, CAPACITY, &writer), 0);
    assert_int_equal(ada_ring_create_named(name, CAPACITY, &reader), -EEXIST);
    assert_int_equal(ada_ring_attach_named(name, &reader), 0);
    assert_int_equal(ada_ring_remove(name), 0);
    assert_int_equal(ada_ring_remove(name), -ENOENT);
    assert_int_equal(ada_ring_fd(writer), -EBADF);
    assert_int_equal(ada_ring_try_write(writer, "x", 1), 0);
    assert_int_equal(ada_ring_try_read(reader, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    ada_ring_destroy(writer);
    ada_ring_destroy(reader);
}

static void names_are_checked(void **state)
{
    static const char *const bad[] = {"", ".hidden", "-x", "a/b", "../x", "a b", "\xc3\xa4"};
    char longest[256];
    struct ada_ring *r;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ada_ring_create_named(bad[i], CAPACITY, &r), -EINVAL);
        assert_int_equal(ada_ring_attach_named(bad[i], &r), -EINVAL);
        assert_int_equal(ada_ring_remove(bad[i]), -EINVAL);
    }
    memset(longest, 'a', sizeof(longest));
    longest[201] = '\0';
    assert_int_equal(ada_ring_remove(longest), -EINVAL);
    longest[200] = '\0';
    assert_int_equal(ada_ring_remove(longest), -ENOENT);
}

static void create_fd_is_sealed_and_attached_by_descriptor(void **state)
{
    struct ada_ring *writer, *reader;
    char byte;
    int fd;

    (void)state;
    assert_int_equal(ada_ring_create_fd(CAPACITY, &writer), 0);
    fd = ada_ring_fd(writer);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_int_equal(ada_ring_attach_fd(fd, &reader), 0);
    assert_int_equal(ada_ring_try_write(writer, "x", 1), 0);
    assert_int_equal(ada_ring_try_read(reader, &byte, 1), 1);
    ada_ring_destroy(writer);
    ada_ring_destroy(reader);
}

/* ---- writing and reading ---- */

static void records_come_back_in_order_with_their_lengths(void **state)
{
    (void)state;
    write_text("one");
    write_text("");
    write_text("three and more");
    assert_int_equal(snapshot().written, 3);
    expect_text("one");
    expect_text("");
    expect_text("three and more");
    assert_int_equal(ada_ring_try_read(ring, NULL, 0), -EAGAIN);
    assert_int_equal(snapshot().read, 3);
    assert_int_equal(ada_ring_fill(ring), 0);
    expect_sound();
}

static void write_when_full_counts_the_drop(void **state)
{
    unsigned char byte = 0;
    uint64_t fitted = 0;

    (void)state;
    while (!ada_ring_try_write(ring, &byte, 1))
        fitted++;
    assert_int_equal(fitted, CAPACITY / 16);
    assert_int_equal(ada_ring_try_write(ring, &byte, 1), -EAGAIN);
    assert_int_equal(ada_ring_write(ring, &byte, 1, 1000000), -ETIMEDOUT);
    assert_int_equal(snapshot().dropped, 3);
    assert_int_equal(snapshot().written, fitted);
    assert_int_equal(snapshot().high_water_bytes, CAPACITY);
    assert_int_equal(ada_ring_room(ring), -EAGAIN);
    assert_int_equal(ada_ring_try_read(ring, &byte, 1), 1);
    assert_int_equal(ada_ring_room(ring), 8);
    assert_int_equal(ada_ring_try_write(ring, &byte, 1), 0);
    expect_sound();
}

static void write_longer_than_the_longest_is_refused_and_no_drop(void **state)
{
    static const unsigned char bytes[CAPACITY];
    void *payload;

    (void)state;
    assert_int_equal(ada_ring_try_write(ring, bytes, CAPACITY / 2 - 7), -EMSGSIZE);
    assert_int_equal(ada_ring_reserve(ring, CAPACITY, &payload), -EMSGSIZE);
    assert_int_equal(ada_ring_wait_room(ring, CAPACITY, ADA_FOREVER), -EMSGSIZE);
    assert_int_equal(snapshot().dropped, 0);
    assert_int_equal(ada_ring_try_write(ring, bytes, CAPACITY / 2 - 8), 0);
}

static void longest_record_has_a_place_in_an_empty_ring_wherever_it_begins(void **state)
{
    static unsigned char bytes[CAPACITY / 2 - 8], back[CAPACITY / 2 - 8];

    (void)state;
    for (unsigned start = 0; start < CAPACITY / 8; start++) {
        memset(bytes, (int)start, sizeof(bytes));
        assert_int_equal(ada_ring_room(ring), sizeof(bytes));
        assert_int_equal(ada_ring_try_write(ring, bytes, sizeof(bytes)), 0);
        assert_int_equal(ada_ring_try_read(ring, back, sizeof(back) - 1), -ENOBUFS);
        assert_int_equal(ada_ring_try_read(ring, back, sizeof(back)), sizeof(back));
        assert_memory_equal(bytes, back, sizeof(back));
        assert_int_equal(ada_ring_try_write(ring, "", 0), 0); /* one place on */
        assert_int_equal(ada_ring_try_read(ring, back, 0), 0);
        expect_sound();
    }
}

static void reserve_is_seen_after_commit_and_never_after_rollback(void **state)
{
    void *payload;

    (void)state;
    assert_int_equal(ada_ring_reserve(ring, 5, &payload), 0);
    assert_int_equal((uintptr_t)payload % 8, 0);
    memcpy(payload, "first", 5);
    assert_int_equal(ada_ring_try_read(ring, NULL, 0), -EAGAIN);
    assert_int_equal(ada_ring_reserve(ring, 100, &payload), 0);
    memcpy(payload, "second", 6);
    assert_int_equal(ada_ring_shrink(ring, 101 + 8), -EINVAL);
    assert_int_equal(ada_ring_shrink(ring, 6), 0);
    assert_int_equal(ada_ring_try_read(ring, NULL, 0), -EAGAIN);
    ada_ring_commit(ring);
    assert_int_equal(ada_ring_shrink(ring, 1), -EINVAL);
    assert_int_equal(ada_ring_reserve(ring, 4, &payload), 0);
    ada_ring_rollback(ring);
    ada_ring_rollback(ring);
    ada_ring_commit(ring);
    write_text("third");
    expect_text("first");
    expect_text("second");
    expect_text("third");
    assert_int_equal(snapshot().written, 3);
    expect_sound();
}

static void rollback_behind_the_wrap_goes_back_to_the_lap_before(void **state)
{
    static unsigned char bytes[CAPACITY / 2 - 8];
    void *payload;

    (void)state;
    assert_int_equal(ada_ring_try_write(ring, bytes, sizeof(bytes)), 0);
    assert_int_equal(ada_ring_try_write(ring, bytes, 1000), 0);
    assert_int_equal(ada_ring_try_read(ring, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(ada_ring_reserve(ring, 2000, &payload), 0); /* begins a lap */
    ada_ring_rollback(ring);
    write_text("still in this lap");
    assert_int_equal(ada_ring_fill(ring), 1008 + 32);
    assert_int_equal(ada_ring_reserve(ring, 2000, &payload), 0);
    ada_ring_commit(ring);
    assert_int_equal(ada_ring_try_read(ring, bytes, sizeof(bytes)), 1000);
    expect_text("still in this lap");
    expect_sound();
    assert_int_equal(ada_ring_try_read(ring, bytes, sizeof(bytes)), 2000);
}

static void write_batch_writes_what_fits(void **state)
{
    struct ada_ring_record records[CAPACITY / 16 + 10], seen[CAPACITY];
    uint64_t values[CAPACITY / 16 + 10];
    const size_t count = sizeof(values) / sizeof(values[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        values[i] = i;
        records[i] = (struct ada_ring_record){&values[i], 8};
    }
    assert_int_equal(ada_ring_write_batch(ring, records, 0), 0);
    assert_int_equal(ada_ring_write_batch(ring, records, count), CAPACITY / 16);
    assert_int_equal(ada_ring_write_batch(ring, records, count), -EAGAIN);
    assert_int_equal(snapshot().dropped, 0);
    assert_int_equal(ada_ring_read_batch(ring, seen, 0), 0);
    assert_int_equal(ada_ring_read_batch(ring, seen, 10), 10);
    assert_int_equal(ada_ring_read_batch(ring, seen + 10, CAPACITY), CAPACITY / 16 - 10);
    assert_int_equal(ada_ring_read_batch(ring, seen, 10), 0);
    for (uint64_t i = 0; i < CAPACITY / 16; i++) {
        assert_int_equal(seen[i].bytes, 8);
        assert_memory_equal(seen[i].payload, &i, 8);
    }
    assert_int_equal(ada_ring_try_write(ring, "", 0), -EAGAIN); /* taken, not given back */
    ada_ring_release(ring);
    assert_int_equal(ada_ring_try_write(ring, "", 0), 0);
}

static void peek_takes_nothing_and_advance_one(void **state)
{
    struct ada_ring_record record;

    (void)state;
    assert_int_equal(ada_ring_peek(ring, &record), 0);
    ada_ring_advance(ring);
    write_text("one");
    write_text("two");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ada_ring_peek(ring, &record), 1);
        assert_int_equal(record.bytes, 3);
        assert_memory_equal(record.payload, "one", 3);
    }
    ada_ring_advance(ring);
    ada_ring_advance(ring); /* without a peek: nothing */
    assert_int_equal(ada_ring_peek(ring, &record), 1);
    assert_memory_equal(record.payload, "two", 3);
    assert_int_equal(ada_ring_fill(ring), 32);
    ada_ring_release(ring);
    assert_int_equal(ada_ring_fill(ring), 16);
    expect_sound();
}

static int visit_until(void *context, const struct ada_ring_record *record)
{
    int *left = context;

    assert_int_equal(record->bytes, 3);
    return --*left == 0;
}

static void drain_ends_at_its_bound_or_when_told(void **state)
{
    int left = 1000;

    (void)state;
    for (int i = 0; i < 20; i++)
        write_text("abc");
    assert_int_equal(ada_ring_drain(ring, visit_until, &left, 5), 5);
    left = 3;
    assert_int_equal(ada_ring_drain(ring, visit_until, &left, 100), 3);
    left = 1000;
    assert_int_equal(ada_ring_drain(ring, visit_until, &left, UINT64_MAX), 12);
    assert_int_equal(ada_ring_drain(ring, visit_until, &left, UINT64_MAX), 0);
    assert_int_equal(ada_ring_fill(ring), 0);
    ada_ring_shutdown(ring);
    assert_int_equal(ada_ring_drain(ring, visit_until, &left, UINT64_MAX), -EPIPE);
}

static void shutdown_ends_writing_now_and_reading_after_the_last(void **state)
{
    struct ada_ring_record record;
    char buffer[8];
    void *payload;

    (void)state;
    write_text("last");
    ada_ring_shutdown(ring);
    assert_int_equal(ada_ring_try_write(ring, "x", 1), -EPIPE);
    assert_int_equal(ada_ring_write(ring, "x", 1, ADA_FOREVER), -EPIPE);
    assert_int_equal(ada_ring_reserve(ring, 1, &payload), -EPIPE);
    assert_int_equal(ada_ring_wait_room(ring, 1, ADA_FOREVER), -EPIPE);
    assert_int_equal(ada_ring_wait(ring, ADA_FOREVER), 0);
    expect_text("last");
    assert_int_equal(ada_ring_wait(ring, ADA_FOREVER), -EPIPE);
    assert_int_equal(ada_ring_peek(ring, &record), -EPIPE);
    assert_int_equal(ada_ring_read_batch(ring, &record, 1), -EPIPE);
    assert_int_equal(ada_ring_read(ring, buffer, sizeof(buffer), ADA_FOREVER), -EPIPE);
}

static void waiting_ends_by_its_time_out(void **state)
{
    char byte;

    (void)state;
    errno = 77;
    assert_int_equal(ada_ring_wait(ring, 0), -ETIMEDOUT);
    assert_int_equal(ada_ring_read(ring, &byte, 1, 3000000), -ETIMEDOUT);
    assert_int_equal(ada_ring_wait_room(ring, 1, 0), 0);
    while (!ada_ring_try_write(ring, "", 0))
        ;
    assert_int_equal(ada_ring_wait_room(ring, 1, 3000000), -ETIMEDOUT);
    assert_int_equal(errno, 77);
}

static void nothing_is_allocated_after_creation(void **state)
{
    struct ada_ring_record records[64];
    size_t before;
    int left = 1 << 30;
    char buffer[64];
    void *payload;

    (void)state;
    before = heap_bytes();
    for (int i = 0; i < 20000; i++) {
        write_text("some text");
        (void)!ada_ring_write(ring, "x", 1, ADA_FOREVER);
        (void)!ada_ring_reserve(ring, 3, &payload);
        memcpy(payload, "abc", 3);
        ada_ring_commit(ring);
        (void)!ada_ring_read(ring, buffer, sizeof(buffer), ADA_FOREVER);
        (void)!ada_ring_read_batch(ring, records, 1);
        ada_ring_release(ring);
        (void)!ada_ring_drain(ring, visit_until, &left, 100);
        (void)!ada_ring_wait(ring, 0);
    }
    assert_int_equal(heap_bytes(), before);
}

int main(void)
{
#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_rounds_up_and_names_what_it_cannot),
        cmocka_unit_test(create_in_callers_memory_allocates_nothing),
        cmocka_unit_test(create_named_is_exclusive_and_attached_by_name),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(create_fd_is_sealed_and_attached_by_descriptor),
        RING_TEST(records_come_back_in_order_with_their_lengths),
        RING_TEST(write_when_full_counts_the_drop),
        RING_TEST(write_longer_than_the_longest_is_refused_and_no_drop),
        RING_TEST(longest_record_has_a_place_in_an_empty_ring_wherever_it_begins),
        RING_TEST(reserve_is_seen_after_commit_and_never_after_rollback),
        RING_TEST(rollback_behind_the_wrap_goes_back_to_the_lap_before),
        RING_TEST(write_batch_writes_what_fits),
        RING_TEST(peek_takes_nothing_and_advance_one),
        RING_TEST(drain_ends_at_its_bound_or_when_told),
        RING_TEST(shutdown_ends_writing_now_and_reading_after_the_last),
        RING_TEST(waiting_ends_by_its_time_out),
        RING_TEST(nothing_is_allocated_after_creation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
