/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ring_away.h"

#include "base/atomic.h"
#include "registry/ring_layout.h"

/* So many bytes, and half of the index, mixed: an entry that is being changed is none. */
static uint64_t proof_of(uint64_t from, uint64_t bytes)
{
    return bytes >> 3 << 32 | (from * UINT64_C(0x9e3779b97f4a7c15) + bytes) >> 32;
}

bool ring_away_has_room(const struct ada_writer *w, uint64_t tail)
{
    const struct ring_shared *ring = ring_of(w);
    uint64_t n = load_relaxed(&ring->away_count);

    return n < RING_AWAY || load_relaxed(&ring->policy) == RING_OVERWRITE ||
           (int64_t)(tail - load_relaxed(&ring->away[n % RING_AWAY].from)) > 0;
}

void ring_away_note(struct ada_writer *w, uint64_t from, uint64_t bytes)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t n = load_relaxed(&ring->away_count);

    while (!ada_cmpxchg_local(&ring->away_count, &n, n + 1)) {}
    /* relaxed: who passes here has seen the head that follows. */
    store_relaxed(&ring->away[n % RING_AWAY].from, from);
    store_relaxed(&ring->away[n % RING_AWAY].proof, proof_of(from, bytes));
}

/* Bytes that are passed over at `from`; 0: nothing. Untrusted: what is no whole entry, or would
 * lead beyond head, is none. */
static uint64_t away_bytes(const struct ring_reader *r, unsigned n, uint64_t from, uint64_t head)
{
    uint64_t proof = load_relaxed(&r->shared->away[n].proof), bytes = proof >> 32 << 3;

    return proof == proof_of(from, bytes) && !(from & 7) && bytes <= head - from ? bytes : 0;
}

void ring_away_pass(struct ring_reader *r)
{
    uint64_t from, bytes;

    r->plain = r->head;
    /* relaxed: as above. */
    if (__builtin_expect(!load_relaxed(&r->shared->away_count), 1))
        return;
    for (unsigned n = 0; n < RING_AWAY; n++) {
        from = load_relaxed(&r->shared->away[n].from);
        if (from - r->at >= r->plain - r->at || !(bytes = away_bytes(r, n, from, r->head)))
            continue;
        r->plain = from;
        if (from != r->at)
            continue;
        r->at += bytes; /* and once more, from there */
        r->plain = r->head;
        n = UINT32_MAX;
    }
}
