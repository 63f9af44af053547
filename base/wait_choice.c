/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait_choice.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/quantity.h"

static const struct {
    const char *name;
    bool sleeps;
} strategies[] = {
    [WAIT_SLEEP] = {"sleep", true},
    [WAIT_SPIN] = {"spin", false},
    [WAIT_YIELD] = {"yield", false},
    [WAIT_BLOCK] = {"block", true},
};
enum { STRATEGIES = sizeof(strategies) / sizeof(*strategies) };

int wait_choice_check(const struct wait_choice *choice)
{
    if ((unsigned)choice->strategy >= STRATEGIES)
        return -EINVAL;
    if (!choice->longest_ns)
        return 0;
    if (!strategies[choice->strategy].sleeps)
        return -EINVAL;
    return choice->longest_ns < WAIT_LONGEST_MIN_NS || choice->longest_ns > WAIT_LONGEST_MAX_NS
               ? -ERANGE
               : 0;
}

int wait_choice_parse(const char *text, struct wait_choice *out)
{
    size_t length = strcspn(text, ":");
    struct wait_choice choice = {.strategy = (enum wait_strategy)STRATEGIES}; /* none */
    int64_t longest_ns;
    int status;

    for (unsigned i = 0; i < STRATEGIES; i++)
        if (strlen(strategies[i].name) == length && !memcmp(strategies[i].name, text, length))
            choice.strategy = (enum wait_strategy)i;
    if (text[length]) {
        status = quantity_parse_time(text + length + 1, &longest_ns);
        if (status)
            return status;
        if (!longest_ns)
            return -ERANGE;
        choice.longest_ns = (uint64_t)longest_ns;
    }
    status = wait_choice_check(&choice);
    if (!status)
        *out = choice;
    return status;
}

const char *wait_choice_print(char *text, const struct wait_choice *choice)
{
    strcpy(text, strategies[choice->strategy].name);
    if (choice->longest_ns) {
        strcat(text, ":");
        quantity_print_time(text + strlen(text), choice->longest_ns);
    }
    return text;
}
