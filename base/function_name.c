/* SPDX-License-Identifier: Apache-2.0 */
#include "base/function_name.h"

#include <string.h>

#include "base/glob.h"

/* Where the parameters begin, or the name's end; "operator()" and "(anonymous namespace)::" have
 * parentheses of their own. */
static size_t parameters_at(const char *name)
{
    const char *at = name;

    while ((at = strchr(at, '('))) {
        bool is_operator = at - name >= 8 && memcmp(at - 8, "operator", 8) == 0 && at[1] == ')';
        bool is_namespace = strncmp(at, "(anonymous namespace)", 21) == 0;

        if (!is_operator && !is_namespace)
            return (size_t)(at - name);
        at += is_operator ? 2 : 21;
    }
    return strlen(name);
}

/* Behind the last :: that is not inside template arguments. */
static size_t unqualified_at(const char *name, size_t end)
{
    size_t at = 0;
    unsigned depth = 0;

    for (size_t i = 0; i + 1 < end; i++) {
        depth += name[i] == '<';
        depth -= name[i] == '>' && depth;
        if (!depth && name[i] == ':' && name[i + 1] == ':')
            at = i + 2;
    }
    return at;
}

bool function_name_fits(const char *glob, const char *name)
{
    size_t length = strlen(glob), end = parameters_at(name), at = unqualified_at(name, end);

    return glob_match(glob, length, name) || glob_match_bytes(glob, length, name, end) ||
           glob_match_bytes(glob, length, name + at, end - at);
}
