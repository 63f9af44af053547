/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads, and a third one that looks on. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rings/spsc.h"
#include "spsc_fixture.h"

enum { MOST = 120, WAIT_S = 30 };
#define SOON (WAIT_S * UINT64_C(1000000000)) /* a lost wake-up shows as a time-out */

struct race {
    struct ada_ring *ring;
    uint64_t count;
    int over; /* nothing more to look at */
};

static void *write_waiting(void *argument)
{
    struct race *race = argument;
    unsigned char bytes[MOST + 8];

    for (uint64_t i = 0; i < race->count; i++) {
        size_t length = fixture_record(i, MOST, bytes);

        MUST(ada_ring_write(race->ring, bytes, length, SOON) == 0);
    }
    ada_ring_shutdown(race->ring);
    return NULL;
}

static void *write_in_place(void *argument)
{
    struct race *race = argument;
    unsigned char bytes[MOST + 8];

    for (uint64_t i = 0; i < race->count;) {
        size_t length = fixture_record(i, MOST, bytes);
        void *payload;
        int err = ada_ring_reserve(race->ring, length, &payload);

        if (err) {
            MUST(err == -EAGAIN);
            ada_ring_commit(race->ring);
            MUST(ada_ring_wait_room(race->ring, length, SOON) == 0);
            continue;
        }
        memcpy(payload, bytes, length);
        if (++i % 5 == 0)
            ada_ring_commit(race->ring);
    }
    ada_ring_commit(race->ring);
    ada_ring_shutdown(race->ring);
    return NULL;
}

static uint64_t read_waiting(struct race *race)
{
    unsigned char bytes[MOST + 8];
    uint64_t taken = 0;
    int64_t got;

    while ((got = ada_ring_read(race->ring, bytes, sizeof(bytes), SOON)) >= 0) {
        MUST(fixture_number(bytes, (size_t)got, MOST) == taken);
        taken++;
    }
    MUST(got == -EPIPE);
    return taken;
}

static uint64_t read_batches(struct race *race)
{
    struct ada_ring_record records[32];
    uint64_t taken = 0;
    int64_t got;

    while ((got = ada_ring_wait(race->ring, SOON)) == 0) {
        got = ada_ring_read_batch(race->ring, records, 32);
        MUST(got > 0);
        for (int64_t i = 0; i < got; i++, taken++)
            MUST(fixture_number(records[i].payload, records[i].bytes, MOST) == taken);
        ada_ring_release(race->ring);
    }
    MUST(got == -EPIPE);
    return taken;
}

static void race_once(uint64_t capacity, uint64_t spin_ns, uint64_t count, void *(*write)(void *),
                      uint64_t (*read)(struct race *))
{
    struct race race = {.count = count};
    struct ada_ring_snapshot s;
    pthread_t writer;

    MUST(ada_ring_create(capacity, &race.ring) == 0);
    ada_ring_set_spin(race.ring, spin_ns);
    MUST(pthread_create(&writer, NULL, write, &race) == 0);
    MUST(read(&race) == count);
    pthread_join(writer, NULL);
    ada_ring_snapshot(race.ring, &s);
    MUST(s.written == count && s.read == count);
    MUST(ada_ring_check(race.ring, NULL, 0) == 0);
    ada_ring_destroy(race.ring);
}

static void all_records_arrive_once_in_order(void **state)
{
    (void)state;
    race_once(1 << 16, 2000, fixture_rounds(400000), write_waiting, read_waiting);
    race_once(1 << 16, 2000, fixture_rounds(400000), write_in_place, read_batches);
}

/* Three records fill the ring, and nobody spins: each side sleeps all the time. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    race_once(512, 0, fixture_rounds(30000), write_waiting, read_waiting);
    race_once(512, 0, fixture_rounds(30000), write_in_place, read_batches);
    race_once(512, 500, fixture_rounds(30000), write_waiting, read_waiting);
}

/* ---- the moment of falling asleep ---- */

struct pair {
    struct ada_ring *there, *back;
    uint64_t rounds;
};

static void *answer(void *argument)
{
    struct pair *pair = argument;
    uint64_t value;

    for (uint64_t i = 0; i < pair->rounds; i++) {
        MUST(ada_ring_read(pair->there, &value, 8, SOON) == 8 && value == i);
        MUST(ada_ring_try_write(pair->back, &value, 8) == 0);
    }
    return NULL;
}

/* One record at a time, at every distance from when the reader has answered the last one, and so
 * from when it goes to sleep. */
static void no_wake_up_is_lost_while_the_reader_falls_asleep(void **state)
{
    struct pair pair = {.rounds = fixture_rounds(60000)};
    pthread_t thread;

    (void)state;
    MUST(ada_ring_create(4096, &pair.there) == 0 && ada_ring_create(4096, &pair.back) == 0);
    ada_ring_set_spin(pair.there, 0);
    ada_ring_set_spin(pair.back, 1000000);
    MUST(pthread_create(&thread, NULL, answer, &pair) == 0);
    for (uint64_t i = 0; i < pair.rounds; i++) {
        uint64_t value;

        for (volatile uint64_t pause = 0; pause < i % 2000; pause++)
            ;
        MUST(ada_ring_try_write(pair.there, &i, 8) == 0);
        MUST(ada_ring_read(pair.back, &value, 8, SOON) == 8);
    }
    pthread_join(thread, NULL);
    ada_ring_destroy(pair.there);
    ada_ring_destroy(pair.back);
}

/* As where the kernel has no membarrier: what is missed is found a millisecond later. */
static void naps_end_by_themselves(void **state)
{
    struct race race = {.count = fixture_rounds(2000)};
    pthread_t writer;

    (void)state;
    MUST(ada_ring_create(512, &race.ring) == 0);
    ada_ring_set_spin(race.ring, 0);
    race.ring->shared->naps = 1;
    MUST(pthread_create(&writer, NULL, write_waiting, &race) == 0);
    MUST(read_waiting(&race) == race.count);
    pthread_join(writer, NULL);
    ada_ring_destroy(race.ring);
}

static void *read_until_closed(void *argument)
{
    struct race *race = argument;
    char byte;

    MUST(ada_ring_read(race->ring, &byte, 1, SOON) == -EPIPE);
    return NULL;
}

static void *wait_until_closed(void *argument)
{
    struct race *race = argument;

    MUST(ada_ring_wait_room(race->ring, 1, SOON) == -EPIPE);
    return NULL;
}

static void shutdown_wakes_who_sleeps(void **state)
{
    (void)state;
    for (unsigned round = 0; round < fixture_rounds(300); round++) {
        struct race race = {0};
        pthread_t thread;

        MUST(ada_ring_create(512, &race.ring) == 0);
        ada_ring_set_spin(race.ring, round % 2 ? 0 : 10000);
        if (round % 4 < 2)
            while (!ada_ring_try_write(race.ring, "", 0))
                ;
        MUST(pthread_create(&thread, NULL, round % 4 < 2 ? wait_until_closed : read_until_closed,
                            &race) == 0);
        if (round % 8 < 4)
            sched_yield();
        ada_ring_shutdown(race.ring);
        pthread_join(thread, NULL);
        ada_ring_destroy(race.ring);
    }
}

static void *look_on(void *argument)
{
    struct race *race = argument;
    size_t size = ada_ring_image_max(race->ring);
    unsigned char *image = malloc(size);
    struct ada_ring *copy;
    uint64_t images = 0;

    MUST(image && ada_ring_create(ada_ring_capacity(race->ring), &copy) == 0);
    while (!__atomic_load_n(&race->over, __ATOMIC_ACQUIRE) || images < 100) {
        int64_t got = ada_ring_snapshot_with_data(race->ring, image, size);
        struct ada_ring_record record;
        uint64_t expected = UINT64_MAX;

        MUST(got > 0);
        MUST(ada_ring_restore(copy, image, (size_t)got) == 0);
        MUST(ada_ring_check(copy, NULL, 0) == 0);
        while (ada_ring_peek(copy, &record) > 0) {
            uint64_t number = fixture_number(record.payload, record.bytes, MOST);

            MUST(number != UINT64_MAX && (expected == UINT64_MAX || number == expected));
            expected = number + 1;
            ada_ring_advance(copy);
        }
        images++;
        sched_yield(); /* under valgrind only one of us runs at a time */
    }
    ada_ring_destroy(copy);
    free(image);
    return NULL;
}

static void snapshot_with_data_tears_no_record_under_load(void **state)
{
    struct race race = {.count = fixture_rounds(1000000)};
    pthread_t writer, watcher;

    (void)state;
    MUST(ada_ring_create(1 << 14, &race.ring) == 0);
    MUST(pthread_create(&watcher, NULL, look_on, &race) == 0);
    MUST(pthread_create(&writer, NULL, write_waiting, &race) == 0);
    MUST(read_waiting(&race) == race.count);
    __atomic_store_n(&race.over, 1, __ATOMIC_RELEASE);
    pthread_join(writer, NULL);
    pthread_join(watcher, NULL);
    ada_ring_destroy(race.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_records_arrive_once_in_order),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(no_wake_up_is_lost_while_the_reader_falls_asleep),
        cmocka_unit_test(naps_end_by_themselves),
        cmocka_unit_test(shutdown_wakes_who_sleeps),
        cmocka_unit_test(snapshot_with_data_tears_no_record_under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
