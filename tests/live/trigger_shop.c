/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop for tests of triggers: a thousand orders, one of which is slow, with a counter that climbs
 * and functions that are timed. With `status N` it exits so, with `abort` it is ended by SIGABRT;
 * with `hang` it says that it hangs, and does so until its input ends.
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

__attribute__((noinline)) static void stand_still(void)
{
    ADA_SCOPE(shop, stillness);
    puts("hangs");
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

int main(int count, char **words)
{
    for (unsigned id = 0; id < 1000; id++) {
        checkout(id);
        ada_count_shop_open(id / 10);
    }
    if (count > 1 && strcmp(words[1], "abort") == 0)
        abort();
    if (count > 1 && strcmp(words[1], "hang") == 0)
        stand_still();
    return count > 2 ? atoi(words[2]) : 0;
}
