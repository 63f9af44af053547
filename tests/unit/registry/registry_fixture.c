/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"

const struct segment_geometry fixture_small = {.slots = 2,
                                               .ring_bytes = 4096,
                                               .arena_bytes = 65536,
                                               .policy = RING_DROP,
                                               .clock = SEGMENT_CLOCK_COUNTER};

/* ---- the drain ---- */

struct registry_fixture *registry_fixture_open(uint32_t slots, uint64_t ring_bytes, unsigned ahead)
{
    /* Static, so that valgrind finds in a child what the parent has. */
    static struct registry_fixture fixture;
    struct segment_geometry geometry = fixture_small;
    struct registry_fixture *f = &fixture;

    memset(f, 0, sizeof(*f));
    geometry.slots = slots;
    geometry.ring_bytes = ring_bytes;
    assert_int_equal(segment_create(&f->segment, &geometry, NULL), 0);
    f->ahead = ahead;
    assert_int_equal(registry_prepare(&f->segment, ahead), ahead);
    return f;
}

void registry_fixture_close(struct registry_fixture *f)
{
    segment_destroy(&f->segment);
}

bool slot_is_ready(const struct segment *s, uint32_t slot)
{
    return (load_acquire(&s->shared->ready[slot / 64]) >> (slot % 64) & 1) &&
           load_acquire(&s->slots[slot].claimer) == SLOT_OFFERED;
}

struct registry_view slot_look(const struct segment *s, uint32_t slot)
{
    struct registry_view view = {0};

    assert_true(registry_look(s, slot, &view));
    return view;
}

static void owner_begin(struct registry_fixture *f, uint32_t slot, const struct registry_view *view)
{
    struct fixture_owner *o = &f->owners[slot];
    struct segment *s = &f->segment;

    *o = (struct fixture_owner){.here = true, .pid = view->pid, .tid = view->tid};
    assert_int_equal(ring_reader_init(&o->reader, &s->slots[slot].ring, segment_ring_data(s, slot),
                                      s->geometry.ring_bytes, s->geometry.policy),
                     0);
}

static void owner_end(struct registry_fixture *f, uint32_t slot, bool killed)
{
    struct fixture_owner *o = &f->owners[slot];
    struct ring_stats stats;

    ring_stats(&f->segment.slots[slot].ring, &stats);
    ring_reader_fini(&o->reader);
    assert_int_equal(o->ledger.torn, 0);
    assert_int_equal(o->ledger.damages, 0);
    assert_int_equal(o->ledger.backwards, 0);
    assert_int_equal(o->ledger.disorder, 0);
    assert_int_equal(stats.taken, o->ledger.records);
    /* A thread that was killed may have counted one record that it did not get to publish. */
    assert_in_range(stats.written, stats.taken, stats.taken + killed);
    f->ended++;
    f->taken += stats.taken;
    f->written += stats.written;
    f->dropped += stats.dropped;
    o->here = false;
    f->frees[slot]++;
    registry_free(&f->segment, slot);
}

/* Taken by one who is dead and has not said who it was. */
static void look_after(struct registry_fixture *f, uint32_t slot)
{
    uint32_t pid, parent_pid;

    if (!registry_claimer(&f->segment, slot, &pid, &parent_pid) || pid != f->dead_pid)
        return;
    assert_int_equal(parent_pid, 0);
    f->frees[slot]++;
    f->given_back++;
    registry_free(&f->segment, slot);
}

static bool slot_visit(struct registry_fixture *f, uint32_t slot)
{
    struct fixture_owner *o = &f->owners[slot];
    struct registry_view view;
    bool killed, over;

    if (!registry_look(&f->segment, slot, &view)) {
        assert_false(o->here); /* nobody but we sets a slot free */
        look_after(f, slot);
        return false;
    }
    killed = view.dead || (view.pid == f->dead_pid && view.state == SLOT_CLAIMED);
    over = killed || view.state == SLOT_RETIRED; /* found out before the ring is read */
    if (!o->here)
        owner_begin(f, slot, &view);
    assert_int_equal(view.generation, f->frees[slot]);
    assert_int_equal(view.pid, o->pid);
    assert_int_equal(view.tid, o->tid);
    assert_true(view.pid && view.tid);
    assert_true(strlen(view.name) < sizeof(view.name));
    (void)ledger_drain(&o->ledger, &o->reader);
    if (over)
        owner_end(f, slot, killed);
    return !over;
}

unsigned registry_fixture_round(struct registry_fixture *f)
{
    uint32_t bound = registry_bound(&f->segment);
    unsigned left = 0;

    for (uint32_t slot = 0; slot < bound; slot++)
        left += slot_visit(f, slot);
    assert_true(registry_prepare(&f->segment, f->ahead) >= 0);
    return left;
}

/* ---- owners ---- */

int owner_claim(struct segment *s, const char *name)
{
    const struct registry_claim who = {.pid = (uint32_t)getpid(), .name = name, .robust = true};

    return registry_claim(s, &who);
}

void owner_write_to(struct ada_writer *w, struct segment *s, uint32_t slot)
{
    memset(w, 0, sizeof(*w));
    ring_writer_init(w, &s->slots[slot].ring, true);
    w->data = segment_ring_data(s, slot);
    w->slot = slot;
}

pid_t process_start(void (*act)(void *context), void *context)
{
    pid_t parent = getpid(), pid = fork();

    if (pid)
        return pid;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
        _exit(1);
    act(context);
    _exit(0);
}

int process_end(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_kill(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    return process_end(pid);
}

void stay_for_ever(void)
{
    for (;;)
        (void)pause();
}
