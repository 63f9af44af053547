/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring fixture: a ring with its producer and its consumer in one test, payloads that show when they
 * are torn, and a ledger of what was read.
 *
 * The fixture is the smallest tracer there is: it defines ada_self and the slow halves of
 * adatrace/emit.h, so that fixture_emit() runs the same inlined path as an application. Functions
 * that emit are async-signal-safe; the others belong to the test's main thread unless a comment
 * says otherwise.
 */
#ifndef ADATRACE_TESTS_RING_FIXTURE_H
#define ADATRACE_TESTS_RING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry/ring.h"

enum { FIXTURE_EVENT = ADA_RECORD_FIRST_EVENT };

struct ring_fixture {
    struct ring_shared *ring;
    struct ada_writer *writer; /* from wiped memory: 128-byte aligned */
    struct ring_reader reader;
};

void fixture_open(struct ring_fixture *f, uint64_t bytes, enum ring_policy policy,
                  uint64_t timeout_ns);
void fixture_open_with(struct ring_fixture *f, uint64_t bytes, const struct ring_options *options);
void fixture_close(struct ring_fixture *f);

/* Bytes `start` to `start + bytes` of the stream that belongs to `seed`. */
void pattern_fill(void *out, uint64_t bytes, uint64_t seed);
/* Payloads: a seed, their length, and that pattern; at least 16 bytes. */
void pattern_payload(void *out, uint64_t bytes, uint64_t seed);
/* The seed, or 0: torn. Seeds are never 0. */
uint64_t pattern_seed(const struct ring_record *record);

/* Emit a pattern payload through the inlined path of an application. */
bool fixture_emit(struct ada_writer *w, uint64_t payload_bytes, uint64_t seed);
/* Reserve room that is there, and fill it in; the record is still to be committed. */
struct ada_record fixture_reserve(struct ring_fixture *f, uint64_t payload_bytes, uint64_t seed);
/* The next record is an event with this payload; give its room back. */
void fixture_read_one(struct ring_fixture *f, uint64_t payload_bytes, uint64_t seed);

/* What a consumer met. */
struct ledger {
    uint64_t records, bytes;
    uint64_t gaps, gap_records, gap_bytes;
    uint64_t gaps_spent; /* of gap_records: already seen to be missing */
    uint64_t overflows, damages, torn;
    uint64_t backwards;  /* records older than the one before them */
    uint64_t last_ticks; /* low 42 bits */
    uint64_t first_seed, last_seed;
    uint64_t disorder;       /* seeds that do not grow */
    uint64_t gaps_misplaced; /* gaps whose times are not before the record behind them */
};
/* Any thread that is the consumer. */
void ledger_take(struct ledger *l, const struct ring_record *record);
/* Everything there is. Returns how many records. */
uint64_t ledger_drain(struct ledger *l, struct ring_reader *reader);

/* Everything was read, and nobody writes: all that is counted adds up, and the ring is sound. */
void assert_balanced(const struct ring_fixture *f, const struct ledger *l, uint64_t attempted);

/* xorshift; state is never 0. */
uint64_t random_next(uint64_t *state);
/* From the environment (ADATRACE_SEED) or the clock; printed. */
uint64_t random_seed(const char *name);

/* So many, or a tenth of it under valgrind, where one thread runs at a time and thirty times
 * slower. */
static inline unsigned fixture_rounds(unsigned rounds)
{
#ifdef TEST_IS_WRAPPED
    return rounds / 10;
#else
    return rounds;
#endif
}

#endif
