/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in bulk: of one size, of types without strings that the block has met before. Nothing
 * here allocates, ends a block or refuses; where any of that is due, it stops short and leaves the
 * next record to trace_stream_record().
 */
#include <string.h>

#include "format/writer_state.h"

/* The stage that takes records of this id and size as they are; NULL: none does. */
static struct stage *stage_plain(const struct trace_stream *s, uint16_t id, size_t payload_bytes)
{
    struct stage *stage = id < s->id_count ? s->stage_of_id[id] : NULL;

    return stage && stage->records < stage->capacity && stage->plain_bytes == payload_bytes ? stage
                                                                                            : NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The first id that is another one than the first; `count`: none. */
static uint32_t other_find(const uint16_t *ids, uint32_t count)
{
    uint16_t differing = 0;
    uint32_t i = 0;

    for (uint32_t k = 0; k < count; k++)
        differing |= ids[k] ^ ids[0];
    while (differing && ids[i] == ids[0])
        i++;
    return differing ? i : count;
}

/* Payloads are whole words, read once each. */
static void row_copy(unsigned char *restrict to, const unsigned char *restrict from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 8)
        memcpy(to + at, from + at, 8);
}

/* ---- one type ---- */

static uint32_t one_append(struct draft *d, const struct trace_rows *rows, uint32_t count,
                           struct stage *stage)
{
    const unsigned char *payload = rows->payloads;
    unsigned char *row = stage->rows + (size_t)stage->records * rows->payload_bytes;

    count = least(count, stage->capacity - stage->records);
    if (rows->payload_bytes == 8)
        for (uint32_t i = 0; i < count; i++)
            memcpy(row + (size_t)i * 8, payload + i * rows->stride, 8);
    else
        for (uint32_t i = 0; i < count; i++)
            row_copy(row + i * rows->payload_bytes, payload + i * rows->stride,
                     rows->payload_bytes);
    memset(d->sequence + d->records, stage->place, count);
    stage->records += count;
    return count;
}

/* ---- two types: enter and exit, lock and unlock, malloc and free ---- */

/* How many records from the front are of these two, and the run of each. */
static uint32_t pair_sequence(uint8_t *restrict sequence, const uint16_t *restrict ids,
                              uint32_t count, uint16_t a, uint8_t place_a, uint16_t b,
                              uint8_t place_b)
{
    uint16_t third = 0;
    uint8_t flip = place_a ^ place_b;

    for (uint32_t i = 0; i < count; i++) {
        uint16_t is_b = (uint16_t) - (ids[i] != a), is_third = is_b & (uint16_t) - (ids[i] != b);

        sequence[i] = place_a ^ (flip & (uint8_t)is_b);
        third |= is_third;
    }
    if (third)
        for (count = 0; ids[count] == a || ids[count] == b; count++)
            ;
    return count;
}

/* Every number is written to both stages, and counts in one: no branch to guess wrong. A stage has
 * room for one number more than its capacity. */
static uint32_t pair_numbers(struct stage *a, struct stage *b, const uint8_t *sequence,
                             const struct trace_rows *rows, uint32_t count)
{
    unsigned char *to_a = a->rows + (size_t)a->records * 8;
    unsigned char *to_b = b->rows + (size_t)b->records * 8;
    const unsigned char *payload = rows->payloads;
    uint32_t of_a = 0;

    for (uint32_t i = 0; i < count; i++, payload += rows->stride) {
        uint64_t number;

        memcpy(&number, payload, sizeof(number));
        memcpy(to_a + (size_t)of_a * 8, &number, sizeof(number));
        memcpy(to_b + (size_t)(i - of_a) * 8, &number, sizeof(number));
        of_a += sequence[i] == a->place;
    }
    return of_a;
}

static uint32_t pair_rows(struct stage *a, struct stage *b, const uint8_t *sequence,
                          const struct trace_rows *rows, uint32_t count)
{
    size_t bytes = rows->payload_bytes;
    unsigned char *to_a = a->rows + a->records * bytes, *to_b = b->rows + b->records * bytes;
    uint32_t of_a = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool is_a = sequence[i] == a->place;

        row_copy(is_a ? to_a + of_a * bytes : to_b + (i - of_a) * bytes,
                 rows->payloads + i * rows->stride, bytes);
        of_a += is_a;
    }
    return of_a;
}

static uint32_t pair_append(struct draft *d, const struct trace_rows *rows, uint32_t count,
                            struct stage *a, struct stage *b, uint16_t id_b)
{
    uint8_t *sequence = d->sequence + d->records;
    uint32_t of_a;

    count = least(count, least(a->capacity - a->records, b->capacity - b->records));
    count = pair_sequence(sequence, rows->ids, count, rows->ids[0], (uint8_t)a->place, id_b,
                          (uint8_t)b->place);
    of_a = rows->payload_bytes == 8 ? pair_numbers(a, b, sequence, rows, count)
                                    : pair_rows(a, b, sequence, rows, count);
    a->records += of_a;
    b->records += count - of_a;
    return count;
}

/* ---- any number of types ---- */

/* Goes on behind the first `taken`. */
static uint32_t mixed_append(struct trace_stream *s, const struct trace_rows *rows, uint32_t taken,
                             uint32_t count)
{
    for (; taken < count; taken++) {
        struct stage *stage = stage_plain(s, rows->ids[taken], rows->payload_bytes);

        if (!stage)
            break;
        row_copy(stage->rows + (size_t)stage->records * rows->payload_bytes,
                 rows->payloads + taken * rows->stride, rows->payload_bytes);
        stage->records++;
        s->draft->sequence[s->draft->records + taken] = (uint8_t)stage->place;
    }
    return taken;
}

uint32_t trace_stream_append(struct trace_stream *s, const struct trace_rows *rows)
{
    enum { PAIR_LEAST = 16 }; /* fewer in a row: it is no pair */
    struct stage *first, *second;
    uint32_t count, taken, other;
    struct draft *d = s->draft;

    if (!d || d->records >= s->room || !rows->count || rows->ticks[0] < s->last_ticks)
        return 0;
    count = least(rows->count, s->room - d->records);
    first = stage_plain(s, rows->ids[0], rows->payload_bytes);
    if (!first)
        return 0;
    other = other_find(rows->ids, count);
    second = other < count ? stage_plain(s, rows->ids[other], rows->payload_bytes) : NULL;
    if (second)
        taken = pair_append(d, rows, count, first, second, rows->ids[other]);
    else
        taken = one_append(d, rows, other, first);
    if (second && taken < PAIR_LEAST)
        taken = mixed_append(s, rows, taken, count);
    memcpy(d->ticks + d->records, rows->ticks, taken * sizeof(*rows->ticks));
    d->records += taken;
    s->last_ticks = d->ticks[d->records - 1];
    return taken;
}
