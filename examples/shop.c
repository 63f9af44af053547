/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop: customers queue orders, clerks in threads of their own serve them.
 *
 *     ./shop shop.adatrace              the program owns its session
 *     adatrace record -- ./shop         or takes part in the collector's; nothing changes here
 *     ./shop                            not traced: every event costs one load and one branch
 */
#include <pthread.h>
#include <stdio.h>

#include <adatrace/adatrace.h>

enum { CLERKS = 3, ORDERS = 3000, QUEUE_PLACES = 64 };

enum payment { CASH, CARD };
ADA_LABELS(payment, {"cash", CASH}, {"card", CARD})

/* An event type a line: provider, name, fields. Each makes one typed inline function. */
ADA_EVENT(shop, sold, (u32, order), (enum, payment, payment), (f64, price), (string, customer))
ADA_COUNTER(shop, queue)
ADA_SPAN(shop, waiting)

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned orders[QUEUE_PLACES];
    unsigned put, taken; /* so far */
};

static struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};

static void queue_put(unsigned order)
{
    pthread_mutex_lock(&queue.lock);
    while (queue.put - queue.taken == QUEUE_PLACES)
        pthread_cond_wait(&queue.changed, &queue.lock);
    queue.orders[queue.put++ % QUEUE_PLACES] = order;
    ada_count_shop_queue(queue.put - queue.taken);
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
}

static unsigned queue_take(void)
{
    unsigned order;

    pthread_mutex_lock(&queue.lock);
    while (queue.put == queue.taken)
        pthread_cond_wait(&queue.changed, &queue.lock);
    order = queue.orders[queue.taken++ % QUEUE_PLACES];
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
    return order;
}

static void order_serve(unsigned order)
{
    static const char *const customers[] = {"Ann", "Bob", "Chandra", "Dora"};

    ADA_SCOPE(shop, serve); /* ends where the block ends */
    ada_span_end_shop_waiting(order);
    if (order % 1000 == 0)
        ADA_PRINTF(shop, milestone, "order %u: %.1f %% done", order, 100.0 * order / ORDERS);
    ada_trace_shop_sold(order, order % 3 ? CARD : CASH, 0.05 * (order % 400), customers[order % 4]);
}

static void *clerk_work(void *name)
{
    unsigned order;

    ada_thread_name(name);
    while ((order = queue_take()) != 0)
        order_serve(order);
    return NULL;
}

static int shop_run(void)
{
    static char names[CLERKS][16];
    pthread_t clerks[CLERKS];

    for (int i = 0; i < CLERKS; i++) {
        snprintf(names[i], sizeof(names[i]), "clerk %d", i + 1);
        if (pthread_create(&clerks[i], NULL, clerk_work, names[i]) != 0)
            return 1;
    }
    for (unsigned order = 1; order <= ORDERS; order++) {
        ada_span_begin_shop_waiting(order);
        queue_put(order);
    }
    for (int i = 0; i < CLERKS; i++)
        queue_put(0); /* closing time */
    for (int i = 0; i < CLERKS; i++)
        pthread_join(clerks[i], NULL);
    return 0;
}

int main(int count, char **words)
{
    int status, error = 0;

    if (count > 1)
        error = ada_session_start(words[1], NULL);
    if (error < 0) {
        fprintf(stderr, "shop: %s: %s\n", words[1], ada_error_text(error));
        return 1;
    }
    status = shop_run();
    if (count > 1 && (error = ada_session_stop()) < 0) {
        fprintf(stderr, "shop: %s: %s\n", words[1], ada_error_text(error));
        return 1;
    }
    printf("%d orders, %d clerks\n", ORDERS, CLERKS);
    return status;
}
