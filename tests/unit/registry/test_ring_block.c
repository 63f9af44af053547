/* SPDX-License-Identifier: Apache-2.0 */
/* Policy block: a producer that waits loses nothing, and never waits for somebody who is gone. */
#include "ring_fixture.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "registry/ring_wait.h"
#include "tests/helpers/evidence.h"

#define MILLISECOND_NS UINT64_C(1000000)

struct producer {
    pthread_t thread;
    struct ring_fixture *f;
    uint64_t records, payload_max, written;
    uint64_t took_ns; /* the last emit */
};

static void *produce(void *argument)
{
    struct producer *p = argument;
    uint64_t random = 99;

    p->f->writer->stack_top = 0;
    for (uint64_t i = 1; i <= p->records; i++) {
        uint64_t before = clock_monotonic_ns();

        p->written += fixture_emit(p->f->writer, 16 + random_next(&random) % p->payload_max, i);
        p->took_ns = clock_monotonic_ns() - before;
    }
    return NULL;
}

static void producer_start(struct producer *p)
{
    assert_int_equal(pthread_create(&p->thread, NULL, produce, p), 0);
}

static void producer_join(struct producer *p)
{
    assert_int_equal(pthread_join(p->thread, NULL), 0);
}

/* Until the producer sleeps, or is about to; or does no more, since we came late. */
static void wait_until_waiting(const struct ring_fixture *f)
{
    while (!load_acquire(&f->ring->waiting) && !load_acquire(&f->ring->dropped))
        sched_yield();
}

static void fill(struct ring_fixture *f)
{
    while (ring_available_to_write(f->writer) >= 32)
        assert_true(fixture_emit(f->writer, 24, 1));
}

static void slow_reader_makes_the_producer_wait_and_nothing_is_lost(void **state)
{
    (void)state;
    for (unsigned batch = 1; batch < 2000; batch = batch * 5 + 1) {
        struct ring_fixture f;
        struct ledger l = {0};
        struct producer p = {.f = &f, .records = fixture_rounds(100000), .payload_max = 200};

        fixture_open(&f, 4096, RING_BLOCK, 0);
        producer_start(&p);
        while (l.records < p.records) {
            struct ring_record record;

            for (unsigned i = 0; i < batch && ring_peek(&f.reader, &record) == 1; i++) {
                ledger_take(&l, &record);
                ring_advance(&f.reader, &record);
            }
            ring_release(&f.reader);
        }
        producer_join(&p);
        assert_int_equal(p.written, p.records);
        assert_int_equal(l.disorder, 0);
        assert_int_equal(f.ring->dropped, 0);
        assert_balanced(&f, &l, p.records);
        fixture_close(&f);
    }
}

static void sleeping_producer_is_woken_by_the_release(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 0);
    fill(&f);
    producer_start(&p);
    wait_until_waiting(&f);
    ledger_drain(&l, &f.reader);
    producer_join(&p);
    assert_int_equal(p.written, 1);
    fixture_close(&f);
}

static void timeout_is_honoured_while_the_consumer_lives(void **state)
{
    struct ring_fixture f;
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 60 * MILLISECOND_NS);
    fill(&f);
    producer_start(&p);
    wait_until_waiting(&f);
    /* Signs of life, and no room. */
    while (!load_acquire(&f.ring->dropped))
        ring_release(&f.reader);
    producer_join(&p);
    assert_int_equal(p.written, 0);
    assert_in_range(p.took_ns, 60 * MILLISECOND_NS, 900 * MILLISECOND_NS);
    assert_int_equal(f.ring->dropped, 1);
    fixture_close(&f);
}

static void producer_that_timed_out_does_not_wait_again_until_the_consumer_moved(void **state)
{
    struct ring_fixture f;
    struct ring_record record;
    uint64_t before;

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 20 * MILLISECOND_NS);
    fill(&f);
    assert_false(fixture_emit(f.writer, 24, 1));
    before = clock_monotonic_ns();
    for (int i = 0; i < 1000; i++)
        assert_false(fixture_emit(f.writer, 24, 1));
    assert_true(clock_monotonic_ns() - before < 1000 * MILLISECOND_NS); /* not 1000 times 20 ms */
    /* It moves, by too little: the next emit waits again. */
    assert_int_equal(ring_peek(&f.reader, &record), 1);
    ring_advance(&f.reader, &record);
    ring_release(&f.reader);
    before = clock_monotonic_ns();
    assert_false(fixture_emit(f.writer, 200, 1));
    assert_true(clock_monotonic_ns() - before >= 20 * MILLISECOND_NS);
    assert_int_equal(f.ring->dropped, 1002);
    fixture_close(&f);
}

static void dead_consumer_is_noticed_by_its_missing_beat(void **state)
{
    struct ring_fixture f;
    uint64_t before;

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 0); /* as long as the consumer lives */
    fill(&f);
    before = clock_monotonic_ns();
    assert_false(fixture_emit(f.writer, 24, 1));
    assert_in_range(clock_monotonic_ns() - before, 900 * MILLISECOND_NS, 5000 * MILLISECOND_NS);
    before = clock_monotonic_ns();
    assert_false(fixture_emit(f.writer, 24, 1));
    assert_true(clock_monotonic_ns() - before < 500 * MILLISECOND_NS);
    assert_int_equal(f.ring->dropped, 2);
    fixture_close(&f);
}

/* A disk holds the drain up: the kernel says that it lives, the ring has not been looked at. */
static void silent_consumer_that_lives_is_waited_for_until_the_timeout(void **state)
{
    const uint32_t life = 4711; /* a thread */
    struct ring_fixture f;
    struct ledger l = {0};
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};
    const struct timespec silence = {.tv_sec = 1, .tv_nsec = 500 * MILLISECOND_NS};

    (void)state;
    for (uint64_t timeout_ns = 0; timeout_ns <= 100000 * MILLISECOND_NS;
         timeout_ns += 100000 * MILLISECOND_NS) {
        fixture_open(&f, 4096, RING_BLOCK, timeout_ns);
        f.writer->life = &life;
        fill(&f);
        producer_start(&p);
        wait_until_waiting(&f);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &silence, NULL);
        assert_int_equal(load_acquire(&f.ring->dropped), 0);
        ledger_drain(&l, &f.reader);
        producer_join(&p);
        fixture_close(&f);
    }
    assert_int_equal(p.written, 2);
    evidence_write("block-waits", "%llu of 2 records written after 1.5 s of silence each",
                   (unsigned long long)p.written);
}

/* Also of one whose death nobody tells. */
static void timeout_holds_for_a_silent_consumer(void **state)
{
    struct ring_fixture f;
    uint64_t before;

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 1500 * MILLISECOND_NS);
    fill(&f);
    before = clock_monotonic_ns();
    assert_false(fixture_emit(f.writer, 24, 1));
    assert_true(clock_monotonic_ns() - before >= 1500 * MILLISECOND_NS);
    fixture_close(&f);
}

static void consumer_that_the_kernel_says_dead_is_not_waited_for(void **state)
{
    struct ring_fixture f;
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};
    uint32_t life = 4711;

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 100000 * MILLISECOND_NS);
    f.writer->life = &life;
    fill(&f);
    producer_start(&p);
    wait_until_waiting(&f);
    store_relaxed(&life, 4711 | FUTEX_OWNER_DIED);
    producer_join(&p);
    assert_int_equal(p.written, 0);
    assert_true(p.took_ns < 50000 * MILLISECOND_NS);
    /* And from now on nobody does, though it had moved. */
    f.writer->stalled_tail = 0;
    producer_start(&p);
    producer_join(&p);
    assert_true(p.took_ns < 50000 * MILLISECOND_NS);
    assert_int_equal(f.ring->dropped, 2);
    fixture_close(&f);
}

static void reader_that_goes_wakes_the_producer(void **state)
{
    struct ring_fixture f;
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 0);
    fill(&f);
    producer_start(&p);
    wait_until_waiting(&f);
    ring_reader_fini(&f.reader);
    producer_join(&p);
    assert_int_equal(p.written, 0);
    assert_true(p.took_ns < 900 * MILLISECOND_NS); /* woken, not despaired of */
    /* And nobody waits from now on. */
    p.records = 1000;
    producer_start(&p);
    producer_join(&p);
    assert_int_equal(f.ring->dropped, 1001);
    fixture_close(&f);
}

static void ring_taken_on_again_makes_producers_wait_again(void **state)
{
    struct ring_fixture f;
    struct ledger l = {0};
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 0);
    fill(&f);
    ring_reader_fini(&f.reader);
    assert_false(fixture_emit(f.writer, 24, 1));
    assert_int_equal(ring_set_policy(f.ring, RING_BLOCK, 0), 0);
    assert_int_equal(
        ring_reader_init(&f.reader, f.ring, ring_data(f.ring), f.ring->capacity, RING_BLOCK), 0);
    producer_start(&p);
    wait_until_waiting(&f);
    ledger_drain(&l, &f.reader);
    producer_join(&p);
    assert_int_equal(p.written, 1);
    fixture_close(&f);
}

/* Somebody says meanwhile that nobody is to wait any more. */
static void producer_that_waits_follows_another_policy(void **state)
{
    struct ring_fixture f;
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 0);
    fill(&f);
    producer_start(&p);
    wait_until_waiting(&f);
    assert_int_equal(ring_set_policy(f.ring, RING_DROP, 0), 0);
    /* Signs of life, and no room. */
    while (!load_acquire(&f.ring->dropped))
        ring_release(&f.reader);
    producer_join(&p);
    assert_int_equal(p.written, 0);
    fixture_close(&f);
}

static void policy_overwrite_cannot_be_set_or_left(void **state)
{
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, 4096, RING_BLOCK, 0);
    assert_int_equal(ring_set_policy(f.ring, RING_OVERWRITE, 0), -ENOTSUP);
    assert_int_equal(ring_set_policy(f.ring, RING_DROP, 0), 0);
    fill(&f);
    assert_false(fixture_emit(f.writer, 24, 1)); /* at once */
    fixture_close(&f);
    fixture_open(&f, 4096, RING_OVERWRITE, 0);
    assert_int_equal(ring_set_policy(f.ring, RING_DROP, 0), -ENOTSUP);
    assert_int_equal(ring_set_policy(f.ring, RING_OVERWRITE, 0), 0);
    fixture_close(&f);
}

/* ---- a handler that emits while its thread waits ---- */

static struct ring_fixture *handler_fixture;
static uint64_t handled, handled_written;

static void on_signal(int number)
{
    (void)number;
    handled_written += fixture_emit(handler_fixture->writer, 24, 1000);
    store_release(&handled, handled + 1);
}

static void handler_that_emits_while_its_thread_waits_gets_its_turn(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct ring_fixture f;
    struct ledger l = {0};
    struct producer p = {.f = &f, .records = 1, .payload_max = 1};

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    handler_fixture = &f;
    fixture_open(&f, 4096, RING_BLOCK, 0);
    fill(&f);
    producer_start(&p);
    wait_until_waiting(&f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_kill(p.thread, SIGUSR1), 0);
    while (p.records && load_acquire(&handled) == 0) {
        ledger_drain(&l, &f.reader);
    }
    producer_join(&p);
    ledger_drain(&l, &f.reader);
    assert_int_equal(p.written, 1);
    assert_int_equal(handled_written, handled);
    assert_int_equal(f.ring->dropped, 0);
    assert_balanced(&f, &l, 4096 / 32 + 1 + handled);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_reader_makes_the_producer_wait_and_nothing_is_lost),
        cmocka_unit_test(sleeping_producer_is_woken_by_the_release),
        cmocka_unit_test(timeout_is_honoured_while_the_consumer_lives),
        cmocka_unit_test(producer_that_timed_out_does_not_wait_again_until_the_consumer_moved),
        cmocka_unit_test(dead_consumer_is_noticed_by_its_missing_beat),
        cmocka_unit_test(silent_consumer_that_lives_is_waited_for_until_the_timeout),
        cmocka_unit_test(timeout_holds_for_a_silent_consumer),
        cmocka_unit_test(consumer_that_the_kernel_says_dead_is_not_waited_for),
        cmocka_unit_test(reader_that_goes_wakes_the_producer),
        cmocka_unit_test(ring_taken_on_again_makes_producers_wait_again),
        cmocka_unit_test(producer_that_waits_follows_another_policy),
        cmocka_unit_test(policy_overwrite_cannot_be_set_or_left),
        cmocka_unit_test(handler_that_emits_while_its_thread_waits_gets_its_turn),
    };

    return cmocka_run_group_tests_name("ring, policy block", tests, NULL, NULL);
}
