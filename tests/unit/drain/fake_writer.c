/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/schema.h"

enum { TYPES_MAX = 16384, TYPE_TABLES = 128, THREADS_MAX = 1 << 17 };

struct trace_writer {
    struct fake_log log;
    size_t capacity;
    uint64_t image_of_process[4096];
    uint32_t process_of_thread[THREADS_MAX];
    struct {
        uint64_t image;
        bool known[TYPES_MAX];
        bool has_strings[TYPES_MAX];
    } types[TYPE_TABLES];
};

struct trace_stream {
    struct trace_writer *writer;
    uint32_t thread;
    const bool *known; /* types of its image; NULL: none told yet */
    const bool *has_strings;
    uint64_t image, stored, last_ticks;
};

static struct trace_writer *current;

struct trace_writer *fake_writer_create(void)
{
    if (current) {
        free(current->log.calls);
        free(current);
    }
    current = calloc(1, sizeof(*current));
    return current;
}

struct fake_log *fake_writer_log(void)
{
    return &current->log;
}

static struct fake_call *add(struct trace_writer *w, enum fake_kind kind)
{
    if (w->log.count == w->capacity) {
        w->capacity = w->capacity ? w->capacity * 2 : 1024;
        w->log.calls = realloc(w->log.calls, w->capacity * sizeof(*w->log.calls));
        if (!w->log.calls)
            abort();
    }
    w->log.calls[w->log.count] = (struct fake_call){.kind = kind};
    return &w->log.calls[w->log.count++];
}

static void keep_text(struct fake_call *call, const char *text)
{
    snprintf(call->text, sizeof(call->text), "%s", text);
}

/* ---- looking ---- */

const struct fake_call *fake_find(enum fake_kind kind, uint32_t thread, size_t n)
{
    for (size_t i = 0; i < current->log.count; i++) {
        const struct fake_call *call = &current->log.calls[i];

        if (call->kind == kind && (!thread || call->thread == thread) && !n--)
            return call;
    }
    return NULL;
}

size_t fake_count(enum fake_kind kind, uint32_t thread)
{
    size_t count = 0;

    for (size_t i = 0; i < current->log.count; i++)
        count += current->log.calls[i].kind == kind &&
                 (!thread || current->log.calls[i].thread == thread);
    return count;
}

const struct fake_call *fake_last(enum fake_kind kind, uint32_t thread)
{
    for (size_t i = current->log.count; i-- > 0;)
        if (current->log.calls[i].kind == kind &&
            (!thread || current->log.calls[i].thread == thread))
            return &current->log.calls[i];
    return NULL;
}

bool fake_has_note(const char *part)
{
    const struct fake_call *call;

    for (size_t n = 0; (call = fake_find(FAKE_NOTE, 0, n)); n++)
        if (strstr(call->text, part))
            return true;
    return false;
}

/* ---- format/trace_writer.h ---- */

int trace_writer_open(struct trace_writer **out, int fd, const struct trace_writer_options *options,
                      const struct trace_recording *recording)
{
    (void)options, (void)recording;
    close(fd);
    *out = fake_writer_create();
    return *out ? 0 : -ENOMEM;
}

void trace_writer_listen(struct trace_writer *w, const struct trace_listener *listener)
{
    (void)w, (void)listener;
}

int trace_writer_retell(struct trace_writer *w, const struct trace_listener *listener)
{
    (void)w, (void)listener;
    return 0;
}

int trace_writer_clock(struct trace_writer *w, const struct trace_clock_pair *pair)
{
    add(w, FAKE_CLOCK)->ticks = pair->ticks;
    return 0;
}

static bool is_short(void)
{
    struct fake_log *log = fake_writer_log();

    if (!log->short_of)
        return false;
    log->short_of--;
    return true;
}

int trace_writer_process(struct trace_writer *w, const struct trace_process *process)
{
    struct fake_call *call;

    if (is_short())
        return -ENOMEM;
    call = add(w, FAKE_PROCESS);
    call->process = process->process;
    call->ticks = process->start_ticks;
    call->item.process = *process;
    keep_text(call, process->command);
    w->image_of_process[process->process] = process->image;
    return 0;
}

int trace_writer_process_end(struct trace_writer *w, const struct trace_process_end *end)
{
    struct fake_call *call = add(w, FAKE_PROCESS_END);

    call->process = end->process;
    call->item.end = *end;
    return 0;
}

int trace_writer_thread(struct trace_writer *w, const struct trace_thread *thread)
{
    struct fake_call *call;

    if (is_short())
        return -ENOMEM;
    call = add(w, FAKE_THREAD);
    call->thread = thread->thread;
    call->process = thread->process;
    call->ticks = thread->start_ticks;
    keep_text(call, thread->name);
    w->process_of_thread[thread->thread] = thread->process;
    return 0;
}

void trace_writer_thread_end(struct trace_writer *w, uint32_t thread)
{
    (void)w, (void)thread;
}

void trace_writer_process_gone(struct trace_writer *w, uint32_t process)
{
    (void)w, (void)process;
}

struct catalogue *trace_writer_catalogue(struct trace_writer *w)
{
    (void)w;
    return NULL;
}

int trace_writer_ledger(struct trace_writer *w, const struct trace_ledger *ledger)
{
    struct fake_call *call = add(w, FAKE_LEDGER);

    call->thread = ledger->thread;
    call->item.ledger = *ledger;
    return 0;
}

int trace_writer_module(struct trace_writer *w, const struct trace_module *module)
{
    struct fake_call *call = add(w, FAKE_MODULE);

    call->process = module->process;
    call->item.module = *module;
    keep_text(call, module->path);
    return 0;
}

int trace_writer_symbol(struct trace_writer *w, const struct trace_symbol *symbol)
{
    (void)w, (void)symbol;
    return 0;
}

int trace_writer_note(struct trace_writer *w, const struct trace_note *note)
{
    struct fake_call *call = add(w, FAKE_NOTE);

    call->process = note->process;
    call->item.note = *note;
    keep_text(call, note->text);
    return 0;
}

int trace_writer_type(struct trace_writer *w, uint64_t image, const void *bytes, size_t size)
{
    struct schema_owned schema;
    struct fake_call *call;
    unsigned table = 0;
    int err = schema_decode(bytes, size, &schema);

    if (err)
        return err;
    while (w->types[table].image && w->types[table].image != image)
        table++;
    w->types[table].image = image;
    w->types[table].known[schema.schema.id] = true;
    for (unsigned i = 0; i < schema.schema.field_count; i++)
        w->types[table].has_strings[schema.schema.id] |= !schema.schema.fields[i].width;
    call = add(w, FAKE_TYPE);
    call->id = schema.schema.id;
    keep_text(call, schema.schema.name);
    schema_free(&schema);
    return 0;
}

int trace_stream_open(struct trace_writer *w, uint32_t thread, struct trace_stream **out)
{
    uint64_t image = w->image_of_process[w->process_of_thread[thread]];

    *out = NULL;
    if (!image)
        return -ENOENT;
    *out = calloc(1, sizeof(**out));
    (*out)->writer = w;
    (*out)->thread = thread;
    (*out)->image = image;
    return 0;
}

static bool type_is_known(struct trace_stream *s, uint16_t id)
{
    for (unsigned table = 0; !s->known && s->writer->types[table].image; table++)
        if (s->writer->types[table].image == s->image) {
            s->known = s->writer->types[table].known;
            s->has_strings = s->writer->types[table].has_strings;
        }
    return s->known && s->known[id];
}

int trace_stream_record(struct trace_stream *s, uint16_t id, uint64_t ticks, const void *payload,
                        size_t size)
{
    struct fake_call *call;

    if (!type_is_known(s, id))
        return -ENOENT;
    if (s->writer->log.refuse)
        return s->writer->log.refuse;
    if (ticks < s->last_ticks)
        abort();
    s->last_ticks = ticks;
    s->stored++;
    if (s->writer->log.see_record) {
        s->writer->log.see_record(s->thread, id, ticks, payload, size);
        return 0;
    }
    call = add(s->writer, FAKE_RECORD);
    call->thread = s->thread;
    call->id = id;
    call->ticks = ticks;
    memcpy(&call->value, payload, size < 8 ? size : 8);
    return 0;
}

uint32_t trace_stream_append(struct trace_stream *s, const struct trace_rows *rows)
{
    uint32_t taken = 0;

    while (taken < rows->count && type_is_known(s, rows->ids[taken]) &&
           !s->has_strings[rows->ids[taken]] &&
           trace_stream_record(s, rows->ids[taken], rows->ticks[taken],
                               rows->payloads + taken * rows->stride, rows->payload_bytes) == 0)
        taken++;
    s->writer->log.in_bulk += taken;
    return taken;
}

int trace_stream_gaps(struct trace_stream *s, const struct trace_gap *gaps, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct fake_call *call;

        if (s->writer->log.see_gap) {
            s->writer->log.see_gap(&gaps[i]);
            continue;
        }
        call = add(s->writer, FAKE_GAP);
        call->thread = s->thread;
        call->item.gap = gaps[i];
    }
    return 0;
}

int trace_stream_flush(struct trace_stream *s)
{
    (void)s;
    return 0;
}

int trace_stream_close(struct trace_stream *s)
{
    free(s);
    return 0;
}

uint64_t trace_stream_stored(const struct trace_stream *s)
{
    return s->stored;
}

int trace_writer_set_level(struct trace_writer *w, int level)
{
    w->log.level = level;
    return 0;
}

int trace_writer_flush(struct trace_writer *w)
{
    w->log.flushes++;
    return 0;
}

void trace_writer_flush_begin(struct trace_writer *w)
{
    (void)w;
}

bool trace_writer_flush_next(struct trace_writer *w)
{
    (void)w;
    return false;
}

void trace_writer_stats(const struct trace_writer *w, struct trace_writer_stats *out)
{
    (void)w;
    *out = (struct trace_writer_stats){0};
}

void trace_writer_addresses(struct trace_writer *w,
                            void (*visit)(void *context, uint64_t image, uint64_t address,
                                          uint64_t first_ticks, uint64_t last_ticks),
                            void *context)
{
    (void)w, (void)visit, (void)context;
}

size_t trace_writer_image_addresses(const struct trace_writer *w, uint64_t image,
                                    void (*visit)(void *context, uint64_t image, uint64_t address,
                                                  uint64_t first_ticks, uint64_t last_ticks),
                                    void *context)
{
    (void)w, (void)image, (void)visit, (void)context;
    return 0;
}

int trace_writer_can_switch(const struct trace_writer *w)
{
    (void)w;
    return -ENOTSUP;
}

int trace_writer_switch(struct trace_writer *w, int fd, struct trace_ending **old)
{
    (void)w;
    *old = NULL;
    close(fd);
    return -ENOTSUP;
}

int trace_writer_snapshot(struct trace_writer *w, uint64_t from_ticks, struct trace_snapshot **out)
{
    (void)w, (void)from_ticks;
    *out = NULL;
    return -ENOTSUP;
}

bool trace_writer_is_flight(const struct trace_writer *w)
{
    (void)w;
    return false;
}

uint64_t trace_writer_expire(struct trace_writer *w, uint64_t now_ticks)
{
    (void)w, (void)now_ticks;
    return 0;
}

void trace_writer_keep_from(struct trace_writer *w, uint64_t ticks)
{
    (void)w, (void)ticks;
}

/* There is never an ending, and never a snapshot. */
int trace_ending_close(struct trace_ending *ending, uint64_t *file_bytes)
{
    (void)ending, (void)file_bytes;
    return 0;
}

uint64_t trace_ending_bytes(const struct trace_ending *ending)
{
    (void)ending;
    return 0;
}

int trace_ending_symbol(struct trace_ending *ending, const struct trace_symbol *symbol)
{
    (void)ending, (void)symbol;
    return 0;
}

int trace_ending_note(struct trace_ending *ending, const struct trace_note *note)
{
    (void)ending, (void)note;
    return 0;
}

void trace_ending_addresses(struct trace_ending *ending,
                            void (*visit)(void *context, uint64_t image, uint64_t address,
                                          uint64_t first_ticks, uint64_t last_ticks),
                            void *context)
{
    (void)ending, (void)visit, (void)context;
}

int trace_snapshot_write(struct trace_snapshot *snapshot, int fd, struct trace_ending **ending)
{
    (void)snapshot, (void)ending;
    close(fd);
    return -ENOTSUP;
}

bool trace_snapshot_is_of(const struct trace_snapshot *snapshot, const char *path)
{
    (void)snapshot, (void)path;
    return false;
}

void trace_snapshot_free(struct trace_snapshot *snapshot)
{
    (void)snapshot;
}

int trace_writer_close(struct trace_writer *w)
{
    w->log.closed = true;
    return 0;
}
