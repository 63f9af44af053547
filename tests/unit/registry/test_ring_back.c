/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer that was taken for gone comes back: on an alternate stack that lies in a frame of the
 * thread's own, a handler sees the interrupted frame below it, and gives its record up. Its commit
 * is interrupted by a handler that emits, which nothing tells of the one who is back, and then once
 * more, behind every single instruction, or by the consumer. It comes back late, when handlers have
 * filled the ring behind it. And an emit in a ring that is full, or nearly: such a handler finds no
 * room itself.
 */
#include "ring_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/ring_wait.h"
#include "step.h"

enum {
    CAPACITY = 4096,
    PAYLOAD = 24,
#ifdef ADATRACE_COVERAGE
    EVERY = 13, /* instructions: each is a process, which writes its counts */
#else
    EVERY = 1,
#endif
};

struct scene {
    struct ring_fixture f;
    struct ledger l;
    struct ada_record record; /* of the one that comes back */
    uint64_t attempted;
    bool behind_head; /* the second handler comes behind its moving head, not in front */
};

/* By a handler on a stack above all frames. */
static void emit_above(struct scene *s)
{
    struct ada_writer *w = s->f.writer;
    uint64_t bytes = ada_record_bytes(PAYLOAD);
    uint32_t tag = ada_record_tag(FIXTURE_EVENT, bytes);
    struct ada_record record;

    ada_add_local(&s->attempted, 1);
    if (!ada_reserve_fast(w, tag, bytes, &record))
        record = ring_reserve_slow(w, tag, bytes, w->stack_top);
    if (!record.payload)
        return;
    pattern_payload(record.payload, PAYLOAD, s->attempted);
    ada_commit_record(&record);
}

/* ada_commit_record(), with handlers in it. */
static void comes_back(void *context)
{
    struct scene *s = context;
    struct ada_record *r = &s->record;
    struct ada_writer *w = s->f.writer;

    ADA_SIGNAL_FENCE();
    memcpy(r->header, &r->word, 8);
    ada_add_local(&w->front->written, 1);
    if (!s->behind_head)
        emit_above(s);
    store_release(&w->front->head, r->end); /* Publish. As in ada_commit_fast(). */
    if (s->behind_head)
        emit_above(s);
    ring_commit_slow(w, r->header, r->end, r->word, r->nested);
}

static void handler_above(void *context)
{
    emit_above(context);
}

static void consumer(void *context)
{
    struct scene *s = context;

    ledger_drain(&s->l, &s->f.reader);
}

static bool each_is_counted_once(void *context)
{
    struct scene *s = context;
    const struct ring_shared *ring = s->f.ring;

    emit_above(s);
    ledger_drain(&s->l, &s->f.reader);
    if (ring_written(ring) + ring->dropped == s->attempted && s->l.records == ring_written(ring) &&
        !s->l.damages && !s->l.torn)
        return true;
    printf(
        "    %llu attempts: %llu written, %llu dropped; %llu read, %llu of them torn, %llu times "
        "damage\n",
        (unsigned long long)s->attempted, (unsigned long long)ring_written(ring),
        (unsigned long long)ring->dropped, (unsigned long long)s->l.records,
        (unsigned long long)s->l.torn, (unsigned long long)s->l.damages);
    return false;
}

/* A record whose writer is below, and was taken for gone. */
static void given_up(struct scene *s)
{
    uint64_t dropped = s->f.ring->dropped;

    ada_self = s->f.writer;
    s->record = ada_reserve_bytes(ada_record_tag(FIXTURE_EVENT, PAYLOAD + 8), PAYLOAD + 8);
    assert_non_null(s->record.payload);
    pattern_payload(s->record.payload, PAYLOAD, ++s->attempted);
    emit_above(s);
    assert_int_equal(s->f.ring->dropped, dropped + 1);
}

static void given_up_in(struct scene *s, enum ring_policy policy, bool fast)
{
    fixture_open(&s->f, CAPACITY, policy, 0);
    ring_writer_init(s->f.writer, s->f.ring, fast);
    for (int i = 0; i < 2; i++)
        assert_true(fixture_emit(s->f.writer, PAYLOAD, ++s->attempted));
    given_up(s);
}

static void step_or_skip(void)
{
    if (!step_is_possible()) {
        print_message("no stepping here: no trap flag, or a sanitizer\n");
        skip();
    }
}

static void step_through_the_return(void (*interrupt)(void *context))
{
    uint64_t failed = 0;

    step_or_skip();
    for (unsigned kind = 0; kind < 8; kind++) {
        struct scene s = {.behind_head = kind & 1};
        const struct step_plan plan = {comes_back, interrupt, each_is_counted_once,
                                       &s,         false,     EVERY};

        given_up_in(&s, kind & 2 ? RING_OVERWRITE : RING_DROP, kind & 4);
        printf("  %s, %s, %s\n", kind & 4 ? "fast path" : "slow path",
               kind & 2 ? "overwrite" : "drop",
               kind & 1 ? "behind moving head" : "in front of moving head");
        assert_true(step_through(&plan, &failed) > 0);
        fixture_close(&s.f);
    }
    assert_int_equal(failed, 0);
}

static void handlers_behind_any_instruction_of_the_return_are_counted_once(void **state)
{
    (void)state;
    step_through_the_return(handler_above);
}

static void consumer_behind_any_instruction_of_the_return_reads_no_drop(void **state)
{
    (void)state;
    step_through_the_return(consumer);
}

/* ---- and comes back late ---- */

/* An elastic ring, whose laps hop over what is unread: behind the record stand more bytes, by their
 * index, than the ring has, and all of its own are there. */
static bool comes_back_to_a_full_ring(uint64_t low_bytes, uint64_t before, uint64_t unread)
{
    const struct ring_options options = {
        .policy = RING_DROP, .base_bytes = CAPACITY, .low_bytes = low_bytes};
    struct scene s = {0};
    bool good;

    fixture_open_with(&s.f, 2 * CAPACITY, &options);
    ring_writer_init(s.f.writer, s.f.ring, true);
    for (uint64_t i = 0; i < before; i++) {
        (void)fixture_emit(s.f.writer, PAYLOAD, ++s.attempted);
        if (before - i > unread)
            ledger_drain(&s.l, &s.f.reader);
    }
    given_up(&s);
    for (int i = 0; i < 2 * CAPACITY / PAYLOAD; i++)
        emit_above(&s);
    ada_commit_record(&s.record);
    ledger_drain(&s.l, &s.f.reader);
    good = each_is_counted_once(&s);
    fixture_close(&s.f);
    return good;
}

static void who_comes_back_when_laps_have_hopped_over_it_is_no_record(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (uint64_t low = 1024; low <= CAPACITY; low *= 2)
        for (uint64_t before = 0; before < 2 * CAPACITY / (PAYLOAD + 8); before++)
            for (uint64_t unread = 0; unread <= 8; unread += 4)
                failed += !comes_back_to_a_full_ring(low, before, unread);
    assert_int_equal(failed, 0);
}

static void more_come_back_than_the_reader_can_be_told_of(void **state)
{
    struct ada_record away[RING_AWAY + 2];
    struct scene s = {0};

    (void)state;
    fixture_open(&s.f, CAPACITY, RING_DROP, 0);
    ring_writer_init(s.f.writer, s.f.ring, true);
    for (int i = 0; i < RING_AWAY + 2; i++) {
        given_up(&s);
        away[i] = s.record;
    }
    assert_int_equal(s.f.ring->away_count, RING_AWAY);
    for (int i = RING_AWAY + 2; i-- > 0;)
        ada_commit_record(&away[i]);
    assert_true(each_is_counted_once(&s));
    fixture_close(&s.f);
}

/* ---- and there is no room ---- */

static void emits(void *context)
{
    struct scene *s = context;

    ada_add_local(&s->attempted, 1); /* one instruction: a handler counts as well */
    (void)fixture_emit(s->f.writer, PAYLOAD, s->attempted);
}

/* A ring with so many bytes left, and with nobody who reads it for whom it has to be waited. */
static void fill_to(struct scene *s, enum ring_policy policy, uint64_t left)
{
    fixture_open(&s->f, CAPACITY, policy, 0);
    ring_tell_gone(s->f.ring);
    ring_writer_init(s->f.writer, s->f.ring, true);
    for (uint64_t room; (room = ring_available_to_write(s->f.writer)) > left;) {
        uint64_t bytes = room - left > 600 ? 512 : room - left;

        assert_true(fixture_emit(s->f.writer, bytes - 8, ++s->attempted));
    }
}

static void handler_above_that_finds_no_room_gives_up_nobody_who_can_come_back(void **state)
{
    uint64_t failed = 0;

    (void)state;
    step_or_skip();
    for (uint64_t left = PAYLOAD + 8; left < 5 * (PAYLOAD + 8); left += 8)
        for (int blocks = 0; blocks < 2; blocks++) {
            struct scene s = {0};
            const struct step_plan plan = {emits, handler_above, each_is_counted_once,
                                           &s,    false,         EVERY};

            fill_to(&s, blocks ? RING_BLOCK : RING_DROP, left);
            assert_true(step_through(&plan, &failed) > 0);
            fixture_close(&s.f);
        }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_behind_any_instruction_of_the_return_are_counted_once),
        cmocka_unit_test(consumer_behind_any_instruction_of_the_return_reads_no_drop),
        cmocka_unit_test(who_comes_back_when_laps_have_hopped_over_it_is_no_record),
        cmocka_unit_test(more_come_back_than_the_reader_can_be_told_of),
        cmocka_unit_test(handler_above_that_finds_no_room_gives_up_nobody_who_can_come_back),
    };

    return cmocka_run_group_tests_name("ring, who comes back", tests, NULL, NULL);
}
