/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <string.h>

/* Does the set at pattern[0] == '[' hold c? *length gets its size, 0 when it is not closed. */
static bool set_match(const char *pattern, size_t size, char c, size_t *length)
{
    size_t at = 1;
    bool invert = false, found = false;

    if (at < size && (pattern[at] == '!' || pattern[at] == '^')) {
        invert = true;
        at++;
    }
    for (size_t first = at; at < size && (pattern[at] != ']' || at == first); at++) {
        if (at + 2 < size && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
            found |= pattern[at] <= c && c <= pattern[at + 2];
            at += 2;
        } else {
            found |= pattern[at] == c;
        }
    }
    *length = at < size ? at + 1 : 0;
    return found != invert;
}

/* Does the pattern's first element match c? *length gets the element's size. */
static bool element_match(const char *pattern, size_t size, char c, size_t *length)
{
    *length = 1;
    if (pattern[0] == '?')
        return true;
    if (pattern[0] == '[') {
        size_t set;
        bool hit = set_match(pattern, size, c, &set);
        if (set) {
            *length = set;
            return hit;
        }
    }
    return pattern[0] == c;
}

/* Linear in practice: only the last `*` is ever retried (Kirk Krauss, "Matching Wildcards"). */
bool glob_match_bytes(const char *pattern, size_t length, const char *text, size_t text_length)
{
    size_t at = 0, star = length, element;
    const char *retry = NULL, *end = text + text_length;

    while (text < end) {
        if (at < length && pattern[at] == '*') {
            star = at++;
            retry = text;
        } else if (at < length && element_match(pattern + at, length - at, *text, &element)) {
            at += element;
            text++;
        } else if (retry) {
            at = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (at < length && pattern[at] == '*')
        at++;
    return at == length;
}

bool glob_match(const char *pattern, size_t length, const char *text)
{
    return glob_match_bytes(pattern, length, text, strlen(text));
}

bool glob_list_apply(const char *list, const char *text, bool selected)
{
    while (*list) {
        size_t length = strcspn(list, ",");
        bool negative = length && *list == '!';

        if (length && glob_match(list + negative, length - negative, text))
            selected = !negative;
        list += length;
        list += *list == ',';
    }
    return selected;
}

bool glob_list_match(const char *list, const char *text)
{
    if (!list || !*list)
        return true;
    /* A list that starts by taking out starts from everything. */
    return glob_list_apply(list, text, *list == '!');
}

/* ---- is it one? ---- */

static const char *glob_problem(const char *glob, size_t length)
{
    bool may_match = false;

    for (size_t at = 0; at < length; at++) {
        size_t set = 1;

        if ((unsigned char)glob[at] <= ' ')
            return "has a space in it: no event's name has";
        if (glob[at] == '[') {
            (void)set_match(glob + at, length - at, ':', &set);
            if (!set)
                return "has a [ that no ] closes";
            at += set - 1;
        }
        may_match |= set > 1 || strchr(":*?", glob[at]);
    }
    return may_match ? NULL : "matches no event: names are PROVIDER:EVENT, such as 'sql:*'";
}

const char *glob_list_problem(const char *list)
{
    if (!*list)
        return "is no pattern";
    while (*list) {
        size_t length = strcspn(list, ",");
        bool negative = *list == '!';
        const char *problem = length > negative ? glob_problem(list + negative, length - negative)
                                                : "has an empty pattern in it";

        if (problem)
            return problem;
        list += length;
        list += *list == ',';
    }
    return NULL;
}
