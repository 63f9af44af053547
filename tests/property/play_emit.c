/* SPDX-License-Identifier: Apache-2.0 */
/* What threads and handlers attempt, through the real emit path, and what they know of it. */
#include <stdio.h>
#include <string.h>

#include "house.h"
#include "play.h"
#include "play_state.h"
#include "points.h"
#include "registry/registry.h"
#include "sight.h"
#include "tracer/tracer_state.h"

/* ---- frames ---- */

struct frame *frame_push(int thread)
{
    struct frame *f = &stage.frames[stage.frame_count];

    f->thread = thread;
    f->depth = stage.frame_count++;
    f->done = 0;
    f->open_count = f->reserving = 0;
    return f;
}

/* Leave the emits of the `count` frames below ours, as far as they are this thread's. */
void frames_leave(unsigned count)
{
    struct frame *me = &stage.frames[stage.frame_count - 1], *to = me;

    while (count-- && to->depth && to[-1].thread == me->thread && to[-1].open_count)
        to--;
    if (to == me)
        return;
    longjmp(to->left, 1);
}

/* ---- attempts ---- */

/* Handlers that filled much of the ring behind it may have taken its writer for gone: then it is
 * dropped, and counted so, though the emit has come to its end. */
static bool may_be_buried(size_t n, const struct ada_writer *w)
{
    const struct model *m = model();
    uint64_t behind = 0;

    for (size_t i = n + 1; i < m->count; i++)
        if (m->attempts[i].thread == m->attempts[n].thread)
            behind += ada_record_bytes(m->attempts[i].payload_bytes);
    return w->given_up[0] && behind > w->ring->base_bytes / 4;
}

void open_look(void)
{
    int innermost = DRAIN;

    for (unsigned i = stage.frame_count; i-- > 0;) {
        const struct frame *f = &stage.frames[i];
        const struct ada_writer *w;

        if (f->thread == DRAIN)
            continue;
        if (innermost == DRAIN)
            innermost = f->thread;
        /* The innermost one runs, the others have stored theirs. */
        w = f->thread == innermost ? ada_self : stage.actors[f->thread].self;
        for (size_t n = 0; w->ring && n < f->open_count; n++)
            model()->may_damage |= may_be_buried(f->open + n, w);
        if (w->ring && f->reserving)
            model()->may_damage |= may_be_buried(f->reserving - 1, w);
    }
}

/* The life that its ring is in; the thread gets its name by it. */
static uint32_t life_of(const struct ada_writer *w)
{
    const struct frame *f = &stage.frames[stage.frame_count - 1];
    struct segment *s = house_segment();
    uint32_t life =
        model_life(model(), w->slot, s->slots[w->slot].claim_ticks, (uint32_t)f->thread);
    char name[16];

    if (!s->slots[w->slot].name_changes) {
        snprintf(name, sizeof(name), "L%u.", life);
        registry_rename(s, w->slot, name);
    }
    return life;
}

/* The attempt is over, or is known to be held. `w` NULL: there was no ring. */
void attempt_end(size_t n, const struct ada_writer *w, enum outcome outcome)
{
    struct attempt *a = &model()->attempts[n];
    const struct frame *f = &stage.frames[stage.frame_count - 1];
    uint32_t life = w ? life_of(w) : MODEL_NO_RING;

    a->end = points_now;
    a->last_phase = model()->phase;
    if ((outcome == OUTCOME_STORED || outcome == OUTCOME_DROPPED) && w && may_be_buried(n, w)) {
        outcome = OUTCOME_LEFT;
        model()->may_damage = true;
    }
    a->outcome = (uint8_t)outcome;
    a->life = life;
    /* At the bottom again: what was left is buried by now, and all is published; unless this emit
     * came from deeper in the stack than the one that was left, which proves nothing. */
    if (w && !f->depth && w->reserve == w->front->head)
        model()->lives[life].left_from = 0;
}

static void open_begin(struct frame *f, size_t first, size_t count, bool writes)
{
    f->open = first;
    f->writes = writes;
    ADA_SIGNAL_FENCE();
    f->open_count = count;
}

/* The open attempts of a frame are left. One that was given up may have been back and have written,
 * before that, over another's bytes. */
static void open_end(struct frame *f, const struct ada_writer *w)
{
    for (size_t n = 0; n < f->open_count; n++) {
        model()->may_damage |= w && f->writes && may_be_buried(f->open + n, w);
        attempt_end(f->open + n, w, OUTCOME_LEFT);
    }
}

/* Somebody has jumped here. */
void open_leave(struct frame *f)
{
    const struct ada_writer *w = ada_self;
    struct life *life;

    for (unsigned i = f->depth + 1; i < stage.frame_count; i++) {
        stage.actors[f->thread].busy--;
        open_end(&stage.frames[i], w->ring ? w : NULL);
    }
    stage.frame_count = f->depth + 1;
    model()->has_jumps = true;
    /* A handler's own emit was left: the thread itself is farther down, or the drain in between. */
    for (unsigned i = 0; i < f->depth; i++)
        model()->may_damage |= stage.frames[i].thread == f->thread;
    open_end(f, w->ring ? w : NULL);
    if (w->ring) {
        life = &model()->lives[model()->attempts[f->open].life];
        if (!life->left_from)
            life->left_from = (uint32_t)f->open + 1;
    }
    f->open_count = 0;
}

__attribute__((noinline)) void emit_one(struct frame *f, uint32_t payload_bytes)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    size_t n = model_attempt(model(), (uint8_t)f->thread, payload_bytes);
    struct ada_record record;

    model()->attempts[n].dropped_bytes = (uint32_t)bytes;
    open_begin(f, n, 1, false);
    record = ada_reserve_bytes(ada_record_tag(sight_type(payload_bytes), bytes), bytes);
    if (record.payload) {
        points_pass();
        f->writes = true;
        sight_payload_write(record.payload, payload_bytes, model_number(model(), n));
        ada_commit_record(&record);
    }
    f->open_count = 0;
    attempt_end(n, record.writer, record.payload ? OUTCOME_STORED : OUTCOME_DROPPED);
}

__attribute__((noinline)) bool emit_hold(struct frame *f, uint32_t payload_bytes,
                                         struct ada_record *record, size_t *attempt)
{
    size_t n = model_attempt(model(), (uint8_t)f->thread, payload_bytes);
    struct ada_writer *w;

    *attempt = n;
    model()->attempts[n].dropped_bytes = (uint32_t)ada_record_bytes(payload_bytes);
    /* Nobody may jump out of it: what is reserved by hand is ended by hand. */
    f->reserving = n + 1;
    w = thread_writer();
    memset(record, 0, sizeof(*record));
    if (!w)
        registry_unringed(house_segment(), ada_record_bytes(payload_bytes));
    else if (ring_reserve(w, sight_type(payload_bytes), payload_bytes, record))
        sight_payload_write(record->payload, payload_bytes, model_number(model(), n));
    f->reserving = 0;
    if (!record->payload)
        attempt_end(n, w, OUTCOME_DROPPED);
    return record->payload;
}

__attribute__((noinline)) void emit_by_hand(struct frame *f, uint32_t payload_bytes)
{
    struct ada_record record;
    size_t n;

    if (!emit_hold(f, payload_bytes, &record, &n))
        return;
    ring_commit(&record);
    attempt_end(n, record.writer, OUTCOME_STORED);
}

__attribute__((noinline)) void emit_batch(struct frame *f, uint32_t payload_bytes, unsigned count)
{
    static unsigned char payloads[FRAMES_MAX][BATCH_MAX][256];
    struct ring_item items[BATCH_MAX];
    struct ada_writer *w;
    size_t first = model()->count;
    bool written = false;

    if (payload_bytes > 200)
        payload_bytes = 200;
    for (unsigned i = 0; i < count; i++) {
        size_t n = model_attempt(model(), (uint8_t)f->thread, payload_bytes);

        model()->attempts[n].dropped_bytes =
            i ? 0 : (uint32_t)ada_record_bytes(payload_bytes) * count;
        sight_payload_write(payloads[f->depth][i], payload_bytes, model_number(model(), n));
        items[i] =
            (struct ring_item){sight_type(payload_bytes), payload_bytes, payloads[f->depth][i]};
    }
    open_begin(f, first, count, true);
    w = thread_writer();
    if (w)
        written = ring_write_batch(w, items, count);
    for (unsigned i = 0; !w && i < count; i++)
        registry_unringed(house_segment(), model()->attempts[first + i].dropped_bytes);
    f->open_count = 0;
    for (unsigned i = 0; i < count; i++)
        attempt_end(first + i, w, written ? OUTCOME_STORED : OUTCOME_DROPPED);
}
