/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joined files of which some blocks cannot be read: what is whole in one of them is stored, once;
 * what is whole in none is damaged, once; and the ledger adds up to what the thread has written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "damaged_parts.h"
#include "format/trace_copy.h"
#include "format_fixture.h"
#include "tests/helpers/evidence.h"

enum { INPUTS_MAX = 3 };

static const char *const names[INPUTS_MAX] = {"first", "second", "third"};

/* For docs/RELIABILITY.md. */
static struct {
    uint64_t joins, stored, damaged, estimated, farthest;
} figures_all;

/* fixture_path() forgets. */
static const char *input_path(size_t input)
{
    static char paths[INPUTS_MAX][256];

    snprintf(paths[input], sizeof(paths[input]), "%s", fixture_path(names[input]));
    return paths[input];
}

/* ---- what is to be expected ---- */

struct expectation {
    bool whole[DAMAGED_RECORDS], claimed[DAMAGED_RECORDS];
    uint64_t stored, damaged, overwritten;
    bool guess; /* `damaged` cannot be known */
};

/* Do these damaged blocks miss the same records, but each others as well? Nothing tells how many
 * those are: they are estimated. */
static bool is_guess(const struct expectation *e, const struct part *a, uint32_t of_a,
                     const struct part *b, uint32_t of_b)
{
    unsigned both = 0, only_a = 0, only_b = 0;

    for (uint32_t n = 0; n < DAMAGED_RECORDS; n++) {
        bool in_a = n >= a->bounds[of_a] && n < a->bounds[of_a + 1] && !e->whole[n];
        bool in_b = n >= b->bounds[of_b] && n < b->bounds[of_b + 1] && !e->whole[n];

        both += in_a && in_b;
        only_a += in_a && !in_b;
        only_b += in_b && !in_a;
    }
    return both && only_a && only_b;
}

static void guesses_find(struct expectation *e, const struct part *a, const struct part *b)
{
    for (uint32_t i = 0; i < a->block_count; i++)
        for (uint32_t k = 0; k < b->block_count; k++)
            e->guess |= a->spoilt[i] && b->spoilt[k] && is_guess(e, a, i, b, k);
}

static struct expectation expect(const struct part *parts, size_t count)
{
    struct expectation e = {0};
    uint32_t known = 0;

    for (size_t i = 0; i < count; i++) {
        const struct part *part = &parts[i];

        for (uint32_t block = 0; block < part->block_count; block++)
            for (uint32_t n = part->bounds[block]; n < part->bounds[block + 1]; n++) {
                e.claimed[n] = true;
                e.whole[n] |= part->spoilt[block] == WHOLE;
            }
        if (part->snapshot && part->from > known) /* the ledger tells, whatever became of the gap */
            known = part->from;
    }
    for (uint32_t n = 0; n < DAMAGED_RECORDS; n++) {
        e.stored += e.whole[n];
        e.damaged += e.claimed[n] && !e.whole[n];
        e.overwritten += n < known && !e.claimed[n];
    }
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            guesses_find(&e, &parts[i], &parts[k]);
    return e;
}

/* Every record that is whole somewhere, once and in order, and gaps where others are missing. */
static void records_check(const struct expectation *e, const struct history *history,
                          struct trace *joined)
{
    uint64_t missing = 0, least = 0;
    struct trace_cursor *cursor;
    struct trace_event event;
    uint32_t next = 0;

    assert_int_equal(trace_cursor_open(joined, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) == 1) {
        uint64_t n;

        if (!event.type) {
            missing += event.gap.kind == TRACE_GAP_DAMAGED ? event.gap.records : 0;
            least = event.gap.first_ticks;
            continue;
        }
        n = trace_value_unsigned(&event.values[0], 0);
        while (next < n)
            assert_false(e->whole[next++]);
        assert_int_equal(n, next);
        assert_true(e->whole[n]);
        assert_int_equal(event.ticks, history->ticks[n]);
        assert_true(event.ticks >= least);
        next++;
    }
    trace_cursor_close(cursor);
    while (next < DAMAGED_RECORDS)
        assert_false(e->whole[next++]);
    assert_int_equal(missing, trace_ledger_of(joined, 1)->damaged);
}

/* What is missing, against what the ledger says of it. */
static void missing_check(const struct expectation *e, const struct trace_ledger *ledger)
{
    uint64_t said = ledger->damaged + ledger->overwritten, is = e->damaged + e->overwritten;
    uint64_t off = said > is ? said - is : is - said;

    figures_all.joins++;
    figures_all.stored += e->stored;
    if (e->guess) {
        figures_all.estimated++;
        figures_all.farthest = off > figures_all.farthest ? off : figures_all.farthest;
        return;
    }
    figures_all.damaged += e->damaged;
    /* What one has let go of can be damaged in another: it is one of both. */
    assert_int_equal(said, is);
    assert_true(ledger->damaged <= e->damaged);
}

static void join_check(const struct expectation *e, const struct history *history,
                       const char *const *paths, size_t count, struct trace_copy_figures *figures)
{
    const char *path = fixture_path("joined");
    struct trace *traces[INPUTS_MAX], *joined;
    const struct trace_ledger *ledger;
    struct findings findings;
    struct trace_error error;

    for (size_t i = 0; i < count; i++)
        traces[i] = fixture_open(paths[i]);
    if (trace_merge(traces, names, count, fixture_create(path), 1, NULL, figures, &error) != 0)
        fail_msg("%s", error.message);
    if (fixture_verify(path, &findings) == 1)
        fail_msg("%s", findings.text[TRACE_SEVERITY_DAMAGE]);
    joined = fixture_open(path);
    records_check(e, history, joined);
    ledger = trace_ledger_of(joined, 1);
    assert_int_equal(ledger->stored, e->stored);
    missing_check(e, ledger);
    assert_int_equal(ledger->dropped, 0);
    assert_int_equal(ledger->written, ledger->stored + ledger->damaged + ledger->overwritten);
    trace_close(joined);
    for (size_t i = 0; i < count; i++)
        trace_close(traces[i]);
}

/* In every order, and with each in turn as recover leaves it. */
static struct trace_copy_figures parts_check(const struct part *parts, size_t count,
                                             const struct history *history)
{
    const struct expectation e = expect(parts, count);
    struct trace_copy_figures figures;
    const char *paths[INPUTS_MAX], *turned[INPUTS_MAX];

    for (size_t i = 0; i < count; i++) {
        paths[i] = input_path(i);
        part_write(&parts[i], history, paths[i]);
    }
    for (size_t turn = 1; turn <= count; turn++) {
        for (size_t i = 0; i < count; i++)
            turned[i] = paths[(i + turn) % count];
        join_check(&e, history, turned, count, &figures);
    }
    return figures;
}

/* ---- one case after the other ---- */

static const enum spoiling ways[] = {FRAME, HEADER, MALFORMED};
#define FOR_EACH_WAY(way) \
    for (const enum spoiling *way = ways; way < ways + sizeof(ways) / sizeof(*ways); way++)

static void damaged_in_one_is_stored_from_the_other(void **state)
{
    static const uint32_t blocks[] = {50, 30, 100, 7}; /* of the other */
    struct history history;

    (void)state;
    history_make(&history, NULL);
    FOR_EACH_WAY(way)
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        for (uint32_t bad = 0; bad < 4; bad++) {
            struct part parts[] = {part_make(0, 200, 50), part_make(0, 200, blocks[i])};
            struct trace_copy_figures figures;

            parts[0].spoilt[bad] = *way;
            figures = parts_check(parts, 2, &history);
            assert_int_equal(figures.blocks_damaged, 0);
        }
}

static void damaged_in_both_is_counted_once(void **state)
{
    struct history history;

    (void)state;
    history_make(&history, NULL);
    FOR_EACH_WAY(way)
    {
        struct part parts[] = {part_make(0, 200, 50), part_make(0, 200, 50)};

        parts[0].spoilt[1] = parts[1].spoilt[1] = *way;
        parts[0].spoilt[3] = *way;
        (void)parts_check(parts, 2, &history);
        parts[1] = part_make(0, 200, 40); /* of records 50 to 99 it has 80 to 99 */
        parts[1].spoilt[1] = *way;
        (void)parts_check(parts, 2, &history);
    }
}

static void damaged_in_part_is_counted_in_part(void **state)
{
    struct history history;

    (void)state;
    history_make(&history, NULL);
    for (const enum spoiling *way = ways; *way != MALFORMED; way++)
        for (uint32_t from = 1; from < 110; from += 9)
            for (int snapshot = 0; snapshot < 2; snapshot++) {
                struct part parts[] = {part_make(0, 100, 50), part_make(from, 150, 25)};

                parts[1].snapshot = snapshot;
                parts[0].spoilt[1] = *way;
                (void)parts_check(parts, 2, &history);
                parts[0].spoilt[0] = *way;
                (void)parts_check(parts, 2, &history);
                parts[0].spoilt[1] = WHOLE;
                (void)parts_check(parts, 2, &history);
            }
}

static void piece_of_what_is_damaged_is_stored(void **state)
{
    struct history history;

    (void)state;
    history_make(&history, NULL);
    for (uint32_t from = 40; from < 110; from += 10) {
        struct part parts[] = {part_make(0, 200, 50), part_make(from, from + 20, 10)};

        parts[0].spoilt[1] = FRAME;
        (void)parts_check(parts, 2, &history);
        parts[0].spoilt[2] = FRAME;
        (void)parts_check(parts, 2, &history);
    }
}

/* What recover has made of a damaged file tells of what is missing in gaps. */
static void recovered_file_gets_back_what_another_has(void **state)
{
    struct history history;

    (void)state;
    history_make(&history, NULL);
    FOR_EACH_WAY(way)
    for (uint32_t bad = 0; bad < 4; bad++) {
        const struct trace_cut cut = {
            .filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}, .origin = "x", .recovers = true};
        struct part parts[] = {part_make(0, 200, 50), part_make(0, 200, 30)};
        const char *paths[] = {input_path(0), input_path(1), NULL};
        const struct expectation e = expect(parts + 1, 1);
        struct trace_copy_figures figures;
        struct trace_error error;
        struct trace *trace;

        parts[0].spoilt[bad] = *way;
        part_write(&parts[0], &history, input_path(2));
        part_write(&parts[1], &history, paths[1]);
        trace = fixture_open(input_path(2));
        if (*way == MALFORMED) { /* is kept as it is: it has its checksums */
            trace_close(trace);
            continue;
        }
        assert_int_equal(trace_cut(trace, &cut, fixture_create(paths[0]), NULL, &figures, &error),
                         0);
        trace_close(trace);
        join_check(&e, &history, paths, 2, &figures);
        paths[2] = paths[0];
        join_check(&e, &history, paths + 1, 2, &figures);
    }
}

/* ---- any ---- */

/* Where records of one moment are not parted. */
static uint32_t place_random(const struct history *history, uint64_t *random)
{
    uint32_t n;

    do
        n = (uint32_t)(fixture_random(random) % (DAMAGED_RECORDS + 1));
    while (n && n < DAMAGED_RECORDS && history->ticks[n] == history->ticks[n - 1]);
    return n;
}

static struct part part_random(const struct history *history, bool snapshot, uint64_t *random)
{
    struct part part = {.snapshot = snapshot};

    do {
        part.from = place_random(history, random);
        part.to = place_random(history, random);
    } while (part.from >= part.to);
    for (uint32_t n = part.from; n < part.to; n += 1 + (uint32_t)(fixture_random(random) % 60)) {
        part.spoilt[part.block_count] =
            fixture_random(random) % 6 ? WHOLE : FRAME + fixture_random(random) % 2;
        part.bounds[part.block_count++] = n;
    }
    part.bounds[part.block_count] = part.to;
    return part;
}

/* Inputs that share a single moment are taken for a batch that was parted. */
static bool is_known(const struct part *parts, size_t count, const struct history *history)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            uint32_t from = parts[i].from > parts[k].from ? parts[i].from : parts[k].from;
            uint32_t to = parts[i].to < parts[k].to ? parts[i].to : parts[k].to;

            if (from < to && history->ticks[from] == history->ticks[to - 1])
                return false;
        }
    return true;
}

static void any_damage_adds_up(void **state)
{
    const char *only = getenv("ADATRACE_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only ? first : 200;

    (void)state;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct part parts[INPUTS_MAX];
        struct history history;
        uint64_t random = seed;
        size_t count;

        history_make(&history, seed % 4 < 2 ? &random : NULL);
        count = seed % 4 < 2 ? 2 : INPUTS_MAX;
        for (size_t i = 0; i < count; i++)
            parts[i] = part_random(&history, seed % 2, &random);
        if (only)
            for (size_t i = 0; i < count; i++)
                part_say(&parts[i]);
        print_message("ADATRACE_SEED=%llu\n", (unsigned long long)seed);
        if (is_known(parts, count, &history))
            (void)parts_check(parts, count, &history);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_in_one_is_stored_from_the_other),
        cmocka_unit_test(damaged_in_both_is_counted_once),
        cmocka_unit_test(damaged_in_part_is_counted_in_part),
        cmocka_unit_test(piece_of_what_is_damaged_is_stored),
        cmocka_unit_test(recovered_file_gets_back_what_another_has),
        cmocka_unit_test(any_damage_adds_up),
    };
    const struct CMUnitTest any[] = {cmocka_unit_test(any_damage_adds_up)};
    int failures;

    if (getenv("ADATRACE_SEED"))
        return cmocka_run_group_tests(any, NULL, NULL);
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    if (!failures)
        evidence_write("damaged-copy",
                       "%llu joins of two or three files: %llu records stored, %llu damaged, each "
                       "once; of %llu more the damage met in part: all that is whole stored, what "
                       "is not estimated, off by %llu of %d records at most",
                       (unsigned long long)(figures_all.joins - figures_all.estimated),
                       (unsigned long long)figures_all.stored,
                       (unsigned long long)figures_all.damaged,
                       (unsigned long long)figures_all.estimated,
                       (unsigned long long)figures_all.farthest, DAMAGED_RECORDS);
    return failures;
}
