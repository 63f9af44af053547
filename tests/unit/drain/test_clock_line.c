/* SPDX-License-Identifier: Apache-2.0 */
/* The clock line on a simulated pair of clocks: pairs that are written, joined, tell the truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "drain/clock_line.h"

enum { PAIRS_MAX = 4096, LOOK_NS = 20 * 1000 * 1000, RATE = 2600 * 1000 };

/* A counter: RATE kHz and so many parts in a million. `drift` changes at bend_ns. */
struct world {
    double ppm_before, ppm_after, jump_ns;
    uint64_t bend_ns, jump_at_ns;
    uint64_t noise; /* state */
    struct clock_line line;
    struct clock_reading pairs[PAIRS_MAX];
    size_t count;
    uint64_t shift;
    unsigned jumps, odd;
};

static uint64_t ticks_at(const struct world *w, uint64_t ns)
{
    uint64_t before = ns < w->bend_ns ? ns : w->bend_ns, after = ns - before;
    double ticks =
        (double)before * (1 + w->ppm_before / 1e6) + (double)after * (1 + w->ppm_after / 1e6);

    if (w->jump_at_ns && ns >= w->jump_at_ns)
        ticks += w->jump_ns;
    return (UINT64_C(1) << 40) + (uint64_t)(int64_t)(ticks * RATE / 1e6);
}

static uint64_t noise(struct world *w, uint64_t most)
{
    w->noise = w->noise * 6364136223846793005u + 1442695040888963407u;
    return (w->noise >> 33) % (most + 1);
}

static struct clock_reading reading_at(struct world *w, uint64_t ns)
{
    return (struct clock_reading){.ticks = ticks_at(w, ns + noise(w, 30)) + w->shift,
                                  .monotonic_ns = ns + 15,
                                  .realtime_ns = ns + 1000,
                                  .uncertainty_ns = 30};
}

static void news_take(struct world *w, const struct clock_line_news *news)
{
    w->shift += (uint64_t)news->jumped_ticks;
    w->jumps += news->jumped_ticks != 0;
    w->odd += news->odd;
    for (unsigned i = 0; i < news->count; i++) {
        assert_true(w->count < PAIRS_MAX);
        w->pairs[w->count++] = news->pairs[i];
    }
}

static void look(struct world *w, uint64_t ns)
{
    struct clock_line_news news;
    struct clock_reading r;

    /* The look itself: one clock after the other, now and then interrupted in between. */
    if (clock_line_holds(&w->line, ticks_at(w, ns + noise(w, 8) * 50) + w->shift, ns))
        return;
    r = reading_at(w, ns + 1000);
    clock_line_take(&w->line, &r, false, &news);
    news_take(w, &news);
}

static int pair_compare(const void *a, const void *b)
{
    const struct clock_reading *left = a, *right = b;

    return (left->ticks > right->ticks) - (left->ticks < right->ticks);
}

/* As a reader has it. */
static double ns_of(const struct world *w, uint64_t ticks)
{
    size_t i = 0;

    while (i + 2 < w->count && w->pairs[i + 1].ticks <= ticks)
        i++;
    return (double)w->pairs[i].monotonic_ns +
           (double)(int64_t)(ticks - w->pairs[i].ticks) *
               (double)(w->pairs[i + 1].monotonic_ns - w->pairs[i].monotonic_ns) /
               (double)(w->pairs[i + 1].ticks - w->pairs[i].ticks);
}

static void world_begin(struct world *w)
{
    struct clock_reading r = reading_at(w, 0);

    clock_line_begin(&w->line, &r, (uint64_t)(RATE * 1000.0 * 1.00002)); /* a poor estimate */
    w->pairs[w->count++] = r;
}

static void world_run(struct world *w, uint64_t from_ns, uint64_t to_ns, uint64_t every_ns)
{
    for (uint64_t ns = from_ns; ns < to_ns; ns += every_ns / 2 + noise(w, every_ns))
        look(w, ns);
}

static double world_error(struct world *w, uint64_t to_ns)
{
    struct clock_line_news news;
    struct clock_reading r = reading_at(w, to_ns);
    double worst = 0;

    clock_line_take(&w->line, &r, true, &news);
    news_take(w, &news);
    qsort(w->pairs, w->count, sizeof(w->pairs[0]), pair_compare);
    for (uint64_t ns = 0; ns < to_ns; ns += 37 * 1000) {
        double off = ns_of(w, ticks_at(w, ns)) - (double)ns;

        off = off < 0 ? -off : off;
        if (off > worst)
            worst = off;
    }
    return worst;
}

static void line_of_a_steady_clock_needs_a_pair_a_second(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    (void)state;
    w->bend_ns = UINT64_MAX;
    world_begin(w);
    world_run(w, 1000, 20000000000, LOOK_NS);
    assert_true(world_error(w, 20000000000) < 100);
    assert_in_range(w->count, 20, 40);
    assert_int_equal(w->jumps + w->odd, 0);
    free(w);
}

static void line_that_bends_is_found_where_it_does(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 60; n++) {
        struct world *w = calloc(1, sizeof(*w));
        uint64_t every_ns = n % 2 ? LOOK_NS : 300 * 1000;

        w->noise = n;
        w->ppm_before = n % 5 * 100.0;
        w->ppm_after = w->ppm_before - 200 - n;
        w->bend_ns = 1500000000 + n * 1234567;
        world_begin(w);
        world_run(w, 1000, 3000000000, every_ns);
        assert_true(world_error(w, 3000000000) < 400);
        assert_in_range(w->count, 10, 120);
        assert_int_equal(w->jumps + w->odd, 0);
        free(w);
    }
}

static void line_that_nobody_looks_at_for_long_is_straight(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 50; n++) {
        struct world *w = calloc(1, sizeof(*w));

        w->noise = n;
        w->bend_ns = UINT64_MAX;
        world_begin(w);
        world_run(w, 1000, 3000000000, LOOK_NS);
        world_run(w, 103000000000, 105000000000, n % 2 ? LOOK_NS : 300 * 1000);
        assert_true(world_error(w, 105000000000) < 200);
        assert_int_equal(w->jumps + w->odd, 0);
        free(w);
    }
}

static void line_goes_on_over_a_jump(void **state)
{
    static const double jumps_ns[] = {1e9, -1e9, 1e6, -1e6, 3600e9, -1.9e9};

    (void)state;
    for (unsigned n = 0; n < sizeof(jumps_ns) / sizeof(*jumps_ns); n++) {
        struct world *w = calloc(1, sizeof(*w));
        uint64_t end_ns = 3000000000;

        w->bend_ns = UINT64_MAX;
        w->jump_ns = jumps_ns[n];
        w->jump_at_ns = 2000000000;
        world_begin(w);
        world_run(w, 1000, end_ns, 4 * 1000 * 1000);
        assert_int_equal(w->jumps, 1);
        assert_int_equal(w->odd, 1);
        /* What a record's ticks become from here on lies on the line. */
        assert_in_range(clock_line_ns(&w->line, ticks_at(w, end_ns) + w->shift), end_ns - 300,
                        end_ns + 300);
        free(w);
    }
}

static void line_with_another_rate_all_of_a_sudden_learns_it(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    uint64_t end_ns = 4000000000;

    (void)state;
    w->ppm_after = 250000; /* as on a machine that it was moved to */
    w->bend_ns = 2000000000;
    world_begin(w);
    world_run(w, 1000, end_ns, LOOK_NS);
    assert_in_range(w->jumps, 0, 2);
    assert_in_range(clock_line_ns(&w->line, ticks_at(w, end_ns) + w->shift), end_ns - 300,
                    end_ns + 300);
    free(w);
}

static void line_knows_better_than_a_reading_that_was_interrupted(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct clock_line_news news;
    struct clock_reading r;

    (void)state;
    w->bend_ns = UINT64_MAX;
    world_begin(w);
    world_run(w, 1000, 2000000000, LOOK_NS);
    r = reading_at(w, 2500000000);
    r.uncertainty_ns = 80000;
    r.monotonic_ns += 35000;
    clock_line_take(&w->line, &r, true, &news);
    assert_int_equal(news.count, 1);
    assert_in_range(news.pairs[0].monotonic_ns, 2500000000 - 300, 2500000000 + 300);
    assert_int_equal(news.jumped_ticks, 0);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_a_steady_clock_needs_a_pair_a_second),
        cmocka_unit_test(line_that_bends_is_found_where_it_does),
        cmocka_unit_test(line_that_nobody_looks_at_for_long_is_straight),
        cmocka_unit_test(line_goes_on_over_a_jump),
        cmocka_unit_test(line_with_another_rate_all_of_a_sudden_learns_it),
        cmocka_unit_test(line_knows_better_than_a_reading_that_was_interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
