/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life: how traced programs learn that nobody drains their rings any more, however the drain ended.
 *
 * The drain's thread has the kernel mark a word in every segment when it dies: a list of robust
 * futexes of our own, because the C library's would follow pointers that lie in segments. A program
 * that scribbles on its link hides our death from those behind it in the list, who then go on
 * dropping; nothing else.
 *
 * A segment is in the door's list from before its program hears of it; the drain's thread takes it
 * over by adding it to its own. The door's may still point there until its next guest: the word
 * says whose death counts. All calls are the list's thread's.
 */
#ifndef ADATRACE_DRAIN_LIFE_H
#define ADATRACE_DRAIN_LIFE_H

#include <linux/futex.h>
#include <stdint.h>

#include "registry/segment.h"

struct life {
    struct robust_list_head head;
    uint32_t tid; /* 0: not begun; then nothing is marked */
};

/* The calling thread's death is marked from now on. */
void life_begin(struct life *life);

void life_add(struct life *life, struct segment *segment);
/* The thread ends now; others may go on with what it had. */
void life_end(struct life *life);
/* Forget them all: before a segment is unmapped the others are added anew. */
void life_clear(struct life *life);

#endif
