/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that handlers gave up to get on at all, though their writers may be only away
 * (ring_bury_away()). Such a writer writes its header word when it comes back, over the padding
 * that was published in its place. So the reader does not go by the word there, but by what is
 * noted here: the newest RING_AWAY of them. No more are given up before the reader is behind the
 * oldest of them; but with policy overwrite, where nothing waits for a reader: those that it meets
 * there when there have been more since it last looked, it reads as they stand.
 */
#ifndef ADATRACE_REGISTRY_RING_AWAY_H
#define ADATRACE_REGISTRY_RING_AWAY_H

#include "registry/ring.h"

/* The producer: may one more be noted? `tail`: how far the reader is. */
bool ring_away_has_room(const struct ada_writer *writer, uint64_t tail);

/* The producer, before it publishes what stands there: `bytes` at index `from` are no record. */
void ring_away_note(struct ada_writer *writer, uint64_t from, uint64_t bytes);

/* The consumer, when it has seen what is published, or has come to reader->plain: sets that anew.
 * When it stands in front of such bytes, it is behind them afterwards. Trusts nothing. */
void ring_away_pass(struct ring_reader *reader);

#endif
