/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels between processes, one of which is killed at any moment, again and again: whoever comes
 * next goes on, what was published arrives, the counts are exact, and who waits is woken.
 */
#include <adatrace/channel.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spsc_fixture.h"

enum { MOST = 120, ROUNDS = 60, PATIENCE_S = 60 };
#define SOON UINT64_C(30000000000) /* a lost wake-up shows as a time-out */

static char folder[] = "/dev/shm/adatrace-test-XXXXXX";
static const struct ada_channel_options here = {
    .size = sizeof(here), .folder = folder, .capacity = 4096};

static int folder_make(void **state)
{
    (void)state;
    alarm(PATIENCE_S * (fixture_rounds(10) < 10 ? 10 : 1));
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    (void)ada_channel_remove(folder, "c");
    return rmdir(folder);
}

static struct ada_channel *take(enum ada_channel_end end)
{
    struct ada_channel *c;
    int err = ada_channel_open("c", end, &here, &c);

    return err ? NULL : c;
}

static void sound(struct ada_channel *c)
{
    char why[128];

    if (ada_ring_check(ada_channel_ring(c), why, sizeof(why)))
        fail_msg("%s", why);
}

/* ---- children ---- */

/* Goes on where the last writer stopped. Ends, if it is not killed, after so many. */
static int write_on(void *context)
{
    uint64_t left = *(uint64_t *)context;
    struct ada_channel *c = take(ADA_CHANNEL_WRITER);
    unsigned char bytes[MOST + 8];
    struct ada_ring_snapshot s;

    if (!c)
        return 10;
    ada_ring_snapshot(ada_channel_ring(c), &s);
    for (uint64_t i = s.written; left--; i++) {
        size_t length = fixture_record(i, MOST, bytes);

        if (ada_ring_write(ada_channel_ring(c), bytes, length, SOON))
            return 11;
    }
    ada_channel_close(c);
    return 0;
}

/* Goes on with the first record that the last reader has not given back. */
static int read_on(void *context)
{
    uint64_t left = *(uint64_t *)context;
    struct ada_channel *c = take(ADA_CHANNEL_READER);
    struct ada_ring_snapshot s;

    if (!c)
        return 20;
    ada_ring_snapshot(ada_channel_ring(c), &s);
    for (uint64_t i = s.read; left--; i++) {
        struct ada_ring_record record;

        if (ada_ring_wait(ada_channel_ring(c), SOON) ||
            ada_ring_peek(ada_channel_ring(c), &record) != 1)
            return 21;
        if (fixture_number(record.payload, record.bytes, MOST) != i)
            return 22;
        ada_ring_advance(ada_channel_ring(c));
        if (i % 3 == 0)
            ada_ring_release(ada_channel_ring(c));
    }
    ada_ring_release(ada_channel_ring(c));
    ada_channel_close(c);
    return 0;
}

/* Opens its end, says so through the channel's state, and waits for what never comes. */
static int read_for_ever(void *context)
{
    struct ada_channel *c = take(ADA_CHANNEL_READER);
    struct ada_ring_record record;

    (void)context;
    while (c && ada_ring_wait(ada_channel_ring(c), SOON) == 0)
        (void)!ada_ring_peek(ada_channel_ring(c), &record); /* never taken */
    return 30;
}

/* ---- killed ---- */

static void writers_are_killed_and_nothing_published_is_lost(void **state)
{
    struct ada_channel *r = take(ADA_CHANNEL_READER);
    uint64_t random = fixture_seed(), expected = 0, endless = UINT64_MAX;
    unsigned char bytes[MOST + 8];

    (void)state;
    assert_non_null(r);
    for (unsigned round = 0; round < fixture_rounds(ROUNDS); round++) {
        uint64_t until = expected + 1 + fixture_random(&random) % 3000;
        pid_t child = fixture_fork(write_on, &endless);
        bool killed = false;
        int64_t got;

        while (ada_channel_peer(r) != ADA_CHANNEL_HERE)
            ;
        while ((got = ada_ring_read(ada_channel_ring(r), bytes, sizeof(bytes), SOON)) >= 0) {
            assert_int_equal(fixture_number(bytes, (size_t)got, MOST), expected);
            if (++expected >= until && !killed)
                killed = !kill(child, SIGKILL);
        }
        assert_int_equal(got, -EPIPE);
        assert_int_equal(ada_channel_peer(r), ADA_CHANNEL_DIED);
        assert_int_equal(fixture_wait(child), -SIGKILL);
        sound(r);
    }
    ada_channel_close(r);
    assert_int_equal(ada_channel_remove(folder, "c"), 0);
}

static void readers_are_killed_and_the_next_one_goes_on(void **state)
{
    struct ada_channel *w = take(ADA_CHANNEL_WRITER);
    uint64_t random = fixture_seed(), number = 0, left, endless = UINT64_MAX;
    unsigned char bytes[MOST + 8];
    struct ada_ring_snapshot s;
    struct ada_channel *r;

    (void)state;
    assert_non_null(w);
    for (unsigned round = 0; round < fixture_rounds(ROUNDS); round++) {
        uint64_t until = number + 1 + fixture_random(&random) % 3000;
        pid_t child = fixture_fork(read_on, &endless);
        bool killed = false;
        int err;

        while (ada_channel_peer(w) != ADA_CHANNEL_HERE)
            ;
        for (;;) {
            size_t length = fixture_record(number, MOST, bytes);

            err = ada_ring_write(ada_channel_ring(w), bytes, length, SOON);
            if (err)
                break;
            if (++number >= until && !killed)
                killed = !kill(child, SIGKILL);
        }
        assert_int_equal(err, -EPIPE);
        assert_int_equal(ada_channel_peer(w), ADA_CHANNEL_DIED);
        assert_int_equal(fixture_wait(child), -SIGKILL);
        sound(w);
    }
    ada_ring_snapshot(ada_channel_ring(w), &s);
    assert_int_equal(s.written, number);
    left = number - s.read;
    assert_int_equal(fixture_wait(fixture_fork(read_on, &left)), 0);
    r = take(ADA_CHANNEL_READER);
    assert_int_equal(ada_ring_try_read(ada_channel_ring(r), bytes, sizeof(bytes)), -EAGAIN);
    ada_channel_close(r);
    ada_channel_close(w);
    assert_int_equal(ada_channel_remove(folder, "c"), 0);
}

static void both_sides_in_processes_finish_in_peace(void **state)
{
    uint64_t count = fixture_rounds(200000);
    pid_t writer = fixture_fork(write_on, &count), reader = fixture_fork(read_on, &count);
    struct ada_channel_stats s;

    (void)state;
    assert_int_equal(fixture_wait(writer), 0);
    assert_int_equal(fixture_wait(reader), 0);
    assert_int_equal(ada_channel_stats_read(folder, "c", &s), 0);
    assert_int_equal(s.ring.written, count);
    assert_int_equal(s.ring.read, count);
    assert_int_equal(s.writer, ADA_CHANNEL_LEFT);
    assert_int_equal(s.reader, ADA_CHANNEL_LEFT);
    assert_int_equal(ada_channel_remove(folder, "c"), 0);
}

/* exec ends the holder's life as exit does. */
static int hold_and_execute(void *context)
{
    struct ada_channel *c = take(ADA_CHANNEL_WRITER);

    (void)context;
    if (c)
        execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
    return 40;
}

static void a_holder_that_executes_another_program_has_gone(void **state)
{
    struct ada_channel *r = take(ADA_CHANNEL_READER);
    pid_t child = fixture_fork(hold_and_execute, NULL);
    char byte;

    (void)state;
    assert_int_equal(ada_ring_read(ada_channel_ring(r), &byte, 1, SOON), -EPIPE);
    assert_int_equal(fixture_wait(child), 5);
    ada_channel_close(r);
    assert_int_equal(ada_channel_remove(folder, "c"), 0);
}

static void a_forked_child_holds_nothing_of_its_parents(void **state)
{
    struct ada_channel *w = take(ADA_CHANNEL_WRITER);
    pid_t child = fork();

    (void)state;
    if (!child) {
        ada_channel_close(w);
        _exit(take(ADA_CHANNEL_WRITER) ? 1 : 0); /* still the parent's */
    }
    assert_int_equal(fixture_wait(child), 0);
    assert_int_equal(ada_ring_write(ada_channel_ring(w), "x", 1, 0), 0);
    ada_channel_close(w);
    assert_int_equal(ada_channel_remove(folder, "c"), 0);
}

static void who_sleeps_is_woken_by_the_others_death(void **state)
{
    struct ada_channel *w = take(ADA_CHANNEL_WRITER);
    unsigned char bytes[16] = {0};

    (void)state;
    ada_ring_set_spin(ada_channel_ring(w), 0);
    while (!ada_ring_try_write(ada_channel_ring(w), bytes, sizeof(bytes)))
        ;
    for (unsigned round = 0; round < fixture_rounds(30); round++) {
        pid_t child = fixture_fork(read_for_ever, NULL), killer;

        while (ada_channel_peer(w) != ADA_CHANNEL_HERE)
            ;
        killer = fork();
        if (!killer)
            _exit(kill(child, SIGKILL) != 0);
        assert_int_equal(ada_ring_write(ada_channel_ring(w), bytes, 16, SOON), -EPIPE);
        assert_int_equal(fixture_wait(killer), 0);
        assert_int_equal(fixture_wait(child), -SIGKILL);
    }
    ada_channel_close(w);
    assert_int_equal(ada_channel_remove(folder, "c"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_are_killed_and_nothing_published_is_lost),
        cmocka_unit_test(readers_are_killed_and_the_next_one_goes_on),
        cmocka_unit_test(both_sides_in_processes_finish_in_peace),
        cmocka_unit_test(a_holder_that_executes_another_program_has_gone),
        cmocka_unit_test(a_forked_child_holds_nothing_of_its_parents),
        cmocka_unit_test(who_sleeps_is_woken_by_the_others_death),
    };

#ifdef __SANITIZE_THREAD__ /* which lets no thread begin in a child of several threads */
    return 77;
#endif
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
