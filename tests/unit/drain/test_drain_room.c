/* SPDX-License-Identifier: Apache-2.0 */
/* Rings that fill get more room, within a budget, and give it back with its memory when calm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

enum { KIB = 1024, MIB = 1024 * KIB, STEP_BYTES = 128 * KIB };

static uint64_t room_of(struct producer *p)
{
    return producer_ring(p)->room;
}

/* Fill the ring, let the drain see it, and empty it. */
static void press(struct stage *stage, struct producer *p)
{
    while (producer_write(p, 1))
        ;
    for (int i = 0; i < 64 && drain_round(stage->drain).more; i++)
        ;
}

/* As if a calm second had passed. */
static void calm_down(struct stage *stage)
{
    struct drain_source *s = stage->drain->sources;

    for (uint32_t slot = 0; slot < s->bound; slot++)
        if (s->threads[slot])
            s->threads[slot]->room_busy_ns = 0;
    (void)drain_round(stage->drain);
}

static uint64_t segment_memory_bytes(const struct stage *stage)
{
    struct stat file;

    assert_int_equal(fstat(stage->drain->sources->segment.fd, &file), 0);
    return (uint64_t)file.st_blocks * 512;
}

static void ring_that_fills_grows_up_to_its_most(void **state)
{
    const struct stage_options options = {.ring_bytes = 64 * KIB, .ring_max_bytes = MIB};
    struct stage stage;
    struct producer p;
    uint64_t grown[3];

    (void)state;
    stage_set(&stage, &options);
    producer_claim(&p, &stage, 1, false);
    assert_int_equal(room_of(&p), 64 * KIB);
    for (int i = 0; i < 3; i++) {
        press(&stage, &p);
        grown[i] = room_of(&p);
    }
    assert_true(grown[0] >= 128 * KIB);
    assert_int_equal(grown[2], MIB);
    assert_true(fake_last(FAKE_THREAD, 1) != fake_find(FAKE_THREAD, 1, 0)); /* told again */
    producer_retire(&p);
    stage_clear(&stage);
    assert_int_equal(fake_last(FAKE_LEDGER, 1)->item.ledger.written,
                     fake_last(FAKE_LEDGER, 1)->item.ledger.stored);
}

static void rings_grow_within_the_budget_of_all(void **state)
{
    const struct stage_options options = {
        .ring_bytes = 64 * KIB, .ring_max_bytes = MIB, .ring_budget = 128 * KIB};
    struct stage stage;
    struct producer p[3];
    uint64_t room = 0;

    (void)state;
    stage_set(&stage, &options);
    for (uint32_t i = 0; i < 3; i++)
        producer_claim(&p[i], &stage, i + 1, false);
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < 3; i++)
            press(&stage, &p[i]);
    for (int i = 0; i < 3; i++)
        room += room_of(&p[i]);
    assert_in_range(room, 3 * 64 * KIB + 64 * KIB, 3 * 64 * KIB + 128 * KIB);
    /* What one gives back another may have. */
    calm_down(&stage);
    assert_int_equal(stage.drain->room_granted, 0);
    press(&stage, &p[2]);
    assert_true(room_of(&p[2]) > 64 * KIB);
    for (int i = 0; i < 3; i++)
        producer_retire(&p[i]);
    stage_clear(&stage);
}

static void calm_ring_gives_its_memory_back(void **state)
{
    const struct stage_options options = {.ring_bytes = MIB, .ring_max_bytes = 8 * MIB};
    struct stage stage;
    struct producer p;
    uint64_t before, full;

    (void)state;
    stage_set(&stage, &options);
    producer_claim(&p, &stage, 1, false);
    (void)drain_round(stage.drain);
    before = segment_memory_bytes(&stage);
    for (int i = 0; i < 4; i++)
        press(&stage, &p);
    full = segment_memory_bytes(&stage);
    assert_true(full > before + 4 * MIB);
    /* It stands far out, and comes back in front with the next lap. */
    for (int i = 0; i < 100000; i++) {
        assert_true(producer_write(&p, 2));
        if (i % 1000 == 0)
            (void)drain_round(stage.drain);
    }
    (void)drain_round(stage.drain);
    calm_down(&stage);
    assert_int_equal(room_of(&p), MIB);
    calm_down(&stage);
    /* On a slow machine a calm second is over before: the last step beyond may be touched again. */
    assert_true(segment_memory_bytes(&stage) <= before + REGISTRY_BUSY_BYTES + STEP_BYTES);
    producer_retire(&p);
    stage_clear(&stage);
    assert_int_equal(fake_last(FAKE_LEDGER, 1)->item.ledger.damaged, 0);
}

static void slot_of_a_dead_thread_gives_its_memory_back(void **state)
{
    const struct stage_options options = {.ring_bytes = 4 * MIB};
    struct stage stage;
    struct producer p;
    uint64_t before;

    (void)state;
    stage_set(&stage, &options);
    producer_claim(&p, &stage, 1, false);
    (void)drain_round(stage.drain);
    before = segment_memory_bytes(&stage);
    press(&stage, &p);
    assert_true(segment_memory_bytes(&stage) > before + 3 * MIB);
    producer_retire(&p);
    (void)drain_round(stage.drain);
    assert_true(segment_memory_bytes(&stage) <= before + REGISTRY_BUSY_BYTES);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_that_fills_grows_up_to_its_most),
        cmocka_unit_test(rings_grow_within_the_budget_of_all),
        cmocka_unit_test(calm_ring_gives_its_memory_back),
        cmocka_unit_test(slot_of_a_dead_thread_gives_its_memory_back),
    };

    return cmocka_run_group_tests_name("drain, room", tests, NULL, NULL);
}
