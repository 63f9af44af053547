/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts for people: "12,345,678". No state, any thread, no lock.
 */
#ifndef ADATRACE_BASE_COUNT_TEXT_H
#define ADATRACE_BASE_COUNT_TEXT_H

#include <stdint.h>
#include <stdio.h>

enum { COUNT_TEXT_MAX = 32 };

/* Into text[COUNT_TEXT_MAX], which is returned. */
static inline const char *count_text(char *text, uint64_t count)
{
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    char *at = text;

    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = 0;
    return text;
}

#endif
