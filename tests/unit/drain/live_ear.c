/* SPDX-License-Identifier: Apache-2.0 */
#include "live_ear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "drain/drain_state.h"
#include "drain/live_state.h"
#include "format/items.h"

void live_stage_begin(struct stage *stage, const struct stage_options *o)
{
    static const struct trace_recording recording = {.adatrace_version = "test",
                                                     .clock_source = "monotonic"};
    const struct drain_options options = {
        .clock = CLOCK_SOURCE_MONOTONIC, .level = 1, .room_budget = o->ring_budget};
    int fd = memfd_create("trace", MFD_CLOEXEC);
    struct trace_writer *writer;
    struct drain *drain;

    assert_true(fd >= 0);
    assert_int_equal(trace_writer_open(&writer, fd, NULL, &recording), 0);
    assert_int_equal(drain_create(&drain, writer, &options), 0);
    stage_add(stage, drain, o);
}

uint64_t live_later(void)
{
    static uint64_t now_ns = UINT64_MAX / 2;

    return now_ns += UINT64_C(10000000000);
}

static void run_hear(struct ear *e, const struct live_run *run, uint32_t bytes)
{
    const unsigned char *at = (const unsigned char *)(run + 1);

    assert_int_equal(bytes, sizeof(*run) + run->records * 16);
    assert_true(run->ticks >= e->ticks);
    for (uint32_t i = 0; i < run->records; i++, at += 16) {
        uint64_t words[2];

        memcpy(words, at, sizeof(words));
        assert_int_equal(ada_record_type(words[0]), TYPE_NUMBER);
        e->ticks = run->ticks + ((words[0] >> 22) - run->ticks) % (UINT64_C(1) << 42);
        e->in_order &= words[1] == e->next;
        e->next = words[1] + 1;
    }
    e->records += run->records;
}

static void items_hear(struct ear *e, const unsigned char *at, size_t left)
{
    while (left) {
        struct item_view view;
        int64_t size = item_next(at, left, &view);

        assert_true(size > 0);
        e->thread_items += view.kind == ITEM_THREAD;
        e->type_items += view.kind == ITEM_TYPE;
        at += size;
        left -= (size_t)size;
    }
}

static void message_hear(struct ear *e, uint32_t type, const void *payload, uint32_t bytes)
{
    const struct live_head *head = payload;

    assert_in_range(type, LIVE_RUN, LIVE_BEGIN);
    assert_true(bytes >= sizeof(*head));
    e->count[type]++;
    switch (type) {
    case LIVE_RUN:
        run_hear(e, payload, bytes);
        break;
    case LIVE_ITEMS:
        items_hear(e, (const unsigned char *)(head + 1), bytes - sizeof(*head));
        break;
    case LIVE_DECLARE:
        e->declared++;
        assert_int_equal(((const struct live_declare *)payload)->id, TYPE_NUMBER);
        break;
    case LIVE_ROUND:
        assert_true(((const struct live_round *)payload)->ticks >= e->round_ticks);
        e->round_ticks = ((const struct live_round *)payload)->ticks;
        break;
    default:
        break;
    }
}

void ear_catalogue(struct ear *e, const void *bytes, size_t size)
{
    const unsigned char *at = bytes, *end = at + size;
    const struct live_piece *piece = (const void *)at;
    const struct live_begin *begin = (const void *)(piece + 1);

    assert_int_equal(piece->type, LIVE_BEGIN);
    assert_int_equal(begin->version, LIVE_VERSION);
    e->records = begin->head.records;
    e->items = begin->head.items;
    while (at < end) {
        piece = (const void *)at;
        message_hear(e, piece->type, piece + 1, piece->bytes);
        at += sizeof(*piece) + (piece->bytes + 7) / 8 * 8;
    }
    assert_ptr_equal(at, end);
}

int ear_hear(struct ear *e)
{
    struct ada_broadcast_message m;
    int got;

    while ((got = ada_broadcast_read(e->consumer, &m, 0)) == 1) {
        const struct live_head *head = m.payload;

        assert_int_equal(m.missed_messages, 0);
        assert_int_equal(head->records, e->records);
        assert_int_equal(head->items, e->items);
        message_hear(e, m.type, m.payload, m.bytes);
        e->items += m.type == LIVE_ITEMS || m.type == LIVE_DECLARE;
        ada_broadcast_release(e->consumer);
    }
    return got;
}

const struct ada_broadcast_join_options ear_gating = {.size = sizeof(ear_gating),
                                                      .kind = ADA_BROADCAST_GATING};

void ear_open(struct ear *e, struct stage *stage)
{
    struct live_catalogue catalogue;

    *e = (struct ear){.in_order = 1};
    assert_int_equal(live_join(stage->drain, &ear_gating, &e->consumer, &catalogue), 0);
    ear_catalogue(e, catalogue.bytes, catalogue.size);
    free(catalogue.bytes);
}
