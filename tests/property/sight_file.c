/* SPDX-License-Identifier: Apache-2.0 */
/* A real trace file, in memory that has a path: written, verified and read by format/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/trace_reader.h"
#include "format/trace_writer.h"
#include "sight.h"

enum { PAYLOAD_MAX = 64 * 1024 };

static struct sight sight;
static int file = -1;

static void complain(const char *text)
{
    static char kept[300];

    snprintf(kept, sizeof(kept), "the file: %s", text);
    sight.complaint = kept;
}

struct trace_writer *sight_open(void)
{
    const struct trace_recording about = {.ticks_per_second = 1000000000, .clock_source = "tsc"};
    const struct trace_writer_options options = {.level = 1};
    struct trace_writer *writer = NULL;

    sight_clear(&sight);
    if (file >= 0)
        close(file);
    file = memfd_create("ledger", MFD_CLOEXEC);
    if (file < 0 || trace_writer_open(&writer, dup(file), &options, &about))
        abort();
    return writer;
}

/* As it lay in the ring. */
static void payload_see(struct sight_item *item, const struct trace_event *e)
{
    static unsigned char payload[PAYLOAD_MAX];
    const struct trace_value *more = &e->values[1];
    uint64_t number = trace_value_unsigned(&e->values[0], 0);
    uint16_t type = e->value_count == 1                   ? SIGHT_NUMBER
                    : more->field->kind == ADA_KIND_BYTES ? SIGHT_BYTES
                                                          : SIGHT_THREE;
    size_t at = 8;

    memcpy(payload, &number, 8);
    if (type == SIGHT_BYTES) {
        memcpy(payload + 8, &more->size, 4);
        at = 12;
    }
    if (type != SIGHT_NUMBER)
        memcpy(payload + at, more->bytes, more->size);
    sight_payload_read(item, type, payload, at + (type == SIGHT_NUMBER ? 0 : more->size));
}

static void events_see(struct trace *trace)
{
    const struct trace_filter all = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct trace_cursor *cursor;
    struct trace_event event;
    int got;

    if (trace_cursor_open(trace, &all, &cursor)) {
        complain("no cursor");
        return;
    }
    while ((got = trace_cursor_next(cursor, &event)) > 0) {
        struct sight_item *item = sight_add(&sight);

        item->thread = event.thread->thread;
        item->ticks = event.ticks;
        item->is_gap = !event.type;
        if (item->is_gap)
            item->gap = event.gap;
        else
            payload_see(item, &event);
    }
    if (got)
        complain("cannot be read to its end");
    trace_cursor_close(cursor);
}

static void threads_see(struct trace *trace)
{
    const struct trace_thread *thread;

    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        struct sight_thread *t = sight_thread(&sight, thread->thread);
        const struct trace_ledger *ledger = trace_ledger_of(trace, thread->thread);

        snprintf(t->name, sizeof(t->name), "%s", thread->name);
        t->has_ledger = ledger != NULL;
        if (ledger)
            t->ledger = *ledger;
    }
}

static void finding(void *context, const struct trace_finding *finding)
{
    (void)context;
    if ((finding->severity == TRACE_SEVERITY_DAMAGE || finding->is_untrue) && !sight.complaint)
        complain(finding->text);
}

const struct sight *sight_take(void)
{
    struct trace_error error;
    struct trace *trace;
    char path[40];
    int status;

    if (sight.count || sight.thread_count) /* looked at before */
        return &sight;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    status = trace_verify(path, finding, NULL);
    if (status != 0 && status != 3 && !sight.complaint)
        complain("does not verify");
    if (trace_open(&trace, path, &error)) {
        complain(error.message);
        return &sight;
    }
    threads_see(trace);
    events_see(trace);
    trace_close(trace);
    return &sight;
}
