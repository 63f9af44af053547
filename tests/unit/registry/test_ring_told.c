/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every drop is told once: a handler that drops a record, and writes one that tells of it, behind
 * every single instruction of a record that is reserved and committed by hand.
 */
#include "ring_fixture.h"

#include <stdio.h>

#include "step.h"

enum {
    CAPACITY = 4096,
    PAYLOAD = 16,
#ifdef ADATRACE_COVERAGE
    EVERY = 13, /* instructions: each is a process, which writes its counts */
#else
    EVERY = 1,
#endif
};

struct scene {
    struct ring_fixture f;
    struct ledger l;
};

static void reserve_and_commit(void *context)
{
    struct scene *s = context;
    struct ada_record record;

    if (!ring_reserve(s->f.writer, FIXTURE_EVENT, PAYLOAD, &record))
        return;
    pattern_payload(record.payload, PAYLOAD, 1);
    ring_commit(&record);
}

static void drop_and_tell(void *context)
{
    struct scene *s = context;

    (void)fixture_emit(s->f.writer, CAPACITY, 2); /* more than the ring takes */
    (void)fixture_emit(s->f.writer, PAYLOAD, 3);
}

static bool all_is_told_once(void *context)
{
    struct scene *s = context;
    const struct ring_shared *ring = s->f.ring;

    for (uint64_t seed = 4; seed < 7; seed++)
        (void)fixture_emit(s->f.writer, PAYLOAD, seed);
    ledger_drain(&s->l, &s->f.reader);
    if (ring->dropped == 1 && s->l.gap_records == 1 && ring->told == 1 && s->l.records == 5 &&
        ring_written(ring) == 5)
        return true;
    printf("    %llu dropped, %llu told by %llu gap records; %llu read\n",
           (unsigned long long)ring->dropped, (unsigned long long)s->l.gap_records,
           (unsigned long long)s->l.gaps, (unsigned long long)s->l.records);
    return false;
}

static void handler_that_drops_and_tells_behind_any_instruction_is_told_once(void **state)
{
    uint64_t failed = 0;

    (void)state;
    if (!step_is_possible()) {
        print_message("no stepping here: no trap flag, or a sanitizer\n");
        skip();
    }
    for (unsigned fast = 0; fast < 2; fast++) {
        struct scene s = {0};
        const struct step_plan plan = {
            reserve_and_commit, drop_and_tell, all_is_told_once, &s, false, EVERY};

        fixture_open(&s.f, CAPACITY, RING_DROP, 0);
        ring_writer_init(s.f.writer, s.f.ring, fast);
        (void)step_through(&plan, &failed);
        fixture_close(&s.f);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handler_that_drops_and_tells_behind_any_instruction_is_told_once),
    };

    return cmocka_run_group_tests_name("ring, what is told", tests, NULL, NULL);
}
