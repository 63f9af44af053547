/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that does not move for a lap of the ring: header words are then the same as those that
 * stood there before, and a record of a handler's looks like the free space that the slow path has
 * seen in its place. The handler comes where the slow path reads the clock, and behind every single
 * instruction of it.
 */
#include "ring_fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/atomic.h"
#include "registry/ring_layout.h"
#include "step.h"
#include "tests/helpers/evidence.h"

enum {
    CAPACITY = 4096,
    ELASTIC_GROWTH = 4,
    LARGE = 88, /* payload bytes; where none fits a lap any more, a small one does */
    SMALL = 16,
    LAPS = 4,
    HANDLER_SEED = 1 << 30,
#ifdef ADATRACE_COVERAGE
    EVERY = 13, /* instructions: each is a process, which writes its counts */
#else
    EVERY = 1,
#endif
    SECONDS = 1000, /* what the clock says */
    SHORT_LAP = 7   /* large records in front of a small one in the middle */
};

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

/* Where the handler comes, and what it finds. */
enum place { LAP_MIDDLE, LAP_END, PLACES };
static const char *const place_names[] = {"in the middle of a lap", "at a lap's end"};

struct scene {
    struct ring_fixture f;
    struct ledger l;
    enum place place;
    bool is_held;    /* an unfinished record stands in front */
    unsigned larges; /* in front of the place, behind the lap's first */
    struct ada_record held;
    uint64_t seed, handler_seed;
    const char *wrong; /* what did not hold first */
};

static struct scene *in_clock; /* whose handler comes when the clock is read next */

static bool emit(struct scene *s, uint64_t payload_bytes)
{
    return fixture_emit(s->f.writer, payload_bytes, ++s->seed);
}

static void interrupt(void *context)
{
    struct scene *s = context;

    (void)fixture_emit(s->f.writer, SMALL, HANDLER_SEED + ++s->handler_seed);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    struct scene *s = in_clock;

    (void)clock;
    in_clock = NULL;
    if (s)
        interrupt(s);
    *out = (struct timespec){.tv_sec = SECONDS};
    return 0;
}

/* ---- a ring in which the same laps come again and again ---- */

static bool leaps(const struct scene *s)
{
    struct ring_layout l = ring_layout_for(s->f.writer, ada_record_bytes(LARGE));

    return l.first != l.start;
}

static void drain(struct scene *s)
{
    ledger_drain(&s->l, &s->f.reader);
}

/* Up to the place, behind which comes a small record, and a large one. The last one in front of it
 * is held, if the scene says so. */
static void go_to_place(struct scene *s, bool is_last)
{
    for (unsigned left = s->larges; left > is_last; left--) {
        assert_true(emit(s, LARGE));
        drain(s);
    }
    if (is_last && s->is_held)
        s->held = fixture_reserve(&s->f, LARGE, ++s->seed);
    else if (is_last)
        assert_true(emit(s, LARGE));
    if (is_last && !s->is_held)
        drain(s);
}

static uint64_t lap_of(const struct scene *s)
{
    return s->f.writer->reserve & ~s->f.writer->mask;
}

/* The first one of the next lap stands then. */
static unsigned go_on_to_next_lap(struct scene *s)
{
    uint64_t lap = lap_of(s);
    unsigned larges = 0;

    for (; lap_of(s) == lap; larges++) {
        assert_true(emit(s, LARGE));
        drain(s);
    }
    return larges;
}

/* Behind the first one of it. */
static unsigned larges_of_a_lap(struct scene *s)
{
    (void)go_on_to_next_lap(s);
    return go_on_to_next_lap(s) - 1;
}

static void set_up(struct scene *s, bool is_elastic)
{
    const struct ring_options options = {.policy = RING_DROP,
                                         .base_bytes = is_elastic ? CAPACITY : 0};

    fixture_open_with(&s->f, is_elastic ? ELASTIC_GROWTH * CAPACITY : CAPACITY, &options);
    ring_writer_init(s->f.writer, s->f.ring, false); /* by the kernel's clock */
    s->larges = SHORT_LAP;
    if (s->place == LAP_END)
        s->larges = larges_of_a_lap(s);
    for (int lap = 0; lap < LAPS; lap++) {
        go_to_place(s, false);
        assert_true(emit(s, SMALL));
        drain(s);
        go_on_to_next_lap(s);
    }
    go_to_place(s, true);
}

/* What a handler's record will be headed by, stands there already. */
static bool place_is_prepared(const struct scene *s)
{
    uint64_t bytes = ada_record_bytes(SMALL), word;

    memcpy(&word, s->f.writer->data + (s->f.writer->reserve & s->f.writer->mask), 8);
    return word == ada_record_word(ada_record_tag(FIXTURE_EVENT, bytes),
                                   UINT64_C(1000000000) * SECONDS) &&
           leaps(s) == (s->place == LAP_END);
}

/* ---- what is interrupted, and what has to hold ---- */

static void emit_interrupted(void *context)
{
    (void)emit(context, LARGE);
}

static void hold(struct scene *s, bool holds, const char *what)
{
    if (!holds && !s->wrong)
        s->wrong = what;
}
#define HOLD(s, condition) hold(s, condition, #condition)

static bool judge(void *context)
{
    struct scene *s = context;
    const struct ring_shared *ring = s->f.ring;
    char text[200] = "";

    if (s->is_held)
        ring_commit(&s->held);
    (void)emit(s, LARGE);
    HOLD(s, ring_check(ring, text, sizeof(text)) == 0);
    drain(s);
    HOLD(s, s->l.damages == 0);
    HOLD(s, s->l.torn == 0);
    HOLD(s, s->l.last_seed == s->seed);
    HOLD(s, ring_written(ring) == s->seed + s->handler_seed);
    HOLD(s, ring_written(ring) == s->l.records);
    HOLD(s, ring->dropped == 0);
    if (s->wrong)
        printf("    wrong: %s\n", s->wrong);
    return !s->wrong;
}

/* How many instructions were interrupted; 0: it failed. */
static uint64_t scene_play(struct scene *s, bool is_elastic, bool by_steps)
{
    const struct step_plan plan = {emit_interrupted, interrupt, judge, s, false, EVERY};
    uint64_t failed = 0, instructions = 1;

    set_up(s, is_elastic);
    assert_true(place_is_prepared(s));
    if (by_steps) {
        instructions = step_through(&plan, &failed);
    } else {
        in_clock = s;
        emit_interrupted(s);
        failed += !judge(s);
    }
    fixture_close(&s->f);
    return failed ? 0 : instructions;
}

static void play_everywhere(bool by_steps)
{
    unsigned failed = 0;
    uint64_t total = 0, instructions;

    for (unsigned at = 0; at < 4 * PLACES; at++) {
        bool is_held = at & 1, is_elastic = at & 2;
        struct scene s = {.place = (enum place)(at / 4), .is_held = is_held};

        total += instructions = scene_play(&s, is_elastic, by_steps);
        if (instructions)
            continue;
        print_message("failed: %s, ring %s, %s\n", place_names[s.place],
                      is_elastic ? "elastic" : "plain",
                      is_held ? "a record is held" : "nobody in front");
        failed++;
    }
    assert_int_equal(failed, 0);
    if (by_steps)
        evidence_write("ledger-still-clock",
                       "%llu instructions in %d states of the ring, a handler behind each",
                       (unsigned long long)total, 4 * PLACES);
}

static void handler_that_comes_when_the_clock_is_read_loses_nothing(void **state)
{
    (void)state;
    play_everywhere(false);
}

static void handler_that_comes_behind_any_instruction_loses_nothing(void **state)
{
    (void)state;
    if (!step_is_possible()) {
        print_message("no stepping here: no trap flag, or a sanitizer\n");
        skip();
    }
    play_everywhere(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handler_that_comes_when_the_clock_is_read_loses_nothing),
        cmocka_unit_test(handler_that_comes_behind_any_instruction_loses_nothing),
    };

    return cmocka_run_group_tests_name("ring, clock standing still", tests, NULL, NULL);
}
