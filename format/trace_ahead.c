/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/own_thread.h"

enum {
    WORKERS_MAX = 16,
    SLOTS_PER_WORKER = 2,
    SLOTS_MAX = SLOTS_PER_WORKER * (WORKERS_MAX + 1),
    AHEAD_BYTES_MAX = 64 << 20,    /* unpacked and not taken yet */
    LARGEST_BYTES_FIRST = 1 << 20, /* of a block, until one has been seen */
};

/* A block on its way. The state is guarded by the lock; while it is RUNNING, all the rest belongs
 * to the worker that set it, otherwise to the owner. */
enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_RUNNING, SLOT_DONE };

struct slot {
    enum slot_state state;
    size_t number; /* its place in the order: the least comes first */
    uint32_t place;
    struct index_entry entry;
    struct decoded_block decoded;
    struct block_found found;
    size_t bytes; /* of `decoded`, when it is not RUNNING */
};

struct worker {
    struct trace_ahead *ahead;
    struct block_loader loader;
    struct own_thread thread;
};

struct trace_ahead {
    const struct trace *trace;
    struct block_wish wish;
    uint32_t *blocks;
    size_t count, next; /* the next to be given to the workers */
    size_t largest;     /* bytes of a block, the largest lately */

    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool ends;
    unsigned slot_count, worker_count;
    struct slot slots[SLOTS_MAX];
    struct worker workers[WORKERS_MAX];
};

/* ---- workers ---- */

static struct slot *slot_first_waiting(struct trace_ahead *a)
{
    struct slot *first = NULL;

    for (unsigned i = 0; i < a->slot_count; i++)
        if (a->slots[i].state == SLOT_WAITING && (!first || a->slots[i].number < first->number))
            first = &a->slots[i];
    return first;
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct trace_ahead *a = worker->ahead;

    pthread_mutex_lock(&a->lock);
    while (!a->ends) {
        struct slot *slot = slot_first_waiting(a);

        if (!slot) {
            pthread_cond_wait(&a->work, &a->lock);
            continue;
        }
        slot->state = SLOT_RUNNING;
        pthread_mutex_unlock(&a->lock);
        trace_data_load(a->trace, &worker->loader, &slot->entry, &a->wish, &slot->decoded,
                        &slot->found);
        trace_loader_trim(&worker->loader);
        pthread_mutex_lock(&a->lock);
        slot->bytes = decoded_block_bytes(&slot->decoded);
        slot->state = SLOT_DONE;
        pthread_cond_signal(&a->done);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- handing out work: with the lock held ---- */

/* What the slots hold, and will hold when those under way are as large as the largest lately. */
static size_t bytes_expected(const struct trace_ahead *a)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < a->slot_count; i++) {
        const struct slot *slot = &a->slots[i];
        bool known = slot->state == SLOT_FREE || slot->state == SLOT_DONE;

        bytes += known || slot->bytes > a->largest ? slot->bytes : a->largest;
    }
    return bytes;
}

static struct slot *slot_find_free(struct trace_ahead *a)
{
    for (unsigned i = 0; i < a->slot_count; i++)
        if (a->slots[i].state == SLOT_FREE)
            return &a->slots[i];
    return NULL;
}

static void free_slots_empty(struct trace_ahead *a)
{
    for (unsigned i = 0; i < a->slot_count; i++) {
        if (a->slots[i].state != SLOT_FREE)
            continue;
        decoded_block_fini(&a->slots[i].decoded);
        a->slots[i].bytes = 0;
    }
}

static void slots_fill(struct trace_ahead *a)
{
    const struct index_entry *entries = a->trace->blocks.entries;
    struct slot *slot;

    while (a->next < a->count && (slot = slot_find_free(a))) {
        if (bytes_expected(a) + a->largest > AHEAD_BYTES_MAX)
            free_slots_empty(a);
        if (bytes_expected(a) + a->largest > AHEAD_BYTES_MAX)
            return;
        slot->number = a->next;
        slot->place = a->blocks[a->next++];
        slot->entry = entries[slot->place];
        if (slot->entry.damaged)
            continue;
        slot->state = SLOT_WAITING;
        pthread_cond_signal(&a->work);
    }
}

/* Guess from the blocks lately: an unusual one is forgotten after a while. */
static void largest_learn(struct trace_ahead *a, size_t bytes)
{
    a->largest -= a->largest / 8;
    if (bytes > a->largest)
        a->largest = bytes;
}

/* ---- taking ---- */

static struct slot *slot_find(struct trace_ahead *a, size_t place)
{
    for (unsigned i = 0; i < a->slot_count; i++)
        if (a->slots[i].state != SLOT_FREE && a->slots[i].place == place)
            return &a->slots[i];
    return NULL;
}

/* Somebody else's result, when there is one or soon will be. False: nobody has begun. */
static bool slot_take(struct trace_ahead *a, size_t place, struct decoded_block *out,
                      struct block_found *found)
{
    struct slot *slot = slot_find(a, place);
    struct decoded_block decoded;
    bool begun = slot && slot->state != SLOT_WAITING;

    while (begun && slot->state != SLOT_DONE)
        pthread_cond_wait(&a->done, &a->lock);
    if (begun) {
        *found = slot->found;
        largest_learn(a, slot->bytes);
        decoded = slot->decoded;
        slot->decoded = *out;
        slot->bytes = decoded_block_bytes(out);
        *out = decoded;
    }
    if (slot)
        slot->state = SLOT_FREE;
    slots_fill(a);
    return begun;
}

static int block_take(struct trace_ahead *a, struct trace *t, size_t place,
                      const struct block_wish *wish, struct decoded_block *out)
{
    struct block_found found;
    bool taken;
    int status;

    if (!a || t->blocks.entries[place].damaged)
        return trace_block_load(t, place, wish, out);
    pthread_mutex_lock(&a->lock);
    taken = slot_take(a, place, out, &found);
    pthread_mutex_unlock(&a->lock);
    /* Where all workers' blocks were too much for the memory, one alone may not be; what is large
     * is never a worker's. */
    if (taken && found.status != -ENOMEM && found.status != -E2BIG)
        return trace_found_note(t, place, &found);
    status = trace_block_load(t, place, wish, out);
    largest_learn(a, decoded_block_bytes(out));
    return status;
}

int trace_ahead_take(struct trace_ahead *a, struct trace *t, size_t place,
                     const struct block_wish *wish, struct decoded_block *out)
{
    int status = block_take(a, t, place, wish, out);

    return status == -EBADMSG ? trace_block_miss(t, place, out) : status;
}

/* ---- open and close ---- */

static bool is_worth_it(const struct trace *t, const uint32_t *blocks, size_t count)
{
    uint64_t records = 0;

    if (t->jobs < 2 || count < 2)
        return false;
    for (size_t i = 0; i < count && records < t->ahead_records_min; i++)
        records += t->blocks.entries[blocks[i]].records;
    return records >= t->ahead_records_min;
}

static bool worker_start(struct trace_ahead *a)
{
    struct worker *worker = &a->workers[a->worker_count];

    worker->ahead = a;
    if (trace_loader_init(&worker->loader) != 0)
        return false;
    if (own_thread_start(&worker->thread, "adatrace-read", 0, worker_run, worker) != 0) {
        trace_loader_fini(&worker->loader);
        return false;
    }
    a->worker_count++;
    return true;
}

int trace_ahead_open(struct trace_ahead **out, struct trace *t, const struct block_wish *wish,
                     const uint32_t *blocks, size_t count)
{
    unsigned wanted = t->jobs - 1 < WORKERS_MAX ? t->jobs - 1 : WORKERS_MAX;
    struct trace_ahead *a;

    *out = NULL;
    if (!is_worth_it(t, blocks, count))
        return 0;
    a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->trace = t;
    a->wish = *wish;
    a->wish.bytes_max = t->ahead_bytes_max;
    a->largest = LARGEST_BYTES_FIRST;
    a->slot_count = SLOTS_PER_WORKER * (wanted + 1);
    a->blocks = malloc(count * sizeof(*blocks));
    if (!a->blocks) {
        free(a);
        return -ENOMEM;
    }
    memcpy(a->blocks, blocks, count * sizeof(*blocks));
    a->count = count;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->work, NULL);
    pthread_cond_init(&a->done, NULL);
    slots_fill(a); /* before there is anybody to share with */
    while (a->worker_count < wanted && worker_start(a))
        ;
    if (a->worker_count == 0)
        trace_ahead_close(a);
    else
        *out = a;
    return 0;
}

void trace_ahead_close(struct trace_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ends = true;
    pthread_cond_broadcast(&a->work);
    pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->worker_count; i++) {
        pthread_join(a->workers[i].thread.id, NULL);
        trace_loader_fini(&a->workers[i].loader);
    }
    for (unsigned i = 0; i < a->slot_count; i++)
        decoded_block_fini(&a->slots[i].decoded);
    pthread_cond_destroy(&a->done);
    pthread_cond_destroy(&a->work);
    pthread_mutex_destroy(&a->lock);
    free(a->blocks);
    free(a);
}
