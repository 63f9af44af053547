/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop for tests of triggers: a thousand orders, one of which is slow, with a counter that climbs
 * and functions that are timed. Then it does what it is told to.
 *
 *     trigger_shop WHAT...    exit3, abort: end so; wait: until its standard input ends;
 *                             burst: write more than any ring holds while nothing is looked at
 */
#include <adatrace/adatrace.h>
#include <adatrace/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum state { NEW, PAID };
ADA_LABELS(state, {"new", NEW}, {"paid", PAID})
ADA_EVENT(shop, order, (u32, id), (u32, latency_us), (enum, state, state), (string, customer))
ADA_COUNTER(shop, open)

/* For a while that no machine's load makes shorter. */
static void spend_ms(long ms)
{
    struct timespec begin, now;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}

__attribute__((noinline)) static void checkout(unsigned id)
{
    ADA_SCOPE(shop, checkout);
    if (id == 700)
        spend_ms(30);
    ada_trace_shop_order(id, id == 700 ? 61000 : 100 + id % 50, id % 2 ? PAID : NEW,
                         id == 700 ? "Ann" : "Bob");
}

int main(int count, char **words)
{
    for (unsigned id = 0; id < 1000; id++) {
        checkout(id);
        ada_count_shop_open(id / 10);
    }
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "exit3") == 0)
            return 3;
        if (strcmp(words[i], "abort") == 0)
            abort();
        if (strcmp(words[i], "wait") == 0) {
            puts("ready");
            fflush(stdout);
            while (getchar() != EOF)
                ;
        }
        if (strcmp(words[i], "burst") == 0)
            for (unsigned id = 0; id < 2000000; id++)
                ada_trace_shop_order(id, 1, NEW, "a customer with a rather long name");
    }
    return 0;
}
