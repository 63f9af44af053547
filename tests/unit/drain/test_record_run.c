/* SPDX-License-Identifier: Apache-2.0 */
/* A run holds what a walk record by record finds, and ends where that has to look closer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "drain/record_run.h"
#include "drain/ticks_widen.h"

#define LAP (ADA_RECORD_TICKS_MASK + 1)

static uint64_t words[4096];
static struct record_run run;

/* `count` records of `bytes`, one tick apart. */
static void records_put(unsigned count, unsigned bytes, uint64_t ticks)
{
    memset(words, 0, sizeof(words));
    for (unsigned i = 0; i < count; i++)
        words[i * bytes / 8] = ada_record_word(ada_record_tag(8 + i % 3, bytes), ticks + i);
}

static void decode(uint64_t size)
{
    record_run_decode(&run, (const unsigned char *)words, size);
}

static void decode_takes_ids_and_ticks_apart(void **state)
{
    (void)state;
    for (unsigned bytes = 8; bytes <= 64; bytes += 8) {
        records_put(100, bytes, 1000);
        decode(100 * bytes);
        assert_int_equal(run.count, 100);
        assert_int_equal(run.record_bytes, bytes);
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(run.ids[i], 8 + i % 3);
            assert_int_equal(run.ticks[i], 1000 + i);
        }
    }
}

static void decode_is_bounded_by_what_there_is_and_by_its_own_room(void **state)
{
    (void)state;
    records_put(1000, 16, 1000);
    decode(16000);
    assert_int_equal(run.count, RECORD_RUN_MAX);
    decode(48 + 15); /* half a record is none */
    assert_int_equal(run.count, 3);
    decode(15);
    assert_int_equal(run.count, 0);
    decode(0);
    assert_int_equal(run.count, 0);
}

static void decode_ends_before_whatever_is_not_plain(void **state)
{
    static const uint32_t tags[] = {ADA_RECORD_GAP << ADA_RECORD_TYPE_SHIFT | 2,
                                    ADA_RECORD_PENDING << ADA_RECORD_TYPE_SHIFT,
                                    ADA_RECORD_HELD << ADA_RECORD_TYPE_SHIFT,
                                    0,
                                    7 << ADA_RECORD_TYPE_SHIFT | 2,
                                    8 << ADA_RECORD_TYPE_SHIFT | 3,
                                    8 << ADA_RECORD_TYPE_SHIFT,
                                    8 << ADA_RECORD_TYPE_SHIFT | ADA_RECORD_LARGE};

    (void)state;
    for (unsigned n = 0; n < sizeof(tags) / sizeof(tags[0]); n++)
        for (unsigned at = 0; at < 50; at++) {
            records_put(50, 16, 1000);
            words[2 * at] = ada_record_word(tags[n], 1000 + at);
            decode(50 * 16);
            if (at || n < 5 || n > 5) /* a first record of three words begins a run of its own */
                assert_int_equal(run.count, at);
        }
}

/* ---- ticks ---- */

static void widen_gives_what_widening_one_by_one_gives(void **state)
{
    static const uint64_t starts[] = {0, 1000, LAP - 50, 5 * LAP - 50, 9 * LAP + 12345};

    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        uint64_t start = starts[n], previous = start, now = start + 200, done = 0;

        records_put(100, 16, start);
        while (done < 100) {
            record_run_decode(&run, (const unsigned char *)&words[2 * done], (100 - done) * 16);
            record_run_widen(&run, previous, start, now, 0);
            assert_true(run.count > 0);
            for (unsigned i = 0; i < run.count; i++, done++) {
                assert_int_equal(run.ticks[i], start + done);
                assert_int_equal(run.ticks[i], ticks_widen((start + done) & ADA_RECORD_TICKS_MASK,
                                                           previous, start, now));
                previous = run.ticks[i];
            }
        }
    }
}

static void widen_ends_before_a_record_that_goes_back(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 50; at++) {
        records_put(50, 16, 1000);
        words[2 * at] = ada_record_word(ada_record_tag(8, 16), 900);
        decode(50 * 16);
        record_run_widen(&run, 1000, 1000, 2000, 0);
        assert_int_equal(run.count, at);
    }
}

static void widen_takes_nothing_that_is_out_of_bounds(void **state)
{
    (void)state;
    records_put(50, 16, 1000);
    words[80] = ada_record_word(ada_record_tag(8, 16), 5000 + 2 * TICKS_WIDEN_SKEW);
    decode(41 * 16);
    record_run_widen(&run, 1000, 1000, 2000, 0); /* the last lies in the future */
    assert_int_equal(run.count, 0);
    decode(40 * 16);
    record_run_widen(&run, 1000, 1000, 2000, 0);
    assert_int_equal(run.count, 40);
    decode(40 * 16);
    record_run_widen(&run, 1500, 1500, 2000, 0); /* the first lies in the past */
    assert_int_equal(run.count, 0);
    decode(0);
    record_run_widen(&run, 1500, 1500, 2000, 0);
    assert_int_equal(run.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_takes_ids_and_ticks_apart),
        cmocka_unit_test(decode_is_bounded_by_what_there_is_and_by_its_own_room),
        cmocka_unit_test(decode_ends_before_whatever_is_not_plain),
        cmocka_unit_test(widen_gives_what_widening_one_by_one_gives),
        cmocka_unit_test(widen_ends_before_a_record_that_goes_back),
        cmocka_unit_test(widen_takes_nothing_that_is_out_of_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
