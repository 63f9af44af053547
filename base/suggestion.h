/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean ...?": how far apart two words are. No state, any thread.
 */
#ifndef ADATRACE_BASE_SUGGESTION_H
#define ADATRACE_BASE_SUGGESTION_H

/* Letters to insert, remove, change or swap to get from one to the other; both are looked at up to
 * 31 letters. */
unsigned suggestion_distance(const char *a, const char *b);

/* The candidate closer to `word` than *best and near enough to be meant, or NULL. Start with *best
 * at UINT_MAX, walk the candidates, keep the last that was not NULL. */
const char *suggestion_consider(const char *word, const char *candidate, unsigned *best);

#endif
