/* SPDX-License-Identifier: Apache-2.0 */
/* Processes killed at random moments while they claim, write and retire without end. */
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry_fixture.h"

enum { ROUNDS = 200, SLOTS = 32, RECORDS = 5 };

static bool live_once(struct segment *s, struct ada_writer *w, unsigned records)
{
    int slot = owner_claim(s, "one of its lives");

    if (slot < 0) {
        sched_yield(); /* the drain's turn */
        return false;
    }
    owner_write_to(w, s, (uint32_t)slot);
    for (uint64_t i = 1; i <= records; i++)
        (void)fixture_emit(w, 16 + i * 8, i);
    registry_rename(s, (uint32_t)slot, "and another name");
    registry_retire(s, (uint32_t)slot);
    return true;
}

static void live_until_killed(void *segment)
{
    struct ada_writer writer;

    for (unsigned lives = 0;; lives++)
        (void)live_once(segment, &writer, lives % 4);
}

static void claim_and_retire_until_killed(void *segment)
{
    struct ada_writer writer;

    for (;;)
        (void)live_once(segment, &writer, 0);
}

/* A process that shares the registry with the victims and must not notice. */
struct neighbour {
    struct segment *segment;
    uint64_t lives; /* by its own count */
    bool enough;
};

static void live_until_told(void *argument)
{
    struct neighbour *n = argument;
    struct ada_writer writer;

    while (!load_relaxed(&n->enough))
        n->lives += live_once(n->segment, &writer, RECORDS);
}

/* Let it live for up to a hundred lives, and die in the middle of another. */
static void victim_kill(struct registry_fixture *f, void (*live)(void *), uint64_t *random)
{
    pid_t victim = process_start(live, &f->segment);
    uint64_t enough = f->ended + random_next(random) % 100;

    assert_true(victim > 0);
    while (f->ended < enough) {
        (void)registry_fixture_round(f);
        sched_yield();
    }
    for (uint64_t looks = random_next(random) % 30; looks; looks--)
        (void)registry_fixture_round(f);
    (void)process_kill(victim);
    f->dead_pid = (uint32_t)victim;
}

static unsigned slots_ready(const struct segment *s)
{
    unsigned ready = 0;

    for (uint32_t n = 0; n < s->geometry.slots; n++)
        ready += slot_is_ready(s, n);
    return ready;
}

/* What the victim had is free again, also the slot that it may have been taking just then. */
static void victim_is_cleared_away(struct registry_fixture *f)
{
    assert_int_equal(registry_fixture_round(f), 0);
    assert_true(registry_prepare(&f->segment, SLOTS) >= 0);
    assert_int_equal(slots_ready(&f->segment), SLOTS);
}

static void process_killed_at_a_random_moment_leaves_its_slots_to_others(void **state)
{
    struct registry_fixture *f = registry_fixture_open(SLOTS, 4096, 8);
    uint64_t random = random_seed("killed");

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        victim_kill(f, live_until_killed, &random);
        victim_is_cleared_away(f);
    }
    print_message("%u lives ended, %u slots given back unclaimed in %d deaths\n",
                  (unsigned)f->ended, f->given_back, ROUNDS);
    assert_true(f->ended > ROUNDS);
    assert_true(f->taken > 0);
    registry_fixture_close(f);
}

static void neighbour_of_processes_killed_loses_nothing(void **state)
{
    struct registry_fixture *f = registry_fixture_open(SLOTS, 4096, 8);
    struct neighbour *n =
        mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t random = random_seed("neighbour");
    pid_t neighbour;

    (void)state;
    assert_true(n != MAP_FAILED);
    n->segment = &f->segment;
    neighbour = process_start(live_until_told, n);
    assert_true(neighbour > 0);
    for (unsigned round = 0; round < ROUNDS / 4; round++) {
        victim_kill(f, claim_and_retire_until_killed, &random);
        (void)registry_fixture_round(f);
    }
    store_relaxed(&n->enough, true);
    assert_int_equal(process_end(neighbour), 0);
    assert_int_equal(registry_fixture_round(f), 0);
    assert_true(n->lives > 0);
    assert_int_equal(f->written + f->dropped, n->lives * RECORDS);
    assert_int_equal(f->taken, f->written);
    munmap(n, sizeof(*n));
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_killed_at_a_random_moment_leaves_its_slots_to_others),
        cmocka_unit_test(neighbour_of_processes_killed_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
