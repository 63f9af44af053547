/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Glob words: what was said of event types, glob by glob, and when. The last word about a name
 * counts; lists of several speakers are put together by the stamps, which one counter gives out.
 *
 * A list is plain bytes that may be copied, also out of memory that somebody scribbles on: finding
 * stays within it. A word about a glob takes the place of an earlier one about the very same glob,
 * so that a switch may be thrown any number of times. Any thread with its own list,
 * async-signal-safe, no allocation.
 */
#ifndef ADATRACE_BASE_GLOB_WORDS_H
#define ADATRACE_BASE_GLOB_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GLOB_WORDS_BYTES = 8192 - 8 };

struct glob_words {
    uint32_t bytes; /* used */
    uint32_t count;
    unsigned char entries[GLOB_WORDS_BYTES]; /* u64: stamp and off; glob, NUL */
};

/* What somebody says of a name. */
struct glob_verdict {
    uint64_t stamp; /* when; 0: nobody said anything */
    bool on;
};

/*
 * Take in what is said of a comma-separated list of globs: that they are `on`; `!` in front of one
 * turns its word around. Words get stamp, stamp + 1 and so on. All or none: -ENAMETOOLONG. Returns
 * how many words that were. Empty globs say nothing. `draft` is room to work in.
 */
int glob_words_say(struct glob_words *words, struct glob_words *draft, const char *globs, bool on,
                   uint64_t stamp) __attribute__((warn_unused_result));

/* How many words glob_words_say() would take in. */
unsigned glob_words_count(const char *globs);

/* The last word about `name`. */
struct glob_verdict glob_words_find(const struct glob_words *words, const char *name);

/* All words were said just now, in their order: the first has this stamp. */
void glob_words_restamp(struct glob_words *words, uint64_t stamp);

/* What `from` says with stamps above `since` is said again in `to`, in its order, from `stamp` on.
 * -ENAMETOOLONG: `to` is full, and some of it is said. */
int glob_words_repeat(struct glob_words *to, const struct glob_words *from, uint64_t since,
                      uint64_t stamp) __attribute__((warn_unused_result));

/* The later one. */
struct glob_verdict glob_verdict_later(struct glob_verdict a, struct glob_verdict b);

#endif
