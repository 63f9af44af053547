/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast by many threads at once: nothing torn, nothing twice, every message accounted for. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <adatrace/broadcast.h>

enum { PRODUCERS_MAX = 4, CAPACITY = 16 * 1024, WORDS_MAX = 250 };

struct race {
    struct ada_broadcast *buffer;
    pthread_barrier_t start;
    unsigned producers;
    uint64_t messages; /* of each producer, at least */
    uint64_t visits;   /* atomic: still to come before producers may end */
};

struct producer {
    struct race *race;
    pthread_t thread;
    uint32_t number;
    uint64_t bytes;
};

struct reader {
    struct race *race;
    struct ada_broadcast_consumer *consumer;
    const struct reader *ahead; /* stands before us, or NULL */
    pthread_t thread;
    int stays;     /* was there from the beginning */
    unsigned slow; /* looks at every message so many times */
    uint64_t next[PRODUCERS_MAX];
    uint64_t done; /* atomic: messages let go of */
    struct ada_broadcast_counts counts;
    const char *fault;
};

/* Payload: n, then so many words that all say who wrote them and when. */
static uint32_t words_of(uint64_t n)
{
    return 1 + (uint32_t)(n * 13 % WORDS_MAX);
}

static void *produce(void *context)
{
    struct producer *p = context;
    uint64_t words[WORDS_MAX + 1];

    pthread_barrier_wait(&p->race->start);
    for (uint64_t n = 0;
         n < p->race->messages || __atomic_load_n(&p->race->visits, __ATOMIC_RELAXED); n++) {
        uint32_t count = words_of(n);

        words[0] = n;
        for (uint32_t i = 1; i <= count; i++)
            words[i] = n << 8 | p->number;
        p->bytes += 8 * (count + 1);
        if (n % 3) {
            assert_int_equal(ada_broadcast_write(p->race->buffer, p->number,
                                                 &(struct iovec){words, 8 * (count + 1)}, 1,
                                                 ADA_BROADCAST_FOREVER),
                             0);
        } else {
            struct ada_broadcast_claim claim;

            assert_int_equal(ada_broadcast_claim(p->race->buffer, p->number, 8 * (count + 1),
                                                 ADA_BROADCAST_FOREVER, &claim),
                             0);
            memcpy(claim.payload, words, 8 * (count + 1));
            ada_broadcast_commit(p->race->buffer, &claim);
        }
    }
    return NULL;
}

static const char *message_fault(struct reader *r, const struct ada_broadcast_message *m)
{
    const uint64_t *words = m->payload;
    uint64_t n = words[0];

    if (m->type >= r->race->producers)
        return "a producer that there is not";
    if (m->bytes != 8 * (words_of(n) + 1))
        return "a length that nobody wrote";
    for (unsigned again = 0; again <= r->slow; again++)
        for (uint32_t i = 1; i < m->bytes / 8; i++)
            if (words[i] != (n << 8 | m->type))
                return "torn";
    if (n < r->next[m->type])
        return "twice, or out of order";
    if (r->stays && r->race->producers == 1 && n - r->next[m->type] != m->missed_messages)
        return "missed another number than it was told";
    r->next[m->type] = n + 1;
    if (r->ahead && __atomic_load_n(&r->ahead->done, __ATOMIC_ACQUIRE) <= m->sequence)
        return "overtook the one before it";
    return NULL;
}

static void *consume(void *context)
{
    struct reader *r = context;
    struct ada_broadcast_message m;
    int got;

    pthread_barrier_wait(&r->race->start);
    while ((got = ada_broadcast_read(r->consumer, &m, ADA_BROADCAST_FOREVER)) == 1) {
        if (!r->fault)
            r->fault = message_fault(r, &m);
        __atomic_store_n(&r->done, m.sequence + 1, __ATOMIC_RELEASE);
        ada_broadcast_release(r->consumer);
    }
    if (got != -EPIPE)
        r->fault = "ended otherwise than by the end";
    ada_broadcast_counts(r->consumer, &r->counts);
    return NULL;
}

/* Two gating readers, one of them behind the other, one skipping reader that keeps up if it can,
 * and a slow one. */
static void race_run(unsigned producers, enum ada_broadcast_wait wait, int gating,
                     uint64_t messages)
{
    const struct ada_broadcast_options options = {.size = sizeof(options),
                                                  .capacity_bytes = CAPACITY,
                                                  .many_producers = producers > 1,
                                                  .in_memfd = 1,
                                                  .producer_wait = wait};
    struct race race = {.producers = producers, .messages = messages};
    struct producer writers[PRODUCERS_MAX] = {0};
    struct reader readers[4] = {{.slow = 0}, {.slow = 0}, {.slow = 2}, {.slow = 40}};
    unsigned first = gating ? 0 : 2;
    uint64_t bytes = 0;

    assert_int_equal(ada_broadcast_create(&race.buffer, &options), 0);
    pthread_barrier_init(&race.start, NULL, producers + 4 - first);
    for (unsigned i = first; i < 4; i++) {
        struct ada_broadcast_join_options how = {.size = sizeof(how),
                                                 .kind = i < 2 ? ADA_BROADCAST_GATING
                                                               : ADA_BROADCAST_SKIPPING,
                                                 .wait = wait,
                                                 .after = &readers[0].consumer,
                                                 .after_count = i == 1};

        readers[i].race = &race;
        readers[i].stays = 1;
        readers[i].ahead = i == 1 ? &readers[0] : NULL;
        assert_int_equal(ada_broadcast_join(race.buffer, &how, &readers[i].consumer), 0);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, consume, &readers[i]), 0);
    }
    for (unsigned i = 0; i < producers; i++) {
        writers[i] = (struct producer){.race = &race, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, produce, &writers[i]), 0);
    }
    for (unsigned i = 0; i < producers; i++) {
        pthread_join(writers[i].thread, NULL);
        bytes += writers[i].bytes;
    }
    ada_broadcast_close(race.buffer);
    for (unsigned i = first; i < 4; i++) {
        pthread_join(readers[i].thread, NULL);
        if (readers[i].fault)
            fail_msg("reader %u: %s", i, readers[i].fault);
        assert_int_equal(readers[i].counts.messages + readers[i].counts.missed_messages,
                         producers * messages);
        assert_int_equal(readers[i].counts.bytes + readers[i].counts.missed_bytes, bytes);
        if (i < 2)
            assert_int_equal(readers[i].counts.missed_messages, 0);
    }
    for (unsigned i = 4; i-- > first;)
        ada_broadcast_leave(readers[i].consumer);
    pthread_barrier_destroy(&race.start);
    ada_broadcast_destroy(race.buffer);
}

static void one_producer_however_it_waits(void **state)
{
    (void)state;
    race_run(1, ADA_BROADCAST_BLOCK, 1, 20000);
    race_run(1, ADA_BROADCAST_SLEEP, 1, 5000);
    race_run(1, ADA_BROADCAST_YIELD, 1, 10000);
    race_run(1, ADA_BROADCAST_SPIN, 1, 300);
}

static void many_producers_however_they_wait(void **state)
{
    (void)state;
    race_run(3, ADA_BROADCAST_BLOCK, 1, 8000);
    race_run(PRODUCERS_MAX, ADA_BROADCAST_SLEEP, 1, 2000);
    race_run(3, ADA_BROADCAST_YIELD, 1, 4000);
}

static void nobody_holds_the_producers_up(void **state)
{
    (void)state;
    race_run(1, ADA_BROADCAST_BLOCK, 0, 100000);
    race_run(3, ADA_BROADCAST_YIELD, 0, 40000);
}

/* ---- coming and going ---- */

struct visitor {
    struct race *race;
    pthread_t thread;
    uint32_t stop; /* atomic */
    const char *fault;
};

static void *come_and_go(void *context)
{
    struct visitor *v = context;
    const struct ada_broadcast_join_options how = {.size = sizeof(how),
                                                   .kind = ADA_BROADCAST_GATING};
    struct reader r = {.race = v->race};

    pthread_barrier_wait(&v->race->start);
    while (!__atomic_load_n(&v->stop, __ATOMIC_RELAXED) && !v->fault) {
        struct ada_broadcast_message m;

        if (ada_broadcast_join(v->race->buffer, &how, &r.consumer)) {
            v->fault = "could not join";
            break;
        }
        for (int n = 0; n < 20 && ada_broadcast_read(r.consumer, &m, 1000000) == 1; n++) {
            if (m.missed_messages)
                v->fault = "missed something although it gates";
            if (!v->fault)
                v->fault = message_fault(&r, &m);
            ada_broadcast_release(r.consumer);
        }
        ada_broadcast_leave(r.consumer);
        if (__atomic_load_n(&v->race->visits, __ATOMIC_RELAXED))
            __atomic_fetch_sub(&v->race->visits, 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&v->race->visits, 0, __ATOMIC_RELAXED); /* also after a fault */
    return NULL;
}

/* Who joins while producers are at work gets everything from its first message on. */
static void gating_consumers_come_and_go(void **state)
{
    for (unsigned producers = 1; producers <= 2; producers++) {
        const struct ada_broadcast_options options = {
            .size = sizeof(options), .capacity_bytes = CAPACITY, .many_producers = producers > 1};
        struct race race = {.producers = producers, .messages = 20000, .visits = 100};
        struct producer writers[2] = {0};
        struct visitor visitor = {.race = &race};

        (void)state;
        assert_int_equal(ada_broadcast_create(&race.buffer, &options), 0);
        pthread_barrier_init(&race.start, NULL, producers + 1);
        assert_int_equal(pthread_create(&visitor.thread, NULL, come_and_go, &visitor), 0);
        for (unsigned i = 0; i < producers; i++) {
            writers[i] = (struct producer){.race = &race, .number = i};
            assert_int_equal(pthread_create(&writers[i].thread, NULL, produce, &writers[i]), 0);
        }
        for (unsigned i = 0; i < producers; i++)
            pthread_join(writers[i].thread, NULL);
        __atomic_store_n(&visitor.stop, 1, __ATOMIC_RELAXED);
        pthread_join(visitor.thread, NULL);
        if (visitor.fault)
            fail_msg("%s", visitor.fault);
        pthread_barrier_destroy(&race.start);
        ada_broadcast_destroy(race.buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_producer_however_it_waits),
        cmocka_unit_test(many_producers_however_they_wait),
        cmocka_unit_test(nobody_holds_the_producers_up),
        cmocka_unit_test(gating_consumers_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
