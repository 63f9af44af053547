/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liburcu's wait-free concurrent queue: linked nodes, from an array as large as the others' queues.
 * Its own blocking call looks again every 10 ms, so it takes no part where somebody sleeps.
 */
#include <urcu/wfcqueue.h>

#include "bench/ring_race.h"

struct node {
    struct cds_wfcq_node link;
    uint64_t value;
};

static struct queue {
    struct cds_wfcq_head head __attribute__((aligned(128)));
    struct cds_wfcq_tail tail __attribute__((aligned(128)));
    uint64_t put __attribute__((aligned(128)));
    uint64_t taken_seen;
    uint64_t taken __attribute__((aligned(128))); /* nodes below may be used again */
    struct node nodes[RACE_PLACES] __attribute__((aligned(128)));
} queues[2];

static void open_queues(void)
{
    for (int i = 0; i < 2; i++) {
        cds_wfcq_init(&queues[i].head, &queues[i].tail);
        queues[i].put = queues[i].taken = queues[i].taken_seen = 0;
        for (int n = 0; n < RACE_PLACES; n++)
            queues[i].nodes[n].value = 0;
    }
}

static void close_queues(void)
{
    for (int i = 0; i < 2; i++)
        cds_wfcq_destroy(&queues[i].head, &queues[i].tail);
}

static inline struct node *node_new(struct queue *q, uint64_t value)
{
    struct node *node;

    if (q->put - q->taken_seen == RACE_PLACES) {
        /* Pairs with the release in nodes_done(): what was in the nodes has been read. */
        q->taken_seen = __atomic_load_n(&q->taken, __ATOMIC_ACQUIRE);
        if (q->put - q->taken_seen == RACE_PLACES)
            return NULL;
    }
    node = &q->nodes[q->put++ % RACE_PLACES];
    cds_wfcq_node_init(&node->link);
    node->value = value;
    return node;
}

static inline void nodes_done(struct queue *q, uint64_t count)
{
    __atomic_store_n(&q->taken, q->taken + count, __ATOMIC_RELEASE);
}

static bool put(int queue, uint64_t value)
{
    struct queue *q = &queues[queue];
    struct node *node = node_new(q, value);

    if (node)
        cds_wfcq_enqueue(&q->head, &q->tail, &node->link);
    return node;
}

static bool take(int queue, uint64_t *value)
{
    struct queue *q = &queues[queue];
    struct cds_wfcq_node *link = __cds_wfcq_dequeue_nonblocking(&q->head, &q->tail);

    if (!link || link == CDS_WFCQ_WOULDBLOCK)
        return false;
    *value = caa_container_of(link, struct node, link)->value;
    nodes_done(q, 1);
    return true;
}

/* A batch is linked in private and spliced at once. */
static void produce(uint64_t count, unsigned batch)
{
    struct queue *q = &queues[0];

    for (uint64_t sent = 0; batch == 1 && sent < count; sent++)
        while (!put(0, sent))
            race_pause();
    for (uint64_t sent = 0; batch > 1 && sent < count;) {
        struct __cds_wfcq_head head;
        struct cds_wfcq_tail tail;
        struct node *node;
        unsigned n = 0;

        __cds_wfcq_init(&head, &tail);
        while (n < batch && sent < count && (node = node_new(q, sent))) {
            cds_wfcq_enqueue(&head, &tail, &node->link);
            sent++;
            n++;
        }
        if (n)
            (void)__cds_wfcq_splice_blocking(&q->head, &q->tail, &head, &tail);
        else
            race_pause();
    }
}

static void consume(uint64_t count, unsigned batch)
{
    struct queue *q = &queues[0];
    uint64_t value, taken = 0;

    for (; batch == 1 && taken < count; taken++) {
        while (!take(0, &value))
            race_pause();
        race_expect(value, taken);
    }
    while (batch > 1 && taken < count) {
        struct __cds_wfcq_head head;
        struct cds_wfcq_tail tail;
        struct cds_wfcq_node *link;
        uint64_t before = taken;

        __cds_wfcq_init(&head, &tail);
        if (__cds_wfcq_splice_blocking(&head, &tail, &q->head, &q->tail) ==
            CDS_WFCQ_RET_SRC_EMPTY) {
            race_pause();
            continue;
        }
        __cds_wfcq_for_each_blocking(&head, &tail, link)
            race_expect(caa_container_of(link, struct node, link)->value, taken++);
        nodes_done(q, taken - before);
    }
}

const struct race_contestant race_wfcqueue = {"wfcqueue", open_queues, close_queues, produce,
                                              consume,    put,         take,         NULL};
