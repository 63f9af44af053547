/* SPDX-License-Identifier: Apache-2.0 */
/* Making a ring in memory, and taking one on that somebody else made. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rings/spsc.h"
#include "rings/spsc_map.h"

enum { SPIN_NS = 2000 };

int64_t spsc_capacity_for(uint64_t requested)
{
    uint64_t capacity = ADA_RING_CAPACITY_MIN;

    if (requested > ADA_RING_CAPACITY_MAX || !requested)
        return -ERANGE;
    while (capacity < requested)
        capacity *= 2;
    return (int64_t)capacity;
}

void spsc_format(struct spsc_shared *shared, uint64_t capacity, uint64_t data_offset)
{
    memset(shared, 0, sizeof(*shared));
    shared->version = SPSC_VERSION;
    shared->capacity = capacity;
    shared->data_offset = data_offset;
    /* Formatted. Release: the header is visible before its magic. Pairs with spsc_accept(). */
    store_release(&shared->magic, SPSC_MAGIC);
}

int spsc_accept(const struct spsc_shared *shared, uint64_t bytes, uint64_t *capacity,
                uint64_t *data_offset)
{
    /* Formatted. Acquire: pairs with the release in spsc_format(). */
    uint32_t magic = load_acquire(&shared->magic);

    if (!magic)
        return -EAGAIN;
    if (magic != SPSC_MAGIC)
        return -EBADMSG;
    if (load_relaxed(&shared->version) != SPSC_VERSION)
        return -EPROTONOSUPPORT;
    /* Untrusted: copied once, checked, never read again. */
    *capacity = load_relaxed(&shared->capacity);
    *data_offset = load_relaxed(&shared->data_offset);
    if (*capacity < ADA_RING_CAPACITY_MIN || *capacity > ADA_RING_CAPACITY_MAX ||
        (*capacity & (*capacity - 1)) || *data_offset < sizeof(*shared) || *data_offset & 7 ||
        *data_offset > bytes || bytes - *data_offset < *capacity)
        return -EBADMSG;
    return 0;
}

bool spsc_indexes_read(const struct spsc_shared *shared, uint64_t capacity, uint64_t *head,
                       uint64_t *tail)
{
    for (int tries = 0; tries < 1000; tries++) {
        /* Publish, Reclaim. Acquire: pairs with the releases in publish() and release(). Tail
         * first, so that head is not behind it; but both may have gone on by laps between the two.
         */
        *tail = load_acquire(&shared->tail);
        *head = load_acquire(&shared->head);
        if (*head - *tail <= capacity && !((*head | *tail) & 7))
            return true;
    }
    return false;
}

int spsc_handle_begin(struct ada_ring *r)
{
    struct spsc_shared *shared = r->shared;
    uint64_t tail, head, w_calm = r->w.calm, r_calm = r->r.calm;

    if (!spsc_indexes_read(shared, r->capacity, &head, &tail))
        return -EBADMSG;
    memset(&r->w, 0, sizeof(r->w));
    memset(&r->r, 0, sizeof(r->r));
    r->w.reserve = r->w.head = r->w.limit = head;
    r->w.tail = r->r.at = r->r.tail = r->r.head = tail;
    r->w.written = spsc_count_load(shared->written, head); /* ours from now on */
    /* Turned so that the next one is not the one in force. */
    r->w.turn = load_relaxed(&shared->written[0].index) != head;
    r->r.turn = load_relaxed(&shared->read[0].index) != tail;
    r->w.dropped = load_relaxed(&shared->dropped); /* relaxed: figures, ours from now on */
    r->w.high_water = load_relaxed(&shared->writer_high_water);
    r->r.read = spsc_count_load(shared->read, tail);
    r->r.damaged_bytes = load_relaxed(&shared->damaged_bytes);
    r->r.high_water = load_relaxed(&shared->reader_high_water);
    r->w.calm = w_calm;
    r->r.calm = r_calm;
    return 0;
}

int spsc_handle_init(struct ada_ring *r, struct spsc_shared *shared, unsigned char *data,
                     uint64_t capacity)
{
    int err;

    memset(r, 0, sizeof(*r));
    r->shared = shared;
    r->data = data;
    r->capacity = capacity;
    r->record_max = capacity / 2 - 8;
    r->spin_ns = SPIN_NS;
    r->fd = -1;
    r->writer_end = &shared->writer;
    r->consumer = &shared->reader;
    err = spsc_handle_begin(r);
    if (!err && !spsc_fence_register())
        store_relaxed(&shared->naps, 1); /* relaxed: who sleeps looks behind a fence */
    return err;
}

size_t ada_ring_memory_bytes(uint64_t capacity)
{
    int64_t rounded = spsc_capacity_for(capacity);

    return rounded < 0 ? 0 : (size_t)rounded + ADA_RING_OVERHEAD;
}

/* | handle | header | bytes |, all zero but for what may lie in the bytes. */
static struct ada_ring *make_in(void *memory, uint64_t capacity, enum spsc_memory kind)
{
    struct ada_ring *r = memory;
    struct spsc_shared *shared = (void *)(r + 1);

    spsc_format(shared, capacity, sizeof(*shared));
    /* Its indexes are ours, and zero. */
    (void)!spsc_handle_init(r, shared, (unsigned char *)(shared + 1), capacity);
    r->memory = kind;
    return r;
}

int ada_ring_create_in(void *memory, size_t bytes, struct ada_ring **out)
{
    uint64_t capacity = ADA_RING_CAPACITY_MAX;

    if ((uintptr_t)memory % SPSC_LINE)
        return -EINVAL;
    if (bytes < ADA_RING_OVERHEAD + ADA_RING_CAPACITY_MIN)
        return -ERANGE;
    while (capacity > bytes - ADA_RING_OVERHEAD)
        capacity /= 2;
    *out = make_in(memory, capacity, SPSC_CALLERS);
    return 0;
}

int ada_ring_create(uint64_t requested, struct ada_ring **out)
{
    int64_t capacity = spsc_capacity_for(requested);
    size_t bytes;
    void *memory;

    if (capacity < 0)
        return (int)capacity;
    bytes = (size_t)capacity + ADA_RING_OVERHEAD;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                  -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *out = make_in(memory, (uint64_t)capacity, SPSC_PRIVATE);
    (*out)->map = memory;
    (*out)->map_bytes = bytes;
    return 0;
}

void ada_ring_destroy(struct ada_ring *r)
{
    if (!r)
        return;
    if (r->memory == SPSC_PRIVATE)
        munmap(r->map, r->map_bytes); /* the handle lies in it */
    else if (r->memory == SPSC_MAPPED)
        spsc_unmap(r);
}

void ada_ring_set_spin(struct ada_ring *r, uint64_t spin_ns)
{
    r->spin_ns = spin_ns;
}

uint64_t ada_ring_capacity(const struct ada_ring *r)
{
    return r->capacity;
}

size_t ada_ring_record_max(const struct ada_ring *r)
{
    return (size_t)r->record_max;
}
