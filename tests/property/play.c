/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One real thread plays all. What comes in between is played inside the point that it comes at, on
 * the same stack: the frames below are those of the interrupted thread (then it is a handler of
 * it), of another thread, or of the drain. Only a handler can leave frames.
 */
#include "play.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <adatrace/emit.h>

#include "base/atomic.h"
#include "drain/drain.h"
#include "house.h"
#include "judge.h"
#include "play_state.h"
#include "points.h"
#include "registry/registry.h"
#include "sight.h"
#include "tests/helpers/deep_frame.h"
#include "tracer/tracer_state.h"

enum { SECOND_NS = 1100000000 };

struct play_figures play_figures;

struct stage stage;

static void step_do(const struct step *s);

/* ---- points ---- */

static void next_arm(void)
{
    points_left = stage.next && stage.next->at ? stage.next->at : UINT64_MAX;
}

void points_reached(void)
{
    const struct step *s = stage.next;
    const struct step *end = stage.program->steps + stage.program->count;

    points_left = UINT64_MAX;
    if (!s)
        return;
    stage.next = s + 1 < end && s[1].at ? s + 1 : NULL;
    next_arm();
    stage.model.has_between = true;
    play_figures.between++;
    step_do(s);
}

/* ---- what threads do ---- */

static void held_end(struct actor *a, unsigned which, bool commits)
{
    struct attempt *attempt;
    struct held held;

    if (!a->held_count)
        return;
    /* Taken out first: handlers may hold others meanwhile. */
    which %= a->held_count;
    held = a->held[which];
    a->held[which] = a->held[--a->held_count];
    if (commits)
        ring_commit(&held.record);
    else
        ring_rollback(&held.record);
    attempt = &model()->attempts[held.attempt];
    attempt->outcome = commits ? OUTCOME_STORED : OUTCOME_NOTHING;
    attempt->last_phase = model()->phase;
}

static void thread_hold(struct frame *f, struct actor *a, uint32_t payload_bytes)
{
    struct held held;

    /* A thread that blocks may not wait for itself. */
    if (a->held_count >= HELD_MAX || !emit_hold(f, payload_bytes, &held.record, &held.attempt))
        return;
    attempt_end(held.attempt, held.record.writer, OUTCOME_OPEN);
    a->held[a->held_count++] = held;
}

static void thread_end(struct actor *a)
{
    struct ada_writer *w = ada_self;
    struct segment *s = house_segment();

    while (a->held_count)
        held_end(a, 0, true);
    ada_self = stage.nobody;
    if (!w->ring)
        return;
    for (size_t i = 0; i < model()->life_count; i++)
        if (model()->lives[i].slot == w->slot &&
            model()->lives[i].claim_ticks == s->slots[w->slot].claim_ticks)
            model()->lives[i].is_over = true;
    registry_retire(s, w->slot);
}

static void actor_do(struct frame *f, struct actor *a, const struct step *s)
{
    if (s->kind == STEP_COMMIT || s->kind == STEP_ROLLBACK) {
        held_end(a, s->count, s->kind == STEP_COMMIT);
    } else if (s->kind == STEP_END) {
        thread_end(a);
    } else if (s->kind == STEP_HOLD) {
        thread_hold(f, a, s->bytes);
    } else if (s->kind == STEP_BATCH) {
        if (s->count)
            emit_batch(f, s->bytes, s->count);
    } else {
        while (f->done < s->count) {
            f->done++;
            if (s->kind == STEP_EMIT)
                emit_one(f, s->bytes);
            else
                emit_by_hand(f, s->bytes);
        }
    }
}

static bool actor_can(const struct actor *a, const struct step *s)
{
    /* A handler ends no thread, and only ends what it has begun. */
    return stage.frame_count < FRAMES_MAX && (!a->busy || s->kind <= STEP_HOLD);
}

static void actor_step(const struct step *s)
{
    struct actor *a = &stage.actors[s->thread % PROGRAM_THREADS];
    struct ada_writer *other = ada_self;
    /* volatile: it lives on behind the jump, which gcc for Arm doubts. */
    volatile bool is_other =
        !stage.frame_count || stage.frames[stage.frame_count - 1].thread != s->thread;
    struct frame *f;

    if (!actor_can(a, s))
        return;
    f = frame_push(s->thread);
    /* Of an interrupted thread that is not the innermost one: its handler on another processor. */
    if (is_other) {
        for (unsigned i = f->depth; i-- > 0;)
            if (stage.frames[i].thread >= 0) {
                stage.actors[stage.frames[i].thread].self = other;
                break;
            }
        ada_self = a->self;
    }
    a->busy++;
    if (setjmp(f->left))
        open_leave(f);
    actor_do(f, a, s);
    if (s->jump)
        frames_leave(s->jump);
    a->busy--;
    stage.frame_count = f->depth;
    if (is_other) {
        a->self = ada_self;
        ada_self = other;
        /* Had it a handler meanwhile, elsewhere. */
        for (unsigned i = f->depth; i-- > 0;)
            if (stage.frames[i].thread >= 0) {
                ada_self = stage.actors[stage.frames[i].thread].self;
                break;
            }
    }
}

/* ---- what the drain does ---- */

static void session_turn(void)
{
    model_phase_turn(model());
    if (house_drain()) {
        house_session_end();
        open_look();
        if (!stage.failed && !judge(model(), sight_take(), house_policy(stage.program->house),
                                    model()->phase - 1, stage.why, stage.why_size))
            stage.failed = true;
        play_figures.sessions++;
    }
}

static void drain_step(const struct step *s)
{
    if (stage.in_drain || stage.frame_count == FRAMES_MAX)
        return;
    (void)frame_push(DRAIN);
    stage.in_drain++;
    if (s->kind == STEP_SECOND)
        points_now += SECOND_NS;
    if (s->kind == STEP_SESSION) {
        session_turn();
        house_session_begin();
        model_phase_turn(model());
    } else {
        (void)drain_round(house_drain());
    }
    stage.in_drain--;
    stage.frame_count--;
}

/* Somebody waits for room. */
void points_asleep(uint64_t ns)
{
    static const struct step round = {.kind = STEP_ROUND};

    points_now += ns;
    if (house_drain() && program_random(&stage.patience) % 8 >= stage.program->lazy)
        drain_step(&round);
}

static void step_do(const struct step *s)
{
    if (s->kind >= STEP_ROUND)
        drain_step(s);
    else
        actor_step(s);
}

/* ---- a program ---- */

static void stage_set(const struct program *p, char *why, size_t size)
{
    uint64_t random = p->seed ^ 1;

    if (!stage.nobody)
        stage.nobody = ada_self;
    stage.program = p;
    stage.next = NULL;
    stage.frame_count = stage.in_drain = 0;
    stage.patience = p->seed ^ 2;
    stage.why = why;
    stage.why_size = size;
    stage.failed = false;
    for (unsigned i = 0; i < PROGRAM_THREADS; i++)
        stage.actors[i] = (struct actor){.self = stage.nobody};
    points_left = UINT64_MAX;
    /* At times where 42 bits of ticks are used up on the way. */
    points_now =
        (UINT64_C(3) << 42) -
        (program_random(&random) % 4 ? UINT64_C(1) << 40 : program_random(&random) % 40000);
    model_begin(model(), program_random(&random) & 0xffffffffff);
}

static void figures_add(uint64_t rolled_back, uint64_t unsettled)
{
    const struct model *m = model();

    play_figures.attempts += m->count;
    play_figures.decoded += m->decoded;
    play_figures.dropped += m->dropped;
    play_figures.overwritten += m->overwritten;
    play_figures.rolled_back += rolled_back;
    play_figures.unsettled += unsettled;
}

/* The whole program's sum, over its threads and sessions: what the traces say became of it, and
 * what no trace can say. Of the latter there is no more than what was left, or open at a session's
 * end. */
static void sum_judge(void)
{
    const struct model *m = model();
    uint64_t rolled_back = 0, doubtful = 0, known;

    for (size_t i = 0; i < m->count; i++) {
        bool is_nothing = m->attempts[i].outcome == OUTCOME_NOTHING;

        rolled_back += is_nothing;
        doubtful += !is_nothing && !model_is_settled(m, i);
    }
    known = m->decoded + m->dropped + m->overwritten + rolled_back;
    if (known <= m->count && m->count - known <= doubtful) {
        figures_add(rolled_back, m->count - known);
        return;
    }
    snprintf(stage.why, stage.why_size,
             "%zu attempts, and the traces say %" PRIu64 " decoded, %" PRIu64 " dropped, %" PRIu64
             " overwritten; %" PRIu64 " were rolled back, and %" PRIu64 " at most are in no trace",
             m->count, m->decoded, m->dropped, m->overwritten, rolled_back, doubtful);
    stage.failed = true;
}

static const struct step a_round = {.kind = STEP_ROUND};

/* Nobody is in the middle of anything, and all is read: the rings' own figures agree with that. */
static void rings_judge(void)
{
    struct segment *s = house_segment();
    struct ring_stats stats;

    for (uint8_t i = 0; i < PROGRAM_THREADS; i++) {
        struct actor *a = &stage.actors[i];

        while (a->held_count)
            actor_step(&(struct step){.kind = STEP_COMMIT, .thread = i});
    }
    drain_step(&a_round); /* who finds no room gives nobody up */
    for (uint8_t i = 0; i < PROGRAM_THREADS; i++)
        if (stage.actors[i].self->ring) /* what was left before is buried by this one */
            actor_step(&(struct step){.kind = STEP_EMIT, .thread = i, .count = 1, .bytes = 8});
    drain_step(&a_round);
    drain_step(&a_round);
    for (uint8_t i = 0; i < PROGRAM_THREADS && !model()->may_damage && !stage.failed; i++) {
        const struct ada_writer *w = stage.actors[i].self;
        const struct ring_shared *ring = w->ring ? &s->slots[w->slot].ring : NULL;

        if (!ring)
            continue;
        ring_stats(ring, &stats);
        if (stats.fill_bytes || ring->skipped_bytes != ring->skipped_taken ||
            ring->front.head != ring->tail || w->reserve != ring->tail) {
            snprintf(stage.why, stage.why_size,
                     "thread %u: all is read, and its ring says %" PRIu64 " bytes are not; %" PRIu64
                     " skipped, %" PRIu64 " of them taken",
                     i, stats.fill_bytes, ring->skipped_bytes, ring->skipped_taken);
            stage.failed = true;
        }
    }
}

/* Deeper in the stack than what rings_judge() emits, however large the compiler makes its frame: an
 * emit from farther down than the one that was left proves nothing of it, and would bury nothing.
 */
__attribute__((noinline)) static void step_do_deep(const struct step *step)
{
    unsigned char deep[4096];

    step_do(step);
    DEEP_FRAME_KEEP(deep);
}

bool play(const struct program *p, char *why, size_t size)
{

    stage_set(p, why, size);
    house_enter(p->house, p->budget);
    house_session_begin();
    model()->phase = 1;
    for (uint32_t i = 0; i < p->count && !stage.failed; i++) {
        if (p->steps[i].at)
            continue;
        stage.next = i + 1 < p->count ? &p->steps[i + 1] : NULL;
        next_arm();
        step_do_deep(&p->steps[i]);
        stage.next = NULL;
        points_left = UINT64_MAX;
    }
    if (program_random(&stage.patience) % 4)
        rings_judge();
    for (uint8_t i = 0; i < PROGRAM_THREADS; i++)
        actor_step(&(struct step){.kind = STEP_END, .thread = i});
    if (program_random(&stage.patience) % 2)
        drain_step(&a_round);
    session_turn();
    play_figures.programs++;
    if (model()->may_damage)
        play_figures.unjudged += model()->count;
    else if (!stage.failed)
        sum_judge();
    return !stage.failed;
}

const struct model *play_model(void)
{
    return model();
}
