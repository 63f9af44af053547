/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggestion.h"

#include <stddef.h>
#include <string.h>

enum { LETTERS_MAX = 31 };

static unsigned min_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; three rows of the table are enough. */
unsigned suggestion_distance(const char *a, const char *b)
{
    size_t rows = strnlen(a, LETTERS_MAX), columns = strnlen(b, LETTERS_MAX);
    unsigned table[3][LETTERS_MAX + 1];
    unsigned *above = table[0], *row = table[1], *older = table[2];

    for (size_t j = 0; j <= columns; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        unsigned *oldest = older;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            row[j] =
                min_of(min_of(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min_of(row[j], older[j - 2] + 1);
        }
        older = above;
        above = row;
        row = oldest;
    }
    return above[columns];
}

const char *suggestion_consider(const char *word, const char *candidate, unsigned *best)
{
    unsigned distance = suggestion_distance(word, candidate);
    size_t length = strlen(word);

    /* A beginning of the candidate is a likely abbreviation, whatever is missing. */
    if (length >= 2 && strncmp(word, candidate, length) == 0)
        distance = 1;
    if (distance >= *best || distance > 1 + length / 3 || distance >= length)
        return NULL;
    *best = distance;
    return candidate;
}
