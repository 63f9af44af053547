/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ring_layout.h"

#include "base/atomic.h"

/* Every lap leaves a word before the end of its room, and before what is unread, for the padding
 * that leads elsewhere. */
enum { WORD = 8 };

struct ring_nowhere ring_nowhere = {
    .ring = {.capacity = RING_CAPACITY_MIN,
             .block_bytes = RING_CAPACITY_MIN,
             .step_bytes = RING_CAPACITY_MIN,
             .base_bytes = RING_CAPACITY_MIN,
             .low_bytes = RING_CAPACITY_MIN,
             .room = RING_CAPACITY_MIN},
};

/* ---- rings of one piece ---- */

static void place_whole(const struct ada_writer *w, uint64_t need, struct ring_layout *l)
{
    const struct ring_shared *ring = ring_of(w);
    uint64_t room = ring->block_bytes - (l->start & (ring->block_bytes - 1));

    l->first = l->start + (room < need ? room : 0);
    l->end = l->first + need;
    /* Overwriting spares only what is not published: that is still being written. */
    if (load_relaxed(&ring->policy) == RING_OVERWRITE)
        l->fits =
            l->end - load_relaxed(&ring_front_of(w)->head) <= ring->capacity - ring->block_bytes;
    else
        l->fits = l->end - l->tail <= ring->capacity;
}

/* ---- elastic rings ---- */

/* Where we are, and where the consumer is. */
struct place {
    uint64_t lap;    /* index of the lap's beginning */
    uint64_t offset; /* in the lap */
    uint64_t room;   /* end of what may be used, as an offset */
    bool behind;     /* the consumer reads the last lap, up to its end */
    uint64_t unread; /* offset of what it reads next, in this lap or in the last one */
    uint64_t beyond; /* behind: what the last lap left out begins here; 0: not known */
};

static struct place place_of(const struct ada_writer *w, uint64_t index, uint64_t tail)
{
    const struct ring_shared *ring = ring_of(w);
    /* relaxed: where memory may have been given back, ring_reach() has the last word. */
    struct place p = {.offset = index & w->mask, .room = load_relaxed(&ring->room) - WORD};

    p.lap = index - p.offset;
    p.behind = (int64_t)(tail - p.lap) < 0;
    p.unread = tail & w->mask;
    if (p.behind && p.lap - tail > ring->capacity)
        p.unread = p.room = 0; /* it cannot be; nothing fits */
    if (p.behind && w->skip && w->skip >= p.lap - ring->capacity && w->skip < p.lap)
        p.beyond = (w->skip & w->mask) + WORD;
    return p;
}

/* End of the bytes that are free from p->offset on. */
static uint64_t free_end(const struct place *p)
{
    if (!p->behind || p->offset > p->unread)
        return p->room;
    if (p->unread < WORD)
        return 0;
    return p->unread - WORD < p->room ? p->unread - WORD : p->room;
}

/* The producer stops a word before every multiple of a step. */
static uint64_t next_stop(const struct ring_shared *ring, uint64_t offset)
{
    return ((offset + WORD - 1) | (ring->step_bytes - 1)) + 1 - WORD;
}

/* Is so much at the beginning read that the next lap can begin now, and so little unread that it
 * does not matter when that lap has to hop over it? Not before all memory that is there already has
 * been used: lines that the consumer has in its cache are slow to take back, and in a longer lap
 * they have left it. */
static bool is_calm(const struct ring_shared *ring, const struct place *p, uint64_t need)
{
    uint64_t enough = ring->step_bytes - ring->step_bytes / 4;

    return p->offset + need > load_relaxed(&ring->touched_bytes) && !p->behind &&
           p->unread >= enough && need + WORD <= p->unread &&
           p->offset - p->unread <= ring->base_bytes / 4;
}

static void place_elastic(const struct ada_writer *w, uint64_t need, struct ring_layout *l)
{
    const struct ring_shared *ring = ring_of(w);
    struct place p = place_of(w, l->start, l->tail);
    bool here = p.offset + need <= free_end(&p);
    bool stops = p.offset + need > next_stop(ring, p.offset);

    l->fits = true;
    if (here && !(stops && is_calm(ring, &p, need)))
        l->first = l->start;
    else if (p.behind && p.offset <= p.unread && p.beyond && p.beyond + need <= p.room)
        l->first = p.lap + p.beyond;
    else if (!p.behind && need + WORD <= p.unread)
        l->first = p.lap + ring->capacity;
    else
        l->fits = false;
    l->end = l->first + need;
}

/* ---- both ---- */

struct ring_told ring_told_before(const struct ada_writer *w, uint64_t index)
{
    struct ring_told told = {w->tells, w->tells_bytes, 0};

    if (!w->telling || (int64_t)(index - w->telling) < 0)
        return told;
    return (struct ring_told){ring_later(told.records, w->tell_to),
                              ring_later(told.bytes, w->tell_to_bytes), w->tell_ticks};
}

/* What was dropped and is not told yet. Handlers may drop meanwhile: both figures of one moment. */
static void drops_read(const struct ada_writer *w, struct ring_layout *l)
{
    const struct ring_shared *ring = ring_of(w);
    struct ring_told told = ring_told_before(w, l->start);

    do {
        l->dropped = load_relaxed(&ring->dropped);
        l->dropped_bytes = load_relaxed(&ring->dropped_bytes);
    } while (l->dropped != load_relaxed(&ring->dropped));
    l->told = told.records;
    l->told_bytes = told.bytes;
    l->told_ticks = told.ticks;
    l->gap = l->dropped != l->told ? RING_GAP_BYTES : 0;
}

struct ring_layout ring_layout_for(const struct ada_writer *w, uint64_t bytes)
{
    const struct ring_shared *ring = ring_of(w);
    struct ring_layout l = {.start = load_relaxed(&w->reserve)};

    l.nested = l.start != load_relaxed(&ring_front_of(w)->head);
    l.written = l.nested ? RING_WRITTEN_UNKNOWN : ring_written(ring);
    drops_read(w, &l);
    /* Reclaim. Acquire: the drain's reads of these bytes ended before it moved tail, so we may
     * write there. Pairs with the release of tail in ring_release(). */
    l.tail = load_acquire(&ring->tail);
    if (ring_is_elastic(ring))
        place_elastic(w, l.gap + bytes, &l);
    else
        place_whole(w, l.gap + bytes, &l);
    return l;
}

uint64_t ring_limit_for(const struct ada_writer *w, uint64_t end)
{
    const struct ring_shared *ring = ring_of(w);
    uint64_t block_end = ((end - 1) | (ring->block_bytes - 1)) + 1, space_end, tail;

    if (w->clocked || ring_untold(ring))
        return 0;
    if (load_relaxed(&ring->policy) == RING_OVERWRITE)
        return block_end;
    /* Reclaim. Acquire: as in ring_layout_for(). */
    tail = load_acquire(&ring->tail);
    if (ring_is_elastic(ring)) {
        struct place p = place_of(w, end, tail);
        uint64_t stop = next_stop(ring, p.offset);

        space_end = free_end(&p);
        return p.lap + (space_end < stop ? space_end : stop);
    }
    space_end = tail + ring->capacity;
    return space_end < block_end ? space_end : block_end;
}

bool ring_reach(const struct ada_writer *w, const struct ring_layout *l, uint64_t limit)
{
    struct ring_shared *ring = ring_of(w);
    /* With the word that leads elsewhere from there. */
    uint64_t offset = (((int64_t)(limit - l->end) > 0 ? limit : l->end) & w->mask) + WORD;
    uint64_t reach = load_relaxed(&ring->reach);

    if (offset <= ring->low_bytes) {
        /* Nothing unfinished lies beyond, not even the word that leads here, and until we claim,
         * nobody writes there. Unless a handler has, since we looked: then it has moved reserve, or
         * reach. Release: what was written there is visible before. Pairs with the acquire in
         * ring_spare(). */
        if (reach && !l->nested && (l->start & w->mask) < ring->low_bytes &&
            load_relaxed(&w->reserve) == l->start)
            (void)compare_exchange_release(&ring->reach, &reach, 0);
        return true;
    }
    /* Left, once more. Relaxed: had we left before, then whoever sees that we are back sees by head
     * what we wrote there, too, for an exchange continues what that release began. (A relaxed store
     * does not, in C++20, and a ring that only looked empty was punched.) A handler may have gone
     * farther. */
    while (reach < offset && !compare_exchange_relaxed(&ring->reach, &reach, offset)) {}
    /* Room. Full fence: `reach` is visible before we look at room for the last time. Pairs with the
     * fence in ring_spare(): either it sees us there, or we see that the room is gone. Grant.
     * Acquire: it may have gone and come back since place_of(). Pairs with the release in
     * ring_set_room(). */
    fence_seq_cst();
    return offset <= load_acquire(&ring->room);
}

uint64_t ring_bytes_between(const struct ada_writer *w, uint64_t from, uint64_t to)
{
    uint64_t lap = to & ~w->mask;

    if (!ring_is_elastic(ring_of(w)) || (int64_t)(from - lap) >= 0)
        return to - from;
    if ((int64_t)(w->skip - from) >= 0 && w->skip < lap)
        return (w->skip - from) + (to - lap);
    return to - from < load_relaxed(&ring_of(w)->room) ? to - from
                                                       : load_relaxed(&ring_of(w)->room);
}

uint64_t ring_record_max(const struct ring_shared *ring)
{
    uint64_t room = ring->block_bytes - RING_GAP_BYTES, quarter = ring->base_bytes / 4;

    return room < quarter ? room : quarter;
}

uint64_t ring_available_to_write(const struct ada_writer *w)
{
    /* Where a record fits, a shorter one does: the longest is found by halves. */
    uint64_t fits = 0, too_long = ring_record_max(ring_of(w)) + 8;

    while (too_long - fits > 8) {
        uint64_t bytes = (fits + (too_long - fits) / 2) & ~UINT64_C(7);

        if (ring_layout_for(w, bytes).fits)
            fits = bytes;
        else
            too_long = bytes;
    }
    return fits;
}
