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
 * over by adding it to its own. The door's may still point there until a next guest: the word says
 * whose death counts. What the door's list has in front of one that was taken over is not taken
 * over yet, so that it is found before the kernel comes to what may be unmapped by now. All calls
 * are the list's thread's.
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

/* In front of all others. Its word stays that of whose list it has been in, until it is in this
 * one: at no moment is it nobody's. */
void life_add(struct life *life, struct segment *segment);
/* The one that was added last, and that no program has heard of. */
void life_drop(struct life *life, const struct segment *segment);
/*
 * All of them anew, when one has gone: each with the one `behind` it (NULL: the last), then the
 * first one (NULL: none). In the order in which they were added, the last one first, the list is
 * whole at any moment: all links but the one to who has gone become what they are.
 */
void life_link(struct life *life, struct segment *segment, struct segment *behind);
void life_link_first(struct life *life, struct segment *first);
/* The thread ends now; others may go on with what it had. */
void life_end(struct life *life);
/* Forget them all. */
void life_clear(struct life *life);

#endif
