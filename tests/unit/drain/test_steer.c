/* SPDX-License-Identifier: Apache-2.0 */
/* What is said from outside reaches the switches of every segment, those that come later included.
 */
#include "drain/steer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

enum { TYPE_EVEN = 20, TYPE_ODD = 21 };

/* A process that has registered the type, as the tracer does it. */
static uint32_t switch_for(struct stage *stage, uint16_t type, uint8_t level, bool on)
{
    int n = switch_take(&stage->segment, type, level);

    assert_true(n >= 0);
    (void)switch_decide(&stage->segment, (uint32_t)n, (struct glob_verdict){.stamp = 1, .on = on});
    return (uint32_t)n;
}

static bool is_on(const struct stage *stage, uint32_t n)
{
    return load_relaxed(switch_flag(&stage->segment, n)) != 0;
}

static struct steer_count say(struct stage *stage, const char *globs, bool on)
{
    struct steer_count count;

    assert_int_equal(steer_events(stage->drain, globs, on, "the test", &count), 0);
    return count;
}

static struct stage stage;
static uint32_t even, odd;

static int stage_begin(void **state)
{
    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_max_bytes = 65536});
    stage_tell_type(&stage, TYPE_EVEN, "twin", "even");
    stage_tell_type(&stage, TYPE_ODD, "twin", "odd");
    even = switch_for(&stage, TYPE_EVEN, 6, true);
    odd = switch_for(&stage, TYPE_ODD, 7, true);
    drain_round(stage.drain);
    return 0;
}

static int stage_end(void **state)
{
    (void)state;
    stage_clear(&stage);
    return 0;
}

static void words_turn_what_they_are_about(void **state)
{
    struct steer_count count = say(&stage, "twin:odd", false);

    (void)state;
    assert_int_equal(count.matching, 1);
    assert_int_equal(count.changed, 1);
    assert_true(is_on(&stage, even));
    assert_false(is_on(&stage, odd));
    assert_true(fake_has_note("events switched off by the test: twin:odd"));
    count = say(&stage, "*,!*:even", true);
    assert_int_equal(count.matching, 3); /* and test:number, which nobody has a switch for */
    assert_int_equal(count.changed, 2);
    assert_false(is_on(&stage, even));
    assert_true(is_on(&stage, odd));
    count = say(&stage, "nobody:*", false);
    assert_int_equal(count.matching, 0);
    assert_int_equal(count.changed, 0);
}

static void type_told_later_goes_by_what_was_said_before(void **state)
{
    uint32_t late;

    (void)state;
    say(&stage, "late:*", false);
    /* Its tracer decided by rules from before that; only now the type arrives. */
    late = switch_for(&stage, 30, 6, true);
    assert_true(is_on(&stage, late));
    stage_tell_type(&stage, 30, "late", "type");
    drain_round(stage.drain);
    assert_false(is_on(&stage, late));
}

static void program_s_later_word_stands(void **state)
{
    uint64_t stamp;

    (void)state;
    say(&stage, "twin:even", false);
    stamp = switches_stamp(&stage.segment, 1);
    assert_true(switch_decide(&stage.segment, even, (struct glob_verdict){stamp, true}));
    say(&stage, "twin:odd", false); /* does not say the other again */
    assert_true(is_on(&stage, even));
    assert_false(is_on(&stage, odd));
}

static void switches_of_one_type_are_all_turned(void **state)
{
    uint32_t of_a_child = switch_for(&stage, TYPE_EVEN, 6, true);
    struct steer_count count = say(&stage, "twin:even", false);

    (void)state;
    assert_int_equal(count.matching, 1);
    assert_int_equal(count.changed, 1);
    assert_false(is_on(&stage, even));
    assert_false(is_on(&stage, of_a_child));
}

static void pause_and_level_are_above_all_words(void **state)
{
    (void)state;
    assert_int_equal(steer_pause(stage.drain, true, "the test"), 1);
    assert_int_equal(steer_pause(stage.drain, true, "the test"), 0);
    assert_int_equal(say(&stage, "*", true).changed, 0);
    assert_false(is_on(&stage, even));
    assert_int_equal(steer_events_level(stage.drain, 6, "the test"), 0);
    assert_false(is_on(&stage, even)); /* still paused */
    assert_int_equal(steer_pause(stage.drain, false, "the test"), 1);
    assert_true(is_on(&stage, even));
    assert_false(is_on(&stage, odd));
    assert_int_equal(steer_pause(stage.drain, false, "the test"), 0);
    assert_true(fake_has_note("paused by the test"));
    assert_true(fake_has_note("resumed by the test after"));
    assert_true(fake_has_note("less important than info"));
}

/* ---- segments that come later ---- */

static void segment_that_comes_later_goes_by_it(void **state)
{
    struct stage later;
    uint32_t n;

    (void)state;
    say(&stage, "twin:even", false);
    assert_int_equal(steer_policy(stage.drain, RING_BLOCK, 5000, "the test"), 0);
    stage_add(&later, stage.drain, &(struct stage_options){.pid = 7}); /* nobody dressed it */
    stage_tell_type(&later, TYPE_EVEN, "twin", "even");
    n = switch_for(&later, TYPE_EVEN, 6, true);
    drain_round(stage.drain);
    assert_false(is_on(&later, n));
    assert_int_equal(stage.drain->sources->segment.geometry.policy, RING_BLOCK);
    assert_int_equal(stage.drain->sources->segment.geometry.timeout_ns, 5000);
}

static void dressed_segment_knows_it_at_once(void **state)
{
    struct segment segment;
    struct switch_rules rules;

    (void)state;
    assert_int_equal(segment_create(&segment, &stage.segment.geometry, NULL), 0);
    assert_int_equal(steer_dress(stage.drain, &segment), 0); /* nothing was said */
    assert_true(switches_pass(&segment, 255));
    say(&stage, "twin:*,!twin:odd", false);
    assert_int_equal(steer_pause(stage.drain, true, "the test"), 1);
    assert_true(steer_dress(stage.drain, &segment) > 0);
    assert_false(switches_pass(&segment, 0));
    switches_rules(&segment, &rules);
    assert_false(switch_verdict(&rules, "twin:even").on);
    assert_true(switch_verdict(&rules, "twin:odd").on);
    segment_destroy(&segment);
}

/* ---- how it records ---- */

static void policy_changes_between_drop_and_block_only(void **state)
{
    (void)state;
    assert_int_equal(steer_policy(stage.drain, RING_OVERWRITE, 0, "the test"), -ENOTSUP);
    assert_int_equal(stage.segment.shared->policy, RING_DROP);
    assert_int_equal(fake_count(FAKE_NOTE, 0), 0);
    assert_int_equal(steer_policy(stage.drain, RING_BLOCK, 10000000, "the test"), 0);
    assert_true(fake_has_note("policy block:10ms set by the test"));
    assert_int_equal(steer_policy(stage.drain, RING_DROP, 0, "the test"), 0);
    assert_true(fake_has_note("policy drop set by the test"));
}

static void ring_size_is_brought_within_what_is_there(void **state)
{
    static const uint64_t asked[] = {4096, 5000, 65536, 1 << 30},
                          got[] = {4096, 8192, 65536, 65536};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bytes = asked[i];

        assert_int_equal(steer_ring_max(stage.drain, &bytes, "the test"), 0);
        assert_int_equal(bytes, got[i]);
    }
    assert_int_equal(steer_ring_max(stage.drain, &(uint64_t){4095}, "the test"), -ERANGE);
}

static void ring_grows_no_further_than_that(void **state)
{
    uint64_t most = 8192;
    struct producer p;

    (void)state;
    assert_int_equal(steer_ring_max(stage.drain, &most, "the test"), 0);
    producer_claim(&p, &stage, 0, false);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 1000; i++)
            (void)producer_write(&p, 1);
        drain_round(stage.drain);
    }
    assert_int_equal(load_relaxed(&producer_ring(&p)->room), 8192);
    most = 65536;
    assert_int_equal(steer_ring_max(stage.drain, &most, "the test"), 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 10000; i++)
            (void)producer_write(&p, 1);
        drain_round(stage.drain);
    }
    assert_int_equal(load_relaxed(&producer_ring(&p)->room), 65536);
}

static void level_is_the_one_asked_for_or_the_first(void **state)
{
    int in_force;

    (void)state;
    assert_int_equal(steer_level(stage.drain, &(int){9}, "the test", &in_force), 0);
    assert_int_equal(in_force, 9);
    assert_int_equal(fake_writer_log()->level, 9);
    assert_int_equal(steer_level(stage.drain, NULL, "the test", &in_force), 0);
    assert_int_equal(in_force, stage.drain->options.level);
    assert_int_equal(fake_writer_log()->level, in_force);
}

static void end_puts_everything_out(void **state)
{
    (void)state;
    assert_int_equal(steer_end(stage.drain, "the test"), 0);
    assert_false(is_on(&stage, even));
    assert_true(fake_has_note("recording ended by the test"));
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_begin, stage_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(words_turn_what_they_are_about),
        ON_STAGE(type_told_later_goes_by_what_was_said_before),
        ON_STAGE(program_s_later_word_stands),
        ON_STAGE(switches_of_one_type_are_all_turned),
        ON_STAGE(pause_and_level_are_above_all_words),
        ON_STAGE(segment_that_comes_later_goes_by_it),
        ON_STAGE(dressed_segment_knows_it_at_once),
        ON_STAGE(policy_changes_between_drop_and_block_only),
        ON_STAGE(ring_size_is_brought_within_what_is_there),
        ON_STAGE(ring_grows_no_further_than_that),
        ON_STAGE(level_is_the_one_asked_for_or_the_first),
        ON_STAGE(end_puts_everything_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
