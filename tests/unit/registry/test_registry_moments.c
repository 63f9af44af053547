/* SPDX-License-Identifier: Apache-2.0 */
/* A process that dies after any instruction of a slot's life. */
#include <unistd.h>

#include "base/atomic.h"
#include "death.h"
#include "registry_fixture.h"

static void claim_and_retire(void *argument)
{
    struct segment *s = argument;
    int slot = owner_claim(s, "killed soon");

    if (slot < 0)
        _exit(1);
    registry_retire(s, (uint32_t)slot);
}

static void slot_can_be_had_again(struct registry_fixture *f)
{
    uint32_t generation = f->frees[0];

    assert_int_equal(registry_prepare(&f->segment, 1), 1);
    assert_int_equal(owner_claim(&f->segment, "who comes after"), 0);
    assert_int_equal(slot_look(&f->segment, 0).generation, generation);
    assert_string_equal(slot_look(&f->segment, 0).name, "who comes after");
    assert_false(slot_look(&f->segment, 0).dead);
    registry_retire(&f->segment, 0);
    assert_int_equal(registry_fixture_round(f), 0);
}

/* What a drain finds after each of the deaths. */
struct findings {
    unsigned untouched, dead, retired, taken;
};

static bool kill_and_look(struct registry_fixture *f, unsigned steps, struct findings *found)
{
    struct registry_view view = {0};
    uint32_t parent_pid;
    bool seen, ready, taken;

    if (!death_after(claim_and_retire, &f->segment, steps))
        return false;
    ready = slot_is_ready(&f->segment, 0);
    seen = registry_look(&f->segment, 0, &view);
    /* The drain knows that the process has gone. */
    taken = registry_claimer(&f->segment, 0, &f->dead_pid, &parent_pid);
    assert_int_equal(seen + ready + taken, 1);
    found->untouched += ready;
    found->taken += taken;
    found->dead += view.dead;
    found->retired += view.state == SLOT_RETIRED;
    if (seen)
        f->dead_pid = view.pid;
    assert_int_equal(registry_fixture_round(f), 0);
    assert_true(slot_is_ready(&f->segment, 0));
    return true;
}

/* Also who is killed after it has taken the slot and before it has said who it is. */
static void process_killed_after_any_instruction_leaves_its_slot_to_others(void **state)
{
    struct registry_fixture *f = registry_fixture_open(1, 4096, 1);
    struct findings found = {0};
    unsigned count;

    (void)state;
    count = death_moments(claim_and_retire, &f->segment);
    if (!count) {
        registry_fixture_close(f);
        skip();
    }
    assert_int_equal(registry_fixture_round(f), 0);
    for (unsigned steps = 0; kill_and_look(f, steps, &found); steps += death_stride(count))
        slot_can_be_had_again(f);
    print_message("killed in %u instructions: before %u, taking it %u, dead %u, retired %u\n",
                  count, found.untouched, found.taken, found.dead, found.retired);
    assert_true(found.untouched && found.taken && found.dead && found.retired);
    assert_int_equal(f->given_back, found.taken);
    registry_fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_killed_after_any_instruction_leaves_its_slot_to_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
