/* SPDX-License-Identifier: Apache-2.0 */
/* Fan-in: who is shown what, in one thread, in many, in processes that are killed. */
#include <adatrace/fanin.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "spsc_fixture.h"

enum { SLOTS = 8, MOST = 60 };
#define SOON UINT64_C(30000000000)

static const struct ada_fanin_options small = {
    .size = sizeof(small), .producers = SLOTS, .capacity = 1024};

/* What the consumer has seen, by slot. */
struct seen {
    uint64_t next[SLOTS]; /* number that comes next of this slot's producer */
    uint32_t generation[SLOTS];
    uint64_t records, ended;
    uint64_t order[64]; /* of the first records: slots */
};

static int look(void *context, const struct ada_fanin_producer *who,
                const struct ada_ring_record *record)
{
    struct seen *seen = context;

    MUST(who->index < SLOTS);
    if (who->generation != seen->generation[who->index]) {
        MUST(seen->next[who->index] == 0); /* the one before was said to have ended */
        seen->generation[who->index] = who->generation;
    }
    if (!record) {
        seen->ended++;
        seen->next[who->index] = 0;
        return 0;
    }
    MUST(fixture_number(record->payload, record->bytes, MOST) == seen->next[who->index]);
    seen->next[who->index]++;
    if (seen->records < 64)
        seen->order[seen->records] = who->index;
    seen->records++;
    return 0;
}

static int put(struct ada_ring *ring, uint64_t number)
{
    unsigned char bytes[MOST + 8];

    return ada_ring_try_write(ring, bytes, fixture_record(number, MOST, bytes));
}

static void poll_is_fair_and_bounded(void **state)
{
    struct ada_ring *rings[3];
    struct seen seen = {0};
    struct ada_fanin *f;

    (void)state;
    assert_int_equal(ada_fanin_create(&small, &f), 0);
    for (int p = 0; p < 3; p++) {
        assert_int_equal(ada_fanin_join(f, &rings[p]), 0);
        for (uint64_t i = 0; i < 6; i++)
            assert_int_equal(put(rings[p], i), 0);
    }
    assert_int_equal(ada_fanin_poll(f, look, &seen, 2), 6);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 2), 6);
    /* Each two of its own, and another one first. */
    for (int i = 0; i < 12; i += 2)
        assert_int_equal(seen.order[i], seen.order[i + 1]);
    assert_int_not_equal(seen.order[0], seen.order[6]);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 100), 6);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 100), 0);
    assert_int_equal(ada_fanin_wait(f, 1000), -ETIMEDOUT);
    for (int p = 0; p < 3; p++)
        ada_fanin_leave(f, rings[p]);
    assert_int_equal(seen.ended, 0);
    assert_int_equal(ada_fanin_wait(f, SOON), 0);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 1), 0);
    assert_int_equal(seen.ended, 3);
    ada_fanin_destroy(f);
}

static void slots_are_refused_when_all_are_taken_and_freed_when_emptied(void **state)
{
    struct ada_ring *rings[SLOTS], *more;
    struct ada_fanin_stats stats;
    struct seen seen = {0};
    struct ada_fanin *f;

    (void)state;
    assert_int_equal(ada_fanin_create(&small, &f), 0);
    for (int p = 0; p < SLOTS; p++)
        assert_int_equal(ada_fanin_join(f, &rings[p]), 0);
    assert_int_equal(ada_fanin_join(f, &more), -EAGAIN);
    assert_int_equal(put(rings[3], 0), 0);
    ada_fanin_leave(f, rings[3]);
    assert_int_equal(ada_fanin_join(f, &more), -EAGAIN); /* its record was not read yet */
    assert_int_equal(ada_fanin_poll(f, look, &seen, 1), 1);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 1), 0);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(ada_fanin_join(f, &more), 0);
    assert_int_equal(put(more, 0), 0);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 1), 1);
    assert_int_equal(seen.generation[3], 2);
    ada_fanin_stats(f, &stats);
    assert_int_equal(stats.producers, SLOTS);
    assert_int_equal(stats.producers_max, SLOTS);
    assert_int_equal(stats.joined, SLOTS + 1);
    assert_int_equal(stats.refused, 2);
    assert_int_equal(stats.capacity, 1024);
    rings[3] = more;
    for (int p = 0; p < SLOTS; p++)
        ada_fanin_leave(f, rings[p]);
    ada_fanin_destroy(f);
}

static int count_one(void *context, const struct ada_fanin_producer *who,
                     const struct ada_ring_snapshot *ring)
{
    assert_int_equal(who->pid, getpid());
    assert_int_equal(who->tid, gettid());
    *(uint64_t *)context += ring->written;
    return 0;
}

static void shutdown_ends_both_sides(void **state)
{
    struct seen seen = {0};
    struct ada_ring *ring;
    struct ada_fanin *f;
    uint64_t written = 0;

    (void)state;
    assert_int_equal(ada_fanin_create(&small, &f), 0);
    assert_int_equal(ada_fanin_join(f, &ring), 0);
    assert_int_equal(put(ring, 0), 0);
    assert_int_equal(ada_fanin_producers_visit(f, count_one, &written), 0);
    assert_int_equal(written, 1);
    ada_fanin_shutdown(f);
    assert_int_equal(put(ring, 1), -EPIPE);
    assert_int_equal(ada_fanin_wait(f, SOON), 0);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 10), 1);
    assert_int_equal(ada_fanin_poll(f, look, &seen, 10), -EPIPE);
    assert_int_equal(ada_fanin_wait(f, SOON), -EPIPE);
    ada_fanin_leave(f, ring);
    assert_int_equal(ada_fanin_join(f, &ring), -EPIPE);
    ada_fanin_destroy(f);
}

static void options_and_files_are_checked(void **state)
{
    struct ada_fanin_options bad = small;
    struct ada_fanin *f, *other;
    struct ada_ring *ring;
    char name[64];

    (void)state;
    bad.producers = ADA_FANIN_PRODUCERS_MAX + 1;
    assert_int_equal(ada_fanin_create(&bad, &f), -EINVAL);
    bad = small;
    bad.capacity = UINT64_MAX;
    assert_int_equal(ada_fanin_create(&bad, &f), -ERANGE);
    snprintf(name, sizeof(name), "adatrace-test-%d", (int)getpid());
    assert_int_equal(ada_fanin_attach_named(name, &f), -ENOENT);
    assert_int_equal(ada_fanin_create_named(name, &small, &f), 0);
    assert_int_equal(ada_fanin_create_named(name, &small, &other), -EEXIST);
    assert_int_equal(ada_ring_attach_named(name, &ring), -EBADMSG); /* it is no ring */
    assert_int_equal(ada_fanin_attach_named(name, &other), 0);
    assert_int_equal(ada_fanin_remove(name), 0);
    assert_int_equal(ada_fanin_join(other, &ring), 0);
    assert_int_equal(put(ring, 0), 0);
    assert_int_equal(ada_fanin_wait(f, SOON), 0);
    assert_int_equal(ada_fanin_wait(other, SOON), -EBUSY);
    ada_fanin_leave(other, ring);
    ada_fanin_destroy(other);
    ada_fanin_destroy(f);
    ada_fanin_destroy(NULL);
}

/* ---- threads ---- */

struct crowd {
    struct ada_fanin *f;
    uint64_t records; /* of each producer */
    int leave;        /* or just end */
    uint64_t joined;
};

static void *produce(void *argument)
{
    struct crowd *crowd = argument;
    unsigned char bytes[MOST + 8];
    struct ada_ring *ring;
    int err;

    while ((err = ada_fanin_join(crowd->f, &ring)) == -EAGAIN)
        sched_yield();
    MUST(!err);
    __atomic_fetch_add(&crowd->joined, 1, __ATOMIC_RELAXED);
    for (uint64_t i = 0; i < crowd->records; i++)
        MUST(!ada_ring_write(ring, bytes, fixture_record(i, MOST, bytes), SOON));
    if (crowd->leave)
        ada_fanin_leave(crowd->f, ring);
    return NULL;
}

static void threads_come_and_go(void **state)
{
    enum { THREADS = 24 };

    (void)state;
    for (int leave = 0; leave < 2; leave++) {
        struct crowd crowd = {.records = fixture_rounds(3000), .leave = leave};
        struct seen seen = {0};
        pthread_t threads[THREADS];

        assert_int_equal(ada_fanin_create(&small, &crowd.f), 0);
        for (int i = 0; i < THREADS; i++)
            MUST(pthread_create(&threads[i], NULL, produce, &crowd) == 0);
        while (seen.ended < THREADS) {
            MUST(ada_fanin_wait(crowd.f, SOON) == 0);
            MUST(ada_fanin_poll(crowd.f, look, &seen, 16) >= 0);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(seen.records, THREADS * crowd.records);
        assert_int_equal(crowd.joined, THREADS);
        ada_fanin_destroy(crowd.f);
    }
}

static void *shut_down(void *argument)
{
    ada_fanin_shutdown(argument);
    return NULL;
}

static void shutdown_wakes_the_consumer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < fixture_rounds(100); i++) {
        struct ada_fanin *f;
        pthread_t thread;

        assert_int_equal(ada_fanin_create(&small, &f), 0);
        assert_int_equal(pthread_create(&thread, NULL, shut_down, f), 0);
        assert_int_equal(ada_fanin_wait(f, SOON), -EPIPE);
        pthread_join(thread, NULL);
        ada_fanin_destroy(f);
    }
}

/* ---- processes ---- */

static int produce_until_killed(void *context)
{
    struct ada_fanin *f;
    struct ada_ring *ring;
    unsigned char bytes[MOST + 8];

    int err;

    if (ada_fanin_attach_fd(*(int *)context, &f))
        return 1;
    while ((err = ada_fanin_join(f, &ring)) == -EAGAIN)
        sched_yield();
    if (err)
        return 1;
    for (uint64_t i = 0;; i++)
        if (ada_ring_write(ring, bytes, fixture_record(i, MOST, bytes), SOON))
            return 2;
}

__attribute__((unused)) static void killed_processes_lose_nothing_published_and_free_their_slots(
    void **state)
{
    enum { PROCESSES = 4 };
    uint64_t random = fixture_seed();
    struct seen seen = {0};
    struct ada_fanin_stats stats;
    struct ada_fanin *f;
    pid_t children[PROCESSES];
    int fd;

    (void)state;
    assert_int_equal(ada_fanin_create_fd(&small, &f), 0);
    fd = ada_fanin_fd(f);
    for (int p = 0; p < PROCESSES; p++)
        children[p] = fixture_fork(produce_until_killed, &fd);
    for (unsigned round = 0; round < fixture_rounds(40); round++) {
        uint64_t until = seen.records + fixture_random(&random) % 4000;
        unsigned victim = (unsigned)(fixture_random(&random) % PROCESSES);

        while (seen.records < until) {
            MUST(ada_fanin_wait(f, SOON) == 0);
            MUST(ada_fanin_poll(f, look, &seen, 32) >= 0);
        }
        assert_int_equal(kill(children[victim], SIGKILL), 0);
        assert_int_equal(fixture_wait(children[victim]), -SIGKILL);
        children[victim] = fixture_fork(produce_until_killed, &fd);
    }
    for (int p = 0; p < PROCESSES; p++) {
        assert_int_equal(kill(children[p], SIGKILL), 0);
        assert_int_equal(fixture_wait(children[p]), -SIGKILL);
    }
    do {
        MUST(ada_fanin_poll(f, look, &seen, 1000) >= 0);
        ada_fanin_stats(f, &stats);
    } while (stats.producers);
    assert_int_equal(seen.ended, stats.joined);
    ada_fanin_destroy(f);
}

/* Whatever is written into the memory, in any place, the consumer ends its calls. */
static int look_at_anything(void *context, const struct ada_fanin_producer *who,
                            const struct ada_ring_record *record)
{
    (void)who;
    if (record)
        for (size_t i = 0; i < record->bytes; i++)
            *(unsigned char *)context ^= ((const unsigned char *)record->payload)[i];
    return 0;
}

static void scribblers_hurt_only_themselves(void **state)
{
    uint64_t random = fixture_seed();
    unsigned char sum = 0;

    (void)state;
    for (unsigned round = 0; round < fixture_rounds(300); round++) {
        struct ada_ring *good, *bad;
        struct ada_fanin *f;
        uint64_t *words;
        size_t bytes;
        int fd;

        assert_int_equal(ada_fanin_create_fd(&small, &f), 0);
        fd = ada_fanin_fd(f);
        bytes = (size_t)lseek(fd, 0, SEEK_END);
        words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(words, MAP_FAILED);
        assert_int_equal(ada_fanin_join(f, &bad), 0);
        assert_int_equal(ada_fanin_join(f, &good), 0);
        for (int i = 0; i < 50; i++) {
            (void)!put(good, 0);
            (void)!put(bad, 0);
            words[fixture_random(&random) % (bytes / 8)] =
                i % 2 ? fixture_random(&random) : fixture_random(&random) % 4096;
            (void)!ada_fanin_poll(f, look_at_anything, &sum, 10);
        }
        munmap(words, bytes);
        ada_fanin_leave(f, good);
        ada_fanin_leave(f, bad);
        ada_fanin_destroy(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poll_is_fair_and_bounded),
        cmocka_unit_test(slots_are_refused_when_all_are_taken_and_freed_when_emptied),
        cmocka_unit_test(shutdown_ends_both_sides),
        cmocka_unit_test(options_and_files_are_checked),
        cmocka_unit_test(threads_come_and_go),
        cmocka_unit_test(shutdown_wakes_the_consumer),
#ifndef __SANITIZE_THREAD__ /* which lets no thread begin in a child of several threads */
        cmocka_unit_test(killed_processes_lose_nothing_published_and_free_their_slots),
#endif
        cmocka_unit_test(scribblers_hurt_only_themselves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
