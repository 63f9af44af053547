/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers upon handlers, three deep, each behind an instruction by chance of what the one below it
 * was doing: an emit, a batch, a reserve with its commit or its rollback. test_ring_step.c tries
 * every instruction for one handler; what takes a second one in the first one's emit is found here.
 *
 *     test_ring_nest [PROGRAMS [SEED [ROW]]]   so many of each kind, from this seed on (0: a new
 *                                              one); their figure is that row's of
 *                                              docs/RELIABILITY.md
 *     test_ring_nest case SEED                 this one
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nest_program.h"
#include "tests/helpers/case_watch.h"
#include "tests/helpers/evidence.h"

enum {
    STACK_BYTES = 1 << 18,
    PATIENCE_S = 100,
    SHOWN_MAX = 20, /* programs that failed */
};

static const unsigned kinds[] = {
    0,
    NEST_FILLS,
    NEST_DRAINS,
    NEST_ROOM,
    NEST_ROOM | NEST_FILLS,
    NEST_HOLDS,
    NEST_HOLDS | NEST_ROOM | NEST_FILLS,
    NEST_WITHIN,
    NEST_WITHIN | NEST_FILLS,
    NEST_WITHIN | NEST_DRAINS,
    NEST_WITHIN | NEST_HOLDS | NEST_DRAINS,
    NEST_WITHIN | NEST_ROOM | NEST_FILLS,
    NEST_WITHIN | NEST_HOLDS | NEST_ROOM | NEST_FILLS,
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static struct {
    uint64_t first_seed, of_each;
    uint64_t programs, interruptions, failed;
    struct nest_program program;
} all;

/* The seed says the kind as well. The handlers' stack lies here, above the frames of all that
 * emits. */
__attribute__((noinline)) static bool run(uint64_t seed, char *why, size_t why_bytes)
{
    unsigned kind = kinds[seed % KINDS];
    unsigned char stack[STACK_BYTES];

    case_running = seed;
    return nest_program_run(&all.program, seed, kind, kind & NEST_WITHIN ? stack : NULL,
                            sizeof(stack), why, why_bytes);
}

static void run_and_tell(uint64_t seed)
{
    char why[600];
    bool exact = run(seed, why, sizeof(why));

    all.programs++;
    all.interruptions += all.program.nest.count;
    if (!exact && all.failed++ < SHOWN_MAX)
        print_message("case %" PRIu64 ": %s\n", seed, why);
}

static void run_all_of_kind(unsigned kind)
{
    uint64_t failed = all.failed;

    if (!nest_is_possible()) {
        print_message("no stepping here: not an x86-64 processor, or a sanitizer\n");
        skip();
    }
    case_watch();
    alarm(PATIENCE_S);
    for (unsigned k = 0; k < KINDS; k++)
        for (uint64_t i = 0; kinds[k] == kind && i < all.of_each; i++) {
            run_and_tell(all.first_seed + KINDS * i + k);
            alarm(PATIENCE_S);
        }
    alarm(0);
    assert_int_equal(all.failed - failed, 0);
}

#define CASE(name, kind)           \
    static void name(void **state) \
    {                              \
        (void)state;               \
        run_all_of_kind(kind);     \
    }

CASE(handlers_in_handlers_are_counted_once, 0)
CASE(handlers_that_fill_the_ring_are_counted_once, NEST_FILLS)
CASE(handlers_that_read_the_ring_are_counted_once, NEST_DRAINS)
CASE(handlers_while_the_room_changes_are_counted_once, NEST_ROOM)
CASE(handlers_that_fill_a_ring_whose_room_changes_are_counted_once, NEST_ROOM | NEST_FILLS)
CASE(handlers_behind_a_held_record_are_counted_once, NEST_HOLDS)
CASE(handlers_that_fill_behind_a_held_record_are_counted_once, NEST_HOLDS | NEST_ROOM | NEST_FILLS)
CASE(handlers_on_a_stack_within_the_stack_are_counted_once, NEST_WITHIN)
CASE(handlers_that_fill_on_a_stack_within_the_stack_are_counted_once, NEST_WITHIN | NEST_FILLS)
CASE(handlers_there_that_read_the_ring_are_counted_once, NEST_WITHIN | NEST_DRAINS)
CASE(handlers_there_that_read_behind_a_held_record_are_counted_once,
     NEST_WITHIN | NEST_HOLDS | NEST_DRAINS)
CASE(handlers_there_that_fill_a_ring_whose_room_changes_are_counted_once,
     NEST_WITHIN | NEST_ROOM | NEST_FILLS)
CASE(handlers_there_that_fill_behind_a_held_record_are_counted_once,
     NEST_WITHIN | NEST_HOLDS | NEST_ROOM | NEST_FILLS)

static void this_one_is_exact(void **state)
{
    char why[600];
    bool exact;

    (void)state;
    case_watch();
    alarm(PATIENCE_S);
    exact = run(all.first_seed, why, sizeof(why));
    print_message("case %" PRIu64 ": %s; %" PRIu64 " interruptions\n", all.first_seed, why,
                  all.program.nest.count);
    assert_true(exact);
}

static int one(uint64_t seed)
{
    const struct CMUnitTest test[] = {cmocka_unit_test(this_one_is_exact)};

    all.first_seed = seed;
    return cmocka_run_group_tests_name("ring, one program", test, NULL, NULL);
}

static int many(const char *row)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_in_handlers_are_counted_once),
        cmocka_unit_test(handlers_that_fill_the_ring_are_counted_once),
        cmocka_unit_test(handlers_that_read_the_ring_are_counted_once),
        cmocka_unit_test(handlers_while_the_room_changes_are_counted_once),
        cmocka_unit_test(handlers_that_fill_a_ring_whose_room_changes_are_counted_once),
        cmocka_unit_test(handlers_behind_a_held_record_are_counted_once),
        cmocka_unit_test(handlers_that_fill_behind_a_held_record_are_counted_once),
        cmocka_unit_test(handlers_on_a_stack_within_the_stack_are_counted_once),
        cmocka_unit_test(handlers_that_fill_on_a_stack_within_the_stack_are_counted_once),
        cmocka_unit_test(handlers_there_that_read_the_ring_are_counted_once),
        cmocka_unit_test(handlers_there_that_read_behind_a_held_record_are_counted_once),
        cmocka_unit_test(handlers_there_that_fill_a_ring_whose_room_changes_are_counted_once),
        cmocka_unit_test(handlers_there_that_fill_behind_a_held_record_are_counted_once),
    };
    int failed;

    print_message("%" PRIu64 " programs of each kind, from seed %" PRIu64 "\n", all.of_each,
                  all.first_seed);
    failed = cmocka_run_group_tests_name("ring, handlers in handlers", tests, NULL, NULL);
    print_message("%" PRIu64 " programs, %" PRIu64 " interruptions, %" PRIu64 " programs failed\n",
                  all.programs, all.interruptions, all.failed);
    if (!failed && row && all.programs)
        evidence_write(row,
                       "%" PRIu64 " programs, %" PRIu64
                       " interruptions, up to three deep; each program exact",
                       all.programs, all.interruptions);
    return failed;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    char why[600];

    if (nest_is_possible())
        (void)run(1, why, sizeof(why)); /* what libraries do at the first call only */
    if (argc > 2 && strcmp(argv[1], "case") == 0)
        return one(seed);
    all.first_seed = seed ? seed : (uint64_t)time(NULL) << 20 ^ (unsigned)getpid();
    all.first_seed -= all.first_seed % KINDS;
    all.of_each = argc > 1 ? strtoull(argv[1], NULL, 0) : 20;
    return many(argc > 3 ? argv[3] : NULL);
}
