/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Untrusted text on its way to somebody's terminal: names and values that a program has made up.
 * Any thread; async-signal-safe.
 */
#ifndef ADATRACE_BASE_PLAIN_TEXT_H
#define ADATRACE_BASE_PLAIN_TEXT_H

#include <stdbool.h>

/*
 * Put `mark` in the place of every control character: those below the blank, delete, and U+0080 to
 * U+009F, which terminals obey as well ("\u009b" begins what "\033[" does), also as single bytes
 * that belong to no longer character. Other bytes stay, UTF-8 or not.
 */
static inline void plain_text(char *text, char mark)
{
    for (unsigned char c, before = 0; (c = (unsigned char)*text); before = c, text++) {
        bool is_c1 = c >= 0x80 && c < 0xa0 && (before < 0x80 || before == 0xc2);

        if (is_c1 && before == 0xc2)
            text[-1] = mark;
        if (c < ' ' || c == 0x7f || is_c1)
            *text = mark;
    }
}

#endif
