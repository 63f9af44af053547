/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/session_writer.h"
#include "format/trace_reader.h"

static char folder[] = "/tmp/files-XXXXXX";

const char *schedule_path(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* ---- a session ---- */

uint64_t schedule_random(struct schedule *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random;
}

void schedule_begin(struct schedule *s, const char *path, enum ring_policy policy,
                    uint64_t flight_bytes, const struct session_files_options *files)
{
    const struct session_writer_options writer_options = {.clock = CLOCK_SOURCE_MONOTONIC,
                                                          .policy = policy,
                                                          .level = 1,
                                                          .flight = flight_bytes != 0,
                                                          .flight_bytes = flight_bytes};
    const struct drain_options options = {.clock = CLOCK_SOURCE_MONOTONIC, .level = 1};
    const struct stage_options stage = {.ring_bytes = 8192, .policy = policy};
    struct session_files_options wanted = *files;
    struct trace_writer *writer;
    struct drain *drain;
    int fd = flight_bytes ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    memset(s, 0, sizeof(*s));
    wanted.path = schedule_path("x.adatrace");
    assert_int_equal(session_files_create(&s->files, &wanted), 0);
    assert_int_equal(session_writer_open(&writer, fd, &writer_options), 0);
    assert_int_equal(drain_create(&drain, writer, &options), 0);
    stage_add(&s->stage, drain, &stage);
    for (uint32_t i = 0; i < PRODUCERS; i++)
        producer_claim(&s->producers[i], &s->stage, 1000 + i, false);
}

void schedule_burst(struct schedule *s)
{
    unsigned i = (unsigned)(schedule_random(s) % PRODUCERS);
    unsigned count = (unsigned)(schedule_random(s) % (schedule_random(s) % 8 ? 40 : 900));

    for (unsigned n = 0; n < count; n++)
        (void)producer_write(&s->producers[i], s->tried[i]++);
}

void schedule_end_with(struct schedule *s, int error)
{
    for (unsigned i = 0; i < PRODUCERS; i++)
        producer_retire(&s->producers[i]);
    drain_finish(s->stage.drain);
    session_files_finish(s->files, s->stage.drain);
    assert_int_equal(drain_close(s->stage.drain), error);
    stage_clear(&s->stage);
}

void schedule_end(struct schedule *s)
{
    schedule_end_with(s, 0);
}

/* ---- what files say ---- */

static void damage_fail(void *context, const struct trace_finding *finding)
{
    if (finding->severity == TRACE_SEVERITY_DAMAGE || finding->is_untrue)
        fail_msg("%s: %s", (const char *)context, finding->text);
}

/* What a thread's gaps tell, by kind. */
static void gaps_add(struct trace *trace, uint32_t number, uint64_t *dropped, uint64_t *overwritten)
{
    struct trace_cursor *cursor;
    struct trace_event event;

    assert_int_equal(trace_cursor_open(trace, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) > 0) {
        if (event.type || event.thread->thread != number)
            continue;
        if (event.gap.kind == TRACE_GAP_DROPPED)
            *dropped += event.gap.records;
        else if (event.gap.kind == TRACE_GAP_OVERWRITTEN)
            *overwritten += event.gap.records;
    }
    trace_cursor_close(cursor);
}

/* A complete file whose ledgers agree with its own records and gaps; add it up. */
void sums_add(struct sums *sums, const char *path)
{
    const struct trace_thread *thread;
    struct trace_error error;
    struct trace *trace;

    assert_in_range(trace_verify(path, damage_fail, (void *)(uintptr_t)path), 0, 3);
    assert_int_equal(trace_open(&trace, path, &error), 0);
    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        const struct trace_ledger *ledger = trace_ledger_of(trace, thread->thread);
        uint64_t dropped = 0, overwritten = 0;
        unsigned i = thread->tid - 1000;

        if (!ledger || i >= PRODUCERS)
            continue;
        assert_int_equal(ledger->written, ledger->stored + ledger->overwritten);
        gaps_add(trace, thread->thread, &dropped, &overwritten);
        assert_int_equal(ledger->dropped, dropped);
        assert_int_equal(ledger->overwritten, overwritten);
        sums->written[i] += ledger->written;
        sums->dropped[i] += ledger->dropped;
        sums->overwritten[i] += ledger->overwritten;
        sums->stored[i] += ledger->stored;
        sums->written_bytes += ledger->written_bytes;
        sums->dropped_bytes += ledger->dropped_bytes;
    }
    trace_close(trace);
}

void sums_check(const struct schedule *s, const struct sums *sums)
{
    uint64_t written = 0;

    for (unsigned i = 0; i < PRODUCERS; i++) {
        assert_int_equal(sums->written[i] + sums->dropped[i], s->tried[i]);
        written += sums->written[i];
    }
    assert_int_equal(sums->written_bytes, written * 16); /* header word and number */
}

int schedule_folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int schedule_folder_remove(void **state)
{
    (void)state;
    unlink(schedule_path("x.adatrace"));
    unlink(schedule_path("snap"));
    return rmdir(folder);
}
