/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: claimed, retired, died with, reaped, made ready and claimed again, by several threads. */
#include "rig.h"

#include <linux/futex.h>

#include "base/atomic.h"
#include "registry/bell.h"
#include "registry/registry.h"

enum { RING_BYTES = 4096, SLOTS = 2, ALIGNED = 64 * 1024, OWNERS = 3 };

static struct segment_shared header __attribute__((aligned(128)));
static struct slot_shared slots[SLOTS];
static unsigned char rings[SLOTS][ALIGNED] __attribute__((aligned(128)));
static uint64_t there_bytes[SLOTS];
static uint8_t prepared[SLOTS];
static struct segment segment;
static struct ada_writer writers[OWNERS];

/* What has happened, seen from nowhere. */
static struct {
    int owner_of[SLOTS]; /* thread + 1 */
    bool claimed[OWNERS], emitted[OWNERS], retired[OWNERS];
    unsigned reads[OWNERS];
    unsigned generations;
} seen;

static void open_slots(uint32_t count)
{
    memset(&header, 0, sizeof(header));
    memset(slots, 0, sizeof(slots));
    memset(&seen, 0, sizeof(seen));
    memset(prepared, 0, sizeof(prepared));
    memset(writers, 0, sizeof(writers));
    for (unsigned i = 0; i < SLOTS; i++)
        memset(rings[i], 0, 256);
    segment = (struct segment){.shared = &header,
                               .slots = slots,
                               .rings = rings[0],
                               .fd = -1,
                               .there_bytes = there_bytes,
                               .prepared = prepared,
                               .geometry = {.slots = count,
                                            .ring_bytes = RING_BYTES,
                                            .policy = RING_DROP,
                                            .clock = SEGMENT_CLOCK_COUNTER}};
    model_shared(&header, sizeof(header), false);
    model_shared(slots, sizeof(slots), false);
    model_shared(rings, sizeof(rings), false);
    for (unsigned i = 0; i < count; i++) {
        struct ring_shared *r = &slots[i].ring;
        uint32_t *words[] = {&slots[i].life.words[SEGMENT_LIFE_WORD],
                             &r->magic,
                             &r->version,
                             &r->policy,
                             &r->waiting,
                             &r->space,
                             &r->beat};

        for (unsigned k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            model_place_of(words[k], sizeof(*words[k]));
    }
}

static void open_one_ready(void)
{
    open_slots(1);
    model_assert(registry_prepare(&segment, 1) == 1);
}

static void open_two_ready(void)
{
    open_slots(2);
    model_assert(registry_prepare(&segment, 2) == 2);
}

static void open_none_ready(void)
{
    open_slots(1);
}

/* ---- owners ---- */

static int claim_as(unsigned self)
{
    const struct registry_claim claim = {.pid = 50 + self, .ticks = 1, .robust = true};
    int slot = registry_claim(&segment, &claim);

    if (slot < 0)
        return slot;
    if (seen.owner_of[slot])
        model_fail("slot %d belongs to two threads", slot);
    seen.owner_of[slot] = (int)self + 1;
    seen.claimed[self] = true;
    return slot;
}

static void emit_to(unsigned self, int slot)
{
    struct ada_writer *w = &writers[self];
    uint32_t tag = ada_record_tag(RIG_EVENT, 16);
    struct ada_record r;

    ring_writer_init(w, &slots[slot].ring, true);
    r = ring_reserve_slow(w, tag, 16, 0);
    model_assert(r.payload);
    *(uint64_t *)(void *)r.payload = self;
    seen.emitted[self] = true;
    ada_commit_record(&r);
}

static void claim_emit_retire(void)
{
    unsigned self = model_self();
    int slot = claim_as(self);

    if (slot < 0)
        return;
    emit_to(self, slot);
    seen.owner_of[slot] = 0;
    seen.retired[self] = true;
    registry_retire(&segment, (uint32_t)slot);
}

static void claim_and_retire(void)
{
    int slot = claim_as(model_self());

    if (slot < 0)
        return;
    seen.owner_of[slot] = 0;
    registry_retire(&segment, (uint32_t)slot);
}

/* Seen from nowhere, too. */
__attribute__((no_sanitize("thread"))) static bool is_holding(unsigned self, unsigned slot)
{
    return (*(volatile uint32_t *)&slots[slot].life.words[SEGMENT_LIFE_WORD] & FUTEX_TID_MASK) ==
           self + 100;
}

/* What the kernel does to a robust mutex when its owner is gone. */
static void kernel_marks_death(void)
{
    unsigned self = model_self();

    for (unsigned i = 0; i < SLOTS; i++)
        if (is_holding(self, i)) {
            seen.owner_of[i] = 0;
            (void)__atomic_fetch_or(&slots[i].life.words[SEGMENT_LIFE_WORD], FUTEX_OWNER_DIED,
                                    __ATOMIC_RELEASE);
        }
}

static void claim_emit_die(void)
{
    model_death_set(kernel_marks_death);
    claim_emit_retire();
}

/* ---- the drain ---- */

static void ring_read_all(uint32_t slot, const struct registry_view *view)
{
    struct ring_reader reader;
    struct ring_record record;

    model_assert(ring_reader_init(&reader, &slots[slot].ring, segment_ring_data(&segment, slot),
                                  RING_BYTES, RING_DROP) == 0);
    while (ring_peek(&reader, &record) == 1) {
        uint64_t owner = *(const uint64_t *)(const void *)record.payload;

        model_assert(owner < OWNERS && seen.emitted[owner]);
        model_assert(view->pid == 50 + owner); /* of this owner, and no other */
        model_assert(!seen.reads[owner]++);
        ring_advance(&reader, &record);
        ring_release(&reader);
    }
}

/* As slot_visit() in drain/drain_source.c: first whether it is over, then the ring. */
static void slot_visit(uint32_t slot)
{
    struct registry_view view;

    if (!registry_look(&segment, slot, &view))
        return;
    model_assert(view.pid >= 50 && view.pid < 50 + OWNERS);
    model_assert(view.tid == view.pid + 50);
    ring_read_all(slot, &view);
    if (!view.dead && view.state != SLOT_RETIRED)
        return;
    for (unsigned i = 0; i < OWNERS; i++)
        if (seen.emitted[i] && seen.retired[i] && view.pid == 50 + i)
            model_assert(seen.reads[i] == 1); /* an empty ring is the end of it */
    registry_free(&segment, slot);
    seen.generations++;
}

static void drain_round(void)
{
    uint32_t bound = registry_bound(&segment);

    for (uint32_t slot = 0; slot < bound; slot++)
        slot_visit(slot);
    (void)!registry_prepare(&segment, 1);
}

static void drain_once(void)
{
    drain_round();
}

static void drain_twice(void)
{
    drain_round();
    drain_round();
}

static void drain_thrice(void)
{
    drain_twice();
    drain_round();
}

/* Everybody has come to his end, one way or the other. */
static void check_all(void)
{
    drain_twice();
    for (unsigned i = 0; i < OWNERS; i++) {
        model_assert(!seen.retired[i] || !seen.emitted[i] || seen.reads[i] == 1);
        model_assert(seen.claimed[i] || !seen.reads[i]);
    }
}

/* ---- names ---- */

static void claim_and_rename(void)
{
    const struct registry_claim claim = {.pid = 50, .ticks = 1, .robust = false, .tid = 100};
    int slot = registry_claim(&segment, &claim);

    registry_rename(&segment, (uint32_t)slot, "b");
}

static void look_for_name(void)
{
    struct registry_view view;

    if (registry_look(&segment, 0, &view) && view.name_changes)
        model_assert(view.name[0] == 'b');
}

/* ---- threads without a ring ---- */

static void count_two(void)
{
    registry_unringed(&segment, 100);
    registry_unringed(&segment, 100);
}

static void look_for_bytes(void)
{
    uint64_t bytes, records = registry_unringed_read(&segment, &bytes);

    model_assert(bytes >= records * 100);
}

/* ---- the bell ---- */

/* As sleep_armed() in drain/wait.c: arm, look once more, sleep. */
static void sleep_until_claim(void)
{
    struct registry_view view;

    for (;;) {
        model_assert(bell_arm(&header.bell));
        fence_seq_cst();
        if (registry_look(&segment, 0, &view))
            break;
        syscall(SYS_futex, &header.bell, FUTEX_WAIT, BELL_ARMED, NULL, NULL, 0);
    }
    bell_disarm(&header.bell);
}

static void claim_only(void)
{
    model_assert(claim_as(model_self()) >= 0);
}

/* A ring that fills: what was published before the producer stops is found, or it rings. */
static uint32_t ring_bell;

static void open_half_full(void)
{
    const struct ring_options elastic = {.policy = RING_DROP, .base_bytes = 512};

    rig_open(4096, &elastic);
    ring_bell = BELL_QUIET;
    model_shared(&ring_bell, sizeof(ring_bell), false);
    rig.writer->bell = &ring_bell;
    (void)rig_emit(24);
    rig_drain();
}

static void emit_over_step(void)
{
    (void)rig_emit(64); /* published, in front of the stop */
    (void)rig_emit(64);
}

static void sleep_until_filled(void)
{
    model_assert(bell_arm(&ring_bell));
    fence_seq_cst();
    if (!ring_available_to_read(&rig.reader))
        syscall(SYS_futex, &ring_bell, FUTEX_WAIT, BELL_ARMED, NULL, NULL, 0);
    bell_disarm(&ring_bell);
    rig_visit(8);
    if (!rig.records)
        model_fail("woken, and there is nothing");
}

const struct model_case registry_cases[] = {
    {"claim",
     "a thread claims, emits and retires, and is drained",
     open_one_ready,
     {claim_emit_retire, drain_twice},
     check_all},
    {"claim-unready",
     "before the slot is ready",
     open_none_ready,
     {claim_emit_retire, drain_once},
     check_all},
    {"claim-race",
     "two threads for one slot, which is made ready again",
     open_one_ready,
     {claim_emit_retire, claim_emit_retire, drain_twice},
     check_all},
    {"claim-race-two",
     "two threads, two slots",
     open_two_ready,
     {claim_emit_retire, claim_emit_retire, drain_once},
     check_all},
    {"reuse",
     "one after the other in the same slot",
     open_one_ready,
     {claim_and_retire, claim_emit_retire, drain_twice},
     check_all},
    {"reap",
     "a thread dies at every store, and its slot is reaped",
     open_one_ready,
     {claim_emit_die, drain_twice},
     check_all},
    {"reap-race",
     "and claimed by another one",
     open_one_ready,
     {claim_emit_die, claim_emit_retire, drain_twice},
     check_all},
    {"reap-race-long",
     "with more rounds of the drain",
     open_one_ready,
     {claim_emit_die, claim_emit_retire, drain_thrice},
     check_all,
     .is_long = true},
    {"rename",
     "a name changes while it is looked at",
     open_one_ready,
     {claim_and_rename, look_for_name},
     NULL},
    {"unringed",
     "records of two threads that found no ring, counted with their bytes",
     open_none_ready,
     {count_two, count_two, look_for_bytes},
     NULL},
    {"bell-claim",
     "a drain that sleeps until a thread comes",
     open_one_ready,
     {claim_only, sleep_until_claim},
     NULL},
    {"bell-fill",
     "a drain that sleeps until a ring fills",
     open_half_full,
     {emit_over_step, sleep_until_filled},
     rig_check},
};
const unsigned registry_cases_count = sizeof(registry_cases) / sizeof(registry_cases[0]);
