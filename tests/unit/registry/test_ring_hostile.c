/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consumer whose producer's process scribbles on everything that is shared: it never looks
 * outside, always comes to an end, and goes on when there is sense again.
 */
#include "ring_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"

enum { CAPACITY = 4096 };

static void set_up(struct ring_fixture *f, enum ring_policy policy)
{
    fixture_open(f, CAPACITY, policy, 0);
    for (uint64_t i = 1; i <= 20; i++)
        assert_true(fixture_emit(f->writer, 24, i));
}

static void set_word(struct ring_fixture *f, uint64_t index, uint64_t word)
{
    memcpy(ring_data(f->ring) + index, &word, 8);
}

/* Damage costs what is there; what comes after is read. */
static void assert_goes_on(struct ring_fixture *f)
{
    struct ring_record record;
    int got;

    ring_release(&f->reader);
    assert_int_equal(ring_peek(&f->reader, &record), 0);
    assert_true(fixture_emit(f->writer, 100, 77));
    while ((got = ring_peek(&f->reader, &record)) == 1 && record.type == ADA_RECORD_GAP)
        ring_advance(&f->reader, &record);
    assert_int_equal(got, 1);
    assert_int_equal(pattern_seed(&record), 77);
}

static void word_that_heads_no_record_costs_what_is_there(void **state)
{
    static const struct {
        const char *what;
        uint64_t word, second;
    } cases[] = {
        {"no words", (uint64_t)FIXTURE_EVENT << 8, 0},
        {"beyond head", (uint64_t)FIXTURE_EVENT << 8 | 100, 0},
        {"padding beyond head", (uint64_t)1000 << 22, 0},
        {"padding of no words", 0, 0},
        {"padding of the whole space", UINT64_MAX << 22, 0},
        {"padding with words", (uint64_t)4 << 22 | 4, 0},
        {"pending", (uint64_t)4 << 22 | ADA_RECORD_PENDING << 8, 0},
        {"held", (uint64_t)4 << 22 | ADA_RECORD_HELD << 8, 0},
        {"large of 0", (uint64_t)FIXTURE_EVENT << 8 | 255, 0},
        {"large of 8", (uint64_t)FIXTURE_EVENT << 8 | 255, 8},
        {"large of 12", (uint64_t)FIXTURE_EVENT << 8 | 255, 20},
        {"large beyond head", (uint64_t)FIXTURE_EVENT << 8 | 255, 20 * 32},
        {"large that overflows", (uint64_t)FIXTURE_EVENT << 8 | 255, UINT64_MAX - 7},
    };

    (void)state;
    for (int policy = RING_DROP; policy <= RING_BLOCK; policy++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            struct ring_record record;
            struct ring_fixture f;

            set_up(&f, (enum ring_policy)policy);
            assert_int_equal(ring_peek(&f.reader, &record), 1);
            ring_advance(&f.reader, &record);
            ring_release(&f.reader);
            set_word(&f, 32, cases[i].word);
            set_word(&f, 40, cases[i].second);
            if (policy == RING_OVERWRITE) { /* believed is what was copied before */
                ring_reader_fini(&f.reader);
                assert_int_equal(ring_reader_init(&f.reader, f.ring, ring_data(f.ring), CAPACITY,
                                                  RING_OVERWRITE),
                                 0);
            }
            if (ring_peek(&f.reader, &record) != -EBADMSG)
                fail_msg("%s: no damage seen", cases[i].what);
            assert_int_equal(f.reader.damaged_bytes, 19 * 32);
            assert_goes_on(&f);
            fixture_close(&f);
        }
    }
}

static void large_record_at_the_end_is_not_looked_behind(void **state)
{
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    fixture_open(&f, CAPACITY, RING_DROP, 0);
    for (uint64_t i = 0; i < CAPACITY / 8; i++)
        assert_true(ring_write(f.writer, FIXTURE_EVENT, NULL, 0));
    for (uint64_t i = 0; i < CAPACITY / 8 - 1; i++) {
        assert_int_equal(ring_peek(&f.reader, &record), 1);
        ring_advance(&f.reader, &record);
    }
    set_word(&f, CAPACITY - 8, (uint64_t)FIXTURE_EVENT << 8 | ADA_RECORD_LARGE);
    assert_int_equal(ring_peek(&f.reader, &record), -EBADMSG);
    assert_goes_on(&f);
    fixture_close(&f);
}

static void head_that_moves_backwards_is_no_news(void **state)
{
    struct ring_record record;
    struct ring_fixture f;
    uint64_t head;

    (void)state;
    set_up(&f, RING_DROP);
    head = f.ring->front.head;
    ring_reset(&f.reader);
    for (uint64_t back = 8; back <= head; back *= 2) {
        f.ring->front.head = head - back;
        assert_int_equal(ring_peek(&f.reader, &record), 0);
        assert_int_equal(ring_available_to_read(&f.reader), 0);
    }
    f.ring->front.head = head;
    assert_goes_on(&f);
    fixture_close(&f);
}

static void head_that_cannot_be_is_damage_and_reading_goes_on_from_there(void **state)
{
    static const uint64_t heads[] = {CAPACITY + 8, CAPACITY + 640, 644, UINT64_C(1) << 40,
                                     UINT64_C(1) << 62};

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct ring_record record;
        struct ring_fixture f;

        set_up(&f, RING_DROP);
        f.ring->front.head = heads[i];
        assert_int_equal(ring_peek(&f.reader, &record), -EBADMSG);
        assert_true(f.reader.damaged_bytes > 0);
        ring_release(&f.reader);
        /* The producer goes on from there; it finds room. */
        f.ring->front.head &= ~UINT64_C(7);
        ring_writer_init(f.writer, f.ring, true);
        assert_goes_on(&f);
        fixture_close(&f);
    }
}

static void head_that_was_never_announced_is_damage(void **state)
{
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    set_up(&f, RING_OVERWRITE);
    f.ring->front.head = UINT64_C(1) << 50;
    assert_int_equal(ring_peek(&f.reader, &record), -EBADMSG);
    assert_int_equal(f.reader.at, UINT64_C(1) << 50); /* not a lap after the other of stale bytes */
    assert_int_equal(ring_peek(&f.reader, &record), 0);
    fixture_close(&f);
}

static void intent_that_makes_no_sense_never_holds_the_reader(void **state)
{
    static const uint64_t intents[] = {CAPACITY + 1,   CAPACITY + 8,    CAPACITY + 512,
                                       CAPACITY + 600, CAPACITY + 5000, UINT64_C(1) << 50,
                                       INT64_MAX,      UINT64_MAX,      UINT64_MAX - CAPACITY};

    (void)state;
    for (size_t i = 0; i < sizeof(intents) / sizeof(*intents); i++) {
        struct ring_record record;
        struct ring_fixture f;
        int got, calls = 0;

        set_up(&f, RING_OVERWRITE);
        f.ring->intent = intents[i];
        while ((got = ring_peek(&f.reader, &record)) != 0 && calls++ < 100)
            if (got > 0)
                ring_advance(&f.reader, &record);
        assert_int_equal(got, 0);
        fixture_close(&f);
    }
}

/* A block is copied into memory of a block's size, wherever the indexes are. */
static void indexes_at_the_end_of_all_numbers_copy_no_more_than_a_block(void **state)
{
    const uint64_t steps[] = {INT64_MAX - 7, UINT64_MAX - 8191, 0x200};
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    set_up(&f, RING_OVERWRITE);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (steps[i] == 0x200)
            f.ring->intent = UINT64_MAX - f.reader.block_bytes + 1;
        f.ring->front.head = steps[i];
        assert_true(ring_peek(&f.reader, &record) < 0);
    }
    assert_true(f.reader.at > f.reader.head); /* a lap of all numbers lies between them */
    (void)!ring_peek(&f.reader, &record);
    assert_true(f.reader.copy_to - f.reader.copy_from <= f.reader.block_bytes);
    fixture_close(&f);
}

/* Who had the ring before us may have left anything: a word read there would reach beyond it. */
static void tail_in_the_middle_of_a_word_is_not_begun_at(void **state)
{
    struct ring_record record;
    struct ring_fixture f;

    (void)state;
    set_up(&f, RING_DROP);
    ring_reader_fini(&f.reader);
    f.ring->tail = CAPACITY - 5;
    f.ring->front.head = CAPACITY;
    assert_int_equal(ring_reader_init(&f.reader, f.ring, ring_data(f.ring), CAPACITY, RING_DROP),
                     0);
    assert_int_equal(f.reader.at % 8, 0);
    (void)!ring_peek(&f.reader, &record);
    fixture_close(&f);
}

static void reset_and_check_of_nonsense_end(void **state)
{
    uint64_t random = random_seed("nonsense");
    char text[200];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        enum ring_policy policy = (enum ring_policy)(i % 3);
        struct ring_fixture f;

        set_up(&f, policy);
        for (uint64_t at = 0; at < CAPACITY; at += 8)
            if (random_next(&random) % 8 == 0)
                set_word(&f, at, random_next(&random) >> random_next(&random) % 64);
        f.ring->front.head = random_next(&random) >> random_next(&random) % 64;
        f.ring->intent = random_next(&random) >> random_next(&random) % 64;
        (void)!ring_check(f.ring, text, sizeof(text));
        ring_reset(&f.reader);
        fixture_close(&f);
    }
}

/* ---- while somebody scribbles ---- */

struct scribbler {
    struct ring_fixture f;
    uint64_t seed;
    uint32_t stop;
    pthread_t thread;
};

/* Bytes and words everywhere, and indexes and records that could be. The data race is the point. */
__attribute__((no_sanitize("thread"))) static void *scribble(void *argument)
{
    struct scribbler *s = argument;
    struct ring_shared *ring = s->f.ring;
    unsigned char *memory = (unsigned char *)ring;
    uint64_t random = s->seed, word;

    while (!load_relaxed(&s->stop)) {
        uint64_t at = random_next(&random) % (sizeof(*ring) + CAPACITY);
        uint64_t near = load_relaxed(&s->f.reader.at) + random_next(&random) % (CAPACITY / 4) * 8;

        switch (random_next(&random) % 8) {
        case 0:
            if (at / 8 != offsetof(struct ring_shared, front.head) / 8)
                store_relaxed(&memory[at], (unsigned char)random_next(&random));
            break;
        case 1:
            store_relaxed(&ring->front.head, near + (random_next(&random) % 256 == 0));
            break;
        case 2:
            store_relaxed(&ring->intent, near + random_next(&random) % CAPACITY);
            break;
        default:
            at = sizeof(*ring) + random_next(&random) % (CAPACITY / 8) * 8;
            word = random_next(&random) >> random_next(&random) % 64 << 22 |
                   random_next(&random) % 12 << 8 | random_next(&random) % 16;
            store_relaxed((uint64_t *)(void *)(memory + at), word);
        }
    }
    return NULL;
}

/* Somebody who uses what he is shown: every byte, and only within the ring or the reader's copy. */
__attribute__((no_sanitize("thread"))) static unsigned use(const struct ring_fixture *f,
                                                           const struct ring_record *record)
{
    const unsigned char *from = f->reader.copy ? f->reader.copy : f->reader.data;
    uint64_t bytes = f->reader.copy ? f->reader.block_bytes : CAPACITY;
    unsigned sum = 0;

    assert_true(record->payload >= from && record->payload_bytes <= bytes &&
                record->payload + record->payload_bytes <= from + bytes);
    for (uint32_t i = 0; i < record->payload_bytes; i++)
        sum += record->payload[i];
    return sum;
}

static void reader_under_fire_stays_inside_and_ends(void **state)
{
    uint64_t seed = random_seed("scribble");

    (void)state;
    for (int policy = RING_DROP; policy <= RING_BLOCK; policy++) {
        struct scribbler s = {.seed = seed};
        uint64_t shown = 0, damaged = 0, overtaken = 0;
        volatile unsigned sum = 0;

        set_up(&s.f, (enum ring_policy)policy);
        assert_int_equal(pthread_create(&s.thread, NULL, scribble, &s), 0);
        for (int i = 0; i < (int)fixture_rounds(100000) || shown < 1000 || damaged < 1000; i++) {
            struct ring_record records[4];
            int got = ring_read_batch(&s.f.reader, records, 4);

            for (int n = 0; n < got; n++)
                sum = sum + use(&s.f, &records[n]);
            shown += got > 0;
            damaged += got == -EBADMSG;
            overtaken += got == -EOVERFLOW;
            ring_release(&s.f.reader);
            if (i % 1000 == 0) {
                ring_reset(&s.f.reader);
                sched_yield();
            }
        }
        store_relaxed(&s.stop, 1);
        assert_int_equal(pthread_join(s.thread, NULL), 0);
        print_message("policy %d: shown %llu, damaged %llu, overtaken %llu\n", policy,
                      (unsigned long long)shown, (unsigned long long)damaged,
                      (unsigned long long)overtaken);
        fixture_close(&s.f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(word_that_heads_no_record_costs_what_is_there),
        cmocka_unit_test(large_record_at_the_end_is_not_looked_behind),
        cmocka_unit_test(head_that_moves_backwards_is_no_news),
        cmocka_unit_test(head_that_cannot_be_is_damage_and_reading_goes_on_from_there),
        cmocka_unit_test(head_that_was_never_announced_is_damage),
        cmocka_unit_test(intent_that_makes_no_sense_never_holds_the_reader),
        cmocka_unit_test(indexes_at_the_end_of_all_numbers_copy_no_more_than_a_block),
        cmocka_unit_test(tail_in_the_middle_of_a_word_is_not_begun_at),
        cmocka_unit_test(reset_and_check_of_nonsense_end),
        cmocka_unit_test(reader_under_fire_stays_inside_and_ends),
    };

    return cmocka_run_group_tests_name("ring, hostile producer", tests, NULL, NULL);
}
