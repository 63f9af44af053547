/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running session tells its listeners: a catalogue, then messages; in them metadata items,
 * event type descriptions, symbols, and records in which the traced program has scribbled.
 *
 *     u32 bytes of the catalogue   catalogue   messages: u32 type, u32 bytes, payload padded to 8
 *
 * The same items go through the catalogue that a session keeps itself.
 */
#include <stdlib.h>
#include <string.h>

/* Its parts, which read what is tested here, are its own. */
#include "base/le.h"
#include "cli/live_source.c" /* NOLINT(bugprone-suspicious-include): its static parts are tested */
#include "format/catalogue.h"
#include "format/items.h"
#include "fuzz_target.h"
#include "trace_walk.h"

/* ---- what is heard ---- */

static void record_hear(void *context, const struct trace_thread *thread,
                        const struct trace_type *type, uint64_t ticks, const unsigned char *payload,
                        uint32_t size)
{
    uint32_t offsets[2 * SCHEMA_FIELDS_MAX];
    struct trace_run run;

    (void)context;
    (void)ticks;
    fuzz_touch(thread->name, strlen(thread->name));
    fuzz_touch(payload, size);
    if (trace_live_run(type, payload, size, &run, offsets) != 0)
        return;
    for (unsigned f = 0; f < type->schema.field_count; f++) {
        const struct trace_column *column = &run.columns[f];

        fuzz_touch(column->bytes, column->offsets
                                      ? column->offsets[1]
                                      : (size_t)column->field->width * column->field->count);
    }
}

static void gap_hear(void *context, const struct trace_thread *thread, const struct trace_gap *gap)
{
    (void)context;
    fuzz_touch(thread->name, strlen(thread->name));
    fuzz_touch(gap, sizeof(*gap));
}

static void missed_hear(void *context, const struct live_missed *missed)
{
    (void)context;
    (void)missed;
}

static void round_hear(void *context, uint64_t ticks, uint64_t monotonic_ns)
{
    (void)context;
    (void)ticks;
    (void)monotonic_ns;
}

static void messages_hear(struct live_source *s, const unsigned char *at, size_t left)
{
    const struct live_visitor visitor = {
        .record = record_hear, .gap = gap_hear, .missed = missed_hear, .round = round_hear};

    while (left >= sizeof(struct live_piece)) {
        struct live_piece piece;
        struct ada_broadcast_message message;
        void *payload;

        memcpy(&piece, at, sizeof(piece));
        at += sizeof(piece);
        left -= sizeof(piece);
        if (piece.bytes > left)
            return;
        payload = aligned_alloc(8, ((size_t)piece.bytes + 8) / 8 * 8);
        FUZZ_CHECK(payload);
        memcpy(payload, at, piece.bytes);
        message = (struct ada_broadcast_message){
            .type = piece.type, .payload = payload, .bytes = piece.bytes};
        s->stale = false; /* there is nobody who could be asked again */
        s->asked_ns = UINT64_MAX / 2;
        (void)message_take(s, &message, &visitor);
        free(payload);
        piece.bytes = (piece.bytes + 7) & ~7u;
        if (piece.bytes > left)
            return;
        at += piece.bytes;
        left -= piece.bytes;
    }
}

/* ---- what a session keeps ---- */

union any_item {
    struct trace_recording recording;
    struct trace_clock_pair clock;
    struct trace_process process;
    struct trace_process_end process_end;
    struct trace_thread thread;
    struct trace_ledger ledger;
    struct item_type type;
    struct trace_module module;
    struct trace_symbol symbol;
    struct trace_note note;
};

static void item_keep(struct catalogue *catalogue, const struct item_view *view)
{
    struct string_arena strings = {0};
    struct byte_buffer again = {0};
    union any_item item;

    if (item_decode(view, &item, &strings) == 0) {
        FUZZ_CHECK(item_append(&again, (enum item_kind)view->kind, &item) == 0);
        (void)!catalogue_add(catalogue, (enum item_kind)view->kind, &item);
    }
    byte_buffer_free(&again);
    string_arena_free(&strings);
}

/* All items of an input, as they stand in it; then what was kept of them, which is well-formed. */
static void items_keep(const unsigned char *at, size_t left)
{
    struct catalogue *catalogue = catalogue_create();
    struct byte_buffer kept = {0};
    struct item_view view;
    struct trace *trace;
    uint32_t items = 0;
    int64_t size;

    FUZZ_CHECK(catalogue);
    while (left && (size = item_next(at, left, &view)) > 0) {
        item_keep(catalogue, &view);
        at += size;
        left -= (size_t)size;
    }
    FUZZ_CHECK(catalogue_recording(catalogue, &kept) == 0);
    FUZZ_CHECK(catalogue_items(catalogue, &kept, &items) == 0);
    (void)catalogue_bytes(catalogue);
    FUZZ_CHECK(trace_live_create(&trace) == 0);
    (void)!trace_live_items(trace, kept.bytes, kept.size);
    trace_close(trace);
    byte_buffer_free(&kept);
    catalogue_destroy(catalogue);
}

/* ---- inputs ---- */

static void session_hear(const unsigned char *catalogue, size_t size, const unsigned char *messages,
                         size_t messages_size)
{
    struct live_source *s = calloc(1, sizeof(*s));
    struct live_begin begin = {0};

    FUZZ_CHECK(s && trace_live_create(&s->trace) == 0);
    s->client.fd = -1;
    (void)catalogue_take(s, catalogue, size, &begin);
    trace_walk_tables(s->trace);
    messages_hear(s, messages, messages_size);
    trace_walk_tables(s->trace);
    live_source_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const size_t front = sizeof(struct live_piece) + sizeof(struct live_head);
    unsigned char *catalogue;
    size_t length;

    if (size < 4)
        return 0;
    length = le32_load(bytes);
    bytes += 4;
    size -= 4;
    length = length < size ? length : size;
    catalogue = aligned_alloc(8, (length + 8) / 8 * 8); /* as it is mapped */
    FUZZ_CHECK(catalogue);
    memcpy(catalogue, bytes, length);
    session_hear(catalogue, length, bytes + length, size - length);
    if (length > front)
        items_keep(catalogue + front, length - front);
    free(catalogue);
    return 0;
}
