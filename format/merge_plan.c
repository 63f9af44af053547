/* SPDX-License-Identifier: Apache-2.0 */
#include "format/merge_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAIRS_APART_NS = 100000000, /* pairs of two recordings closer than that say nothing new */
    SAME_LEAST_NS = 1000000,    /* two clocks of one boot may differ by so much, ... */
    SAME_SHARE = 10000,         /* ... and by one part in so many of the time between them */
};

/* ---- order ---- */

static const struct trace_clock_pair *first_pair(const struct trace *t)
{
    return t->clocks.count ? t->clocks.rows : NULL;
}

static uint64_t first_data_ticks(const struct trace *t, uint64_t otherwise)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < t->blocks.count; i++)
        if (index_entry_is(&t->blocks.entries[i], BLOCK_DATA) &&
            t->blocks.entries[i].first_ticks < first)
            first = t->blocks.entries[i].first_ticks;
    return first == UINT64_MAX ? otherwise : first;
}

static uint64_t last_data_ticks(const struct trace *t, uint64_t otherwise)
{
    uint64_t last = 0;

    for (size_t i = 0; i < t->blocks.count; i++)
        if (index_entry_is(&t->blocks.entries[i], BLOCK_DATA) &&
            t->blocks.entries[i].last_ticks > last)
            last = t->blocks.entries[i].last_ticks;
    return last ? last : otherwise;
}

/* When its data begins, or ends, in time of day. */
static uint64_t source_time_ns(const struct trace *t,
                               uint64_t (*ticks_of)(const struct trace *t, uint64_t otherwise))
{
    const struct trace_clock_pair *pair = first_pair(t);

    return pair ? pair->realtime_ns + (uint64_t)trace_ns(t, ticks_of(t, pair->ticks)) : 0;
}

/* By insertion: inputs of the same time stay in the order in which they were given. */
static int sources_sort(struct trace_copy *c,
                        uint64_t (*ticks_of)(const struct trace *t, uint64_t otherwise))
{
    uint64_t *times = calloc(c->source_count + 1, sizeof(*times));

    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < c->source_count; i++) {
        struct copy_source source = c->sources[i];
        uint64_t time_ns = source_time_ns(source.trace, ticks_of);
        size_t at = i;

        for (; at && times[at - 1] > time_ns; at--) {
            times[at] = times[at - 1];
            c->sources[at] = c->sources[at - 1];
        }
        times[at] = time_ns;
        c->sources[at] = source;
    }
    free(times);
    return 0;
}

/* ---- families ---- */

static bool processes_agree(const struct trace *a, const struct trace *b)
{
    const struct process_row *rows = a->processes.rows;

    for (size_t i = 0; i < a->processes.count; i++) {
        const struct trace_process *left = &rows[i].process;
        const struct trace_process *right = trace_process_by_number(b, left->process);

        if (right && left->pid && right->pid &&
            (left->pid != right->pid || left->start_time != right->start_time ||
             left->image != right->image))
            return false;
    }
    return true;
}

static bool threads_agree(const struct trace *a, const struct trace *b)
{
    const struct thread_row *rows = a->threads.rows;

    for (size_t i = 0; i < a->threads.count; i++) {
        const struct trace_thread *left = &rows[i].thread;
        const struct trace_thread *right = trace_thread_by_number(b, left->thread);

        if (right && left->tid && right->tid &&
            (left->tid != right->tid || left->process != right->process))
            return false;
    }
    return true;
}

/* Of one session, and what they say of it does not contradict. */
static bool is_same_session(const struct trace *a, const struct trace *b)
{
    return *a->about.session && strcmp(a->about.session, b->about.session) == 0 &&
           strcmp(a->about.boot_id, b->about.boot_id) == 0 &&
           strcmp(a->about.clock_source, b->about.clock_source) == 0 && processes_agree(a, b) &&
           threads_agree(a, b);
}

/* Families in the order of their first sources; numbers only change where there are several. */
static int families_find(struct trace_copy *c)
{
    size_t *first = calloc(c->source_count + 1, sizeof(*first)); /* source, by family */

    c->families = calloc(c->source_count + 1, sizeof(*c->families));
    if (!first || !c->families) {
        free(first);
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->source_count; i++) {
        size_t f = 0;

        while (f < c->family_count &&
               !is_same_session(c->sources[first[f]].trace, c->sources[i].trace))
            f++;
        if (f == c->family_count)
            first[c->family_count++] = i;
        c->sources[i].family = &c->families[f];
    }
    free(first);
    return 0;
}

/* ---- clocks ---- */

/* The first source of a family. */
static const struct copy_source *any_of(const struct trace_copy *c,
                                        const struct copy_family *family)
{
    size_t i = 0;

    while (c->sources[i].family != family)
        i++;
    return &c->sources[i];
}

static const struct trace_recording *about(const struct trace_copy *c,
                                           const struct copy_family *family)
{
    return &any_of(c, family)->trace->about;
}

static int clocks_make(struct trace_copy *c)
{
    int status = 0;

    for (size_t i = 0; i < c->source_count && status == 0; i++)
        status = copy_clock_add(&c->sources[i].family->clock, c->sources[i].trace);
    for (size_t f = 0; f < c->family_count && status == 0; f++)
        status = trace_clock_prepare(&c->families[f].clock);
    return status;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Same boot, same counter; and the pairs say so, too (a copied machine has its original's boot). */
static bool is_same_clock(const struct trace_copy *c, const struct copy_family *a,
                          const struct copy_family *b)
{
    const struct trace_recording *left = about(c, a), *right = about(c, b);
    const struct trace_clock_pair *from = first_pair(&a->clock), *to = first_pair(&b->clock);
    uint64_t apart, expected;

    if (!*left->boot_id || strcmp(left->boot_id, right->boot_id) != 0 ||
        strcmp(left->clock_source, right->clock_source) != 0)
        return false;
    apart = distance(from->monotonic_ns, to->monotonic_ns);
    expected = from->monotonic_ns + (uint64_t)trace_ns(&a->clock, to->ticks);
    return distance(expected, to->monotonic_ns) <= SAME_LEAST_NS + apart / SAME_SHARE;
}

static uint64_t uncertainty_of(const struct trace *clock, bool of_day)
{
    const struct trace_clock_pair *pairs = clock->clocks.rows;
    uint64_t widest = 0, step = 0;

    for (size_t i = 0; i < clock->clocks.count; i++) {
        uint64_t off = distance(pairs[i].realtime_ns - pairs[i].monotonic_ns,
                                pairs[0].realtime_ns - pairs[0].monotonic_ns);

        if (pairs[i].uncertainty_ns > widest)
            widest = pairs[i].uncertainty_ns;
        if (of_day && off > step && off < INT64_MAX)
            step = off; /* the time of day was set meanwhile */
    }
    return widest + step;
}

static void family_convert(struct trace_copy *c, struct copy_family *family)
{
    const char *boot_id = about(c, family)->boot_id;
    const struct trace_clock_pair *from = first_pair(&family->clock);
    const struct trace_clock_pair *to = first_pair(&c->families[0].clock);
    bool same_boot = *boot_id && strcmp(boot_id, about(c, &c->families[0])->boot_id) == 0;
    uint64_t shift =
        same_boot ? from->monotonic_ns - to->monotonic_ns : from->realtime_ns - to->realtime_ns;
    uint64_t uncertainty = uncertainty_of(&family->clock, !same_boot) +
                           uncertainty_of(&c->families[0].clock, !same_boot);

    family->converts = true;
    family->of_day = !same_boot;
    family->uncertainty_ns = uncertainty;
    family->to_result = (struct copy_clock){
        .from = &family->clock, .to = &c->families[0].clock, .shift_ns = (int64_t)shift};
    if (uncertainty > c->figures->uncertainty_ns)
        c->figures->uncertainty_ns = uncertainty;
}

/* The pairs of a family that shares the clock, as far as they are not next to others. */
static int pairs_share(struct trace *clock, const struct trace *other)
{
    const struct trace_clock_pair *pairs = other->clocks.rows;
    size_t own = clock->clocks.count;

    for (size_t i = 0; i < other->clocks.count; i++) {
        struct trace_clock_pair *added;
        bool apart = true;

        for (size_t k = 0; k < own && apart; k++)
            apart = distance(((const struct trace_clock_pair *)clock->clocks.rows)[k].monotonic_ns,
                             pairs[i].monotonic_ns) >= PAIRS_APART_NS;
        if (!apart)
            continue;
        added = table_add(&clock->clocks, sizeof(*added));
        if (!added)
            return -ENOMEM;
        *added = pairs[i];
    }
    return 0;
}

static int families_align(struct trace_copy *c)
{
    struct copy_family *first = &c->families[0];
    int status = 0;

    for (size_t f = 1; f < c->family_count && status == 0; f++) {
        struct copy_family *family = &c->families[f];

        if (!first_pair(&first->clock) || !first_pair(&family->clock))
            return copy_fail(
                c, -ENODATA,
                "%s says nothing about its clock: it cannot be put in time with others",
                any_of(c, first_pair(&first->clock) ? family : first)->name);
        if (is_same_clock(c, first, family))
            family->shares = true;
    }
    for (size_t f = 1; f < c->family_count && status == 0; f++)
        if (c->families[f].shares)
            status = pairs_share(&first->clock, &c->families[f].clock);
    free(first->clock.pieces);
    first->clock.pieces = NULL;
    if (status == 0)
        status = trace_clock_prepare(&first->clock);
    for (size_t f = 1; f < c->family_count && status == 0; f++)
        if (!c->families[f].shares)
            family_convert(c, &c->families[f]);
    return status;
}

int merge_plan(struct trace_copy *c)
{
    int status = sources_sort(c, first_data_ticks);

    c->first = c->sources[0].trace;
    if (status == 0)
        status = families_find(c);
    /* What a later file says of a process or thread is newer. */
    if (status == 0)
        status = sources_sort(c, last_data_ticks);
    if (status == 0)
        status = clocks_make(c);
    if (status == 0)
        status = families_align(c);
    if (status != 0)
        return status;
    for (size_t i = 0; i < c->source_count; i++) {
        struct copy_source *s = &c->sources[i];

        if (s->family->converts)
            s->clock = s->family->to_result;
        if (c->family_count == 1)
            s->family = NULL;
    }
    c->pairs = c->families[0].clock.clocks.rows;
    c->pair_count = c->families[0].clock.clocks.count;
    return 0;
}
