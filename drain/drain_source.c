/* SPDX-License-Identifier: Apache-2.0 */
/* One segment: its slots are walked, its rings kept ready, its end found out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/crash_point.h"
#include "drain/drain_state.h"
#include "drain/proc_file.h"

enum {
    AHEAD_FILE = 4,
    AHEAD_EASY = 16,
    AHEAD_MAX = 64,
    SPARE_BURSTS = 8,      /* spare rings, in threads that begin in one round */
    AHEAD_BYTES = 8 << 20, /* of rings that nobody uses yet, while a process has few threads */
    LOOK_PAUSE_MIN_NS = 10 * 1000 * 1000,
    LOOK_PAUSE_MAX_NS = 1000 * 1000 * 1000
};

/* ---- begin ---- */

/* A slot that had another drain before: its thread goes on under our eyes, or it is dead and all
 * that it left belongs to the other trace. */
static void slot_adopt(struct drain *d, struct drain_source *s, uint32_t slot)
{
    struct registry_view view;

    if (!registry_look(&s->segment, slot, &view))
        return;
    if (view.dead || view.state == SLOT_RETIRED)
        registry_free(&s->segment, slot);
    else
        s->threads[slot] = thread_open(d, s, slot, &view, true);
}

/* Who died between taking a slot and saying who it is: nothing is in it. */
static void slot_look_after(struct drain *d, struct drain_source *s, uint32_t slot)
{
    uint32_t pid, parent_pid;

    if (registry_claimer(&s->segment, slot, &pid, &parent_pid) && process_has_gone(d, s, pid) &&
        registry_claimer(&s->segment, slot, &pid, &parent_pid))
        registry_free(&s->segment, slot);
}

/* Threads that have claimed a slot since the last round. */
static void source_discover(struct drain *d, struct drain_source *s)
{
    uint32_t bound = registry_bound(&s->segment), found = 0;
    struct registry_view view;

    /* Untrusted: it only grows. */
    if (s->bound < bound)
        s->bound = bound;
    s->unopened = 0;
    for (uint32_t slot = 0; slot < s->bound; slot++) {
        if (s->threads[slot])
            continue;
        if (registry_look(&s->segment, slot, &view)) {
            s->threads[slot] = thread_open(d, s, slot, &view, false);
            s->unopened += !s->threads[slot];
            found++;
        } else {
            slot_look_after(d, s, slot);
        }
    }
    s->burst = found > s->burst - s->burst / 8 ? found : s->burst - s->burst / 8;
}

void sources_discover(struct drain *d)
{
    for (struct drain_source *s = d->sources; s; s = s->next)
        source_discover(d, s);
}

bool source_has_come(const struct drain_source *s)
{
    return s->arena.at || s->arena_is_damaged || s->bound;
}

void source_attach(struct drain *d, struct drain_attachment *a, struct drain_source *s,
                   struct drain_process *root)
{
    /* What exec has made something else of may be a fork that we have not met yet: it comes first.
     */
    sources_discover(d);
    a->ticks = clock_ticks_of(d, a->ticks);
    s->segment = a->segment;
    s->kept = a->kept;
    s->unringed_since = a->ticks;
    process_add_root(d, s, a, root);
    if (a->reused || drain_is_late(d)) {
        s->unringed = registry_unringed_read(&s->segment, &s->unringed_bytes);
        s->arena_lost = load_relaxed(&s->segment.arena->lost);
    }
    s->next = d->sources;
    d->sources = s;
    wait_for_rings(&d->wait, s->segment.geometry.ring_bytes);
    wait_listen(&d->wait, &s->segment.shared->bell);
    life_add(&d->life, &s->segment);
    CRASH_POINT("source.attaching");
    source_time_begin(d, s);
    source_hear(d, s);
    if (a->reused)
        steer_reused(d, s);
    else
        steer_attached(d, s, a->steered);
    s->bound = registry_bound(&s->segment);
    for (uint32_t slot = 0; a->reused && slot < s->bound; slot++)
        slot_adopt(d, s, slot);
}

/* ---- a round ---- */

/*
 * Rings whose memory is there before a thread needs it. One for a process that has one thread, as
 * most have: for those who start more at once there are spare ones in a memfd, which fill with
 * memory as they are touched. A file's memory has to be there before: at least four.
 */
static unsigned rings_ahead(const struct drain_source *s)
{
    uint64_t ring_bytes = s->segment.geometry.ring_bytes;
    uint64_t ahead =
        AHEAD_BYTES / (ring_bytes < REGISTRY_EAGER_BYTES ? ring_bytes : REGISTRY_EAGER_BYTES);
    uint64_t least = s->segment.is_memfd ? 1 : AHEAD_FILE;

    if (ahead > AHEAD_EASY)
        ahead = AHEAD_EASY;
    if (s->live < 2 || ahead < least)
        ahead = least;
    if (ahead < s->live / 2)
        ahead = s->live / 2;
    return ahead < AHEAD_MAX ? (unsigned)ahead : AHEAD_MAX;
}

static void slot_visit(struct drain *d, struct drain_source *s, uint32_t slot, uint64_t share_bytes,
                       struct wait_load *load)
{
    struct drain_thread *t = s->threads[slot];
    struct registry_view view;
    bool seen, over, empty;

    if (!t)
        return;
    seen = registry_look(&s->segment, slot, &view);
    /* Found out before the ring is read: then an empty ring is the end of it. */
    over = t->process->dead || t->is_gone || (seen && (view.dead || view.state == SLOT_RETIRED));
    if (seen)
        thread_rename(d, t, &view);
    empty = thread_visit(d, t, share_bytes, load);
    /* No memory: the thread gets it page by page, or dies of the limit that was set for it. */
    if (t->reader.at > REGISTRY_EAGER_BYTES / 2)
        (void)!registry_extend(&s->segment, slot, REGISTRY_BUSY_BYTES);
    if (t->reader.policy == RING_OVERWRITE)
        thread_copy_follow(d, t);
    else
        thread_room_follow(d, t);
    if (!empty || !over)
        return;
    thread_end(d, t);
    s->threads[slot] = NULL;
    CRASH_POINT("slot.ended");
    registry_free(&s->segment, slot);
}

void source_round(struct drain *d, struct drain_source *s, uint64_t share_bytes,
                  struct wait_load *load)
{
    source_discover(d, s);
    /* Types before the records that need them. */
    source_hear(d, s);
    for (uint32_t slot = 0; slot < s->bound; slot++) {
        slot_visit(d, s, slot, share_bytes, load);
        drain_pause(d);
    }
    /* No memory for more: threads find no ring, and that is counted in the segment. */
    if (!s->root->dead || s->live) {
        (void)!registry_prepare(&s->segment, rings_ahead(s));
        registry_spare(&s->segment, REGISTRY_SPARE + SPARE_BURSTS * s->burst);
    }
}

void source_mark(struct drain_source *s)
{
    for (uint32_t slot = 0; slot < s->bound; slot++)
        if (s->threads[slot]) {
            (void)ring_available_to_read(&s->threads[slot]->reader);
            s->threads[slot]->mark = s->threads[slot]->reader.head;
        }
}

static bool slot_is_behind(const struct drain_source *s, uint32_t slot)
{
    const struct drain_thread *t = s->threads[slot];

    return t && (int64_t)(t->mark - t->reader.at) > 0;
}

bool source_round_to_marks(struct drain *d, struct drain_source *s, uint64_t share_bytes)
{
    struct wait_load load = {0};
    bool all = true;

    source_hear(d, s);
    for (uint32_t slot = 0; slot < s->bound; slot++) {
        slot_visit(d, s, slot, slot_is_behind(s, slot) ? share_bytes : 1, &load);
        all &= !slot_is_behind(s, slot);
        drain_pause(d);
    }
    return all;
}

/* A producer rings when an eighth of its ring is filled with what it is about to write: half of
 * that may have been there before. */
static bool slot_has_much(struct drain_source *s, uint32_t slot)
{
    struct drain_thread *t = s->threads[slot];
    struct registry_view view;

    if (!t)
        return registry_look(&s->segment, slot, &view);
    return ring_available_to_read(&t->reader) >= s->segment.geometry.ring_bytes / 16;
}

bool sources_have_much(void *drain)
{
    struct drain *d = drain;

    for (struct drain_source *s = d->sources; s; s = s->next) {
        uint32_t bound = registry_bound(&s->segment);

        for (uint32_t slot = 0; slot < bound; slot++)
            if (slot_has_much(s, slot))
                return true;
    }
    return false;
}

/* ---- once a second ---- */

void source_unringed_tell(struct drain *d, struct drain_source *s)
{
    uint64_t bytes, records = registry_unringed_read(&s->segment, &bytes), now = drain_now(d);
    struct trace_gap gap = {
        .kind = TRACE_GAP_DROPPED, .first_ticks = s->unringed_since, .last_ticks = now};
    struct trace_ledger ledger = {.final = true};

    records += s->unread - s->unringed;
    bytes += s->unread_bytes - s->unringed_bytes;
    if (s->unringed_told == records) {
        s->unringed_since = now;
        return;
    }
    if (!source_believes(d, s, s->unringed_told, records - s->unringed_told))
        return;
    if (!s->unringed_thread) {
        const struct trace_thread item = {.thread = d->next_thread++,
                                          .process = s->root->number,
                                          .start_ticks = s->unringed_since,
                                          .name = "(threads without a ring)"};

        s->unringed_thread = item.thread;
        drain_fail(d, trace_writer_thread(d->writer, &item));
        drain_fail(d, trace_stream_open(d->writer, item.thread, &s->unringed_stream));
    }
    gap.thread = ledger.thread = s->unringed_thread;
    gap.records = records - s->unringed_told;
    gap.bytes = bytes - s->unringed_told_bytes;
    ledger.dropped = records - s->unringed_before;
    ledger.dropped_bytes = bytes - s->unringed_bytes_before;
    if (s->unringed_stream)
        drain_fail(d, trace_stream_gaps(s->unringed_stream, &gap, 1));
    if (d->triggers)
        triggers_gap(d, s->root, NULL, &gap);
    drain_fail(d, trace_writer_ledger(d->writer, &ledger));
    d->ended.dropped += gap.records;
    s->unringed_told = records;
    s->unringed_told_bytes = bytes;
    s->unringed_since = now;
}

static void arena_loss_tell(struct drain *d, struct drain_source *s)
{
    uint64_t lost = load_relaxed(&s->segment.arena->lost); /* relaxed: a figure */

    if (lost == s->arena_lost)
        return;
    drain_write_note(d, TRACE_NOTE_WARNING, s->root->number,
                     "process %u told more types, modules and notes than there is room for: %llu "
                     "are missing",
                     s->root->pid, (unsigned long long)(lost - s->arena_lost));
    s->arena_lost = lost;
}

/* Where the kernel tells of no thread's death. An id that another thread of the process has got
 * since hides the end until the process's. */
static void thread_look_for(const struct drain_source *s, struct drain_thread *t)
{
    struct registry_view view;

    if (t->tid && !t->process->is_foreign && registry_look(&s->segment, t->slot, &view) &&
        !view.robust && view.tid == t->tid)
        t->is_gone = proc_thread_has_ended(t->pid, t->tid);
}

void source_tick(struct drain *d, struct drain_source *s)
{
    source_time_tell(d, s);
    for (uint32_t slot = 0; slot < s->bound; slot++)
        if (s->threads[slot]) {
            thread_tell(d, s->threads[slot]);
            thread_look_for(s, s->threads[slot]);
        }
    source_unringed_tell(d, s);
    arena_loss_tell(d, s);
}

/* ---- who is told of our death ---- */

/* All that there are now. In their order, which is the list's: who dies in here is missed by all.
 */
static void sources_link(struct drain *d)
{
    for (struct drain_source *s = d->sources; s; s = s->next) {
        life_link(&d->life, &s->segment, s->next ? &s->next->segment : NULL);
        CRASH_POINT("life.linked");
    }
    life_link_first(&d->life, d->sources ? &d->sources->segment : NULL);
}

/* What leads to `s` leads to `segment`, which is that of `s`, or of whom it is in front of. */
static void source_lead_to(struct drain *d, const struct drain_source *s, struct segment *segment)
{
    struct drain_source *before = NULL;

    for (struct drain_source *at = d->sources; at != s; at = at->next)
        before = at;
    if (before)
        life_link(&d->life, &before->segment, segment);
    else
        life_link_first(&d->life, segment);
}

/* While its segment cannot be read: the kernel would go no further, and tell nobody behind it. */
static void source_pass_by(struct drain *d, struct drain_source *s)
{
    source_lead_to(d, s, s->next ? &s->next->segment : NULL);
}

static void source_put_back(struct drain *d, struct drain_source *s)
{
    life_link(&d->life, &s->segment, s->next ? &s->next->segment : NULL);
    source_lead_to(d, s, &s->segment);
}

/* ---- end ---- */

/*
 * Does anybody still map the segment? A child may have been forked that never said a word. The
 * kernel refuses to seal a file against writing while it is mapped writable, so we take our own
 * mapping away (its addresses stay reserved) and try.
 */
static bool segment_has_users(struct segment *segment)
{
    void *base = segment->shared;

    if (mmap(base, segment->bytes, PROT_NONE,
             MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        return true;
    CRASH_POINT("source.hidden");
    /* -EPERM: somebody has sealed the seals themselves, which only harms. Nobody has to be waited
     * for then; whoever still maps it keeps his mapping. */
    if (fcntl(segment->fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 || errno == EPERM)
        return false;
    /* Back again at the same place. Should that fail, nothing can be read from it any more. */
    if (mmap(base, segment->bytes, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, segment->fd,
             0) == MAP_FAILED)
        return false;
    segment_keep_from_forks(segment);
    return true;
}

static bool source_has_processes(const struct drain *d, const struct drain_source *s)
{
    for (const struct drain_process *p = d->processes; p; p = p->next)
        if (p->source == s && !p->ended)
            return true;
    return false;
}

bool source_release(struct drain *d, struct drain_source *s, uint64_t now_ns)
{
    if (s->kept || s->live || !s->root->dead || now_ns < s->look_again_ns ||
        source_has_processes(d, s) || s->unopened)
        return false;
    source_tick(d, s);
    source_pass_by(d, s);
    if (segment_has_users(&s->segment)) {
        source_put_back(d, s);
        s->look_pause_ns = s->look_pause_ns ? s->look_pause_ns * 2 : LOOK_PAUSE_MIN_NS;
        if (s->look_pause_ns > LOOK_PAUSE_MAX_NS)
            s->look_pause_ns = LOOK_PAUSE_MAX_NS;
        s->look_again_ns = now_ns + s->look_pause_ns;
        return false;
    }
    source_free(d, s);
    return true;
}

/* Memory was too short to follow these threads, to the end: what they wrote and what they dropped
 * counts as if they had had no ring. */
static void unopened_count(struct drain_source *s)
{
    struct registry_view view;
    struct ring_stats ring;

    for (uint32_t slot = 0; slot < s->bound; slot++) {
        if (s->threads[slot] || !registry_look(&s->segment, slot, &view))
            continue;
        ring_stats(&s->segment.slots[slot].ring, &ring);
        s->unread += ring.written - ring.taken + ring.dropped;
        s->unread_bytes += ring.written_bytes + ring.dropped_bytes;
    }
}

void source_finish(struct drain *d, struct drain_source *s)
{
    if (s->unopened) {
        drain_fail(d, -ENOMEM);
        unopened_count(s);
    }
    for (uint32_t slot = 0; slot < s->bound; slot++) {
        if (!s->threads[slot])
            continue;
        thread_leave(d, s->threads[slot]);
        s->threads[slot] = NULL;
    }
    source_tick(d, s);
    if (s->unringed_stream)
        drain_fail(d, trace_stream_close(s->unringed_stream));
    s->unringed_stream = NULL;
}

void sources_join_life(struct drain *d)
{
    life_begin(&d->life);
    sources_link(d);
}

void source_free(struct drain *d, struct drain_source *s)
{
    struct drain_source **at = &d->sources;
    struct drain_process *next;

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    if (s->unringed_stream)
        drain_fail(d, trace_stream_close(s->unringed_stream));
    if (s->unringed_thread && d->writer)
        trace_writer_thread_end(d->writer, s->unringed_thread);
    modules_leave(d, s);
    for (struct drain_process *p = d->processes; p; p = next) {
        next = p->next;
        if (p->source == s)
            process_free(d, p);
    }
    wait_forget(&d->wait, &s->segment.shared->bell);
    sources_link(d);
    triggers_source_free(s);
    if (!s->kept)
        segment_destroy(&s->segment);
    source_names_free(s);
    free(s);
}
