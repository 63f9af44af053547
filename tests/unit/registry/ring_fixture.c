/* SPDX-License-Identifier: Apache-2.0 */
#include "ring_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/atomic.h"
#include "tests/helpers/ticks_order.h"

__thread struct ada_writer *ada_self __attribute__((tls_model("initial-exec")));

struct ada_record ada_reserve_slow(uint32_t tag, uint64_t bytes)
{
    if (!ada_self->ring) /* wiped by a fork */
        return (struct ada_record){.writer = ada_self};
    return ring_reserve_slow(ada_self, tag, bytes, ring_caller_sp());
}

void ada_commit_slow(struct ada_writer *w, unsigned char *header, uint64_t end, uint64_t word,
                     bool nested)
{
    ring_commit_slow(w, header, end, word, nested);
}

void fixture_open_with(struct ring_fixture *f, uint64_t bytes, const struct ring_options *options)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(ring_create(bytes, options, &f->ring), 0);
    f->writer = aligned_alloc(128, sizeof(*f->writer));
    assert_non_null(f->writer);
    memset(f->writer, 0, sizeof(*f->writer));
    ring_writer_init(f->writer, f->ring, true);
    /* Everything that calls us stands below: frames that can be left. */
    f->writer->stack_top = (uint64_t)(uintptr_t)__builtin_frame_address(0) + 65536;
    ada_self = f->writer;
    assert_int_equal(ring_reader_init(&f->reader, f->ring, ring_data(f->ring), f->ring->capacity,
                                      options->policy),
                     0);
}

void fixture_open(struct ring_fixture *f, uint64_t bytes, enum ring_policy policy,
                  uint64_t timeout_ns)
{
    fixture_open_with(f, bytes, &(struct ring_options){.policy = policy, .timeout_ns = timeout_ns});
}

void fixture_close(struct ring_fixture *f)
{
    ring_reader_fini(&f->reader);
    ring_destroy(f->ring);
    free(f->writer);
    ada_self = NULL;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

void pattern_fill(void *out, uint64_t bytes, uint64_t seed)
{
    unsigned char *to = out;

    for (uint64_t i = 0; i < bytes; i += 8) {
        uint64_t word = mix(seed + i * 77);

        memcpy(to + i, &word, bytes - i < 8 ? bytes - i : 8);
    }
}

void pattern_payload(void *out, uint64_t bytes, uint64_t seed)
{
    memcpy(out, &seed, 8);
    memcpy((unsigned char *)out + 8, &bytes, 8);
    pattern_fill((unsigned char *)out + 16, bytes - 16, seed);
}

uint64_t pattern_seed(const struct ring_record *record)
{
    uint64_t seed, bytes, i;

    if (record->payload_bytes < 16)
        return 0;
    memcpy(&seed, record->payload, 8);
    memcpy(&bytes, record->payload + 8, 8);
    if (bytes < 16 || bytes > record->payload_bytes || record->payload_bytes - bytes > 7)
        return 0;
    for (i = 16; i < bytes; i += 8) {
        uint64_t word = mix(seed + (i - 16) * 77);

        if (memcmp(record->payload + i, &word, bytes - i < 8 ? bytes - i : 8) != 0)
            return 0;
    }
    return seed;
}

bool fixture_emit(struct ada_writer *w, uint64_t payload_bytes, uint64_t seed)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    struct ada_record record;

    ada_self = w;
    record = ada_reserve_bytes(ada_record_tag(FIXTURE_EVENT, bytes), bytes);
    if (!record.payload)
        return false;
    pattern_payload(record.payload, payload_bytes, seed);
    ada_commit_record(&record);
    return true;
}

struct ada_record fixture_reserve(struct ring_fixture *f, uint64_t payload_bytes, uint64_t seed)
{
    struct ada_record record;

    assert_true(ring_reserve(f->writer, FIXTURE_EVENT, payload_bytes, &record));
    pattern_payload(record.payload, payload_bytes, seed);
    return record;
}

void fixture_read_one(struct ring_fixture *f, uint64_t payload_bytes, uint64_t seed)
{
    struct ring_record record;

    assert_int_equal(ring_peek(&f->reader, &record), 1);
    assert_int_equal(record.type, FIXTURE_EVENT);
    assert_int_equal(record.payload_bytes, (payload_bytes + 7) & ~UINT64_C(7));
    assert_int_equal(record.bytes, ada_record_bytes(payload_bytes));
    assert_int_equal(pattern_seed(&record), seed);
    ring_advance(&f->reader, &record);
    ring_release(&f->reader);
}

/* All that helps to find out how: such a thing may not come again for days. */
static void torn_tell(const struct ledger *l, const struct ring_record *record)
{
    uint64_t seed = 0, bytes = 0;

    if (record->payload_bytes >= 16) {
        memcpy(&seed, record->payload, 8);
        memcpy(&bytes, record->payload + 8, 8);
    }
    print_message(
        "torn: record %llu of type %u, %u bytes, payload %u at %p, ticks %llx after %llx, "
        "seed %llu after %llu, says %llu bytes\n",
        (unsigned long long)l->records, record->type, record->bytes, record->payload_bytes,
        (const void *)record->payload, (unsigned long long)record->ticks,
        (unsigned long long)l->last_ticks, (unsigned long long)seed,
        (unsigned long long)l->last_seed, (unsigned long long)bytes);
    for (uint64_t i = 0; i + 8 <= record->payload_bytes; i += 8) {
        uint64_t is, should = mix(seed + (i - 16) * 77);

        memcpy(&is, record->payload + i, 8);
        if (i >= 16 && is != should)
            print_message("torn: at %llu is %016llx, not %016llx\n", (unsigned long long)i,
                          (unsigned long long)is, (unsigned long long)should);
    }
}

static void gap_take(struct ledger *l, const struct ring_record *record)
{
    struct ada_record_gap gap;

    memcpy(&gap, record->payload, sizeof(gap));
    l->gaps++;
    l->gap_records += gap.records;
    l->gap_bytes += gap.bytes;
    if (gap.first_ticks > gap.last_ticks || ticks_go_back(gap.last_ticks, record->ticks))
        l->gaps_misplaced++;
}

void ledger_take(struct ledger *l, const struct ring_record *record)
{
    uint64_t seed;

    if (l->records + l->gaps && ticks_go_back(l->last_ticks, record->ticks))
        l->backwards++;
    l->last_ticks = record->ticks;
    if (record->type == ADA_RECORD_GAP) {
        gap_take(l, record);
        return;
    }
    l->records++;
    l->bytes += record->bytes;
    seed = record->type == FIXTURE_EVENT ? pattern_seed(record) : 0;
    l->torn += !seed;
    if (!seed && l->torn == 1)
        torn_tell(l, record);
    if (!l->first_seed)
        l->first_seed = seed;
    l->disorder += seed <= l->last_seed;
    l->last_seed = seed;
}

uint64_t ledger_drain(struct ledger *l, struct ring_reader *reader)
{
    uint64_t before = l->records;
    struct ring_record record;
    int got;

    while ((got = ring_peek(reader, &record)) != 0) {
        if (got > 0) {
            ledger_take(l, &record);
            ring_advance(reader, &record);
        }
        l->overflows += got == -EOVERFLOW;
        l->damages += got == -EBADMSG;
        assert_true(l->damages < 1000000 && l->overflows < 1000000); /* it comes to an end */
    }
    ring_release(reader);
    return l->records - before;
}

void assert_balanced(const struct ring_fixture *f, const struct ledger *l, uint64_t attempted)
{
    struct ring_stats s;
    char text[200] = "";

    ring_stats(f->ring, &s);
    assert_int_equal(l->torn, 0);
    assert_int_equal(l->backwards, 0);
    assert_int_equal(l->damages, 0);
    assert_int_equal(l->gaps_misplaced, 0);
    assert_int_equal(s.written + s.dropped, attempted);
    assert_int_equal(s.taken, l->records);
    assert_int_equal(s.written, s.taken + s.overwritten);
    assert_int_equal(s.fill_bytes, 0);
    if (f->reader.policy == RING_OVERWRITE) { /* gap records can be overwritten themselves */
        assert_true(l->gap_records + ring_untold(f->ring) <= s.dropped);
    } else {
        assert_int_equal(l->gap_records + ring_untold(f->ring), s.dropped);
        assert_int_equal(l->gap_bytes + (f->ring->dropped_bytes - f->ring->told_bytes),
                         s.dropped_bytes);
        assert_int_equal(s.written_bytes, l->bytes);
    }
    assert_int_equal(ring_check(f->ring, text, sizeof(text)), 0);
}

uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint64_t random_seed(const char *name)
{
    const char *given = getenv("ADATRACE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;

    print_message("%s: ADATRACE_SEED=%llu\n", name, (unsigned long long)seed);
    return seed ? seed : 1;
}
