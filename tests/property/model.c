/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "points.h"

void model_begin(struct model *m, uint64_t tag)
{
    struct attempt *attempts = m->attempts;

    if (!attempts)
        attempts = malloc(MODEL_ATTEMPTS_MAX * sizeof(*attempts));
    if (!attempts)
        abort();
    m->attempts = attempts;
    m->tag = tag << 20;
    m->phase = 0;
    m->count = m->life_count = 0;
    m->has_between = m->has_jumps = m->may_damage = false;
    m->decoded = m->dropped = m->overwritten = 0;
}

size_t model_attempt(struct model *m, uint8_t thread, uint32_t payload_bytes)
{
    struct attempt *a = &m->attempts[m->count];

    if (m->count == MODEL_ATTEMPTS_MAX)
        abort();
    *a = (struct attempt){
        .start = points_now,
        .end = UINT64_MAX,
        .payload_bytes = payload_bytes,
        .life = MODEL_NO_RING,
        .first_phase = m->phase,
        .last_phase = m->phase,
        .thread = thread,
        .outcome = OUTCOME_OPEN,
    };
    return m->count++;
}

uint64_t model_number(const struct model *m, size_t attempt)
{
    return m->tag | (attempt + 1);
}

int64_t model_find(const struct model *m, uint64_t number)
{
    uint64_t n = number - m->tag;

    return number > m->tag && n <= m->count ? (int64_t)(n - 1) : -1;
}

uint32_t model_life(struct model *m, uint32_t slot, uint64_t claim_ticks, uint32_t thread)
{
    for (size_t i = m->life_count; i-- > 0;)
        if (m->lives[i].slot == slot && m->lives[i].claim_ticks == claim_ticks)
            return (uint32_t)i;
    if (m->life_count == MODEL_LIVES_MAX)
        abort();
    m->lives[m->life_count] =
        (struct life){.claim_ticks = claim_ticks, .slot = slot, .thread = thread};
    return (uint32_t)m->life_count++;
}

static bool is_behind_left(const struct model *m, size_t attempt)
{
    const struct attempt *a = &m->attempts[attempt];
    uint32_t from = a->life == MODEL_NO_RING ? 0 : m->lives[a->life].left_from;

    return from && attempt + 1 >= from;
}

/* What is open, and what its thread may have put behind it, is not published yet: all that was not
 * over by then, for a handler may have begun it. */
void model_phase_turn(struct model *m)
{
    uint64_t open_from[UINT8_MAX + 1];

    memset(open_from, 0xff, sizeof(open_from));
    m->phase++;
    for (size_t i = m->count; i-- > 0;)
        if (m->attempts[i].outcome == OUTCOME_OPEN)
            open_from[m->attempts[i].thread] = m->attempts[i].start;
    for (size_t i = 0; i < m->count; i++) {
        struct attempt *a = &m->attempts[i];

        if (a->end >= open_from[a->thread] || is_behind_left(m, i))
            a->last_phase = m->phase;
    }
}

bool model_is_sure(const struct model *m, size_t attempt, uint32_t phase)
{
    const struct attempt *a = &m->attempts[attempt];

    return a->first_phase == phase && a->last_phase == phase &&
           (a->outcome == OUTCOME_STORED || a->outcome == OUTCOME_DROPPED) &&
           !is_behind_left(m, attempt);
}

bool model_is_settled(const struct model *m, size_t attempt)
{
    uint32_t phase = m->attempts[attempt].first_phase;

    return phase % 2 && model_is_sure(m, attempt, phase);
}

bool model_is_possible(const struct model *m, size_t attempt, uint32_t phase)
{
    const struct attempt *a = &m->attempts[attempt];

    return a->first_phase <= phase + 1 && a->last_phase + 1 >= phase &&
           a->outcome != OUTCOME_NOTHING;
}
