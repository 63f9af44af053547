/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"

#include <string.h>

#include "play.h"

enum { TRIES_MAX = 6000 };

static unsigned tries;

/* Take it if it still fails. */
static bool take(struct program *p, const struct program *smaller, char *why, size_t size)
{
    char reason[400] = "";

    if (tries++ > TRIES_MAX || play(smaller, reason, sizeof(reason)))
        return false;
    *p = *smaller;
    strncpy(why, reason, size - 1);
    return true;
}

static bool steps_drop(struct program *p, uint32_t from, uint32_t count, char *why, size_t size)
{
    struct program smaller = *p;

    if (from + count > p->count)
        return false;
    memmove(smaller.steps + from, smaller.steps + from + count,
            (p->count - from - count) * sizeof(*smaller.steps));
    smaller.count -= count;
    return take(p, &smaller, why, size);
}

static bool step_lessen(struct program *p, uint32_t i, char *why, size_t size)
{
    const struct step old = p->steps[i];
    struct step less[6] = {old, old, old, old, old, old};
    bool any = false;

    less[0].count = old.count > 1;
    less[1].count = old.count / 2;
    less[2].count = (uint16_t)(old.count - (old.count > 0));
    less[3].bytes = 8;
    less[4].bytes = old.bytes > 24 ? old.bytes / 2 : old.bytes;
    if (less[4].bytes < 12)
        less[4].bytes = 8;
    less[5].jump = old.jump > 1;
    for (int n = 0; n < 6; n++) {
        struct program smaller = *p;

        if (memcmp(&less[n], &p->steps[i], sizeof(less[n])) == 0)
            continue;
        smaller.steps[i] = less[n];
        if (take(p, &smaller, why, size)) {
            any = true;
            break;
        }
    }
    return any;
}

void shrink(struct program *p, char *why, size_t size)
{
    bool any = true;

    tries = 0;
    while (any && tries < TRIES_MAX) {
        any = false;
        for (uint32_t count = p->count / 2; count; count /= 2)
            for (uint32_t from = 0; from < p->count;)
                if (steps_drop(p, from, count, why, size))
                    any = true;
                else
                    from += count;
        for (uint32_t i = 0; i < p->count; i++)
            while (step_lessen(p, i, why, size))
                any = true;
    }
    (void)play(p, why, size); /* for who looks at it */
}
