/* SPDX-License-Identifier: Apache-2.0 */
/* Segments in files whose drain has died: what was in the rings comes once, what was lost is told
 * once, and what is no segment is refused in words. The drain before is a reader of a few lines. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/machine.h"
#include "drain/recover.h"
#include "format/trace_reader.h"
#include "producer.h"

enum { NUMBERS_MAX = 4096, UNKNOWN = -1 };

static char folder[] = "/tmp/recover-XXXXXX", path[64], out[64];

/* ---- a session that has died ---- */

struct dead {
    struct stage stage;
    struct producer producer;
    struct ring_reader reader; /* its drain's */
    uint64_t written;
};

static void time_set(struct segment_time *time)
{
    struct clock_reading now = clock_source_read(CLOCK_SOURCE_MONOTONIC);

    *time = (struct segment_time){now.ticks, now.monotonic_ns, now.realtime_ns};
}

static void session_begin(struct dead *s, enum ring_policy policy)
{
    const struct segment_geometry geometry = {.slots = 4,
                                              .ring_bytes = 4096,
                                              .arena_bytes = 1 << 20,
                                              .policy = policy,
                                              .clock = SEGMENT_CLOCK_MONOTONIC};
    struct segment_shared *h;

    memset(s, 0, sizeof(*s));
    unlink(path);
    assert_int_equal(segment_create(&s->stage.segment, &geometry, path), 0);
    assert_true(registry_prepare(&s->stage.segment, 4) > 0);
    h = s->stage.segment.shared;
    machine_boot_id(h->boot_id);
    time_set(&h->begun);
    h->seen[0] = h->seen[1] = h->begun;
    s->stage.pid = (uint32_t)getpid();
    stage_tell_type(&s->stage, TYPE_NUMBER, "test", "number");
    producer_claim(&s->producer, &s->stage, 0, false);
    assert_int_equal(ring_reader_init(&s->reader, producer_ring(&s->producer),
                                      segment_ring_data(&s->stage.segment, s->producer.slot), 4096,
                                      policy),
                     0);
}

static void session_end(struct dead *s)
{
    ring_reader_fini(&s->reader);
    segment_destroy(&s->stage.segment);
    unlink(path);
}

static void write_some(struct dead *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)producer_write(&s->producer, s->written++);
}

/* As its drain does it; returns how many it has read in all. */
static uint64_t take_some(struct dead *s, unsigned count)
{
    struct ring_record record;
    int got;

    while (count && (got = ring_peek(&s->reader, &record)) != 0)
        if (got > 0) {
            ring_advance(&s->reader, &record);
            count--;
        }
    ring_release(&s->reader);
    return s->reader.taken;
}

/* ---- what comes of it ---- */

struct found {
    uint64_t numbers[NUMBERS_MAX];
    uint64_t count;
    uint64_t gap_records[TRACE_GAP_DAMAGED + 1]; /* by kind */
    struct trace_ledger ledger;
    char executable[64];
};

static uint64_t records_of(void *context, uint64_t session_ticks, uint32_t pid, uint32_t tid,
                           uint64_t start_ticks)
{
    (void)session_ticks;
    assert_int_equal(pid, getpid());
    assert_true(tid && start_ticks);
    return *(const uint64_t *)context;
}

static void trace_take(struct found *found)
{
    struct trace_cursor *cursor;
    struct trace_error error;
    struct trace_event event;
    struct trace *t;

    memset(found, 0, sizeof(*found));
    assert_true(trace_verify(out, NULL, NULL) == 0 || trace_verify(out, NULL, NULL) == 3);
    assert_int_equal(trace_open(&t, out, &error), 0);
    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) == 1) {
        if (!event.type) {
            found->gap_records[event.gap.kind] += event.gap.records;
            continue;
        }
        assert_true(found->count < NUMBERS_MAX);
        found->numbers[found->count++] = trace_value_unsigned(&event.values[0], 0);
    }
    trace_cursor_close(cursor);
    for (size_t n = 0; trace_thread_at(t, n); n++) {
        const struct trace_ledger *l = trace_ledger_of(t, trace_thread_at(t, n)->thread);

        if (l && l->written + l->dropped)
            found->ledger = *l;
    }
    if (trace_process_at(t, 0))
        snprintf(found->executable, sizeof(found->executable), "%s",
                 trace_process_at(t, 0)->executable);
    trace_close(t);
}

/* `in_file`: records of the trace that is known; UNKNOWN: there is none. */
static struct recover_figures recover(int64_t in_file, struct found *found)
{
    uint64_t records = (uint64_t)in_file;
    const struct recover_known known = {records_of, &records};
    struct recover_figures figures;
    char why[RECOVER_WHY_BYTES];
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_true(recover_is_segment(path));
    if (recover_segment(path, true, fd, in_file == UNKNOWN ? NULL : &known, &figures, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was taken over */
    trace_take(found);
    return figures;
}

static void assert_numbers(const struct found *found, uint64_t from, uint64_t to)
{
    assert_int_equal(found->count, to - from);
    for (uint64_t i = 0; i < found->count; i++)
        assert_int_equal(found->numbers[i], from + i);
    assert_int_equal(found->ledger.stored, to - from);
}

/* ---- every event once ---- */

static void what_is_in_the_ring_comes_behind_what_is_in_the_file(void **state)
{
    struct recover_figures figures;
    struct found found;
    struct dead s;

    (void)state;
    session_begin(&s, RING_DROP);
    write_some(&s, 100);
    assert_int_equal(take_some(&s, 40), 40);
    figures = recover(40, &found);
    assert_numbers(&found, 40, 100);
    assert_int_equal(figures.skipped + figures.vanished + figures.taken, 0);
    assert_true(figures.is_known && !figures.other_boot);
    /* Ten were written and not given back yet. */
    figures = recover(50, &found);
    assert_numbers(&found, 50, 100);
    assert_int_equal(figures.skipped, 10);
    /* Fifteen were given back and not written yet. */
    figures = recover(25, &found);
    assert_numbers(&found, 40, 100);
    assert_int_equal(figures.vanished, 15);
    /* A file that says more than there is. */
    figures = recover(1000, &found);
    assert_int_equal(found.count, 0);
    figures = recover(UNKNOWN, &found);
    assert_numbers(&found, 40, 100);
    assert_int_equal(figures.taken, 40);
    assert_false(figures.is_known);
    session_end(&s);
}

static void drops_that_were_told_are_not_told_again(void **state)
{
    struct found found;
    uint64_t fits;
    struct dead s;

    (void)state;
    session_begin(&s, RING_DROP);
    write_some(&s, 1000);
    fits = producer_ring(&s.producer)->front.written;
    assert_true(fits < 1000);
    (void)take_some(&s, (unsigned)fits / 2);
    write_some(&s, 1); /* with a gap in front of it */
    (void)recover((int64_t)fits / 2, &found);
    assert_int_equal(found.count, fits - fits / 2 + 1);
    assert_int_equal(found.gap_records[TRACE_GAP_DROPPED], 1000 - fits);
    assert_int_equal(found.ledger.dropped, 1000 - fits);
    /* All of it read by the drain before. */
    (void)take_some(&s, (unsigned)found.count);
    write_some(&s, 3);
    (void)recover((int64_t)fits + 1, &found);
    assert_numbers(&found, 1001, 1004);
    assert_int_equal(found.gap_records[TRACE_GAP_DROPPED], 0);
    assert_int_equal(found.ledger.dropped, 0);
    session_end(&s);
}

static void overwritten_before_is_told_once(void **state)
{
    struct found found;
    struct dead s;
    uint64_t taken, gone;

    (void)state;
    session_begin(&s, RING_OVERWRITE);
    write_some(&s, 1000);
    taken = take_some(&s, 20);
    gone = s.reader.overwritten;
    assert_true(gone > 0);
    (void)recover((int64_t)taken, &found);
    assert_numbers(&found, gone + taken, 1000);
    assert_int_equal(found.gap_records[TRACE_GAP_OVERWRITTEN], 0);
    assert_int_equal(found.ledger.overwritten, 0);
    assert_int_equal(found.ledger.written, found.count);
    session_end(&s);
}

/* Its drain was killed, and the program went on for a while. */
static void overwritten_behind_what_is_in_the_file_is_told(void **state)
{
    struct found found;
    struct dead s;

    (void)state;
    session_begin(&s, RING_OVERWRITE);
    write_some(&s, 100);
    assert_int_equal(take_some(&s, 40), 40);
    write_some(&s, 1000);
    (void)recover(60, &found);
    assert_true(found.count > 0);
    assert_numbers(&found, 1100 - found.count, 1100);
    assert_int_equal(found.gap_records[TRACE_GAP_OVERWRITTEN], 1100 - 60 - found.count);
    assert_int_equal(found.ledger.overwritten, 1100 - 60 - found.count);
    assert_int_equal(found.ledger.written, 1100 - 60);
    session_end(&s);
}

static void what_is_in_the_file_and_overwritten_is_no_loss(void **state)
{
    struct found found;
    struct dead s;

    (void)state;
    session_begin(&s, RING_OVERWRITE);
    write_some(&s, 100);
    assert_int_equal(take_some(&s, 10), 10);
    write_some(&s, 180); /* the first block goes */
    (void)recover(100, &found);
    assert_numbers(&found, 100, 280);
    assert_int_equal(found.gap_records[TRACE_GAP_OVERWRITTEN], 0);
    assert_int_equal(found.ledger.overwritten, 0);
    assert_int_equal(found.ledger.written, 180);
    session_end(&s);
}

/* ---- whose it was, and when ---- */

static void process_is_named_by_what_it_told(void **state)
{
    static const char text[] = "/bin/shop\0shop --open";
    struct arena_process told = {.pid = (uint32_t)getpid()};
    struct found found;
    struct dead s;

    (void)state;
    session_begin(&s, RING_DROP);
    write_some(&s, 1);
    /* Too short, without an end, and somebody's child: none of them is it. */
    assert_int_equal(arena_append(&s.stage.segment, ARENA_PROCESS, &told, 4, NULL, 0), 0);
    assert_int_equal(arena_append(&s.stage.segment, ARENA_PROCESS, &told, sizeof(told), "x", 1), 0);
    told.parent_pid = 1;
    assert_int_equal(
        arena_append(&s.stage.segment, ARENA_PROCESS, &told, sizeof(told), text, sizeof(text)), 0);
    (void)recover(UNKNOWN, &found);
    assert_string_equal(found.executable, "");
    told.parent_pid = 0;
    assert_int_equal(
        arena_append(&s.stage.segment, ARENA_PROCESS, &told, sizeof(told), text, sizeof(text)), 0);
    (void)recover(UNKNOWN, &found);
    assert_string_equal(found.executable, "/bin/shop");
    assert_numbers(&found, 0, 1);
    session_end(&s);
}

static void times_that_cannot_be_are_not_believed(void **state)
{
    struct recover_figures figures;
    struct segment_shared *h;
    struct found found;
    struct dead s;

    (void)state;
    session_begin(&s, RING_DROP);
    write_some(&s, 10);
    h = s.stage.segment.shared;
    time_set(&h->seen[1]);
    h->seconds = 1;
    (void)recover(UNKNOWN, &found);
    assert_numbers(&found, 0, 10);
    h->seen[1].monotonic_ns = 1; /* before it had begun */
    (void)recover(UNKNOWN, &found);
    assert_numbers(&found, 0, 10);
    h->seen[1].ticks = 1;
    (void)recover(UNKNOWN, &found);
    assert_numbers(&found, 0, 10);
    s.stage.segment.slots[s.producer.slot].claim_ticks = UINT64_MAX;
    (void)recover(UNKNOWN, &found);
    assert_numbers(&found, 0, 10);
    h->boot_id[0] ^= 1;
    figures = recover(UNKNOWN, &found);
    assert_numbers(&found, 0, 10);
    assert_true(figures.other_boot);
    session_end(&s);
}

/* ---- what is refused ---- */

static void assert_refused(int error, bool in_use, const char *words)
{
    struct recover_figures figures;
    char why[RECOVER_WHY_BYTES];
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(recover_segment(path, in_use, fd, NULL, &figures, why), error);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    if (!strstr(why, words))
        fail_msg("%s", why);
}

static void what_cannot_be_recovered_is_said(void **state)
{
    struct segment_shared *h;
    struct dead s;

    (void)state;
    session_begin(&s, RING_DROP);
    h = s.stage.segment.shared;
    assert_refused(-EBUSY, false, "still uses it");
    h->begun.ticks = 0;
    assert_refused(-ENODATA, true, "no session has ever drained it");
    h->version++;
    assert_refused(-EPROTONOSUPPORT, true, "another version");
    h->version--;
    h->slots = 1 << 20;
    assert_refused(-EBADMSG, true, "does not add up");
    h->magic = 0;
    assert_false(recover_is_segment(path));
    session_end(&s);
    assert_false(recover_is_segment(path));
    assert_refused(-ENOENT, true, "No such file");
}

static int folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/segment", folder);
    snprintf(out, sizeof(out), "%s/out.adatrace", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(out);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_the_ring_comes_behind_what_is_in_the_file),
        cmocka_unit_test(drops_that_were_told_are_not_told_again),
        cmocka_unit_test(overwritten_before_is_told_once),
        cmocka_unit_test(overwritten_behind_what_is_in_the_file_is_told),
        cmocka_unit_test(what_is_in_the_file_and_overwritten_is_no_loss),
        cmocka_unit_test(process_is_named_by_what_it_told),
        cmocka_unit_test(times_that_cannot_be_are_not_believed),
        cmocka_unit_test(what_cannot_be_recovered_is_said),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
