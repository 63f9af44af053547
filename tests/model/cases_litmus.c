/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explorer itself: small programs of which it is known what C11 allows. Each has as many
 * outcomes as it should have, and as many when all orders of all steps are tried.
 */
#include "base/atomic.h"
#include "cases.h"

static struct {
    uint64_t x, y, z, data;
    uint64_t a, b, c, d; /* of one thread each, read at the end */
} m;

static void set_up(void)
{
    memset(&m, 0, sizeof(m));
    model_shared(&m.x, 4 * sizeof(m.x), false);
}

static void check(void)
{
    model_outcome(m.a | m.b << 8 | m.c << 16 | m.d << 24);
}

static void check_with_z(void)
{
    model_outcome(m.a | m.b << 8 | m.c << 16 | m.z << 24);
}

/* Store buffers: both may read 0. */
static void sb_1(void)
{
    store_relaxed(&m.x, 1);
    m.a = load_relaxed(&m.y);
}
static void sb_2(void)
{
    store_relaxed(&m.y, 1);
    m.b = load_relaxed(&m.x);
}
/* With full fences not both. */
static void sb_fence_1(void)
{
    store_relaxed(&m.x, 1);
    fence_seq_cst();
    m.a = load_relaxed(&m.y);
}
static void sb_fence_2(void)
{
    store_relaxed(&m.y, 1);
    fence_seq_cst();
    m.b = load_relaxed(&m.x);
}
/* Release and acquire do not help. */
static void sb_ra_1(void)
{
    store_release(&m.x, 1);
    m.a = load_acquire(&m.y);
}
static void sb_ra_2(void)
{
    store_release(&m.y, 1);
    m.b = load_acquire(&m.x);
}

/* Passing a message. */
static void mp_writer(void)
{
    store_relaxed(&m.x, 1);
    store_release(&m.y, 1);
}
static void mp_relaxed_writer(void)
{
    store_relaxed(&m.x, 1);
    store_relaxed(&m.y, 1);
}
static void mp_reader(void)
{
    m.a = load_acquire(&m.y);
    m.b = load_relaxed(&m.x);
}
static void mp_fence_writer(void)
{
    store_relaxed(&m.x, 1);
    fence_release();
    store_relaxed(&m.y, 1);
}
static void mp_fence_reader(void)
{
    m.a = load_relaxed(&m.y);
    fence_acquire();
    m.b = load_relaxed(&m.x);
}

/* Two readers of two writers may disagree. */
static void iriw_x(void)
{
    store_release(&m.x, 1);
}
static void iriw_y(void)
{
    store_release(&m.y, 1);
}
static void iriw_xy(void)
{
    m.a = load_acquire(&m.x);
    m.b = load_acquire(&m.y);
}
static void iriw_yx(void)
{
    m.c = load_acquire(&m.y);
    m.d = load_acquire(&m.x);
}

/* One place: nobody reads backwards. */
static void corr_writer(void)
{
    store_relaxed(&m.x, 1);
    store_relaxed(&m.x, 2);
}
static void corr_reader(void)
{
    m.a = load_relaxed(&m.x);
    m.b = load_relaxed(&m.x);
}

/* Updates never meet. */
static void add(void)
{
    (void)add_relaxed(&m.x, 1);
    m.z = m.z;
}
static void add_check(void)
{
    model_assert(m.x == 3);
    model_outcome(m.x);
}

/* What a release store publishes goes on through another thread's update. */
static void sequence_1(void)
{
    store_relaxed(&m.x, 1);
    store_release(&m.y, 1);
}
static void sequence_2(void)
{
    m.c = add_relaxed(&m.y, 1);
}
static void sequence_3(void)
{
    m.a = load_acquire(&m.y);
    m.b = load_relaxed(&m.x);
}
static void sequence_check(void)
{
    model_assert(!(m.c == 1 && m.a == 2 && m.b == 0));
    check();
}

/* A failing compare-and-exchange may see an old value. */
static void cas_1(void)
{
    store_relaxed(&m.x, 1);
    store_relaxed(&m.x, 2);
}
static void cas_2(void)
{
    uint64_t seen = 1;

    m.a = compare_exchange(&m.x, &seen, 3);
    m.b = seen;
}
static void cas_check(void)
{
    model_outcome(m.a | m.b << 8 | m.x << 16);
}

/* Chains of dependence between three threads. */
static void chain_1(void)
{
    store_release(&m.x, 1);
}
static void chain_2(void)
{
    m.a = load_acquire(&m.x);
    store_release(&m.y, m.a + 1);
}
static void chain_3(void)
{
    m.b = load_acquire(&m.y);
    m.c = load_relaxed(&m.x);
    store_relaxed(&m.z, m.b);
}

/* Plain data behind a flag. */
static void plain_writer(void)
{
    m.data = 7;
    store_release(&m.y, 1);
}
static void plain_reader(void)
{
    if (load_acquire(&m.y))
        m.a = m.data;
}

/* Both wait for each other's last store: how often each looks. */
static void turns_1(void)
{
    store_relaxed(&m.x, 1);
    m.a = load_relaxed(&m.y);
    store_relaxed(&m.x, 2);
    m.b = load_relaxed(&m.y);
}
static void turns_2(void)
{
    store_relaxed(&m.y, 1);
    m.c = load_relaxed(&m.x);
    store_relaxed(&m.y, 2);
    m.d = load_relaxed(&m.x);
}
static void turns_fence_1(void)
{
    store_relaxed(&m.x, 1);
    fence_seq_cst();
    m.a = load_relaxed(&m.y);
    store_relaxed(&m.x, 2);
    fence_seq_cst();
    m.b = load_relaxed(&m.y);
}

const struct model_case litmus_cases[] = {
    {"store-buffers", "two stores, two loads", set_up, {sb_1, sb_2}, check, .outcomes = 4},
    {"store-buffers-fenced",
     "with full fences",
     set_up,
     {sb_fence_1, sb_fence_2},
     check,
     .outcomes = 3},
    {"store-buffers-ordered",
     "release and acquire",
     set_up,
     {sb_ra_1, sb_ra_2},
     check,
     .outcomes = 4},
    {"message", "release and acquire", set_up, {mp_writer, mp_reader}, check, .outcomes = 3},
    {"message-relaxed",
     "relaxed store",
     set_up,
     {mp_relaxed_writer, mp_reader},
     check,
     .outcomes = 4},
    {"message-fenced", "fences", set_up, {mp_fence_writer, mp_fence_reader}, check, .outcomes = 3},
    {"message-half",
     "release fence, no acquire",
     set_up,
     {mp_fence_writer, corr_reader},
     check,
     .outcomes = 3},
    {"independent-reads",
     "two writers, two readers",
     set_up,
     {iriw_x, iriw_y, iriw_xy, iriw_yx},
     check,
     .outcomes = 16},
    {"coherence", "one place", set_up, {corr_writer, corr_reader}, check, .outcomes = 6},
    {"updates", "three of them", set_up, {add, add, add}, add_check, .outcomes = 1},
    {"release-sequence",
     "through an update",
     set_up,
     {sequence_1, sequence_2, sequence_3},
     sequence_check,
     .outcomes = 8},
    {"compare", "of an old value", set_up, {cas_1, cas_2}, cas_check, .outcomes = 3},
    {"chain", "three threads", set_up, {chain_1, chain_2, chain_3}, check_with_z, .outcomes = 7},
    {"plain", "data behind a flag", set_up, {plain_writer, plain_reader}, check, .outcomes = 2},
    {"turns", "two places in turns", set_up, {turns_1, turns_2}, check, .outcomes = 35},
    {"turns-fenced",
     "with fences on one side",
     set_up,
     {turns_fence_1, turns_2},
     check,
     .outcomes = 35},
};
const unsigned litmus_cases_count = sizeof(litmus_cases) / sizeof(litmus_cases[0]);
