/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of one thread's records, of which some blocks are spoilt: what test_damaged_copy joins.
 *
 * All of them are of one session and one history, so that one has whole what another has not.
 * Assertions are cmocka's; belongs to one thread.
 */
#ifndef ADATRACE_TESTS_DAMAGED_PARTS_H
#define ADATRACE_TESTS_DAMAGED_PARTS_H

#include <stdbool.h>
#include <stdint.h>

enum { DAMAGED_RECORDS = 400 };

/* What one thread has written: record n, whose payload is n, at ticks[n]. */
struct history {
    uint64_t ticks[DAMAGED_RECORDS + 1];
};

enum spoiling {
    WHOLE = 0,
    FRAME,     /* its checksum is wrong */
    HEADER,    /* the same of its header */
    MALFORMED, /* the checksums are right, and what is in it is not: seen where inputs overlap */
};

/* A file with records [from, to), in blocks that begin at bounds[]. */
struct part {
    uint32_t from, to;
    bool snapshot; /* tells of the records before as missing */
    uint32_t block_count, bounds[DAMAGED_RECORDS + 1];
    enum spoiling spoilt[DAMAGED_RECORDS];
};

/* Records 10 ticks apart; with `random`, one in three at the time of the one before. */
void history_make(struct history *history, uint64_t *random);

/* Records [from, to) in blocks of so many each, none of them spoilt. */
struct part part_make(uint32_t from, uint32_t to, uint32_t block_records);

/* The file, spoilt as the part says. */
void part_write(const struct part *part, const struct history *history, const char *path);

/* What a case is, for who looks at it. */
void part_say(const struct part *part);

#endif
