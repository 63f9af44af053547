/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <inttypes.h>
#include <string.h>

#include "house.h"

/* What a program is like as a whole: programs that do a bit of everything find less. */
struct style {
    unsigned threads, steps, between, jumps, drain, large, longest;
    bool storm; /* handlers fill small rings, over and over, in the middle of what others do */
};

uint64_t program_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static unsigned below(uint64_t *random, unsigned end)
{
    return end ? (unsigned)(program_random(random) % end) : 0;
}

static uint32_t payload(uint64_t *random, const struct style *style)
{
    uint32_t bytes = PROGRAM_PAYLOAD_MIN;

    switch (below(random, 6)) {
    case 0:
        bytes = 24;
        break;
    case 1:
    case 2:
        bytes = 12 + below(random, 120);
        break;
    case 3:
        bytes = 12 + below(random, style->longest);
        break;
    }
    /* One that is too long for the ring, at times. */
    return style->large && below(random, 40) == 0 ? style->longest * 5 : bytes;
}

static uint8_t kind_of_thread(uint64_t *random)
{
    static const uint8_t kinds[] = {STEP_EMIT, STEP_EMIT,   STEP_EMIT,    STEP_EMIT,     STEP_EMIT,
                                    STEP_EMIT, STEP_EMIT,   STEP_BY_HAND, STEP_BY_HAND,  STEP_BATCH,
                                    STEP_HOLD, STEP_COMMIT, STEP_COMMIT,  STEP_ROLLBACK, STEP_END};

    return kinds[below(random, sizeof(kinds))];
}

static uint8_t kind_of_drain(uint64_t *random)
{
    unsigned n = below(random, 16);

    return n == 0 ? STEP_SESSION : n <= 2 ? STEP_SECOND : STEP_ROUND;
}

/* In a storm, records that stay open as long, and what ends them, are half of what there is. */
static uint8_t kind_in_storm(uint64_t *random)
{
    static const uint8_t kinds[] = {STEP_HOLD, STEP_COMMIT, STEP_COMMIT, STEP_ROLLBACK};

    return below(random, 2) ? kinds[below(random, sizeof(kinds))] : kind_of_thread(random);
}

static struct step step_make(uint64_t *random, const struct style *style)
{
    struct step s = {.thread = (uint8_t)below(random, style->threads)};

    s.kind = below(random, 16) < style->drain ? kind_of_drain(random)
             : style->storm                   ? kind_in_storm(random)
                                              : kind_of_thread(random);
    s.bytes = payload(random, style);
    switch (below(random, style->storm ? 4 : 8)) {
    case 0: /* about a ring full of them */
        s.count = (uint16_t)(below(random, 6000) / (s.bytes + 16) + 1);
        break;
    case 1:
    case 2:
        s.count = (uint16_t)(1 + below(random, 30));
        break;
    default:
        s.count = (uint16_t)(1 + below(random, 4));
    }
    if (s.kind == STEP_BATCH && s.count > 20)
        s.count = 20;
    return s;
}

static struct step step_between(uint64_t *random, const struct style *style, uint8_t thread)
{
    static const unsigned reach[] = {8, 30, 100, 400, 2000};
    struct step s = step_make(random, style);

    if (below(random, 5) < 3)
        s.thread = thread;
    if (s.kind == STEP_COMMIT || s.kind == STEP_ROLLBACK || (s.kind == STEP_HOLD && !style->storm))
        s.kind = STEP_EMIT;
    if (s.count > 8 && !style->storm && below(random, 4))
        s.count = 1;
    s.at = 1 + below(random, reach[below(random, 5)]);
    if (style->jumps && s.kind <= STEP_BATCH && below(random, 4) == 0) {
        s.jump = (uint8_t)(1 + below(random, 2));
        s.count = (uint16_t)below(random, 3);
    }
    return s;
}

void program_make(struct program *p, uint64_t seed)
{
    static const unsigned chances[] = {0, 0, 2, 8};
    uint64_t random = seed;
    struct style style;

    memset(p, 0, sizeof(*p));
    p->seed = seed;
    style.storm = below(&random, 4) == 0;
    do
        p->house = (uint8_t)below(&random, HOUSES);
    while (style.storm && !house_is_small(p->house));
    p->lazy = (uint8_t)(below(&random, 4) ? below(&random, 9) : 0);
    p->budget = below(&random, 4) ? 0 : 8192;
    style.threads = 1 + below(&random, below(&random, 2) ? 2 : PROGRAM_THREADS);
    style.steps = 3 + below(&random, below(&random, 4) ? 20 : 60);
    style.between = style.storm ? 8 : chances[below(&random, 4)];
    style.jumps = style.between && below(&random, 3) == 0;
    style.drain = 1 + below(&random, 6);
    style.large = below(&random, 3) == 0;
    style.longest = house_longest(p->house);
    for (unsigned i = 0; i < style.steps; i++) {
        struct step s = step_make(&random, &style);

        p->steps[p->count++] = s;
        while (p->count < PROGRAM_STEPS_MAX - style.steps && below(&random, 16) < style.between)
            p->steps[p->count++] = step_between(&random, &style, s.thread);
    }
}

static void step_print(const struct step *s, FILE *out)
{
    static const char *const does[STEP_KINDS] = {
        [STEP_EMIT] = "emits",
        [STEP_BY_HAND] = "reserves and commits",
        [STEP_BATCH] = "emits at once",
        [STEP_HOLD] = "reserves and holds",
        [STEP_COMMIT] = "commits",
        [STEP_ROLLBACK] = "rolls back",
        [STEP_END] = "ends",
        [STEP_ROUND] = "a round of the drain",
        [STEP_SECOND] = "a round of the drain, a second later",
        [STEP_SESSION] = "the session ends, another one begins",
    };

    if (s->at)
        fprintf(out, "    %4u points into that: ", s->at);
    else
        fprintf(out, "  ");
    if (s->kind >= STEP_ROUND)
        fprintf(out, "%s", does[s->kind]);
    else if (s->kind == STEP_COMMIT || s->kind == STEP_ROLLBACK)
        fprintf(out, "thread %u %s the %u-th that it holds", s->thread, does[s->kind], s->count);
    else if (s->kind == STEP_END)
        fprintf(out, "thread %u ends", s->thread);
    else
        fprintf(out, "thread %u %s %u record(s) of %u bytes", s->thread, does[s->kind],
                s->kind == STEP_HOLD ? 1 : s->count, s->bytes);
    if (s->jump)
        fprintf(out, ", and jumps out of %u emit(s)", s->jump);
    fprintf(out, "\n");
}

void program_print(const struct program *p, FILE *out)
{
    fprintf(out, "%s; of 8 waits for room the drain sleeps through %u; rings grow by %u (0: any)\n",
            house_name(p->house), p->lazy, p->budget);
    for (uint32_t i = 0; i < p->count; i++)
        step_print(&p->steps[i], out);
}
