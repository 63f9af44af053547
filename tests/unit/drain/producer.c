/* SPDX-License-Identifier: Apache-2.0 */
#include "producer.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <adatrace/field.h>

#include "base/clock.h"
#include "base/schema.h"

static void segment_begin(struct stage *stage, struct segment *segment,
                          const struct stage_options *o)
{
    const struct segment_geometry geometry = {
        .slots = o->slots ? o->slots : 16,
        .ring_bytes = o->ring_bytes ? o->ring_bytes : 4096,
        .ring_max_bytes = o->ring_max_bytes,
        .arena_bytes = 1 << 20,
        .policy = o->policy,
        .timeout_ns = o->timeout_ns,
        .clock = SEGMENT_CLOCK_MONOTONIC,
    };

    assert_int_equal(segment_create(segment, &geometry, NULL), 0);
    assert_true(registry_prepare(segment, geometry.slots) > 0);
    stage->segment = *segment;
    stage->has_mapping = o->maps;
    if (o->maps)
        assert_int_equal(segment_map(&stage->segment, segment->fd), 0);
}

void stage_add(struct stage *stage, struct drain *drain, const struct stage_options *o)
{
    struct drain_attachment a = {.pid = o->pid ? o->pid : (uint32_t)getpid(),
                                 .pidfd = -1,
                                 .facts.start_time = o->start_time};

    memset(stage, 0, sizeof(*stage));
    segment_begin(stage, &a.segment, o);
    stage->drain = drain;
    stage->pid = a.pid;
    a.ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(drain_attach(drain, &a), 0);
    if (!o->untold)
        stage_tell_type(stage, TYPE_NUMBER, "test", "number");
}

void stage_unmap(struct stage *stage)
{
    if (stage->has_mapping)
        segment_destroy(&stage->segment);
    stage->has_mapping = false;
}

void stage_clear(struct stage *stage)
{
    drain_destroy(stage->drain);
    stage_unmap(stage);
}

void stage_tell_type(struct stage *stage, uint16_t id, const char *provider, const char *name)
{
    const struct ada_field number = {
        .name = "number", .count = 1, .kind = ADA_KIND_UNSIGNED, .width = 8};
    const struct ada_field status = {
        .name = "status", .count = 1, .kind = ADA_KIND_SIGNED, .width = 4};
    const struct ada_field path = {.name = "path", .count = 1, .kind = ADA_KIND_STRING};
    const struct schema schema = {
        .id = id,
        .level = ADA_LEVEL_INFO,
        .field_count = 1,
        .provider = provider,
        .name = name,
        .fields = strcmp(name, "exec") == 0   ? &path
                  : strcmp(name, "exit") == 0 ? &status
                                              : &number,
    };
    unsigned char bytes[512];
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(arena_append(&stage->segment, ARENA_TYPE, bytes, (size_t)size, NULL, 0), 0);
}

void producer_claim(struct producer *p, struct stage *stage, uint32_t tid, bool robust)
{
    const struct registry_claim claim = {
        .pid = stage->pid,
        .tid = tid ? tid : (uint32_t)syscall(SYS_gettid),
        .ticks = clock_source_ticks(CLOCK_SOURCE_MONOTONIC),
        .name = "producer",
        .robust = robust,
    };
    uint64_t patience_ns = clock_monotonic_ns() + UINT64_C(10000000000);
    int slot;

    /* Threads can begin faster than a drain that has to share its processor makes slots ready. */
    while ((slot = registry_claim(&stage->segment, &claim)) == -EAGAIN &&
           clock_monotonic_ns() < patience_ns)
        sched_yield();
    assert_true(slot >= 0);
    memset(p, 0, sizeof(*p));
    p->stage = stage;
    p->slot = (uint32_t)slot;
    p->is_invented = tid && !robust;
    if (p->is_invented) /* a word that nobody holds, so that nobody's death is ever marked in it */
        stage->segment.slots[slot].robust = SEGMENT_LIFE_WORD + 1;
    ring_writer_init(&p->writer, &stage->segment.slots[slot].ring, false);
    p->writer.data = segment_ring_data(&stage->segment, p->slot);
}

bool producer_write(struct producer *p, uint64_t number)
{
    return ring_write(&p->writer, TYPE_NUMBER, &number, sizeof(number));
}

void producer_retire(struct producer *p)
{
    if (p->is_invented)
        p->stage->segment.slots[p->slot].robust = 0;
    registry_retire(&p->stage->segment, p->slot);
}

struct ring_shared *producer_ring(struct producer *p)
{
    return &p->stage->segment.slots[p->slot].ring;
}

void thread_run(void *(*work)(void *argument), void *argument)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, work, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}
