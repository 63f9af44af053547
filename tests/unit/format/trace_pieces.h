/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace file taken apart into its blocks, for tests that change some of them and put the file
 * together again with right checksums. Asserts through cmocka. One thread, one file at a time.
 */
#ifndef ADATRACE_TESTS_TRACE_PIECES_H
#define ADATRACE_TESTS_TRACE_PIECES_H

#include "format/block_header.h"
#include "format/frame.h"

enum { PIECES_MAX = 64 };

struct piece {
    struct block_header header;
    struct byte_buffer content; /* unpacked */
};

extern struct piece pieces[PIECES_MAX];
extern unsigned piece_count;

/* Blocks START, META, DATA, DATA, INDEX, END; 60 records in each DATA. Returns its path. */
const char *pieces_start_file(void);

void pieces_load(const char *path);
/* With lengths and checksums that fit the content; `level` as zstd's, 0: stored. */
void piece_append(struct byte_buffer *out, const struct piece *piece, int level);
void pieces_store(const char *path, int level);
void pieces_free(void);
/* The first of this kind; there has to be one. */
struct piece *piece_of_kind(uint8_t kind);

#endif
